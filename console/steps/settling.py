"""Which transfers were ordered, what did banks say of them, and what is therefore still to be paid?

The ledger says what closed months left payable. Orders and answers are signed records; a transfer that a
bank took is posted, and one that is on its way is not ordered again. Names of accounts and their numbers stay
in the bank data and the order.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
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
from provenance.evidence.records import append, instant
from provenance.tables import Record
from royalties.closing import find_closing
from royalties.errors import NothingToDistributeError, PaymentRefusedError, PayRefusedError
from royalties.money import format_minor
from royalties.movements import (
    Movement,
    MovementKind,
    payable_since,
    payable_until,
    post_movement,
    times_posted,
)
from royalties.payments import Due, PaymentOrder, make_order
from royalties.payments_bank import load_bank_data
from royalties.payments_status import Outcome, Settled, StatusReport, read_status, settle
from royalties.payments_xml import render_order
from royalties.periods import Period
from royalties.runs import get_run
from royalties.statement_files import statement_id
from royalties.statements import make_statement

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
    statement: str
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
    """An order for what closed months, up to one, left payable and is not ordered yet: a file and a record.

    Where nothing new is payable, the newest order of the period is written again as it was.

    Raises:
        PaymentRefusedError: the bank data cannot be used.
        PayRefusedError: the period is not closed.
        NothingToDistributeError: nothing is payable to anyone with bank data.
    """
    bank, faults = load_bank_data(bank_path)
    with home.session() as session, session.begin():
        run = get_run(session, period)
        if find_closing(session, period.name) is None:
            raise PayRefusedError(
                f"{period.name} is open, and closing it settles what is payable: close it first "
                f"('contrafact royalties close --period {period.name}')"
            )
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
    """What a bank's status file says of an order of this home, as records, and in the ledger.

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
        _post(session, [each for each in each_ordered(session) if _is_of(each, report)])
    pairs = tuple((of_order[each.end_to_end_id], each) for each in settled)
    return Paid(report.message_id, pairs, tuple(findings))


def each_ordered(session: Session, until: datetime | None = None) -> Iterator[Ordered]:
    """Every transfer that was ordered until an instant, with the last answer to it."""
    ordered: dict[str, Ordered] = {}
    query = select(Record).where(Record.kind.in_((ORDER, ANSWER))).order_by(Record.sequence)
    if until is not None:
        query = query.where(Record.recorded_at <= instant(until))
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
                transfer["statement"],
                int(transfer["amount_minor"]),
                known.outcome if known else None,
            )
    yield from ordered.values()


def _post(session: Session, ordered: Sequence[Ordered]) -> None:
    """Posts each transfer that a bank took, by its last answer, and takes back one that it then refused.

    An answer that is read again changes neither the records nor, therefore, the ledger.
    """
    now = datetime.now(UTC)
    posted = times_posted(session, [each.end_to_end_id for each in ordered])
    for each in ordered:
        paid, returned = posted[each.end_to_end_id]
        if each.outcome is Outcome.ACCEPTED and paid == returned:
            kind, number = MovementKind.PAYMENT, paid + 1
        elif each.outcome is Outcome.REJECTED and paid > returned:
            kind, number = MovementKind.RETURN, returned + 1
        else:
            continue
        reference = f"{each.end_to_end_id}/{number}"
        movement = Movement(
            kind, each.payee, each.amount_minor, each.currency, now.date(), reference=reference
        )
        post_movement(session, movement, recorded_at=now)


def _dues(
    session: Session, period: Period, currency: str, known: frozenset[str]
) -> tuple[list[Due], list[Finding]]:
    """What may be ordered now; the transfers of the newest order again, if nothing else may."""
    before = [each for each in each_ordered(session) if each.currency == currency]
    left, on_its_way = payable_until(session, period, currency), _on_its_way(session, before)
    due = {payee: minor - on_its_way.get(payee, 0) for payee, minor in left.items()}
    later = {each.payee: each for each in before if each.is_live and each.period > period.name}
    findings = [
        Finding(
            "PAID_LATER",
            f"payee {payee}",
            f"what was payable went into the order of {each.period} ({each.message_id})",
            Severity.WARNING,
        )
        for payee, each in sorted(later.items())
        if due.get(payee, 0) <= 0
    ]
    mine = [each for each in before if each.period == period.name]
    new = _new(session, period, mine, {payee: minor for payee, minor in sorted(due.items()) if minor > 0})
    if any(each.payee in known for each in new) or not mine:
        return new, findings
    newest = [each for each in mine if each.is_live and each.message_id == mine[-1].message_id]
    again = [Due(e.payee, e.statement, e.amount_minor, _refused(mine, e.payee)) for e in newest]
    return [*again, *new], findings


def _on_its_way(session: Session, ordered: Sequence[Ordered]) -> dict[str, int]:
    """What was ordered for each payee and neither refused nor posted as paid."""
    live = [each for each in ordered if each.is_live]
    posted = times_posted(session, [each.end_to_end_id for each in live])
    sums: dict[str, int] = {}
    for each in live:
        paid, returned = posted[each.end_to_end_id]
        if paid == returned:
            sums[each.payee] = sums.get(each.payee, 0) + each.amount_minor
    return sums


def _new(session: Session, period: Period, mine: Sequence[Ordered], due: Mapping[str, int]) -> list[Due]:
    """What is due to each payee, beside the newest statement by which something became payable."""
    stated_in = {payee: payable_since(session, payee, period) for payee in due}
    names = {each: read_names(session, each) for each in set(stated_in.values())}
    return [
        Due(
            payee,
            statement_id(make_statement(session, stated_in[payee], payee, names[stated_in[payee]])),
            minor,
            _refused(mine, payee),
        )
        for payee, minor in due.items()
    ]


def _refused(ordered: Sequence[Ordered], payee: str) -> int:
    """How many transfers to a payee a bank refused."""
    return sum(each.payee == payee and not each.is_live for each in ordered)


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
