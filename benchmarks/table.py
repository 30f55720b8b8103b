"""How is one measurement taken and shown? Ours and the plain call in turn, in one process, as a ratio."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One line of the table: what was done, how long ours and the plain call took, and Python's peak."""

    name: str
    ours_seconds: float
    plain_name: str
    plain_seconds: float
    peak_mib: float

    @property
    def ratio(self) -> float:
        """Ours by plain: 1.0 means that we add nothing."""
        return self.ours_seconds / self.plain_seconds if self.plain_seconds else float("nan")


def compare(
    name: str, ours: Callable[[], object], plain_name: str, plain: Callable[[], object], rounds: int = 3
) -> Row:
    """The median times of both, taken in turn so that a drift of the machine hits both alike."""
    ours_seconds, plain_seconds = [], []
    for _ in range(rounds):
        ours_seconds.append(_seconds(ours))
        plain_seconds.append(_seconds(plain))
    return Row(name, median(ours_seconds), plain_name, median(plain_seconds), _peak_mib(ours))


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _peak_mib(function: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / 1024**2
    finally:
        tracemalloc.stop()


def show(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | ours, s | plain call underneath | plain, s | ratio | peak of Python's heap, MiB |",
        "|---|---:|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.name} | {row.ours_seconds:.3f} | {row.plain_name} | {row.plain_seconds:.3f} "
        f"| {row.ratio:.2f} | {row.peak_mib:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)
