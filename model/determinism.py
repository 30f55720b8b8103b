"""How does PyTorch compute the same bits each time, whatever else the machine is doing?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Sums come in one order: threads that add to the same place do it in that of their numbers.

    Without it, the gradient of a gathered tensor on a CPU has the order in which threads arrive, which a busy
    machine changes. Where PyTorch has no deterministic kernel for a GPU it warns, and the last bits may
    differ there. Memory that nobody has written is not filled: nothing reads it, and filling takes a
    twentieth of a step.
    """
    fill = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = fill.fill_uninitialized_memory  # type: ignore[attr-defined]
    fill.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    try:
        yield
    finally:
        fill.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(before, warn_only=only_warned)
