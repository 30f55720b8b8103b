"""Which recordings hold a work, who took part in them, and on which releases are they?"""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.knowledge import NOW, Knowledge
from catalog.release_tables import RecordingContributor, Release, ReleaseDeal, ReleaseRecording
from catalog.tables import Recording, RecordingWork

Json = dict[str, Any]


def recordings_of(session: Session, work_id: str, known: Knowledge = NOW) -> list[Json]:
    """The recordings of a work, each with its contributors and releases, as JSON objects."""
    statement = (
        select(Recording)
        .join(RecordingWork, RecordingWork.recording_id == Recording.id)
        .where(RecordingWork.work_id == work_id)
        .order_by(Recording.id)
    )
    return [
        {
            "recording": recording.id,
            "isrc": recording.isrc,
            "title": recording.title,
            "artist": recording.artist,
            "label": recording.label,
            "p_line": recording.p_line,
            "released_on": _day(recording.released_on),
            "length_seconds": recording.length_seconds,
            "contributors": _contributors(session, recording.id, known),
            "releases": _releases(session, recording.id, known),
        }
        for recording in session.scalars(statement)
    ]


def _contributors(session: Session, recording_id: str, known: Knowledge) -> list[Json]:
    statement = select(RecordingContributor).where(
        RecordingContributor.recording_id == recording_id, known.came(RecordingContributor.batch_id)
    )
    ordered = statement.order_by(RecordingContributor.role, RecordingContributor.name)
    return [
        {
            "name": item.name,
            "role": item.role,
            "ipi_name_number": item.ipi_name_number,
            "isni": item.isni,
        }
        for item in session.scalars(ordered)
    ]


def _releases(session: Session, recording_id: str, known: Knowledge) -> list[Json]:
    statement = (
        select(Release)
        .join(ReleaseRecording, ReleaseRecording.release_id == Release.id)
        .where(ReleaseRecording.recording_id == recording_id, known.came(Release.batch_id))
        .order_by(Release.id)
    )
    return [
        {
            "release": release.id,
            "title": release.title,
            "kind": release.kind,
            "artist": release.artist,
            "label": release.label,
            "icpn": release.icpn,
            "grid": release.grid,
            "catalogue_number": release.catalogue_number,
            "p_line": release.p_line,
            "released_on": _day(release.released_on),
            "deals": _deals(session, release.id, known),
        }
        for release in session.scalars(statement)
    ]


def _deals(session: Session, release_id: str, known: Knowledge) -> list[Json]:
    statement = select(ReleaseDeal).where(
        ReleaseDeal.release_id == release_id, known.came(ReleaseDeal.batch_id)
    )
    return [
        {
            "territory": deal.territory,
            "starts_on": _day(deal.starts_on),
            "ends_on": _day(deal.ends_on),
            "commercial_models": deal.commercial_models,
            "use_types": deal.use_types,
        }
        for deal in session.scalars(statement.order_by(ReleaseDeal.id))
    ]


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
