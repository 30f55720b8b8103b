"""What would EK-FAC say, as kronfluence computes it? A peer that attribution is measured beside.

To be imported only where kronfluence is installed (extra `peers`). It follows linear and convolutional layers
alone: what embeddings and norms have is missing from its scores. Everything is as its authors set it.

Sources: George et al. 2018 (EK-FAC, arXiv 1806.03884); Grosse et al. 2023 (arXiv 2308.03296), section 2.2.

Shapes: N examples, Q queries, T anything after the examples.
"""

import copy
import tempfile
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.task import Task
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from provenance.attribution.examples import Examples, examples_of
from provenance.attribution.task import Checkpoint, SequenceTask
from provenance.attribution.weights import load_weights

BATCH = 16
FACTORS = SCORES = "ekfac"
Floats = NDArray[np.floating[Any]]


def ekfac_scores(
    model: nn.Module,
    task: SequenceTask,
    checkpoints: Sequence[Checkpoint],
    examples: Examples,
    queries_QT: Tensor,
    *,
    seed: int = 0,
) -> Floats:
    """The scores (Q, N), higher where an example lowers the query's loss more: a mean over checkpoints.

    Args:
        seed: of the values that its curvature is taken from, which are drawn from the model's predictions.
    """
    total_QN = np.zeros((len(queries_QT), len(examples)))
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's, on how kronfluence calls it
        torch.manual_seed(seed)
        for checkpoint in checkpoints:
            own = copy.deepcopy(model).eval()
            load_weights(own, checkpoint)
            followed = followed_layers(own, task, queries_QT[:1])
            total_QN += _scores(own, _Prediction(task, followed), examples, queries_QT)
    return total_QN / len(checkpoints)


def followed_layers(model: nn.Module, task: SequenceTask, query_1T: Tensor) -> list[str]:
    """The linear layers that have a part in a prediction: for any other kronfluence ends in an error."""
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    query_1T = query_1T.to(next(model.parameters()).device)
    loss = _Prediction(task, []).compute_train_loss(query_1T, model.requires_grad_(True))
    grads = torch.autograd.grad(loss, [layer.weight for layer in layers.values()], allow_unused=True)
    return [name for name, grad in zip(layers, grads, strict=True) if grad is not None]


def _scores(model: nn.Module, task: "_Prediction", examples: Examples, queries_QT: Tensor) -> Floats:
    on_cpu = next(model.parameters()).device.type == "cpu"
    trained, asked = _Rows(examples), _Rows(examples_of(queries_QT))
    with tempfile.TemporaryDirectory() as folder:
        analyzer = Analyzer(
            "peer", prepare_model(model, task), task, cpu=on_cpu, output_dir=folder, disable_tqdm=True
        )
        analyzer.fit_all_factors(FACTORS, trained, per_device_batch_size=BATCH)
        analyzer.compute_pairwise_scores(
            SCORES, FACTORS, query_dataset=asked, train_dataset=trained,
            per_device_query_batch_size=BATCH, per_device_train_batch_size=BATCH,
        )  # fmt: skip
        found: Floats = analyzer.load_pairwise_scores(SCORES)["all_modules"].double().numpy()
    return found


class _Rows(Dataset[Tensor]):
    """Examples one by one, as a data loader asks for them."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Tensor:
        return self._examples.rows(np.array([index]))[0]


class _Prediction(Task):  # type: ignore[misc]  # kronfluence has no types
    """A sequence task in kronfluence's words: the sum of -log p over positions is both loss and question."""

    def __init__(self, task: SequenceTask, followed: list[str]) -> None:
        self._task, self._followed = task, followed

    def get_influence_tracked_modules(self) -> list[str]:
        """The names of the layers whose gradients take part."""
        return self._followed

    def compute_train_loss(self, batch: Tensor, model: nn.Module, sample: bool = False) -> Tensor:
        """The loss of a batch; of values drawn from the model's own predictions where `sample`."""
        logits, targets = self._task.logits(model, batch), self._task.targets(batch)
        known = targets != self._task.ignore_index
        if sample:
            with torch.no_grad():
                drawn = torch.distributions.Categorical(logits=logits.float())
                targets = drawn.sample()  # type: ignore[no-untyped-call]
        return F.cross_entropy(logits[known].float(), targets[known].long(), reduction="sum")

    def compute_measurement(self, batch: Tensor, model: nn.Module) -> Tensor:
        """What is explained of the queries: their loss."""
        return self.compute_train_loss(batch, model)
