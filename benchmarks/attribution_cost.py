"""What does attribution cost: indexing beside one plain pass, memory, disk, and a query?

    python -m benchmarks.attribution_cost [--models transformer melodist lite] [--examples 400 1600]

Each line comes from a process of its own with one thread. `plain` is a forward and backward pass with weight
gradients over the same examples, the faster of two. `rest` is what each example costs that is neither in the
sample nor in the first shard; `index` is all of it, the sample and its factors included. Temporary is the
sample's space on disk. The models are untrained, and only the composer's examples are music: this measures
time and space, not quality.

Shapes: N examples, T tokens, Q queries.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.lds_truth import PADDING as MELODY_PADDING
from benchmarks.lds_truth import TASK as MELODY_TASK
from benchmarks.lds_truth import Block, Melodist, Setting
from benchmarks.preset_bench import house_examples
from model.network import Composer
from model.objective import attribution_logits, attribution_targets
from model.presets import preset_named
from provenance.attribution import Attributor, Objective, SequenceTask, Widths
from provenance.attribution.examples import Ids
from provenance.attribution.task import objective_N
from provenance.composer_index import IGNORED

VOCABULARY, LENGTH, BATCH, SHARD = 512, 256, 16, 64
TASK = SequenceTask(lambda m, x: m(x[:, :-1]), lambda x: x[:, 1:])
COLUMNS = (
    "model", "examples", "sample", "plain, ms", "rest, ms", "rest / plain", "index / plain", "MiB before",
    "peak MiB", "temporary MiB", "KiB an example", "score, ms", "search, ms",
)  # fmt: skip


class Model(nn.Module):
    """A causal transformer of a million parameters."""

    def __init__(self, width: int = 144, layers: int = 4) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Made:
    """Examples by number, made when they are asked for, so that they take no memory of their own."""

    def __init__(self, base_BT: Tensor, num: int, values: int = 0) -> None:
        self._base_BT, self._num, self._values = base_BT, num, values

    def __len__(self) -> int:
        return self._num

    def rows(self, ids_n: Ids) -> Tensor:
        ids = torch.from_numpy(ids_n)
        rows_nT = self._base_BT[ids % len(self._base_BT)]
        return (rows_nT + ids[:, None]) % self._values if self._values else rows_nT


@dataclass(frozen=True)
class Case:
    """A model, what it predicts, and examples for it."""

    model: nn.Module
    task: SequenceTask
    examples: Made


def transformer(num: int) -> Case:
    base_BT = torch.randint(0, VOCABULARY, (256, LENGTH))
    return Case(Model(), TASK, Made(base_BT, num, VOCABULARY))


def melodist(num: int) -> Case:
    setting = Setting()
    base_BT = torch.randint(0, MELODY_PADDING, (256, 2 * setting.notes))
    return Case(Melodist(setting), MELODY_TASK, Made(base_BT, num, MELODY_PADDING))


def lite(num: int) -> Case:
    """The smallest composer on 128 examples of house music, again and again."""
    task = SequenceTask(attribution_logits, attribution_targets, ignore_index=IGNORED)
    return Case(Composer(preset_named("lite").config), task, Made(torch.stack(house_examples(128)), num))


CASES: dict[str, Callable[[int], Case]] = {"transformer": transformer, "melodist": melodist, "lite": lite}


def plain_seconds(case: Case) -> float:
    """Seconds of one forward and backward pass over all examples."""
    model = case.model.train()
    started = time.process_time()
    for ids in np.array_split(np.arange(len(case.examples)), -(-len(case.examples) // BATCH)):
        rows_NT = case.examples.rows(ids)
        logits, targets = case.task.logits(model, rows_NT), case.task.targets(rows_NT)
        value_N = objective_N(logits, targets, Objective.MARGIN, case.task.ignore_index)
        torch.autograd.backward(-value_N.sum())
    return time.process_time() - started


@dataclass
class Watch:
    """Notes, shard by shard, how long the examples beyond the sample take, and the space of the sample."""

    folder: Path
    ends: list[tuple[float, int]] = field(default_factory=list)
    temporary: int = 0

    def __call__(self, stage: str, done: int) -> None:
        if stage == "gradients":
            self.ends.append((time.process_time(), done))
        sizes = [path.stat().st_size for path in (self.folder / "checkpoint0" / "sample").rglob("*")]
        self.temporary = max(self.temporary, sum(sizes))

    def rest_seconds(self, sampled: float) -> float:
        """Seconds an example, of those whose gradients were taken after the first shard."""
        (start, first), (end, last) = self.ends[0], self.ends[-1]
        return (end - start) / max((last - first) * (1 - sampled), 1)


def peak_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def index(case: Case, folder: Path, sample: int, kept: int | None) -> tuple[Attributor, Watch, float]:
    """An index of a case, what was seen on the way, and the seconds it took."""
    widths = Widths(kept, kept) if kept else None
    options = {"widths": widths, "batch_size": BATCH, "shard_rows": SHARD, "sample_size": sample}
    attributor = Attributor(case.model, case.task, folder, **options)
    watch = Watch(folder)
    started = time.process_time()
    attributor.index(case.examples, progress=watch)
    return attributor, watch, time.process_time() - started


def query_milliseconds(ask: Callable[[], object]) -> float:
    """Milliseconds of a query, the second time that it is asked."""
    ask()
    started = time.process_time()
    ask()
    return 1000 * (time.process_time() - started)


def measure(name: str, num: int, sample: int, kept: int | None) -> str:
    """One line of the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    case = CASES[name](num)
    with tempfile.TemporaryDirectory() as place:
        before = peak_mib()
        attributor, watch, seconds = index(case, Path(place), sample, kept)
        peak, size = peak_mib(), attributor.index(case.examples).bytes
        query = case.examples.rows(np.arange(1))
        score, search = (
            query_milliseconds(lambda: attributor.score(query)),
            query_milliseconds(lambda: attributor.search(query)),
        )
    plain = min(plain_seconds(case) for _ in range(2))
    rest = watch.rest_seconds(min(sample / num, 1))
    cells = (
        name, num, min(sample, num), f"{1000 * plain / num:.1f}", f"{1000 * rest:.1f}",
        f"{rest * num / plain:.2f}", f"{seconds / plain:.2f}", f"{before:.0f}", f"{peak:.0f}",
        f"{watch.temporary / 1024**2:.1f}", f"{size / num / 1024:.0f}", f"{score:.0f}", f"{search:.0f}",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--examples", type=int, nargs="+", default=[400, 1600])
    parser.add_argument("--sample", type=int, default=128, help="examples that the curvature is taken from")
    parser.add_argument("--kept", type=int, help="width of the projection on either side; else what fits")
    args = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|---{'|---:' * (len(COLUMNS) - 1)}|")
    context = multiprocessing.get_context("spawn")
    for name in args.models:
        for num in args.examples:
            with context.Pool(1) as pool:
                print(pool.apply(measure, (name, num, args.sample, args.kept)), flush=True)


if __name__ == "__main__":
    main()
