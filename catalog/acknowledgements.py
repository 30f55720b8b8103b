"""What did the societies answer about a work, and how does an answer find its work?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.database import derive_id, insert_missing
from catalog.findings import Finding, Severity
from catalog.knowledge import NOW, Knowledge
from catalog.records import AcknowledgementRecord, Fault
from catalog.release_tables import Acknowledgement
from catalog.search import index_works
from catalog.tables import Work, WorkIdentifier
from catalog.text import fold
from catalog.vocabulary import AcknowledgementStatus, IdentifierScheme

MEANINGS = {
    AcknowledgementStatus.CONFLICT: "in conflict with another registration",
    AcknowledgementStatus.DUPLICATE: "a duplicate of what it has",
    AcknowledgementStatus.TRANSACTION_ACCEPTED: "received, not yet registered",
    AcknowledgementStatus.REGISTRATION_ACCEPTED: "registered",
    AcknowledgementStatus.ACCEPTED_WITH_CHANGES: "registered with changes",
    AcknowledgementStatus.READY_FOR_PAYMENT: "registered, ready for payment",
    AcknowledgementStatus.READY_FOR_PAYMENT_WITH_CHANGES: "registered with changes, ready for payment",
    AcknowledgementStatus.REJECTED: "rejected",
    AcknowledgementStatus.NO_PARTICIPATION: "not registered: none of its members takes part",
    AcknowledgementStatus.CLAIM_REJECTED: "registered without our claim",
    AcknowledgementStatus.AGREEMENT_NUMBER_MISSING: "rejected for want of the society's agreement number",
    AcknowledgementStatus.AGREEMENT_NUMBER_WRONG: "rejected for a wrong agreement number",
}
GOOD = frozenset(
    {
        AcknowledgementStatus.TRANSACTION_ACCEPTED,
        AcknowledgementStatus.REGISTRATION_ACCEPTED,
        AcknowledgementStatus.READY_FOR_PAYMENT,
    }
)


@dataclass
class Answered:
    """What became of some answers: the works they are about, what cannot be used, and what to tell."""

    work_ids: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def add_acknowledgements(
    session: Session, batch_id: str, records: Sequence[AcknowledgementRecord]
) -> Answered:
    """Each answer is kept with its work, and the society's number is one of the work's identifiers.

    Bad news and every message of a society are told.
    """
    known = _works_by_number(session, {record.number for record in records})
    result = Answered()
    answers, names = [], []
    for record in records:
        matches = known.get(record.number, {})
        if len(matches) != 1:
            result.faults.append(_unknown(record, len(matches)))
            continue
        work_id, title = next(iter(matches.items()))
        result.work_ids.add(work_id)
        result.findings += _findings(record, title)
        answers.append(_row(record, work_id, batch_id))
        if record.society_number is not None:
            names.append(_identifier(record, work_id, batch_id))
    insert_missing(session, Acknowledgement, answers)
    insert_missing(session, WorkIdentifier, names)
    index_works(session, sorted(result.work_ids))
    return result


def acknowledgements_of(session: Session, work_id: str, known: Knowledge = NOW) -> list[dict[str, Any]]:
    """What the societies answered about a work, by society, the earliest first."""
    statement = select(Acknowledgement).where(
        Acknowledgement.work_id == work_id, known.came(Acknowledgement.batch_id)
    )
    ordered = statement.order_by(Acknowledgement.society, Acknowledgement.processed_on, Acknowledgement.id)
    return [
        {
            "society": answer.society,
            "status": answer.status.value,
            "meaning": MEANINGS[answer.status],
            "society_number": answer.society_number,
            "title": answer.title,
            "processed_on": None if answer.processed_on is None else answer.processed_on.isoformat(),
            "messages": answer.messages,
            "batch": answer.batch_id,
        }
        for answer in session.scalars(ordered)
    ]


def _works_by_number(session: Session, numbers: set[str]) -> dict[str, dict[str, str]]:
    """For each submitter's number the works that go by it, with their titles."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    statement = (
        select(WorkIdentifier.value, Work.id, Work.title)
        .join(Work, Work.id == WorkIdentifier.work_id)
        .where(WorkIdentifier.scheme == IdentifierScheme.SUBMITTER, WorkIdentifier.value.in_(numbers))
    )
    for number, work_id, title in session.execute(statement):
        found[number][work_id] = title
    return found


def _unknown(record: AcknowledgementRecord, count: int) -> Fault:
    code = "AMBIGUOUS_WORK" if count else "UNKNOWN_WORK"
    found = f"an answer about '{record.number}', by which {count} works are known"
    expected = "the number of one work in the catalogue: import the works first, then this again"
    return Fault(code, record.place, found, expected)


def _findings(record: AcknowledgementRecord, title: str) -> Iterable[Finding]:
    where = str(record.place)
    if record.status not in GOOD:
        message = f"society {record.society} says of '{title}': {MEANINGS[record.status]} ({record.status})"
        yield Finding("REGISTRATION_ANSWER", where, message, Severity.WARNING)
    for text in record.messages:
        message = f"society {record.society} on '{title}': {text}"
        yield Finding("SOCIETY_MESSAGE", where, message, Severity.WARNING)
    if record.title is not None and fold(record.title) != fold(title):
        message = f"'{record.number}' is '{record.title}' in the answer and '{title}' on record"
        yield Finding("TITLE_DIFFERS", where, message, Severity.WARNING)


def _row(record: AcknowledgementRecord, work_id: str, batch_id: str) -> dict[str, Any]:
    said = (record.status, record.society_number, record.processed_on, *record.messages)
    return {
        "id": derive_id("acknowledgement", work_id, record.society, *(str(part) for part in said)),
        "work_id": work_id,
        "society": record.society,
        "status": record.status,
        "society_number": record.society_number,
        "title": record.title,
        "processed_on": record.processed_on,
        "messages": list(record.messages),
        "batch_id": batch_id,
    }


def _identifier(record: AcknowledgementRecord, work_id: str, batch_id: str) -> dict[str, Any]:
    return {
        "work_id": work_id,
        "scheme": IdentifierScheme.SOCIETY,
        "authority": record.society,
        "value": record.society_number,
        "batch_id": batch_id,
    }
