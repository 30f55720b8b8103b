"""How long does a sales report of a million lines take to read and to import, and does its memory stay flat?

The plain call is polars scanning the same file and summing the streams of each summary: no resource is looked
up, no line is checked and no sum compared. Run alone with `python -m benchmarks.dsr_bench`.
"""

import multiprocessing
import resource
import tempfile
from pathlib import Path

import polars as pl
from sqlalchemy.orm import Session

from benchmarks.royalties_bench import NOW, NUM_GENERATIONS, TERRITORIES
from benchmarks.table import Row, compare, show
from catalog.database import Base, open_engine
from royalties.dsr_reader import read_dsr
from royalties.usage import UsageFormat, import_usage

NUM_LINES = 1_000_000
MAX_CELLS = 22
HEAD = (
    "HEAD\tdsrf/30\tBasicAudioProfile\t1.2\tM1\t2026-11-02T00:00:00Z\t1\t1\t2026-10-01\t2026-10-31\t"
    "PADPIDA2013020802I\tExample Stream"
)


def write_report(path: Path, num_lines: int) -> int:
    """A report of about so many lines, half of them resources and half usages of them; how many usages."""
    num_uses = (num_lines - len(TERRITORIES) - 2) // 2
    streams = [number % 50 + 1 for number in range(num_uses)]
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{HEAD}\n")
        for place, territory in enumerate(TERRITORIES):
            total = sum(streams[place :: len(TERRITORIES)])
            cells = f"S{place}\t\t\tSubscriptionModel\tOnDemandStream\t{territory}\tPremium\t{total}\t\tEUR"
            file.write(f"SY01.01\t{cells}\t123456.78\n")
        for number, count in enumerate(streams):
            what = f"gen_{number % NUM_GENERATIONS}\tQZ5AB2100001\tPiece\t\tModel\t\tPT3M5S\tSoundRecording"
            place = number % len(TERRITORIES)
            file.write(f"AS02.02\tB{number}\tR1\t{what}\n")
            file.write(f"SU02\tB{number}\tS{place}\tT{number}\t\tR1\ttrue\t{count}\t\t\n")
        lines = 2 * num_uses + len(TERRITORIES) + 2
        file.write(f"FOOT\t{lines}\t{lines}\t{len(TERRITORIES)}\t{num_uses}\t{num_uses}\n")
    return num_uses


def plain_scan(path: Path) -> pl.DataFrame:
    """The streams of each summary, and nothing else."""
    cells = pl.scan_csv(
        path,
        separator="\t",
        has_header=False,
        quote_char=None,
        schema={f"cell_{place}": pl.String for place in range(MAX_CELLS)},
        truncate_ragged_lines=True,
        missing_columns="insert",
    )
    uses = cells.filter(pl.col("cell_0") == "SU02")
    return uses.group_by("cell_2").agg(pl.col("cell_7").cast(pl.Int64).sum()).collect()


def read_all(path: Path, num_uses: int) -> None:
    """The report read to its end, all of it accepted."""
    assert sum(chunk.accepted.height for chunk in read_dsr(path)) == num_uses


def take_in(folder: Path, path: Path, num_uses: int) -> None:
    """The report imported into a new home."""
    home = Path(tempfile.mkdtemp(dir=folder))
    engine = open_engine(f"sqlite:///{home / 'home.db'}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        report = import_usage(session, home / "usage", UsageFormat.DSR, path, imported_at=NOW)
        session.commit()
    engine.dispose()
    assert (report.lines, report.quarantined) == (num_uses, 0)


def peak_mib(path: Path, num_uses: int) -> float:
    """The most memory that a process of its own had while it read the report."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_of_reading, (path, num_uses))


def _peak_of_reading(path: Path, num_uses: int) -> float:
    read_all(path, num_uses)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bench(num_lines: int = NUM_LINES) -> list[Row]:
    """Reading and importing, each beside the plain scan of the same file."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "report.tsv"
        num_uses = write_report(path, num_lines)
        lines, scan = f"a sales report of {num_lines:,} lines", "polars scan and group_by"
        assert plain_scan(path)["cell_7"].sum() > num_uses
        return [
            compare(f"read {lines}", lambda: read_all(path, num_uses), scan, lambda: plain_scan(path)),
            compare(
                f"import {lines}",
                lambda: take_in(Path(name), path, num_uses),
                scan,
                lambda: plain_scan(path),
                rounds=1,
            ),
        ]


if __name__ == "__main__":
    print(show(bench()))
    with tempfile.TemporaryDirectory() as folder:
        for size in (NUM_LINES, 4 * NUM_LINES):
            report = Path(folder) / "report.tsv"
            print(f"peak memory, {size:,} lines: {peak_mib(report, write_report(report, size)):.0f} MiB")
