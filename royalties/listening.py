"""What did each listener's money go to, if it is divided by what that listener used?

A listener is a pseudonym within a service; the lines of a service that name none are one listener. The money
of a listener in a month, in one currency, is divided over what the listener used, by units: in whole
millionths of a minor unit, by largest remainder, ties to the smaller (generation, territory, day). Where
units cannot divide it (a net below zero, or none at all) it stays where it was reported.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from royalties.errors import MoneyRangeError, UsageStoreError
from royalties.periods import Period
from royalties.tables import UsageBatch

MICRO = 1_000_000
"""How many parts of a minor unit are told apart."""

MAX_PRODUCT = 2**126

_LISTENER = ["service", "listener", "currency"]
_KEY = ["generation", "territory", "used_on"]


def listened_micro(
    session: Session, folder: Path, batches: Sequence[str], period: Period
) -> Iterator[tuple[str, str, date, str, int]]:
    """(generation, territory, day, currency, micro) of all usage of a period; micro sums to the revenue.

    Raises:
        UsageStoreError: the lines of a batch are missing.
        MoneyRangeError: the amounts are too large to be divided exactly.
    """
    known = {row.id for row in session.scalars(select(UsageBatch).where(UsageBatch.id.in_(batches)))}
    frames = []
    for batch in sorted(known):
        path = folder.joinpath(f"{batch}.parquet")
        if not path.is_file():
            raise UsageStoreError(
                f"the lines of usage batch {batch} are missing: expected {path}; restore it"
            )
        frames.append(_lines(path, period))
    if frames:
        yield from divide_listeners(pl.concat(frames)).iter_rows()


def _lines(path: Path, period: Period) -> pl.LazyFrame:
    lines = pl.scan_parquet(path)
    named = "listener" in lines.collect_schema()
    listener = pl.col("listener") if named else pl.lit(None, pl.String).alias("listener")
    days = (pl.col("used_on") >= period.starts_on) & (pl.col("used_on") < period.ends_before_on)
    return lines.filter(days).select(*_KEY, "service", "currency", "units", "revenue_minor", listener)


def divide_listeners(lines: pl.LazyFrame) -> pl.DataFrame:
    """`generation`, `territory`, `used_on`, `currency` and `micro`, in a stable order.

    Args:
        lines: with these, `service`, `listener` (null where none is named), `units` and `revenue_minor`.
    """
    used = (
        lines.group_by([*_LISTENER, *_KEY])
        .agg(pl.col("units").cast(pl.Int128).sum(), pl.col("revenue_minor").cast(pl.Int128).sum())
        .collect()
    )
    whole = used.group_by(_LISTENER, maintain_order=False).agg(
        _money=pl.col("revenue_minor").sum() * MICRO,
        _units=pl.col("units").sum(),
        _divisible=(pl.col("units") >= 0).all() & (pl.col("units").sum() > 0),
    )
    _check_range(whole)
    shared = used.join(whole, on=_LISTENER, nulls_equal=True)
    parts = pl.concat(
        [_by_units(shared.filter("_divisible")), _as_reported(shared.filter(~pl.col("_divisible")))]
    )
    summed = parts.group_by([*_KEY, "currency"]).agg(pl.col("micro").sum())
    return summed.sort([*_KEY, "currency"]).select(*_KEY, "currency", "micro")


def _by_units(shared: pl.DataFrame) -> pl.DataFrame:
    size, weighed = pl.col("_money").abs(), pl.col("_money").abs() * pl.col("units")
    parts = shared.with_columns(
        micro=weighed // pl.col("_units"), _rest=weighed % pl.col("_units"), _size=size
    ).sort([*_LISTENER, "_rest", *_KEY], descending=[False] * 3 + [True] + [False] * 3)
    left = pl.col("_size").first() - pl.col("micro").sum()
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    parts = parts.with_columns(
        micro=pl.col("micro") + (place < left).over(_LISTENER).cast(pl.Int128)
    )  # fmt: skip
    signed = pl.when(pl.col("_money") < 0).then(pl.col("micro") * -1).otherwise("micro")
    return parts.select(*_KEY, "currency", micro=signed)


def _as_reported(shared: pl.DataFrame) -> pl.DataFrame:
    return shared.select(*_KEY, "currency", micro=pl.col("revenue_minor") * MICRO)


def _check_range(whole: pl.DataFrame) -> None:
    """Grouped sums of integers wrap silently, so that sizes are looked at before they are multiplied."""
    money = max((abs(each) for each in whole["_money"]), default=0)
    units = max((abs(each) for each in whole["_units"]), default=0)
    if money * units >= MAX_PRODUCT:
        raise MoneyRangeError(
            f"a listener's money of {money} millionths over {units} uses cannot be divided in 128 bits: "
            "split the file by service"
        )
