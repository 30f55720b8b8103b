"""Out of the catalogue: works as files that another system, or another home, takes in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.cwr.writer import MAX_NUMBER, Sender, stream_cwr
from catalog.export import each_work, works_of
from catalog.export_table import write_csv, write_parquet
from catalog.files import fill_atomically
from catalog.findings import Finding, Severity
from catalog.records import WorkRecord
from catalog.tables import Party
from catalog.text import ascii_upper
from console.errors import ConsoleError
from console.home import Home


class ExportFormat(StrEnum):
    """As what works can leave."""

    CWR = "cwr"
    CSV = "csv"
    PARQUET = "parquet"


class ExportRefusedError(ConsoleError):
    """What is asked for cannot be written; the message says what is missing."""


@dataclass
class Exported:
    """How many works left, and which stayed and why."""

    works: int = 0
    findings: list[Finding] = field(default_factory=list)


def export_into(home: Home, form: ExportFormat, path: Path, submitter: str | None, at: datetime) -> Exported:
    """The works, or those that a submitter has numbered, are in the file; the file is whole or not there.

    Raises:
        ExportRefusedError: CWR is asked for without saying whose works they are.
    """
    if form is ExportFormat.CWR and not _is_number(submitter or ""):
        raise ExportRefusedError("A CWR file has one sender: name it with --submitter, an IPI name number.")
    result = Exported()
    with home.session() as session:
        ids = None if submitter is None else works_of(session, submitter)
        works = _numbered(each_work(session, ids, submitter), form, result)

        def write(stream: BinaryIO) -> None:
            if form is ExportFormat.CWR:
                sender = Sender(_name_of(session, submitter or ""), submitter or "")
                stream.writelines(stream_cwr(works, sender, at))
            elif form is ExportFormat.CSV:
                write_csv(works, stream)
            else:
                write_parquet(works, stream)

        fill_atomically(path, write)
    return result


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 11


def _numbered(works: Iterator[WorkRecord], form: ExportFormat, result: Exported) -> Iterator[WorkRecord]:
    """Those that a file of this form can hold; the others are told."""
    for work in works:
        number = work.number
        if number is None:
            why = "it has no submitter's number"
        elif form is ExportFormat.CWR and (len(number) > MAX_NUMBER or ascii_upper(number) != number):
            why = f"CWR holds numbers of at most {MAX_NUMBER} capitals and digits, not '{number}'"
        else:
            result.works += 1
            yield work
            continue
        message = f"'{work.title}' was left out: {why}"
        result.findings.append(Finding("NOT_EXPORTED", str(work.work_id), message, Severity.WARNING))


def _name_of(session: Session, ipi_name_number: str) -> str:
    return (
        session.scalar(select(Party.name).where(Party.ipi_name_number == ipi_name_number)) or ipi_name_number
    )
