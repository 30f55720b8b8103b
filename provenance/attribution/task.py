"""What is explained of a model's output, and how does one example's objective read off its logits?

Shapes: N examples, T positions, V values of a position.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

MARGIN_FLOOR = 0.01  # the least 1 - p by which the margin divides


class Objective(StrEnum):
    """What is differentiated, summed over an example's positions.

    `MARGIN` is log p - log(1 - p), the output function of TRAK; `CROSS_ENTROPY` is log p.
    """

    MARGIN = "margin"
    CROSS_ENTROPY = "cross_entropy"


@dataclass(frozen=True)
class SequenceTask:
    """How a model predicts a batch of sequences: two functions that the user writes.

    Args:
        logits: from the model and a batch of examples, examples first, to logits (N, ..., V).
        targets: from the same batch to the right values (N, ...).
        ignore_index: the target that marks a position as not to be explained (padding).
    """

    logits: Callable[[nn.Module, Tensor], Tensor]
    targets: Callable[[Tensor], Tensor]
    ignore_index: int = -100


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """One set of weights, and which examples it was trained on.

    Args:
        state_dict: the weights by name, or the path of a safetensors file with them.
        trained_on: one truth value an example; None where that is not known. Examples are scored alike either
            way: scoring each only by weights that saw it, or only by those that did not, predicts retraining
            worse (docs/attribution.md). A mask of another length than the examples is refused.
    """

    state_dict: Mapping[str, Tensor] | Path
    trained_on: NDArray[np.bool_] | Tensor | None = None


def objective_N(logits_NTV: Tensor, targets_NT: Tensor, objective: Objective, ignore_index: int) -> Tensor:
    """One value an example, higher where the model predicts it better.

    The margin's derivative is that of log p over 1 - p, so it is computed as log p with a constant weight
    1 / max(1 - p, MARGIN_FLOOR) on each position. This is exact below the floor and stable above it: a
    position that the model is certain of, or that has only one possible value, weighs little instead of
    one.

    Source: Park et al. 2023 (TRAK, arXiv 2303.14186), section 3.2, eq. 13, for the margin.
    """
    if logits_NTV.shape[:-1] != targets_NT.shape:
        shapes = f"logits {tuple(logits_NTV.shape)}, targets {tuple(targets_NT.shape)}"
        raise ValueError(f"{shapes}: logits must have the shape of the targets and one axis of values")
    known_NT = targets_NT != ignore_index
    index_NT = targets_NT.masked_fill(~known_NT, 0).long()
    log_p_NT = logits_NTV.float().log_softmax(-1).gather(-1, index_NT[..., None])[..., 0]
    weight_NT = known_NT.to(log_p_NT.dtype)
    if objective is Objective.MARGIN:
        weight_NT = weight_NT / (-log_p_NT.detach().expm1()).clamp(min=MARGIN_FLOOR)
    return (log_p_NT.masked_fill(~known_NT, 0.0) * weight_NT).flatten(1).sum(1)
