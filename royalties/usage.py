"""How does usage enter, once and completely?

A usage file is a batch, named by the SHA-256 of its bytes: importing it again changes nothing. Its accepted
lines become one Parquet file, its refused lines rows of the quarantine, and its totals the rows that a run
reads.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from royalties.dsr_reader import read_file
from royalties.dsr_report import Report, order_files
from royalties.errors import UsageStoreError
from royalties.money import in_range
from royalties.tables import UsageBatch, UsageQuarantine, UsageTotalRow, add_rows
from royalties.usage_files import UnusableFileError, read_csv, read_parquet
from royalties.usage_lines import FAULT_SCHEMA, LINE_SCHEMA, Chunk

MAX_LISTED = 1_000
"""How many refused lines a report lists; the quarantine holds all of them."""

_WRITING: Mapping[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["generation", "territory", "service", "use_type", "currency"],
}
_KEYS = ("generation", "territory", "service", "use_type", "used_on", "currency")


class UsageFormat(StrEnum):
    """The formats in which usage is read."""

    CSV = "csv"
    PARQUET = "parquet"
    DSR = "dsr"


_READERS: Mapping[UsageFormat, Callable[[Path], Iterator[Chunk]]] = {
    UsageFormat.CSV: read_csv,
    UsageFormat.PARQUET: read_parquet,
}


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What became of usage files: `lines` were accepted; `batch` is empty if a file could not be opened.

    `batches` are those of all files, `batch` is that of the first.
    """

    batch: str
    lines: int
    quarantined: int
    findings: tuple[Finding, ...]
    batches: tuple[str, ...] = ()


def import_usage(
    session: Session, directory: Path, usage_format: UsageFormat, path: Path, *, imported_at: datetime
) -> UsageReport:
    """Takes in a usage file, within the caller's transaction.

    A line counts once: one whose (service, line_id) was seen before, in this file or an earlier one, is
    refused. A file that is damaged as a whole is refused as a whole, and nothing of it is recorded.

    Args:
        directory: where the accepted lines of all batches lie.
        path: the file; CSV and DSR may be compressed with gzip.

    Raises:
        UsageStoreError: the lines of an earlier batch are missing or were changed.
    """
    return _import(session, directory, usage_format, [path], imported_at)


def import_report(
    session: Session, directory: Path, paths: Sequence[Path], *, imported_at: datetime
) -> UsageReport:
    """Takes in all the files of a sales report, each as a batch, or none of them.

    The order of the files does not matter; a report that lacks one is refused.

    Raises:
        UsageStoreError: the lines of an earlier batch are missing or were changed.
    """
    ordered, faults = order_files(paths)
    if faults:
        return UsageReport("", 0, 0, tuple(faults))
    return _import(session, directory, UsageFormat.DSR, ordered, imported_at)


def _import(
    session: Session, directory: Path, usage_format: UsageFormat, paths: Sequence[Path], imported_at: datetime
) -> UsageReport:
    batch_ids: list[str] = []
    for path in paths:
        try:
            batch_ids.append(_sha256(path))
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            return UsageReport("", 0, 0, (Finding("UNREADABLE_FILE", str(path), message),))
    known = [batch for each in batch_ids if (batch := session.get(UsageBatch, each)) is not None]
    if len(known) == len(paths):
        return _merged([_report(session, batch) for batch in known])
    if known:
        message = "was taken in before, and the other files of this report were not: ask for the report anew"
        return UsageReport(
            batch_ids[0], 0, 0, tuple(Finding("KNOWN_FILE", each.file_name, message) for each in known)
        )
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        staged = [stack.enter_context(_temporary(directory)) for _ in paths]
        try:
            refused, findings = _stage_all(usage_format, paths, staged)
        except UnusableFileError as error:
            return UsageReport(batch_ids[0], 0, 0, error.findings)
        reports = []
        for batch_id, path, lines, faults in zip(batch_ids, paths, staged, refused, strict=True):
            form = (str(usage_format), path.name, imported_at)
            reports.append(_keep(session, directory, batch_id, form, lines, faults))
    return _merged(reports, findings)


def _stage_all(
    usage_format: UsageFormat, paths: Sequence[Path], staged: Sequence[Path]
) -> tuple[list[pl.DataFrame], tuple[Finding, ...]]:
    """Writes the accepted lines of each file; returns the refused ones of each, and what else was seen."""
    report = Report()
    refused: list[pl.DataFrame] = []
    findings: list[Finding] = []
    for path, lines in zip(paths, staged, strict=True):
        is_report = usage_format is UsageFormat.DSR
        chunks = read_file(path, report) if is_report else _READERS[usage_format](path)
        faults, told = _stage(chunks, lines)
        refused.append(faults)
        findings += told
    return refused, (*findings, *report.finish())


def _keep(
    session: Session,
    directory: Path,
    batch_id: str,
    form: tuple[str, str, datetime],
    staged: Path,
    refused: pl.DataFrame,
) -> UsageReport:
    """Makes a batch of a staged file, without the lines that were counted before."""
    refused = pl.concat([refused, _drop_duplicates(session, directory, staged)]).sort("line")
    totals = _totals(staged)
    batch = UsageBatch(
        id=batch_id,
        format=form[0],
        file_name=form[1],
        num_lines=sum(row["num_lines"] for row in totals),
        num_quarantined=refused.height,
        lines_sha256=_sha256(staged),
        imported_at=form[2],
    )
    _publish(staged, lines_path(directory, batch_id))
    session.add(batch)
    session.flush()
    _insert_totals(session, batch_id, totals)
    _insert_refused(session, batch, refused)
    return _report(session, batch)


def _merged(reports: Sequence[UsageReport], findings: Sequence[Finding] = ()) -> UsageReport:
    return UsageReport(
        batch=reports[0].batch,
        lines=sum(each.lines for each in reports),
        quarantined=sum(each.quarantined for each in reports),
        findings=(*findings, *(finding for each in reports for finding in each.findings)),
        batches=tuple(each.batch for each in reports),
    )


def lines_path(directory: Path, batch_id: str) -> Path:
    """Where the accepted lines of a batch lie."""
    return directory.joinpath(f"{batch_id}.parquet")


def _stage(chunks: Iterator[Chunk], staged: Path) -> tuple[pl.DataFrame, tuple[Finding, ...]]:
    """Writes the accepted lines; returns the refused ones."""
    refused = [pl.DataFrame(schema=FAULT_SCHEMA)]
    findings: tuple[Finding, ...] = ()
    with pq.ParquetWriter(staged, LINE_SCHEMA, **_WRITING) as writer:
        for chunk in chunks:
            writer.write_table(chunk.accepted.to_arrow().cast(LINE_SCHEMA))
            refused.append(chunk.refused)
            findings += chunk.findings
    return pl.concat(refused), findings


def _drop_duplicates(session: Session, directory: Path, staged: Path) -> pl.DataFrame:
    """Removes lines that were counted before from the staged file, and returns them as refused."""
    identity = ["service", "line_id"]
    lines = pl.scan_parquet(staged).select("line", *identity)
    firsts = lines.group_by(identity).agg(first=pl.col("line").min(), count=pl.len())
    repeated = (
        lines.join(firsts.filter(pl.col("count") > 1), on=identity)
        .filter(pl.col("line") != pl.col("first"))
        .select("line", "line_id", earlier=pl.format("on line {} of this file", "first"))
    )
    duplicates = [repeated.collect()]
    for batch in session.execute(select(UsageBatch).order_by(UsageBatch.id)).scalars():
        there = pl.scan_parquet(_lines_of(directory, batch)).select(identity)
        again = lines.join(there, on=identity, how="semi")
        place = pl.lit(f"in batch {batch.id[:16]} ({batch.file_name})")
        duplicates.append(again.select("line", "line_id", earlier=place).collect())
    found = pl.concat(duplicates).unique("line", keep="first", maintain_order=True)
    if found.height:
        kept = pl.scan_parquet(staged).join(found.lazy(), on="line", how="anti").collect().sort("line")
        pq.write_table(kept.to_arrow().cast(LINE_SCHEMA), staged, **_WRITING)
    return found.select(
        "line",
        code=pl.lit("DUPLICATE_LINE"),
        found=pl.format("line_id '{}', already counted {}", "line_id", "earlier"),
        expected=pl.lit("line_id: an id that is new for its service"),
    )


def _lines_of(directory: Path, batch: UsageBatch) -> Path:
    path = lines_path(directory, batch.id)
    if not path.is_file():
        raise UsageStoreError(f"the lines of usage batch {batch.id} are missing: expected {path}; restore it")
    return path


def _totals(staged: Path) -> list[dict[str, object]]:
    sums = (
        pl.scan_parquet(staged)
        .group_by(_KEYS)
        .agg(
            num_lines=pl.len(),
            units=pl.col("units").cast(pl.Int128).sum(),
            revenue_minor=pl.col("revenue_minor").cast(pl.Int128).sum(),
        )
        .collect()
        .sort(_KEYS)
    )
    return sums.rename({"generation": "generation_id"}).to_dicts()


def _insert_totals(session: Session, batch_id: str, totals: list[dict[str, object]]) -> None:
    for row in totals:
        row["batch_id"] = batch_id
        in_range(int(str(row["units"])))
        in_range(int(str(row["revenue_minor"])))
    add_rows(session, UsageTotalRow, totals)


def _insert_refused(session: Session, batch: UsageBatch, refused: pl.DataFrame) -> None:
    constants = {"batch_id": batch.id, "file_name": batch.file_name}
    add_rows(session, UsageQuarantine, [row | constants for row in refused.to_dicts()])


def _report(session: Session, batch: UsageBatch) -> UsageReport:
    row = UsageQuarantine
    query = select(row).where(row.batch_id == batch.id).order_by(row.line).limit(MAX_LISTED)
    listed = [
        Finding(bad.code, f"{bad.file_name}:{bad.line}", f"found {bad.found}; expected {bad.expected}")
        for bad in session.execute(query).scalars()
    ]
    more = batch.num_quarantined - len(listed)
    if more:
        message = f"{more:,} more lines are in quarantine"
        listed.append(Finding("MORE_LINES", batch.file_name, message, Severity.INFO))
    return UsageReport(batch.id, batch.num_lines, batch.num_quarantined, tuple(listed), (batch.id,))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _temporary(directory: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=".usage-", suffix=".partial", dir=directory)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _publish(staged: Path, path: Path) -> None:
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    staged.chmod(0o644)
    staged.replace(path)
