"""From a run to an index, and from a generation to the works that it leaned on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import torch
from sqlalchemy.orm import Session

from catalog.shares import owners_on
from catalog.vocabulary import Right
from console.home import Home
from console.progress import Advance
from console.steps.corpora import open_corpus
from console.steps.generating import read_excerpts
from console.steps.halving import train_halves
from console.steps.measured import LossChange, Measured, loss_changes, measured_of
from console.steps.originality import Similar, similar_works
from console.steps.retraining import events_of
from console.steps.training import folder_of
from console.steps.workers import run_workers
from model.batches import kept_examples
from model.corpus import VerifiedCorpus
from model.events import Note
from model.excerpts import Excerpt
from model.network import Composer
from provenance.attribution.attributor import METHOD, AttributionResult, Attributor
from provenance.attribution.validation import Estimate
from provenance.attributions import AttributionValues, WorkShare, record_attribution
from provenance.composer_index import THREADS, CorpusExamples, composer_attributor, matrices_of
from provenance.errors import NotRecordedError
from provenance.generations import find_generation
from provenance.runs import find_index, find_run, record_index
from provenance.tables import Run
from royalties.money import PPM, allocate_minor

QUERY_BARS = 4


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
class SegmentShares:
    """What some bars of a generation leaned on, the strongest first."""

    bar_start: int
    bar_end: int
    shares: tuple[tuple[str, int], ...]
    unattributed_ppm: int


@dataclass(frozen=True)
class Attributed:
    """An attribution on record. What is similar by content stands beside it and is no part of the shares.

    `loss_changes` has the works of the shares, if a validation of the run said what influence is in nats.
    """

    attribution: str
    generation: str
    method: str
    shares: tuple[WorkShare, ...]
    unattributed_ppm: int
    reliability: Mapping[str, object]
    segments: tuple[SegmentShares, ...]
    similar: Similar
    loss_changes: Mapping[str, LossChange]


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

    def influence(self, queries: Sequence[Excerpt]) -> AttributionResult:
        """What the queries leaned on, each one and together, by works."""
        works = CorpusExamples(self.corpus, self.max_events).work_ids
        return self.attributor.attribute(matrices_of(queries, self.max_events), owners=works, units=works)


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
    examples = CorpusExamples(corpus, opened.max_events)

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


def attribute(home: Home, generation_id: str) -> Attributed:
    """The works that a generation leaned on, phrase by phrase and as a whole, on record."""
    with home.session() as session:
        generation = find_generation(session, generation_id)
        find_index(session, generation.run_id)
        run_id = generation.run_id
    opened = open_attributor(home, run_id)
    excerpts = read_excerpts(home, generation_id)
    queries = phrases_of(excerpts)
    result = opened.influence(queries)
    similar = similar_works(home, opened.run.corpus_id, excerpts)
    measured = measured_of(home, opened.run, result.settings)
    changes = _loss_changes(opened, result, queries, measured)
    values = _values(generation_id, result, queries, similar, measured, changes)
    with home.session() as session, session.begin():
        record_attribution(session, home.key, values, datetime.now(UTC))
    return Attributed(
        attribution=values.id,
        generation=generation_id,
        method=result.method,
        shares=tuple(values.shares),
        unattributed_ppm=result.unattributed_ppm,
        reliability=values.reliability,
        segments=_segments(result, queries),
        similar=similar,
        loss_changes=changes,
    )


def _loss_changes(
    opened: Opened, result: AttributionResult, queries: Sequence[Excerpt], measured: Measured
) -> dict[str, LossChange]:
    """What leaving out each work with a share would change, where it is known what influence is in nats."""
    if measured.calibration is None:
        return {}
    works = CorpusExamples(opened.corpus, opened.max_events).work_ids
    num_events = int(events_of(matrices_of(queries, opened.max_events)).sum())
    changes = loss_changes(result.shares, works, num_events, measured.calibration)
    return {str(row.owner): changes[str(row.owner)] for row in result.shares if row.share_ppm}


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


def phrases_of(found: Sequence[Excerpt]) -> list[Excerpt]:
    """The excerpts cut into spans of four bars: what is asked about, one query each."""
    spans = []
    for excerpt in found:
        for start in range(excerpt.bar_start, excerpt.bar_end, QUERY_BARS):
            end = min(start + QUERY_BARS, excerpt.bar_end)
            first, last = np.searchsorted(excerpt.notes[:, Note.BAR], [start, end])
            if last > first:
                spans.append(Excerpt(excerpt.plan, start, end, excerpt.notes[first:last]))
    return spans


def _values(
    generation_id: str,
    result: AttributionResult,
    queries: Sequence[Excerpt],
    similar: Similar,
    measured: Measured,
    changes: Mapping[str, LossChange],
) -> AttributionValues:
    reliability = result.reliability.weighed(measured.rank_correlation)
    return AttributionValues(
        generation_id=generation_id,
        method=result.method,
        shares=[
            WorkShare(str(row.owner), row.share_ppm, row.low_ppm, row.high_ppm, f"{row.influence:.9g}")
            for row in result.shares
            if row.share_ppm or row.high_ppm
        ],
        unattributed_ppm=result.unattributed_ppm,
        reliability={
            "verdict": reliability.verdict.value,
            "reason": reliability.reason,
            "signal_to_noise": f"{reliability.signal_to_noise:.3f}",
            "agreement": None if reliability.agreement is None else f"{reliability.agreement:.3f}",
            "hub": f"{reliability.hub:.3f}",
            "rank_correlation": _told(reliability.rank_correlation),
        },
        segments=[
            {
                "bar_start": segment.bar_start,
                "bar_end": segment.bar_end,
                "shares": [[work, share_ppm] for work, share_ppm in segment.shares],
                "unattributed_ppm": segment.unattributed_ppm,
            }
            for segment in _segments(result, queries)
        ],
        details={
            "settings": result.settings,
            "queries": len(queries),
            **similar.to_json(),
            "calibration": measured.calibration and measured.calibration.to_json(),
            "loss_changes": {work: asdict(change) for work, change in changes.items()},
        },
    )


def _told(estimate: Estimate | None) -> dict[str, str] | None:
    return {name: f"{value:.3f}" for name, value in estimate.to_json().items()} if estimate else None


def _segments(result: AttributionResult, queries: Sequence[Excerpt]) -> tuple[SegmentShares, ...]:
    return tuple(
        SegmentShares(
            query.bar_start,
            query.bar_end,
            tuple((str(owner), share_ppm) for owner, share_ppm in segment.shares[:8]),
            segment.unattributed_ppm,
        )
        for query, segment in zip(queries, result.segments, strict=True)
    )
