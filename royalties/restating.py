"""How is a closed period restated, once for each change of what is known?

Reads what was stated (the run and every restatement since), computes the period anew, and writes the
differences in the caller's one transaction: after a crash either all of it is there or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from catalog.database import derive_id
from royalties.closing import check_currency, find_closing, last_closed
from royalties.digests import digest_rows, told
from royalties.distribution import Allocation, Distribution
from royalties.entitlement import Inputs, Line, Payee, PayeeKind
from royalties.errors import CurrencyMismatchError, RestateRefusedError
from royalties.gathering import Gathered, changed_inputs, divide, folder_run, gather, rates_known
from royalties.ledger import Posting, lock_ledger, post
from royalties.periods import Period
from royalties.policy import Policy, stated_policy
from royalties.postings import told_shortfalls
from royalties.restatement import Delta, Source, Stated, Totals, compare, movements_of, totals_of
from royalties.runs import get_run
from royalties.tables import AllocationRow, DeltaRow, DistributionRun, RestatementRow, add_rows
from royalties.usage_kept import write_rates


class RatesAsOf(StrEnum):
    """Which rates convert the usage of a period that is restated."""

    STATED = "stated"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class RestatementReport:
    """What a restatement changed. Where nothing did, `restatement` is empty and so are the deltas.

    The deltas sum to `pool_minor - earlier_pool_minor`; `supersedes` is the run or the restatement before.
    """

    restatement: str
    restates: str
    period: str
    run: str
    supersedes: str
    currency: str
    earlier_pool_minor: int
    pool_minor: int
    changed: tuple[str, ...]
    deltas: tuple[Delta, ...]
    digest: str


def restate(
    session: Session,
    restates: Period,
    policy: Policy,
    inputs: Inputs,
    *,
    posted_in: Period | None = None,
    restated_at: datetime,
    rates: RatesAsOf = RatesAsOf.STATED,
) -> RestatementReport:
    """Computes a closed period anew and posts what differs, in an open period.

    Args:
        policy: see `policy_in_force`, unless it is the policy that was wrong.
        posted_in: an open period, else the first after the last closed one.
        rates: by which usage is converted, those known when the period was stated last or those known now.

    Raises:
        NotFoundError: the period was not run.
        RestateRefusedError: it is open, or the one to post in is not.
        CurrencyMismatchError: the policy, some usage or the open period is in another currency.
        MissingRateError: a direct rate is missing.
        NothingToDistributeError: the refunds exceed the revenue.
        AttributionRefusedError: an attribution does not sum to 1,000,000 ppm.
    """
    lock_ledger(session)
    run = get_run(session, restates)
    period = _posting_period(session, restates, posted_in)
    _check_restatable(session, run, policy, period)
    before = read_stated(session, run)
    gathered = gather(session, restates, policy, inputs, rates_known=_known(before, rates))
    distribution = divide(gathered)
    deltas = compare(before.lines, distribution.allocations)
    moved = movements_of(_totals(before.last), totals_of(distribution), deltas)
    restatement_id = ""
    if deltas or moved:
        restatement_id = _write(session, before, period, gathered, distribution, deltas, restated_at)
        what = f"Restatement of {restates.name} as {before.last.id} has it{told_shortfalls(distribution)}"
        post(
            session,
            [Posting("restatement", what, moved)],
            run_id=run.id,
            restatement_id=restatement_id,
            period=period.name,
            currency=run.currency,
            posted_at=restated_at,
        )
    return RestatementReport(
        restatement=restatement_id,
        restates=restates.name,
        period=period.name,
        run=run.id,
        supersedes=before.last.id,
        currency=run.currency,
        earlier_pool_minor=before.last.pool_minor,
        pool_minor=distribution.pool_minor,
        changed=tuple(changed_inputs(before.last.inputs, gathered.digests)),
        deltas=deltas,
        digest=_digest(run.id, deltas),
    )


def _known(before: "StatedPeriod", rates: RatesAsOf) -> int | None:
    return rates_known(before.last.inputs) if rates is RatesAsOf.STATED else None


def policy_in_force(session: Session, period: Period) -> Policy:
    """The policy by which a period was stated last: its run's, until a restatement named another.

    Raises:
        NotFoundError: the period was not run.
    """
    run = get_run(session, period)
    return policy_of(_last(run, _restatements(session, run)))


def policy_of(stated: DistributionRun | RestatementRow) -> Policy:
    """The policy that a run or a restatement was made by."""
    return stated_policy(stated.policy_source)


@dataclass(frozen=True, slots=True)
class StatedPeriod:
    """What was stated of a period so far: its run, the newest restatement (else the run), every line."""

    run: DistributionRun
    last: DistributionRun | RestatementRow
    num_restatements: int
    lines: tuple[Stated, ...]


def read_stated(session: Session, run: DistributionRun) -> StatedPeriod:
    """The lines of a run as every restatement since has left them."""
    # columns, not objects: a month may have hundreds of thousands of lines
    row, delta = AllocationRow, DeltaRow
    rows = select(*row.__table__.columns).where(row.run_id == run.id).order_by(row.line_no)
    lines = {
        Source(run.id, each.line_no): _allocation(each, each.amount_minor) for each in session.execute(rows)
    }
    restatements = _restatements(session, run)
    for restatement in restatements:
        deltas = select(*delta.__table__.columns).where(delta.restatement_id == restatement.id)
        for each in session.execute(deltas.order_by(delta.line_no)):
            superseded = source_of(each)
            if superseded is not None:
                del lines[superseded]
            lines[Source(restatement.id, each.line_no)] = _allocation(each, each.after_minor)
    stated = tuple(Stated(source, allocation) for source, allocation in lines.items())
    return StatedPeriod(run, _last(run, restatements), len(restatements), stated)


def source_of(row: DeltaRow | Row[Any]) -> Source | None:
    """The line that a delta supersedes; nothing, if there was none."""
    if row.run_id is not None and row.run_line_no is not None:
        return Source(row.run_id, row.run_line_no)
    if row.earlier_id is not None and row.earlier_line_no is not None:
        return Source(row.earlier_id, row.earlier_line_no)
    return None


def _posting_period(session: Session, restates: Period, chosen: Period | None) -> Period:
    last = last_closed(session)
    if last is None or find_closing(session, restates.name) is None:
        raise RestateRefusedError(
            f"{restates.name} is open, and a restatement is posted in a month after it: close it first "
            f"('contrafact royalties close --period {restates.name}')"
        )
    if chosen is not None and chosen.name <= last.name:
        raise RestateRefusedError(
            f"a restatement is posted after the last closed month, {last.name}; {chosen.name} is not: "
            f"leave the month out, or name {last.following.name} or a later one"
        )
    return chosen or last.following


def _check_restatable(session: Session, run: DistributionRun, policy: Policy, period: Period) -> None:
    if folder_run(run.inputs):
        raise RestateRefusedError(
            f"{run.period} was divided in a folder and posted as {run.id}: its lines are not here, so that "
            "nothing can be compared with them line by line"
        )
    if policy.currency != run.currency:
        raise CurrencyMismatchError(
            f"{run.period} was distributed in {run.currency}, the policy pays in {policy.currency}: restate "
            "it by a policy in the same currency"
        )
    check_currency(session, period, run.currency, is_converted=bool(policy.rates))


def _restatements(session: Session, run: DistributionRun) -> list[RestatementRow]:
    row = RestatementRow
    return list(session.scalars(select(row).where(row.run_id == run.id).order_by(row.number)))


def _last(run: DistributionRun, restatements: Sequence[RestatementRow]) -> DistributionRun | RestatementRow:
    return restatements[-1] if restatements else run


def _allocation(row: Row[Any], amount_minor: int) -> Allocation:
    return Allocation(
        pot=row.pot,
        payee=Payee(PayeeKind(row.payee_kind), row.payee_id, row.reason),
        line=Line(
            row.method,
            row.generation_id,
            row.territory,
            row.work_id,
            row.share_ppm,
            row.basis,
            row.basis_total,
            row.evidence,
            row.role,
            row.on_behalf_of,
            row.agreement,
        ),
        units=row.units,
        revenue_minor=row.revenue_minor,
        amount_minor=amount_minor,
    )


def _totals(stated: DistributionRun | RestatementRow) -> Totals:
    return Totals(stated.gross_minor, stated.deductions_minor, stated.provider_minor, stated.pool_minor)


_DELTA_COLUMNS = tuple(
    column.name for column in DeltaRow.__table__.columns if column.name not in ("restatement_id", "line_no")
)


def _cells(run_id: str, delta: Delta) -> tuple[str | int | None, ...]:
    """The cells of a delta, in the order of the table's columns."""
    after, payee, line = delta.after, delta.after.payee, delta.after.line
    source = delta.before.source if delta.before else None
    of_run = source if source and source.document == run_id else (None, None)
    of_earlier = source if source and source.document != run_id else (None, None)
    return (
        *of_run, *of_earlier,
        after.pot, str(payee.kind), payee.id, payee.reason,
        line.method, line.generation, line.territory, line.work,
        line.share_ppm, line.basis, line.basis_total, line.evidence,
        after.units, after.revenue_minor, delta.before_minor, after.amount_minor, delta.amount_minor,
        line.role, line.on_behalf_of, line.agreement,
    )  # fmt: skip


def _digest(run_id: str, deltas: Sequence[Delta]) -> str:
    rows = (["" if cell is None else cell for cell in _cells(run_id, delta)] for delta in deltas)
    return digest_rows(map(told, rows))


def _write(
    session: Session,
    before: StatedPeriod,
    period: Period,
    gathered: Gathered,
    distribution: Distribution,
    deltas: Sequence[Delta],
    restated_at: datetime,
) -> str:
    """Writes a restatement with its deltas; returns its id, which follows from all that went in."""
    run, last = before.run, before.last
    inputs = (f"{name}={value}" for name, value in gathered.digests.items())
    restatement_id = derive_id("rst", last.id, period.name, *inputs)
    session.add(
        RestatementRow(
            id=restatement_id,
            run_id=run.id,
            number=before.num_restatements + 1,
            earlier_id=last.id if before.num_restatements else None,
            restates=run.period,
            period=period.name,
            currency=run.currency,
            policy_source=gathered.policy.source,
            inputs=gathered.recorded,
            digest=_digest(run.id, deltas),
            gross_minor=distribution.gross_minor,
            deductions_minor=distribution.deductions_minor,
            provider_minor=distribution.provider_minor,
            pool_minor=distribution.pool_minor,
            allocated_minor=distribution.allocated_minor,
            suspense_minor=distribution.suspense_minor,
            restated_at=restated_at,
        )
    )
    session.flush()
    write_rates(session, run.id, restatement_id, gathered.rates)
    rows = [
        {"restatement_id": restatement_id, "line_no": line_no}
        | dict(zip(_DELTA_COLUMNS, _cells(run.id, delta), strict=True))
        for line_no, delta in enumerate(deltas, start=1)
    ]
    add_rows(session, DeltaRow, rows)
    return restatement_id
