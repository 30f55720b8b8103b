"""What does a record of usage come to, once its summary is known, and can it be counted?"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from royalties.dsr_columns import Profile
from royalties.dsr_head import Head, Summary
from royalties.dsr_sums import exact_amount
from royalties.usage_lines import MAX_UNITS, Chunk, check_lines

_SUMMARY_SCHEMA = {
    "summary_id": pl.String,
    "summary": pl.Int64,
    "territory": pl.String,
    "use_type": pl.String,
    "service": pl.String,
    "currency": pl.String,
    "summary_on": pl.Date,
}
_CELLS = {
    "LINE_ID": "MessageId and SalesTransactionId",
    "GENERATION": "the id of the resource",
    "TERRITORY": "Territory of the summary",
    "SERVICE": "ServiceDescription of the summary",
    "USE_TYPE": "UseType of the summary",
    "USED_ON": "the day",
    "UNITS": "the usages",
    "CURRENCY": "the currency of the summary",
    "REVENUE": "the revenue",
}
"""Where a column of a line of usage comes from, by the code of its fault."""


def summary_frame(summaries: Sequence[Summary]) -> pl.DataFrame:
    """The summaries as columns, `summary` being the place of each."""
    rows = [
        (each.id, place, each.territory, each.use_type, each.service, each.currency, each.used_on)
        for place, each in enumerate(summaries)
    ]
    return pl.DataFrame(rows, schema=_SUMMARY_SCHEMA, orient="row")


def weigh_usages(usages: pl.DataFrame, summaries: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """The usages with what their summary says, their `units`, what they `counted` and their exact `weight`.

    A usage without units and revenue says that nothing was used, and is left out.
    """
    known = usages.join(summaries, on="summary_id", how="left", maintain_order="left")
    units = _whole("units_text")
    weight = exact_amount("amount_text", "currency") if profile.by_amount else units.cast(pl.Int128)
    known = known.with_columns(
        units=units, counted=_whole("counted_text").cast(pl.Int128), weight=weight
    )  # fmt: skip
    if profile.by_preceding:
        nothing = pl.col("units_text").is_null() & (pl.col("weight") == 0)
        known = known.filter(~nothing.fill_null(value=False))
    return known.with_columns(weighed=pl.col("weight").is_not_null())


def _whole(text: str) -> pl.Expr:
    number = pl.col(text).str.extract(r"\A(-?[0-9]{1,18})(?:\.0*)?\z").str.to_integer(strict=False)
    return pl.when(number.abs() <= MAX_UNITS).then(number)


class _Fault(NamedTuple):
    """What a usage must hold before it is a line: in which cell it stands, and what is expected there."""

    code: str
    ok: pl.Expr
    cell: str
    text: str
    expected: str


def _faults(head: Head) -> tuple[_Fault, ...]:
    known, named = pl.col("summary").is_not_null(), pl.col("generation").is_not_null()
    within = pl.col("used_on").is_between(head.starts_on, head.ends_on)
    one = "a reference to one resource of the block, or to a release of one, that has an id"
    days = f"a day of {head.starts_on} to {head.ends_on}"
    return (
        _Fault("SUMMARY", known, "SummaryRecordId", "summary_id", "the id of a summary"),
        _Fault("RESOURCE", named, "the resource", "resource", one),
        _Fault("UNITS", pl.col("units").is_not_null(), "the usages", "units_text", "an integer"),
        _Fault("REVENUE", pl.col("weighed"), "the revenue", "amount_text", "a decimal, 9 decimals at most"),
        _Fault("USED_ON", within, "the day", "used_on_text", days),
    )


def check_usages(usages: pl.DataFrame, head: Head) -> Chunk:
    """The usages that can be counted, by the same rules as the lines of any other file, and the others.

    Args:
        usages: weighed and shared.
    """
    text = pl.col("used_on_text")
    day = pl.when(text.str.contains(r"\A[0-9-]{10}\z")).then(text.str.to_date("%Y-%m-%d", strict=False))
    usages = usages.with_columns(used_on=pl.when(text.is_null()).then("summary_on").otherwise(day))
    faults = _faults(head)
    codes = [pl.when(~fault.ok.fill_null(value=False)).then(pl.lit(fault.code)) for fault in faults]
    judged = usages.with_columns(code=pl.coalesce(*codes))
    checked = check_lines(_as_lines(judged.filter(pl.col("code").is_null()), head))
    place = pl.col("code").replace_strict(_CELLS)
    refused = [checked.refused.with_columns(found=pl.format("{} ({})", "found", place))]
    bad = judged.filter(pl.col("code").is_not_null())
    for fault in faults:
        cell = pl.col(fault.text).fill_null("(empty)").str.slice(0, 200)
        found = pl.format("{} {} in {}", pl.lit(fault.cell), cell, "type")
        mine = bad.filter(pl.col("code") == fault.code)
        refused.append(mine.select("line", "code", found=found, expected=pl.lit(fault.expected)))
    return Chunk(checked.accepted, pl.concat(refused))


def _as_lines(usages: pl.DataFrame, head: Head) -> pl.DataFrame:
    line_id = pl.concat_str(pl.lit(f"{head.message_id}:"), pl.col("transaction"))
    return usages.select(
        "line", "generation", "territory", "service", "use_type", "used_on", "units", "revenue_minor",
        "currency", line_id=line_id,
    )  # fmt: skip
