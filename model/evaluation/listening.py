"""What do people's answers to a blind test allow one to say, and what not?

Answers of one listener depend on each other; from five listeners on, intervals are also taken over listeners.
That two kinds of music cannot be told apart is said only where the whole interval lies near one half: no
proof of a difference is no proof of sameness.

Sources: E. B. Wilson, "Probable inference" (JASA 22, 1927); D. J. Schuirmann, two one-sided tests (Journal of
Pharmacokinetics and Biopharmaceutics 15, 1987); B. Efron, R. Tibshirani, An Introduction to the Bootstrap
(1993), chapter 8, for units that are drawn together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from typing import Any

import numpy as np

Z = 1.959964
MIN_LISTENERS = 5
RESAMPLES = 2000
ALIKE = (0.4, 0.6)  # the part of right answers that is taken for guessing


@dataclass(frozen=True)
class Heard:
    """One answer about a pair, told by kind.

    Attributes:
        preferred: whether the piece under test was liked better; None for no difference.
        found: whether the person's piece was told from the other one; None where that was not asked.
    """

    listener: str
    preferred: bool | None
    found: bool | None


def wilson(wins: int, total: int) -> tuple[float, float]:
    """The 95 per cent interval of a part; everything where nothing was counted."""
    if not total:
        return 0.0, 1.0
    part, spread = wins / total, Z * Z / total
    centre = part + spread / 2
    half = Z * sqrt(part * (1 - part) / total + spread / (4 * total))
    return max(0.0, (centre - half) / (1 + spread)), min(1.0, (centre + half) / (1 + spread))


def guessing(wins: int, total: int) -> float:
    """The probability that guessing is at least so far from one half, either way: the exact binomial test."""
    chances = [float(comb(total, k) / 2**total) for k in range(total + 1)]
    own = chances[wins]
    return float(min(1.0, sum(chance for chance in chances if chance <= own * (1 + 1e-9))))


def over_listeners(answers: Sequence[tuple[str, bool]], seed: int = 0) -> tuple[float, float] | None:
    """The 95 per cent interval where whole listeners are drawn again; None for less than five."""
    by_listener: dict[str, list[bool]] = {}
    for listener, won in answers:
        by_listener.setdefault(listener, []).append(won)
    if len(by_listener) < MIN_LISTENERS:
        return None
    wins = np.array([sum(won) for won in by_listener.values()])
    counts = np.array([len(won) for won in by_listener.values()])
    drawn = np.random.default_rng(seed).integers(0, len(wins), (RESAMPLES, len(wins)))
    low, high = np.percentile(wins[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def part_of(answers: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """How many answers were yes, with their intervals; JSON values."""
    wins, total = sum(won for _, won in answers), len(answers)
    clustered = over_listeners(answers)
    return {
        "part": round(wins / total, 4) if total else None,
        "interval": [round(x, 4) for x in wilson(wins, total)],
        "interval_over_listeners": None if clustered is None else [round(x, 4) for x in clustered],
        "answers": total,
        "chance_of_guessing": round(guessing(wins, total), 6) if total else None,
    }


def results_of(heard: Sequence[Heard]) -> dict[str, Any]:
    """All that the answers say; JSON values."""
    preferred = [(h.listener, h.preferred) for h in heard if h.preferred is not None]
    found = [(h.listener, h.found) for h in heard if h.found is not None]
    identification = part_of(found)
    return {
        "listeners": len({h.listener for h in heard}),
        "answers": len(heard),
        "preference": {**part_of(preferred), "no_difference": len(heard) - len(preferred)},
        "identification": identification,
        "verdict": _verdict(len(heard), identification),
    }


def _verdict(answers: int, identification: dict[str, Any]) -> str:
    if not answers:
        return "Nobody has listened yet."
    if not identification["answers"]:
        return "People have listened; nobody was asked which piece is a person's."
    low, high = identification["interval_over_listeners"] or identification["interval"]
    if low > 0.5:
        return "People tell the person's piece from the other."
    if low >= ALIKE[0] and high <= ALIKE[1]:
        return "People do not tell the person's piece from the other: right between 40 and 60 times in 100."
    return "Whether people tell the person's piece from the other is not shown: too few answers."
