"""How do the files of a folder enter the catalogue, each with its work and its terms?"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.database import insert_missing
from catalog.files import FileStore
from catalog.findings import Finding
from catalog.imports.folder import FileRow
from catalog.records import Fault, WorkRecord
from catalog.registration import Registered, Registrar, Row, register
from catalog.reservations import Target, read_signal, reservation_row
from catalog.tables import Encoding, ImportBatch, Reservation, WorkIdentifier
from catalog.vocabulary import IdentifierScheme


@dataclass
class AddedFiles:
    """What became of a chunk of files."""

    registered: Registered
    encoding_ids: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def add_files(registrar: Registrar, store: FileStore, rows: Sequence[FileRow], at: datetime) -> AddedFiles:
    """The files are stored, with their works and terms on record.

    Args:
        registrar: on whose behalf; it should only complete what is on record.
        store: where the bytes go.
        rows: a chunk of some hundred files.
        at: when the reservations among them were seen.
    """
    faults: list[Fault] = []
    placed: list[tuple[FileRow, WorkRecord]] = []
    known = _works_by_number(registrar.session, {row.number for row in rows if row.number})
    for row in rows:
        work = _placed(row, known, faults)
        if work is not None:
            placed.append((row, work))
    registered = register(registrar, [work for _row, work in placed])
    result = AddedFiles(registered, faults=[*faults, *registered.faults], findings=registered.findings)
    _add_encodings(registrar, store, placed, result, at)
    return result


def _works_by_number(session: Session, numbers: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    statement = select(WorkIdentifier.value, WorkIdentifier.work_id).where(
        WorkIdentifier.scheme == IdentifierScheme.SUBMITTER, WorkIdentifier.value.in_(numbers)
    )
    for number, work_id in session.execute(statement.order_by(WorkIdentifier.work_id)):
        found[number].append(work_id)
    return found


def _placed(row: FileRow, known: dict[str, list[str]], faults: list[Fault]) -> WorkRecord | None:
    """The row's work; where it names a submitter's number, the one work that the catalogue knows by it."""
    if row.number is None:
        return row.work
    matches = sorted(set(known.get(row.number, [])))
    if len(matches) == 1:
        return replace(row.work, work_id=matches[0], submitter="", number=None)
    code = "AMBIGUOUS_WORK" if matches else "UNKNOWN_WORK"
    found = f"submitter_work_number '{row.number}', by which {len(matches)} works are known"
    expected = "the number of one work in the catalogue: import its CWR file or table first, then this again"
    faults.append(Fault(code, row.work.place, found, expected))
    return None


def _add_encodings(
    registrar: Registrar,
    store: FileStore,
    placed: Sequence[tuple[FileRow, WorkRecord]],
    result: AddedFiles,
    at: datetime,
) -> None:
    digests = [hashlib.sha256(row.data).hexdigest() for row, _work in placed]
    held = {
        encoding.id: (encoding.work_id, encoding.licence)
        for encoding in registrar.session.scalars(select(Encoding).where(Encoding.id.in_(digests)))
    }
    encodings: list[Row] = []
    reservations: list[Row] = []
    for (row, work), digest, work_id in zip(placed, digests, result.registered.work_ids, strict=True):
        if work_id is None:
            continue
        before = held.setdefault(digest, (work_id, row.licence))
        if before != (work_id, row.licence):
            result.faults.append(_conflict(row, work, work_id, before))
            continue
        store.put(row.data)
        result.encoding_ids.add(digest)
        encodings.append(_encoding_row(registrar, row, work, work_id, digest))
        if row.reservation is not None:
            reservations.append(_reservation_row(registrar, row, digest, at))
    insert_missing(registrar.session, Encoding, encodings)
    insert_missing(registrar.session, Reservation, reservations)


def _conflict(row: FileRow, work: WorkRecord, work_id: str, before: tuple[str, str]) -> Fault:
    found = (
        f"{row.file_name} as {work_id} under {row.licence}; the same bytes are {before[0]} under {before[1]}"
    )
    return Fault("ENCODING_CONFLICT", work.place, found, "one work and one licence for the same bytes")


def _encoding_row(registrar: Registrar, row: FileRow, work: WorkRecord, work_id: str, digest: str) -> Row:
    return {
        "id": digest,
        "work_id": work_id,
        "format": row.format,
        "file_name": row.file_name,
        "bytes": len(row.data),
        "licence": row.licence,
        "licence_basis": row.licence_basis,
        "editor": row.editor,
        "source_id": None if work.source is None else work.source.id,
        "batch_id": registrar.batch_id,
    }


def _reservation_row(registrar: Registrar, row: FileRow, digest: str, at: datetime) -> Row:
    assert row.reservation is not None
    protocol, signal = row.reservation
    batch = registrar.session.get_one(ImportBatch, registrar.batch_id)
    return reservation_row(
        Target(encoding_id=digest),
        protocol,
        signal,
        read_signal(protocol, signal).purposes,
        seen_where=row.reservation_where,
        seen_at=at,
        recorded_at=at,
        recorded_by=batch.recorded_by,
    )
