"""Along which axis of a module's input do the examples of a batch lie?

Most modules see the batch first; some see it second, some see (examples x positions) in one axis, and some,
like a table of positions, see no batch at all and serve every example alike. A forward pass over one example
and over three copies of it tells them apart: the axis that grew is the examples'.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from provenance.attribution.blocks import Site

COPIES = 3
SHARED = -1  # the call serves all examples alike
UNKNOWN = -2
Axes = Mapping[str, tuple[int, ...]]  # by site, one axis a call


def trace_axes(sites: tuple[Site, ...], run: Callable[[Tensor], object], example_1: Tensor) -> Axes:
    """The axis of the examples for every call of every site.

    Args:
        run: does a forward pass over a batch.
        example_1: a batch of one.
    """
    one = _input_shapes(sites, run, example_1)
    many = _input_shapes(sites, run, example_1.repeat(COPIES, *[1] * (example_1.dim() - 1)))
    return {
        site.name: tuple(_axis(a, b) for a, b in zip(one[site.name], many[site.name], strict=False))
        for site in sites
    }


def _axis(one: torch.Size, many: torch.Size) -> int:
    if one == many:
        return SHARED
    grown = [i for i, (a, b) in enumerate(zip(one, many, strict=False)) if a != b]
    known = len(one) == len(many) and len(grown) == 1 and many[grown[0]] == COPIES * one[grown[0]]
    return grown[0] if known else UNKNOWN


def _input_shapes(
    sites: tuple[Site, ...], run: Callable[[Tensor], object], tokens: Tensor
) -> dict[str, list[torch.Size]]:
    shapes: dict[str, list[torch.Size]] = {site.name: [] for site in sites}

    def note(site: Site, x: Tensor, _output: Tensor) -> None:
        shapes[site.name].append(x.shape)

    with torch.no_grad(), hooked(sites, note):
        run(tokens)
    return shapes


@contextmanager
def hooked(
    sites: tuple[Site, ...], function: Callable[[Site, Tensor, Tensor], Tensor | None]
) -> Iterator[None]:
    """While it lasts, every call of a site is shown to `function`, which may replace the output."""
    handles = [
        site.module.register_forward_hook(_forward_hook(site, function), with_kwargs=True) for site in sites
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _forward_hook(
    site: Site, function: Callable[[Site, Tensor, Tensor], Tensor | None]
) -> Callable[..., Tensor | None]:
    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> Tensor | None:
        return function(site, args[0] if args else next(iter(kwargs.values())), output)

    return hook
