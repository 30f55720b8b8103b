"""Is what services paid what they reported, what was distributed, what is stated, and what is paid out?

Each step of the money is set beside the one before it; every difference is a finding with its amount. Sums
are taken by the database, so that a month with a hundred thousand payees costs a handful of statements.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from royalties.bank_tables import BankReceipt
from royalties.gathering import folder_run
from royalties.ledger import account_of
from royalties.money import format_minor
from royalties.periods import Period
from royalties.reconciling_payments import (
    OrderedPayment,
    PaymentState,
    payment_findings,
    payments_of,
    said,
)
from royalties.runs import find_run, get_run
from royalties.statement_deltas import posted_in
from royalties.tables import (
    AllocationRow,
    DeltaRow,
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    RestatementRow,
    UsageTotalRow,
)

NOT_PAYEES = ("revenue", "deductions", "provider:retained", "pool", "pot:")
"""Where money stands before it is a payee's; an account's name, or how it begins."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two amounts that should be the same: what was `expected`, and what was `found` after it."""

    step: str
    what: str
    currency: str
    expected_minor: int
    found_minor: int

    @property
    def difference_minor(self) -> int:
        """What was found too much; below zero, what is missing."""
        return self.found_minor - self.expected_minor


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A period's money step by step; `ledger` is what moved in it by kind of account."""

    period: str
    run: str
    currency: str
    compared: tuple[Compared, ...]
    payments: tuple[PaymentState, ...]
    ledger: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def blocked(self) -> bool:
        """Whether something must be cleared up before the period is paid."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def reconcile(session: Session, period: Period, ordered: Sequence[OrderedPayment]) -> Reconciliation:
    """A period's money from the bank's receipts to the bank's payments.

    Raises:
        NotFoundError: the period was not run.
    """
    run = get_run(session, period)
    bank = tuple(compare_bank(_reported(session, period), _received(session, period)))
    books = tuple(_compare_books(session, run, period))
    payments = payments_of(session, run, period, ordered, _stated(session, run, period))
    findings = (
        *_bank_findings(bank),
        *_book_findings(books),
        *payment_findings(payments, run.currency),
        *_not_compared(session, period, run.currency),
    )
    return Reconciliation(
        period.name, run.id, run.currency, (*bank, *books), payments, _ledger(session, period), findings
    )


def compare_bank(
    reported: Mapping[tuple[str, str], int], received: Mapping[tuple[str, str], int]
) -> Iterator[Compared]:
    """What each service paid beside what it reported, by (service, currency)."""
    for service, currency in sorted(reported.keys() | received.keys()):
        key = (service, currency)
        yield Compared("bank", service, currency, reported.get(key, 0), received.get(key, 0))


def _reported(session: Session, period: Period) -> dict[tuple[str, str], int]:
    row = UsageTotalRow
    query = (
        select(row.service, row.currency, func.sum(row.revenue_minor))
        .where(row.used_on >= period.starts_on, row.used_on < period.ends_before_on)
        .group_by(row.service, row.currency)
    )
    return {(service, currency): int(minor) for service, currency, minor in session.execute(query)}


def _received(session: Session, period: Period) -> dict[tuple[str, str], int]:
    row = BankReceipt
    query = (
        select(row.service, row.currency, func.sum(row.amount_minor))
        .where(row.period == period.name)
        .group_by(row.service, row.currency)
    )
    return {(service, currency): int(minor) for service, currency, minor in session.execute(query)}


def _compare_books(session: Session, run: DistributionRun, period: Period) -> Iterator[Compared]:
    """Usage, revenue, pool, statements and ledger of a period, each beside the next."""
    currency = run.currency

    def compared(step: str, what: str, expected_minor: int, found_minor: int) -> Compared:
        return Compared(step, what, currency, expected_minor, found_minor)

    usage = _usage(session, period, currency)
    newest = session.scalars(
        select(RestatementRow)
        .where(RestatementRow.run_id == run.id)
        .order_by(RestatementRow.number.desc())
        .limit(1)
    ).first()
    last = newest or run
    counted = json.loads(last.inputs)["batches"].split()
    taken = sum(minor for batch, minor in usage.items() if batch in counted)
    if not _has_foreign(session, period, currency) and not folder_run(last.inputs):
        yield compared(
            "usage", "usage that was counted, and the gross revenue of it", taken, last.gross_minor
        )
    yield compared("late", "usage that was counted, and all that was reported", taken, sum(usage.values()))
    moved = _moved(session, period, LedgerPosting.run_id.is_not(None))
    gross, pool = _changes(session, run, period)
    yield compared(
        "ledger", "revenue that was distributed, and the ledger's", gross, -moved.get("revenue", 0)
    )
    stated = _stated(session, run, period)
    payees = {account: minor for account, minor in moved.items() if not _before_payees(account)}
    yield compared("statements", "the pool, and the sum of the statements", pool, sum(stated.values()))
    yield compared("ledger", "the statements, and the ledger", sum(stated.values()), sum(payees.values()))
    for account in sorted(stated.keys() | payees.keys()):
        each = compared("account", account, stated.get(account, 0), payees.get(account, 0))
        if each.difference_minor:
            yield each


def _before_payees(account: str) -> bool:
    return any(account == name or (name.endswith(":") and account.startswith(name)) for name in NOT_PAYEES)


def _usage(session: Session, period: Period, currency: str) -> dict[str, int]:
    row = UsageTotalRow
    query = (
        select(row.batch_id, func.sum(row.revenue_minor))
        .where(row.used_on >= period.starts_on, row.used_on < period.ends_before_on, row.currency == currency)
        .group_by(row.batch_id)
    )
    return {batch: int(minor) for batch, minor in session.execute(query)}


def _has_foreign(session: Session, period: Period, currency: str) -> bool:
    """Whether some usage was converted: its amounts here are not those that were distributed."""
    row = UsageTotalRow
    within = (row.used_on >= period.starts_on, row.used_on < period.ends_before_on)
    foreign = select(row.currency).where(*within, row.currency != currency)
    return session.execute(foreign.limit(1)).first() is not None


def _changes(session: Session, run: DistributionRun, period: Period) -> tuple[int, int]:
    """Gross and pool of the run, with what restatements that are posted in the period changed of others'."""
    gross, pool = run.gross_minor, run.pool_minor
    for each in posted_in(session, period):
        before: DistributionRun | RestatementRow = session.get_one(DistributionRun, each.run_id)
        if each.earlier_id is not None:
            before = session.get_one(RestatementRow, each.earlier_id)
        gross += each.gross_minor - before.gross_minor
        pool += each.pool_minor - before.pool_minor
    return gross, pool


def _stated(session: Session, run: DistributionRun, period: Period) -> dict[str, int]:
    """What the statements of a period come to by account: lines of the run, and corrections posted in it."""
    row, delta = AllocationRow, DeltaRow
    lines = _by_account(row).where(row.run_id == run.id)
    corrections = (
        _by_account(delta)
        .join(RestatementRow, RestatementRow.id == delta.restatement_id)
        .where(RestatementRow.period == period.name)
    )
    sums: dict[str, int] = {}
    for query in (lines, corrections):
        for kind, payee, reason, minor in session.execute(query):
            account = account_of(kind, payee, reason)
            sums[account] = sums.get(account, 0) + int(minor)
    return sums


def _by_account(row: type[AllocationRow] | type[DeltaRow]) -> Select[str, str, str, int]:
    columns = (row.payee_kind, row.payee_id, row.reason)
    return select(*columns, func.sum(row.amount_minor)).group_by(*columns)


def _moved(session: Session, period: Period, chosen: ColumnElement[bool]) -> dict[str, int]:
    entry = LedgerEntry
    query = (
        select(entry.account, func.sum(entry.amount_minor))
        .join(LedgerPosting, LedgerPosting.id == entry.posting_id)
        .where(LedgerPosting.period == period.name, chosen)
        .group_by(entry.account)
    )
    return {account: int(minor) for account, minor in session.execute(query)}


def _ledger(session: Session, period: Period) -> dict[str, int]:
    """What moved in a period by kind of account, the part of its name before the colon."""
    sums: dict[str, int] = {}
    for account, minor in _moved(session, period, LedgerEntry.amount_minor != 0).items():
        kind = account.split(":")[0]
        sums[kind] = sums.get(kind, 0) + minor
    return dict(sorted(sums.items()))


def _bank_findings(compared: Iterable[Compared]) -> Iterator[Finding]:
    for each in compared:
        where, off = f"service {each.what}", each.difference_minor
        if off < 0:
            message = f"{said(off, each.currency)} of what it reported did not come in"
            yield Finding("BANK_SHORT", where, message)
        elif off > 0 and each.expected_minor == 0:
            message = f"{said(off, each.currency)} came in, and it reported no revenue"
            yield Finding("BANK_UNREPORTED", where, message, Severity.WARNING)
        elif off > 0:
            message = f"{said(off, each.currency)} more came in than it reported"
            yield Finding("BANK_OVER", where, message, Severity.WARNING)


def _not_compared(session: Session, period: Period, currency: str) -> Iterator[Finding]:
    if _has_foreign(session, period, currency):
        message = f"some usage is not in {currency}: usage and gross revenue are not compared"
        yield Finding("USAGE_CONVERTED", period.name, message, Severity.INFO)
    run = find_run(session, period)
    if run is not None and folder_run(run.inputs):
        message = f"the run was posted from a folder, {run.id}: its usage is not here to be compared"
        yield Finding("USAGE_ELSEWHERE", period.name, message, Severity.INFO)


_BOOK_CODES = {
    "usage": "USAGE_NOT_GROSS",
    "ledger": "LEDGER_DIFFERS",
    "statements": "STATEMENTS_NOT_POOL",
    "account": "ACCOUNT_DIFFERS",
    "late": "USAGE_NOT_COUNTED",
}


def _book_findings(compared: Iterable[Compared]) -> Iterator[Finding]:
    for each in compared:
        if each.difference_minor:
            expected, found = (
                format_minor(m, each.currency) for m in (each.expected_minor, each.found_minor)
            )
            by = said(each.difference_minor, each.currency)
            message = f"{expected} and {found} differ by {by}"
            late = each.step == "late"
            severity = Severity.WARNING if late else Severity.ERROR
            yield Finding(_BOOK_CODES[each.step], each.what, message, severity)
