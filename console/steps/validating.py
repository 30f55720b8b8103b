"""From a run to how far its attributions can be trusted: it is trained again on random halves of its works.

Halves are of works, as works are what is paid for.

Shapes: N examples, Q queries, M retrainings, R rows, F columns.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from catalog.files import write_atomically
from console.errors import ConsoleError
from console.home import Home
from console.progress import Advance
from console.steps.baselines import baselines
from console.steps.indexing import Opened, index_run, open_attributor
from console.steps.measured import validation_file
from console.steps.planting import DISGUISED, EXACT, Named, ask_for_copies
from console.steps.removing import Holder, compare, leading_holders
from console.steps.retraining import Floats, Losses, Retrainer, Retraining, events_of, gathered
from model.batches import split_examples
from model.corpus import VerifiedCorpus
from model.evaluation.planting import cut_bars
from model.evaluation.trial import in_order, pieces_of
from provenance.attribution.calibration import calibrate
from provenance.attribution.validation import datamodelling_score, halves, noise_ceiling
from provenance.composer_index import matrices_of
from provenance.tables import Run

LEAST_RETRAININGS = 3
SURROUNDING_BARS = 16


@dataclass(frozen=True)
class Asked:
    """What is to be measured: how many retrainings, how many of them twice, on how many pieces, for how long.

    `holders` are left out one at a time, those with the most works.
    `steps` are of a retraining; None takes half of the run's, which passes over half of its works as often.
    """

    retrainings: int = 24
    retests: int = 8
    queries: int = 24
    planted: int = 20
    holders: int = 0
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
class _Trainings:
    """What is trained again: halves, the first of them twice, everything, everything but a holder's works."""

    first: list[Retraining]
    second: list[Retraining]
    complete: list[Retraining]
    removed: list[Retraining]

    def in_turn(self) -> list[Retraining]:
        """Each half beside its retest, so that a ceiling is known however short the time is."""
        pairs = [each for i, one in enumerate(self.first) for each in (one, *self.second[i : i + 1])]
        return [*pairs, *self.complete, *self.removed]


@dataclass(frozen=True, eq=False)
class _TrainedAgain:
    """What the queries cost after each, as far as there was time."""

    first: Losses
    second: Losses
    complete: Losses
    removed: Losses


def validate_run(home: Home, run_id: str | None, asked: Asked, advance: Advance) -> Validation:
    """The run's attribution beside what retraining did, and beside methods that need no training.

    Raises:
        ConsoleError: no work is held out to ask about, or the time was too short for three retrainings.
    """
    index_run(home, run_id, advance)
    opened = open_attributor(home, run_id)
    corpus, attributor, examples = opened.corpus, opened.attributor, opened.examples
    queries = _queries(corpus, asked)
    rows_QRF = matrices_of([corpus[int(i)] for i in queries], opened.max_events)
    again = _trained_again(home, opened, rows_QRF, asked, advance)
    peers = baselines(opened.model, examples, rows_QRF, advance)
    scores = {"influence": attributor.score(rows_QRF), **peers.scores}
    rated = _rated(scores, np.array(examples.work_ids), again.first, asked.seed)
    found = {
        "run": opened.run.id,
        "settings": attributor.settings_digest,
        "lds": rated["influence"],
        "ceiling": _ceiling(again.first, again.second),
        "baselines": [{"name": name, **rated[name]} for name in list(rated)[1:]],
        "not_compared": [{"name": name, "reason": reason} for name, reason in peers.absent.items()],
        **_in_nats(scores["influence"] / events_of(rows_QRF)[:, None], np.array(examples.work_ids), again),
        "planted": _planted(home, opened, asked, advance),
        "retrainings": len(again.first), "retests": len(again.second), "queries": len(queries),
        "steps": _steps(opened.run, asked), "seed": asked.seed,
    }  # fmt: skip
    path = validation_file(home, opened.run)
    write_atomically(path, json.dumps(found, indent=1, sort_keys=True).encode())
    return Validation(opened.run.id, found, path)


def _trained_again(
    home: Home, opened: Opened, rows_QRF: Tensor, asked: Asked, advance: Advance
) -> _TrainedAgain:
    """What the queries cost after each retraining for which there was time."""
    works = opened.examples.work_ids
    trainings = _trainings(opened.run, works, leading_holders(home, works, asked.holders), asked)
    retrainer = Retrainer.of(home, opened.run, opened.corpus, rows_QRF, asked.seed)
    done = retrainer.losses(trainings.in_turn(), asked.minutes, advance)
    found = _TrainedAgain(
        gathered(trainings.first, done),
        gathered(trainings.second, done),
        gathered(trainings.complete, done),
        gathered(trainings.removed, done),
    )
    if len(found.first) < LEAST_RETRAININGS:
        raise ConsoleError(
            f"{len(found.first)} retrainings fit into {asked.minutes:g} minutes, {LEAST_RETRAININGS} are "
            "needed: run the command again, it goes on where it stopped"
        )
    return found


def _in_nats(influence_QN: Floats, works_N: NDArray[np.str_], again: _TrainedAgain) -> dict[str, Any]:
    """What influence is in nats, and how that did where holders were left out; None where nobody knows."""
    if not len(again.second):
        return {"calibration": None, "removal": None}
    kept_MN = _kept_MN(works_N, again.first)
    calibration = calibrate(influence_QN, kept_MN, again.first.whole_MQ, again.second.whole_MQ)
    removal = compare(influence_QN, works_N, again.complete, again.removed, calibration)
    return {"calibration": calibration.to_json(), "removal": removal}


def _kept_MN(works_N: NDArray[np.str_], losses: Losses) -> NDArray[np.bool_]:
    """Which examples each retraining had."""
    return np.array([[work not in without for work in works_N] for without in losses.without])


def _rated(
    scores: Mapping[str, Floats], works_N: NDArray[np.str_], first: Losses, seed: int
) -> dict[str, dict[str, Any]]:
    """How well each method's scores predict both losses."""
    kept_MN = _kept_MN(works_N, first)
    return {
        name: {
            **datamodelling_score(scores_QN, kept_MN, first.whole_MQ, seed).to_json(),
            "last_event": datamodelling_score(scores_QN, kept_MN, first.last_MQ, seed).to_json(),
        }
        for name, scores_QN in scores.items()
    }


def _ceiling(first: Losses, second: Losses) -> float | None:
    """The most that the whole sequence's loss lets anything reach; unknown where no half was trained on
    twice."""
    num = len(second)
    return round(noise_ceiling(first.whole_MQ[:num], second.whole_MQ), 3) if num else None


def _queries(corpus: VerifiedCorpus, asked: Asked) -> NDArray[np.int64]:
    """Examples of works that no training saw, spread over them."""
    _, held_out = split_examples(corpus)
    if not len(held_out):
        raise ConsoleError(
            f"corpus {corpus.corpus_id} holds no work out to ask about: twenty works at least are needed"
        )
    order = np.random.default_rng(asked.seed).permutation(held_out)[: asked.queries]
    return np.sort(order).astype(np.int64)


def _trainings(run: Run, works: Sequence[str], holders: Sequence[Holder], asked: Asked) -> _Trainings:
    """What is trained again. On everything, and on everything but a holder's works, it takes twice a
    half's steps, so that each work is gone through as often."""
    steps, base = _steps(run, asked), 1_000 * (asked.seed + 1)
    left_out = halves(asked.retrainings, works, asked.seed)
    first = [Retraining(f"half{i:04d}", out, base + 2 * i + 1, steps) for i, out in enumerate(left_out)]
    second = [
        Retraining(f"again{i:04d}", out, base + 2 * i + 2, steps)
        for i, out in enumerate(left_out[: asked.retests])
    ]
    complete = [
        Retraining(f"all{i:04d}", frozenset(), base + 2 * i + 1, 2 * steps)
        for i in range(asked.retests if holders else 0)
    ]
    removed = [
        Retraining(f"without-{holder.party}", holder.works, base + 2 * i + 2, 2 * steps)
        for i, holder in enumerate(holders)
    ]
    return _Trainings(first, second, complete, removed)


def _steps(run: Run, asked: Asked) -> int:
    """Of a training on a half."""
    return asked.steps or max(1, run.steps // 2)


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
