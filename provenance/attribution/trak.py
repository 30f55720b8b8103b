"""What would TRAK say? A peer that attribution is measured beside; no share is ever made of it.

Each model's gradients of the margin log p - log(1 - p) are projected at random to k numbers, phi. With the
examples' ones as rows of Phi, the score of example i for query q is

    (mean over models of phi(q) (Phi^T Phi)^-1 phi(i)) x (mean over models of 1 - p(i)).

As in the paper, the two means are taken each for itself. A sequence's margin is the sum over its positions
(as the paper has it for language models), its 1 - p the mean. Where the paper projects the whole gradient at
once, a layer's is first projected from both sides where all layers have more than 65,536 numbers.

Source: Park et al. 2023 (TRAK, arXiv 2303.14186), sections 3.1 to 3.3 and eq. 17.

Shapes: N examples, n of one batch, Q queries, T anything after the examples, D width of a feature vector,
k of its projection.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from provenance.attribution.blocks import Widths
from provenance.attribution.examples import Examples
from provenance.attribution.features import GradientFeatures
from provenance.attribution.task import Checkpoint, Objective, SequenceTask
from provenance.attribution.weights import load_weights

MOST_KEPT, EXAMPLES_A_NUMBER = 1024, 4
BATCH = 16
Floats = NDArray[np.floating[Any]]
Progress = Callable[[int, int], None]


def trak_scores(
    model: nn.Module,
    task: SequenceTask,
    checkpoints: Sequence[Checkpoint],
    examples: Examples,
    queries_QT: Tensor,
    *,
    kept: int | None = None,
    widths: Widths | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Floats:
    """The scores (Q, N), higher where an example lowers the query's loss more.

    Args:
        checkpoints: the models, best trained on halves of their own.
        kept: how many numbers a gradient is projected to; None takes one for every 4 examples, 1,024 at most.
            With as many as there are examples, each would be explained by itself alone.
        progress: is told how many gradients are taken, of how many.
    """
    kept = kept or max(1, min(MOST_KEPT, len(examples) // EXAMPLES_A_NUMBER))
    model = copy.deepcopy(model)
    features = GradientFeatures(model, task, objective=Objective.MARGIN, widths=widths)
    kernel_QN = torch.zeros(len(queries_QT), len(examples), dtype=torch.float64)
    error_N = torch.zeros(len(examples), dtype=torch.float64)
    total = len(checkpoints) * len(examples)
    for c, checkpoint in enumerate(checkpoints):
        load_weights(model, checkpoint)
        features.draw_projections(f"trak {seed} {c}")
        project = _Projection(features, kept, 1_000 * seed + c)
        taken: list[Tensor] = []
        for start in range(0, len(examples), BATCH):
            rows_nT = examples.rows(np.arange(start, min(start + BATCH, len(examples))))
            taken.append(project(rows_nT))
            error_N[start : start + len(rows_nT)] += _errors(model, task, rows_nT)
            if progress is not None:
                progress(c * len(examples) + start + len(rows_nT), total)
        queries_Qk = torch.cat([project(part) for part in torch.split(queries_QT, BATCH)])
        # (Phi^T Phi)^-1 Phi^T, also where Phi^T Phi has no inverse
        kernel_QN += queries_Qk @ torch.linalg.pinv(torch.cat(taken))
    scores: Floats = (kernel_QN * error_N / len(checkpoints) ** 2).numpy()
    return scores


class _Projection:
    """Gradients as k random sums of their numbers; the scale of the projection cancels in the scores."""

    def __init__(self, features: GradientFeatures, kept: int, seed: int) -> None:
        self._features = features
        generator = torch.Generator().manual_seed(seed)
        drawn_Dk = torch.randn(features.layout.width, kept, generator=generator)
        self._drawn_Dk = drawn_Dk.to(features.device)

    def __call__(self, tokens_nT: Tensor) -> Tensor:
        found_nk: Tensor = self._features.features_NSD(tokens_nT)[:, 0] @ self._drawn_Dk
        return found_nk.cpu().double()


@torch.no_grad()
def _errors(model: nn.Module, task: SequenceTask, tokens_nT: Tensor) -> Tensor:
    """The mean of 1 - p (n) over each example's positions."""
    tokens_nT = tokens_nT.to(next(model.parameters()).device)
    logits, targets = task.logits(model, tokens_nT), task.targets(tokens_nT)
    known = targets != task.ignore_index
    index = targets.masked_fill(~known, 0).long()[..., None]
    p = logits.float().softmax(-1).gather(-1, index)[..., 0]
    error_n = ((1 - p) * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
    return error_n.cpu().double()
