"""How many different things were there, without holding the name of each?"""

from array import array
from collections.abc import Iterable

import numpy as np

DIGITS = 16  # every derived id ends in that many hexadecimal digits, a SHA-256 in more
SLACK = 1 << 16


class Distinct:
    """Counts different ids at some eight bytes each: by their last 16 digits, which tell them apart.

    Ids that come again are thrown out whenever the list has doubled, so that memory follows what is
    different and not what comes.
    """

    def __init__(self) -> None:
        self._seen = array("Q")
        self._limit = SLACK

    def add(self, ids: Iterable[str]) -> None:
        """These were seen.

        Raises:
            ValueError: an id does not end in 16 hexadecimal digits.
        """
        self._seen.extend([int(name[-DIGITS:], 16) for name in ids])
        if len(self._seen) > self._limit:
            self._limit = 2 * self.count() + SLACK

    def count(self) -> int:
        """How many different ones there were so far."""
        different = np.unique(np.frombuffer(self._seen, dtype=np.uint64)) if self._seen else np.empty(0)
        self._seen = array("Q", different.astype(np.uint64).tobytes())
        return len(self._seen)
