"""How many nats is an influence, and how far off is it? Retrainings on random halves say so.

After a retraining that had the examples K, a query's loss is its mean over retrainings, less the slope times
what the influence of K exceeds its mean by, and an error. Of the error, what two trainings on the same
examples differ by is noise; the rest is the attribution's own. Both are taken to be the same for all queries,
and the attribution's own to grow with the root of f (1 - f) where a part f of the examples is left out, as
it does if what is wrong about one example has nothing to do with what is wrong about another.

Shapes: N examples, Q queries, M retrainings.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Z_90 = 1.6449  # of a normal distribution, nine tenths lie within so many standard deviations


@dataclass(frozen=True)
class Calibration:
    """How influence becomes nats.

    Args:
        slope: nats for each unit of influence.
        slope_error: the slope's standard error, over retrainings.
        own_error: standard deviation in nats of what the attribution gets wrong about a half.
        noise: standard deviation in nats of the loss after one training on a half, from seed to seed.
    """

    slope: float
    slope_error: float
    own_error: float
    noise: float

    def to_json(self) -> dict[str, str]:
        """The numbers as text with nine digits."""
        return {name: f"{value:.9g}" for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, told: dict[str, str]) -> "Calibration":
        """A calibration that was written down."""
        return cls(**{name: float(value) for name, value in told.items()})

    def nats(self, influence: Floats) -> Floats:
        """By how much the loss rises if examples of that influence are left out."""
        return self.slope * influence

    def half_width(self, influence: Floats, part: Floats, noise: float = 0.0) -> Floats:
        """Half of the interval of 90 % around it.

        Args:
            part: of all examples, how many are left out, 0 to 1.
            noise: standard deviation of the noise in what it is compared with; 0 for the change that is to be
                expected, of which luck is no part.
        """
        variance = (self.slope_error * influence) ** 2 + 4 * part * (1 - part) * self.own_error**2
        width: Floats = Z_90 * np.sqrt(variance + noise**2)
        return width


def calibrate(
    influence_QN: Floats, kept_MN: NDArray[np.bool_], first_MQ: Floats, again_MQ: Floats
) -> Calibration:
    """The calibration that retrainings on halves lead to.

    Args:
        influence_QN: of every example on every query; in the unit of the losses' objective.
        kept_MN: which examples each retraining had.
        first_MQ: losses after it.
        again_MQ: losses after training on the first of the halves again, from other seeds.

    Raises:
        ValueError: fewer than three halves, or none was trained on twice.
    """
    num = len(first_MQ)
    if num < 3 or not len(again_MQ):
        raise ValueError(f"{num} halves, {len(again_MQ)} of them twice: 3 and 1 are needed")
    predicted_MQ = -(kept_MN.astype(influence_QN.dtype) @ influence_QN.T)
    predicted_MQ, found_MQ = (x - x.mean(0) for x in (predicted_MQ, first_MQ))
    slope, slope_error = _slope(predicted_MQ, found_MQ)
    noise = float(np.sqrt(np.mean((first_MQ[: len(again_MQ)] - again_MQ) ** 2) / 2))
    error = float(np.mean((found_MQ - slope * predicted_MQ) ** 2)) * num / (num - 1)
    return Calibration(slope, slope_error, float(np.sqrt(max(error - noise**2, 0.0))), noise)


def _slope(predicted_MQ: Floats, found_MQ: Floats) -> tuple[float, float]:
    """The slope by least squares, with its error by leaving out one retraining at a time: the queries of one
    retraining share its noise."""
    products_M, squares_M = (predicted_MQ * found_MQ).sum(1), (predicted_MQ**2).sum(1)
    if not squares_M.any():
        return 0.0, 0.0
    slope = float(products_M.sum() / squares_M.sum())
    left = (products_M.sum() - products_M) / (squares_M.sum() - squares_M)
    num = len(left)
    return slope, float(np.sqrt((num - 1) / num * ((left - left.mean()) ** 2).sum()))
