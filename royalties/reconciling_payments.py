"""What of a month is payable to whom, what was ordered of it, and what did the bank say?"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from royalties.closing import find_closing
from royalties.money import format_minor
from royalties.payments_status import Outcome
from royalties.periods import Period
from royalties.restating import policy_of
from royalties.tables import DistributionRun, LedgerEntry, LedgerPosting

PAYABLE = "payable:"
BANK = "bank"
SUSPENSE = "suspense:"


@dataclass(frozen=True, slots=True)
class OrderedPayment:
    """A transfer that was ordered for a payee, and what the bank said of it, if it did."""

    payee: str
    period: str
    currency: str
    amount_minor: int
    outcome: Outcome | None

    @property
    def is_live(self) -> bool:
        """Whether the money may be on its way or there."""
        return self.outcome is not Outcome.REJECTED


@dataclass(frozen=True, slots=True)
class PaymentState:
    """What of a payee's money was payable, ordered, taken by the bank, waits there, or was refused."""

    payee: str
    payable_minor: int
    ordered_minor: int
    accepted_minor: int
    pending_minor: int
    unanswered_minor: int
    refused_minor: int

    @property
    def open_minor(self) -> int:
        """What is payable and not on its way; below zero, what was ordered too much."""
        return self.payable_minor - self.ordered_minor


def compare_payments(
    payable: Mapping[str, int], ordered: Iterable[OrderedPayment]
) -> tuple[PaymentState, ...]:
    """What is payable to each payee beside the orders of the period and their answers."""
    sums: dict[str, dict[Outcome | None, int]] = {payee: {} for payee in payable}
    for each in ordered:
        by = sums.setdefault(each.payee, {})
        by[each.outcome] = by.get(each.outcome, 0) + each.amount_minor
    return tuple(
        PaymentState(
            payee=payee,
            payable_minor=payable.get(payee, 0),
            ordered_minor=sum(minor for outcome, minor in by.items() if outcome is not Outcome.REJECTED),
            accepted_minor=by.get(Outcome.ACCEPTED, 0),
            pending_minor=by.get(Outcome.PENDING, 0),
            unanswered_minor=by.get(None, 0),
            refused_minor=by.get(Outcome.REJECTED, 0),
        )
        for payee, by in sorted(sums.items())
    )


def settled_until(session: Session, period: Period, currency: str) -> dict[str, int]:
    """What closings that settled accounts have put on each `payable:` account, up to a period.

    What was paid, or came back, is no part of it: those postings move `bank`.
    """
    entry = LedgerEntry
    by_bank = select(entry.posting_id).where(entry.account == BANK)
    query = (
        select(entry.account, func.sum(entry.amount_minor))
        .join(LedgerPosting, LedgerPosting.id == entry.posting_id)
        .where(
            entry.account.startswith(PAYABLE, autoescape=True),
            entry.currency == currency,
            LedgerPosting.period <= period.name,
            entry.posting_id.not_in(by_bank),
        )
        .group_by(entry.account)
    )
    return {account.removeprefix(PAYABLE): int(minor) for account, minor in session.execute(query)}


def payments_of(
    session: Session,
    run: DistributionRun,
    period: Period,
    ordered: Sequence[OrderedPayment],
    stated: Collection[str],
) -> tuple[PaymentState, ...]:
    """What is payable to each payee, and the transfers for it.

    What closings put there until this period beside all transfers until it, since what was not paid stays
    there. Where nothing was settled yet, what the balances of this open period would come to, beside its own
    transfers; a closed period whose payees all have to wait left nothing payable.
    """
    mine = [each for each in ordered if each.currency == run.currency and each.period <= period.name]
    settled = settled_until(session, period, run.currency)
    if settled or find_closing(session, period.name) is not None:
        return compare_payments(settled, mine)
    payable = payable_by_payee(session, run, period, mine, stated)
    return compare_payments(payable, [each for each in mine if each.period == period.name])


def payable_by_payee(
    session: Session,
    run: DistributionRun,
    period: Period,
    ordered: Iterable[OrderedPayment],
    stated: Collection[str],
) -> dict[str, int]:
    """What a period left payable to each payee with a statement, where its accounts were not settled.

    That is the balance less what was ordered for earlier periods, where it reaches the threshold.

    Args:
        stated: the accounts that have a statement.
    """
    paid: dict[str, int] = {}
    for each in ordered:
        if each.is_live and each.period < period.name:
            paid[each.payee] = paid.get(each.payee, 0) + each.amount_minor
    threshold = max(policy_of(run).threshold_minor, 1)
    payable = {}
    for account, minor in _balances(session, run, period).items():
        if account not in stated or account.startswith(SUSPENSE):
            continue
        payee = account.removeprefix("party:")
        left_minor = minor - paid.get(payee, 0)
        if left_minor >= threshold:
            payable[payee] = left_minor
    return payable


def _balances(session: Session, run: DistributionRun, period: Period) -> dict[str, int]:
    """What stood on each account at the end of a period; of a closed one, when it was closed."""
    entry, closing = LedgerEntry, find_closing(session, period.name)
    query = (
        select(entry.account, func.sum(entry.amount_minor))
        .join(LedgerPosting, LedgerPosting.id == entry.posting_id)
        .where(LedgerPosting.period <= period.name, entry.currency == run.currency)
        .group_by(entry.account)
    )
    if closing is not None:
        query = query.where(entry.sequence <= closing.ledger_sequence)
    return {account: int(minor) for account, minor in session.execute(query)}


def said(minor: int, currency: str) -> str:
    """The size of an amount with its currency."""
    return f"{format_minor(abs(minor), currency)} {currency}"


def payment_findings(payments: Iterable[PaymentState], currency: str) -> Iterator[Finding]:
    """What is open, too much, refused or not answered; only what is too much blocks."""
    for each in payments:
        where = f"payee {each.payee}"
        if each.open_minor < 0:
            yield Finding("PAID_TOO_MUCH", where, f"{said(each.open_minor, currency)} were ordered too much")
        elif each.open_minor and each.refused_minor:
            message = f"{said(each.open_minor, currency)} are payable, and the bank refused the transfer"
            yield Finding("PAYMENT_REFUSED", where, message, Severity.WARNING)
        elif each.open_minor:
            message = f"{said(each.open_minor, currency)} are payable and not ordered"
            yield Finding("NOT_ORDERED", where, message, Severity.WARNING)
        waiting = each.unanswered_minor + each.pending_minor
        if waiting:
            message = f"{said(waiting, currency)} are ordered, and the bank has not said that they are paid"
            yield Finding("NO_ANSWER", where, message, Severity.INFO)
