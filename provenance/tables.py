"""In which tables does it lie what was trained on what, what influenced what, and what was written down?

Rows are only ever added. What a row says is fixed by its key: a digest, or an id that is derived from one.
`record` holds everything again, canonical, linked and signed (`provenance.evidence.records`).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Double, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.database import Base, Choice, UtcDateTime, one_of
from catalog.vocabulary import Origin, Purpose


def _digest(column: str) -> CheckConstraint:
    return CheckConstraint(f"length({column}) = 64", name=f"{column}_is_sha256")


def _counts(*columns: str) -> CheckConstraint:
    return CheckConstraint(" AND ".join(f"{column} >= 0" for column in columns), name="counts_are_counts")


class Corpus(Base):
    """A corpus that was built; its key is the SHA-256 of its manifest."""

    __tablename__ = "corpus"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    purpose: Mapped[Purpose] = mapped_column(Choice(Purpose))
    territory: Mapped[str] = mapped_column(Text)
    cleared_on: Mapped[date]
    merkle_root: Mapped[str] = mapped_column(Text)
    works: Mapped[int]
    examples: Mapped[int]
    events: Mapped[int] = mapped_column(BigInteger)
    manifest: Mapped[dict[str, Any]] = mapped_column(JSON)
    built_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (
        one_of("purpose", Purpose),
        _digest("id"),
        _digest("merkle_root"),
        _counts("works", "examples", "events"),
    )


class CorpusWork(Base):
    """A file of a work that is in a corpus, with the terms and grants that cleared it then."""

    __tablename__ = "corpus_work"
    corpus_id: Mapped[str] = mapped_column(ForeignKey("corpus.id"), primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    encoding_id: Mapped[str] = mapped_column(ForeignKey("encoding.id"), primary_key=True)
    origin: Mapped[Origin] = mapped_column(Choice(Origin))
    licence: Mapped[str] = mapped_column(Text)
    grants: Mapped[list[str]] = mapped_column(JSON)
    examples: Mapped[int]
    events: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        one_of("origin", Origin),
        _counts("examples", "events"),
        Index("ix_corpus_work_work_id", "work_id"),
    )


class CorpusExclusion(Base):
    """Why a work, or one file of it, is not in a corpus; `encoding_id` is empty where it is the work."""

    __tablename__ = "corpus_exclusion"
    corpus_id: Mapped[str] = mapped_column(ForeignKey("corpus.id"), primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    encoding_id: Mapped[str] = mapped_column(Text, primary_key=True)
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    message: Mapped[str] = mapped_column(Text)
    __table_args__ = (Index("ix_corpus_exclusion_work_id", "work_id"),)


class Run(Base):
    """One training of a model on one corpus."""

    __tablename__ = "run"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    corpus_id: Mapped[str] = mapped_column(ForeignKey("corpus.id"), index=True)
    checkpoint_sha256: Mapped[str] = mapped_column(Text, unique=True)
    preset: Mapped[str] = mapped_column(Text)
    seed: Mapped[int] = mapped_column(BigInteger)
    steps: Mapped[int]
    loss: Mapped[float | None] = mapped_column(Double)
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    trained_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (_digest("checkpoint_sha256"), _counts("steps"))


class RunExposure(Base):
    """How often a run saw the events of one file of a work."""

    __tablename__ = "run_exposure"
    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    encoding_id: Mapped[str] = mapped_column(ForeignKey("encoding.id"), primary_key=True)
    events_seen: Mapped[int] = mapped_column(BigInteger)
    epochs_milli: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (_counts("events_seen", "epochs_milli"), Index("ix_run_exposure_work_id", "work_id"))


class FeatureIndex(Base):
    """The gradient features of a run's examples, on disk."""

    __tablename__ = "feature_index"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), index=True)
    directory: Mapped[str] = mapped_column(Text)
    examples: Mapped[int]
    digest: Mapped[str] = mapped_column(Text)
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    indexed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (_digest("digest"), _counts("examples"))


class Generation(Base):
    """A piece that the model of a run wrote."""

    __tablename__ = "generation"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("generation.id"), index=True)
    prompt: Mapped[dict[str, Any]] = mapped_column(JSON)
    seed: Mapped[int] = mapped_column(BigInteger)
    midi_sha256: Mapped[str] = mapped_column(Text)
    originality: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (_digest("midi_sha256"),)


class Rendering(Base):
    """A generation made audible with one sound bank: the digests of the mix and the stems."""

    __tablename__ = "rendering"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    generation_id: Mapped[str] = mapped_column(ForeignKey("generation.id"), index=True)
    sound_bank: Mapped[dict[str, Any]] = mapped_column(JSON)
    files: Mapped[dict[str, str]] = mapped_column(JSON)
    rendered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (_digest("id"),)


class Attribution(Base):
    """What a generation leaned on, by one method; its key is the SHA-256 of its canonical body."""

    __tablename__ = "attribution"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    generation_id: Mapped[str] = mapped_column(ForeignKey("generation.id"), index=True)
    method: Mapped[str] = mapped_column(Text)
    unattributed_ppm: Mapped[int]
    reliability: Mapped[dict[str, Any]] = mapped_column(JSON)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    attributed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (
        _digest("id"),
        CheckConstraint("unattributed_ppm BETWEEN 0 AND 1000000", name="unattributed_ppm_in_range"),
    )


class AttributionShare(Base):
    """One work's part of one attribution; `influence` is a decimal number as text."""

    __tablename__ = "attribution_share"
    attribution_id: Mapped[str] = mapped_column(ForeignKey("attribution.id"), primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    share_ppm: Mapped[int]
    low_ppm: Mapped[int]
    high_ppm: Mapped[int]
    influence: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        CheckConstraint(
            "low_ppm >= 0 AND low_ppm <= share_ppm AND share_ppm <= high_ppm AND high_ppm <= 1000000",
            name="interval_holds_the_share",
        ),
        Index("ix_attribution_share_work_id", "work_id"),
    )


class ScoreBatch(Base):
    """A file of shares that a provider computed elsewhere; its key is the SHA-256 of provider and file."""

    __tablename__ = "score_batch"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    provider: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    file_sha256: Mapped[str] = mapped_column(Text)
    num_attributions: Mapped[int] = mapped_column(BigInteger)
    num_quarantined: Mapped[int] = mapped_column(BigInteger)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (
        _digest("id"),
        _digest("file_sha256"),
        _counts("num_attributions", "num_quarantined"),
    )


class ScoreQuarantine(Base):
    """A row for which a generation was left out: what was found there and what was expected."""

    __tablename__ = "score_quarantine"
    batch_id: Mapped[str] = mapped_column(ForeignKey("score_batch.id"), primary_key=True)
    row_number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    generation_id: Mapped[str] = mapped_column(Text)
    found: Mapped[str] = mapped_column(Text)
    expected: Mapped[str] = mapped_column(Text)
    __table_args__ = (CheckConstraint("row_number >= 1", name="rows_count_from_one"),)


class Record(Base):
    """One thing that was written down: its body as canonical JSON, linked to the record before, signed."""

    __tablename__ = "record"
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    previous_digest: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[str] = mapped_column(Text)
    key_sha256: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        CheckConstraint("sequence >= 1", name="sequence_counts_from_one"),
        _digest("digest"),
        _digest("previous_digest"),
        _digest("body_sha256"),
        _digest("key_sha256"),
        CheckConstraint("length(signature) = 128", name="signature_is_ed25519"),
        Index("ix_record_subject_id", "subject_id", "kind"),
    )
