"""What did the bank receive, from which service, for which month?

A file of receipts is CSV in UTF-8, a batch named by the SHA-256 of its bytes: taking it in again changes
nothing. A receipt counts once, by service and reference. A line that cannot be used goes to quarantine with
its place and reason; the others count. A correction is a receipt of its own, below zero.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from royalties.bank_tables import BankBatch, BankQuarantine, BankReceipt
from royalties.money import EXPONENTS, parse_minor
from royalties.periods import parse_period
from royalties.tables import add_rows

MAX_BYTES = 64 * 2**20
MAX_AMOUNT_MINOR = 10**15
COLUMNS: Mapping[str, str] = {
    "received_on": "the day the bank has it, YYYY-MM-DD",
    "service": "the service that paid, named as in its usage; 1 to 100 printable characters",
    "reference": "the bank's id of the receipt, new within its service; 1 to 100 printable characters",
    "period": "the month of usage that it pays, YYYY-MM",
    "currency": "three letters of ISO 4217",
}
"""The columns of a file of receipts, in any order, beside exactly one of `AMOUNTS`."""

AMOUNTS: Mapping[str, str] = {
    "amount_minor": "what came in minor units, an integer, below zero for money that went back; never 0",
    "amount": "what came as a plain decimal with no more decimals than the currency has; never 0",
}

_INTEGER = re.compile(r"-?[0-9]{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BankReport:
    """What became of a file of receipts; `batch` is empty if it could not be read."""

    batch: str
    receipts: int
    quarantined: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One line that can be used."""

    line: int
    received_on: date
    service: str
    reference: str
    period: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Refused:
    """One line that cannot."""

    line: int
    code: str
    found: str
    expected: str


def import_receipts(session: Session, path: Path, *, imported_at: datetime) -> BankReport:
    """Takes in a file of receipts, within the caller's transaction; without a usable header nothing of it."""
    try:
        size, data = path.stat().st_size, b""
        if size <= MAX_BYTES:
            data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        return BankReport("", 0, 0, (Finding("UNREADABLE_FILE", path.name, message),))
    if size > MAX_BYTES:
        message = f"{size} bytes are more than the {MAX_BYTES} that are read: split the file"
        return BankReport("", 0, 0, (Finding("FILE_TOO_LARGE", path.name, message),))
    batch_id = hashlib.sha256(data).hexdigest()
    known = session.get(BankBatch, batch_id)
    if known is not None:
        return _report(session, known, ())
    findings, lines = read_receipts(data, path.name)
    if any(finding.severity is Severity.ERROR for finding in findings):
        return BankReport("", 0, 0, tuple(findings))
    receipts, refused = _new(session, lines)
    batch = BankBatch(
        id=batch_id,
        file_name=path.name,
        num_receipts=len(receipts),
        num_quarantined=len(refused),
        imported_at=imported_at,
    )
    session.add(batch)
    session.flush()
    add_rows(session, BankReceipt, [{"batch_id": batch_id, **_cells(each)} for each in receipts])
    add_rows(session, BankQuarantine, [{"batch_id": batch_id, **_cells(each)} for each in refused])
    return _report(session, batch, tuple(findings))


def read_receipts(data: bytes, name: str) -> tuple[list[Finding], list[Receipt | Refused]]:
    """The lines of a file, and what is wrong with it as a whole."""
    rows = [(number, text) for number, text in enumerate(data.split(b"\n"), start=1) if text.strip()]
    if not rows:
        return [Finding("EMPTY_FILE", name, "the file is empty; expected a header line")], []
    names = _fields(rows[0][1].removeprefix(b"\xef\xbb\xbf")) or []
    findings = _check_columns(names, f"{name}:{rows[0][0]}")
    if any(finding.severity is Severity.ERROR for finding in findings):
        return findings, []
    if not data.endswith(b"\n"):
        message = "the last line has no end; check that the file is complete"
        findings.append(Finding("NO_FINAL_NEWLINE", name, message, Severity.WARNING))
    return findings, [_line(number, text, names) for number, text in rows[1:]]


def _check_columns(names: Sequence[str], where: str) -> list[Finding]:
    findings = [
        Finding("MISSING_COLUMN", where, f"column {name} is missing: {COLUMNS[name]}")
        for name in COLUMNS
        if name not in names
    ]
    if len(set(AMOUNTS) & set(names)) != 1:
        message = "expected exactly one of the columns amount_minor and amount"
        findings.append(Finding("AMOUNT_COLUMN", where, message))
    for name in sorted({name for name in names if names.count(name) > 1}):
        findings.append(Finding("DUPLICATE_COLUMN", where, f"column {name[:100]!r} is there twice"))
    for name in sorted(set(names) - set(COLUMNS) - set(AMOUNTS)):
        message = f"column {name[:100]!r} is not known here and was ignored"
        findings.append(Finding("UNKNOWN_COLUMN", where, message, Severity.WARNING))
    return findings


def _fields(text: bytes) -> list[str] | None:
    """The fields of one physical line; none where it is no line of CSV."""
    try:
        rows = list(csv.reader(io.StringIO(text.decode("utf-8").rstrip("\r")), strict=True))
    except (csv.Error, UnicodeDecodeError):
        return None
    return rows[0] if len(rows) == 1 else None


def _line(number: int, text: bytes, names: Sequence[str]) -> Receipt | Refused:
    fields = _fields(text)
    if fields is None or len(fields) != len(names):
        found = "a line that is no CSV in UTF-8" if fields is None else f"{len(fields)} fields"
        return Refused(number, "FIELDS", found, f"{len(names)} fields, as in the header")
    cells = dict(zip(names, fields, strict=True))
    read: dict[str, object] = {}
    for name, reader in _READERS.items():
        try:
            read[name] = reader(cells[name])
        except ValueError:
            return Refused(number, name.upper(), f"{name} {cells[name][:200]!r}", f"{name}: {COLUMNS[name]}")
    amount = next(name for name in AMOUNTS if name in cells)
    try:
        amount_minor = _amount(amount, cells[amount], cells["currency"])
    except ValueError:
        return Refused(number, "AMOUNT", f"{amount} {cells[amount][:200]!r}", f"{amount}: {AMOUNTS[amount]}")
    return Receipt(line=number, amount_minor=amount_minor, **read)  # type: ignore[arg-type]


def _text(text: str) -> str:
    if not 1 <= len(text) <= 100 or not text.isprintable() or text != text.strip():
        raise ValueError
    return text


def _day(text: str) -> date:
    found = date.fromisoformat(text)
    if found.isoformat() != text:
        raise ValueError
    return found


def _currency(text: str) -> str:
    if text not in EXPONENTS:
        raise ValueError
    return text


def _amount(column: str, text: str, currency: str) -> int:
    if column == "amount_minor" and not _INTEGER.fullmatch(text):
        raise ValueError
    amount_minor = int(text) if column == "amount_minor" else parse_minor(text, currency)
    if amount_minor == 0 or abs(amount_minor) > MAX_AMOUNT_MINOR:
        raise ValueError
    return amount_minor


_READERS: Mapping[str, Callable[[str], object]] = {
    "received_on": _day,
    "service": _text,
    "reference": _text,
    "period": lambda text: parse_period(text).name,
    "currency": _currency,
}


def _new(session: Session, lines: Sequence[Receipt | Refused]) -> tuple[list[Receipt], list[Refused]]:
    """The receipts that were not counted before, and every refused line."""
    row = BankReceipt
    services = {each.service for each in lines if isinstance(each, Receipt)}
    known = {
        (service, reference): f"in batch {batch[:16]}"
        for service, reference, batch in session.execute(
            select(row.service, row.reference, row.batch_id).where(row.service.in_(sorted(services)))
        )
    }
    receipts, refused = [], []
    for each in lines:
        if isinstance(each, Refused):
            refused.append(each)
        elif (where := known.get((each.service, each.reference))) is not None:
            found = f"reference {each.reference!r}, already counted {where}"
            refused.append(Refused(each.line, "DUPLICATE_RECEIPT", found, COLUMNS["reference"]))
        else:
            known[each.service, each.reference] = f"on line {each.line} of this file"
            receipts.append(each)
    return receipts, refused


def _cells(each: Receipt | Refused) -> dict[str, object]:
    return {name: getattr(each, name) for name in each.__dataclass_fields__}


def _report(session: Session, batch: BankBatch, findings: tuple[Finding, ...]) -> BankReport:
    return BankReport(
        batch.id, batch.num_receipts, batch.num_quarantined, (*findings, *_quarantined(session, batch))
    )


def _quarantined(session: Session, batch: BankBatch) -> Iterator[Finding]:
    row = BankQuarantine
    for bad in session.scalars(select(row).where(row.batch_id == batch.id).order_by(row.line)):
        message = f"found {bad.found}; expected {bad.expected}"
        yield Finding(bad.code, f"{batch.file_name}:{bad.line}", message)
