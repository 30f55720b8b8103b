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
        self._shard = lru_cache(OPEN_SHARDS)(self._open)  # of this object, so that the files close with it

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
        widths = [self._shard(stage, 0).shape[1] for stage in self.stages]
        found_nD, start = np.empty((len(ids_n), sum(widths)), dtype=np.float16), 0
        for stage, width in zip(self.stages, widths, strict=True):
            self._fill(found_nD[:, start : start + width], stage, ids_n, slice(None))
            start += width
        return found_nD

    def blocks(self, ids_n: NDArray[np.int64]) -> Iterator[Halves]:
        """Some rows a few columns at a time (n, w), in the order of columns."""
        for stage in self.stages:
            width = self._shard(stage, 0).shape[1]
            for start in range(0, width, BLOCK_COLUMNS):
                stop = min(start + BLOCK_COLUMNS, width)
                found_nw = np.empty((len(ids_n), stop - start), dtype=np.float16)
                self._fill(found_nw, stage, ids_n, slice(start, stop))
                yield found_nw

    def _open(self, stage: str, shard: int) -> Halves:
        plain: Halves = np.asarray(self.store.chunk(stage, shard))  # a memmap is slow to take a row of
        return plain

    def _fill(self, found_nw: Halves, stage: str, ids_n: NDArray[np.int64], columns: slice) -> None:
        shard_n, place_n = np.divmod(ids_n, self.store.shard_rows)
        for row_w, shard, place in zip(found_nw, shard_n.tolist(), place_n.tolist(), strict=True):
            row_w[:] = self._shard(stage, shard)[place, columns]
