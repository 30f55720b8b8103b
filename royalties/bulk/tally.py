"""How are lines summed by generation, territory and span in a memory that does not grow with them?

Sums lie in dense arrays of 64 bits, one place for each generation, territory and span, while no sum can
leave 64 bits and the arrays stay within `MAX_DENSE`. Lines for which that cannot be said, and those of
generations that have no number, are summed by their keys in 128 bits. Both give the same sums.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from catalog.findings import Finding
from royalties.bulk.codes import Codes, Flags, Numbers
from royalties.bulk.files import MAX_LISTED
from royalties.errors import BulkRefusedError
from royalties.money import MAX_MINOR

MAX_DENSE = 1 << 26
"""How many places the dense arrays have at most: 1 GiB for units and revenue together."""

KEYS = ("generation_no", "generation", "territory", "span")
VALUES = ("units", "revenue_minor")

Integers = NDArray[np.int64]


class Tally:
    """Sums of usage lines that come in chunks, in any order."""

    def __init__(
        self, generations: pl.Series, territories: pl.Series, num_spans: int, max_dense: int
    ) -> None:
        self.generations, self.territories = Codes(generations), Codes(territories)
        self.type = pl.Enum(territories)
        self.num_spans = num_spans
        num_places = len(territories) * num_spans
        self.width = max(1, len(generations))
        self.num_slots = min(num_places, max_dense // self.width)
        self.slot_of_place = np.full(num_places, -1, np.int64)
        self.places: list[int] = []
        # Untouched pages of zeros take no memory.
        self.dense = {name: np.zeros(self.num_slots * self.width, np.int64) for name in VALUES}
        self.bounds = dict.fromkeys(VALUES, 0)
        self.used = np.zeros(len(generations), np.bool_)
        self.sparse: list[pl.DataFrame] = []
        self.merged_rows = 0

    def add(self, chunk: pl.DataFrame) -> None:
        """Adds lines.

        Args:
            chunk: generation, territory, the hashes of both, span, units and revenue_minor.

        Raises:
            BulkRefusedError: a territory is no country.
        """
        territory_no, is_country = self.territories.of(chunk["territory"], chunk["territory_hash"])
        if not is_country.all():
            _refuse(chunk["territory"].filter(~is_country))
        generation_no, known = self.generations.of(chunk["generation"], chunk["generation_hash"])
        self.used[generation_no if known.all() else generation_no[known]] = True
        place = territory_no.astype(np.int64) * self.num_spans + chunk["span"].to_numpy()
        slot = self._slots(place)
        fits = known & (slot >= 0) if self._bounded(chunk) else np.zeros(chunk.height, np.bool_)
        every = bool(fits.all())
        index = (slot if every else slot[fits]) * self.width + (
            generation_no if every else generation_no[fits]
        )
        for name in VALUES:
            values = chunk[name].to_numpy()
            np.add.at(self.dense[name], index, values if every else values[fits])
        if not every:
            self._add_sparse(chunk, generation_no, known, ~fits)

    def _slots(self, place: Integers) -> Integers:
        """The row of the dense arrays for each place; -1 where there is no room for one."""
        for new in np.flatnonzero(np.bincount(place, minlength=len(self.slot_of_place))):
            if self.slot_of_place[new] < 0 and len(self.places) < self.num_slots:
                self.slot_of_place[new] = len(self.places)
                self.places.append(int(new))
        slots: Integers = self.slot_of_place[place]
        return slots

    def _bounded(self, chunk: pl.DataFrame) -> bool:
        """Whether no dense sum can leave 64 bits with these lines; if so, they are counted as added."""
        bounds = {}
        for name in VALUES:
            largest = max(
                (abs(int(str(each or 0))) for each in (chunk[name].min(), chunk[name].max())), default=0
            )
            bounds[name] = self.bounds[name] + largest * chunk.height
        if any(bound > MAX_MINOR for bound in bounds.values()):
            return False
        self.bounds = bounds
        return True

    def _add_sparse(self, chunk: pl.DataFrame, generation_no: Numbers, known: Flags, chosen: Flags) -> None:
        number = pl.Series("generation_no", generation_no, dtype=pl.UInt32)
        rows = chunk.select("generation", "territory", "span", *VALUES).with_columns(number, known=known)
        rows = rows.filter(pl.Series(chosen)).with_columns(
            generation_no=pl.when("known").then("generation_no"),
            generation=pl.when(~pl.col("known")).then("generation"),
            territory=pl.col("territory").cast(self.type),
        )
        self.sparse.append(rows.group_by(KEYS).agg(summed()).select(*KEYS, *VALUES))
        waiting = sum(frame.height for frame in self.sparse) - self.merged_rows
        if waiting > self.merged_rows + 1_000_000:
            self.sparse = [merge_sums(self.sparse)]
            self.merged_rows = self.sparse[0].height

    def sums(self) -> pl.DataFrame:
        """`KEYS` with the sums; where a generation has a number it has no name."""
        frames = [
            pl.DataFrame(schema=dict(zip(KEYS, (pl.UInt32, pl.String, self.type, pl.UInt16), strict=True)))
        ]
        frames[0] = frames[0].with_columns(**{name: pl.lit(None, pl.Int64) for name in VALUES}).clear()
        for slot, place in enumerate(self.places):
            units, minor = (self.dense[name][slot * self.width : (slot + 1) * self.width] for name in VALUES)
            numbers = np.flatnonzero((units != 0) | (minor != 0))
            territory, span = self.territories.names[place // self.num_spans], place % self.num_spans
            columns = {
                "generation_no": numbers.astype(np.uint32),
                "units": units[numbers],
                "revenue_minor": minor[numbers],
            }
            frames.append(
                pl.DataFrame(columns).select(
                    "generation_no",
                    generation=pl.lit(None, pl.String), territory=pl.lit(territory, self.type),
                    span=pl.lit(span, pl.UInt16), units="units", revenue_minor="revenue_minor",
                )
            )  # fmt: skip
        dense = pl.concat(frames)
        return merge_sums([dense, *self.sparse]) if self.sparse else dense


def summed() -> list[pl.Expr]:
    """Sums in 128 bits: those of 64 wrap without a word."""
    return [pl.col(name).cast(pl.Int128).sum() for name in VALUES]


def merge_sums(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Sums by the same keys added up."""
    wide = [frame.with_columns(pl.col(VALUES).cast(pl.Int128)) for frame in frames]
    return pl.concat(wide).group_by(KEYS).agg(summed()).select(*KEYS, *VALUES)


def _refuse(territories: pl.Series) -> None:
    message = "is no country: expected two capital letters of ISO 3166-1"
    stray = territories.unique().sort().head(MAX_LISTED)
    raise BulkRefusedError("usage", [Finding("TERRITORY", repr(name)[:100], message) for name in stray])
