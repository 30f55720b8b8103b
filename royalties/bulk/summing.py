"""How much was used of each generation, where, and while which shares held?

Usage is read once. What is kept of it is a sum for each generation, territory and span of days within which no
share begins or ends; so memory and everything that comes after grow with these and not with the lines. Parts of
the usage can be summed anywhere and in any order: the sums are integers.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from catalog.findings import Finding
from catalog.territories import countries
from royalties.bulk.files import MAX_LISTED, USAGE, check_files, scan
from royalties.bulk.packing import Pack
from royalties.bulk.workers import Workers
from royalties.errors import BulkRefusedError, CurrencyMismatchError, NothingToDistributeError
from royalties.money import MAX_MINOR, in_range
from royalties.periods import Period

Slices = tuple[tuple[str, int, int], ...]
"""Files with the first row and the number of rows to read of each."""

KEYS = ("generation", "territory", "span")


@dataclass(frozen=True, slots=True)
class UsagePart:
    """A part of the usage to sum, and the file that the sums go to."""

    slices: Slices
    currency: str
    starts_on: date
    ends_before_on: date
    breaks: tuple[date, ...]
    target: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums by generation, territory and span.

    `frame` has `generation_no`, `territory`, `span`, `units` and `revenue_minor`; generations that the pack does
    not have are numbered after those that it has, in the order of `unmatched`.
    """

    frame: pl.DataFrame
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
    for low, high in zip(bounds, bounds[1:], strict=False):
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
            slices, currency, period.starts_on, period.ends_before_on, breaks, str(scratch / f"sums-{number}.arrow")
        )
        for number, slices in enumerate(cut(paths, num_parts))
    ]
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
    sums = lines.group_by("generation", "territory", **_span_key(part)).agg(_summed()).collect()
    if "span" not in sums.columns:
        sums = sums.with_columns(span=pl.lit(0, pl.UInt16))
    _check_territories(sums)
    sums.with_columns(pl.col("territory").cast(territory_type())).write_ipc(part.target)
    return []


def _sliced(lines: pl.LazyFrame, name: str, first: int, num: int) -> pl.LazyFrame:
    whole = first == 0 and num == pq.read_metadata(name).num_rows
    return lines if whole else lines.slice(first, num)


def _span_key(part: UsagePart) -> dict[str, pl.Expr]:
    """The span that a day lies in; without breaks every day lies in the first, and no day need be looked at."""
    if not part.breaks:
        return {}
    num_days = (part.ends_before_on - part.starts_on).days
    days = [part.starts_on + timedelta(days=number) for number in range(num_days)]
    spans = [bisect_right(part.breaks, day) for day in days]
    return {"span": pl.col("used_on").replace_strict(days, spans, return_dtype=pl.UInt16)}


def _summed() -> list[pl.Expr]:
    """Sums in 128 bits: those of 64 wrap without a word."""
    return [pl.col(name).cast(pl.Int128).sum() for name in ("units", "revenue_minor")]


def _check_territories(sums: pl.DataFrame) -> None:
    known = pl.col("territory").is_in(territory_type().categories.to_list())
    stray = sums.filter(~known)["territory"].unique().sort().head(MAX_LISTED)
    if len(stray):
        message = "is no country: expected two capital letters of ISO 3166-1"
        raise BulkRefusedError("usage", [Finding("TERRITORY", repr(name)[:100], message) for name in stray])


def _merged(targets: Sequence[str], pack: Pack, period: Period) -> Sums:
    """The sums of all parts together, with numbers for generations."""
    sums = pl.scan_ipc(list(targets)) if targets else pl.LazyFrame(schema={**dict.fromkeys(KEYS, pl.String)})
    if len(targets) > 1:
        sums = sums.group_by(KEYS).agg(_summed())
    numbers = pack.heads(["generation"]).lazy().with_row_index("generation_no")
    joined = sums.join(numbers, on="generation", how="left").collect() if targets else pl.DataFrame()
    if not joined.height:
        raise NothingToDistributeError(f"{period.name} has no usage in these files")
    gross_minor = in_range(int(joined["revenue_minor"].sum()))
    if gross_minor < 0:
        message = f"the refunds of {period.name} exceed its revenue by {-gross_minor} minor units"
        raise NothingToDistributeError(f"{message}; distribute them with a later period")
    for name in ("units", "revenue_minor"):
        for extreme in (joined[name].min(), joined[name].max()):
            assert isinstance(extreme, int)
            in_range(extreme)
    stray = joined.filter(pl.col("generation_no").is_null())
    unmatched = stray["generation"].unique().sort()
    if len(unmatched):
        more = pl.DataFrame({"generation": unmatched}).with_row_index("stray_no", offset=pack.num_generations)
        joined = joined.join(more, on="generation", how="left").with_columns(
            generation_no=pl.coalesce("generation_no", "stray_no")
        )
    frame = joined.select(
        "generation_no", "territory", "span", pl.col("units", "revenue_minor").cast(pl.Int64, strict=True)
    )
    return Sums(frame, unmatched, gross_minor)


def cells_of(sums: pl.DataFrame, epoch_of: pl.DataFrame) -> pl.DataFrame:
    """The sums by generation, territory and epoch that carry money, sorted.

    A generation whose refunds in a territory exceed its revenue there carries no money of its own.

    Args:
        epoch_of: the epoch of each `territory` and `span`.
    """
    keys = ("generation_no", "territory", "epoch")
    if epoch_of["span"].n_unique() > 1:
        joined = sums.join(epoch_of, on=["territory", "span"])
        sums = joined.group_by(keys).agg(_summed()).with_columns(
            pl.col("units", "revenue_minor").cast(pl.Int64, strict=True)
        )  # fmt: skip
    elif epoch_of["epoch"].n_unique() > 1:
        sums = sums.join(epoch_of.drop("span"), on="territory")
    else:
        sums = sums.with_columns(epoch=pl.lit(epoch_of["epoch"][0], pl.Int32))
    cells = sums.filter(pl.col("revenue_minor") > 0).select(*keys, "units", "revenue_minor").sort(keys)
    total_minor = cells["revenue_minor"].cast(pl.Int128).sum()
    assert total_minor <= MAX_MINOR or in_range(int(total_minor))
    return cells
