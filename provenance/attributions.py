"""What did each generation lean on, and what did a work influence?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from provenance.canonical import digest
from provenance.errors import NotRecordedError, RecordConflictError
from provenance.evidence.keys import SigningKey
from provenance.evidence.records import append
from provenance.generations import find_generation
from provenance.tables import Attribution, AttributionShare, CorpusWork, Generation, Run

ATTRIBUTION_TYPE = "contrafact.attribution/1"
WHOLE_PPM = 1_000_000


@dataclass(frozen=True)
class WorkShare:
    """One work's part of a generation with its interval; `influence` is a decimal number as text."""

    work_id: str
    share_ppm: int
    low_ppm: int
    high_ppm: int
    influence: str


@dataclass(frozen=True)
class AttributionValues:
    """Shares of works and the part that nobody can be given; together the whole.

    `segments` says by bars what leaned on what, `reliability` holds the verdict and its reason, `details`
    what else the method says: of itself (index digest, number of queries), of tracks, of what is similar.
    """

    generation_id: str
    method: str
    shares: Sequence[WorkShare]
    unattributed_ppm: int
    reliability: Mapping[str, Any]
    segments: Sequence[Mapping[str, Any]] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        total = sum(share.share_ppm for share in self.shares) + self.unattributed_ppm
        if total != WHOLE_PPM:
            raise ValueError(f"shares and the unattributed part sum to {total} ppm, not to {WHOLE_PPM}")
        if len({share.work_id for share in self.shares}) != len(self.shares):
            raise ValueError("a work has two shares of one generation")

    @property
    def id(self) -> str:
        """The digest by which statements name this attribution."""
        return digest(self.body())

    def body(self) -> dict[str, Any]:
        """The attribution as it is written down."""
        shares = sorted(self.shares, key=lambda share: share.work_id)
        return {
            "type": ATTRIBUTION_TYPE,
            "generation_id": self.generation_id,
            "method": self.method,
            "shares": [dict(share.__dict__) for share in shares],
            "unattributed_ppm": self.unattributed_ppm,
            "reliability": dict(self.reliability),
            "segments": [dict(segment) for segment in self.segments],
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class Influenced:
    """A generation that leaned on a work."""

    generation_id: str
    run_id: str
    attribution_id: str
    method: str
    share_ppm: int
    low_ppm: int
    high_ppm: int
    created_at: datetime


@dataclass(frozen=True)
class Touched:
    """What a work is in: what its withdrawal touches."""

    corpora: tuple[str, ...]
    runs: tuple[str, ...]
    influenced: tuple[Influenced, ...]

    @property
    def generations(self) -> tuple[str, ...]:
        """The ids of the generations that leaned on it."""
        return tuple(sorted(influenced.generation_id for influenced in self.influenced))

    def to_json(self) -> dict[str, list[str]]:
        """The ids as a JSON object."""
        return {
            "corpora": list(self.corpora),
            "runs": list(self.runs),
            "generations": list(self.generations),
        }


def record_attribution(
    session: Session, key: SigningKey, values: AttributionValues, attributed_at: datetime
) -> Attribution:
    """The attribution on record, once however often it is recorded.

    Raises:
        NotRecordedError: the generation is not on record.
    """
    known = session.get(Attribution, values.id)
    if known is not None:
        return known
    find_generation(session, values.generation_id)
    attribution = Attribution(
        id=values.id,
        generation_id=values.generation_id,
        method=values.method,
        unattributed_ppm=values.unattributed_ppm,
        reliability=dict(values.reliability),
        body=values.body(),
        attributed_at=attributed_at,
    )
    session.add(attribution)
    session.flush()
    session.add_all(AttributionShare(attribution_id=values.id, **share.__dict__) for share in values.shares)
    body = attribution_record_body(values.id, values.generation_id)
    append(session, key, kind="attribution", subject_id=values.id, body=body, recorded_at=attributed_at)
    return attribution


def attribution_record_body(attribution_id: str, generation_id: str) -> dict[str, Any]:
    """An attribution as its record names it; the id is the digest of all that it says."""
    return {"type": ATTRIBUTION_TYPE, "attribution_id": attribution_id, "generation_id": generation_id}


def find_attribution(session: Session, generation_id: str, method: str | None = None) -> Attribution:
    """The newest attribution of a generation, by one method where one is named.

    Raises:
        NotRecordedError: the generation has none.
    """
    query = (
        select(Attribution)
        .where(Attribution.generation_id == generation_id)
        .order_by(Attribution.attributed_at.desc(), Attribution.id)
    )
    found = session.scalars(query if method is None else query.where(Attribution.method == method)).first()
    if found is None:
        make_it = f"contrafact provenance attribute {generation_id}"
        raise NotRecordedError("attribution of generation", generation_id, make_it)
    return found


def shares_of(session: Session, attribution_id: str) -> list[WorkShare]:
    """The shares of an attribution, greatest first: those that its id is the digest of.

    Raises:
        NotRecordedError: it is not on record.
        RecordConflictError: what is on record under the id was changed.
    """
    attribution = session.get(Attribution, attribution_id)
    if attribution is None:
        raise NotRecordedError("attribution", attribution_id, "contrafact provenance attribute GENERATION")
    if digest(attribution.body) != attribution_id:
        raise RecordConflictError(
            f"The attribution {attribution_id} was changed after it was written down: its digest is now "
            f"{digest(attribution.body)}. Nothing is paid on it. Restore the database from a copy."
        )
    shares = [WorkShare(**share) for share in attribution.body["shares"]]
    return sorted(shares, key=lambda share: (-share.share_ppm, share.work_id))


def trace(session: Session, work_id: str) -> list[Influenced]:
    """The generations that leaned on a work, strongest first; of each generation, the newest attribution."""
    later = aliased(Attribution)
    replaced = select(later.id).where(
        later.generation_id == Attribution.generation_id,
        or_(
            later.attributed_at > Attribution.attributed_at,
            and_(later.attributed_at == Attribution.attributed_at, later.id < Attribution.id),
        ),
    )
    rows = session.execute(
        select(
            Generation.id, Generation.run_id, Attribution.id, Attribution.method, AttributionShare.share_ppm,
            AttributionShare.low_ppm, AttributionShare.high_ppm, Generation.created_at,
        )
        .join(Attribution, Attribution.id == AttributionShare.attribution_id)
        .join(Generation, Generation.id == Attribution.generation_id)
        .where(AttributionShare.work_id == work_id, AttributionShare.share_ppm > 0, ~replaced.exists())
        .order_by(AttributionShare.share_ppm.desc(), Generation.id)
    )  # fmt: skip
    return [Influenced(*row) for row in rows]


def touched(session: Session, work_id: str) -> Touched:
    """The corpora that hold a work, the runs on them, and the generations that leaned on it."""
    held = select(CorpusWork.corpus_id).where(CorpusWork.work_id == work_id)
    corpora = session.scalars(held.distinct().order_by(CorpusWork.corpus_id))
    runs = session.scalars(select(Run.id).where(Run.corpus_id.in_(held)).order_by(Run.id))
    return Touched(tuple(corpora), tuple(runs), tuple(trace(session, work_id)))
