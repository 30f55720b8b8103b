"""Which works could be the same music as this one, of very many?

An inverted table from the hashes of sketches to pieces. A look-up reads at most 128 lists of at most 1,000
numbers, whatever the number of works, and names at most twenty candidates for `verdict` to decide.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

LEAST_SHARED = 3  # smallest hashes in common that make a candidate
MOST_CANDIDATES = 20
EVERYWHERE = 1_000  # pieces: a hash that more of them share tells nothing


class SketchIndex:
    """Pieces by the hashes of their sketches, numbered in the order in which they were added."""

    def __init__(self) -> None:
        self._having: dict[int, list[int]] = defaultdict(list)
        self._count = 0

    def add(self, sketch: Iterable[int]) -> int:
        """The number that a piece gets."""
        for value in sketch:
            having = self._having[value]
            if len(having) <= EVERYWHERE:
                having.append(self._count)
        self._count += 1
        return self._count - 1

    def candidates(self, sketch: Iterable[int]) -> list[int]:
        """The numbers of the pieces that share most with a sketch; those that share most come first."""
        found = [self._having.get(value, ()) for value in sketch]
        shared = Counter(number for having in found if len(having) <= EVERYWHERE for number in having)
        enough = [(-count, number) for number, count in shared.items() if count >= LEAST_SHARED]
        return [number for _, number in sorted(enough)[:MOST_CANDIDATES]]
