"""Which runs are on record, on which corpus, and how often did each see a work?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from provenance.canonical import digest
from provenance.errors import NotRecordedError, ProvenanceError, RecordConflictError
from provenance.evidence.keys import SigningKey
from provenance.evidence.records import append
from provenance.tables import Corpus, CorpusWork, FeatureIndex, Run, RunExposure

RUN_TYPE = "contrafact.run/1"
INDEX_TYPE = "contrafact.index/1"


@dataclass(frozen=True)
class Exposure:
    """How often a run saw the events of one file of a work; `epochs_milli` is in thousandths of a pass."""

    work_id: str
    encoding_id: str
    events_seen: int
    epochs_milli: int


@dataclass(frozen=True)
class RunValues:
    """What a training was: everything that its checkpoint follows from, and the checkpoint's digest."""

    id: str
    corpus_id: str
    checkpoint_sha256: str
    preset: str
    seed: int
    steps: int
    loss: float | None
    config: Mapping[str, Any]
    exposure_sha256: str

    def body(self) -> dict[str, Any]:
        """The run as it is written down."""
        return {"type": RUN_TYPE, **self.__dict__, "config": dict(self.config)}


def record_run(
    session: Session,
    key: SigningKey,
    *,
    corpus_id: str,
    checkpoint_sha256: str,
    preset: str,
    seed: int,
    steps: int,
    loss: float | None,
    config: Mapping[str, Any],
    exposures: Sequence[Exposure],
    trained_at: datetime,
) -> Run:
    """The run on record, once however often it is recorded. Its id is derived from its checkpoint.

    Raises:
        NotRecordedError: the corpus is not on record.
        ProvenanceError: the run saw something that is not in its corpus.
        RecordConflictError: the same checkpoint is on record with other values.
    """
    values = RunValues(
        run_id(checkpoint_sha256), corpus_id, checkpoint_sha256, preset, seed, steps, loss, config,
        exposure_digest(exposures),
    )  # fmt: skip
    known = session.get(Run, values.id)
    if known is not None:
        if run_values(session, known).body() != values.body():
            raise RecordConflictError(f"The run {values.id} is on record with other values than these.")
        return known
    _check_exposures(session, corpus_id, exposures)
    run = Run(
        id=values.id, corpus_id=corpus_id, checkpoint_sha256=checkpoint_sha256, preset=preset, seed=seed,
        steps=steps, loss=loss, config=dict(config), trained_at=trained_at,
    )  # fmt: skip
    session.add(run)
    session.flush()
    session.add_all(RunExposure(run_id=run.id, **exposure.__dict__) for exposure in exposures)
    append(session, key, kind="run", subject_id=run.id, body=values.body(), recorded_at=trained_at)
    return run


def record_index(
    session: Session,
    key: SigningKey,
    *,
    run_id: str,
    directory: str,
    examples: int,
    digest_sha256: str,
    config: Mapping[str, Any],
    indexed_at: datetime,
) -> FeatureIndex:
    """The feature index on record, once however often it is recorded.

    Args:
        directory: where it lies, relative to the home.
        digest_sha256: of what makes up the index.
    """
    find_run(session, run_id)
    body = {
        "type": INDEX_TYPE, "run_id": run_id, "examples": examples, "digest": digest_sha256,
        "config": dict(config),
    }  # fmt: skip
    index_id = f"index_{digest(body)[:16]}"
    known = session.get(FeatureIndex, index_id)
    if known is None:
        known = FeatureIndex(
            id=index_id, run_id=run_id, directory=directory, examples=examples, digest=digest_sha256,
            config=dict(config), indexed_at=indexed_at,
        )  # fmt: skip
        session.add(known)
        append(session, key, kind="index", subject_id=index_id, body=body, recorded_at=indexed_at)
    return known


def run_id(checkpoint_sha256: str) -> str:
    """The id of the run that ended in this checkpoint."""
    return f"run_{checkpoint_sha256[:16]}"


def exposure_digest(exposures: Sequence[Exposure]) -> str:
    """One digest over what a run saw."""
    ordered = sorted(exposures, key=lambda exposure: (exposure.work_id, exposure.encoding_id))
    return digest([exposure.__dict__ for exposure in ordered])


def run_values(session: Session, run: Run) -> RunValues:
    """The values of a run on record."""
    return RunValues(
        run.id, run.corpus_id, run.checkpoint_sha256, run.preset, run.seed, run.steps, run.loss, run.config,
        exposure_digest(exposures_of(session, run.id)),
    )  # fmt: skip


def exposures_of(session: Session, run_id: str) -> list[Exposure]:
    """What a run saw, file by file."""
    rows = session.scalars(
        select(RunExposure)
        .where(RunExposure.run_id == run_id)
        .order_by(RunExposure.work_id, RunExposure.encoding_id)
    )
    return [Exposure(row.work_id, row.encoding_id, row.events_seen, row.epochs_milli) for row in rows]


def events_seen_by_work(session: Session, run_id: str) -> dict[str, int]:
    """How many events of each work a run saw, repetitions counted."""
    rows = session.execute(
        select(RunExposure.work_id, func.sum(RunExposure.events_seen))
        .where(RunExposure.run_id == run_id)
        .group_by(RunExposure.work_id)
        .order_by(RunExposure.work_id)
    )
    return {work_id: int(seen) for work_id, seen in rows}


def find_run(session: Session, run_id: str | None = None) -> Run:
    """The run of this id; without an id, the newest.

    Raises:
        NotRecordedError: there is none.
    """
    if run_id is not None:
        run = session.get(Run, run_id)
    else:
        run = session.scalars(select(Run).order_by(Run.trained_at.desc(), Run.id)).first()
    if run is None:
        raise NotRecordedError("run", run_id or "(the newest)", "contrafact model train CORPUS")
    return run


def find_index(session: Session, run_id: str) -> FeatureIndex:
    """The newest feature index of a run.

    Raises:
        NotRecordedError: there is none.
    """
    index = session.scalars(
        select(FeatureIndex)
        .where(FeatureIndex.run_id == run_id)
        .order_by(FeatureIndex.indexed_at.desc(), FeatureIndex.id)
    ).first()
    if index is None:
        raise NotRecordedError("feature index of run", run_id, f"contrafact provenance index {run_id}")
    return index


def _check_exposures(session: Session, corpus_id: str, exposures: Sequence[Exposure]) -> None:
    if session.get(Corpus, corpus_id) is None:
        raise NotRecordedError("corpus", corpus_id, "contrafact corpus build --purpose train --territory EU")
    rows = session.execute(
        select(CorpusWork.work_id, CorpusWork.encoding_id).where(CorpusWork.corpus_id == corpus_id)
    )
    there = {(work_id, encoding_id) for work_id, encoding_id in rows}
    foreign = [e for e in exposures if (e.work_id, e.encoding_id) not in there]
    if foreign:
        raise ProvenanceError(
            f"The run saw {len(foreign)} files that are not in its corpus {corpus_id}, the first of them "
            f"{foreign[0].encoding_id} of work {foreign[0].work_id}: its exposure belongs to another corpus."
        )
