"""What part of a summary's revenue has each line, so that the lines come to the summary to the unit?

A line has the difference of two running sums, each rounded: the one up to it and the one before it. The parts
therefore sum to the rounded whole whatever the length of the file, none is a whole unit away from its exact
value, and whole amounts stay as they are. One running sum for each summary is all that is remembered.
"""

from collections.abc import Sequence

import polars as pl

from royalties.dsr_head import Summary
from royalties.money import EXPONENTS, format_minor

_UNIT = 10**13
"""How many parts of a minor unit are told apart in the amounts of lines."""


def exact_amount(text: str, currency: str) -> pl.Expr:
    """Decimal text as an integer of 10^-13 minor units; null where it is no plain decimal.

    Args:
        text: the column; at most 12 digits before and 9 behind the point.
        currency: the column with the currency.
    """
    column = pl.col(text)
    plain = column.str.contains(r"\A-?[0-9]{1,12}(\.[0-9]{0,9})?\z")
    whole = column.str.extract(r"\A(-?[0-9]+)")
    fraction = column.str.extract(r"\.([0-9]*)\z").fill_null("").str.pad_end(9, "0")
    digits = pl.concat_str(whole, fraction).str.to_integer(strict=False, dtype=pl.Int128)
    scale = {code: 10 ** (exponent + 13 - 9) for code, exponent in EXPONENTS.items()}
    factor = pl.col(currency).replace_strict(scale, default=None, return_dtype=pl.Int128)
    return pl.when(plain).then(digits * factor)


def round_amount(exact: int) -> int:
    """The minor units of an exact amount, half a unit upwards."""
    return (2 * exact + _UNIT) // (2 * _UNIT)


class Sums:
    """What the lines of each summary came to so far.

    Args:
        by_amount: whether lines say their revenue, so that the summary's is the sum of it; else they share it
            by units.
    """

    def __init__(self, summaries: Sequence[Summary], *, by_amount: bool) -> None:
        self._summaries = list(summaries)
        self._by_amount = by_amount
        self._weights = [0] * len(summaries)
        self._usages = [0] * len(summaries)
        self._licensors: dict[tuple[int, int], int] = {}

    def extend(self, summaries: Sequence[Summary]) -> None:
        """Takes up the summaries that are new behind those that are known."""
        new = summaries[len(self._summaries) :]
        self._summaries += new
        self._weights += [0] * len(new)
        self._usages += [0] * len(new)

    def share(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The lines with `revenue_minor`, and what they count added to the sums.

        Args:
            lines: in the order of the file, with `summary` (its place), `weight` and `counted`.
        """
        before = pl.DataFrame(
            {
                "summary": range(len(self._summaries)),
                "_before": self._weights,
                "_total": [summary.amount_minor for summary in self._summaries],
                "_usages": [summary.usages or 1 for summary in self._summaries],
            },
            schema={"summary": pl.Int64, "_before": pl.Int128, "_total": pl.Int128, "_usages": pl.Int128},
        )
        shared = lines.join(before, on="summary", how="left", maintain_order="left").with_columns(
            weight=pl.col("weight").fill_null(0)
        )
        upto = pl.col("_before") + pl.col("weight").cum_sum().over("summary")
        parts = self._rounded(upto) - self._rounded(upto - pl.col("weight"))
        shared = shared.with_columns(revenue_minor=parts.cast(pl.Int64, strict=False))
        for place, weight, counted in (
            shared.group_by("summary").agg(pl.col("weight").sum(), pl.col("counted").sum()).iter_rows()
        ):
            if place is not None:
                self._weights[place] += weight
                self._usages[place] += counted
        return shared.drop("_before", "_total", "_usages")

    def _rounded(self, exact: pl.Expr) -> pl.Expr:
        if self._by_amount:
            return (exact * 2 + _UNIT) // (2 * _UNIT)
        return exact * pl.col("_total") // pl.col("_usages")

    def add_licensors(self, lines: pl.DataFrame, place: int) -> None:
        """Adds amounts of licensors, `exact` for each `summary`, to the sums of one of their cells."""
        for summary, exact in lines.group_by("summary").agg(pl.col("exact").sum()).iter_rows():
            if summary is not None:
                key = (summary, place)
                self._licensors[key] = self._licensors.get(key, 0) + exact

    def faults(self) -> list[tuple[Summary, str]]:
        """The summaries that do not say what their lines come to, and in which way."""
        found = []
        for place, summary in enumerate(self._summaries):
            if self._usages[place] != summary.usages:
                sums = f"{self._usages[place]:,} usages in its lines, {summary.usages:,} in the summary"
                found.append((summary, sums))
            if self._by_amount:
                came_to = round_amount(self._weights[place])
            else:
                came_to = summary.amount_minor if self._weights[place] else 0
            found += _differs(summary, "in its lines", came_to, summary.amount_minor)
            for cell, said_minor in enumerate(summary.of_licensors):
                if (exact := self._licensors.get((place, cell))) is not None:
                    found += _differs(summary, "of its licensors", round_amount(exact), said_minor)
        return found


def _differs(summary: Summary, where: str, came_to: int, said: int) -> list[tuple[Summary, str]]:
    if came_to == said:
        return []
    amounts = [f"{format_minor(each, summary.currency)} {summary.currency}" for each in (came_to, said)]
    return [(summary, f"{amounts[0]} {where}, {amounts[1]} in the summary")]
