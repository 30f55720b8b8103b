"""What is owed by a day, run or not, and what will the current month come to?

Four parts: months with usage that no run has counted yet, distributed dry by the policy in force; what
stands on accounts and is not paid; what waits in suspense; and a projection of the current month. Everything
is as of the end of a day: by what was taken in, run, restated and posted until then.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from catalog.knowledge import end_of
from royalties.distribution import Distribution, distribute
from royalties.entitlement import Exposure, Inputs, UsageTotal
from royalties.money import format_minor
from royalties.payments_status import Outcome
from royalties.periods import Period, month_of, parse_period
from royalties.policy import Policy
from royalties.reconciling_payments import OrderedPayment
from royalties.restating import policy_of
from royalties.right_books import read_other_shares
from royalties.shares import read_shares
from royalties.tables import (
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    RestatementRow,
    UsageBatch,
    UsageTotalRow,
)

HISTORY_MONTHS = 6
"""How many whole months before the current one a projection looks at."""

METHOD = (
    "revenue so far x (revenue of the months before / their revenue up to the same day of the month); low "
    "and high by the month before that had the most, and the least, of its revenue by that day"
)
"""How the projection is made, in words that stand beside it."""

OWED = ("party", "payable", "reserve", "withholding", "fund")
"""The kinds of account on which money stands that is owed to someone; the provider's is the house's own."""


@dataclass(frozen=True, slots=True)
class Unrun:
    """The usage of a month that no run or restatement has counted, and what it would bring by the policy.

    Of a month that was run, the amounts are what a restatement would add. Where there is no policy in its
    currency, or refunds exceed revenue, the parts are not known.
    """

    period: str
    currency: str
    gross_minor: int
    deductions_minor: int | None
    provider_minor: int | None
    pool_minor: int | None
    pots: Mapping[str, int]
    policy: str
    was_run: bool


@dataclass(frozen=True, slots=True)
class Owed:
    """What stands on an account, what of it is ordered and not refused, and what is therefore unpaid."""

    account: str
    currency: str
    balance_minor: int
    ordered_minor: int

    @property
    def unpaid_minor(self) -> int:
        """What is owed and not on its way."""
        return self.balance_minor - self.ordered_minor


@dataclass(frozen=True, slots=True)
class Projection:
    """What the current month may come to in one currency; what is not known is None."""

    period: str
    currency: str
    days: int
    so_far_minor: int
    months: tuple[str, ...]
    gross_minor: int | None
    low_minor: int | None
    high_minor: int | None
    pool_minor: int | None
    method: str = METHOD


@dataclass(frozen=True, slots=True)
class Accruals:
    """The liability as of the end of a day."""

    on: date
    unrun: tuple[Unrun, ...]
    owed: tuple[Owed, ...]
    suspense: Mapping[tuple[str, str], int]
    projections: tuple[Projection, ...]
    findings: tuple[Finding, ...]


def accrue(session: Session, on: date, policy: Policy | None, ordered: Iterable[OrderedPayment]) -> Accruals:
    """What is owed by the end of a day.

    Args:
        policy: for months that were not run; else the one by which the newest month was stated.
        ordered: the transfers that were ordered until then.
    """
    until = end_of(on)
    in_force = policy or _newest_policy(session, until)
    sums = _usage(session, on, until)
    unrun = [*_unrun(session, sums, in_force, until)]
    balances = _balances(session, until)
    findings = [
        Finding("NO_POLICY", each.period, _unknown(each), Severity.WARNING)
        for each in unrun
        if each.pool_minor is None
    ]
    return Accruals(
        on=on,
        unrun=tuple(unrun),
        owed=tuple(_owed(balances, ordered)),
        suspense=_suspense(balances),
        projections=tuple(_projections(sums, on, in_force)),
        findings=tuple(findings),
    )


def dry(policy: Policy, period: Period, gross_minor: int) -> Distribution:
    """A month's revenue divided down to the pots, as a run would: who gets it is not asked."""
    inputs = Inputs({}, Exposure({}, ""), lambda *_: {})
    usage = [UsageTotal("all", policy.territory, period.last_day_on, 0, gross_minor)]
    book = read_shares(usage, (), policy, period, inputs)
    others = read_other_shares(usage, (), policy, period, inputs)
    return distribute(usage, policy, period, inputs, book, others)


def project(
    so_far_minor: int, history: Mapping[str, tuple[int, int]]
) -> tuple[int, int, int, tuple[str, ...]] | None:
    """The estimate for a month, with the lowest and the highest, and the months that it rests on.

    Args:
        history: month to its revenue up to the same day, and as a whole. One that had none by that day, or
            less in the end, says nothing.

    Returns:
        Nothing, where no month says anything or there is no revenue so far.
    """
    usable = {month: sums for month, sums in history.items() if 0 < sums[0] <= sums[1]}
    if not usable or so_far_minor <= 0:
        return None
    by_day = sum(early for early, _ in usable.values())
    whole = sum(total for _, total in usable.values())
    each = [so_far_minor * total // early for early, total in usable.values()]
    return so_far_minor * whole // by_day, min(each), max(each), tuple(sorted(usable))


_Sums = Mapping[tuple[str, str], Mapping[tuple[str, date], int]]
"""(month, currency) to revenue by (batch, day)."""


def _usage(session: Session, on: date, until: datetime) -> _Sums:
    row = UsageTotalRow
    query = (
        select(row.used_on, row.currency, row.batch_id, func.sum(row.revenue_minor))
        .join(UsageBatch, UsageBatch.id == row.batch_id)
        .where(row.used_on <= on, UsageBatch.imported_at <= until)
        .group_by(row.used_on, row.currency, row.batch_id)
    )
    sums: dict[tuple[str, str], dict[tuple[str, date], int]] = {}
    for day, currency, batch, minor in session.execute(query):
        sums.setdefault((month_of(day), currency), {})[batch, day] = int(minor)
    return dict(sorted(sums.items()))


def _stated(session: Session, until: datetime) -> dict[str, DistributionRun | RestatementRow]:
    """Month to its run, or to the newest restatement of it."""
    runs = session.scalars(select(DistributionRun).where(DistributionRun.run_at <= until))
    stated: dict[str, DistributionRun | RestatementRow] = {run.period: run for run in runs}
    later = select(RestatementRow).where(RestatementRow.restated_at <= until).order_by(RestatementRow.number)
    for restatement in session.scalars(later):
        stated[restatement.restates] = restatement
    return stated


def _newest_policy(session: Session, until: datetime) -> Policy | None:
    stated = _stated(session, until)
    return policy_of(stated[max(stated)]) if stated else None


def _unrun(session: Session, sums: _Sums, policy: Policy | None, until: datetime) -> Iterable[Unrun]:
    stated = _stated(session, until)
    for (month, currency), by_batch in sums.items():
        last = stated.get(month)
        counted = set(json.loads(last.inputs)["batches"].split()) if last is not None else set()
        new = {batch for batch, _ in by_batch} - counted
        if not new:
            continue
        gross = sum(minor for (batch, _), minor in by_batch.items() if batch in new)
        yield _divided(month, currency, gross, sum(by_batch.values()), last, policy)


def _divided(
    month: str,
    currency: str,
    gross_minor: int,
    whole_minor: int,
    last: DistributionRun | RestatementRow | None,
    policy: Policy | None,
) -> Unrun:
    """The uncounted usage of a month; of one that was run, what it adds to what was stated."""
    by = policy if last is None else policy_of(last)
    if by is None or by.currency != currency or whole_minor < 0:
        return Unrun(month, currency, gross_minor, None, None, None, {}, "", last is not None)
    found = dry(by, parse_period(month), whole_minor)
    before = (last.deductions_minor, last.provider_minor, last.pool_minor) if last is not None else (0, 0, 0)
    pots = {pot.name: pot.own_minor for pot in found.pots} if last is None else {}
    return Unrun(
        period=month,
        currency=currency,
        gross_minor=gross_minor,
        deductions_minor=found.deductions_minor - before[0],
        provider_minor=found.provider_minor - before[1],
        pool_minor=found.pool_minor - before[2],
        pots=pots,
        policy=f"{by.name} {by.version}",
        was_run=last is not None,
    )


def _unknown(each: Unrun) -> str:
    amount = f"{format_minor(each.gross_minor, each.currency)} {each.currency}"
    why = "no policy in that currency, or more refunds than revenue"
    return f"what of {amount} would be owed is not known: {why}"


_Balances = Mapping[tuple[str, str], int]


def _balances(session: Session, until: datetime) -> dict[tuple[str, str], int]:
    entry = LedgerEntry
    query = (
        select(entry.account, entry.currency, func.sum(entry.amount_minor))
        .join(LedgerPosting, LedgerPosting.id == entry.posting_id)
        .where(LedgerPosting.posted_at <= until)
        .group_by(entry.account, entry.currency)
    )
    found = {(account, currency): int(minor) for account, currency, minor in session.execute(query)}
    return dict(sorted(found.items()))


def _owed(balances: _Balances, ordered: Iterable[OrderedPayment]) -> Iterable[Owed]:
    """What stands on accounts, and what of it is on its way.

    Where closings settle accounts, money is paid from `payable:`, and what a bank took is posted already;
    else all of it that no bank refused is taken off the payee's account.
    """
    settles = any(account.startswith("payable:") for account, _ in balances)
    paid_from = "payable:" if settles else "party:"
    sent: dict[tuple[str, str], int] = {}
    for each in ordered:
        if each.is_live and not (settles and each.outcome is Outcome.ACCEPTED):
            key = (each.payee, each.currency)
            sent[key] = sent.get(key, 0) + each.amount_minor
    for (account, currency), minor in balances.items():
        kind = account.split(":")[0]
        if kind not in OWED:
            continue
        pays = account.startswith("payable:") if settles else True
        sent_minor = sent.get((account.removeprefix(paid_from), currency), 0) if pays else 0
        if minor or sent_minor:
            yield Owed(account, currency, minor, sent_minor)


def _suspense(balances: _Balances) -> dict[tuple[str, str], int]:
    """(reason, currency) to what waits."""
    sums: dict[tuple[str, str], int] = {}
    for (account, currency), minor in balances.items():
        kind, _, rest = account.partition(":")
        if kind == "suspense" and minor:
            key = (rest.split(":")[0], currency)
            sums[key] = sums.get(key, 0) + minor
    return dict(sorted(sums.items()))


def _projections(sums: _Sums, on: date, policy: Policy | None) -> Iterable[Projection]:
    period = parse_period(month_of(on))
    for month, currency in sums:
        if month != period.name:
            continue
        so_far = sum(sums[month, currency].values())
        earlier = sorted(name for name, other in sums if other == currency and name < month)
        history = {name: _by_day(sums[name, currency], on.day) for name in earlier[-HISTORY_MONTHS:]}
        found = project(so_far, history)
        gross, low, high, months = found or (None, None, None, ())
        pays = policy is not None and policy.currency == currency and gross is not None
        pool = dry(policy, period, gross).pool_minor if pays and policy and gross is not None else None
        yield Projection(month, currency, on.day, so_far, months, gross, low, high, pool)


def _by_day(by_batch: Mapping[tuple[str, date], int], day: int) -> tuple[int, int]:
    """The revenue of a month up to a day of it, and of the whole."""
    early = sum(minor for (_, used_on), minor in by_batch.items() if used_on.day <= day)
    return early, sum(by_batch.values())
