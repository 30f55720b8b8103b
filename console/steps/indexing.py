"""From a run to the index of its examples, which can be asked what a piece leaned on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from console.home import Home
from console.progress import Advance
from console.steps.corpora import open_corpus
from console.steps.halving import train_halves
from console.steps.training import folder_of
from console.steps.workers import run_workers
from model.batches import kept_examples
from model.corpus import VerifiedCorpus
from model.network import Composer
from provenance.attribution.attributor import METHOD, Attributor
from provenance.attribution.influences import QueryInfluences
from provenance.composer_index import THREADS, CorpusExamples, composer_attributor, matrices_of
from provenance.errors import NotRecordedError
from provenance.runs import find_index, find_run, record_index
from provenance.tables import Run


@dataclass(frozen=True)
class Indexed:
    """A feature index on record."""

    index: str
    run: str
    examples: int
    bytes: int


@dataclass(frozen=True, eq=False)
class Opened:
    """A run with its corpus, and the index of its examples, to be asked what a piece leaned on."""

    run: Run
    corpus: VerifiedCorpus
    attributor: Attributor
    model: Composer
    halves: int

    @property
    def max_events(self) -> int:
        """How many events an example has at most."""
        return self.model.config.max_events

    @property
    def examples(self) -> CorpusExamples:
        """The examples that the run was trained on, in the order of the index."""
        return CorpusExamples(self.corpus, self.max_events)

    def influences(self, matrices: Tensor | list[Tensor]) -> QueryInfluences:
        """How much every example of every work influenced each of some queries."""
        works = self.examples.work_ids
        return self.attributor.influences(matrices, owners=works, units=works)


def index_run(
    home: Home, run_id: str | None, advance: Advance, processes: int = 1, halves: int | None = None
) -> Indexed:
    """Gradient features of every example that a run was trained on; called again, it goes on where it was.

    Args:
        halves: how many networks trained on halves of the works take part, and are trained if they are not
            there; None for as many as in the run's newest index.
    """
    if halves:
        run, corpus = _opened_run(home, run_id)
        works = [corpus.work_ids[example] for example in kept_examples(corpus)]
        train_halves(home, run, corpus, works, halves, advance)
    opened = open_attributor(home, run_id, halves)
    run, corpus, attributor = opened.run, opened.corpus, opened.attributor
    examples = opened.examples

    def progress(stage: str, done: int) -> None:
        advance(done, len(examples), stage)

    directory = _index_folder(home, run, opened.halves)
    if processes > 1:
        folder = home.folder("corpora") / run.corpus_id
        paths = [str(path) for path in (folder, _checkpoint(home, run), directory)]
        asked = [*paths, "--halves", str(opened.halves)]
        for step in run_workers("provenance.index_worker", processes, asked):
            progress(step["stage"], step["done"])
    report = attributor.index(examples, progress=progress)
    attributor.search(matrices_of([corpus[0]], opened.max_events), k=1)
    with home.session() as session, session.begin():
        index = record_index(
            session,
            home.key,
            run_id=run.id,
            directory=str(directory.relative_to(home.root)),
            examples=report.examples,
            digest_sha256=attributor.settings_digest,
            config={
                "checkpoints": attributor.num_checkpoints,
                "halves": opened.halves,
                "bytes": report.bytes,
            },
            indexed_at=datetime.now(UTC),
        )
        return Indexed(index.id, run.id, report.examples, report.bytes)


def open_attributor(home: Home, run_id: str | None, halves: int | None = None) -> Opened:
    """The attributor of a run, or of the newest one.

    Args:
        halves: how many networks trained on halves take part; None for as many as in the newest index.

    Raises:
        NotRecordedError: there is no such run.
    """
    run, corpus = _opened_run(home, run_id)
    if halves is None:
        halves = _halves_indexed(home, run)
    torch.set_num_threads(THREADS)
    directory = _index_folder(home, run, halves)
    attributor, model = composer_attributor(_checkpoint(home, run), directory, halves=halves)
    return Opened(run, corpus, attributor, model, halves)


def _opened_run(home: Home, run_id: str | None) -> tuple[Run, VerifiedCorpus]:
    with home.session() as session:
        run = find_run(session, run_id)
        session.expunge(run)
    return run, open_corpus(home, run.corpus_id)


def _halves_indexed(home: Home, run: Run) -> int:
    """How many networks trained on halves the newest index of a run has; 0 where there is no index."""
    with home.session() as session:
        try:
            return int(find_index(session, run.id).config.get("halves", 0))
        except NotRecordedError:
            return 0


def _checkpoint(home: Home, run: Run) -> Path:
    return folder_of(home, run) / "checkpoint.safetensors"


def _index_folder(home: Home, run: Run, halves: int) -> Path:
    """A new version of the method has a folder of its own, so that an older index is never in its way; so has
    each number of halves."""
    name = METHOD.replace("/", "-") + (f"-{halves}-halves" if halves else "")
    return home.folder("indexes") / run.id / name
