"""How does a run in a folder become a run of a home, with ledger, statements, settlement and payments?

Every payee's amount out of every pot is one line of the home's run, whose evidence is the folder's run. The
lines behind it stay where they are, and `lines_of` computes them: to the unit, those of the home's line.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from catalog.findings import Finding
from royalties.bulk.running import BulkRun
from royalties.bulk.verifying import verify_run
from royalties.closing import check_currency, find_closing
from royalties.digests import canonical_json
from royalties.divided import Allocation, Distribution, PoolResult, PotResult, check_distribution
from royalties.entitlement import Line, Payee, PayeeKind
from royalties.errors import BulkRefusedError, LedgerError, PeriodAlreadyRunError, PeriodClosedError
from royalties.ledger import lock_ledger
from royalties.policy import DestinationKind
from royalties.runs import RunReport, find_run, post_distribution, report_of_run

METHOD = "bulk"
"""The method of a line that stands for lines in a folder."""


def post_bulk(session: Session, run: BulkRun, pack: Path, *, run_at: datetime) -> RunReport:
    """Posts a folder's run as the home's run of its period, or returns the one that did so already.

    It is verified first: its tables are digested, and every amount is computed again.

    Raises:
        BulkRefusedError: it is not what its manifest says.
        PeriodAlreadyRunError: the period was run from something else.
        PeriodClosedError: it was, and is closed.
        CurrencyMismatchError: what is stated in the period is in another currency.
    """
    faults = [
        Finding("BULK_NOT_VALID", each.name, each.found) for each in verify_run(run, pack) if not each.holds
    ]
    if faults:
        raise BulkRefusedError(str(run.folder), faults)
    lock_ledger(session)
    earlier = find_run(session, run.period)
    if earlier is not None and earlier.id == run.id:
        return report_of_run(earlier)
    if earlier is not None:
        closed = find_closing(session, run.period.name) is not None
        refusal = PeriodClosedError if closed else PeriodAlreadyRunError
        raise refusal(run.period.name, earlier.id, ["the run, which now is one in a folder"])
    check_currency(session, run.period, run.policy.currency)
    distribution = distribution_of(run)
    wrong = check_distribution(distribution)
    if wrong:
        raise LedgerError(f"the run {run.id} does not add up: {'; '.join(wrong)}")
    known = {"policy": run.policy.digest, "bulk": run.id, "batches": ""}
    inputs = canonical_json({**run.body["inputs"], **known})
    return post_distribution(session, run.id, run.period, run.policy, inputs.decode(), distribution, run_at)


def distribution_of(run: BulkRun) -> Distribution:
    """What a run divides, with one line for each payee and pot."""
    totals = {name: int(value) for name, value in run.body["totals"].items()}
    [pool] = run.policy.all_pools
    pots = tuple(
        PotResult(each["name"], int(each["own_minor"]), int(each["received_minor"]), pool.name)
        for each in run.body["pots"]
    )
    lines = list(_lines(run))
    return Distribution(
        currency=run.policy.currency,
        gross_minor=totals["gross_minor"],
        deductions_minor=totals["deductions_minor"],
        provider_minor=totals["provider_minor"],
        pool_minor=totals["pool_minor"],
        pots=pots,
        allocations=tuple(each for each in lines if not _is_passed_on(each.payee)),
        passed_on=tuple(each for each in lines if _is_passed_on(each.payee)),
        pools=(PoolResult(pool.name, pool.right, "pool", totals["pool_minor"], 0),),
    )


def _lines(run: BulkRun) -> Iterator[Allocation]:
    line = Line(METHOD, evidence=run.id)
    rows = run.table("payees").sort("pot", "kind", "id", "reason").collect()
    for pot, kind, name, reason, amount_minor in rows.iter_rows():
        yield Allocation(pot, Payee(PayeeKind(kind), name, reason), line, 0, 0, amount_minor)


def _is_passed_on(payee: Payee) -> bool:
    return payee.kind is PayeeKind.ACCOUNT and payee.id.startswith(f"{DestinationKind.POT}:")
