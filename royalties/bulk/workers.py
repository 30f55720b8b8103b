"""Who does the parts of a job: this process, processes beside it, or tasks of a Ray cluster?

A part is a plain value that names files, and its answer is one too; what is large lies in files that all
workers see. The order of the answers is that of the parts.
"""

import importlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from typing import Protocol, TypeVar

from catalog.findings import Finding
from royalties.errors import BulkRefusedError

Part = TypeVar("Part")
Answer = TypeVar("Answer")


class Where(StrEnum):
    """Where parts are worked on."""

    LOCAL = "local"
    RAY = "ray"


class Workers(Protocol):
    """Whoever can do a function on parts."""

    def map(self, function: Callable[[Part], Answer], parts: Sequence[Part]) -> list[Answer]:
        """The answer to each part."""


class Here:
    """This process, one part after the other, with as many threads as polars has."""

    def map(self, function: Callable[[Part], Answer], parts: Sequence[Part]) -> list[Answer]:
        """The answer to each part."""
        return [function(part) for part in parts]


class Processes:
    """Fresh processes beside this one, that share its cores."""

    def __init__(self, count: int) -> None:
        self.count = count

    def map(self, function: Callable[[Part], Answer], parts: Sequence[Part]) -> list[Answer]:
        """The answer to each part; a worker that dies ends the job with an error."""
        if len(parts) < 2:
            return Here().map(function, parts)
        threads = max(1, (os.cpu_count() or 1) // self.count)
        before = os.environ.get("POLARS_MAX_THREADS")
        os.environ["POLARS_MAX_THREADS"] = str(threads)  # read by the processes when they import polars
        try:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(min(self.count, len(parts)), mp_context=context) as pool:
                return list(pool.map(function, parts))
        finally:
            if before is None:
                del os.environ["POLARS_MAX_THREADS"]
            else:
                os.environ["POLARS_MAX_THREADS"] = before


class RayTasks:
    """Tasks of a Ray cluster: the one that `RAY_ADDRESS` names, else one that is started on this machine.

    All its machines must see the same files under the same names, and have this package.
    """

    def __init__(self, count: int) -> None:
        try:
            self.ray = importlib.import_module("ray")
        except ImportError as error:
            message = "Ray is not installed: pip install 'contrafact[ray]', or use --on local"
            raise BulkRefusedError("workers", [Finding("NO_RAY", "--on", message)]) from error
        if not self.ray.is_initialized():
            fresh = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": count, "include_dashboard": False}
            self.ray.init(log_to_driver=False, **fresh)

    def map(self, function: Callable[[Part], Answer], parts: Sequence[Part]) -> list[Answer]:
        """The answer to each part; Ray gives a part whose worker died to another."""
        task = self.ray.remote(function)
        answers: list[Answer] = self.ray.get([task.remote(part) for part in parts])
        return answers


def workers_of(where: Where, count: int) -> Workers:
    """Who does the parts.

    Raises:
        BulkRefusedError: Ray is asked for and not installed.
    """
    if where is Where.RAY:
        return RayTasks(count)
    return Processes(count) if count > 1 else Here()
