"""Which number does a name have, a hundred million times?

A name's hash points into a table of numbers, and the name that stands there is compared: a number is only
given to the very name that it belongs to. Names whose place another took are looked for in a second table,
then joined.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.uint32]
Flags = NDArray[np.bool_]


class Codes:
    """Names with their places in a list as numbers."""

    def __init__(self, names: pl.Series) -> None:
        self.names = names.rename("name").rechunk()
        self.bits = np.uint64(max(8, (len(names) * 8).bit_length()))
        hashes = self.names.hash().to_numpy()
        numbers = np.arange(len(names), dtype=np.uint32)
        self.tables = []
        reached = np.zeros(len(names), np.bool_)
        for place in (self._high(hashes), self._low(hashes)):
            table = np.zeros(1 << int(self.bits), np.uint32)
            table[place[~reached]] = numbers[~reached]
            reached |= table[place] == numbers
            self.tables.append(table)
        rest = numbers[~reached]
        self.rest = pl.DataFrame(
            {"name": self.names.gather(rest), "number": pl.Series(rest, dtype=pl.UInt32)}
        )

    def _high(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return hashes >> (np.uint64(64) - self.bits)

    def _low(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return hashes & ((np.uint64(1) << self.bits) - np.uint64(1))

    def of(self, texts: pl.Series, hashes: pl.Series) -> tuple[Numbers, Flags]:
        """The number of each text, and whether it has one.

        Args:
            hashes: `texts.hash()`.
        """
        if not len(self.names):
            return np.zeros(len(texts), np.uint32), np.zeros(len(texts), np.bool_)
        spots = hashes.to_numpy()
        numbers = self.tables[0][self._high(spots)]
        known = self._matches(numbers, texts)
        left = np.flatnonzero(~known)
        if len(left):
            again = texts.gather(left)
            numbers[left] = self.tables[1][self._low(spots[left])]
            known[left] = self._matches(numbers[left], again)
            self._join(numbers, known, texts)
        return numbers, known

    def _matches(self, numbers: Numbers, texts: pl.Series) -> Flags:
        same: Flags = (self.names.gather(numbers) == texts).to_numpy().copy()
        return same

    def _join(self, numbers: Numbers, known: Flags, texts: pl.Series) -> None:
        left = np.flatnonzero(~known)
        if not len(left) or not self.rest.height:
            return
        asked = pl.DataFrame({"place": left, "name": texts.gather(left)})
        found = asked.join(self.rest, on="name")
        numbers[found["place"].to_numpy()] = found["number"].to_numpy()
        known[found["place"].to_numpy()] = True
