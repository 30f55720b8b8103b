"""How do recordings, releases and deals of a release notification (ERN) enter the catalogue?

A recording is attached to the works whose ISWCs it names. What is on record of a recording is completed,
never changed; what the message says otherwise is told.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from catalog.database import insert_missing
from catalog.ern.reader import Step, read_ern
from catalog.ern.records import DealRecord, ReleaseRecord, SoundRecording
from catalog.findings import Finding, Severity
from catalog.records import Fault
from catalog.registration import Registrar
from catalog.release_tables import RecordingContributor, Release, ReleaseDeal, ReleaseRecording
from catalog.tables import Recording, RecordingWork, WorkIdentifier
from catalog.text import fold
from catalog.vocabulary import IdentifierScheme

CHUNK = 400
COMPLETED = ("title", "artist", "released_on", "length_seconds", "p_line")


@dataclass
class AddedReleases:
    """What became of a chunk of a message."""

    recording_ids: set[str] = field(default_factory=set)
    work_ids: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass
class _References:
    """What the references of a message stand for."""

    recordings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    releases: dict[str, str] = field(default_factory=dict)
    without_work: int = 0


def add_message(registrar: Registrar, path: Path) -> Iterator[AddedReleases]:
    """The recordings, releases and deals of a message are in the catalogue, chunk after chunk."""
    references = _References()
    with path.open("rb") as stream:
        steps = read_ern(stream, path.name)
        while chunk := list(islice(steps, CHUNK)):
            yield _add(registrar, references, chunk)
    if references.without_work:
        message = f"{references.without_work} recordings name no ISWC and belong to no work so far"
        finding = Finding("RECORDING_WITHOUT_WORK", path.name, message, Severity.INFO)
        yield AddedReleases(findings=[finding])


def _add(registrar: Registrar, references: _References, chunk: Sequence[Step]) -> AddedReleases:
    result = AddedReleases()
    result.faults += [step for step in chunk if isinstance(step, Fault)]
    result.findings += [step for step in chunk if isinstance(step, Finding)]
    recordings = [step for step in chunk if isinstance(step, SoundRecording)]
    _add_recordings(registrar, references, recordings, result)
    _add_to_works(registrar, references, recordings, result)
    _add_releases(registrar, references, [step for step in chunk if isinstance(step, ReleaseRecord)])
    _add_deals(registrar, references, [step for step in chunk if isinstance(step, DealRecord)], result)
    return result


def _add_recordings(
    registrar: Registrar, references: _References, records: Sequence[SoundRecording], result: AddedReleases
) -> None:
    session = registrar.session
    ids = {record.id for record in records}
    held = {row.id: row for row in session.scalars(select(Recording).where(Recording.id.in_(ids)))}
    new: dict[str, dict[str, object]] = {}
    contributors = []
    for record in records:
        result.recording_ids.add(record.id)
        references.recordings[record.reference].append(record.id)
        said = _said(record)
        if record.id in held:
            _complete(held[record.id], said, record, result)
        else:
            new.setdefault(record.id, {"id": record.id, "isrc": record.recording.isrc, "label": None, **said})
        contributors += [
            {
                "recording_id": record.id,
                "name": item.name,
                "role": item.role,
                "ipi_name_number": item.ipi_name_number,
                "isni": item.isni,
                "batch_id": registrar.batch_id,
            }
            for item in record.contributors
        ]
    session.flush()
    insert_missing(session, Recording, list(new.values()))
    insert_missing(session, RecordingContributor, contributors)


def _said(record: SoundRecording) -> dict[str, object]:
    recording = record.recording
    return {
        "title": recording.title,
        "artist": recording.artist,
        "released_on": recording.released_on,
        "length_seconds": recording.length_seconds,
        "p_line": record.p_line,
    }


def _complete(
    held: Recording, said: dict[str, object], record: SoundRecording, result: AddedReleases
) -> None:
    for name in COMPLETED:
        before, now = getattr(held, name), said[name]
        if before is None:
            setattr(held, name, now)
        elif now is not None and fold(str(now)) != fold(str(before)):
            message = (
                f"{name} '{now}' of {held.isrc or held.id} differs from '{before}' on record, which stays"
            )
            finding = Finding("RECORDING_DIFFERS", str(record.place), message, Severity.WARNING)
            result.findings.append(finding)


def _add_to_works(
    registrar: Registrar, references: _References, records: Sequence[SoundRecording], result: AddedReleases
) -> None:
    wanted = {iswc for record in records for iswc in record.iswcs}
    statement = select(WorkIdentifier.value, WorkIdentifier.work_id).where(
        WorkIdentifier.scheme == IdentifierScheme.ISWC, WorkIdentifier.value.in_(wanted)
    )
    known: dict[str, list[str]] = defaultdict(list)
    for iswc, work_id in registrar.session.execute(statement.order_by(WorkIdentifier.work_id)):
        known[iswc].append(work_id)
    pairs = []
    for record in records:
        references.without_work += not record.iswcs
        for iswc in record.iswcs:
            works = known.get(iswc, [])
            if len(works) == 1:
                result.work_ids.add(works[0])
                pairs.append({"recording_id": record.id, "work_id": works[0]})
            else:
                result.faults.append(_no_work(record, iswc, len(works)))
    insert_missing(registrar.session, RecordingWork, pairs)


def _no_work(record: SoundRecording, iswc: str, count: int) -> Fault:
    code = "AMBIGUOUS_WORK" if count else "UNKNOWN_WORK"
    found = f"recording {record.recording.isrc or record.id} of {iswc}, by which {count} works are known"
    expected = "the ISWC of one work in the catalogue: import the works first, then this again"
    return Fault(code, record.place, found, expected)


def _add_releases(registrar: Registrar, references: _References, records: Sequence[ReleaseRecord]) -> None:
    rows, pairs = {}, []
    for record in records:
        references.releases[record.reference] = record.id
        rows[record.id] = {
            "id": record.id,
            "title": record.title,
            "kind": record.kind,
            "artist": record.artist,
            "label": record.label,
            "icpn": record.icpn,
            "grid": record.grid,
            "catalogue_number": record.catalogue_number,
            "p_line": record.p_line,
            "released_on": record.released_on,
            "batch_id": registrar.batch_id,
        }
        for reference in record.resources:
            pairs += [
                {"release_id": record.id, "recording_id": recording_id}
                for recording_id in references.recordings.get(reference, [])
            ]
    insert_missing(registrar.session, Release, list(rows.values()))
    insert_missing(registrar.session, ReleaseRecording, pairs)


def _add_deals(
    registrar: Registrar, references: _References, records: Sequence[DealRecord], result: AddedReleases
) -> None:
    rows = {}
    for record in records:
        for reference in record.releases:
            release_id = references.releases.get(reference)
            if release_id is None:
                found = f"a deal for release '{reference}'"
                result.faults.append(
                    Fault("UNKNOWN_REFERENCE", record.place, found, "a release of the ReleaseList")
                )
                continue
            deal_id = record.key(release_id)
            rows[deal_id] = {
                "id": deal_id,
                "release_id": release_id,
                "territory": record.territory,
                "starts_on": record.starts_on,
                "ends_on": record.ends_on,
                "commercial_models": list(record.commercial_models),
                "use_types": list(record.use_types),
                "batch_id": registrar.batch_id,
            }
    insert_missing(registrar.session, ReleaseDeal, list(rows.values()))
