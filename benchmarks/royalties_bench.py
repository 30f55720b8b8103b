"""How long do a million usage lines take, from a Parquet file to a posted run, beside scanning that file?

The plain call is polars reading the same file and summing it by generation and territory: the least that
anybody has to do. Run alone with `python -m benchmarks.royalties_bench`.
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy.orm import Session

from benchmarks.table import Row, compare, show
from catalog.database import Base, open_engine
from royalties.entitlement import Attribution, Inputs
from royalties.ledger import check_ledger
from royalties.periods import parse_period
from royalties.policy import Policy, parse_policy
from royalties.runs import make_exposure, run_distribution
from royalties.usage import UsageFormat, import_usage

NUM_LINES = 1_000_000
NUM_GENERATIONS = 300
NUM_WORKS = 5_000
NUM_PARTIES = 1_000
SOURCES = 10
TERRITORIES = ("DE", "FR", "GB", "SE", "US")
OCTOBER = parse_period("2026-10")
NOW = datetime(2026, 11, 2, tzinfo=UTC)
POLICY = b"""
name = "bench"
version = "1"
currency = "EUR"
territory = "SE"
deductions_ppm = 0
pool_rate_ppm = 300_000
unattributed = "pot:training"
public_domain = "fund:public_domain"
threshold_minor = 0
[[pots]]
name = "training"
share_ppm = 300_000
rule = "equal"
[[pots]]
name = "output"
share_ppm = 700_000
rule = "attribution"
"""


def usage_frame(num_lines: int) -> pl.DataFrame:
    """Random usage lines of one month, the same for the same number."""
    random = np.random.default_rng(0)
    days = pl.Series(random.integers(0, 31, num_lines)).cast(pl.Int32) + 20_727  # since 1970: 2026-10-01
    return pl.DataFrame(
        {
            "line_id": pl.Series(np.arange(num_lines)).cast(pl.String),
            "generation": pl.Series(random.integers(0, NUM_GENERATIONS, num_lines)).cast(pl.String),
            "territory": pl.Series(TERRITORIES).gather(random.integers(0, len(TERRITORIES), num_lines)),
            "service": ["Example Stream"] * num_lines,
            "use_type": ["OnDemandStream"] * num_lines,
            "used_on": days.cast(pl.Date),
            "units": random.integers(1, 50, num_lines),
            "revenue_minor": random.integers(0, 200, num_lines),
            "currency": ["EUR"] * num_lines,
        }
    ).with_columns(pl.concat_str(pl.lit("gen_"), "generation").alias("generation"))


def make_inputs() -> Inputs:
    """Every generation leans on 10 works, every work has two owners."""
    random = np.random.default_rng(1)
    attributions = {}
    for index in range(NUM_GENERATIONS):
        works = random.choice(NUM_WORKS, SOURCES, replace=False)
        shares = {f"work_{work}": 80_000 for work in works}
        name = f"gen_{index}"
        attributions[name] = Attribution(name, shares, 1_000_000 - 80_000 * SOURCES, "influence", name)
    shares = {
        f"work_{work}": [
            (f"party_{work % NUM_PARTIES}", 600_000),
            (f"party_{work * 7 % NUM_PARTIES}", 400_000),
        ]
        for work in range(NUM_WORKS)
    }
    exposure = make_exposure({work: 1 for work in shares})
    return Inputs(attributions, exposure, lambda works, *_: {work: shares[work] for work in works})


def plain_scan(path: Path) -> pl.DataFrame:
    """The sums by generation and territory, and nothing else."""
    grouped = pl.scan_parquet(path).group_by("generation", "territory")
    return grouped.agg(pl.col("units", "revenue_minor").sum()).collect()


def take_in(folder: Path, path: Path) -> Path:
    """A home in which the file was imported."""
    home = Path(tempfile.mkdtemp(dir=folder))
    engine = open_engine(f"sqlite:///{home / 'home.db'}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        report = import_usage(session, home / "usage", UsageFormat.PARQUET, path, imported_at=NOW)
        session.commit()
    engine.dispose()
    assert (report.lines, report.quarantined) == (pl.scan_parquet(path).select(pl.len()).collect().item(), 0)
    return home


def distribute_once(home: Path, policy: Policy, inputs: Inputs) -> None:
    """A posted run in a copy of the home, so that each round starts from the same state."""
    copy = Path(tempfile.mkdtemp(dir=home)) / "home.db"
    shutil.copyfile(home / "home.db", copy)
    engine = open_engine(f"sqlite:///{copy}")
    with Session(engine) as session:
        report = run_distribution(session, OCTOBER, policy, inputs, run_at=NOW)
        session.commit()
        assert report.pool_minor == report.allocated_minor + report.suspense_minor
        assert check_ledger(session) == []
    engine.dispose()


def bench(num_lines: int = NUM_LINES) -> list[Row]:
    """Import and run, each beside the plain scan of the same file."""
    policy, findings = parse_policy(POLICY)
    assert policy is not None, findings
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "usage.parquet"
        usage_frame(num_lines).write_parquet(path)
        home = take_in(folder, path)
        inputs = make_inputs()
        plain: Callable[[], object] = lambda: plain_scan(path)  # noqa: E731 - the same call in both rows
        scan = "polars scan and group_by"
        lines = f"{num_lines:,} usage lines"
        return [
            compare(f"import {lines}", lambda: take_in(folder, path), scan, plain, rounds=1),
            compare(
                f"run over {lines}", lambda: distribute_once(home, policy, inputs), scan, plain, rounds=1
            ),
        ]


if __name__ == "__main__":
    print(show(bench()))
