"""How does a file from outside become works, parties, shares and files of the catalogue?

Importing the same file again changes nothing, except that what was put into quarantine is tried again.
"""

import gc
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from catalog.acknowledgements import add_acknowledgements
from catalog.cwr.reader import read_cwr
from catalog.database import derive_id, insert_missing
from catalog.errors import UnreadableFileError
from catalog.files import FileStore
from catalog.findings import Finding
from catalog.imports.cells import read_csv, read_parquet
from catalog.imports.distinct import Distinct
from catalog.imports.files import add_files
from catalog.imports.folder import FileRow, folder_digest, read_folder
from catalog.imports.options import ImportOptions, ImportReport
from catalog.imports.releases import add_message
from catalog.imports.table import COLUMNS, REQUIRED, read_table
from catalog.lines import storable
from catalog.records import Fault, Read
from catalog.registration import Registered, Registrar, register
from catalog.tables import UNKNOWN_ACTOR, ImportBatch, Quarantine
from catalog.vocabulary import ImportFormat

CHUNK = 2_000  # works that are registered together
CHUNK_FILES = 400
CHUNK_BYTES = 64 << 20
MAX_FINDINGS = 1_000  # of one code; more are counted, so that a report of a million lines stays readable
DEFAULT_OPTIONS = ImportOptions()


@dataclass
class _Tally:
    """What was seen so far, each thing once, however often it comes."""

    works: Distinct = field(default_factory=Distinct)
    recordings: Distinct = field(default_factory=Distinct)
    parties: Distinct = field(default_factory=Distinct)
    encodings: Distinct = field(default_factory=Distinct)
    quarantined: int = 0
    findings: list[Finding] = field(default_factory=list)
    by_code: Counter[str] = field(default_factory=Counter)

    def tell(self, finding: Finding) -> None:
        self.by_code[finding.code] += 1
        if self.by_code[finding.code] <= MAX_FINDINGS:
            self.findings.append(finding)

    def add(self, registered: Registered) -> None:
        self.works.add(work_id for work_id in registered.work_ids if work_id is not None)
        self.recordings.add(registered.recording_ids)
        self.parties.add(registered.party_ids)

    def counts(self) -> dict[str, int]:
        return {
            "works": self.works.count(),
            "recordings": self.recordings.count(),
            "parties": self.parties.count(),
            "encodings": self.encodings.count(),
            "quarantined": self.quarantined,
        }


def import_file(
    session: Session,
    store: FileStore,
    format: str,
    path: Path,
    *,
    imported_at: datetime,
    recorded_by: str = UNKNOWN_ACTOR,
    options: ImportOptions = DEFAULT_OPTIONS,
) -> ImportReport:
    """What can be used of a file is in the catalogue; what cannot is in quarantine, and told.

    Args:
        session: the caller commits it, or rolls it back.
        store: where music files go.
        format: `cwr`, `csv`, `parquet`, `folder` or `ern`.
        path: a file, or for `folder` a directory with `rights.csv`.
        imported_at: an aware instant; shares are judged by its day.
        recorded_by: who imports.
        options: what the file does not say.

    Raises:
        UnreadableFileError: the format is unknown, or there is no such file or directory.
    """
    kind = _format(format)
    digest, size = _digest(kind, path)
    batch_id = derive_id("batch", kind, digest, options.origin, str(options.invented))
    held = session.get(ImportBatch, batch_id)
    if held is not None and not held.counts["quarantined"]:
        return _report(held, repeated=True)
    batch = held or ImportBatch(
        id=batch_id,
        format=kind,
        file_name=storable(path.name),
        digest=digest,
        bytes=size,
        imported_at=imported_at,
        recorded_by=recorded_by,
        counts={},
        findings=[],
    )
    session.add(batch)
    session.execute(delete(Quarantine).where(Quarantine.batch_id == batch_id))
    session.flush()
    tally = _Tally()
    registrar = Registrar(
        session, batch_id, imported_at.date(), options.invented, completes_only=kind is ImportFormat.FOLDER
    )
    if kind is ImportFormat.FOLDER:
        _import_files(registrar, store, path, options, imported_at, tally)
    elif kind is ImportFormat.ERN:
        _import_message(registrar, path, tally)
    else:
        with _collected_by_chunk():
            _import_works(registrar, _read(kind, path, options), options, tally)
    batch.counts = tally.counts()
    batch.findings = [finding.to_json() for finding in _sorted(tally)]
    session.flush()
    return _report(batch, repeated=False)


def _format(name: str) -> ImportFormat:
    try:
        return ImportFormat(name)
    except ValueError:
        known = ", ".join(ImportFormat)
        raise UnreadableFileError(f"'{name}' is no import format; there are {known}.") from None


def _digest(kind: ImportFormat, path: Path) -> tuple[str, int]:
    """The SHA-256 of what will be read, and how many bytes that is."""
    if kind is ImportFormat.FOLDER:
        if not path.is_dir():
            raise UnreadableFileError(f"There is no folder {path}.")
        return folder_digest(path)
    if not path.is_file():
        raise UnreadableFileError(f"There is no file {path}.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size


def _read(kind: ImportFormat, path: Path, options: ImportOptions) -> Iterator[Read]:
    if kind is ImportFormat.PARQUET:
        yield from read_table(read_parquet(path, COLUMNS, REQUIRED), options.origin)
        return
    with path.open("rb") as stream:
        if kind is ImportFormat.CWR:
            yield from read_cwr(stream, path.name, options.origin)
        else:
            yield from read_table(read_csv(stream, path.name, COLUMNS, REQUIRED), options.origin)


@contextmanager
def _collected_by_chunk() -> Iterator[None]:
    """Python looks for cycles after each chunk only: records are plain trees, and many."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _import_works(registrar: Registrar, steps: Iterator[Read], options: ImportOptions, tally: _Tally) -> None:
    while chunk := list(islice(steps, CHUNK)):
        faults = [step.fault for step in chunk if step.fault is not None]
        for step in chunk:
            if step.finding is not None:
                tally.tell(step.finding)
        works = [step.work for step in chunk if step.work is not None]
        if options.source is not None:
            works = [replace(work, source=work.source or options.source) for work in works]
        registered = register(registrar, works)
        tally.add(registered)
        _keep(registrar, [*faults, *registered.faults], registered.findings, tally)
        answers = [step.acknowledgement for step in chunk if step.acknowledgement is not None]
        if answers:
            answered = add_acknowledgements(registrar.session, registrar.batch_id, answers)
            tally.works.add(answered.work_ids)
            _keep(registrar, answered.faults, answered.findings, tally)
        gc.collect(1)  # a statement's own cycles hold the rows that it was given


def _import_message(registrar: Registrar, path: Path, tally: _Tally) -> None:
    for added in add_message(registrar, path):
        tally.recordings.add(added.recording_ids)
        tally.works.add(added.work_ids)
        _keep(registrar, added.faults, added.findings, tally)


def _import_files(
    registrar: Registrar,
    store: FileStore,
    path: Path,
    options: ImportOptions,
    imported_at: datetime,
    tally: _Tally,
) -> None:
    for chunk in _bounded(read_folder(path, options, registrar.on)):
        rows = [step for step in chunk if isinstance(step, FileRow)]
        added = add_files(registrar, store, rows, imported_at)
        tally.add(added.registered)
        tally.encodings.add(added.encoding_ids)
        findings = [step for step in chunk if isinstance(step, Finding)]
        faults = [step for step in chunk if isinstance(step, Fault)]
        _keep(registrar, [*faults, *added.faults], [*findings, *added.findings], tally)


def _bounded(steps: Iterator[FileRow | Fault | Finding]) -> Iterator[list[FileRow | Fault | Finding]]:
    """The steps in chunks that hold neither too many rows nor too many bytes."""
    chunk: list[FileRow | Fault | Finding] = []
    held = 0
    for step in steps:
        chunk.append(step)
        held += len(step.data) if isinstance(step, FileRow) else 0
        if len(chunk) >= CHUNK_FILES or held >= CHUNK_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _keep(registrar: Registrar, faults: Iterable[Fault], findings: Iterable[Finding], tally: _Tally) -> None:
    """Faults go into quarantine and are told; findings are told."""
    rows = []
    for fault in faults:
        place = fault.place
        parts = (registrar.batch_id, fault.code, str(place), str(place.byte_start), fault.found)
        rows.append(
            {
                "id": derive_id("quarantine", *parts),
                "batch_id": registrar.batch_id,
                "code": fault.code,
                "file_name": place.file_name,
                "line": place.line,
                "byte_start": place.byte_start,
                "byte_end": place.byte_end,
                "found": storable(fault.found),
                "expected": fault.expected,
            }
        )
        tally.tell(fault.finding())
    insert_missing(registrar.session, Quarantine, rows)
    tally.quarantined += len(rows)
    for finding in findings:
        tally.tell(finding)


def _sorted(tally: _Tally) -> list[Finding]:
    more = [
        Finding("MORE_OF_THE_SAME", code, f"{count - MAX_FINDINGS} further findings of {code}")
        for code, count in sorted(tally.by_code.items())
        if count > MAX_FINDINGS
    ]
    return tally.findings + more


def _report(batch: ImportBatch, *, repeated: bool) -> ImportReport:
    return ImportReport(
        batch=batch.id,
        findings=tuple(Finding.from_json(finding) for finding in batch.findings),
        repeated=repeated,
        **batch.counts,
    )
