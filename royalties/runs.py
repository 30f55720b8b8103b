"""How is a period distributed once, and only once?

A run reads the usage of its period from the database, takes attributions, exposure and shares as values,
divides the money, and writes run, allocations and ledger in the caller's one transaction: after a crash
either all of it is there or nothing. Its id follows from what went in, its digest from what came out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.database import derive_id
from royalties.closing import check_currency, find_closing
from royalties.digests import digest_rows, told
from royalties.distribution import Distribution
from royalties.entitlement import Attribution, Exposure, Inputs, PayeeKind, UsageTotal
from royalties.errors import NotFoundError, PeriodAlreadyRunError, PeriodClosedError
from royalties.gathering import Gathered, changed_inputs, divide, gather
from royalties.ledger import lock_ledger, post
from royalties.money import PPM
from royalties.periods import Period
from royalties.policy import Policy
from royalties.postings import postings_of
from royalties.tables import AllocationRow, DistributionRun, RunGeneration, add_rows
from royalties.usage_kept import write_changed, write_rates


@dataclass(frozen=True, slots=True)
class RunReport:
    """A posted run: the pool is what was allocated plus what is in suspense.

    `shortfalls` says in words what the policy promises and the revenue did not cover.
    """

    run: str
    period: str
    currency: str
    gross_minor: int
    pool_minor: int
    allocated_minor: int
    suspense_minor: int
    parties: int
    digest: str
    shortfalls: tuple[str, ...] = ()


def run_distribution(
    session: Session, period: Period, policy: Policy, inputs: Inputs, *, run_at: datetime
) -> RunReport:
    """Distributes a period by a policy, or returns the run that already did so from the same inputs.

    Raises:
        PeriodAlreadyRunError: the period was run from other inputs.
        PeriodClosedError: it was, and is closed.
        NothingToDistributeError: there is no usage, or less revenue than refunds.
        CurrencyMismatchError: some usage is in another currency than the policy, which names no rates, or a
            restatement that is posted in the period is.
        MissingRateError: a direct rate is missing.
        AttributionRefusedError: an attribution does not sum to 1,000,000 ppm.
    """
    lock_ledger(session)
    gathered = gather(session, period, policy, inputs)
    digests = gathered.digests
    run_id = derive_id("dist", period.name, *(f"{name}={value}" for name, value in digests.items()))
    earlier = find_run(session, period)
    if earlier is not None:
        return _same_run(session, earlier, run_id, gathered)
    check_currency(session, period, policy.currency, is_converted=bool(policy.rates))
    distribution = divide(gathered)
    report = post_distribution(session, run_id, period, policy, gathered.recorded, distribution, run_at)
    write_rates(session, run_id, "", gathered.rates)
    write_changed(session, run_id, gathered.changed, gathered.rates)
    _write_generations(session, run_id, gathered.usage, gathered.attributions)
    return report


def post_distribution(
    session: Session,
    run_id: str,
    period: Period,
    policy: Policy,
    inputs: str,
    distribution: Distribution,
    run_at: datetime,
) -> RunReport:
    """Writes a run with its allocations, and posts it to the ledger.

    Args:
        inputs: what went into it, as canonical JSON: digests by name, and the `batches` of its usage.
    """
    run = _run_row(run_id, period, policy, inputs, distribution, run_at)
    session.add(run)
    session.flush()
    _write_allocations(session, run_id, distribution)
    post(
        session,
        list(postings_of(distribution, period)),
        run_id=run_id,
        period=period.name,
        currency=policy.currency,
        posted_at=run_at,
    )
    return _report(run, distribution)


def find_run(session: Session, period: Period) -> DistributionRun | None:
    """The run of a period, if there is one."""
    query = select(DistributionRun).where(DistributionRun.period == period.name)
    return session.execute(query).scalar_one_or_none()


def get_run(session: Session, period: Period) -> DistributionRun:
    """The run of a period.

    Raises:
        NotFoundError: it was not run.
    """
    run = find_run(session, period)
    if run is None:
        raise NotFoundError(f"{period.name} was not distributed yet: run its distribution first")
    return run


def make_exposure(events: Mapping[str, int]) -> Exposure:
    """Exposure with its digest.

    Raises:
        ValueError: a count is negative.
    """
    if any(count < 0 for count in events.values()):
        raise ValueError("a model sees no work a negative number of times")
    return Exposure(dict(sorted(events.items())), digest_rows(sorted(events.items())))


def report_of_run(run: DistributionRun) -> RunReport:
    """What was told of a run that is there, without its shortfalls."""
    return _report(run, None)


def _same_run(session: Session, earlier: DistributionRun, run_id: str, gathered: Gathered) -> RunReport:
    if earlier.id == run_id:
        return _report(earlier, divide(gathered) if gathered.policy.can_fall_short else None)
    refusal = PeriodAlreadyRunError if find_closing(session, earlier.period) is None else PeriodClosedError
    raise refusal(earlier.period, earlier.id, changed_inputs(earlier.inputs, gathered.digests))


def _report(run: DistributionRun, distribution: Distribution | None) -> RunReport:
    shortfalls = distribution.shortfalls if distribution else ()
    return RunReport(
        run=run.id,
        period=run.period,
        currency=run.currency,
        gross_minor=run.gross_minor,
        pool_minor=run.pool_minor,
        allocated_minor=run.allocated_minor,
        suspense_minor=run.suspense_minor,
        parties=run.num_parties,
        digest=run.digest,
        shortfalls=tuple(each.sentence(run.currency) for each in shortfalls),
    )


def _run_row(
    run_id: str, period: Period, policy: Policy, inputs: str, distribution: Distribution, run_at: datetime
) -> DistributionRun:
    parties = {e.payee for e in distribution.allocations if e.payee.kind is PayeeKind.PARTY}
    return DistributionRun(
        id=run_id,
        period=period.name,
        currency=distribution.currency,
        policy_source=policy.source,
        inputs=inputs,
        digest=digest_rows(map(told, _allocation_cells(distribution))),
        gross_minor=distribution.gross_minor,
        deductions_minor=distribution.deductions_minor,
        provider_minor=distribution.provider_minor,
        pool_minor=distribution.pool_minor,
        allocated_minor=distribution.allocated_minor,
        suspense_minor=distribution.suspense_minor,
        num_parties=len(parties),
        run_at=run_at,
    )


def _write_generations(
    session: Session, run_id: str, usage: Sequence[UsageTotal], attributions: Mapping[str, Attribution]
) -> None:
    sums: dict[str, list[int]] = {}
    for total in usage:
        entry = sums.setdefault(total.generation, [0, 0])
        entry[0] += total.units
        entry[1] += total.revenue_minor
    nothing = Attribution("", {}, PPM, "none", "")
    rows = []
    for generation, (units, revenue_minor) in sorted(sums.items()):
        found = attributions.get(generation, nothing)
        rows.append(
            {
                "run_id": run_id,
                "generation_id": generation,
                "attribution_digest": found.digest,
                "method": found.method,
                "model": found.model,
                "reliability": found.reliability,
                "unattributed_ppm": found.unattributed_ppm,
                "units": units,
                "revenue_minor": revenue_minor,
            }
        )
    add_rows(session, RunGeneration, rows)


_ALLOCATION_COLUMNS = tuple(
    column.name for column in AllocationRow.__table__.columns if column.name not in ("run_id", "line_no")
)


def _allocation_cells(distribution: Distribution) -> Iterator[tuple[str | int, ...]]:
    """The cells of each allocation, in the order of the table's columns."""
    for each in distribution.allocations:
        payee, line = each.payee, each.line
        yield (
            each.pot, str(payee.kind), payee.id, payee.reason,
            line.method, line.generation, line.territory, line.work,
            line.share_ppm, line.basis, line.basis_total, line.evidence,
            each.units, each.revenue_minor, each.amount_minor,
            line.role, line.on_behalf_of, line.agreement,
        )  # fmt: skip


def _write_allocations(session: Session, run_id: str, distribution: Distribution) -> None:
    rows = [
        {"run_id": run_id, "line_no": line_no, **dict(zip(_ALLOCATION_COLUMNS, cells, strict=True))}
        for line_no, cells in enumerate(_allocation_cells(distribution), start=1)
    ]
    add_rows(session, AllocationRow, rows)
