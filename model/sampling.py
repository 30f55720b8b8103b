"""How is one value drawn from logits?"""

import numpy as np
import numpy.typing as npt


def sample(
    logits: npt.NDArray[np.float64], rng: np.random.Generator, *, temperature: float = 1.0, top_p: float = 1.0
) -> int:
    """A value drawn from the smallest set of the likeliest values that holds `top_p` of the probability.

    Source: Holtzman et al. 2020, nucleus sampling, section 3.1.
    """
    scaled = (logits - logits.max()) / temperature
    probability = np.exp(scaled)
    probability /= probability.sum()
    order = np.argsort(-probability, kind="stable")
    total = np.cumsum(probability[order])
    nucleus = order[: int(np.searchsorted(total, top_p)) + 1]
    weights = np.cumsum(probability[nucleus])
    return int(
        nucleus[
            min(int(np.searchsorted(weights, rng.random() * weights[-1], side="right")), len(nucleus) - 1)
        ]
    )
