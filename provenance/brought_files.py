"""What does a file of shares that were computed elsewhere say, row by row?

Parquet, of which only the documented columns are read, a batch at a time. A file has a largest number of rows
and of bytes, so that no file takes more memory than that.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalog.findings import Finding, Severity
from provenance.errors import ProvenanceError

MAX_ROWS = 1_000_000
MAX_BYTES = 2**28  # of the columns that are read, unpacked
BATCH_ROWS = 65_536
MAX_TEXT = 128  # a longer text is cut: it names nothing here

REQUIRED: Mapping[str, str] = {
    "generation": "id of a generation of this home",
    "work": "id of a work that the generation's model was trained on",
    "share_ppm": "the work's share in parts per million, an integer from 0 to 1,000,000",
}
OPTIONAL: Mapping[str, str] = {
    "low_ppm": "lower end of the share's interval, an integer from 0 to share_ppm",
    "high_ppm": "upper end of the share's interval, an integer from share_ppm to 1,000,000",
    "influence": "the number that the share was made from, a decimal such as -0.25 or 1.5e-7, as text",
}
COLUMNS: Mapping[str, str] = {**REQUIRED, **OPTIONAL}
"""The columns of a file of shares, in any order; what is left of a generation's 1,000,000 is unattributed."""

_KINDS: Mapping[str, str] = {
    "generation": "text", "work": "text", "share_ppm": "an integer", "low_ppm": "an integer",
    "high_ppm": "an integer", "influence": "text, a decimal or an integer",
}  # fmt: skip


class UnusableScoresError(ProvenanceError):
    """The file as a whole cannot be used; its findings go into the import's report."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True, eq=False)
class ScoreFile:
    """The rows of a file, all `COLUMNS` and their number from 1, and what else was seen in it."""

    sha256: str
    rows: pl.DataFrame
    remarks: tuple[Finding, ...] = ()


def read_scores(path: Path) -> ScoreFile:
    """The rows of a file, by type alone: nothing is known yet of what they name.

    Raises:
        UnusableScoresError: it cannot be read, is no whole Parquet file, is too large, lacks a column, or a
            column has another type than is documented; with all that is wrong.
    """
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            remarks = _check_file(pq.ParquetFile(stream), path.name)
            rows = pl.concat([_frame({}, 1, 0), *_batches(stream)])
            return ScoreFile(sha256, rows, remarks)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        message = f"is no whole Parquet file: {str(error)[:200]}"
        raise UnusableScoresError((Finding("DAMAGED_FILE", path.name, message),)) from error
    except OSError as error:
        message = f"cannot be read: {(error.strerror or str(error))[:200]}"
        raise UnusableScoresError((Finding("UNREADABLE_FILE", str(path), message),)) from error


def _check_file(file: pq.ParquetFile, name: str) -> tuple[Finding, ...]:
    """What is remarkable about a file that can be used."""
    findings = _about_columns(file.schema_arrow, name)
    errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
    if errors:
        raise UnusableScoresError(errors)
    _check_size(file.metadata, name)
    return tuple(findings)


def _about_columns(schema: pa.Schema, file: str) -> list[Finding]:
    findings = []
    for name, meaning in REQUIRED.items():
        if name not in schema.names:
            findings.append(Finding("MISSING_COLUMN", file, f"column {name} is missing: {meaning}"))
    for name in sorted({name for name in schema.names if schema.names.count(name) > 1}):
        findings.append(Finding("DUPLICATE_COLUMN", file, f"column {name[:100]!r} is there twice"))
    for field in schema:
        if field.name not in COLUMNS:
            message = f"column {field.name[:100]!r} is not known here and was ignored"
            findings.append(Finding("UNKNOWN_COLUMN", file, message, Severity.WARNING))
        elif not _fits(field.name, field.type):
            message = f"column {field.name} is {str(field.type)[:100]}; expected {_KINDS[field.name]}"
            findings.append(Finding("COLUMN_TYPE", file, message))
    return findings


def _fits(name: str, kind: pa.DataType) -> bool:
    if _KINDS[name] == "an integer":
        return bool(pa.types.is_integer(kind))
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    return bool(text or (name == "influence" and _is_number(kind)))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _check_size(metadata: pq.FileMetaData, file: str) -> None:
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
    size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in COLUMNS)
    if metadata.num_rows > MAX_ROWS or size > MAX_BYTES:
        message = (
            f"has {metadata.num_rows:,} rows in {size:,} bytes; expected at most {MAX_ROWS:,} rows and "
            f"{MAX_BYTES:,} bytes: split it, with all rows of a generation in one file"
        )
        raise UnusableScoresError((Finding("TOO_LARGE", file, message),))


def _batches(stream: BinaryIO) -> Iterator[pl.DataFrame]:
    """The rows batch by batch; each different text is held once, however long it is."""
    schema = pq.ParquetFile(stream).schema_arrow
    names = [name for name in schema.names if name in COLUMNS]
    texts = [name for name in names if not _is_number(schema.field(name).type)]
    file = pq.ParquetFile(stream, read_dictionary=texts)
    row = 1
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
        batch.validate(full=True)
        columns = {name: _plain(name, batch.column(name)) for name in names}
        yield _frame(columns, row, batch.num_rows)
        row += batch.num_rows


def _plain(name: str, column: pa.Array) -> pa.Array:
    """A column as text or as integers; an integer that 64 bits with a sign do not hold is the largest."""
    if _KINDS[name] == "an integer":
        if pa.types.is_uint64(column.type):
            column = pc.min_element_wise(column, pa.scalar(2**63 - 1, pa.uint64()), skip_nulls=False)
        return column.cast(pa.int64())
    if pa.types.is_dictionary(column.type):
        cut = pc.utf8_slice_codeunits(column.dictionary.cast(pa.large_string()), 0, MAX_TEXT)
        return cut.take(column.indices)
    return pc.utf8_slice_codeunits(column.cast(pa.large_string()), 0, MAX_TEXT)


def _frame(columns: Mapping[str, pa.Array], first_row: int, num_rows: int) -> pl.DataFrame:
    """All columns, those that a file has not without a value, and the number of each row."""
    told: dict[str, pa.Array] = {"row": pa.array(range(first_row, first_row + num_rows), pa.int64())}
    for name in COLUMNS:
        kind = pa.int64() if _KINDS[name] == "an integer" else pa.large_string()
        told[name] = columns[name] if name in columns else pa.nulls(num_rows, kind)
    frame = pl.from_arrow(pa.table(told))
    assert isinstance(frame, pl.DataFrame)
    return frame
