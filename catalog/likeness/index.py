"""Which works could be the same music as this one, of very many?

The hashes of all sketches in one sorted column, each with its piece. A look-up reads at most 128 runs of at
most 1,000 pieces, however many works there are, and names at most twenty candidates for `verdict` to decide.

Memory: 12 bytes a hash, 1.5 KiB a piece.

Shapes: H hashes of all pieces, S of one sketch.
"""

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_SHARED = 3  # smallest hashes in common that make a candidate
MOST_CANDIDATES = 20
EVERYWHERE = 1_000  # pieces: a hash that more of them share tells nothing


class SketchIndex:
    """Pieces by the hashes of their sketches, numbered in the order in which they were added."""

    def __init__(self) -> None:
        self._hash_H: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._piece_H: NDArray[np.uint32] = np.zeros(0, dtype=np.uint32)
        self._new_hashes, self._new_pieces = array("q"), array("I")
        self._count = 0

    def add(self, sketch: Sequence[int]) -> int:
        """The number that a piece gets."""
        self._new_hashes.extend(sketch)
        self._new_pieces.extend([self._count] * len(sketch))
        self._count += 1
        return self._count - 1

    def candidates(self, sketch: Sequence[int]) -> list[int]:
        """The numbers of the pieces that share most with a sketch; those that share most come first."""
        self._sort()
        wanted_S = np.array(sketch, dtype=np.int64)
        first_S = np.searchsorted(self._hash_H, wanted_S, side="left")
        last_S = np.searchsorted(self._hash_H, wanted_S, side="right")
        telling = (last_S > first_S) & (last_S - first_S <= EVERYWHERE)
        runs = [self._piece_H[a:b] for a, b in zip(first_S[telling], last_S[telling], strict=True)]
        if not runs:
            return []
        pieces, shared = np.unique(np.concatenate(runs), return_counts=True)
        enough = shared >= LEAST_SHARED
        order = np.lexsort((pieces[enough], -shared[enough]))[:MOST_CANDIDATES]
        found: list[int] = pieces[enough][order].tolist()
        return found

    def _sort(self) -> None:
        """Brings what was added since the last look-up among the rest."""
        if not self._new_hashes:
            return
        hash_H = np.concatenate([self._hash_H, np.array(self._new_hashes, dtype=np.int64)])
        piece_H = np.concatenate([self._piece_H, np.array(self._new_pieces, dtype=np.uint32)])
        order_H = np.argsort(hash_H, kind="stable")
        self._hash_H, self._piece_H = hash_H[order_H], piece_H[order_H]
        self._new_hashes, self._new_pieces = array("q"), array("I")
