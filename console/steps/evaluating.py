"""From a run to what is measured of it: put to the test on works that it has not seen, and written down."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.files import write_atomically
from catalog.vocabulary import Origin
from console.home import Home
from console.listening.trial import heard_so_far
from console.progress import Advance
from console.steps.corpora import open_corpus
from console.steps.generating import checkpoint_of
from console.steps.training import folder_of
from model.checkpoint import load_checkpoint
from model.corpus import VerifiedCorpus
from model.evaluation.trial import put_to_the_test
from provenance.runs import find_run

EVALUATION_NAME = "evaluation.json"


@dataclass(frozen=True)
class Evaluation:
    """What was measured of a run, and the file in which it stands."""

    run: str
    metrics: dict[str, Any]
    path: Path


@dataclass(frozen=True)
class Compared:
    """The works that generated pieces are compared with, and what is to be known of them."""

    works: tuple[str, ...]
    held_out: bool
    origins: tuple[str, ...]


def evaluate_run(
    home: Home, run_id: str, *, pieces: int, minutes: float, seed: int, advance: Advance
) -> Evaluation:
    """What is measured of a run, beside held-out music; the same arguments give the same numbers."""
    with home.session() as session:
        run = find_run(session, run_id)
    corpus = open_corpus(home, run.corpus_id)
    model, _ = load_checkpoint(checkpoint_of(home, run))
    compared = works_to_compare(corpus, run.config)
    found = put_to_the_test(
        model, corpus, compared.works, count=pieces, max_minutes=minutes, seed=seed,
        progress=lambda done, total: advance(done, total, "pieces"),
    )  # fmt: skip
    metrics = {
        **found,
        "compared_with": {"held_out": compared.held_out, "origins": list(compared.origins)},
        "held_out_loss": dict(run.config["held_out"]),
        "listening": heard_so_far(home.folder("listening"), run.id),
    }
    path = folder_of(home, run) / EVALUATION_NAME
    write_atomically(path, json.dumps({"run": run.id, "metrics": metrics}, indent=1, sort_keys=True).encode())
    return Evaluation(run.id, metrics, path)


def works_to_compare(corpus: VerifiedCorpus, config: Mapping[str, Any]) -> Compared:
    """Held-out works by people; where there are none, house works; where none is held out, trained ones."""
    origin_of = dict(zip(corpus.work_ids, corpus.origins, strict=True))
    held_out = set(config["held_out_works"])
    works = held_out or set(origin_of)
    human = {work for work in works if origin_of[work] == Origin.HUMAN}
    chosen = tuple(sorted(human or works))
    return Compared(chosen, bool(held_out), tuple(sorted({origin_of[work] for work in chosen})))
