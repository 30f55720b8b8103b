"""Are the features that hooks collect those of autograd? Asked once a model, of its first example.

A hook sees the calls of a module, but a model may use a weight without calling the module (a state-space
layer multiplies by a projection's weight itself), or a module may do more than it seems to. Autograd misses
nothing; one example's whole gradients, projected, settle it. One gradient is held at a time.

Shapes: S projection seeds, D width of a feature vector, d of one block, R rows and C columns of a weight,
F width of a norm layer, k and l what is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from provenance.attribution.blocks import Layout, Side
from provenance.attribution.kinds import Kind, bias_of

TOLERANCE = 0.05  # of a block's gradient; half precision rounds by a tenth of that
NOISE = 1e-5  # of the largest block's gradient: smaller ones are zero but for rounding


def wrong_blocks(
    layout: Layout, rows: Sequence[Side], cols: Sequence[Side], value: Callable[[], Tensor], got_SD: Tensor
) -> frozenset[int]:
    """The blocks whose features of one example are not its projected gradients.

    Args:
        rows, cols: the projections of each block.
        value: the example's objective, computed anew.
        got_SD: its features.
    """
    right_SD = torch.zeros_like(got_SD)
    with _gradients_go_to(layout, rows, cols, right_SD), torch.enable_grad():
        torch.autograd.backward(value())
    if not bool(right_SD.isfinite().all()):
        return frozenset()  # nothing can be told; the curvature will refuse such gradients
    sizes = [float(right_SD[:, block.span].norm()) for block in layout.blocks]
    errors = [float((got_SD - right_SD)[:, block.span].norm()) for block in layout.blocks]
    allowed = [TOLERANCE * size + NOISE * max(sizes) for size in sizes]
    return frozenset(i for i, error in enumerate(errors) if not error <= allowed[i])


@contextmanager
def _gradients_go_to(
    layout: Layout, rows: Sequence[Side], cols: Sequence[Side], target_SD: Tensor
) -> Iterator[None]:
    """While it lasts, each weight is trained for once: its gradient is added to the target and dropped."""
    held = _parameters_of(layout)
    handles = []

    def take(parameter: Tensor) -> None:
        grad, parameter.grad = parameter.grad, None
        kind, block, is_bias = held[parameter]  # type: ignore[index]
        if grad is not None:
            part_Sd = _projected(kind, rows[block], cols[block], grad.float(), is_bias)
            target_SD[:, layout.blocks[block].span] += part_Sd

    for parameter in held:
        parameter.requires_grad_(True)
        parameter.grad = None  # a training may have left one
        handles.append(
            parameter.register_post_accumulate_grad_hook(take)  # type: ignore[no-untyped-call]
        )
    try:
        yield
    finally:
        for parameter, handle in zip(held, handles, strict=True):
            handle.remove()
            parameter.requires_grad_(False)


def _parameters_of(layout: Layout) -> dict[nn.Parameter, tuple[Kind, int, bool]]:
    """Every parameter with features: of which kind and block it is, and whether a bias."""
    held = {}
    for site in layout.sites:
        bias = bias_of(site.module)
        if bias is not None:
            held[bias] = site.kind, site.block, True
    for site in reversed(layout.sites):  # of tied modules the first says how the weight lies
        weight = site.module.weight
        assert isinstance(weight, nn.Parameter)
        held[weight] = site.kind, site.block, False
    return held


def _projected(kind: Kind, rows: Side, cols: Side, grad: Tensor, is_bias: bool) -> Tensor:
    """What one parameter's gradient adds to its block (S, d)."""
    if kind is Kind.NORM:
        own_FSk = cols.matrix_FSk[-len(grad) :] if is_bias else cols.matrix_FSk[: len(grad)]
        part_Sk: Tensor = torch.tensordot(grad, own_FSk, 1)
        return part_Sk
    grad_RC = grad[:, None] if is_bias else grad.T if kind is Kind.CONV1D else grad
    own_CSl = cols.matrix_FSk[-1:] if is_bias else cols.matrix_FSk[: grad_RC.shape[1]]
    kept_CSk = torch.tensordot(grad_RC.T, rows.matrix_FSk, 1)
    part_Skl: Tensor = torch.einsum("csk,csl->skl", kept_CSk, own_CSl)
    return part_Skl.flatten(1)
