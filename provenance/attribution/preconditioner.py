"""How do inner products of features become influence? By whitening each block with its damped curvature.

The curvature of a block is the empirical Fisher, the mean outer product of its features over the examples.
With F + damping = L L^T, the whitened feature is L^-1 f, and the inner product of two whitened features is
f_q^T (F + damping)^-1 f_i: the influence of example i on query q (Koh & Liang 2017, arXiv 1703.04730, eq. 2,
with the Fisher for the Hessian, block by block as in Grosse et al. 2023, arXiv 2308.03296, section 2.2).

Shapes: N examples, d width of one block, D width of a feature vector.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

DAMPING = 0.1  # as a multiple of the mean of the Fisher's diagonal


def fisher_dd(chunks_Nd: Iterable[Tensor]) -> Tensor:
    """The mean outer product of the features of one block, in float64.

    Raises:
        ValueError: if there is no feature at all, or one that is not finite.
    """
    total_dd, count = None, 0
    for chunk_Nd in chunks_Nd:
        part_dd = (chunk_Nd.T @ chunk_Nd).double()
        total_dd = part_dd if total_dd is None else total_dd + part_dd
        count += len(chunk_Nd)
    if total_dd is None or count == 0:
        raise ValueError("a curvature needs at least one example")
    if not bool(total_dd.isfinite().all()):
        raise ValueError("a gradient feature is not finite")
    return total_dd / count


def whitener_dd(curvature_dd: Tensor, damping: float) -> Tensor:
    """L^-1 of the damped curvature, float32; features f become whitened by f @ (L^-1)^T.

    Damped by `damping` times the mean diagonal. A block without any gradient stays without influence.
    A Cholesky factorisation in float64, one block at a time: inverses of batches fail on some CPUs.
    """
    if damping <= 0:
        raise ValueError(f"damping must be positive, not {damping}")
    scale = curvature_dd.diagonal().mean()
    identity_dd = torch.eye(len(curvature_dd), dtype=torch.float64, device=curvature_dd.device)
    if scale == 0:
        return torch.zeros_like(identity_dd).float()
    factor_dd = torch.linalg.cholesky(curvature_dd / scale + damping * identity_dd)
    inverse_dd = torch.linalg.solve_triangular(factor_dd, identity_dd, upper=False)
    scaled_dd: Tensor = inverse_dd / scale.sqrt()
    return scaled_dd.float()
