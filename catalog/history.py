"""What became known about a work when, from whom, and what did it change?"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.acknowledgements import MEANINGS
from catalog.clearance import WorkFacts
from catalog.release_tables import Acknowledgement, Release, ReleaseRecording
from catalog.shares import percent
from catalog.tables import (
    Encoding,
    Grant,
    ImportBatch,
    Party,
    RecordingWork,
    Reservation,
    Share,
    Withdrawal,
    Work,
    WorkIdentifier,
    WorkTitle,
    WorkVersion,
)

DESCRIBED = (
    "title",
    "iswc",
    "origin",
    "genre",
    "language",
    "public_domain_in",
    "public_domain_from_on",
    "public_domain_basis",
    "payable",
)


@dataclass
class Change:
    """Something that became known: at an instant, from somebody, by what, and how it differs from before."""

    at: datetime
    by: str
    what: str
    changes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """The change as a JSON object."""
        return {"at": self.at.isoformat(), "by": self.by, "what": self.what, "changes": self.changes}


def history(session: Session, facts: WorkFacts) -> list[Change]:
    """Everything that became known about a work, the first first.

    Args:
        facts: of the work, as they are known now.
    """
    found = [*_imports(session, facts.work_id), *_permissions(session, facts)]
    return sorted(found, key=lambda change: (change.at, change.what))


def _imports(session: Session, work_id: str) -> Iterator[Change]:
    """What each batch brought or changed."""
    told: dict[str, list[str]] = defaultdict(list)
    work = session.get_one(Work, work_id)
    told[work.batch_id].append("the work itself")
    for batch_id, changes in _descriptions(session, work):
        told[batch_id] += changes
    for batch_id, changes in _shares(session, work_id):
        told[batch_id] += changes
    for encoding in session.scalars(
        select(Encoding).where(Encoding.work_id == work_id).order_by(Encoding.id)
    ):
        told[encoding.batch_id].append(f"file {encoding.file_name} under {encoding.licence}")
    for batch_id, what in _named(session, work_id):
        if batch_id != work.batch_id:
            told[batch_id].append(what)
    for batch in session.scalars(select(ImportBatch).where(ImportBatch.id.in_(told))):
        what = f"import of {batch.file_name} ({batch.id})"
        yield Change(batch.imported_at, batch.recorded_by, what, told[batch.id])


def _descriptions(session: Session, work: Work) -> Iterator[tuple[str, list[str]]]:
    """For each batch that changed the work's own row, what it changed."""
    versions: list[WorkVersion | Work] = list(
        session.scalars(
            select(WorkVersion)
            .join(ImportBatch, ImportBatch.id == WorkVersion.superseded_by)
            .where(WorkVersion.work_id == work.id)
            .order_by(ImportBatch.imported_at, ImportBatch.id)
        )
    )
    for before, after in pairwise([*versions, work]):
        changes = [
            f"{name} {_told(getattr(before, name))} -> {_told(getattr(after, name))}"
            for name in DESCRIBED
            if getattr(before, name) != getattr(after, name)
        ]
        assert isinstance(before, WorkVersion)
        yield before.superseded_by, changes


def _named(session: Session, work_id: str) -> Iterator[tuple[str, str]]:
    """What each batch says the work is called, and what societies and labels say of it."""
    titles = select(WorkTitle).where(WorkTitle.work_id == work_id, WorkTitle.batch_id.is_not(None))
    for title in session.scalars(titles.order_by(WorkTitle.title)):
        yield str(title.batch_id), f"title {title.title} ({title.kind})"
    names = select(WorkIdentifier).where(
        WorkIdentifier.work_id == work_id, WorkIdentifier.batch_id.is_not(None)
    )
    for name in session.scalars(names.order_by(WorkIdentifier.scheme, WorkIdentifier.value)):
        yield str(name.batch_id), f"identifier {name.value} ({name.scheme} of {name.authority})"
    answers = select(Acknowledgement).where(Acknowledgement.work_id == work_id)
    for answer in session.scalars(answers.order_by(Acknowledgement.id)):
        yield answer.batch_id, f"answer of society {answer.society}: {MEANINGS[answer.status]}"
    releases = (
        select(Release)
        .join(ReleaseRecording, ReleaseRecording.release_id == Release.id)
        .join(RecordingWork, RecordingWork.recording_id == ReleaseRecording.recording_id)
        .where(RecordingWork.work_id == work_id)
    )
    for release in session.scalars(releases.distinct().order_by(Release.id)):
        yield release.batch_id, f"release {release.title} of {release.label or 'an unnamed label'}"


def _shares(session: Session, work_id: str) -> Iterator[tuple[str, list[str]]]:
    """For each batch that brought or superseded shares, whose share of what became what."""
    sums: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    statement = select(Share, Party.name).join(Party, Party.id == Share.party_id)
    for share, name in session.execute(statement.where(Share.work_id == work_id).order_by(Share.id)):
        what = f"{name} {share.right or share.kind} {share.kind if share.right else ''}".strip()
        sums[share.batch_id][what][1] += share.share_ppm
        if share.superseded_by is not None:
            sums[share.superseded_by][what][0] += share.share_ppm
    for batch_id, shares in sums.items():
        yield (
            batch_id,
            [
                f"{what} {percent(old_ppm)} -> {percent(new_ppm)}"
                for what, (old_ppm, new_ppm) in sorted(shares.items())
                if old_ppm != new_ppm
            ],
        )


def _permissions(session: Session, facts: WorkFacts) -> Iterator[Change]:
    ids = {fact.grant_id for fact in facts.grants}
    earlier = select(Grant).where(Grant.superseded_by.in_(ids))
    for grant in [*session.scalars(select(Grant).where(Grant.id.in_(ids))), *session.scalars(earlier)]:
        until = f" until {grant.ends_on}" if grant.ends_on else ""
        what = f"grant {grant.id} for {grant.territory} from {grant.starts_on}{until}"
        yield Change(grant.recorded_at, grant.recorded_by, what)
        if grant.superseded_at is not None:
            replaced = [f"by {grant.superseded_by}"]
            yield Change(grant.superseded_at, grant.recorded_by, f"grant {grant.id} superseded", replaced)
    reservations = [fact.reservation_id for fact in facts.reservations]
    for row in session.scalars(select(Reservation).where(Reservation.id.in_(reservations))):
        withheld = [f"withholds {', '.join(row.purposes) or 'nothing'}"]
        at = row.recorded_at or row.seen_at
        yield Change(at, row.recorded_by, f"reservation {row.id} ({row.protocol})", withheld)
        if row.lifted_at is not None:
            what = f"reservation {row.id} lifted"
            yield Change(row.lifted_at, row.recorded_by, what, [f"from {row.lifted_on}"])
    for taken in session.scalars(select(Withdrawal).where(Withdrawal.work_id == facts.work_id)):
        why = [f"from {taken.effective_on}: {taken.reason}"]
        yield Change(taken.recorded_at, taken.recorded_by, f"withdrawal {taken.id}", why)


def _told(value: object) -> str:
    return "nothing" if value is None else str(value)
