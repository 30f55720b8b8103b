"""From a run to an index, and from a generation to the works that it leaned on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import torch
from sqlalchemy.orm import Session
from torch import Tensor

from catalog.shares import owners_on
from catalog.vocabulary import Right
from console.home import Home
from console.progress import Advance
from console.steps.corpora import open_corpus
from console.steps.generating import read_excerpts
from console.steps.originality import Similar, similar_works
from console.steps.training import folder_of
from console.steps.where import SegmentShares, TrackShares, Unit, Where, questions_of, where_of
from console.steps.workers import run_workers
from model.corpus import VerifiedCorpus
from model.network import Composer
from provenance.attribution.attributor import METHOD, Attributor
from provenance.attribution.influences import QueryInfluences
from provenance.attribution.shares import Shares
from provenance.attributions import AttributionValues, WorkShare, record_attribution
from provenance.composer_index import THREADS, CorpusExamples, composer_attributor, matrices_of
from provenance.generations import find_generation
from provenance.runs import find_index, find_run, record_index
from provenance.tables import Run
from royalties.money import PPM, allocate_minor


@dataclass(frozen=True)
class Indexed:
    """A feature index on record."""

    index: str
    run: str
    examples: int
    bytes: int


@dataclass(frozen=True)
class HolderShare:
    """A rights holder's part of a generation; `party` is empty for what nobody owns."""

    party: str
    share_ppm: int


@dataclass(frozen=True)
class Attributed:
    """An attribution on record. What is similar by content stands beside it and is no part of the shares."""

    attribution: str
    generation: str
    method: str
    shares: tuple[WorkShare, ...]
    unattributed_ppm: int
    reliability: Mapping[str, object]
    segments: tuple[SegmentShares, ...]
    tracks: tuple[TrackShares, ...]
    similar: Similar


@dataclass(frozen=True, eq=False)
class Opened:
    """A run with its corpus, and the index of its examples, to be asked what a piece leaned on."""

    run: Run
    corpus: VerifiedCorpus
    attributor: Attributor
    model: Composer

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


def index_run(home: Home, run_id: str | None, advance: Advance, processes: int = 1) -> Indexed:
    """Gradient features of every example that a run was trained on; called again, it goes on where it was."""
    opened = open_attributor(home, run_id)
    run, corpus, attributor = opened.run, opened.corpus, opened.attributor
    examples = opened.examples

    def progress(stage: str, done: int) -> None:
        advance(done, len(examples), stage)

    if processes > 1:
        folder = home.folder("corpora") / run.corpus_id
        paths = [str(path) for path in (folder, _checkpoint(home, run), _index_folder(home, run))]
        for step in run_workers("provenance.index_worker", processes, paths):
            progress(step["stage"], step["done"])
    report = attributor.index(examples, progress=progress)
    attributor.search(matrices_of([corpus[0]], opened.max_events), k=1)
    with home.session() as session, session.begin():
        index = record_index(
            session,
            home.key,
            run_id=run.id,
            directory=str(_index_folder(home, run).relative_to(home.root)),
            examples=report.examples,
            digest_sha256=attributor.settings_digest,
            config={"checkpoints": attributor.num_checkpoints, "bytes": report.bytes},
            indexed_at=datetime.now(UTC),
        )
        return Indexed(index.id, run.id, report.examples, report.bytes)


def attribute(home: Home, generation_id: str, by: Unit = Unit.PHRASE) -> Attributed:
    """The works that a generation leaned on, as a whole, by phrase and by track, on record.

    On record are phrases, however it is asked: to look bar by bar changes nothing that is paid on.

    Args:
        by: what the segments of the answer are.
    """
    with home.session() as session:
        generation = find_generation(session, generation_id)
        find_index(session, generation.run_id)
        run_id = generation.run_id
    opened = open_attributor(home, run_id)
    excerpts = read_excerpts(home, generation_id)
    questions = questions_of(excerpts, by)
    found = opened.influences(questions.matrices(opened.max_events))
    whole = found.shares(range(len(questions.phrases)))
    where = where_of(questions, found, opened.examples)
    similar = similar_works(home, opened.run.corpus_id, excerpts)
    details = {
        "settings": opened.attributor.settings_digest,
        "queries": len(questions.phrases) + len(questions.cells),
        "tracks": [track.to_json() for track in where.tracks],
        **similar.to_json(),
    }
    values = _values(generation_id, whole, where, details)
    with home.session() as session, session.begin():
        record_attribution(session, home.key, values, datetime.now(UTC))
    return Attributed(
        attribution=values.id,
        generation=generation_id,
        method=values.method,
        shares=tuple(values.shares),
        unattributed_ppm=values.unattributed_ppm,
        reliability=values.reliability,
        segments=where.phrases if by is Unit.PHRASE else where.bars,
        tracks=where.tracks,
        similar=similar,
    )


def holder_shares(
    session: Session, shares: Sequence[WorkShare], territory: str, on: date
) -> list[HolderShare]:
    """Who holds what part of an attribution, by mechanical ownership; every work is divided wholly."""
    owners = owners_on(session, [share.work_id for share in shares], Right.MECHANICAL, on, territory)
    totals: dict[str, int] = {}
    for share in shares:
        weights = dict(owners[share.work_id])
        weights[""] = max(PPM - sum(weights.values()), 0)
        for party, part in allocate_minor(share.share_ppm, weights).items():
            totals[party] = totals.get(party, 0) + part
    found = [HolderShare(party, part) for party, part in totals.items() if part]
    return sorted(found, key=lambda holder: (-holder.share_ppm, holder.party))


def open_attributor(home: Home, run_id: str | None) -> Opened:
    """The attributor of a run, or of the newest one.

    Raises:
        NotRecordedError: there is no such run.
    """
    with home.session() as session:
        run = find_run(session, run_id)
        session.expunge(run)
    corpus = open_corpus(home, run.corpus_id)
    torch.set_num_threads(THREADS)
    attributor, model = composer_attributor(_checkpoint(home, run), _index_folder(home, run))
    return Opened(run, corpus, attributor, model)


def _checkpoint(home: Home, run: Run) -> Path:
    return folder_of(home, run) / "checkpoint.safetensors"


def _index_folder(home: Home, run: Run) -> Path:
    """A new version of the method has a folder of its own, so that an older index is never in its way."""
    return home.folder("indexes") / run.id / METHOD.replace("/", "-")


def _values(
    generation_id: str, whole: Shares, where: Where, details: Mapping[str, object]
) -> AttributionValues:
    reliability = whole.reliability
    return AttributionValues(
        generation_id=generation_id,
        method=METHOD,
        shares=[
            WorkShare(str(row.owner), row.share_ppm, row.low_ppm, row.high_ppm, f"{row.influence:.9g}")
            for row in whole.shares
            if row.share_ppm or row.high_ppm
        ],
        unattributed_ppm=whole.unattributed_ppm,
        reliability={
            "verdict": reliability.verdict.value,
            "reason": reliability.reason,
            "signal_to_noise": f"{reliability.signal_to_noise:.3f}",
            "agreement": None if reliability.agreement is None else f"{reliability.agreement:.3f}",
            "hub": f"{reliability.hub:.3f}",
        },
        segments=[segment.to_json() for segment in where.phrases],
        details=details,
    )
