"""From a month that is done to a month that is corrected: closing, restating, and how a line came about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.home import Home
from console.steps.approving import CLOSING, check_approved
from console.steps.paying import read_inputs, read_names
from console.steps.policies import find_policy
from provenance.canonical import read_canonical
from provenance.evidence.records import append, instant
from provenance.tables import Record
from royalties.closing import Closing, close_period, find_closing
from royalties.errors import NotFoundError
from royalties.explaining import explain_line
from royalties.periods import Period, parse_period
from royalties.restating import RatesAsOf, RestatementReport, policy_in_force, restate
from royalties.statement_files import statement_id, statement_json
from royalties.statements import Statement, make_statement


def close_royalties(home: Home, period: Period) -> Closing:
    """A period closed and written down in one transaction; one that is closed already stays as it is.

    Raises:
        CloseRefusedError: the period was not run, or an earlier one is open.
        NotApprovedError: two people have not approved it as it stands.
    """
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        was_closed = find_closing(session, period.name) is not None
        closing = close_period(session, period, closed_at=now)
        if was_closed:
            return closing
        approved = check_approved(session, home.key.public, period)
        body = {
            "type": "contrafact.closing/1",
            "period": closing.period,
            "run": closing.run,
            "run_digest": closing.run_digest,
            "ledger_sequence": str(closing.ledger_sequence),
            "ledger_digest": closing.ledger_digest,
            "closed_at": instant(closing.closed_at),
            "approved": approved.subject,
            "approved_by": list(approved.verdict.by),
        }
        append(session, home.key, kind=CLOSING, subject_id=closing.period, body=body, recorded_at=now)
        return closing


def restate_royalties(
    home: Home,
    period: Period,
    policy: str | None,
    posted_in: Period | None,
    rates: RatesAsOf = RatesAsOf.STATED,
) -> RestatementReport:
    """A closed period computed anew; what differs is posted and written down in one transaction."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        by = policy_in_force(session, period) if policy is None else find_policy(policy)
        inputs = replace(read_inputs(session, period, by), usage_lines=home.folder("usage"))
        report = restate(session, period, by, inputs, posted_in=posted_in, restated_at=now, rates=rates)
        if report.restatement:
            name, body = report.restatement, _body(report)
            append(session, home.key, kind="restatement", subject_id=name, body=body, recorded_at=now)
        return report


def explain_royalties(home: Home, statement: str, line_no: int) -> tuple[dict[str, Any], list[str]]:
    """A line of a statement that was written, as it stands there, and its path in sentences.

    Args:
        statement: a statement's id, or enough of its beginning.

    Raises:
        NotFoundError: no such statement was written, it is not the newest, or it has no such line.
    """
    with home.session() as session:
        found = _written(session, statement)
        sentences = explain_line(found, line_no)
        lines = statement_json(found)["lines"]
        assert isinstance(lines, list)
        line = lines[line_no - 1]
        assert isinstance(line, dict)
        return line, sentences


def _body(report: RestatementReport) -> dict[str, Any]:
    return {
        "type": "contrafact.restatement/1",
        "restatement": report.restatement,
        "restates": report.restates,
        "period": report.period,
        "run": report.run,
        "supersedes": report.supersedes,
        "currency": report.currency,
        "earlier_pool_minor": str(report.earlier_pool_minor),
        "pool_minor": str(report.pool_minor),
        "deltas": str(len(report.deltas)),
        "digest": report.digest,
    }


def _written(session: Session, name: str) -> Statement:
    begins = Record.subject_id.startswith(name, autoescape=True)
    query = select(Record).where(Record.kind == "statement", begins)
    records = {record.subject_id: record for record in session.scalars(query)}
    if len(records) != 1:
        found = "no statement" if not records else f"{len(records)} statements"
        raise NotFoundError(
            f"{found} was written whose id begins with {name!r}: 'contrafact royalties statement' writes "
            "one and prints its id"
        )
    [(written, record)] = records.items()
    body = read_canonical(record.body.encode())
    period = parse_period(body["period"])
    made = make_statement(session, period, body["payee"], read_names(session, period))
    if statement_id(made) != written:
        raise NotFoundError(
            f"statement {written[:16]} of {body['payee']} for {body['period']} is not the newest: it is "
            f"{statement_id(made)} now; write it again, and ask about that one"
        )
    return made
