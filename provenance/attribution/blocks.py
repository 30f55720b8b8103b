"""Which parameters have gradient features, how wide are they, and which random matrices project them?

A block is one weight (with its bias). Modules that share a weight share the block, so that a tied weight has
one gradient, the sum over its uses.

Shapes: R rows of a weight (outputs, or values of a table), C columns (inputs, the bias as one more),
k kept by the projection, S seeds.
"""

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn


class Kind(StrEnum):
    """How a module uses its weight."""

    LINEAR = "linear"
    EMBEDDING = "embedding"
    CONV1D = "conv1d"  # of Hugging Face: a linear map whose weight is stored transposed
    NORM = "norm"


BUDGET = 65_536  # numbers of an example's feature under one checkpoint


@dataclass(frozen=True)
class Widths:
    """How much of each gradient is kept.

    Args:
        rows: of a weight's matrix. cols: of its columns. A side that is no longer than this is kept whole.
        vector: of the gradient of a norm layer, its scale and bias together.
    """

    rows: int
    cols: int
    vector: int = 256


@dataclass(frozen=True)
class Block:
    """One weight's place in a feature vector: `kept_rows * kept_cols` numbers from `start`."""

    name: str
    rows: int
    cols: int
    kept_rows: int
    kept_cols: int
    start: int

    @property
    def width(self) -> int:
        """How many numbers the block has."""
        return self.kept_rows * self.kept_cols

    @property
    def span(self) -> slice:
        """Where they stand in a feature vector."""
        return slice(self.start, self.start + self.width)

    @property
    def is_projected(self) -> bool:
        """Whether anything of the gradient was left out."""
        return (self.kept_rows, self.kept_cols) != (self.rows, self.cols)


@dataclass(frozen=True)
class Site:
    """A module that has a gradient feature: how it uses which block."""

    name: str
    module: nn.Module
    kind: Kind
    block: int
    has_bias: bool


@dataclass(frozen=True)
class Layout:
    """All blocks of a model in order, the modules that use them, and the parameters that have none."""

    blocks: tuple[Block, ...]
    sites: tuple[Site, ...]
    uncovered: tuple[str, ...]

    @property
    def width(self) -> int:
        """The length of a feature vector."""
        return sum(block.width for block in self.blocks)


def layout_of(model: nn.Module, widths: Widths) -> Layout:
    """The blocks of a model.

    Raises:
        ValueError: if no module of the model is one that features are known for.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    found = [(name, m, kind) for name, m in model.named_modules() if (kind := _kind_of(m)) is not None]
    if not found:
        raise ValueError("the model has no Linear, Embedding, Conv1D or norm layer with weights")
    order = list(dict.fromkeys(id(m.weight) for _, m, _ in found))
    biased = {id(m.weight) for _, m, _ in found if _bias_of(m) is not None}
    blocks: list[Block] = []
    for key in order:
        module, kind = next((m, kind) for _, m, kind in found if id(m.weight) == key)
        start = blocks[-1].span.stop if blocks else 0
        blocks.append(_block(names[key], module, kind, key in biased, widths, start))
    sites = [Site(n, m, k, order.index(id(m.weight)), _bias_of(m) is not None) for n, m, k in found]
    covered = {id(p) for _, m, _ in found for p in (m.weight, _bias_of(m)) if p is not None}
    return Layout(tuple(blocks), tuple(sites), tuple(n for key, n in names.items() if key not in covered))


def fitting_widths(model: nn.Module, budget: int = BUDGET) -> Widths:
    """The largest equal widths with which an example has no more than `budget` numbers, but at least 4.

    Influence loses more by projection than by anything else, so small models are kept whole.
    """
    shapes = [(b.rows, b.cols) for b in layout_of(model, Widths(1, 1)).blocks if b.rows > 1]
    low, high = 4, max([4, *(max(shape) for shape in shapes)])
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(rows, middle) * min(cols, middle) for rows, cols in shapes) <= budget:
            low = middle
        else:
            high = middle - 1
    return Widths(low, low)


def _kind_of(module: nn.Module) -> Kind | None:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, nn.Parameter):
        return None
    name = type(module).__name__
    if isinstance(module, nn.Linear):
        return Kind.LINEAR
    if isinstance(module, nn.Embedding):
        return Kind.EMBEDDING
    if name == "Conv1D" and weight.dim() == 2:
        return Kind.CONV1D
    is_norm = isinstance(module, nn.LayerNorm | nn.RMSNorm) or name.endswith(("LayerNorm", "RMSNorm"))
    return Kind.NORM if is_norm and weight.dim() == 1 else None


def _bias_of(module: nn.Module) -> nn.Parameter | None:
    bias = getattr(module, "bias", None)
    return bias if isinstance(bias, nn.Parameter) else None


def _block(name: str, module: nn.Module, kind: Kind, has_bias: bool, widths: Widths, start: int) -> Block:
    weight = module.weight
    assert isinstance(weight, Tensor)
    if kind is Kind.NORM:
        cols = weight.numel() * (1 + has_bias)
        return Block(name, 1, cols, 1, min(cols, widths.vector), start)
    rows, cols = weight.shape if kind is not Kind.CONV1D else reversed(weight.shape)
    cols += has_bias
    return Block(name, rows, cols, min(rows, widths.rows), min(cols, widths.cols), start)


def projection(size: int, kept: int, seed: int, name: str) -> Tensor:
    """A random matrix (size, kept) with orthogonal columns, whose product with its transpose is I on average.

    The identity where nothing is left out. It depends on the seed and the name alone, so that every process
    and machine draws the same. Orthogonal columns have less variance than independent ones.
    Source: Choe et al. 2024 (LoGra, arXiv 2405.13954), section 3.1, for projecting both sides of a layer.
    """
    if kept >= size:
        return torch.eye(size)
    digest = hashlib.sha256(f"{seed}\x1f{name}\x1f{size}\x1f{kept}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    gaussian = torch.randn(size, kept, generator=generator, dtype=torch.float64)
    q, r = torch.linalg.qr(gaussian)
    signed: Tensor = q * r.diagonal().sign() * math.sqrt(size / kept)
    return signed.float()
