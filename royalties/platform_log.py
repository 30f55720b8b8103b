"""What did the platform's own generations of a month bring, by its price list?

A price list is TOML: each generation has a price, or the month's revenue from subscriptions is divided
equally over the generations (`allocate_minor`). The generations become a file of usage, whose line ids are
their ids, and which is then taken in as any other.
"""

import csv
import hashlib
import io
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from catalog.findings import Finding
from catalog.territories import countries
from royalties.errors import NothingToDistributeError, PricesRefusedError
from royalties.money import EXPONENTS, allocate_minor
from royalties.periods import Period
from royalties.usage_lines import COLUMNS

_SERVICE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]{1,100}")
_USE_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}", re.ASCII)
_AMOUNTS = ("price_minor", "subscriptions_minor")


@dataclass(frozen=True, slots=True)
class PriceList:
    """A price for each generation, or a month's revenue to be divided; the other of the two is None."""

    service: str
    use_type: str
    territory: str
    currency: str
    price_minor: int | None
    subscriptions_minor: int | None
    digest: str


def _matching(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "service": (_matching(_SERVICE), "the platform's name, up to 100 printable characters"),
    "use_type": (_matching(_USE_TYPE), "how it was used, such as Generation"),
    "territory": (lambda value: value in countries("WORLD"), "the two-letter code of a country"),
    "currency": (lambda value: value in EXPONENTS, "a currency of ISO 4217, such as EUR"),
}


def load_prices(path: Path) -> PriceList:
    """The price list in a file.

    Raises:
        PricesRefusedError: the file cannot be read, or has faults; all are listed.
    """
    try:
        data = path.read_bytes()
        table = tomllib.loads(data.decode("utf-8"), parse_float=str)
    except OSError as error:
        found = Finding("UNREADABLE_FILE", str(path), f"cannot be read: {error.strerror}")
        raise PricesRefusedError(str(path), [found]) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        found = Finding("NO_TOML", str(path), f"is no TOML in UTF-8: {error}")
        raise PricesRefusedError(str(path), [found]) from error
    findings = _check(table, str(path))
    if findings:
        raise PricesRefusedError(str(path), findings)
    return PriceList(
        **{name: table[name] for name in _FIELDS},
        price_minor=table.get("price_minor"),
        subscriptions_minor=table.get("subscriptions_minor"),
        digest=hashlib.sha256(data).hexdigest(),
    )


def _check(table: Mapping[str, Any], where: str) -> list[Finding]:
    findings = [
        Finding("UNKNOWN_FIELD", f"{where}: {name}", "is not known here")
        for name in sorted(set(table) - set(_FIELDS) - set(_AMOUNTS))
    ]
    for name, (is_good, expected) in _FIELDS.items():
        if name not in table:
            findings.append(Finding("MISSING_FIELD", f"{where}: {name}", f"is missing; expected {expected}"))
        elif not (isinstance(table[name], str) and is_good(table[name])):
            message = f"is {table[name]!r:.100}; expected {expected}"
            findings.append(Finding("WRONG_VALUE", f"{where}: {name}", message))
    if sum(name in table for name in _AMOUNTS) != 1:
        findings.append(Finding("AMOUNT", where, "expected one of price_minor and subscriptions_minor"))
    for name in _AMOUNTS:
        if name in table and not (type(table[name]) is int and 0 <= table[name] <= 10**15):
            message = f"is {table[name]!r:.100}; expected an integer of minor units, at least 0"
            findings.append(Finding("WRONG_VALUE", f"{where}: {name}", message))
    return findings


def usage_of(generations: Mapping[str, date], prices: PriceList, period: Period, today: date) -> bytes:
    """The generations of a period as a usage file in CSV; the same ones give the same bytes.

    Args:
        generations: the day on which each was made.
        today: the day it is; a month that is not over may still get generations.

    Raises:
        NothingToDistributeError: the month is not over, or nothing was generated in it.
    """
    if today < period.ends_before_on:
        raise NothingToDistributeError(
            f"{period.name} is not over: its generations are counted from {period.ends_before_on} on"
        )
    made = {
        name: day
        for name, day in sorted(generations.items())
        if period.starts_on <= day < period.ends_before_on
    }
    if not made:
        raise NothingToDistributeError(f"nothing was generated in {period.name}")
    if prices.subscriptions_minor is not None:
        revenue = allocate_minor(prices.subscriptions_minor, dict.fromkeys(made, 1))
    else:
        revenue = dict.fromkeys(made, prices.price_minor or 0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "revenue_minor"])
    for name, day in made.items():
        cells = {
            "line_id": name,
            "generation": name,
            "territory": prices.territory,
            "service": prices.service,
            "use_type": prices.use_type,
            "used_on": day,
            "units": 1,
            "currency": prices.currency,
        }
        writer.writerow([*(cells[column] for column in COLUMNS), revenue[name]])
    return text.getvalue().encode()
