"""May this attribution be paid on, or should exposure decide, and why?

Shapes: C components (checkpoint and projection seed), U units, M null queries.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from provenance.attribution.validation import Estimate

LEAST_SIGNAL = 3.0  # standard deviations by which positive influence must exceed noise
LEAST_AGREEMENT = 0.2
MOST_HUB = 0.5
Floats = NDArray[np.float64]


class Verdict(StrEnum):
    """What a payment should follow."""

    INFLUENCE = "influence"
    EXPOSURE = "exposure"


@dataclass(frozen=True, eq=False)
class Influences:
    """What is known of one query's influences."""

    scores_CU: Floats
    nulls_MU: Floats
    signal: float


@dataclass(frozen=True)
class Reliability:
    """The verdict and what it rests on.

    Args:
        signal_to_noise: what is claimed beyond what noise would claim, in standard deviations of the latter.
        agreement: mean rank correlation of units between checkpoints; None where there is one.
        hub: how much of the null queries' influence is one and the same list of units, 0 to 1.
        reason: why exposure is advised; empty where influence may be paid on.
        rank_correlation: how well such attributions predicted retraining; None where nobody tried.
    """

    verdict: Verdict
    signal_to_noise: float
    agreement: float | None
    hub: float
    reason: str
    rank_correlation: Estimate | None = None

    def weighed(self, measured: Estimate | None) -> "Reliability":
        """The verdict in the light of retrainings: what they do not bear out is not paid on."""
        if measured is None or measured.low > 0:
            return replace(self, rank_correlation=measured)
        reason = (
            f"Retraining does not bear it out: the rank correlation is {measured.value}, and may be "
            f"{measured.low}."
        )
        return replace(
            self, verdict=Verdict.EXPOSURE, reason=self.reason or reason, rank_correlation=measured
        )


def judge(found: Influences) -> Reliability:
    """The verdict on one query."""
    agreement, hub = _agreement(found.scores_CU), _hub(found.nulls_MU)
    reason = _reason(found.signal, agreement, hub)
    verdict = Verdict.EXPOSURE if reason else Verdict.INFLUENCE
    return Reliability(verdict, round(found.signal, 3), agreement, hub, reason)


def _reason(signal: float, agreement: float | None, hub: float) -> str:
    if signal <= 0:
        return "No unit's influence stands above what noise alone would show."
    if signal < LEAST_SIGNAL:
        return f"Influence exceeds noise by {signal:.1f} standard deviations; {LEAST_SIGNAL:.0f} are needed."
    if agreement is not None and agreement < LEAST_AGREEMENT:
        return f"Checkpoints rank the units differently: correlation {agreement:.2f}, not {LEAST_AGREEMENT}."
    if hub > MOST_HUB:
        return f"The same units lead for every query: {100 * hub:.0f} % of influence is one list."
    return ""


def _agreement(scores_CU: Floats) -> float | None:
    """The mean Spearman correlation over pairs of components."""
    if len(scores_CU) < 2 or scores_CU.shape[1] < 3:
        return None
    ranks_CU = scores_CU.argsort(1, kind="stable").argsort(1).astype(np.float64)
    correlation_CC = np.corrcoef(ranks_CU)
    return round(float(correlation_CC[np.triu_indices(len(scores_CU), 1)].mean()), 3)


def _hub(nulls_MU: Floats) -> float:
    """The part of the null queries' energy in its first singular vector, each query at unit length.

    Source: ARIA (arXiv 2605.16181), for singular values of the score matrix as a diagnosis.
    """
    rows_MU = np.nan_to_num(nulls_MU)
    length_M = np.linalg.norm(rows_MU, axis=1, keepdims=True)
    if len(rows_MU) < 3 or rows_MU.shape[1] < 3 or not length_M.all():
        return 0.0
    gram_MM = (rows_MU / length_M) @ (rows_MU / length_M).T
    return round(float(np.linalg.eigvalsh(gram_MM)[-1]) / len(rows_MU), 3)
