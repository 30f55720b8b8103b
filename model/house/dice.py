"""How are choices made so that one seed always makes the same ones?

Only `random.Random.random` is used: its sequence is promised to stay the same from one Python to the next.

Source: Python documentation, `random`, notes on reproducibility.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Choices out of a seed made of words and numbers."""

    def __init__(self, *seed: str | int) -> None:
        self._seed = seed
        digest = hashlib.sha256("\x1f".join(map(str, seed)).encode()).digest()
        self._source = random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311  # music, no secret

    def apart(self, *words: str | int) -> "Dice":
        """Other dice for one part of the work: what is thrown there changes nothing here."""
        return Dice(*self._seed, *words)

    def below(self, count: int) -> int:
        """A number from 0 up to, and without, `count`."""
        return int(self._source.random() * count)

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both among them."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """Whether something happens that happens so often in a hundred times."""
        return self._source.random() * 100 < percent

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely."""
        return choices[self.below(len(choices))]

    def weighted(self, choices: Sequence[tuple[T, int]]) -> T:
        """One of the choices, each as likely as its weight says."""
        throw = self._source.random() * sum(weight for _, weight in choices)
        for choice, weight in choices:
            throw -= weight
            if throw < 0:
                return choice
        return choices[-1][0]
