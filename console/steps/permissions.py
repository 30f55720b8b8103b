"""What may be done with works, and what was taken back: grants, reservations, withdrawals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from catalog.files import write_atomically
from catalog.findings import Finding
from catalog.grants import NO_TERMS, Terms, add_agreement, add_grant, find_party
from catalog.reservations import Target, add_reservation, lift_reservation
from catalog.vocabulary import GrantSubject, Purpose, ReservationProtocol
from catalog.withdrawals import withdraw
from catalog.works import find_encoding, find_work
from console.home import Home
from console.steps.catalogue import earned
from provenance.attributions import Touched, touched
from provenance.evidence.receipts import RECEIPT_TYPE, withdrawal_receipt
from provenance.evidence.records import append


@dataclass(frozen=True)
class Agreed:
    """An agreement and what it permits."""

    title: str
    licensor: str
    signed_on: date
    purposes: Sequence[Purpose]
    territory: str
    starts_on: date
    ends_on: date | None = None
    subject: GrantSubject = GrantSubject.COMPOSITION
    works: Sequence[str] | None = None
    licence_ref: str | None = None
    document: Path | None = None
    for_represented: bool = False
    invented: bool = False
    terms: Terms = NO_TERMS
    supersedes: str | None = None


@dataclass(frozen=True)
class Withdrawn:
    """A withdrawal on record: what it touches, what was paid for the work so far, and the signed receipt."""

    withdrawal: str
    work: str
    effective_on: date
    touched: Touched
    money: Sequence[Mapping[str, object]]
    receipt: Path


def record_grant(home: Home, agreed: Agreed) -> str:
    """The id of a grant that is now on record with its agreement."""
    document = home.files.put(agreed.document.read_bytes()) if agreed.document else None
    with home.session() as session, session.begin():
        return _grant(session, home.actor, agreed, document)


def record_grants(home: Home, agreements: Sequence[Agreed]) -> list[str]:
    """The ids of several grants, recorded together or not at all."""
    with home.session() as session, session.begin():
        return [_grant(session, home.actor, agreed, None) for agreed in agreements]


def _grant(session: Session, actor: str, agreed: Agreed, document_sha256: str | None) -> str:
    now = datetime.now(UTC)
    agreement = add_agreement(
        session,
        title=agreed.title,
        licensor_id=find_party(session, agreed.licensor),
        signed_on=agreed.signed_on,
        recorded_at=now,
        recorded_by=actor,
        document_sha256=document_sha256,
        licence_ref=agreed.licence_ref,
        invented=agreed.invented,
    )
    works = None if agreed.works is None else [find_work(session, name) for name in agreed.works]
    return add_grant(
        session,
        agreement_id=agreement,
        purposes=agreed.purposes,
        territory=agreed.territory,
        starts_on=agreed.starts_on,
        ends_on=agreed.ends_on,
        subject=agreed.subject,
        work_ids=works,
        for_represented=agreed.for_represented,
        terms=agreed.terms,
        supersedes=agreed.supersedes,
        recorded_at=now,
        recorded_by=actor,
    )


def reserve(
    home: Home,
    about: tuple[str, str],
    protocol: ReservationProtocol,
    text: str,
    seen_where: str,
    purposes: Sequence[Purpose] | None,
) -> tuple[str, list[Finding]]:
    """The id of a reservation, and what there is to say of its signal.

    Args:
        about: `work`, `file` or `party`, and its name.
    """
    kind, name = about
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        if kind == "work":
            target = Target(work_id=find_work(session, name))
        elif kind == "file":
            target = Target(encoding_id=find_encoding(session, name))
        else:
            target = Target(party_id=find_party(session, name))
        return add_reservation(
            session,
            target,
            protocol,
            text,
            seen_where=seen_where,
            seen_at=now,
            recorded_at=now,
            recorded_by=home.actor,
            purposes=purposes,
        )


def lift(home: Home, reservation: str, on: date) -> None:
    """A reservation no longer holds from a day on."""
    with home.session() as session, session.begin():
        lift_reservation(session, reservation, on, datetime.now(UTC))


def withdraw_work(home: Home, name: str, reason: str, effective_on: date, notice: Path | None) -> Withdrawn:
    """A work is taken back: recorded, signed, and told with all that it touches."""
    document = home.files.put(notice.read_bytes()) if notice else None
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        work_id = find_work(session, name)
        withdrawal, recorded_at = withdraw(
            session,
            work_id,
            reason=reason,
            effective_on=effective_on,
            recorded_at=now,
            recorded_by=home.actor,
            document_sha256=document,
        )
        found, money = touched(session, work_id), earned(session, work_id)
        body = {
            "withdrawal": withdrawal,
            "work": work_id,
            "reason": reason,
            "effective_on": effective_on.isoformat(),
            "document_sha256": document,
            "touched": found.to_json(),
            "money": money,
            "recorded_at": recorded_at.isoformat(),
        }
        append(
            session,
            home.key,
            kind="withdrawal",
            subject_id=withdrawal,
            body={"type": RECEIPT_TYPE, **body},
            recorded_at=now,
        )
    receipt = home.folder("evidence") / f"{withdrawal}.receipt.json"
    write_atomically(receipt, withdrawal_receipt(body, home.key))
    return Withdrawn(withdrawal, work_id, effective_on, found, money, receipt)
