"""How sure is a mean over a few pieces, and does a metric tell music from music with shuffled bars?

Intervals are by percentile bootstrap over pieces: the piece is the unit that was drawn, and bars of one piece
are not independent. Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.evaluation.bars import Floats

RESAMPLES = 2000
LOW, HIGH = 2.5, 97.5


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 per cent interval and the number of pieces; all None where n is 0."""

    mean: float | None
    low: float | None
    high: float | None
    n: int

    def to_json(self) -> dict[str, float | int | None]:
        """The estimate as JSON values."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}


UNKNOWN = Estimate(None, None, None, 0)


@dataclass(frozen=True)
class Separation:
    """What shuffling the bars takes away: human minus shuffled, piece by piece.

    `wins` is the part of the pieces whose own value is above that of their shuffled bars, ties by half.
    """

    difference: Estimate
    wins: float | None

    @property
    def separates(self) -> bool:
        """Whether the interval of the difference leaves out zero."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


def estimate(values: Sequence[float], seed: int) -> Estimate:
    """The mean over pieces; values that are not numbers are pieces on which nothing can be said."""
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return UNKNOWN
    means = known[resamples(len(known), seed)].mean(axis=1)
    low, high = np.percentile(means, [LOW, HIGH])
    return Estimate(_round(known.mean()), _round(low), _round(high), len(known))


def resamples(n: int, seed: int) -> npt.NDArray[np.int64]:
    """Indices of n pieces drawn with replacement, one row a resample."""
    return np.random.default_rng([seed, n]).integers(0, n, (RESAMPLES, n))


def gap(ours: Sequence[float], theirs: Sequence[float], seed: int) -> Estimate:
    """How far the mean of ours lies from the mean of theirs, whichever is greater.

    The pieces are pairs, asked for alike, and are drawn as pairs; those on which one side says nothing are
    left out.
    """
    pairs = np.array([ours, theirs], dtype=np.float64).T
    known = pairs[~np.isnan(pairs).any(axis=1)]
    if not len(known):
        return UNKNOWN
    means = known[resamples(len(known), seed)].mean(axis=1)
    low, high = np.percentile(np.abs(means[:, 0] - means[:, 1]), [LOW, HIGH])
    mean = known.mean(axis=0)
    return Estimate(_round(abs(mean[0] - mean[1])), _round(low), _round(high), len(known))


def separation(human: Sequence[float], shuffled: Sequence[float], seed: int) -> Separation:
    """How far the human pieces are from the same pieces with shuffled bars.

    Args:
        shuffled: in the order of `human`; several shuffles of a piece are averaged before.
    """
    differences: Floats = np.array(human, dtype=np.float64) - np.array(shuffled, dtype=np.float64)
    known = differences[~np.isnan(differences)]
    wins = _round(float((known > 0).mean() + (known == 0).mean() / 2)) if len(known) else None
    return Separation(estimate(list(known), seed), wins)


def _round(value: float) -> float:
    return round(float(value), 6)
