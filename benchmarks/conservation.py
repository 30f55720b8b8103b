"""Does every unit of a thousand random months come out where somebody can say why?

Each month goes the whole way through a database of its own: a usage file in, a run, its statements,
advances, the closing that settles every account by random terms, then refunds and other shares, and a
restatement. Every sum that must hold is computed from what was written, not from what the run says of itself;
one that does not hold stops the campaign with the seed.

Run alone with `python -m benchmarks.conservation [--runs 1000] [--seed 1]`.
"""

import argparse
import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.random_months import Month, a_month, later_known, some_advances, some_terms, write_lines
from catalog.database import open_engine
from migrations import upgrade
from royalties.closing import close_period
from royalties.errors import NothingToDistributeError
from royalties.ledger import balances, check_ledger
from royalties.movements import post_movement
from royalties.periods import Period, parse_period
from royalties.recorded_terms import record_terms
from royalties.restating import restate
from royalties.runs import run_distribution
from royalties.statements import Names, list_payees, make_statement
from royalties.tables import AllocationRow, DeltaRow, SettlementRow
from royalties.terms import parse_terms
from royalties.usage import UsageFormat, import_usage

OCTOBER = parse_period("2026-10")
NOVEMBER = parse_period("2026-11")
NOW = datetime(2026, 11, 2, tzinfo=UTC)
WORKERS = 2
"""Processes side by side; each month is its own database, so their number changes nothing."""


class NotConservedError(Exception):
    """A sum that does not hold, with the seed of the month that showed it."""


def distribute_month(seed: int, template: Path) -> Counter[str]:
    """What became of one random month's money, in minor units.

    Raises:
        NotConservedError: a sum does not hold.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(template, folder / "month.db")
        engine = open_engine(f"sqlite:///{folder / 'month.db'}")
        try:
            with Session(engine) as session:
                return _whole_way(session, folder, seed)
        finally:
            engine.dispose()


def _whole_way(session: Session, folder: Path, seed: int) -> Counter[str]:
    month = a_month(seed)
    _take_in(session, folder, month, "usage.parquet")
    inputs = replace(month.inputs, usage_lines=folder / "usage")
    report = run_distribution(session, OCTOBER, month.policy, inputs, run_at=NOW)
    session.commit()
    counts = Counter(
        runs=1,
        lines=len(month.lines),
        gross=report.gross_minor,
        pool=report.pool_minor,
        allocated=report.allocated_minor,
        suspense=report.suspense_minor,
        shortfalls=len(report.shortfalls),
    )
    allocated = session.scalar(select(func.sum(AllocationRow.amount_minor))) or 0
    _expect(seed, "allocation lines are the pool", int(allocated), report.pool_minor)
    _expect(seed, "statements are the pool", _stated(session, OCTOBER), report.pool_minor)
    _check_whole(session, seed)
    counts += _settled(session, OCTOBER, seed)
    counts += _restated(session, folder, month, seed)
    _check_whole(session, seed)
    return counts


def _settled(session: Session, period: Period, seed: int) -> Counter[str]:
    """The month closed and every account settled by random terms; what was owed is all somewhere."""
    owed_minor = _on_accounts(session)
    terms, findings = parse_terms(some_terms(seed))
    assert terms is not None, findings
    record_terms(session, terms, recorded_at=NOW)
    for advance in some_advances(seed):
        post_movement(session, advance, recorded_at=NOW)
    close_period(session, period, closed_at=NOW)
    session.commit()
    row = SettlementRow
    names = (
        row.recouped_minor, row.held_minor, row.released_minor, row.withheld_minor, row.payable_minor,
        row.carried_minor,
    )  # fmt: skip
    sums = select(*(func.coalesce(func.sum(name), 0) for name in names)).where(row.period == period.name)
    recouped, held, released, withheld, payable, carried = map(int, session.execute(sums).one())
    where_minor = recouped + held - released + withheld + payable + carried
    _expect(seed, f"what was owed in {period.name} is settled", where_minor, owed_minor)
    _expect(seed, "what is carried is on the accounts", _on_accounts(session), carried)
    _check_whole(session, seed)
    return Counter(
        settled=1, recouped=recouped, held=held, withheld=withheld, payable=payable, carried=carried
    )


def _on_accounts(session: Session) -> int:
    """What the ledger says that payees may claim and nobody has settled."""
    return sum(
        balance
        for (account, _), balance in balances(session).items()
        if account.split(":")[0] in ("party", "fund", "provider") and account != "provider:retained"
    )


def _restated(session: Session, folder: Path, month: Month, seed: int) -> Counter[str]:
    later = later_known(month, seed)
    if later.lines:
        _take_in(session, folder, later, "later.parquet")
    try:
        inputs = replace(later.inputs, usage_lines=folder / "usage")
        report = restate(session, OCTOBER, later.policy, inputs, restated_at=NOW)
    except NothingToDistributeError:  # more was refunded than sold
        session.rollback()
        return Counter(not_restated=1)
    session.commit()
    change_minor = report.pool_minor - report.earlier_pool_minor
    deltas = session.scalar(select(func.sum(DeltaRow.amount_minor))) or 0
    _expect(seed, "deltas are the change of the pool", int(deltas), change_minor)
    if report.restatement:
        following = parse_period(report.period)
        assert following == NOVEMBER
        _expect(seed, "statements of corrections are the change", _stated(session, following), change_minor)
    return Counter(restatements=1, deltas=len(report.deltas), changed=abs(change_minor))


def _take_in(session: Session, folder: Path, month: Month, name: str) -> None:
    path = write_lines(month.lines, folder / name)
    report = import_usage(session, folder / "usage", UsageFormat.PARQUET, path, imported_at=NOW)
    assert (report.lines, report.quarantined) == (len(month.lines), 0)


def _stated(session: Session, period: Period) -> int:
    statements = (make_statement(session, period, payee, Names()) for payee in list_payees(session, period))
    return sum(statement.earned_minor + statement.restated_minor for statement in statements)


def _check_whole(session: Session, seed: int) -> None:
    _expect(seed, "the ledger is whole", [finding.message for finding in check_ledger(session)], [])
    _expect(seed, "the ledger sums to nothing", sum(balances(session).values()), 0)


def _expect(seed: int, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise NotConservedError(f"seed {seed}: {what}: found {found}, expected {expected}")


def campaign(runs: int, seed: int) -> Counter[str]:
    """The sums over that many random months."""
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        template = Path(name) / "template.db"
        engine = open_engine(f"sqlite:///{template}")
        upgrade(engine)
        engine.dispose()
        seeds = [seed * 1_000_000 + number for number in range(runs)]
        with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
            for counts in pool.map(distribute_month, seeds, [template] * runs, chunksize=10):
                total.update(counts)
    return total


def show(total: Counter[str], seconds: float) -> list[str]:
    """The campaign as a table; the sums are of all months, in minor units."""
    names = sorted(total)
    return [
        f"{total['runs']:,} runs in {seconds:.0f} s, every sum held",
        f"pool {total['pool']:,} = allocated {total['allocated']:,} + suspense {total['suspense']:,}",
        f"of what was allocated: recouped {total['recouped']:,}, held {total['held']:,}, withheld "
        f"{total['withheld']:,}, payable {total['payable']:,}, carried {total['carried']:,}",
        *(f"{name}: {total[name]:,}" for name in names),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    started = time.perf_counter()
    found = campaign(chosen.runs, chosen.seed)
    print("\n".join(show(found, time.perf_counter() - started)))
