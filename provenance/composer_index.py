"""How is a composer attributed to its corpus: which examples, which objective, which folder?

One place for the console and for the processes that make an index together, so that all mean the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.batches import kept_examples
from model.checkpoint import load_checkpoint
from model.corpus import VerifiedCorpus
from model.excerpts import Excerpt, encode_example
from model.network import Composer
from model.objective import asking_of, attribution_logits, attribution_targets
from model.plan import Column
from provenance.attribution.attributor import Attributor
from provenance.attribution.examples import Ids
from provenance.attribution.task import Checkpoint, SequenceTask

BATCH = 16
SHARD_ROWS = 64  # so that a corpus of some hundred examples still is work for several processes
IGNORED = -100
THREADS = 2  # of computation in each process; another number may change the last bits of a feature


@dataclass(frozen=True)
class Source:
    """Bars `bar_start` up to `bar_end` of an encoding, counted from 0."""

    encoding_id: str
    bar_start: int
    bar_end: int


class CorpusExamples:
    """The examples that runs on a corpus are trained on, as the matrices that the model takes.

    Works that are held out are not among them: no model learned from them, and nothing can be theirs.
    """

    def __init__(self, corpus: VerifiedCorpus, max_events: int) -> None:
        self._corpus, self._max_events = corpus, max_events
        self._trained = kept_examples(corpus)

    def __len__(self) -> int:
        return len(self._trained)

    @property
    def work_ids(self) -> list[str]:
        """The work of each."""
        return [self._corpus.work_ids[index] for index in self._trained]

    def source(self, example: int) -> Source:
        """From where one of them was taken."""
        index = int(self._trained[example])
        excerpt = self._corpus[index]
        return Source(self._corpus.encoding_ids[index], excerpt.bar_start, excerpt.bar_end)

    def rows(self, ids_n: Ids) -> Tensor:
        """Some of them, by ascending number."""
        return matrices_of([self._corpus[int(index)] for index in self._trained[ids_n]], self._max_events)


def matrices_of(found: Sequence[Excerpt], max_events: int) -> Tensor:
    """Excerpts as the matrices that the model takes."""
    return torch.from_numpy(np.stack([encode_example(excerpt, max_events) for excerpt in found]))


def asking_matrices(
    found: Sequence[Excerpt], column: Column, values: Sequence[int], max_events: int
) -> Tensor:
    """Excerpts as the matrices that ask about one track or one bar of each; the rest of it is its context."""
    return asking_of(matrices_of(found, max_events), column, torch.tensor(values, dtype=torch.int32))


def composer_attributor(
    checkpoint: Path, directory: Path, device: torch.device | None = None, halves: int = 0
) -> tuple[Attributor, Composer]:
    """The attributor of a run's checkpoint, whose features lie in a folder, and the composer itself.

    The weights on the way to the checkpoint, which lie in `trajectory` beside it, take part: together they
    rank works better than the last weights alone. So do the first networks that were trained on halves of
    the works, if asked for, and for more.
    """
    model, _ = load_checkpoint(checkpoint)
    if device is not None:
        model = model.to(device)
    paths = [checkpoint, *sorted((checkpoint.parent / "trajectory").glob("*.safetensors"))]
    paths += [half_folder(checkpoint.parent, number) / checkpoint.name for number in range(halves)]
    checkpoints = [Checkpoint(path) for path in paths]
    attributor = Attributor(model, TASK, directory, checkpoints, batch_size=BATCH, shard_rows=SHARD_ROWS)
    return attributor, model


def half_folder(run_folder: Path, number: int) -> Path:
    """Where a network lies that was trained on a half of a run's works."""
    return run_folder / "halves" / f"{number:02d}"


def _logits(model: nn.Module, rows_NRF: Tensor) -> Tensor:
    assert isinstance(model, Composer)
    return attribution_logits(model, rows_NRF)


TASK = SequenceTask(logits=_logits, targets=attribution_targets, ignore_index=IGNORED)
