"""How much was used of each generation, where, and while which shares held?

Usage is read once. What is kept of it is a sum for each generation, territory and span of days within which
no share begins or ends; so memory and everything that comes after grow with these and not with the lines.
Parts of the usage can be summed anywhere and in any order: the sums are integers.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from catalog.territories import countries
from royalties.bulk.files import USAGE, check_files, scan
from royalties.bulk.packing import Pack, open_pack
from royalties.bulk.tally import MAX_DENSE, Tally, merge_sums, summed
from royalties.bulk.workers import Workers
from royalties.errors import CurrencyMismatchError, NothingToDistributeError
from royalties.money import MAX_MINOR, in_range
from royalties.periods import Period

Slices = tuple[tuple[str, int, int], ...]
"""Files with the first row and the number of rows to read of each."""

CHUNK_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class UsagePart:
    """A part of the usage to sum, and the file that the sums go to."""

    slices: Slices
    currency: str
    starts_on: date
    ends_before_on: date
    breaks: tuple[date, ...]
    pack: str
    target: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums by generation, territory and span.

    `frame` has `generation_no`, `territory`, `span`, `units` and `revenue_minor`, not both 0; generations
    that the pack does not have are numbered after those that it has, in the order of `unmatched`. `places`
    are the territories and spans of the frame, `used` the numbers of the pack's generations that have any
    usage.
    """

    frame: pl.DataFrame
    places: pl.DataFrame
    used: pl.Series
    unmatched: pl.Series
    gross_minor: int


@cache
def territory_type() -> pl.Enum:
    """Countries as small numbers whose order is that of their codes."""
    return pl.Enum(sorted(countries("WORLD")))


def cut(paths: Sequence[Path], count: int) -> list[Slices]:
    """The rows of all files in parts of about the same size, no more of them than asked for."""
    rows = [(str(path), pq.read_metadata(path).num_rows) for path in paths]
    total = sum(num for _, num in rows)
    bounds = [total * number // count for number in range(count + 1)]
    parts = []
    for low, high in pairwise(bounds):
        slices, begin = [], 0
        for path, num in rows:
            first, last = max(low - begin, 0), min(high - begin, num)
            if first < last:
                slices.append((path, first, last - first))
            begin += num
        if slices:
            parts.append(tuple(slices))
    return parts


def sum_usage(
    paths: Sequence[Path],
    pack: Pack,
    period: Period,
    currency: str,
    breaks: tuple[date, ...],
    workers: Workers,
    num_parts: int,
    scratch: Path,
) -> Sums:
    """The sums of a period's usage, whoever computes them.

    Args:
        breaks: the days within the period on which a new span begins.
        scratch: a folder that all workers see.

    Raises:
        BulkRefusedError: a file has faults.
        CurrencyMismatchError: some usage is in another currency.
        NothingToDistributeError: there is no usage in the period, or less revenue than refunds.
        MoneyRangeError: a sum does not fit into 64 bits.
    """
    check_files(paths, USAGE, "usage")
    parts = [
        UsagePart(
            slices, currency, period.starts_on, period.ends_before_on, breaks,
            str(pack.folder), str(scratch.joinpath(f"sums-{number}.arrow")),
        )
        for number, slices in enumerate(cut(paths, num_parts))
    ]  # fmt: skip
    if not parts:
        raise NothingToDistributeError(f"{period.name} has no usage in these files")
    foreign = sorted({code for found in workers.map(sum_part, parts) for code in found})
    if foreign:
        message = f"{period.name} has usage in {', '.join(foreign)}, the policy pays in {currency}"
        raise CurrencyMismatchError(f"{message}; amounts are not converted: convert the usage first")
    return _merged([part.target for part in parts], pack, period)


def sum_part(part: UsagePart) -> list[str]:
    """Writes the sums of a part; returns the other currencies that it has, of which nothing is summed."""
    last_on = part.ends_before_on - timedelta(days=1)
    lines = pl.concat(
        [_sliced(scan([Path(name)], USAGE), name, first, num) for name, first, num in part.slices],
        how="vertical_relaxed",
    ).filter(pl.col("used_on").is_between(part.starts_on, last_on))
    foreign = lines.filter(pl.col("currency") != part.currency).select(pl.col("currency").unique()).collect()
    if foreign.height:
        return foreign["currency"].to_list()
    names = open_pack(Path(part.pack), digested=False).heads(["generation"])["generation"]
    tally = Tally(names, territory_type().categories, len(part.breaks) + 1, MAX_DENSE)
    hashed = [pl.col(name).hash().alias(f"{name}_hash") for name in ("generation", "territory")]
    numbers = pl.col("units", "revenue_minor").cast(pl.Int64, strict=True)
    chosen = lines.select("generation", "territory", numbers, *hashed, span=_span(part))
    for chunk in chosen.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=False):
        tally.add(chunk)
    tally.sums().write_ipc(part.target)
    np.save(f"{part.target}.used.npy", tally.used)
    return []


def _sliced(lines: pl.LazyFrame, name: str, first: int, num: int) -> pl.LazyFrame:
    whole = first == 0 and num == pq.read_metadata(name).num_rows
    return lines if whole else lines.slice(first, num)


def _span(part: UsagePart) -> pl.Expr:
    """The span that a day lies in; without breaks every day lies in the first, and no day need be looked
    at."""
    if not part.breaks:
        return pl.lit(0, pl.UInt16)
    num_days = (part.ends_before_on - part.starts_on).days
    days = [part.starts_on + timedelta(days=number) for number in range(num_days)]
    spans = [bisect_right(part.breaks, day) for day in days]
    return pl.col("used_on").replace_strict(days, spans, return_dtype=pl.UInt16)


def _merged(targets: Sequence[str], pack: Pack, period: Period) -> Sums:
    """The sums of all parts together, with numbers for generations that the pack does not have."""
    parts = [pl.read_ipc(target) for target in targets]
    sums = parts[0] if len(parts) == 1 else merge_sums(parts)
    used = np.zeros(pack.num_generations, np.bool_)
    for target in targets:
        used |= np.load(f"{target}.used.npy", allow_pickle=False)
    if not used.any() and not sums.height:
        raise NothingToDistributeError(f"{period.name} has no usage in these files")
    gross_minor = in_range(int(sums["revenue_minor"].cast(pl.Int128).sum()))
    if gross_minor < 0:
        message = f"the refunds of {period.name} exceed its revenue by {-gross_minor} minor units"
        raise NothingToDistributeError(f"{message}; distribute them with a later period")
    for name in ("units", "revenue_minor"):
        for extreme in (sums[name].min(), sums[name].max()):
            in_range(int(str(extreme or 0)))
    sums = sums.filter((pl.col("revenue_minor") != 0) | (pl.col("units") != 0))
    unmatched = sums.filter(pl.col("generation_no").is_null())["generation"].unique().sort()
    places = sums.select("territory", "span").unique()
    if len(unmatched):
        more = pl.DataFrame({"generation": unmatched}).with_row_index("stray_no", offset=pack.num_generations)
        sums = sums.join(more, on="generation", how="left").with_columns(
            generation_no=pl.coalesce("generation_no", "stray_no")
        )
    frame = sums.select(
        "generation_no", "territory", "span", pl.col("units", "revenue_minor").cast(pl.Int64, strict=True)
    )
    return Sums(frame, places, pl.Series(np.flatnonzero(used), dtype=pl.UInt32), unmatched, gross_minor)


def cells_of(sums: pl.DataFrame, epoch_of: pl.DataFrame) -> pl.DataFrame:
    """The sums by generation, territory and epoch that carry money, sorted.

    A generation whose refunds in a territory exceed its revenue there carries no money of its own.

    Args:
        epoch_of: the epoch of each `territory` and `span`.
    """
    keys = ("generation_no", "territory", "epoch")
    if epoch_of["span"].n_unique() > 1:
        joined = sums.join(epoch_of, on=["territory", "span"])
        sums = joined.group_by(keys).agg(summed()).with_columns(
            pl.col("units", "revenue_minor").cast(pl.Int64, strict=True)
        )  # fmt: skip
    elif epoch_of["epoch"].n_unique() > 1:
        sums = sums.join(epoch_of.drop("span"), on="territory")
    else:
        sums = sums.with_columns(epoch=pl.lit(0, pl.Int32))
    cells = sums.filter(pl.col("revenue_minor") > 0).select(*keys, "units", "revenue_minor").sort(keys)
    total_minor = cells["revenue_minor"].cast(pl.Int128).sum()
    assert total_minor <= MAX_MINOR or in_range(int(total_minor))
    return cells
