"""What an accountant looks at before and after a month is paid: receipts, variance, liability, age."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.database import lots
from catalog.files import write_atomically
from catalog.knowledge import end_of
from catalog.spreadsheets import harmless
from catalog.tables import Party, Share, Work, WorkCredit, WorkIdentifier
from catalog.vocabulary import PUBLISHER_ROLES
from console.home import Home
from console.steps.policies import find_policy
from console.steps.settling import each_ordered
from provenance.evidence.records import append
from royalties.accruals import Accruals, accrue
from royalties.ageing import Aged, age, held_in_suspense, unidentified
from royalties.bank_in import BankReport, import_receipts
from royalties.periods import Period
from royalties.reconciling import Reconciliation, reconcile
from royalties.reconciling_payments import OrderedPayment
from royalties.variance import Variance, compare_periods

LIST_COLUMNS = (
    "reason", "work", "generation", "title", "iswc", "identifiers", "names_known", "publishers",
    "first_period", "last_period",
)  # fmt: skip
"""The columns of the list of works and rightholders that are not identified."""


@dataclass(frozen=True)
class NotIdentified:
    """A work, or a generation without one, whose owners are not identified or found."""

    reason: str
    work: str
    generation: str
    title: str
    iswc: str
    identifiers: tuple[str, ...]
    names_known: tuple[str, ...]
    publishers: tuple[str, ...]
    first_period: str
    last_period: str


def take_receipts(home: Home, path: Path) -> BankReport:
    """A file of what the bank received, taken in and written down in one transaction."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        report = import_receipts(session, path, imported_at=now)
        if report.batch:
            body = {
                "type": "contrafact.bank-receipts/1",
                "batch": report.batch,
                "receipts": str(report.receipts),
                "quarantined": str(report.quarantined),
            }
            append(
                session, home.key, kind="bank-receipts", subject_id=report.batch, body=body, recorded_at=now
            )
        return report


def reconcile_period(home: Home, period: Period) -> Reconciliation:
    """A period's money from the bank's receipts over ledger and statements to the bank's payments."""
    with home.session() as session:
        return reconcile(session, period, _ordered(session))


def variance_of(home: Home, period: Period, num_against: int) -> Variance:
    """A period beside the ones before it."""
    with home.session() as session:
        return compare_periods(session, period, num_against)


def accruals_on(home: Home, on: date, policy: str | None) -> Accruals:
    """The liability as of the end of a day."""
    with home.session() as session:
        ordered = _ordered(session, end_of(on))
        return accrue(session, on, None if policy is None else find_policy(policy), ordered)


def ageing_on(home: Home, on: date, year_starts: int) -> tuple[tuple[Aged, ...], list[NotIdentified]]:
    """What waits in suspense as of the end of a day with its age, and whom nobody has identified."""
    with home.session() as session:
        aged = age(held_in_suspense(session, end_of(on)), on, year_starts)
        return aged, list(_not_identified(session, aged))


def write_list(path: Path, rows: Iterable[NotIdentified]) -> None:
    """The list of works and rightholders that are not identified, as CSV without amounts."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LIST_COLUMNS)
    for row in rows:
        cells = (getattr(row, name) for name in LIST_COLUMNS)
        writer.writerow(harmless("|".join(c) if isinstance(c, tuple) else c) for c in cells)
    write_atomically(path, text.getvalue().encode("utf-8"))


def _ordered(session: Session, until: datetime | None = None) -> list[OrderedPayment]:
    return [
        OrderedPayment(each.payee, each.period, each.currency, each.amount_minor, each.outcome)
        for each in each_ordered(session, until)
    ]


def _not_identified(session: Session, aged: Sequence[Aged]) -> Iterator[NotIdentified]:
    found = unidentified(aged)
    works = _works(session, {what for _, what in found})
    identifiers = _identifiers(session, works)
    writers, publishers = _names(session, works)
    for (reason, what), (first, last) in found.items():
        known = what in works
        title, iswc = works.get(what, ("", ""))
        yield NotIdentified(
            reason=reason,
            work=what if known else "",
            generation="" if known else what,
            title=title,
            iswc=iswc,
            identifiers=tuple(sorted(identifiers.get(what, ()))),
            names_known=tuple(sorted(writers.get(what, ()))),
            publishers=tuple(sorted(publishers.get(what, ()))),
            first_period=first,
            last_period=last,
        )


def _works(session: Session, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    found = {}
    for lot in lots(sorted(ids)):
        for work_id, title, iswc in session.execute(
            select(Work.id, Work.title, Work.iswc).where(Work.id.in_(lot))
        ):
            found[work_id] = (title, iswc or "")
    return found


def _identifiers(session: Session, works: Iterable[str]) -> dict[str, set[str]]:
    row = WorkIdentifier
    found: dict[str, set[str]] = {}
    for lot in lots(sorted(works)):
        columns = (row.work_id, row.scheme, row.authority, row.value)
        for work_id, scheme, authority, value in session.execute(
            select(*columns).where(row.work_id.in_(lot))
        ):
            found.setdefault(work_id, set()).add(f"{scheme.value}:{authority}:{value}")
    return found


def _names(session: Session, works: Iterable[str]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The names of writers and others, and of publishers, by work: by its shares and its credits."""
    writers: dict[str, set[str]] = {}
    publishers: dict[str, set[str]] = {}
    for lot in lots(sorted(works)):
        shares = (
            select(Share.work_id, Share.role, Party.name)
            .join(Party, Party.id == Share.party_id)
            .where(Share.work_id.in_(lot), Share.superseded_by.is_(None))
        )
        credits = (
            select(WorkCredit.work_id, WorkCredit.role, Party.name)
            .join(Party, Party.id == WorkCredit.party_id)
            .where(WorkCredit.work_id.in_(lot))
        )
        for query in (shares, credits):
            for work_id, role, name in session.execute(query):
                side = publishers if role in PUBLISHER_ROLES else writers
                side.setdefault(work_id, set()).add(name)
    return writers, publishers
