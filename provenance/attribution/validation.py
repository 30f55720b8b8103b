"""Does an attribution predict what retraining on other examples does?

A model is retrained on random halves of the examples. An attribution predicts a query's loss after each: the
less influence was kept, the higher. The linear datamodelling score is the rank correlation of both over the
halves, the mean over queries. Retraining is noisy, so no prediction can reach 1: two trainings on the same
half agree only so far, and the root of that agreement is the ceiling.

Sources: Park et al. 2023 (TRAK, arXiv 2303.14186), definition 2.3, for the score; Ilyas et al. 2022
(datamodels, arXiv 2202.00622), for halves; Spearman 1904 for the root of a test-retest correlation as the
most that anything can correlate with one test; Robertson and Zaragoza 2009 for BM25.

Shapes: N examples, Q queries, M retrainings.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Masks = NDArray[np.bool_]
DRAWS = 500
SATURATION, LENGTH_PART = 1.5, 0.75  # of BM25


@dataclass(frozen=True)
class Estimate:
    """A number with the interval that holds it with 90 %."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """The numbers to three places."""
        return {"value": round(self.value, 3), "low": round(self.low, 3), "high": round(self.high, 3)}


def rank_correlation(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Spearman's correlation of the rows of two matrices; equal values share their rank, 0 for equal rows."""
    a, b = (np.stack([_ranks(row) for row in x]) for x in (a, b))
    a, b = (x - x.mean(-1, keepdims=True) for x in (a, b))
    length = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    found: NDArray[np.float64] = (a * b).sum(-1) / np.where(length > 0, length, np.inf)
    return found


def _ranks(row: Floats) -> NDArray[np.float64]:
    _, place, counts = np.unique(row, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = counts.cumsum() - (counts + 1) / 2
    return middle[place]


def datamodelling_score(scores_QN: Floats, kept_MN: Masks, losses_MQ: Floats, seed: int = 0) -> Estimate:
    """The score with an interval from drawing retrainings and queries again, with replacement.

    Args:
        scores_QN: higher where an example lowers the query's loss more.
        kept_MN: which examples each retraining had.
        losses_MQ: the queries' losses after it.

    Raises:
        ValueError: there are fewer than three retrainings, or the shapes do not belong together.
    """
    predicted_QM = scores_QN @ kept_MN.T.astype(scores_QN.dtype)
    if predicted_QM.shape != losses_MQ.T.shape or len(losses_MQ) < 3:
        shapes = f"{predicted_QM.shape} predictions, {losses_MQ.T.shape} losses"
        raise ValueError(f"{shapes}: they do not fit, or there are fewer than three trainings")
    rng = np.random.default_rng(seed)
    num_queries, num_retrainings = predicted_QM.shape
    drawn = []
    for _ in range(DRAWS):
        queries = rng.integers(0, num_queries, num_queries)
        retrainings = rng.integers(0, num_retrainings, num_retrainings)
        picked = np.ix_(queries, retrainings)
        drawn.append(rank_correlation(predicted_QM[picked], -losses_MQ.T[picked]).mean())
    value = float(rank_correlation(predicted_QM, -losses_MQ.T).mean())
    low, high = np.quantile(drawn, [0.05, 0.95])
    return Estimate(value, float(low), float(high))


def noise_ceiling(first_MQ: Floats, again_MQ: Floats) -> float:
    """The highest score that can be reached: the root of how far two trainings on the same halves agree."""
    return float(np.sqrt(max(rank_correlation(first_MQ.T, again_MQ.T).mean(), 0.0)))


def halves(num: int, units: Sequence[str], seed: int) -> list[frozenset[str]]:
    """Random halves of the units, each as what it leaves out; the same for the same units in any order."""
    names = sorted(set(units))
    found = []
    for i in range(num):
        order = np.random.default_rng([seed, i]).permutation(len(names))
        found.append(frozenset(names[place] for place in order[len(names) // 2 :]))
    return found


def bm25(documents: Sequence[Sequence[int]], queries: Sequence[Sequence[int]], size: int) -> Floats:
    """What can be had with no model: BM25 (Q, N) over runs of `size` tokens."""
    grams = [_grams(document, size) for document in documents]
    lengths = np.array([sum(counts.values()) for counts in grams], dtype=float)
    relative = 1 - LENGTH_PART + LENGTH_PART * lengths / max(lengths.mean(), 1.0)
    places: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for i, counts in enumerate(grams):
        for gram, count in counts.items():
            places.setdefault(gram, []).append((i, count))
    scores = np.zeros((len(queries), len(documents)))
    for q, query in enumerate(queries):
        for gram in _grams(query, size):
            found = places.get(gram, [])
            weight = np.log(1 + (len(documents) - len(found) + 0.5) / (len(found) + 0.5))
            for i, count in found:
                scores[q, i] += weight * count * (1 + SATURATION) / (count + SATURATION * relative[i])
    return scores


def _grams(tokens: Sequence[int], size: int) -> Counter[tuple[int, ...]]:
    return Counter(zip(*(tokens[i:] for i in range(size)), strict=False))
