"""The terms of payees' accounts and what they were advanced: on record, in the ledger, and signed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from catalog.tables import Party
from console.home import Home
from provenance.evidence.records import append
from royalties.errors import CurrencyMismatchError
from royalties.ledger import balances, payee_account
from royalties.money import EXPONENTS
from royalties.movements import Movement, outstanding, post_movement, usual_currency
from royalties.recorded_terms import RecordedTerms, newest_terms, record_terms
from royalties.terms import Terms, load_terms


@dataclass(frozen=True)
class Advanced:
    """A movement that is posted: in which month, and what the payee has to pay off now."""

    movement: Movement
    period: str
    outstanding_minor: int


@dataclass(frozen=True)
class AccountSheet:
    """What stands on a payee's accounts, by account and currency, and the terms that count."""

    payee: str
    terms: Terms | None
    minor: Mapping[tuple[str, str], int]


def take_terms(home: Home, path: Path) -> tuple[list[RecordedTerms], list[Finding]]:
    """The terms of a file that are new, on record; with a remark on payees that the catalogue lacks.

    Raises:
        TermsRefusedError: the file has faults; nothing of it is recorded.
    """
    file = load_terms(path)
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        added = record_terms(session, file, recorded_at=now)
        for each in added:
            body = {
                "type": "contrafact.payee-terms/1",
                "terms": each.id,
                "payee": each.terms.payee,
                "version": each.terms.version,
                "file_sha256": file.sha256,
            }
            append(session, home.key, kind="payee-terms", subject_id=each.id, body=body, recorded_at=now)
        return added, _unknown(session, [terms.payee for terms in file.terms])


def note_movement(home: Home, movement: Movement) -> Advanced:
    """An advance or a cost, posted and written down in one transaction; the same facts are the same one."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        period = post_movement(session, movement, recorded_at=now)
        body = {
            "type": "contrafact.account-movement/1",
            "movement": movement.id,
            "posted_in": period,
            **{name: str(value) for name, value in asdict(movement).items()},
        }
        append(session, home.key, kind="account-movement", subject_id=movement.id, body=body, recorded_at=now)
        return Advanced(movement, period, outstanding(session, movement.payee, movement.currency))


def choose_currency(home: Home, asked: str | None) -> str:
    """The currency that was asked for, or that of the newest run.

    Raises:
        CurrencyMismatchError: none was asked for and nothing was run, or it is none of ISO 4217.
    """
    if asked is None:
        with home.session() as session:
            asked = usual_currency(session)
    if asked is None or asked not in EXPONENTS:
        found = "nothing was distributed yet that has one" if asked is None else f"{asked!r} is none"
        raise CurrencyMismatchError(f"expected a currency of ISO 4217, and {found}: add --currency EUR")
    return asked


def read_account(home: Home, payee: str) -> AccountSheet:
    """What is on a payee's accounts now."""
    names = [payee_account(payee), *(f"{kind}:{payee}" for kind in ("advance", "reserve", "payable"))]
    with home.session() as session:
        known = newest_terms(session, [payee]).get(payee)
        return AccountSheet(payee, known.terms if known else None, balances(session, names))


def _unknown(session: Session, payees: list[str]) -> list[Finding]:
    there = set(session.scalars(select(Party.id).where(Party.id.in_(payees))))
    message = "is no party of the catalogue; its terms count should it ever be paid"
    return [
        Finding("UNKNOWN_PAYEE", f"payee {payee}", message, Severity.WARNING)
        for payee in sorted(set(payees) - there)
        if payee_account(payee) != payee
    ]
