"""How do works leave as CSV or Parquet, so that the importer reads back the same works?"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.imports.cells import joined
from catalog.imports.table import COLUMNS, SHARE_COLUMNS
from catalog.records import UNKNOWN_NAME, PartyRecord, RecordingRecord, ShareRecord, WorkRecord
from catalog.spreadsheets import harmless
from catalog.vocabulary import IdentifierScheme, Right, Role, ShareKind

Row = dict[str, str]
PARQUET_ROWS = 4_096
_COLUMN_OF = {(kind, right): column for column, kind, right in SHARE_COLUMNS}
SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])


@dataclass
class _Line:
    """What one row says of one party: at most one share of each right and kind."""

    party: PartyRecord | None = None
    role: Role | None = None
    terms: tuple[object, ...] = ()
    shares: dict[tuple[ShareKind, Right | None], ShareRecord] = field(default_factory=dict)


def write_csv(works: Iterable[WorkRecord], stream: BinaryIO) -> int:
    """How many works were written: UTF-8, a header, one row for each party of a work and each of its terms.

    Cells that a spreadsheet would run are made harmless; the importer takes that off again.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for work in works:
        writer.writerows([harmless(row[column]) for column in COLUMNS] for row in table_rows(work))
        count += 1
    text.detach()
    return count


def write_parquet(works: Iterable[WorkRecord], where: Path | BinaryIO) -> int:
    """How many works were written: the same columns as the CSV file, all of them text, as they are."""
    count = 0
    held: list[Row] = []
    with pq.ParquetWriter(where, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for work in works:
            held += table_rows(work)
            count += 1
            if len(held) >= PARQUET_ROWS:
                writer.write_table(pa.Table.from_pylist(held, SCHEMA))
                held = []
        writer.write_table(pa.Table.from_pylist(held, SCHEMA))
    return count


def table_rows(work: WorkRecord) -> list[Row]:
    """The rows of one work; every column is there.

    Raises:
        ValueError: the work has no submitter's number, by which its rows are held together.
    """
    if work.number is None:
        raise ValueError(f"'{work.title}' has no submitter's number, without which a table cannot hold it")
    lines = _lines(work)
    recordings: list[RecordingRecord | None] = list(work.recordings)
    count = max(len(lines), len(recordings), 1)
    lines += [_Line()] * (count - len(lines))
    recordings += [None] * (count - len(recordings))
    head = dict.fromkeys(COLUMNS, "") | _work_cells(work)
    return [
        head | _party_cells(work, line) | _recording_cells(recording)
        for line, recording in zip(lines, recordings, strict=True)
    ]


def _lines(work: WorkRecord) -> list[_Line]:
    """Shares that differ in their right alone stand in one row; a party without any has a row of its own."""
    lines: list[_Line] = []
    for share in work.shares:
        terms = (share.territory, share.starts_on, share.ends_on, share.controlled, share.chain)
        key = (share.kind, share.right)
        line = next(
            (
                line
                for line in lines
                if (line.party, line.role, line.terms) == (share.party, share.role, terms)
                and key not in line.shares
            ),
            None,
        )
        if line is None:
            line = _Line(share.party, share.role, terms)
            lines.append(line)
        line.shares[key] = share
    with_shares = {(line.party, line.role) for line in lines}
    lines += [_Line(party, role) for party, role in work.credits if (party, role) not in with_shares]
    return lines


def _work_cells(work: WorkRecord) -> Row:
    domain, source = work.public_domain, work.source
    societies = [name for name in work.identifiers if name.scheme is IdentifierScheme.SOCIETY]
    cells = {
        "work_number": work.number,
        "title": work.title,
        "submitter": work.submitter,
        "alternative_titles": joined(title.title for title in work.titles),
        "alternative_title_kinds": joined(title.kind for title in work.titles),
        "alternative_title_languages": joined(title.language or "" for title in work.titles),
        "society_numbers": joined(f"{name.authority}:{name.value}" for name in societies),
        "iswc": work.iswc,
        "language": work.language,
        "genre": work.genre,
        "origin": work.origin,
        "public_domain": None if domain is None else domain.territory,
        "public_domain_since": None if domain is None else domain.from_on,
        "public_domain_basis": None if domain is None else domain.basis,
        "source_name": None if source is None else source.name,
        "source_kind": None if source is None else source.kind,
        "source_url": None if source is None else source.url,
    }
    return _texts(cells)


def _party_cells(work: WorkRecord, line: _Line) -> Row:
    if line.party is None:
        return {}
    party = line.party
    links = [link for link in work.representations if link.writer == party]
    cells: dict[str, object] = {
        "party_name": None if party.name == UNKNOWN_NAME else party.name,
        "ipi_name_number": party.ipi_name_number,
        "ipi_base_number": party.ipi_base_number,
        "isni": party.isni,
        "died_year": party.died_year,
        "role": line.role,
        "represented_by": joined(link.publisher.ipi_name_number or link.publisher.name for link in links),
        "agreement_number": joined(link.agreement_number or "" for link in links),
    }
    if line.shares:
        territory, starts_on, ends_on, controlled, chain = line.terms
        cells |= {
            "territory": territory,
            "starts_on": starts_on,
            "ends_on": ends_on,
            "controlled": "yes" if controlled else "no",
            "chain": chain or None,
            **{_COLUMN_OF[key]: _percent(share.share_ppm) for key, share in line.shares.items()},
        }
    return _texts(cells)


def _recording_cells(recording: RecordingRecord | None) -> Row:
    if recording is None:
        return {}
    cells = {
        "isrc": recording.isrc,
        "recording_title": recording.title,
        "recording_artist": recording.artist,
        "recording_label": recording.label,
        "recording_released_on": recording.released_on,
        "recording_length_seconds": recording.length_seconds,
    }
    return _texts(cells)


def _texts(cells: Mapping[str, object]) -> Row:
    return {name: "" if value is None else str(value) for name, value in cells.items()}


def _percent(share_ppm: int) -> str:
    whole, rest = divmod(share_ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
