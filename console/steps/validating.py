"""From a run to how far its attributions can be trusted: it is trained again on random halves of its works.

Each retraining's losses are kept in a file of their own, so that nothing is computed twice: a command
that was stopped, or is given more time, goes on. Halves are of works, as works are what is paid for.

Shapes: N examples, Q queries, M retrainings, R rows, F columns.
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
from console.errors import ConsoleError
from console.home import Home
from console.progress import Advance
from console.steps.attributing import Opened, index_run, open_attributor
from console.steps.baselines import baselines
from console.steps.planting import DISGUISED, EXACT, Named, ask_for_copies
from console.steps.training import folder_of
from model.batches import kept_examples, split_examples
from model.checkpoint import load_checkpoint
from model.corpus import VerifiedCorpus
from model.evaluation.planting import cut_bars
from model.evaluation.trial import in_order, pieces_of
from model.events import Field
from model.network import Composer
from model.objective import attribution_logits, attribution_targets
from model.training import train
from provenance.attribution.validation import datamodelling_score, halves, noise_ceiling
from provenance.composer_index import IGNORED, CorpusExamples, matrices_of
from provenance.tables import Run

NAME = "validation.json"
LEAST_RETRAININGS = 3
SURROUNDING_BARS = 16
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Asked:
    """What is to be measured: how many retrainings, how many of them twice, on how many pieces, for how long.

    `steps` are of a retraining; None takes half of the run's, which passes over half of its works as often.
    """

    retrainings: int = 24
    retests: int = 8
    queries: int = 24
    planted: int = 20
    steps: int | None = None
    minutes: float = 60.0
    seed: int = 0


@dataclass(frozen=True)
class Validation:
    """What was measured, as it stands in the run's folder."""

    run: str
    found: dict[str, Any]
    path: Path


@dataclass(frozen=True)
class _Retraining:
    """One more training: without which works, from which seed."""

    name: str
    without: frozenset[str]
    seed: int


@dataclass(frozen=True, eq=False)
class _Losses:
    """The queries' losses after retrainings (M, Q), of whole sequences and of their last event; what each
    retraining left out."""

    whole_MQ: Floats
    last_MQ: Floats
    without: tuple[frozenset[str], ...]


def validate_run(home: Home, run_id: str | None, asked: Asked, advance: Advance) -> Validation:
    """The run's attribution beside what retraining did, and beside methods that need no training.

    Raises:
        ConsoleError: no work is held out to ask about, or the time was too short for three retrainings.
    """
    index_run(home, run_id, advance)
    opened = open_attributor(home, run_id)
    run, corpus, attributor, model = opened.run, opened.corpus, opened.attributor, opened.model
    queries = _queries(corpus, asked)
    rows_QRF = matrices_of([corpus[int(i)] for i in queries], model.config.max_events)
    first, again = _retrain(home, run, corpus, rows_QRF, asked, advance)
    examples = CorpusExamples(corpus, model.config.max_events)
    peers = baselines(model, examples, rows_QRF, advance)
    scores = {"influence": attributor.score(rows_QRF), **peers.scores}
    rated = _rated(scores, np.array(examples.work_ids), first, asked.seed)
    found = {
        "run": run.id,
        "lds": rated["influence"],
        "ceiling": _ceiling(first, again),
        "baselines": [{"name": name, **rated[name]} for name in list(rated)[1:]],
        "not_compared": [{"name": name, "reason": reason} for name, reason in peers.absent.items()],
        "planted": _planted(home, opened, asked, advance),
        "retrainings": len(first.whole_MQ), "retests": len(again.whole_MQ), "queries": len(queries),
        "steps": _steps(run, asked), "seed": asked.seed,
    }  # fmt: skip
    path = folder_of(home, run) / NAME
    write_atomically(path, json.dumps(found, indent=1, sort_keys=True).encode())
    return Validation(run.id, found, path)


def _rated(
    scores: Mapping[str, Floats], works_N: NDArray[np.str_], first: _Losses, seed: int
) -> dict[str, dict[str, Any]]:
    """How well each method's scores predict both losses."""
    kept_MN = np.array([[work not in without for work in works_N] for without in first.without])
    return {
        name: {
            **datamodelling_score(scores_QN, kept_MN, first.whole_MQ, seed).to_json(),
            "last_event": datamodelling_score(scores_QN, kept_MN, first.last_MQ, seed).to_json(),
        }
        for name, scores_QN in scores.items()
    }


def _ceiling(first: _Losses, again: _Losses) -> float | None:
    """The most that the whole sequence's loss lets anything reach; unknown where no half was trained on
    twice."""
    num = len(again.whole_MQ)
    return round(noise_ceiling(first.whole_MQ[:num], again.whole_MQ), 3) if num else None


def _queries(corpus: VerifiedCorpus, asked: Asked) -> NDArray[np.int64]:
    """Examples of works that no training saw, spread over them."""
    _, held_out = split_examples(corpus)
    if not len(held_out):
        raise ConsoleError(
            f"corpus {corpus.corpus_id} holds no work out to ask about: twenty works at least are needed"
        )
    order = np.random.default_rng(asked.seed).permutation(held_out)[: asked.queries]
    return np.sort(order).astype(np.int64)


def _steps(run: Run, asked: Asked) -> int:
    return asked.steps or max(1, run.steps // 2)


def _retrain(
    home: Home, run: Run, corpus: VerifiedCorpus, rows_QRF: Tensor, asked: Asked, advance: Advance
) -> tuple[_Losses, _Losses]:
    """Losses after training on halves, and after training on the first of them again from other seeds."""
    works = [corpus.work_ids[i] for i in kept_examples(corpus)]
    left_out = halves(asked.retrainings, works, asked.seed)
    plan = [_Retraining(f"half{i:04d}", without, 2 * i + 1) for i, without in enumerate(left_out)]
    tests = [_Retraining(f"again{i:04d}", w, 2 * i + 2) for i, w in enumerate(left_out[: asked.retests])]
    # Each half beside its retest, so that a ceiling is known however short the time is.
    pairs = [each for i, one in enumerate(plan) for each in (one, *tests[i : i + 1])]
    folder = _folder(home, run, rows_QRF, asked)
    ends_at = time.monotonic() + 60 * asked.minutes
    done: dict[str, list[Floats]] = {}
    for number, one in enumerate(pairs):
        if not (folder / f"{one.name}.json").exists() and time.monotonic() > ends_at:
            continue
        done[one.name] = _losses_after(folder, run, corpus, rows_QRF, asked, one)
        advance(number + 1, len(pairs), "retrainings")
    first, again = ([one for one in group if one.name in done] for group in (plan, tests))
    if len(first) < LEAST_RETRAININGS:
        raise ConsoleError(
            f"{len(first)} retrainings fit into {asked.minutes:g} minutes, {LEAST_RETRAININGS} are needed: "
            "run the command again, it goes on where it stopped"
        )
    return _gathered(first, done), _gathered(again, done)


def _gathered(group: Sequence[_Retraining], done: dict[str, list[Floats]]) -> _Losses:
    whole, last = (np.array([done[one.name][i] for one in group]) for i in (0, 1))
    return _Losses(whole, last, tuple(one.without for one in group))


def _folder(home: Home, run: Run, rows_QRF: Tensor, asked: Asked) -> Path:
    """Where the losses of these halves, steps and queries lie."""
    digest = hashlib.sha256(f"{run.id} {_steps(run, asked)} {asked.seed} ".encode())
    digest.update(rows_QRF.numpy().tobytes())
    return home.folder("validations") / digest.hexdigest()[:16]


def _losses_after(
    folder: Path, run: Run, corpus: VerifiedCorpus, rows_QRF: Tensor, asked: Asked, one: _Retraining
) -> list[Floats]:
    path = folder / f"{one.name}.json"
    if not path.exists():
        trained = train(
            corpus, folder / one.name, preset=run.preset, steps=_steps(run, asked),
            seed=1_000 * (asked.seed + 1) + one.seed, without=one.without,
        )  # fmt: skip
        model, _ = load_checkpoint(trained.checkpoint)
        write_atomically(path, json.dumps([row.tolist() for row in _losses(model, rows_QRF)]).encode())
    shutil.rmtree(folder / one.name, ignore_errors=True)
    return [np.array(row) for row in json.loads(path.read_bytes())]


@torch.no_grad()
def _losses(model: Composer, rows_QRF: Tensor) -> tuple[Floats, Floats]:
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


def _planted(home: Home, opened: Opened, asked: Asked, advance: Advance) -> list[dict[str, Any]]:
    """How often the work is named that eight bars were copied from, into the beginnings of held-out works."""
    corpus = opened.corpus
    held_out = in_order({corpus.work_ids[i] for i in split_examples(corpus)[1]})
    around = [cut_bars(piece, 0, SURROUNDING_BARS) for _, _, piece in pieces_of(corpus, held_out)]
    found = []
    copies = ask_for_copies(
        home, opened, around, count=asked.planted, num_influence=asked.planted, seed=asked.seed
    )
    for number, named in enumerate(copies, start=1):
        found.append(named)
        advance(number, 2 * asked.planted, "planted copies")
    return [_counted(kind, [named for named in found if named.kind == kind]) for kind in (EXACT, DISGUISED)]


def _counted(kind: str, named: Sequence[Named]) -> dict[str, Any]:
    return {
        "copy": kind, "works": len(named), "content": sum(each.content for each in named),
        "influence": sum(bool(each.influence) for each in named),
        "influence_on_its_phrases": sum(bool(each.phrases) for each in named),
    }  # fmt: skip
