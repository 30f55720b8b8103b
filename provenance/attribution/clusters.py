"""How does a Ray cluster make an index? By tasks that each make a part and are tried again when they die.

Ray's scheduler stands in for waiting: a task does what can be done now and ends, and is started again when
the others have done theirs. So a cluster may have fewer machines than there are parts, and they may change.
All of them have to see the attributor's folder. Needs `pip install contrafact[ray]`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from provenance.attribution.attributor import Attributor, IndexReport
from provenance.attribution.examples import Examples
from provenance.attribution.parts import Part

Build = Callable[[], tuple[Attributor, Tensor | Examples | Iterable[Tensor]]]


def index_on_ray(build: Build, num_parts: int, *, retries: int = 3, **options: Any) -> IndexReport:  # noqa: ANN401
    """Features of every example, made by tasks of a Ray cluster that `ray.init` has joined.

    Args:
        build: gives the attributor and its examples; called in every task. It also sets what changes the last
            bits, such as the number of threads.
        num_parts: into how many parts the shards are divided.
        retries: how often a part whose process or machine died is tried again in a round.
        options: of each task, such as `num_gpus=1`.

    Raises:
        ray.exceptions.RayError: if a part fails by itself, or dies more often.
    """
    import ray  # only here, because it is optional

    task = ray.remote(max_retries=retries, **options)(_index_part)
    parts = [Part(rank, num_parts, waits=False) for rank in range(num_parts)]
    while True:  # every round does at least one of the stages: digests, sample, factors, features
        reports: list[IndexReport] = ray.get([task.remote(build, part) for part in parts])
        if all(report.complete for report in reports):
            return reports[0]


def _index_part(build: Build, part: Part) -> IndexReport:
    attributor, examples = build()
    return attributor.index(examples, part=part)
