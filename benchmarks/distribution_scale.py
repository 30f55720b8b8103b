"""How long does a month of a hundred million usage lines take to divide, beside scanning those lines once?

The plain call is polars scanning the same Parquet and summing it by generation and territory: the least that
anybody has to do. It runs right before and right after ours, in one process, and the ratio is to their mean.
Peak memory is that of the whole process while ours runs, as Linux counts it; `--alone` leaves the plain
calls out, whose memory stays with the process. `python -m benchmarks.distribution_scale --lines 100000000`
makes what it needs in a temporary folder (about 6 GB at that size).
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from royalties.bulk.lines import lines_of
from royalties.bulk.packing import pack_attributions
from royalties.bulk.running import Sources, open_run, run_bulk
from royalties.bulk.workers import Here, Where, Workers, workers_of
from royalties.periods import parse_period
from royalties.policy import Policy, parse_policy

T = TypeVar("T")
TERRITORIES = ("DE", "FR", "GB", "SE", "US")
OCTOBER = parse_period("2026-10")
CHUNK = 1_000_000
SOURCES = 50
LARGE_PAYEE = "payee_0000000"
POLICY = b"""
name = "scale"
version = "1"
currency = "EUR"
territory = "SE"
deductions_ppm = 100_000
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
fallback = "exposure"
"""


def names(prefix: str, numbers: np.ndarray) -> pl.Series:
    """Ids such as gen_0000042."""
    digits = pl.Series(numbers).cast(pl.String).str.zfill(7)
    return pl.select(pl.concat_str(pl.lit(prefix), digits)).to_series()


def write_chunks(path: Path, total: int, make: Callable[[int, int], pl.DataFrame]) -> Path:
    """A Parquet file with the compression and the dictionaries of the home's own batches."""
    writer = None
    for first in range(0, total, CHUNK):
        table = make(first, min(CHUNK, total - first)).to_arrow(compat_level=pl.CompatLevel.oldest())
        if writer is None:
            texts = [field.name for field in table.schema if pa.types.is_large_string(field.type)]
            writer = pq.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=texts)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


def make_usage(path: Path, lines: int, generations: int) -> Path:
    """Random lines of October; any number of them is spread over all generations and five countries."""
    random = np.random.default_rng(0)

    def part(first: int, count: int) -> pl.DataFrame:
        days = pl.Series(random.integers(0, 31, count)).cast(pl.Int32) + 20_727  # since 1970: 2026-10-01
        return pl.DataFrame(
            {
                "line_id": pl.Series(np.arange(first, first + count)).cast(pl.String),
                "generation": names("gen_", random.integers(0, generations, count)),
                "territory": pl.Series(TERRITORIES).gather(random.integers(0, len(TERRITORIES), count)),
                "service": ["Example Stream"] * count,
                "use_type": ["OnDemandStream"] * count,
                "used_on": days.cast(pl.Date),
                "units": random.integers(1, 50, count),
                "revenue_minor": random.integers(0, 200, count),
                "currency": ["EUR"] * count,
            }
        )

    return write_chunks(path, lines, part)


def make_attributions(folder: Path, generations: int, works: int) -> Path:
    """A pack in which every generation leans on 50 works; a tenth of them has a verdict that does not pay."""
    random = np.random.default_rng(1)

    def part(first: int, count: int) -> pl.DataFrame:
        lines = np.arange(first, first + count)
        generation, place = lines // SOURCES, lines % SOURCES
        step = works // SOURCES
        work = (generation * 7919 + place * step + random.integers(0, step, count)) % works
        return pl.DataFrame(
            {
                "generation": names("gen_", generation),
                "work": names("work_", work),
                "share_ppm": 10_000 + 250 * place % 7_500,
            }
        )

    rows = write_chunks(folder / "attributions.parquet", generations * SOURCES, part)
    rest = 1_000_000 - int((10_000 + 250 * np.arange(SOURCES) % 7_500).sum())
    numbers = np.arange(generations)
    heads = pl.DataFrame(
        {
            "generation": names("gen_", numbers),
            "reliability": pl.Series(["influence", "exposure"]).gather((numbers % 10 == 0).astype(np.int64)),
            "unattributed_ppm": np.full(generations, rest),
            "digest": names("digest_", numbers),
        }
    )
    heads.write_parquet(folder / "generations.parquet")
    timed(
        "pack the attributions",
        lambda: pack_attributions([rows], [folder / "generations.parquet"], folder / "pack"),
    )
    return folder / "pack"


def make_shares(path: Path, works: int, payees: int) -> Path:
    """Two or three owners of every work; one payee has a part of every two-thousandth."""
    random = np.random.default_rng(2)
    owners = random.integers(2, 4, works)
    work = np.repeat(np.arange(works), owners)
    place = np.arange(len(work)) - np.repeat(np.cumsum(owners) - owners, owners)
    of = np.repeat(owners, owners)
    share = np.where(of == 2, np.where(place == 0, 600_000, 400_000), np.where(place == 2, 333_334, 333_333))
    payee = (work * 3 + place * (payees // 3) + 1) % (payees - 1) + 1
    payee[(work % 2_000 == 1) & (place == 0)] = 0
    empty = pl.repeat(None, len(work), dtype=pl.Date, eager=True)
    frame = pl.DataFrame({"work": names("work_", work), "payee": names("payee_", payee), "share_ppm": share})
    frame.with_columns(
        right=pl.lit("mechanical"), territory=pl.lit("WORLD"), starts_on=empty, ends_on=empty
    ).write_parquet(path)
    return path


def plain_scan(path: Path) -> int:
    """The sums by generation and territory, and nothing else."""
    grouped = pl.scan_parquet(path).group_by("generation", "territory")
    return grouped.agg(pl.col("units", "revenue_minor").sum()).collect().height


def timed(what: str, function: Callable[[], T]) -> tuple[float, T]:
    """Seconds, printed with the load of the machine."""
    started = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - started
    print(f"{what}: {seconds:.2f} s (load {os.getloadavg()[0]:.1f})", flush=True)
    return seconds, result


def reset_peak() -> None:
    """Lets Linux count the process's peak memory anew."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> int:
    """The process's peak memory since, in MiB."""
    line = next(
        each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM")
    )
    return int(line.split()[1]) // 1024


def measure(sources: Sources, policy: Policy, out: Path, workers: Workers, parts: int) -> Path:
    """Plain, ours, plain; prints the ratio and the peak."""
    usage = sources.usage[0]
    before, cells = timed("polars scan and group_by", lambda: plain_scan(usage))
    reset_peak()
    ours, report = timed("distribution", lambda: run_bulk(sources, policy, OCTOBER, out, workers, parts))
    peak = peak_mib()
    after, _ = timed("polars scan and group_by", lambda: plain_scan(usage))
    lines = pl.scan_parquet(usage).select(pl.len()).collect().item()
    ratio = ours / ((before + after) / 2)
    print(f"{lines:,} lines, {cells:,} cells, {report.parties:,} payees, {parts} parts, run {report.run}")
    print(f"ratio {ratio:.2f}, peak of the whole process {peak:,} MiB\n", flush=True)
    assert report.pool_minor == report.allocated_minor + report.suspense_minor
    return out


def main() -> None:
    """Makes a month and measures it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--generations", type=int, default=1_000_000)
    parser.add_argument("--works", type=int, default=600_000)
    parser.add_argument("--payees", type=int, default=200_000)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="without the plain calls, for the peak")
    parser.add_argument("--on", type=Where, default=Where.LOCAL)
    parser.add_argument("--folder", type=Path, help="where to make and keep the files, else a temporary one")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(exist_ok=True)
    policy, findings = parse_policy(POLICY)
    assert policy is not None, findings
    workers = workers_of(options.on, options.workers) if options.workers > 1 else Here()
    try:
        pack, shares, exposure = folder / "pack", folder / "shares.parquet", folder / "exposure.parquet"
        if not pack.exists():
            make_attributions(folder, options.generations, options.works)
            make_shares(shares, options.works, options.payees)
            numbers = np.arange(options.works)
            pl.DataFrame(
                {
                    "work": names("work_", numbers),
                    "events": numbers % 997 + 1,
                    "public_domain": numbers % 50 == 0,
                }
            ).write_parquet(exposure)
        for lines in options.lines:
            usage = folder / f"usage-{lines}.parquet"
            if not usage.exists():
                make_usage(usage, lines, options.generations)
            out = folder / f"run-{lines}-{options.parts}"
            shutil.rmtree(out, ignore_errors=True)
            sources = Sources((usage,), pack, (shares,), exposure)
            if options.alone:
                reset_peak()
                timed("distribution", lambda: run_bulk(sources, policy, OCTOBER, out, workers, options.parts))  # noqa: B023
                print(f"{lines:,} lines, peak of the whole process {peak_mib():,} MiB\n", flush=True)
            else:
                measure(sources, policy, out, workers, options.parts)
            _, found = timed("lines of the largest payee", lambda: lines_of(open_run(out), pack, LARGE_PAYEE))  # noqa: B023
            print(f"{len(found):,} lines\n", flush=True)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
