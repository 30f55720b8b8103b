"""How are usage files read, line by line, whatever state they are in?

Files are read in chunks, so that one of any length takes the same memory. In CSV one physical line is one
record: a field may be quoted but holds no line break, which is why one torn line can never swallow the lines
after it.
"""

import contextlib
import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from catalog.findings import Finding, Severity
from royalties.errors import RoyaltiesError
from royalties.usage_lines import AMOUNTS, COLUMNS, OPTIONAL, Chunk, check_lines, no_lines

CHUNK_BYTES = 16 * 2**20
MAX_LINE_BYTES = 65_536
BATCH_ROWS = 131_072


class UnusableFileError(RoyaltiesError):
    """The file as a whole cannot be read; becomes findings in the import's report."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


def _check_columns(names: Sequence[str], file: str) -> list[Finding]:
    """What is wrong with the columns of a file; unknown ones are only remarked on."""
    findings = []
    where = f"{file}:1"
    for name in COLUMNS:
        if name not in names and not (name == "generation" and "isrc" in names):
            findings.append(Finding("MISSING_COLUMN", where, f"column {name} is missing: {COLUMNS[name]}"))
    if len(set(AMOUNTS) & set(names)) != 1:
        message = "expected exactly one of the columns revenue_minor and revenue"
        findings.append(Finding("AMOUNT_COLUMN", where, message))
    for name in sorted({name for name in names if names.count(name) > 1}):
        findings.append(Finding("DUPLICATE_COLUMN", where, f"column {name!r} is there twice"))
    for name in sorted(set(names) - set(COLUMNS) - set(AMOUNTS) - set(OPTIONAL)):
        message = f"column {name[:100]!r} is not known here and was ignored"
        findings.append(Finding("UNKNOWN_COLUMN", where, message, Severity.WARNING))
    return findings


def _refuse_columns(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    for finding in findings:
        if finding.severity is Severity.ERROR:
            raise UnusableFileError(finding)
    return tuple(findings)


def read_csv(path: Path) -> Iterator[Chunk]:
    """The lines of a CSV file, plain or gzip, in UTF-8.

    Raises:
        UnusableFileError: there is no header, or it lacks a column, or the compression is damaged.
    """
    with open_unpacked(path) as stream:
        yield from _read_csv_stream(stream, path.name)


@contextlib.contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, plain or gzip.

    Raises:
        UnusableFileError: the compression is damaged.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            yield stream  # type: ignore[misc]  # GzipFile reads bytes
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"the compressed file is damaged or cut off: {error}"
        raise UnusableFileError(Finding("DAMAGED_FILE", path.name, message)) from error


def _read_csv_stream(stream: BinaryIO, file: str) -> Iterator[Chunk]:
    header = stream.readline(MAX_LINE_BYTES)
    if not header.strip():
        raise UnusableFileError(Finding("EMPTY_FILE", file, "the file is empty; expected a header line"))
    names = _fields(header.decode("utf-8-sig", errors="replace").strip("\r\n")) or []
    findings = _refuse_columns(_check_columns(names, file))
    line = 2
    for texts, final_newline in _physical_lines(stream):
        if not final_newline:
            message = "the last line has no end; check that the file is complete"
            findings += (Finding("NO_FINAL_NEWLINE", file, message, Severity.WARNING),)
        chunk = _check_csv_lines(texts, names, line)
        yield Chunk(chunk.accepted, chunk.refused, findings)
        findings = ()
        line += len(texts)
    if line == 2:
        yield Chunk(*no_lines(), findings)


def _physical_lines(stream: BinaryIO) -> Iterator[tuple[list[str], bool]]:
    """Lines in large parts; one that is longer than the limit is cut, and so refused later."""
    carried = b""
    while block := stream.read(CHUNK_BYTES):
        lines = (carried + block).split(b"\n")
        carried = lines.pop()[: MAX_LINE_BYTES + 1]
        if lines:
            yield [_decoded(line) for line in lines], True
    if carried:
        yield [_decoded(carried)], False


def _decoded(line: bytes) -> str:
    return line.removesuffix(b"\r")[: MAX_LINE_BYTES + 1].decode("utf-8", errors="replace")


def _fields(text: str) -> list[str] | None:
    if len(text.encode()) > MAX_LINE_BYTES:
        return None
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _check_csv_lines(texts: Sequence[str], names: Sequence[str], first_line: int) -> Chunk:
    raw = pl.DataFrame({"raw": texts}, schema={"raw": pl.String}).with_row_index("line", offset=first_line)
    raw = raw.with_columns(pl.col("line").cast(pl.Int64)).filter(pl.col("raw") != "")
    hard = pl.col("raw").str.contains('"', literal=True) | (pl.col("raw").str.len_bytes() > MAX_LINE_BYTES)
    fields = pl.List(pl.String)
    easy = raw.filter(~hard).with_columns(fields=pl.col("raw").str.split(","))
    slow = raw.filter(hard)
    slow = slow.with_columns(pl.Series("fields", [_fields(text) for text in slow["raw"]], dtype=fields))
    split = pl.concat([easy, slow])
    whole = (pl.col("fields").list.len() == len(names)).fill_null(False)
    columns = {name: pl.col("fields").list.get(at) for at, name in enumerate(names) if _known(name)}
    chunk = check_lines(split.filter(whole).select("line", **columns))
    torn = split.filter(~whole).select(
        "line",
        code=pl.lit("FIELDS"),
        found=pl.format("{} fields in {}", pl.col("fields").list.len(), pl.col("raw").str.slice(0, 150))
        .fill_null("a line that is too long or whose quotes do not match"),
        expected=pl.lit(f"{len(names)} fields, as in the header"),
    )  # fmt: skip
    return Chunk(chunk.accepted.sort("line"), pl.concat([chunk.refused, torn]).sort("line"))


def _known(name: str) -> bool:
    return name in COLUMNS or name in AMOUNTS or name in OPTIONAL


def read_parquet(path: Path) -> Iterator[Chunk]:
    """The lines of a Parquet file with the same columns; line 1 is the first row.

    Raises:
        UnusableFileError: it is no whole Parquet file, lacks a column, or holds amounts as floats.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            findings = _refuse_columns(
                _check_columns(schema.names, path.name) + _check_types(schema, path.name)
            )
            names = [name for name in schema.names if _known(name)]
            line = 1
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
                batch.validate(full=True)
                chunk = check_lines(_as_frame(batch, line))
                yield Chunk(chunk.accepted, chunk.refused, findings)
                findings = ()
                line += batch.num_rows
            if line == 1:
                yield Chunk(*no_lines(), findings)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        message = f"is no whole Parquet file: {str(error)[:200]}"
        raise UnusableFileError(Finding("DAMAGED_FILE", path.name, message)) from error


def _check_types(schema: pa.Schema, file: str) -> list[Finding]:
    findings = []
    for field in schema:
        day = field.name == "used_on" and pa.types.is_date32(field.type)
        number = field.name in ("units", *AMOUNTS) and pa.types.is_integer(field.type)
        decimal = field.name == "revenue" and pa.types.is_decimal(field.type)
        text = pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)
        text = text or pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type)
        empty = field.name in OPTIONAL and pa.types.is_null(field.type)  # of a frame without one value
        if _known(field.name) and not (day or number or decimal or text or empty):
            message = f"column {field.name} is {field.type}; expected text, an integer or a day"
            findings.append(Finding("COLUMN_TYPE", file, message))
    return findings


def _as_frame(batch: pa.RecordBatch, first_line: int) -> pl.DataFrame:
    """The batch without the notes that its writer left at each field, which may be no text at all."""
    frame = pl.from_arrow(pa.RecordBatch.from_arrays(batch.columns, names=batch.schema.names))
    assert isinstance(frame, pl.DataFrame)
    texts = [name for name, dtype in frame.schema.items() if not (dtype.is_integer() or dtype == pl.Date)]
    texts += [name for name in ("revenue",) if name in frame.columns and name not in texts]
    frame = frame.with_columns(
        _plain(name, frame.schema[name]) if name == "revenue" else pl.col(name).cast(pl.String)
        for name in texts
    )
    return frame.with_row_index("line", offset=first_line).with_columns(pl.col("line").cast(pl.Int64))


def _plain(column: str, dtype: pl.DataType) -> pl.Expr:
    """A decimal column as text without the zeros that its scale adds."""
    text = pl.col(column).cast(pl.String)
    if dtype.is_decimal():
        return text.str.replace(r"(\.[0-9]*?)0+\z", "${1}").str.strip_suffix(".")
    return text
