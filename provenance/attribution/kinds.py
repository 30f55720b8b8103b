"""What does a module do with its weight: by its class where torch wrote it, else by trying it out.

Libraries derive from torch's layers and change what they do (an embedding that is scaled, a norm that adds
one to its weight), so a name or a base class is no evidence. On the first example it is checked against
autograd besides (`checking.py`).

Shapes: F width of a module's input, R rows and C columns of a weight.
"""

import inspect
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

TOLERANCE = 0.01  # of a trial's output, which may be in half precision
TRIED_ROWS = 8  # of a table


class Kind(StrEnum):
    """How a module uses its weight."""

    LINEAR = "linear"
    EMBEDDING = "embedding"
    CONV1D = "conv1d"  # of Hugging Face: a linear map whose weight is stored transposed
    NORM = "norm"  # anything that multiplies what it makes of its input by a weight along the last axis


# Of what a class calls itself, only that it kept torch's own computation counts.
TORCHS_OWN = (
    (nn.Linear.forward, Kind.LINEAR, 2),
    (nn.Embedding.forward, Kind.EMBEDDING, 2),
    (nn.LayerNorm.forward, Kind.NORM, 1),
    (nn.RMSNorm.forward, Kind.NORM, 1),
)


@dataclass(frozen=True)
class Use:
    """What a module does; `scale` is what it multiplies the rows of a table by."""

    kind: Kind
    scale: float = 1.0


def use_of(module: nn.Module) -> Use | None:
    """What the module does with its weight; None where that is nothing that features are known for."""
    weight = module._parameters.get("weight")
    if weight is None:
        return None
    for forward, kind, dimensions in TORCHS_OWN:
        if type(module).forward is forward and weight.dim() == dimensions:
            return Use(kind)
    return _found_by_trial(module, weight) if _holds_only_its_weight(module) else None


def bias_of(module: nn.Module) -> nn.Parameter | None:
    """The bias that belongs to the module's weight."""
    bias = getattr(module, "bias", None)
    return bias if isinstance(bias, nn.Parameter) else None


def _holds_only_its_weight(module: nn.Module) -> bool:
    """Whether the module has no other parameters or parts, and its output follows from one argument."""
    own = {name for name, value in module._parameters.items() if value is not None}
    asked = inspect.signature(module.forward).parameters.values()
    return own <= {"weight", "bias"} and not any(module.children()) and len(asked) == 1


@torch.no_grad()
def _found_by_trial(module: nn.Module, weight: Tensor) -> Use | None:
    try:
        if weight.dim() == 1:
            return Use(Kind.NORM) if _is_norm(module, weight) else None
        if isinstance(module, nn.Embedding):
            scale = _scale_of_rows(module, weight)
            return None if scale is None else Use(Kind.EMBEDDING, scale)
        transposed = not isinstance(module, nn.Linear)
        if weight.dim() == 2 and _is_linear(module, weight.T if transposed else weight):
            return Use(Kind.CONV1D if transposed else Kind.LINEAR)
    except Exception:  # whatever an unknown module raises, it is not one of ours
        return None
    return None


def _is_linear(module: nn.Module, weight_RC: Tensor) -> bool:
    x_1LF = _noise(weight_RC, 1, 3, weight_RC.shape[1])
    return _close(module(x_1LF), nn.functional.linear(x_1LF, weight_RC, bias_of(module)))


def _scale_of_rows(module: nn.Module, weight_RC: Tensor) -> float | None:
    """The one factor between a table's rows and what the module gives for them."""
    index_1L = torch.arange(min(TRIED_ROWS, len(weight_RC)), device=weight_RC.device)[None]
    given, rows = module(index_1L), weight_RC[index_1L]
    scale = float((given.float() * rows.float()).sum() / rows.float().square().sum())
    return scale if _close(given, scale * rows) else None


def _is_norm(module: nn.Module, weight_F: Tensor) -> bool:
    """Whether the output is a(x) + b(x) * weight + bias, each along the last axis."""
    width = weight_F.numel()
    if width < 2:
        return False
    x_1LF = _noise(weight_F, 1, 3 if width == 2 else 2, width).float()  # as many rows as columns tell nothing
    names = [name for name, value in module._parameters.items() if value is not None]
    zero_F, one_F = torch.zeros_like(weight_F, dtype=torch.float32), torch.ones_like(weight_F).float()

    def given(weight_F: Tensor, bias_F: Tensor) -> Tensor:
        values = {"weight": weight_F, "bias": bias_F}
        output: Tensor = torch.func.functional_call(module, {name: values[name] for name in names}, (x_1LF,))
        return output

    base, slope = given(zero_F, zero_F), given(one_F, zero_F) - given(zero_F, zero_F)
    tried_F, bias_F = _noise(weight_F, width).float(), _noise(weight_F, width).float().flip(0)
    expected = base + slope * tried_F + (bias_F if "bias" in names else 0)
    return slope.shape == x_1LF.shape and bool(slope.any()) and _close(given(tried_F, bias_F), expected)


def _noise(like: Tensor, *shape: int) -> Tensor:
    """Numbers without a pattern, the same each time, and without a touch on anybody's random state."""
    count = torch.Size(shape).numel()
    drawn = torch.randn(count, generator=torch.Generator().manual_seed(count))
    return drawn.view(shape).to(like)


def _close(given: Tensor, expected: Tensor) -> bool:
    if given.shape != expected.shape:
        return False
    error, size = (given.float() - expected.float()).norm(), expected.float().norm()
    return bool(size > 0) and bool(error < TOLERANCE * size)
