"""Which parameters have gradient features, how wide are they, and which random matrices project them?

A block is one weight (with its bias). Modules that share a weight share the block, so that a tied weight has
one gradient, the sum over its uses.

Shapes: R rows of a weight (outputs, or values of a table), C columns (inputs, the bias as one more),
k kept by the projection, S seeds.
"""

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from provenance.attribution.kinds import Kind, Use, bias_of, use_of

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
    """A module that has a gradient feature: how it uses which block.

    Args:
        scale: what it multiplies the rows of a table by.
    """

    name: str
    module: nn.Module
    kind: Kind
    block: int
    has_bias: bool
    scale: float = 1.0


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

    def without(self, blocks: Collection[int]) -> "Layout":
        """The same feature vector, in which some blocks stay zero and their parameters are not covered."""
        kept = tuple(site for site in self.sites if site.block not in blocks)
        left = [site for site in self.sites if site.block in blocks]
        names = [self.blocks[site.block].name for site in left]
        names += [f"{site.name}.bias" for site in left if site.has_bias]
        return replace(self, sites=kept, uncovered=(*self.uncovered, *dict.fromkeys(names)))


@dataclass(frozen=True, eq=False)
class Side:
    """The rows or the columns of a block, as every seed projects them.

    Args:
        matrix_FSk: the projections; one row more than the vectors are wide is that of the bias.
        whole: whether nothing is left out, so that the matrices are the identity.
    """

    matrix_FSk: Tensor
    whole: bool

    def project(self, x_NLF: Tensor, *, has_bias: bool = False) -> Tensor:
        """The vectors (S, N, L, k), in memory as (S, k, N, L): BLAS makes thin ones faster that way."""
        x_NLF = x_NLF.float()
        num_seeds, kept = self.matrix_FSk.shape[1:]
        if self.whole:
            missing = kept - x_NLF.shape[-1]
            x_NLF = F.pad(x_NLF, (0, missing), value=float(has_bias)) if missing else x_NLF
            return x_NLF.expand(num_seeds, *x_NLF.shape)
        flat_Fk = self.matrix_FSk[: x_NLF.shape[-1]].flatten(1)
        x_FM = x_NLF.flatten(0, 1).T
        bias_k = self.matrix_FSk[-1].flatten()[:, None]
        projected_kM = torch.addmm(bias_k, flat_Fk.T, x_FM) if has_bias else flat_Fk.T @ x_FM
        return projected_kM.view(num_seeds, kept, *x_NLF.shape[:2]).permute(0, 2, 3, 1)


def layout_of(model: nn.Module, widths: Widths) -> Layout:
    """The blocks of a model.

    Raises:
        ValueError: if no module of the model is one that features are known for.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    found = [(name, m, use) for name, m in model.named_modules() if (use := use_of(m)) is not None]
    if not found:
        raise ValueError("the model has no Linear, Embedding, Conv1D or norm layer with weights")
    order = list(dict.fromkeys(id(m.weight) for _, m, _ in found))
    biased = {id(m.weight) for _, m, _ in found if bias_of(m) is not None}
    blocks: list[Block] = []
    for key in order:
        module, use = next((m, use) for _, m, use in found if id(m.weight) == key)
        start = blocks[-1].span.stop if blocks else 0
        blocks.append(_block(names[key], module, use.kind, key in biased, widths, start))
    sites = tuple(_site(name, m, use, order.index(id(m.weight))) for name, m, use in found)
    covered = {id(p) for _, m, _ in found for p in (m.weight, bias_of(m)) if p is not None}
    return Layout(tuple(blocks), sites, tuple(n for key, n in names.items() if key not in covered))


def _site(name: str, module: nn.Module, use: Use, block: int) -> Site:
    return Site(name, module, use.kind, block, bias_of(module) is not None, use.scale)


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
