"""Which periods are closed, and what came too late for them?

Closing a period settles every payee's account, and posts that as the last of the period. A closed period
stays closed: no run and no restatement posts in it, which triggers hold on both databases. Usage of its days
is still taken in; it is for a restatement. Months are closed in their order: one that has a run, or usage
that could be run, holds up the later ones.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from royalties.errors import CloseRefusedError, CurrencyMismatchError
from royalties.ledger import head_of, lock_ledger
from royalties.periods import Period, month_of, parse_period
from royalties.settling import settle_period
from royalties.tables import DistributionRun, PeriodClose, RestatementRow, SettlementRow, UsageTotalRow


@dataclass(frozen=True, slots=True)
class Closing:
    """A period that is closed, the run it was closed with, and where the ledger stood then.

    So many payees' accounts were settled; so much of them is payable, and so much is carried forward.
    """

    period: str
    run: str
    run_digest: str
    ledger_sequence: int
    ledger_digest: str
    closed_at: datetime
    payees: int
    payable_minor: int
    carried_minor: int
    currency: str


def close_period(session: Session, period: Period, *, closed_at: datetime) -> Closing:
    """Settles and closes a period, within the caller's transaction; a closed one stays as it was closed.

    Raises:
        CloseRefusedError: the period was not run, or an earlier one is open.
    """
    lock_ledger(session)
    run = session.scalars(select(DistributionRun).where(DistributionRun.period == period.name)).one_or_none()
    if run is None:
        raise CloseRefusedError(f"{period.name} was not distributed: run its distribution, then close it")
    closing = find_closing(session, period.name)
    if closing is None:
        waiting = open_before(session, period)
        if waiting:
            raise CloseRefusedError(
                f"{period.name} cannot be closed while {', '.join(waiting)} is open: run and close the "
                "earlier months first"
            )
        settle_period(session, run, period, posted_at=closed_at)
        sequence, digest = head_of(session)
        closing = PeriodClose(
            period=period.name, ledger_sequence=sequence, ledger_digest=digest, closed_at=closed_at
        )
        session.add(closing)
        session.flush()
    return _closing(session, closing, run)


def _closing(session: Session, closing: PeriodClose, run: DistributionRun) -> Closing:
    row = SettlementRow
    sums = select(func.count(), func.sum(row.payable_minor), func.sum(row.carried_minor))
    payees, payable_minor, carried_minor = session.execute(sums.where(row.period == run.period)).one()
    return Closing(
        period=run.period,
        run=run.id,
        run_digest=run.digest,
        ledger_sequence=closing.ledger_sequence,
        ledger_digest=closing.ledger_digest,
        closed_at=closing.closed_at,
        payees=payees,
        payable_minor=int(payable_minor or 0),
        carried_minor=int(carried_minor or 0),
        currency=run.currency,
    )


def find_closing(session: Session, period: str) -> PeriodClose | None:
    """On what terms a period was closed; nothing, if it is open."""
    return session.get(PeriodClose, period)


def last_closed(session: Session) -> Period | None:
    """The newest closed period; the month after it is where restatements are posted."""
    name = session.scalar(select(func.max(PeriodClose.period)))
    return None if name is None else parse_period(name)


def open_before(session: Session, period: Period) -> list[str]:
    """The earlier months that have a run or could be run, and are not closed.

    A month whose refunds exceed its revenue cannot be run, and holds up nothing.
    """
    closed = set(session.scalars(select(PeriodClose.period)))
    runs = session.scalars(select(DistributionRun.period).where(DistributionRun.period < period.name))
    row = UsageTotalRow
    days = select(row.used_on, func.sum(row.revenue_minor)).where(row.used_on < period.starts_on)
    revenue: dict[str, int] = {}
    for day, minor in session.execute(days.group_by(row.used_on)):
        revenue[month_of(day)] = revenue.get(month_of(day), 0) + int(minor)
    could_run = {month for month, minor in revenue.items() if minor >= 0}
    return sorted((set(runs) | could_run) - closed)


def late_usage(session: Session, batch: str) -> list[Finding]:
    """Which months a usage file came too late for: they were distributed without it."""
    days = select(UsageTotalRow.used_on).where(UsageTotalRow.batch_id == batch).distinct()
    findings = []
    for month in sorted({month_of(day) for day in session.scalars(days)}):
        if batch in _undistributed(session, parse_period(month)):
            message = f"{month} was distributed before this file came: restate it to pay this usage"
            findings.append(Finding("LATE_USAGE", month, message, Severity.INFO))
    return findings


def _undistributed(session: Session, period: Period) -> set[str]:
    """The batches with usage of a distributed period that neither its run nor a restatement counted."""
    run = select(DistributionRun.inputs).where(DistributionRun.period == period.name)
    restated = (
        select(RestatementRow.inputs)
        .where(RestatementRow.restates == period.name)
        .order_by(RestatementRow.number.desc())
        .limit(1)
    )
    counted = session.scalar(restated) or session.scalar(run)
    if counted is None:
        return set()
    row = UsageTotalRow
    there = select(row.batch_id).where(row.used_on >= period.starts_on, row.used_on < period.ends_before_on)
    return set(session.scalars(there)) - set(json.loads(counted)["batches"].split())


def check_currency(session: Session, period: Period, currency: str, *, is_converted: bool = False) -> None:
    """Passes if nothing that stands on the statements of a period is in another currency.

    Args:
        is_converted: whether the policy converts usage, so that it may be in any.

    Raises:
        CurrencyMismatchError: its run, its usage, or a restatement that is posted in it is.
    """
    row = UsageTotalRow
    within = (row.used_on >= period.starts_on, row.used_on < period.ends_before_on)
    there = {
        *session.scalars(select(DistributionRun.currency).where(DistributionRun.period == period.name)),
        *session.scalars(select(RestatementRow.currency).where(RestatementRow.period == period.name)),
        *(() if is_converted else session.scalars(select(row.currency).where(*within).distinct())),
    }
    foreign = sorted(there - {currency})
    if foreign:
        raise CurrencyMismatchError(
            f"{period.name} has amounts in {', '.join(foreign)}, and these would be in {currency}; a "
            "statement has one currency: post in another month"
        )
