"""What do queries cost a run's network that was trained again, without some of the works?

Each retraining's losses are kept in a file of their own, so that nothing is computed twice: a command that
was stopped, or is given more time, goes on.

Shapes: Q queries, M retrainings, R rows, F columns.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from catalog.files import write_atomically
from console.home import Home
from console.progress import Advance
from model.checkpoint import load_checkpoint
from model.corpus import VerifiedCorpus
from model.events import Field
from model.network import Composer
from model.objective import attribution_logits, attribution_targets
from model.training import train
from provenance.composer_index import IGNORED
from provenance.tables import Run

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Retraining:
    """One more training: without which works, from which seed, for how many steps."""

    name: str
    without: frozenset[str]
    seed: int
    steps: int


@dataclass(frozen=True, eq=False)
class Losses:
    """The queries' losses after retrainings (M, Q), of whole sequences and of their last event; what each
    retraining left out."""

    whole_MQ: Floats
    last_MQ: Floats
    without: tuple[frozenset[str], ...]

    def __len__(self) -> int:
        return len(self.without)


@dataclass(frozen=True, eq=False)
class Retrainer:
    """The run's own recipe and corpus, the queries, and where their losses are kept."""

    run: Run
    corpus: VerifiedCorpus
    rows_QRF: Tensor
    folder: Path

    @classmethod
    def of(cls, home: Home, run: Run, corpus: VerifiedCorpus, rows_QRF: Tensor, seed: int) -> "Retrainer":
        """With a folder that belongs to this run, these queries and this seed."""
        digest = hashlib.sha256(f"{run.id} {seed} ".encode())
        digest.update(rows_QRF.numpy().tobytes())
        return cls(run, corpus, rows_QRF, home.folder("validations") / digest.hexdigest()[:16])

    def losses(
        self, plan: Sequence[Retraining], minutes: float, advance: Advance
    ) -> dict[str, tuple[Floats, Floats]]:
        """The losses after each retraining that is known, or that began in time."""
        ends_at = time.monotonic() + 60 * minutes
        done: dict[str, tuple[Floats, Floats]] = {}
        for number, one in enumerate(plan, start=1):
            if not self._path(one).exists() and time.monotonic() > ends_at:
                continue
            done[one.name] = self._losses_after(one)
            advance(number, len(plan), "retrainings")
        return done

    def _path(self, one: Retraining) -> Path:
        """By all that it is: whose works are left out may change with the catalogue under the same name."""
        left_out = hashlib.sha256(f"{one.seed} {sorted(one.without)}".encode()).hexdigest()[:16]
        return self.folder / f"{one.name}-{one.steps}-{left_out}.json"

    def _losses_after(self, one: Retraining) -> tuple[Floats, Floats]:
        path = self._path(one)
        working = path.with_suffix("")
        if not path.exists():
            trained = train(
                self.corpus, working, preset=self.run.preset, steps=one.steps, seed=one.seed,
                without=one.without,
            )  # fmt: skip
            model, _ = load_checkpoint(trained.checkpoint)
            found = [row.tolist() for row in losses_of(model, self.rows_QRF)]
            write_atomically(path, json.dumps(found).encode())
        shutil.rmtree(working, ignore_errors=True)
        whole, last = json.loads(path.read_bytes())
        return np.array(whole), np.array(last)


def gathered(group: Sequence[Retraining], done: Mapping[str, tuple[Floats, Floats]]) -> Losses:
    """Those retrainings of a group that are done."""
    known = [one for one in group if one.name in done]
    whole, last = (np.array([done[one.name][i] for one in known]) for i in (0, 1))
    return Losses(whole, last, tuple(one.without for one in known))


@torch.no_grad()
def losses_of(model: Composer, rows_QRF: Tensor) -> tuple[Floats, Floats]:
    """Nats an event of every example, over all of it and for its last event alone."""
    model.eval()
    whole, last = [], []
    for rows_nRF in torch.split(rows_QRF, 8):
        logits, targets = attribution_logits(model, rows_nRF), attribution_targets(rows_nRF)
        known = targets != IGNORED
        chosen = targets.masked_fill(~known, 0).long()
        nats = -logits.float().log_softmax(-1).gather(-1, chosen[..., None])[..., 0] * known
        by_event, said = (x.view(len(x), -1, len(Field)).sum(-1) for x in (nats, known))
        end = (said > 0).cumsum(1).argmax(1, keepdim=True)
        whole.append(by_event.sum(1) / (said > 0).sum(1))
        last.append(by_event.gather(1, end)[:, 0])
    return torch.cat(whole).double().numpy(), torch.cat(last).double().numpy()


def events_of(rows_QRF: Tensor) -> NDArray[np.int64]:
    """How many events of each example are to be said."""
    said = (attribution_targets(rows_QRF) != IGNORED).view(len(rows_QRF), -1, len(Field)).any(-1)
    counts: NDArray[np.int64] = said.sum(1).numpy()
    return counts
