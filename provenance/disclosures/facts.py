"""What do the records say of a run's training data? Read once, as plain values, for every disclosure."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.tables import Agreement, Encoding, Grant, ImportBatch, Reservation, Source, Work
from catalog.vocabulary import Origin, SourceKind
from provenance.corpus.registry import exclusions_of
from provenance.runs import events_seen_by_work, find_run
from provenance.tables import Corpus, CorpusWork, Run

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SourceFacts:
    """A source, and what of the corpus came from it."""

    kind: SourceKind
    name: str
    url: str | None
    description: str | None
    acquired_from_on: date | None
    acquired_to_on: date | None
    human_works: int
    house_works: int
    files: int
    licences: Counts

    @property
    def works(self) -> int:
        """How many works of the corpus came from it."""
        return self.human_works + self.house_works


@dataclass(frozen=True)
class TrainingFacts:
    """Everything that the records say of what a run was trained on, and how."""

    run_id: str
    checkpoint_sha256: str
    preset: str
    steps: int
    num_parameters: int | None
    events_trained: int
    trained_on: date
    corpus_id: str
    merkle_root: str
    cleared_on: date
    territory: str
    human_works: int
    house_works: int
    files: int
    examples: int
    events: int
    sources: tuple[SourceFacts, ...]
    files_without_source: int
    genres: Counts
    languages: Counts
    licences: Counts
    excluded: Counts
    reservations: Counts
    agreements: int
    invented_agreements: int
    latest_acquisition_on: date | None

    @property
    def works(self) -> int:
        """How many works are in the corpus."""
        return self.human_works + self.house_works

    def sources_of(self, *kinds: SourceKind) -> tuple[SourceFacts, ...]:
        """The sources of these kinds."""
        return tuple(source for source in self.sources if source.kind in kinds)


@dataclass(frozen=True)
class _Line:
    """A file of the corpus with what is on record of its work and source."""

    work_id: str
    origin: Origin
    genre: str | None
    language: str | None
    licence: str
    grants: tuple[str, ...]
    source: Source | None
    imported_on: date


def load_training_facts(session: Session, run_id: str) -> TrainingFacts:
    """The facts of a run.

    Raises:
        NotRecordedError: the run is not on record.
    """
    run = find_run(session, run_id)
    corpus = session.get_one(Corpus, run.corpus_id)
    lines = _lines(session, corpus.id)
    works = {line.work_id: line for line in lines}
    agreements = _agreements(session, {grant for line in lines for grant in line.grants})
    return TrainingFacts(
        run_id=run.id,
        checkpoint_sha256=run.checkpoint_sha256,
        preset=run.preset,
        steps=run.steps,
        num_parameters=_num_parameters(run),
        events_trained=sum(events_seen_by_work(session, run.id).values()),
        trained_on=run.trained_at.date(),
        corpus_id=corpus.id,
        merkle_root=corpus.merkle_root,
        cleared_on=corpus.cleared_on,
        territory=corpus.territory,
        human_works=sum(line.origin is Origin.HUMAN for line in works.values()),
        house_works=sum(line.origin is Origin.HOUSE for line in works.values()),
        files=len(lines),
        examples=corpus.examples,
        events=corpus.events,
        sources=_sources(lines),
        files_without_source=sum(line.source is None for line in lines),
        genres=_counted(line.genre or "(not on record)" for line in works.values()),
        languages=_counted(line.language for line in works.values() if line.language),
        licences=_counted(line.licence for line in lines),
        excluded=_excluded(session, corpus.id, set(works)),
        reservations=_reservations(session),
        agreements=len(agreements),
        invented_agreements=sum(agreements.values()),
        latest_acquisition_on=max((_acquired_on(line) for line in lines), default=None),
    )


def _lines(session: Session, corpus_id: str) -> list[_Line]:
    rows = session.execute(
        select(CorpusWork, Work, Encoding, ImportBatch.imported_at)
        .join(Work, Work.id == CorpusWork.work_id)
        .join(Encoding, Encoding.id == CorpusWork.encoding_id)
        .join(ImportBatch, ImportBatch.id == Encoding.batch_id)
        .where(CorpusWork.corpus_id == corpus_id)
        .order_by(CorpusWork.work_id, CorpusWork.encoding_id)
    )
    sources = {source.id: source for source in session.scalars(select(Source))}
    return [
        _Line(
            work.id, held.origin, work.genre, work.language, held.licence, tuple(held.grants),
            sources.get(encoding.source_id or work.source_id or ""), imported_at.date(),
        )
        for held, work, encoding, imported_at in rows
    ]  # fmt: skip


def _sources(lines: list[_Line]) -> tuple[SourceFacts, ...]:
    by_source: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        if line.source is not None:
            by_source[line.source.id].append(line)
    found = [_source(held) for held in by_source.values()]
    return tuple(sorted(found, key=lambda source: (source.kind.value, source.name, source.url or "")))


def _source(lines: list[_Line]) -> SourceFacts:
    source = lines[0].source
    assert source is not None
    origins = {line.work_id: line.origin for line in lines}
    return SourceFacts(
        kind=source.kind,
        name=source.name,
        url=source.url,
        description=source.description,
        acquired_from_on=source.acquired_from_on,
        acquired_to_on=source.acquired_to_on,
        human_works=sum(origin is Origin.HUMAN for origin in origins.values()),
        house_works=sum(origin is Origin.HOUSE for origin in origins.values()),
        files=len(lines),
        licences=_counted(line.licence for line in lines),
    )


def _acquired_on(line: _Line) -> date:
    """When a file was acquired: as its source states, or else the day of its import."""
    stated = line.source.acquired_to_on if line.source is not None else None
    return stated or line.imported_on


def _agreements(session: Session, grant_ids: set[str]) -> dict[str, bool]:
    """The agreements behind these grants, and whether each is an invented one."""
    rows = session.execute(
        select(Grant.id, Agreement.id, Agreement.invented).join(Agreement, Agreement.id == Grant.agreement_id)
    )
    return {agreement: invented for grant, agreement, invented in rows if grant in grant_ids}


def _excluded(session: Session, corpus_id: str, included: set[str]) -> Counts:
    """By code, how many works are not in the corpus."""
    pairs = {(e.code, e.work_id) for e in exclusions_of(session, corpus_id) if e.work_id not in included}
    return _counted(code for code, _ in pairs)


def _reservations(session: Session) -> Counts:
    rows = session.execute(select(Reservation.protocol, func.count()).group_by(Reservation.protocol))
    return tuple(sorted((protocol.value, count) for protocol, count in rows))


def _num_parameters(run: Run) -> int | None:
    value = run.config.get("num_parameters")
    return value if isinstance(value, int) else None


def _counted(values: Iterable[str | None]) -> Counts:
    """How often each value occurs, most often first."""
    counts = Counter(value for value in values if value)
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
