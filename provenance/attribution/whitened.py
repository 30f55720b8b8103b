"""How are the whitened features of all components read as one matrix that never fits in memory?

A checkpoint's features are one stage of the store. Here they stand side by side, as one row an example: shard
by shard for whoever needs them all, row by row or column by column for whoever needs some.

Shapes: N examples, n some of them, D width of all components together, w of a block of columns.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from provenance.attribution.store import FeatureStore

OPEN_SHARDS = 512  # files mapped at a time: each holds a descriptor, of which a process often has 1,024
BLOCK_COLUMNS = 2048
Halves = NDArray[np.float16]


class WhitenedRows:
    """The matrix (N, D). Files that it has read stay open: after a removal, take a new one.

    Args:
        stages: of the store, one a checkpoint, in the order of the columns.
    """

    def __init__(self, store: FeatureStore, stages: Sequence[str]) -> None:
        self.store, self.stages = store, tuple(stages)
        self._shard = lru_cache(OPEN_SHARDS)(store.chunk)  # of this object, so that the files close with it

    @property
    def num_examples(self) -> int:
        """The number of rows, those that were removed included."""
        return self.store.num_rows(self.stages[0])

    def chunks(self) -> Iterator[Halves]:
        """All rows, shard by shard."""
        for i in range(self.store.num_shards(self.stages[0])):
            yield np.concatenate([self.store.chunk(stage, i) for stage in self.stages], axis=1)

    def rows(self, ids_n: NDArray[np.int64]) -> Halves:
        """Some rows (n, D), in the order of `ids_n`."""
        return np.concatenate([self._gather(stage, ids_n, slice(None)) for stage in self.stages], axis=1)

    def blocks(self, ids_n: NDArray[np.int64]) -> Iterator[Halves]:
        """Some rows a few columns at a time (n, w), in the order of columns."""
        for stage in self.stages:
            for start in range(0, self.store.chunk(stage, 0).shape[1], BLOCK_COLUMNS):
                yield self._gather(stage, ids_n, slice(start, start + BLOCK_COLUMNS))

    def _gather(self, stage: str, ids_n: NDArray[np.int64], columns: slice) -> Halves:
        shard_n, place_n = np.divmod(ids_n, self.store.shard_rows)
        first = self._shard(stage, 0)[:0, columns]
        found = np.empty((len(ids_n), first.shape[1]), dtype=first.dtype)
        for i in np.unique(shard_n):
            inside = shard_n == i
            found[inside] = self._shard(stage, int(i))[place_n[inside], columns]
        return found
