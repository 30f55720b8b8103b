"""What do other methods say that need no retraining? The peers beside which `validating` sets influence.

Shapes: N examples, Q queries, D width of a gradient or of a hidden state, R rows, F columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from console.progress import Advance
from model.events import Field
from model.network import Composer
from model.objective import attribution_targets
from provenance.attribution.examples import Examples
from provenance.attribution.features import GradientFeatures
from provenance.attribution.task import Checkpoint
from provenance.attribution.trak import trak_scores
from provenance.attribution.validation import bm25
from provenance.composer_index import BATCH, IGNORED, TASK

GRAM = 3  # notes
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Baselines:
    """Scores (Q, N) by the name of the method, and why the others could not be asked."""

    scores: dict[str, Floats]
    absent: dict[str, str]


def baselines(model: Composer, examples: Examples, rows_QRF: Tensor, advance: Advance) -> Baselines:
    """What every method says that is here, under the model's weights."""
    checkpoints = [Checkpoint({name: value.clone() for name, value in model.state_dict().items()})]
    scores = _without_curvature(model, examples, rows_QRF, advance)
    scores["TRAK"] = trak_scores(
        model, TASK, checkpoints, examples, rows_QRF,
        progress=lambda done, total: advance(done, total, "TRAK"),
    )  # fmt: skip
    peer = _ekfac()
    if isinstance(peer, str):
        return Baselines(scores, {"EK-FAC (kronfluence)": peer})
    advance(0, len(examples), "EK-FAC")
    scores[f"EK-FAC (kronfluence {version('kronfluence')})"] = peer(
        model, TASK, checkpoints, examples, rows_QRF
    )
    return Baselines(scores, {})


def _ekfac() -> Callable[..., Floats] | str:
    """EK-FAC's scores, or why there are none."""
    try:
        version("kronfluence")
    except PackageNotFoundError:
        return "kronfluence is not installed: pip install 'contrafact[peers]'"
    try:
        # Only here, so that nothing else depends on what few have installed.
        from provenance.attribution.ekfac import ekfac_scores
    except (ImportError, RuntimeError) as error:
        return f"kronfluence is installed, but cannot be loaded: {error}"
    return ekfac_scores


def _without_curvature(
    model: Composer, examples: Examples, rows_QRF: Tensor, advance: Advance
) -> dict[str, Floats]:
    """Scores (Q, N) of what takes no retraining and no curvature."""
    features = GradientFeatures(model, TASK)
    query_QD, query_states_QD = _normed(features.features_NSD(rows_QRF)[:, 0]), _states(model, rows_QRF)
    cosine, near, tokens = [], [], list[list[int]]()
    for start in range(0, len(examples), BATCH):
        rows_nRF = examples.rows(np.arange(start, min(start + BATCH, len(examples))))
        cosine.append(query_QD @ _normed(features.features_NSD(rows_nRF)[:, 0]).T)
        near.append(query_states_QD @ _states(model, rows_nRF).T)
        tokens += map(_tokens, rows_nRF)
        advance(len(tokens), len(examples), "baselines")
    return {
        "BM25 on runs of 3 notes": bm25(tokens, list(map(_tokens, rows_QRF)), GRAM),
        "neighbours by hidden state": torch.cat(near, 1).double().numpy(),
        "gradient cosine": torch.cat(cosine, 1).double().numpy(),
    }


def _tokens(rows_RF: Tensor) -> list[int]:
    """The notes of an example, each as one number of its pitch and its length."""
    fields_TF = attribution_targets(rows_RF[None]).view(-1, len(Field))
    notes_TF = fields_TF[fields_TF[:, Field.PITCH] != IGNORED]
    numbers: list[int] = (notes_TF[:, Field.PITCH] * 1000 + notes_TF[:, Field.DURATION]).tolist()
    return numbers


def _normed(x_ND: Tensor) -> Tensor:
    return torch.nn.functional.normalize(x_ND, dim=-1)


@torch.no_grad()
def _states(model: Composer, rows_NRF: Tensor) -> Tensor:
    """The mean of what the head reads of an example, at unit length."""
    held: list[Tensor] = []
    handle = model.head.norm.register_forward_pre_hook(lambda _module, inputs: held.append(inputs[0]))
    try:
        targets = attribution_targets(rows_NRF).view(len(rows_NRF), -1, len(Field))
        model(rows_NRF)
    finally:
        handle.remove()
    said = (targets != IGNORED).any(-1)[:, 1 : 1 + held[0].shape[1], None]
    return _normed((held[0] * said).sum(1))
