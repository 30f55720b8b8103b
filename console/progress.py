"""How far is long work? A bar on a terminal, plain lines elsewhere; never on standard output."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[int, int, str], None]
"""Called with what is done, how much there is in all, and a word on the state (such as the loss)."""

PLAIN_INTERVAL_SECONDS = 10.0


@contextmanager
def progress(title: str, stream: TextIO | None = None) -> Iterator[Advance]:
    """A function to call as work advances, shown on standard error while the block runs."""
    target = stream or sys.stderr
    shown = _bar(title, target) if target.isatty() else _lines(title, target)
    with shown as advance:
        yield advance


def silent(done: int, total: int, detail: str = "") -> None:
    """An `Advance` that shows nothing, for callers that have no terminal."""


@contextmanager
def _bar(title: str, stream: TextIO) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(title, total=None, detail="")

        def advance(done: int, total: int, detail: str = "") -> None:
            bar.update(task, completed=done, total=total, detail=detail)

        yield advance


@contextmanager
def _lines(title: str, stream: TextIO) -> Iterator[Advance]:
    started = time.monotonic()
    last = started

    def advance(done: int, total: int, detail: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_INTERVAL_SECONDS and done < total:
            last = now
            print(f"{title}: {done} of {total} {detail}".rstrip(), file=stream, flush=True)

    print(f"{title} ...", file=stream, flush=True)
    yield advance
    print(f"{title}: done in {time.monotonic() - started:.1f} s", file=stream, flush=True)
