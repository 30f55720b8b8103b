"""Was each period closed as it was written down, and only after two people had approved it?

The rows of closings can be changed by who owns the database; the signed records beside them cannot.
"""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Finding
from console.steps.approving import CLOSING, ENROLLED, audit_approvals, each_record, enrolments_of, verdict_of
from provenance.errors import ChainError
from provenance.evidence.keys import PublicKey
from provenance.evidence.records import instant
from provenance.tables import Record
from royalties.approving import approvable, subject_of
from royalties.periods import parse_period
from royalties.tables import DistributionRun, PeriodClose


def audit_closings(session: Session, home_key: PublicKey) -> list[Finding]:
    """Where closings and approvals are other than what was written down and signed; nothing, if nowhere."""
    try:
        records = _records(session, home_key)
        enrolments_of(session, home_key)
        findings = list(audit_approvals(session, home_key))
        rows = {row.period: row for row in session.scalars(select(PeriodClose).order_by(PeriodClose.period))}
        for period, row in rows.items():
            findings += _compare(session, home_key, row, records.get(period, []))
    except ChainError as error:
        return [Finding("CHAIN", "record", str(error))]
    for period in sorted(records.keys() - rows.keys()):
        message = "it was written down that this period was closed, and it is open"
        findings.append(Finding("CLOSING_MISSING", f"closing of {period}", message))
    return findings


def _records(session: Session, home_key: PublicKey) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in each_record(session, home_key, CLOSING):
        found.setdefault(record.subject_id, []).append(record)
    return found


def _compare(
    session: Session, home_key: PublicKey, row: PeriodClose, records: list[Record]
) -> Iterator[Finding]:
    where = f"closing of {row.period}"
    if not records:
        message = "the period is closed, and nothing was written down about it"
        yield Finding("CLOSING_UNRECORDED", where, message)
        return
    if len(records) > 1:
        yield Finding("CLOSING_TWICE", where, f"{len(records)} closings were written down; one can be true")
    run = session.scalars(select(DistributionRun).where(DistributionRun.period == row.period)).one()
    told: dict[str, Any] = json.loads(records[0].body)
    is_now = {
        "run": run.id,
        "run_digest": run.digest,
        "ledger_sequence": str(row.ledger_sequence),
        "ledger_digest": row.ledger_digest,
        "closed_at": instant(row.closed_at),
    }
    for name, value in is_now.items():
        if told.get(name) != value:
            message = f"{name} is {value}, and {told.get(name)} was written down"
            yield Finding("CLOSING_CHANGED", where, message)
    yield from _approval(session, home_key, row.period, records[0], told)


def _approval(
    session: Session, home_key: PublicKey, period: str, record: Record, told: dict[str, Any]
) -> Iterator[Finding]:
    """Whether what was closed is what two people approved; before anyone was enrolled nobody was asked."""
    where = f"closing of {period}"
    asked = select(Record.sequence).where(Record.kind == ENROLLED, Record.sequence < record.sequence)
    if "approved" not in told and session.scalar(asked.limit(1)) is None:
        return
    subject = subject_of(approvable(session, parse_period(period)))
    if told.get("approved") != subject:
        message = f"closed was {subject[:16]}, approved {str(told.get('approved'))[:16]}"
        yield Finding("APPROVED_OTHERWISE", where, message)
    verdict = verdict_of(session, home_key, period, subject, record.sequence)
    if not verdict.approved:
        yield Finding("CLOSED_UNAPPROVED", where, f"when it was closed, {verdict.missing}")
