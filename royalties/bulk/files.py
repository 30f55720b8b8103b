"""Which columns does each input file have, and what is wrong with one that does not?"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from catalog.findings import Finding
from royalties.errors import BulkRefusedError

MAX_LISTED = 100
"""How many faults of one kind are listed."""

NAME_PATTERN = r"\A[^\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}\x{fffd}]{1,200}\z"


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "an integer"
    DAY = "a day (date32)"
    FLAG = "true or false"


_SINGLE_TYPES = {
    Kind.INTEGER: pa.types.is_integer,
    Kind.DAY: pa.types.is_date32,
    Kind.FLAG: pa.types.is_boolean,
}
_TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it says, whether a cell may be empty, and what stands in for a column that is not
    there."""

    kind: Kind
    says: str
    may_be_empty: bool = False
    default: str | bool | None = None


USAGE: Mapping[str, Column] = {
    "generation": Column(Kind.TEXT, "id of the generation that was used"),
    "territory": Column(Kind.TEXT, "country of use, two capital letters"),
    "used_on": Column(Kind.DAY, "day of use"),
    "units": Column(Kind.INTEGER, "how often, negative for a correction"),
    "revenue_minor": Column(Kind.INTEGER, "revenue in minor units, negative for a refund"),
    "currency": Column(Kind.TEXT, "three letters of ISO 4217"),
}
"""The accepted lines of the home's own batches have these columns; others are passed over."""

ATTRIBUTIONS: Mapping[str, Column] = {
    "generation": Column(Kind.TEXT, "id of the generation"),
    "work": Column(Kind.TEXT, "id of a work that it leaned on, once in a generation"),
    "share_ppm": Column(Kind.INTEGER, "the work's part, in parts per million"),
}
GENERATIONS: Mapping[str, Column] = {
    "generation": Column(Kind.TEXT, "id of the generation, once"),
    "reliability": Column(Kind.TEXT, "the verdict on its attribution, in a word"),
    "unattributed_ppm": Column(Kind.INTEGER, "the part that no work is given: with the shares 1,000,000"),
    "digest": Column(Kind.TEXT, "the attribution's digest, which lines show as evidence"),
}
SHARES: Mapping[str, Column] = {
    "work": Column(Kind.TEXT, "id of the work"),
    "right": Column(Kind.TEXT, "performing, mechanical or synchronisation"),
    "territory": Column(Kind.TEXT, "where the share holds: DE, EU, WORLD, or terms such as WORLD -US"),
    "starts_on": Column(Kind.DAY, "the first day; empty: always", may_be_empty=True),
    "ends_on": Column(Kind.DAY, "the first day no longer in the term; empty: open", may_be_empty=True),
    "payee": Column(Kind.TEXT, "id of who is paid"),
    "share_ppm": Column(Kind.INTEGER, "the share, in parts per million"),
}
EXPOSURE: Mapping[str, Column] = {
    "work": Column(Kind.TEXT, "id of the work, once"),
    "events": Column(Kind.INTEGER, "how many events of it the model saw in training; 0 if none"),
    "public_domain": Column(Kind.FLAG, "whether it is in the public domain", default=False),
}


def check_columns(path: Path, columns: Mapping[str, Column]) -> list[Finding]:
    """What is wrong with a Parquet file's columns: missing, of another type, or with empty cells."""
    try:
        schema = pq.read_schema(path)
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        return [Finding("DAMAGED_FILE", path.name, f"is no whole Parquet file: {str(error)[:200]}")]
    findings = []
    for name, column in columns.items():
        if schema.names.count(name) == 0 and column.default is None:
            findings.append(Finding("MISSING_COLUMN", path.name, f"column {name} is missing: {column.says}"))
        elif schema.names.count(name) > 1:
            findings.append(Finding("DUPLICATE_COLUMN", path.name, f"column {name} is there twice"))
        elif name in schema.names and not _holds(schema.field(name).type, column.kind):
            message = f"column {name} is {schema.field(name).type}; expected {column.kind}"
            findings.append(Finding("COLUMN_TYPE", path.name, message))
    if not findings:
        filled = [n for n, c in columns.items() if n in schema.names and not c.may_be_empty]
        unknown = [name for name in filled if not _known_full(metadata, schema.names.index(name))]
        findings = _empty_cells(path, unknown)
    return findings


def _holds(found: pa.DataType, kind: Kind) -> bool:
    if kind is not Kind.TEXT:
        return bool(_SINGLE_TYPES[kind](found))
    inner = found.value_type if pa.types.is_dictionary(found) else found
    return any(is_text(inner) for is_text in _TEXT_TYPES)


def _known_full(metadata: pq.FileMetaData, index: int) -> bool:
    """Whether the file itself says of every part that no cell of the column is empty."""
    parts = (metadata.row_group(number).column(index).statistics for number in range(metadata.num_row_groups))
    return all(part is not None and part.has_null_count and part.null_count == 0 for part in parts)


def _empty_cells(path: Path, names: Sequence[str]) -> list[Finding]:
    if not names:
        return []
    counts = pl.scan_parquet(path).select(pl.col(names).null_count()).collect().row(0)
    return [
        Finding("EMPTY_CELLS", path.name, f"column {name} has {count:,} empty cells; expected none")
        for name, count in zip(names, counts, strict=True)
        if count
    ]


def check_files(paths: Sequence[Path], columns: Mapping[str, Column], what: str) -> None:
    """Refuses files that cannot be read as what they should be.

    Raises:
        BulkRefusedError: some of them have faults; all are listed.
    """
    if not paths:
        raise BulkRefusedError(what, [Finding("NO_FILE", what, "no file is named")])
    findings = [finding for path in paths for finding in check_columns(path, columns)]
    if findings:
        raise BulkRefusedError(what, findings)


def scan(paths: Sequence[Path], columns: Mapping[str, Column]) -> pl.LazyFrame:
    """The columns of checked files, texts as plain texts."""
    frames = []
    for path in paths:
        frame = pl.scan_parquet(path)
        schema = frame.collect_schema()
        frames.append(
            frame.select(
                pl.lit(column.default).alias(name)
                if name not in schema
                else pl.col(name).cast(pl.String)
                if column.kind is Kind.TEXT and schema[name] != pl.String
                else pl.col(name)
                for name, column in columns.items()
            )
        )
    return pl.concat(frames, how="vertical_relaxed") if len(frames) > 1 else frames[0]


def repeated(frame: pl.LazyFrame, keys: Sequence[str], where: str) -> list[Finding]:
    """The keys that are there more than once."""
    twice = frame.group_by(keys).len().filter(pl.col("len") > 1).sort(keys).head(MAX_LISTED).collect()
    return [
        Finding("REPEATED", where, f"{' and '.join(map(str, row[:-1]))} is there {row[-1]} times")
        for row in twice.iter_rows()
    ]


def bad_names(frame: pl.LazyFrame, column: str, where: str) -> list[Finding]:
    """The ids that no id may be: empty, too long or with characters that print nothing."""
    bad = frame.filter(~pl.col(column).str.contains(NAME_PATTERN)).select(pl.col(column).unique())
    return [
        Finding("WRONG_ID", where, f"{column} {name[:200]!r}; expected 1 to 200 printable characters")
        for name in bad.sort(column).head(MAX_LISTED).collect()[column]
    ]


def outside(frame: pl.LazyFrame, column: str, low: int, high: int, where: str) -> list[Finding]:
    """Where the numbers of a column leave their range."""
    lowest, highest = frame.select(low=pl.col(column).min(), high=pl.col(column).max()).collect().row(0)
    if lowest is None or (lowest >= low and highest <= high):
        return []
    message = f"{column} goes from {lowest:,} to {highest:,}; expected {low:,} to {high:,}"
    return [Finding("OUT_OF_RANGE", where, message)]


def sync(folder: Path) -> None:
    """Makes sure that the files of a folder are on disk before the folder gets its final name."""
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            os.fsync(file.fileno())


def day_or(expression: pl.Expr, default: date) -> pl.Expr:
    """A day, or the default where there is none."""
    return expression.fill_null(pl.lit(default))
