"""How is a table with named columns read, row by row, from CSV or Parquet, and what do its cells mean?"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.errors import UnknownTerritoryError
from catalog.findings import Finding, Severity
from catalog.lines import Line, lines, shown
from catalog.records import Fault, Place
from catalog.spreadsheets import as_was
from catalog.territories import canonical

YES = frozenset({"yes", "y", "true", "1"})
NO = frozenset({"no", "n", "false", "0", ""})
PARQUET_ROWS = 4_096
MAX_GROUP_BYTES = 1 << 30
MAX_BATCH_BYTES = 256 << 20
_LINE_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")


class CellError(ValueError):
    """A cell cannot be used; the importer turns it into a fault."""

    def __init__(self, code: str, column: str, found: str, expected: str) -> None:
        super().__init__(code)
        self.code = code
        self.found = f"'{found}' in column {column}"
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Cells:
    """One row: what stands in each column, and where the row stands. A missing column is blank."""

    values: Mapping[str, str]
    place: Place

    def text(self, column: str) -> str | None:
        """The text of a cell without blanks around it, None where there is none."""
        return _LINE_BREAKS.sub(" ", self.values.get(column, "").strip()) or None

    def parts(self, column: str) -> list[str]:
        """The texts that `joined` put into one cell, some perhaps empty; none of an empty cell."""
        value = self.text(column)
        if value is None:
            return []
        return [part.strip() for part in _parted(value)]

    def flag(self, column: str) -> bool:
        """Whether a cell says yes.

        Raises:
            CellError: it says neither yes nor no.
        """
        value = self.values.get(column, "").strip().lower()
        if value not in YES | NO:
            raise CellError("INVALID_FLAG", column, value, "yes or no")
        return value in YES

    def share_ppm(self, column: str) -> int | None:
        """A percentage as parts per million.

        Raises:
            CellError: it is no number from 0 to 100 with at most four decimals.
        """
        value = self.text(column)
        if value is None:
            return None
        try:
            parts = Decimal(value.removesuffix("%").strip()) * 10_000
        except InvalidOperation:
            parts = Decimal("NaN")
        if not parts.is_finite() or parts != parts.to_integral_value() or not 0 <= parts <= 1_000_000:
            raise CellError(
                "INVALID_SHARE", column, value, "a percentage from 0 to 100, at most four decimals"
            )
        return int(parts)

    def day(self, column: str) -> date | None:
        """A day as 2026-10-31.

        Raises:
            CellError: it is no such day.
        """
        value = self.text(column)
        try:
            return None if value is None else date.fromisoformat(value[:10])
        except ValueError:
            raise CellError("INVALID_DATE", column, str(value), "a day as 2026-10-31") from None

    def number(self, column: str, most: int) -> int | None:
        """A whole number from 0 to `most`.

        Raises:
            CellError: it is none.
        """
        value = self.text(column)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) <= most):
            raise CellError("INVALID_NUMBER", column, value, f"a whole number from 0 to {most}")
        return int(value)

    def year(self, column: str) -> int | None:
        """A year.

        Raises:
            CellError: it is no year from 1 to 9999.
        """
        value = self.text(column)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:5]) <= 9999):
            raise CellError("INVALID_YEAR", column, value, "a year as 1750")
        return int(value)

    def territory(self, column: str, default: str) -> str:
        """A territory in the catalogue's writing.

        Raises:
            CellError: it is none.
        """
        value = self.text(column) or default
        try:
            return canonical(value)
        except UnknownTerritoryError as error:
            raise CellError("INVALID_TERRITORY", column, value, str(error)) from None


Step = Cells | Fault | Finding


def joined(parts: Iterable[str]) -> str:
    """Several texts in one cell, separated by `|`; a bar within one is written `\\|`."""
    return "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)


def _parted(text: str) -> list[str]:
    parts, quoted = [""], False
    for character in text:
        if quoted:
            parts[-1] += character if character in "|\\" else "\\" + character
        elif character == "|":
            parts.append("")
        elif character != "\\":
            parts[-1] += character
        quoted = character == "\\" and not quoted
    return parts


def read_csv(
    stream: BinaryIO, file_name: str, known: Sequence[str], required: Sequence[str]
) -> Iterator[Step]:
    """The rows of a CSV file: UTF-8, a header, commas, semicolons or tabs; no line break within a cell."""
    header: list[str] | None = None
    delimiter = ","
    for line in lines(stream):
        place = Place(file_name, line.number, line.start, line.end)
        text = _line_text(line)
        if isinstance(text, Fault):
            yield Fault(text.code, place, text.found, text.expected)
        elif not text.strip():
            continue
        elif header is None:
            delimiter = max(",;\t", key=text.count)
            header = [cell.strip().lower() for cell in _split(text, delimiter) or []]
            yield from _header_findings(header, place, known, required)
            if not _usable(header, required):
                return
        else:
            cells = _split(text, delimiter)
            if cells is None or len(cells) != len(header):
                count = "a row with broken quotes" if cells is None else f"{len(cells)} cells"
                yield Fault("RAGGED_ROW", place, f"{count}: {shown(line.data)}", f"{len(header)} cells")
            else:
                yield Cells(dict(zip(header, map(as_was, cells), strict=True)), place)
    if header is None:
        yield Fault("EMPTY_FILE", Place(file_name), "no header", f"the columns {', '.join(required)}")


def read_parquet(path: Path, known: Sequence[str], required: Sequence[str]) -> Iterator[Step]:
    """The rows of a Parquet file with the same columns as the CSV file."""
    place = Place(path.name)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = [name.lower() for name in file.schema_arrow.names]
            yield from _header_findings(names, place, known, required)
            if not _usable(names, required):
                return
            yield from _too_large(file, place)
            number = 0
            for batch in file.iter_batches(PARQUET_ROWS, row_groups=_readable_groups(file)):
                if batch.nbytes > MAX_BATCH_BYTES:
                    found = f"{batch.nbytes} bytes in {batch.num_rows} rows after row {number}"
                    yield Fault("ROWS_TOO_LARGE", place, found, f"at most {MAX_BATCH_BYTES} bytes")
                    return
                for row in batch.to_pylist():
                    number += 1
                    values = {name.lower(): _cell_text(value) for name, value in row.items()}
                    row_place = Place(path.name, number)
                    if any("\0" in value for value in values.values()):
                        yield Fault("NOT_TEXT", row_place, "a zero character", "text")
                    else:
                        yield Cells(values, row_place)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        yield Fault("CORRUPT_FILE", place, str(error).splitlines()[0][:200], "a Parquet file")


def _readable_groups(file: pq.ParquetFile) -> list[int]:
    groups = range(file.metadata.num_row_groups)
    return [n for n in groups if file.metadata.row_group(n).total_byte_size <= MAX_GROUP_BYTES]


def _too_large(file: pq.ParquetFile, place: Place) -> Iterator[Fault]:
    """A fault for every row group that would unpack to more than is held in memory."""
    for number in sorted(set(range(file.metadata.num_row_groups)) - set(_readable_groups(file))):
        size = file.metadata.row_group(number).total_byte_size
        found = f"row group {number} of {size} bytes unpacked"
        yield Fault(
            "ROWS_TOO_LARGE", place, found, f"at most {MAX_GROUP_BYTES} bytes; write smaller row groups"
        )


def _cell_text(value: object) -> str:
    return "" if value is None else str(value)


def _line_text(line: Line) -> str | Fault:
    if line.too_long:
        return Fault("LINE_TOO_LONG", Place(""), shown(line.data), "a line of at most a mebibyte")
    try:
        text = line.data.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        return Fault("NOT_UTF8", Place(""), f"byte {line.data[error.start]:#04x}", "UTF-8")
    if "\0" in text:
        return Fault("NOT_TEXT", Place(""), "a zero byte", "text")
    return text


def _split(text: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _usable(header: Sequence[str], required: Sequence[str]) -> bool:
    return set(required) <= set(header) and len(set(header)) == len(header)


def _header_findings(
    header: Iterable[str], place: Place, known: Sequence[str], required: Sequence[str]
) -> Iterator[Fault | Finding]:
    names = list(header)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield Fault(
            "DUPLICATE_COLUMN", place, f"column {', '.join(twice)} more than once", "each column once"
        )
    missing = [name for name in required if name not in names]
    if missing:
        expected = f"the columns {', '.join(required)} in the first line"
        yield Fault("MISSING_COLUMN", place, f"no column {', '.join(missing)}", expected)
    for name in names:
        if name not in known:
            message = f"column '{name}' is not known and was passed over"
            yield Finding("UNKNOWN_COLUMN", str(place), message, Severity.WARNING)
