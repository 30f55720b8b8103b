"""How long has money waited for its owner, why, and what does the law ask for when?

Money in suspense keeps the month whose revenue it is; what a restatement releases comes off that month, since
its deltas supersede the lines of that month. What anything else takes off an account comes off its oldest
month first. So the amounts here are the ledger's, to the unit.

The clocks are those of collective management organisations in the EU, counted from the end of the financial
year in which revenue was collected. The month of use is taken for that, which is never later.

Source: Directive 2014/26/EU, article 13. The lengths come from a secondary source and are to be confirmed by
counsel before anyone relies on them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from royalties.entitlement import SuspenseReason
from royalties.ledger import account_of
from royalties.periods import Period, parse_period
from royalties.tables import (
    AllocationRow,
    DeltaRow,
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    RestatementRow,
)

PAY_MONTHS = 9
"""From the end of the financial year to the last day for paying. Source: article 13(1), unconfirmed."""

LIST_MONTHS = PAY_MONTHS + 3
"""To the last day for the list of works not identified. Source: article 13(3), unconfirmed."""

HELD_MONTHS = 36
"""To when what could not be paid is non-distributable. Source: article 13(4), unconfirmed."""

UNIDENTIFIED = (
    SuspenseReason.UNMATCHED_WORK,
    SuspenseReason.UNIDENTIFIED_OWNER,
    SuspenseReason.SHARE_GAP,
    SuspenseReason.MISSING_PAYEE_DATA,
)
"""The reasons for which a work or a rightholder is not identified or not found."""


class Stage(StrEnum):
    """Where an amount stands on its way through the clocks."""

    YEAR_OPEN = "year open"
    TO_PAY = "to pay"
    PAY_OVERDUE = "payment overdue"
    LIST_OVERDUE = "list overdue"
    NON_DISTRIBUTABLE = "non-distributable"


@dataclass(frozen=True, slots=True)
class Clocks:
    """The financial year of a month, and the last days of what the law asks for."""

    year_ends_on: date
    pay_by: date
    list_by: date
    held_until: date

    def stage(self, on: date) -> Stage:
        """Where an amount of that year stands on a day."""
        for last_day, stage in (
            (self.year_ends_on, Stage.YEAR_OPEN),
            (self.pay_by, Stage.TO_PAY),
            (self.list_by, Stage.PAY_OVERDUE),
            (self.held_until, Stage.LIST_OVERDUE),
        ):
            if on <= last_day:
                return stage
        return Stage.NON_DISTRIBUTABLE

    def age_months(self, on: date) -> int:
        """Whole months since the end of the financial year; below zero while it runs."""
        start = self.year_ends_on + timedelta(days=1)
        return (on.year - start.year) * 12 + on.month - start.month + (0 if on.day >= start.day else -1)


@dataclass(frozen=True, slots=True)
class Held:
    """What waits of one month for one reason; `what` is the work or the generation that it concerns."""

    period: str
    reason: str
    what: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Aged:
    """An amount that waits, with its clocks."""

    held: Held
    clocks: Clocks
    stage: Stage
    age_months: int


@dataclass(frozen=True, slots=True)
class DueDay:
    """What is due by a day: the sum of a financial year for which something is asked then."""

    on: date
    what: str
    year_ends_on: date
    currency: str
    amount_minor: int
    overdue: bool


def clocks_of(period: Period, year_starts: int) -> Clocks:
    """The clocks of a month.

    Args:
        year_starts: the month, 1 to 12, in which financial years start.
    """
    starts = period.starts_on
    year = starts.year + (1 if starts.month >= year_starts else 0)
    ends_before = date(year, year_starts, 1)

    def last_day(months: int) -> date:
        month = ends_before.month - 1 + months
        return date(ends_before.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)

    return Clocks(last_day(0), last_day(PAY_MONTHS), last_day(LIST_MONTHS), last_day(HELD_MONTHS))


def age(held: Iterable[Held], on: date, year_starts: int) -> tuple[Aged, ...]:
    """What waits with its age on a day, the oldest first."""
    found = []
    for each in sorted(held, key=lambda each: (each.period, each.reason, each.what, each.currency)):
        clocks = clocks_of(parse_period(each.period), year_starts)
        found.append(Aged(each, clocks, clocks.stage(on), clocks.age_months(on)))
    return tuple(found)


def due_days(aged: Iterable[Aged], on: date) -> tuple[DueDay, ...]:
    """What is due when, for each financial year and currency of which money waits."""
    sums: dict[tuple[Clocks, str], list[int]] = {}
    for each in aged:
        entry = sums.setdefault((each.clocks, each.held.currency), [0, 0])
        entry[0] += each.held.amount_minor
        if each.held.reason in UNIDENTIFIED:
            entry[1] += each.held.amount_minor
    rows = []
    for (clocks, currency), (total, unidentified) in sums.items():
        asked = (
            (clocks.pay_by, "pay what can be paid", total),
            (
                clocks.list_by,
                "make the list of works and rightholders not identified available",
                unidentified,
            ),
            (clocks.held_until, "what still waits becomes non-distributable", total),
        )
        rows += [
            DueDay(day, what, clocks.year_ends_on, currency, minor, day < on)
            for day, what, minor in asked
            if minor
        ]
    return tuple(sorted(rows, key=lambda row: (row.on, row.year_ends_on, row.currency, row.what)))


def release_oldest(months: Mapping[str, int], change: Mapping[str, int]) -> dict[str, int]:
    """What is left of each month after other movements of the same account.

    What was taken off comes off the oldest months first; what was put on joins the month it was put on in.
    A month that is below zero, since more was taken off than there was, keeps that in the newest.

    Returns:
        Amounts that sum to those of both, none of 0.
    """
    left = dict(months)
    for month, minor in change.items():
        if minor > 0:
            left[month] = left.get(month, 0) + minor
    taken = -sum(minor for minor in change.values() if minor < 0)
    for month in sorted(left):
        off = min(max(left[month], 0), taken)
        left[month] -= off
        taken -= off
    if taken:
        newest = max([*left, *change])
        left[newest] = left.get(newest, 0) - taken
    return {month: minor for month, minor in sorted(left.items()) if minor}


def held_in_suspense(session: Session, known_until: datetime) -> list[Held]:
    """What waits in suspense by everything that was posted until an instant; it sums to those accounts."""
    lines = _by_lines(session, known_until)
    other = _other_movements(session, known_until)
    found = []
    for account, currency in sorted(lines.keys() | other.keys()):
        _, reason, what = account.split(":", 2)
        left = release_oldest(lines.get((account, currency), {}), other.get((account, currency), {}))
        found += [Held(period, reason, what, currency, minor) for period, minor in left.items()]
    return sorted(found, key=lambda each: (each.period, each.reason, each.what, each.currency))


_ByMonth = dict[tuple[str, str], dict[str, int]]


def _by_lines(session: Session, until: datetime) -> _ByMonth:
    """(account, currency) to what runs and restatements say of each month."""
    row, run, delta, restatement = AllocationRow, DistributionRun, DeltaRow, RestatementRow
    of_runs = (
        select(run.period, run.currency, row.payee_id, row.reason, func.sum(row.amount_minor))
        .join(run, run.id == row.run_id)
        .where(row.payee_kind == "suspense", run.run_at <= until)
        .group_by(run.period, run.currency, row.payee_id, row.reason)
    )
    of_deltas = (
        select(
            restatement.restates,
            restatement.currency,
            delta.payee_id,
            delta.reason,
            func.sum(delta.amount_minor),
        )
        .join(restatement, restatement.id == delta.restatement_id)
        .where(delta.payee_kind == "suspense", restatement.restated_at <= until)
        .group_by(restatement.restates, restatement.currency, delta.payee_id, delta.reason)
    )
    sums: _ByMonth = {}
    for query in (of_runs, of_deltas):
        for period, currency, what, reason, minor in session.execute(query):
            months = sums.setdefault((account_of("suspense", what, reason), currency), {})
            months[period] = months.get(period, 0) + int(minor)
    return sums


def _other_movements(session: Session, until: datetime) -> _ByMonth:
    """(account, currency) to what postings that are of no run and no restatement moved in each month."""
    entry, posting = LedgerEntry, LedgerPosting
    query = (
        select(entry.account, entry.currency, posting.period, func.sum(entry.amount_minor))
        .join(posting, posting.id == entry.posting_id)
        .where(
            entry.account.startswith("suspense:", autoescape=True),
            posting.posted_at <= until,
            posting.run_id.is_(None),
        )
        .group_by(entry.account, entry.currency, posting.period)
    )
    sums: _ByMonth = {}
    for account, currency, period, minor in session.execute(query):
        sums.setdefault((account, currency), {})[period] = int(minor)
    return sums


def unidentified(aged: Sequence[Aged]) -> dict[tuple[str, str], tuple[str, str]]:
    """(reason, work or generation) to the first and the last month, of what is not identified or found."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for each in aged:
        held = each.held
        if held.what and held.reason in UNIDENTIFIED and held.amount_minor > 0:
            first, last = found.get((held.reason, held.what), (held.period, held.period))
            found[held.reason, held.what] = (min(first, held.period), max(last, held.period))
    return dict(sorted(found.items()))
