"""Which transfers were ordered, what did banks say of them, and what is therefore still to be paid?

The ledger says what is owed; orders and answers are signed records beside it. A transfer that no bank refused
counts as paid, in later periods too. Names of accounts and their numbers stay in the bank data and the order.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.files import write_atomically
from catalog.findings import Finding, Severity
from console.errors import NotFoundError
from console.home import Home
from console.steps.paying import read_names
from provenance.evidence.records import append
from provenance.tables import Record
from royalties.errors import NothingToDistributeError, PaymentRefusedError
from royalties.money import format_minor
from royalties.payments import Due, PaymentOrder, make_order, paid_by_payee, payable_minor
from royalties.payments_bank import load_bank_data
from royalties.payments_status import Outcome, Settled, StatusReport, read_status, settle
from royalties.payments_xml import render_order
from royalties.periods import Period
from royalties.runs import get_run
from royalties.statement_files import statement_id
from royalties.statements import SUSPENSE, list_payees, make_statement

ORDER = "payment-order"
ANSWER = "payment-answer"


@dataclass(frozen=True)
class Ordered:
    """A transfer that was ordered, and what the last answer to it was."""

    end_to_end_id: str
    message_id: str
    period: str
    currency: str
    payee: str
    amount_minor: int
    outcome: Outcome | None = None

    @property
    def is_live(self) -> bool:
        """Whether the money may be on its way or there."""
        return self.outcome is not Outcome.REJECTED


@dataclass(frozen=True)
class Paid:
    """What a bank's answer said of the transfers of one order, beside what each was for."""

    message_id: str
    settled: tuple[tuple[Ordered, Settled], ...]
    findings: tuple[Finding, ...]


def order_payments(
    home: Home, period: Period, bank_path: Path, out: Path, execute_on: date | None
) -> tuple[PaymentOrder, list[Finding]]:
    """An order for what is payable for a period and not ordered yet, as a file and a record.

    Where nothing new is payable, the newest order of the period is written again as it was.

    Raises:
        PaymentRefusedError: the bank data cannot be used.
        NothingToDistributeError: nothing is payable to anyone with bank data.
    """
    bank, faults = load_bank_data(bank_path)
    with home.session() as session, session.begin():
        run = get_run(session, period)
        dues, findings = _dues(session, period, run.currency, frozenset(bank.payees))
        order, missing = make_order(
            dues,
            bank,
            period=period,
            currency=run.currency,
            created_at=run.run_at,
            execute_on=execute_on or run.run_at.date(),
        )
        findings = [*faults, *findings, *missing]
        if not order.transfers:
            reasons = "".join(f"\n  {finding.where}: {finding.message}" for finding in findings)
            raise NothingToDistributeError(f"Nothing of {period.name} can be paid now.{reasons}")
        data = render_order(order)
        append(
            session,
            home.key,
            kind=ORDER,
            subject_id=order.message_id,
            body=_order_body(order, data),
            recorded_at=datetime.now(UTC),
        )
        write_atomically(out, data)
    return order, findings


def take_answer(home: Home, path: Path) -> Paid:
    """What a bank's status file says of an order of this home, written down as records.

    Raises:
        PaymentRefusedError: the file is no status report.
        NotFoundError: it answers an order that was not made here.
    """
    data = path.read_bytes()
    report, findings = read_status(data, where=str(path))
    if report is None:
        raise PaymentRefusedError(str(path), findings)
    with home.session() as session, session.begin():
        of_order = {each.end_to_end_id: each for each in each_ordered(session) if _is_of(each, report)}
        if not of_order:
            raise NotFoundError(f"{path} answers the order {report.message_id}, which was not made here")
        settled, findings = settle(report, of_order, where=str(path))
        for each in settled:
            body = {
                "type": "contrafact.payment-answer/1",
                "message": report.message_id,
                "end_to_end_id": each.end_to_end_id,
                "outcome": str(each.outcome),
                "status": each.status,
                "reason": each.reason,
                "file_sha256": hashlib.sha256(data).hexdigest(),
            }
            append(
                session,
                home.key,
                kind=ANSWER,
                subject_id=each.end_to_end_id,
                body=body,
                recorded_at=datetime.now(UTC),
            )
    pairs = tuple((of_order[each.end_to_end_id], each) for each in settled)
    return Paid(report.message_id, pairs, tuple(findings))


def each_ordered(session: Session) -> Iterator[Ordered]:
    """Every transfer that was ordered, with the last answer to it."""
    ordered: dict[str, Ordered] = {}
    query = select(Record).where(Record.kind.in_((ORDER, ANSWER))).order_by(Record.sequence)
    for record in session.scalars(query):
        body = json.loads(record.body)
        if record.kind == ANSWER:
            before = ordered[body["end_to_end_id"]]
            ordered[before.end_to_end_id] = replace(before, outcome=Outcome(body["outcome"]))
            continue
        for transfer in body["transfers"]:
            name = transfer["end_to_end_id"]
            known = ordered.get(name)
            ordered[name] = Ordered(
                name,
                body["message"],
                body["period"],
                body["currency"],
                transfer["payee"],
                int(transfer["amount_minor"]),
                known.outcome if known else None,
            )
    yield from ordered.values()


def _dues(
    session: Session, period: Period, currency: str, known: frozenset[str]
) -> tuple[list[Due], list[Finding]]:
    """What may be ordered now; the transfers of the newest order again, if nothing else may."""
    before = [each for each in each_ordered(session) if each.currency == currency]
    live = [each for each in before if each.is_live]
    later = {each.payee: each for each in live if each.period > period.name}
    mine = {each.payee: each for each in live if each.period == period.name}
    findings = [
        Finding(
            "PAID_LATER",
            f"payee {payee}",
            f"the balance of {period.name} went into the order of {each.period} ({each.message_id})",
            Severity.WARNING,
        )
        for payee, each in sorted(later.items())
    ]
    dues = [due for due in _payable(session, period, before) if due.payee not in later]
    new = [due for due in dues if due.payee not in mine]
    if any(due.payee in known for due in new) or not mine:
        return new, findings
    newest = [each.message_id for each in before if each.period == period.name][-1]
    again = [due for due in dues if due.payee in mine and mine[due.payee].message_id == newest]
    return [*again, *new], findings


def _payable(session: Session, period: Period, ordered: Sequence[Ordered]) -> Iterator[Due]:
    """Each payee's balance after the period, without what was ordered in the periods before it."""
    earlier = {
        each.end_to_end_id: (each.payee, each.amount_minor)
        for each in ordered
        if each.is_live and each.period < period.name
    }
    paid = paid_by_payee(earlier)
    names = read_names(session, period)
    for payee in list_payees(session, period):
        if payee == SUSPENSE:
            continue
        statement = make_statement(session, period, payee, names)
        left_minor = payable_minor(
            statement.closing_minor, paid.get(payee, 0), statement.policy.threshold_minor
        )
        refused = [e for e in ordered if (e.payee, e.period) == (payee, period.name) and not e.is_live]
        if left_minor:
            yield Due(payee, statement_id(statement), left_minor, len(refused))


def _order_body(order: PaymentOrder, data: bytes) -> dict[str, Any]:
    return {
        "type": "contrafact.payment-order/1",
        "message": order.message_id,
        "period": order.period,
        "currency": order.currency,
        "total": format_minor(order.total_minor, order.currency),
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "transfers": [
            {
                "end_to_end_id": each.end_to_end_id,
                "payee": each.payee,
                "statement": each.statement,
                "amount_minor": str(each.amount_minor),
            }
            for each in order.transfers
        ],
    }


def _is_of(each: Ordered, report: StatusReport) -> bool:
    return each.message_id == report.message_id
