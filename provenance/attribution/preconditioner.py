"""How do inner products of features become influence? By whitening each block with its damped curvature.

A block's gradient is a matrix G (rows x columns of its weight, as far as they are kept). Its curvature is
taken to be diagonal in a Kronecker basis: the eigenvectors U of the mean of G G^T on the rows' side, and V of
the mean of G^T G on the columns' side. In that basis the curvature is the mean square of U^T G V, which is
the diagonal of the empirical Fisher there. A whitened feature is U^T G V times a scale; the inner product of
two of them is the influence. A block that is one row (a norm layer) gets its exact eigenvectors.

The squared scale of a direction whose curvature is m times the block's mean is 1 / ((m + damping) (1 + m)^2).
The first factor is the damped inverse, (F + damping)^-1. The second fades directions of more than mean
curvature: all examples together settle them, so that leaving some out moves them less than the inverse
curvature says. Measured, not derived: docs/attribution.md has the table.

Nothing larger than one side of a block is factorised, and few examples suffice, where a full Fisher of a
block would need more examples than the block has numbers.

Sources: Koh & Liang 2017 (arXiv 1703.04730), eq. 2, for influence; Gupta et al. 2018 (Shampoo, arXiv
1802.09568), section 3, for the two factors; George et al. 2018 (EK-FAC, arXiv 1806.03884), section 3, for
correcting the eigenvalues in a Kronecker basis; Grosse et al. 2023 (arXiv 2308.03296), section 2.2, for
blocks and damping.

Shapes: N examples, n examples of one chunk, r rows and c columns of a block, d = r x c its width.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

DAMPING = 0.01  # as a multiple of the mean curvature of the block
Chunks = Callable[[], Iterable[Tensor]]


@dataclass(frozen=True, eq=False)
class Whitener:
    """What turns one block's features into whitened ones: two rotations and a scale for each number."""

    left_rr: Tensor
    right_cc: Tensor
    scale_rc: Tensor

    def whiten(self, features_nd: Tensor) -> Tensor:
        """The whitened features (n, d)."""
        gradient_nrc = features_nd.reshape(-1, *self.scale_rc.shape)
        return (self.left_rr.T @ gradient_nrc @ self.right_cc * self.scale_rc).flatten(1)

    def tensors(self) -> dict[str, Tensor]:
        """The parts by name, to be stored."""
        return {"left": self.left_rr, "right": self.right_cc, "scale": self.scale_rc}

    @classmethod
    def from_tensors(cls, parts: dict[str, Tensor]) -> "Whitener":
        """A whitener that was stored."""
        return cls(parts["left"], parts["right"], parts["scale"])


def whitener_of(chunks: Chunks, rows: int, cols: int, damping: float = DAMPING) -> Whitener:
    """The whitener of one block, from its features in chunks, which are gone through twice.

    A block without any gradient gets no influence.

    Raises:
        ValueError: if there is no feature at all, or one that is not finite, or no damping.
    """
    if damping <= 0:
        raise ValueError(f"damping must be positive, not {damping}")
    left_rr, right_cc = _eigenvectors(chunks, rows, cols)
    square_rc, count = torch.zeros(rows, cols, dtype=torch.float64), 0
    for chunk_nd in chunks():
        rotated_nrc = left_rr.T @ chunk_nd.reshape(-1, rows, cols) @ right_cc
        square_rc += (rotated_nrc**2).sum(0).double()
        count += len(chunk_nd)
    return Whitener(left_rr, right_cc, _scale(square_rc / count, damping).float())


def _scale(curvature_rc: Tensor, damping: float) -> Tensor:
    """What each direction is multiplied by; zero everywhere in a block that has no gradient."""
    mean = curvature_rc.mean()
    if mean <= 0:
        return torch.zeros_like(curvature_rc)
    relative_rc = curvature_rc / mean
    return ((relative_rc + damping) * mean).rsqrt() / (1 + relative_rc)


def _eigenvectors(chunks: Chunks, rows: int, cols: int) -> tuple[Tensor, Tensor]:
    """The bases of both sides; each factorised alone and in float64."""
    left_rr = torch.zeros(rows, rows, dtype=torch.float64)
    right_cc = torch.zeros(cols, cols, dtype=torch.float64)
    count = 0
    for chunk_nd in chunks():
        gradient_nrc = chunk_nd.reshape(-1, rows, cols)
        by_rows, by_cols = gradient_nrc.transpose(0, 1).flatten(1), gradient_nrc.flatten(0, 1)
        left_rr += (by_rows @ by_rows.T).double()
        right_cc += (by_cols.T @ by_cols).double()
        count += len(chunk_nd)
    if count == 0:
        raise ValueError("a curvature needs at least one example")
    if not bool(left_rr.isfinite().all() and right_cc.isfinite().all()):
        raise ValueError("a gradient feature is not finite")
    return torch.linalg.eigh(left_rr)[1].float(), torch.linalg.eigh(right_cc)[1].float()
