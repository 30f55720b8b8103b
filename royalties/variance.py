"""What is unusual in a month, beside the months before it?

The runs of the months are compared by their totals: by payee, pot, territory, method and service. Nothing
here is a float: changes are in parts per million, rounded towards zero, and the rule for outliers is one of
integers.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from royalties.ledger import account_of
from royalties.money import PPM
from royalties.periods import Period, parse_period
from royalties.runs import get_run
from royalties.statement_deltas import posted_in
from royalties.tables import AllocationRow, DeltaRow, DistributionRun, UsageTotalRow

AGAINST = 6
"""How many earlier months a month is compared with, where nothing else is said."""

LEAST_HISTORY = 3
"""Of fewer earlier months no outlier can be told."""

MANY_TIMES = 5
"""How often the median absolute deviation an outlier is away from the median, at least."""

SLACK_PPM = 10_000
"""A deviation counts as at least 1 % of the median, and one unit: what never moved may move a little."""

SUDDEN_PPM = 10_000
"""By how much a payee's share in a work changes for it to be named: a point of a hundred."""

Totals = Mapping[str, Mapping[str, int]]
"""Dimension to key to minor units."""


@dataclass(frozen=True, slots=True)
class Change:
    """One total beside the month before and the median of the months before; what is not known is None."""

    dimension: str
    key: str
    amount_minor: int
    before_minor: int | None
    change_minor: int | None
    change_ppm: int | None
    median_minor: int | None
    outlier: bool | None


@dataclass(frozen=True, slots=True)
class ShareChange:
    """A payee's share in a work and territory, in the month before and now."""

    work: str
    territory: str
    account: str
    before_ppm: int
    now_ppm: int


@dataclass(frozen=True, slots=True)
class RestatedLine:
    """A line of an earlier month that a restatement, posted in this month, changed."""

    restates: str
    restatement: str
    line_no: int
    account: str
    work: str
    territory: str
    generation: str
    before_minor: int
    after_minor: int

    @property
    def change_minor(self) -> int:
        """What is posted."""
        return self.after_minor - self.before_minor


@dataclass(frozen=True, slots=True)
class Variance:
    """A month beside the months before it, the newest first in `against`."""

    period: str
    run: str
    currency: str
    against: tuple[str, ...]
    changes: tuple[Change, ...]
    new_payees: tuple[str, ...]
    vanished_payees: tuple[str, ...]
    shares: tuple[ShareChange, ...]
    restated: tuple[RestatedLine, ...]
    findings: tuple[Finding, ...]

    @property
    def outliers(self) -> tuple[Change, ...]:
        """The changes that are out of the ordinary."""
        return tuple(change for change in self.changes if change.outlier)


def compare_periods(session: Session, period: Period, num_against: int = AGAINST) -> Variance:
    """A month beside the newest earlier months that were run in its currency.

    Raises:
        NotFoundError: it was not run.
    """
    run = get_run(session, period)
    earlier, findings = _earlier(session, run, num_against)
    now, before = totals_of_run(session, run), [totals_of_run(session, each) for each in earlier]
    payees = [set(totals["payee"]) for totals in before]
    known = set().union(*payees)
    return Variance(
        period=period.name,
        run=run.id,
        currency=run.currency,
        against=tuple(each.period for each in earlier),
        changes=tuple(compare_totals(now, before)),
        new_payees=tuple(sorted(set(now["payee"]) - known)) if earlier else (),
        vanished_payees=tuple(sorted(payees[0] - set(now["payee"]))) if earlier else (),
        shares=tuple(_share_changes(session, run, earlier[0])) if earlier else (),
        restated=tuple(_restated(session, period)),
        findings=tuple(findings),
    )


def compare_totals(now: Totals, before: Sequence[Totals]) -> Iterator[Change]:
    """Each total beside those before, the newest first; a key that is missing in a month has 0 there."""
    for dimension in sorted(now):
        keys = set(now[dimension]).union(*(totals[dimension] for totals in before))
        for key in sorted(keys):
            amount = now[dimension].get(key, 0)
            history = [totals[dimension].get(key, 0) for totals in before]
            yield _change(dimension, key, amount, history)


def _change(dimension: str, key: str, amount: int, history: Sequence[int]) -> Change:
    if not history:
        return Change(dimension, key, amount, None, None, None, None, None)
    return Change(
        dimension=dimension,
        key=key,
        amount_minor=amount,
        before_minor=history[0],
        change_minor=amount - history[0],
        change_ppm=change_ppm(history[0], amount),
        median_minor=twice_median(history) // 2,
        outlier=is_outlier(amount, history) if len(history) >= LEAST_HISTORY else None,
    )


def change_ppm(before: int, now: int) -> int | None:
    """The change in parts per million of what was before, rounded towards zero; of nothing it has none."""
    if before == 0:
        return None
    size = abs(now - before) * PPM // abs(before)
    return size if now >= before else -size


def twice_median(values: Iterable[int]) -> int:
    """Two times the median, which is an integer for any number of integers."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]


def is_outlier(value: int, history: Sequence[int]) -> bool:
    """Whether a value is further from the median than five times the median absolute deviation.

    The deviation counts as at least 1 % of the median, and at least one unit. Computed with four million
    times every number, so that all of them are integers.

    Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): 3.5 / 0.6745 is about 5.
    """
    center = twice_median(history)
    deviation = twice_median(abs(2 * each - center) for each in history)
    least = max(deviation * PPM, 2 * abs(center) * SLACK_PPM, 4 * PPM)
    return 2 * abs(2 * value - center) * PPM > MANY_TIMES * least


def totals_of_run(session: Session, run: DistributionRun) -> dict[str, dict[str, int]]:
    """What a run came to, by dimension and key; services by the revenue that they reported."""
    row = AllocationRow
    totals: dict[str, dict[str, int]] = {
        "total": {
            "gross": run.gross_minor,
            "deductions": run.deductions_minor,
            "provider": run.provider_minor,
            "pool": run.pool_minor,
            "suspense": run.suspense_minor,
        },
        "payee": _payees(session, run),
        "service": _services(session, run),
    }
    for dimension, column in (("pot", row.pot), ("territory", row.territory), ("method", row.method)):
        query = select(column, func.sum(row.amount_minor)).where(row.run_id == run.id).group_by(column)
        totals[dimension] = {key: int(minor) for key, minor in session.execute(query)}
    return totals


def _payees(session: Session, run: DistributionRun) -> dict[str, int]:
    """What each account got; suspense by its reason."""
    row = AllocationRow
    columns = (row.payee_kind, row.payee_id, row.reason)
    query = select(*columns, func.sum(row.amount_minor)).where(row.run_id == run.id).group_by(*columns)
    sums: dict[str, int] = {}
    for kind, payee, reason, minor in session.execute(query):
        key = f"suspense:{reason}" if kind == "suspense" else account_of(kind, payee, reason)
        sums[key] = sums.get(key, 0) + int(minor)
    return sums


def _services(session: Session, run: DistributionRun) -> dict[str, int]:
    """What each service reported, in minor units of the currency in which it did."""
    row, period = UsageTotalRow, parse_period(run.period)
    query = (
        select(row.service, row.currency, func.sum(row.revenue_minor))
        .where(
            row.batch_id.in_(json.loads(run.inputs)["batches"].split()),
            row.used_on >= period.starts_on,
            row.used_on < period.ends_before_on,
        )
        .group_by(row.service, row.currency)
    )
    return {
        service if currency == run.currency else f"{service} ({currency})": int(minor)
        for service, currency, minor in session.execute(query)
    }


def _earlier(
    session: Session, run: DistributionRun, num_against: int
) -> tuple[list[DistributionRun], list[Finding]]:
    """The newest runs before a run in its currency, and what is to be said of their number."""
    row = DistributionRun
    found = list(
        session.scalars(
            select(row)
            .where(row.period < run.period, row.currency == run.currency)
            .order_by(row.period.desc())
            .limit(num_against)
        )
    )
    if len(found) >= LEAST_HISTORY:
        return found, []
    message = (
        f"{len(found)} earlier months were run in {run.currency}; of fewer than {LEAST_HISTORY} outliers "
        "cannot be judged"
    )
    return found, [Finding("FEW_MONTHS", run.period, message, Severity.INFO)]


_ShareKey = tuple[str, str, str]


def _share_changes(session: Session, run: DistributionRun, before: DistributionRun) -> Iterator[ShareChange]:
    """Works of which a payee has a much larger or smaller share than in the month before."""
    then, now = _shares(session, before), _shares(session, run)
    both = {(work, territory) for work, territory, _ in then} & {(work, place) for work, place, _ in now}
    for key in sorted(then.keys() | now.keys()):
        work, territory, account = key
        changed = abs(now.get(key, 0) - then.get(key, 0))
        if (work, territory) in both and changed >= SUDDEN_PPM:
            yield ShareChange(work, territory, account, then.get(key, 0), now.get(key, 0))


def _shares(session: Session, run: DistributionRun) -> dict[_ShareKey, int]:
    """The largest share with which each payee was paid for a work in a territory."""
    row = AllocationRow
    columns = (row.work_id, row.territory, row.payee_kind, row.payee_id, row.reason)
    query = (
        select(*columns, func.max(row.share_ppm))
        .where(row.run_id == run.id, row.work_id != "")
        .group_by(*columns)
    )
    return {
        (work, territory, account_of(kind, payee, reason)): share
        for work, territory, kind, payee, reason, share in session.execute(query)
    }


def _restated(session: Session, period: Period) -> Iterator[RestatedLine]:
    row = DeltaRow
    for restatement in posted_in(session, period):
        lines = select(row).where(row.restatement_id == restatement.id).order_by(row.line_no)
        for each in session.scalars(lines):
            yield RestatedLine(
                restates=restatement.restates,
                restatement=restatement.id,
                line_no=each.line_no,
                account=account_of(each.payee_kind, each.payee_id, each.reason),
                work=each.work_id,
                territory=each.territory,
                generation=each.generation_id,
                before_minor=each.before_minor,
                after_minor=each.after_minor,
            )
