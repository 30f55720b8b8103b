"""What does a folder of music files with a table of rights (`rights.csv`) say?

One row for each file. A file belongs to a work that the catalogue knows (by `submitter_work_number` or ISWC),
or the row describes a new work.
"""

import hashlib
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

from catalog.errors import UnreadableFileError
from catalog.findings import Finding, Severity
from catalog.imports.cells import CellError, Cells, read_csv
from catalog.imports.options import ImportOptions
from catalog.imports.table import genre_of, iswc_of, origin_of, public_domain_of, source_of
from catalog.licences import is_contract, is_known, terms_of
from catalog.lines import storable
from catalog.records import Fault, PartyRecord, PublicDomainRecord, WorkRecord
from catalog.vocabulary import EncodingFormat, PartyKind, ReservationProtocol, Role

RIGHTS_FILE = "rights.csv"
COLUMNS = (
    "file",
    "title",
    "submitter_work_number",
    "work_number",
    "iswc",
    "composer",
    "composer_died",
    "arranger",
    "arranger_died",
    "origin",
    "genre",
    "language",
    "public_domain",
    "public_domain_since",
    "public_domain_basis",
    "licence",
    "licence_basis",
    "editor",
    "source_name",
    "source_kind",
    "source_url",
    "source_description",
    "acquired_from_on",
    "acquired_to_on",
    "reservation",
    "reservation_where",
)
REQUIRED = ("file", "licence")
FORMATS = {
    ".mid": EncodingFormat.MIDI,
    ".midi": EncodingFormat.MIDI,
    ".mxl": EncodingFormat.MUSICXML,
    ".musicxml": EncodingFormat.MUSICXML,
    ".xml": EncodingFormat.MUSICXML,
    ".krn": EncodingFormat.HUMDRUM,
    ".abc": EncodingFormat.ABC,
}
MAX_FILE_BYTES = 32 << 20
MAX_UNPACKED_BYTES = 128 << 20
MAX_ZIP_MEMBERS = 1_000


@dataclass(frozen=True)
class FileRow:
    """One file with what the table says of it; `number` is that of a work the catalogue should know."""

    work: WorkRecord
    number: str | None
    data: bytes
    format: EncodingFormat
    file_name: str
    licence: str
    licence_basis: str | None
    editor: str | None
    reservation: tuple[ReservationProtocol, str] | None
    reservation_where: str


def folder_digest(folder: Path) -> tuple[str, int]:
    """One digest over the table of rights and every file that it names, and how many bytes they have.

    Raises:
        UnreadableFileError: there is no table of rights.
    """
    table = folder / RIGHTS_FILE
    if not table.is_file():
        raise UnreadableFileError(
            f"{folder} has no {RIGHTS_FILE}. Write one: a row for each file, columns as in docs/formats.md."
        )
    digest, total = hashlib.sha256(), 0
    with table.open("rb") as stream:
        rows = [step for step in read_csv(stream, RIGHTS_FILE, COLUMNS, REQUIRED) if isinstance(step, Cells)]
    names = sorted({row.text("file") or "" for row in rows})
    for path in [table, *(_inside(folder, name) for name in names)]:
        if path is not None and path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            data = path.read_bytes()
            total += len(data)
            digest.update(
                f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(data).hexdigest()}\n".encode()
            )
    return digest.hexdigest(), total


def read_folder(folder: Path, options: ImportOptions, on: date) -> Iterator[FileRow | Fault | Finding]:
    """The files of a folder that the table of rights names, and everything that is wrong with them.

    Args:
        folder: holds `rights.csv` and the files.
        options: what holds for all of them.
        on: the day by which is judged what is in the public domain.
    """
    seen: set[str] = set()
    with (folder / RIGHTS_FILE).open("rb") as stream:
        for step in read_csv(stream, RIGHTS_FILE, COLUMNS, REQUIRED):
            if not isinstance(step, Cells):
                yield step
                continue
            try:
                row = _file_row(folder, step, options, on, seen)
            except CellError as error:
                yield Fault(error.code, step.place, error.found, error.expected)
            else:
                yield row
                yield from _licence_findings(row)
    yield from _unlisted(folder, seen)


def _file_row(folder: Path, cells: Cells, options: ImportOptions, on: date, seen: set[str]) -> FileRow:
    name = cells.text("file") or ""
    path = _inside(folder, name)
    seen.add(PurePosixPath(name).as_posix())
    if path is None:
        raise CellError("PATH_OUTSIDE", "file", name, "a relative path to a file inside the folder")
    file_format = FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise CellError("UNKNOWN_FORMAT", "file", name, f"one of {' '.join(FORMATS)}")
    data = _bytes_of(path, name)
    fault = options.inspect(path.name, data)
    if fault is not None:
        raise CellError(
            "CORRUPT_ENCODING", "file", f"{name}: {fault}", f"a {file_format} file that can be read"
        )
    return FileRow(
        work=_work(cells, options, on),
        number=cells.text("submitter_work_number"),
        data=data,
        format=file_format,
        file_name=name,
        licence=cells.text("licence") or "NOASSERTION",
        licence_basis=cells.text("licence_basis"),
        editor=cells.text("editor"),
        reservation=_reservation(cells),
        reservation_where=cells.text("reservation_where") or cells.text("source_url") or name,
    )


def _inside(folder: Path, name: str) -> Path | None:
    """The path of a file in the folder; None where it would lead out of it."""
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts or "\\" in name:
        return None
    path = folder / pure
    try:
        path.is_file()  # asks the system, which refuses names that no file can have
        return path if path.resolve().is_relative_to(folder.resolve()) else None
    except (OSError, RuntimeError):  # a name that is too long, links in a circle
        return None


def _bytes_of(path: Path, name: str) -> bytes:
    if not path.is_file():
        raise CellError("FILE_MISSING", "file", name, "a file in the folder")
    size = path.stat().st_size
    if not 0 < size <= MAX_FILE_BYTES:
        raise CellError("FILE_SIZE", "file", f"{name} ({size} bytes)", f"from 1 to {MAX_FILE_BYTES} bytes")
    data = path.read_bytes()
    if path.suffix.lower() == ".mxl":
        _refuse_bomb(path, name)
    return data


def _refuse_bomb(path: Path, name: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:  # offsets below zero
        raise CellError(
            "CORRUPT_ENCODING", "file", f"{name}: {error}", "a compressed MusicXML file"
        ) from None
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_ZIP_MEMBERS or unpacked > MAX_UNPACKED_BYTES:
        found = f"{name}: {len(members)} members, {unpacked} bytes unpacked"
        raise CellError("ARCHIVE_TOO_LARGE", "file", found, f"at most {MAX_UNPACKED_BYTES} bytes unpacked")


def _work(cells: Cells, options: ImportOptions, on: date) -> WorkRecord:
    source = source_of(cells) or options.source
    composers = _people(cells.text("composer"))
    arrangers = _people(cells.text("arranger"))
    died = _years(cells, "composer_died", len(composers))
    arranger_died = _years(cells, "arranger_died", len(arrangers))
    writers = [
        PartyRecord(name, PartyKind.WRITER, died_year=year)
        for name, year in zip(composers, died, strict=True)
    ]
    arranged = [
        PartyRecord(name, PartyKind.WRITER, died_year=year)
        for name, year in zip(arrangers, arranger_died, strict=True)
    ]
    domain = public_domain_of(cells)
    if domain is None and cells.text("public_domain") is None:
        domain = public_domain_by_death([*writers, *arranged], on)
    return WorkRecord(
        title=cells.text("title") or PurePosixPath(cells.text("file") or "").stem,
        submitter="" if source is None else source.name,
        number=cells.text("work_number"),
        iswc=iswc_of(cells),
        language=cells.text("language"),
        origin=origin_of(cells, options.origin),
        genre=genre_of(cells),
        public_domain=domain,
        source=source,
        credits=(
            *((party, Role.COMPOSER) for party in writers),
            *((party, Role.ARRANGER) for party in arranged),
        ),
        distinct=cells.text("file") or "",
        place=cells.place,
    )


def public_domain_by_death(makers: Sequence[PartyRecord], on: date) -> PublicDomainRecord | None:
    """Where a work is free because all who made it died long ago; None where one year is unknown.

    Rule: protection ends with the 70th year after the last maker's death in the European Union, and with the
    100th in the country with the longest general term (Mexico); both at the end of the calendar year. Where
    the longer term has not ended on the day, the work is entered for the European Union alone.

    Source: Directive 2006/116/EC, articles 1 and 8; Ley Federal del Derecho de Autor, article 29.
    """
    years = [maker.died_year for maker in makers]
    known = [year for year in years if year is not None]
    if not known or len(known) != len(years):
        return None
    last = max(makers, key=lambda maker: maker.died_year or 0)
    basis = f"{last.name} died {last.died_year}, the last of those who made it"
    if max(known) + 101 <= on.year:
        return PublicDomainRecord("WORLD", f"{basis}; life + 100 years", date(max(known) + 101, 1, 1))
    return PublicDomainRecord("EU", f"{basis}; life + 70 years", date(max(known) + 71, 1, 1))


def _people(text: str | None) -> list[str]:
    return [name.strip() for name in re.split(r"[;|]", text or "") if name.strip()]


def _years(cells: Cells, column: str, count: int) -> list[int | None]:
    text = cells.text(column)
    if text is None:
        return [None] * count
    years = [replace(cells, values={column: part}).year(column) for part in re.split(r"[;|]", text)]
    if len(years) != count:
        raise CellError("INVALID_YEAR", column, text, f"{count} years, one for each name")
    return years


def _reservation(cells: Cells) -> tuple[ReservationProtocol, str] | None:
    text = cells.text("reservation")
    if text is None:
        return None
    protocol, _colon, signal = text.partition(":")
    try:
        return ReservationProtocol(protocol.strip().lower()), signal.strip()
    except ValueError:
        expected = f"'protocol: signal', the protocol one of {', '.join(ReservationProtocol)}"
        raise CellError("INVALID_CODE", "reservation", text, expected) from None


def _licence_findings(row: FileRow) -> Iterator[Finding]:
    if not is_known(row.licence):
        message = f"licence '{row.licence}' of {row.file_name} is not known: it permits nothing here"
        yield Finding("LICENCE_UNKNOWN", str(row.work.place), message, Severity.WARNING)
    elif row.licence_basis is None and not is_contract(row.licence) and terms_of(row.licence).permits:
        message = f"{row.file_name} is said to be under {row.licence}, without a basis: fill in licence_basis"
        yield Finding("LICENCE_WITHOUT_BASIS", str(row.work.place), message, Severity.WARNING)


def _unlisted(folder: Path, seen: set[str]) -> Iterator[Finding]:
    for path in sorted(folder.rglob("*")):
        name = storable(path.relative_to(folder).as_posix())
        if path.is_file() and path.suffix.lower() in FORMATS and name not in seen:
            message = f"{name} is in the folder but not in {RIGHTS_FILE}: it was not imported"
            yield Finding("FILE_WITHOUT_RIGHTS", name, message, Severity.WARNING)
