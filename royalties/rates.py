"""Which exchange rate holds for a currency on a day, who said so, and when did it become known here?

Rates come as files. A file is named by the SHA-256 of its bytes and taken in whole or not at all; a later
file may say a rate anew, and then both stay on record. A rate is exact: digits and a count of decimals.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.findings import Finding
from royalties.money import EXPONENTS
from royalties.periods import Period, month_of
from royalties.tables import add_rows
from royalties.usage_tables import ExchangeRateRow, RateBatch

COLUMNS: Mapping[str, str] = {
    "from": "currency of the usage, three letters of ISO 4217",
    "to": "currency that is paid, another one",
    "rate": "how many units of `to` one unit of `from` is: a plain decimal above 0, at most 9 digits before "
    "and 12 behind the point, 18 in all",
    "date": "day of the rate, YYYY-MM-DD; of an average or a month's end, a day of that month",
    "source": "who publishes it; 1 to 200 printable characters",
    "kind": "period_average, period_end or day",
}
"""The columns of a file of rates, in any order."""

MAX_AGE_DAYS = 7
"""For how long a daily rate holds where no newer one is published, as on weekends and holidays."""

MAX_FILE_BYTES = 64 * 2**20

_RATE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,12}))?", re.ASCII)
_SOURCE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]{1,200}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class RateKind(StrEnum):
    """What a rate is of: a month on average, a month's end, or one day."""

    PERIOD_AVERAGE = "period_average"
    PERIOD_END = "period_end"
    DAY = "day"


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """One unit of `currency_from` is digits / 10^decimals units of `currency_to`."""

    currency_from: str
    currency_to: str
    kind: RateKind
    on: date
    digits: int
    decimals: int
    source: str
    batch: str = ""

    @property
    def text(self) -> str:
        """The rate as a plain decimal."""
        digits = str(self.digits).rjust(self.decimals + 1, "0")
        return f"{digits[: -self.decimals]}.{digits[-self.decimals :]}" if self.decimals else digits

    def __str__(self) -> str:
        what = {RateKind.PERIOD_AVERAGE: "average of ", RateKind.PERIOD_END: "end of ", RateKind.DAY: ""}
        day = str(self.on) if self.kind is RateKind.DAY else month_of(self.on)
        return f"{self.currency_from}/{self.currency_to} {self.text} ({what[self.kind]}{day}, {self.source})"


@dataclass(frozen=True, slots=True)
class RatesReport:
    """What became of a file of rates: `batch` is empty if unreadable, `rates` is 0 if it was refused."""

    batch: str
    rates: int
    findings: tuple[Finding, ...]


def import_rates(session: Session, path: Path, *, imported_at: datetime) -> RatesReport:
    """Takes in a file of rates, within the caller's transaction; the same file again changes nothing.

    A file with a fault is refused as a whole, with every fault of it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        return RatesReport("", 0, (Finding("UNREADABLE_FILE", str(path), message),))
    batch_id = hashlib.sha256(data).hexdigest()
    known = session.get(RateBatch, batch_id)
    if known is not None:
        return RatesReport(batch_id, known.num_rates, ())
    rates, findings = parse_rates(data, path.name)
    if findings:
        return RatesReport(batch_id, 0, tuple(findings))
    number = (session.scalar(select(func.max(RateBatch.number))) or 0) + 1
    batch = RateBatch(
        id=batch_id, number=number, file_name=path.name, num_rates=len(rates), imported_at=imported_at
    )
    session.add(batch)
    session.flush()
    add_rows(session, ExchangeRateRow, [_row(rate, batch_id) for rate in rates])
    return RatesReport(batch_id, len(rates), ())


def parse_rates(data: bytes, file: str) -> tuple[list[Rate], list[Finding]]:
    """The rates in a CSV file, and everything that is wrong with it."""
    if len(data) > MAX_FILE_BYTES:
        return [], [Finding("FILE_TOO_LARGE", file, f"has more than {MAX_FILE_BYTES:,} bytes")]
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return [], [Finding("NO_CSV", file, f"is no CSV in UTF-8: {error}")]
    header = rows[0] if rows else []
    missing = [name for name in COLUMNS if header.count(name) != 1]
    if missing:
        return [], [
            Finding("MISSING_COLUMN", f"{file}:1", f"expected one column {name}: {COLUMNS[name]}")
            for name in missing
        ]
    rates: dict[tuple[str, str, str, str], Rate] = {}
    findings: list[Finding] = []
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cells):
            continue
        where = f"{file}:{number}"
        if len(cells) != len(header):
            message = f"{len(cells)} fields; expected {len(header)}, as in the header"
            findings.append(Finding("FIELDS", where, message))
            continue
        rate = _parse_row(dict(zip(header, cells, strict=True)), where, findings)
        if rate is not None and rates.setdefault(_key(rate), rate) is not rate:
            message = f"{rate.currency_from}/{rate.currency_to} {rate.kind} of {_key(rate)[3]} is there twice"
            findings.append(Finding("DUPLICATE_RATE", where, message))
    if not rates and not findings:
        findings.append(Finding("NO_RATES", file, "there is no rate in the file"))
    return list(rates.values()), findings


def _key(rate: Rate) -> tuple[str, str, str, str]:
    """What there is one rate of in a file: two currencies and a day, or a month."""
    when = str(rate.on) if rate.kind is RateKind.DAY else month_of(rate.on)
    return rate.currency_from, rate.currency_to, str(rate.kind), when


def _parse_row(row: Mapping[str, str], where: str, findings: list[Finding]) -> Rate | None:
    number = _RATE.fullmatch(row["rate"])
    whole, fraction = (number[1], (number[2] or "").rstrip("0")) if number else ("0", "")
    on = _day(row["date"])
    good = {
        "from": row["from"] in EXPONENTS,
        "to": row["to"] in EXPONENTS and row["to"] != row["from"],
        "rate": int(whole + fraction) > 0 and len(whole.lstrip("0") + fraction) <= 18,
        "date": on is not None,
        "source": _SOURCE.fullmatch(row["source"]) is not None,
        "kind": row["kind"] in list(RateKind),
    }
    for name in (name for name, is_good in good.items() if not is_good):
        message = f"{name} is {row[name][:100]!r}; expected {COLUMNS[name]}"
        findings.append(Finding(name.upper(), where, message))
    if on is None or not all(good.values()):
        return None
    return Rate(
        row["from"], row["to"], RateKind(row["kind"]), on, int(whole + fraction), len(fraction), row["source"]
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _row(rate: Rate, batch_id: str) -> dict[str, object]:
    return {
        "batch_id": batch_id,
        "currency_from": rate.currency_from,
        "currency_to": rate.currency_to,
        "kind": str(rate.kind),
        "rate_on": rate.on,
        "digits": rate.digits,
        "decimals": rate.decimals,
        "source": rate.source,
    }


@dataclass(frozen=True, slots=True)
class RateBook:
    """The direct rates into one currency, of one kind, as they were known at some file; nothing else is used.

    `known` is the number of that file. A rate that no file up to it said is taken from the first that did,
    so that usage in a currency that was new later can still be converted, and always alike.
    """

    currency: str
    kind: RateKind
    known: int = 0
    _by_key: Mapping[tuple[str, str], Rate] = field(default_factory=dict)

    @classmethod
    def of(
        cls, currency: str, kind: RateKind, known: int, numbered: Iterable[tuple[int, Rate]]
    ) -> "RateBook":
        """The book of these rates, each with the number of its file."""
        best: dict[tuple[str, str], tuple[tuple[bool, int], Rate]] = {}
        for number, rate in numbered:
            key = _key(rate)
            place = (rate.currency_from, key[3])
            preferred = (number <= known, number if number <= known else -number)
            if key[1:3] == (currency, str(kind)) and (place not in best or preferred > best[place][0]):
                best[place] = (preferred, rate)
        return cls(currency, kind, known, {place: rate for place, (_, rate) in best.items()})

    def find(self, currency: str, used_on: date) -> Rate | None:
        """The rate for usage in a currency on a day, or nothing where none is on record."""
        if self.kind is not RateKind.DAY:
            return self._by_key.get((currency, month_of(used_on)))
        days = (used_on - timedelta(days=age) for age in range(MAX_AGE_DAYS + 1))
        return next((rate for day in days if (rate := self._by_key.get((currency, str(day))))), None)


def newest_rates(session: Session) -> int:
    """The number of the newest file of rates, 0 if there is none."""
    return session.scalar(select(func.max(RateBatch.number))) or 0


def read_rates(
    session: Session, period: Period, currency: str, kind: RateKind, known: int | None = None
) -> RateBook:
    """The rates into a currency that usage of a period may need.

    Args:
        known: as of this file, else of the newest.
    """
    row = ExchangeRateRow
    query = (
        select(RateBatch.number, row)
        .join(RateBatch, RateBatch.id == row.batch_id)
        .where(
            row.currency_to == currency,
            row.kind == str(kind),
            row.rate_on >= period.starts_on - timedelta(days=MAX_AGE_DAYS),
            row.rate_on < period.ends_before_on,
        )
    )
    numbered = [(number, _rate(each)) for number, each in session.execute(query)]
    return RateBook.of(currency, kind, newest_rates(session) if known is None else known, numbered)


def _rate(row: ExchangeRateRow) -> Rate:
    return Rate(
        row.currency_from,
        row.currency_to,
        RateKind(row.kind),
        row.rate_on,
        row.digits,
        row.decimals,
        row.source,
        row.batch_id,
    )


def missing_text(missing: Sequence[tuple[str, date]], book: RateBook) -> list[Finding]:
    """The rates that usage needs and nobody said, as findings, one for each currency and month or day."""
    names = sorted(
        {
            (currency, str(day) if book.kind is RateKind.DAY else month_of(day))
            for currency, day in missing
        }
    )  # fmt: skip
    return [
        Finding("MISSING_RATE", when, f"no rate {currency}/{book.currency} of kind {book.kind} for {when}")
        for currency, when in names
    ]
