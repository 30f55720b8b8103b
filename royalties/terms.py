"""On what terms is a payee's account kept, as a file that both parties can sign?

Terms are TOML: a `version`, a `currency`, and a table for each of the `payees`. They are parsed without
floats and validated with every fault listed. A payee without terms has an account without advances,
reserves, tax and holds, and the threshold of the policy.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from catalog.findings import Finding
from catalog.territories import countries
from catalog.vocabulary import Right
from royalties.digests import Json
from royalties.errors import TermsRefusedError
from royalties.money import EXPONENTS, PPM


class PayeeData(StrEnum):
    """Whether everything is there that a payment needs of the payee: bank account, tax form."""

    COMPLETE = "complete"
    MISSING = "missing"


class Hold(StrEnum):
    """Why nothing may be paid out, whatever the balance."""

    NONE = ""
    SANCTIONS = "sanctions"


@dataclass(frozen=True, slots=True)
class IncomeRule:
    """Which income pays off no advance: that of a pot, a right, a role, or of them together; "" means any."""

    pot: str = ""
    right: str = ""
    role: str = ""

    def covers(self, pot: str, right: str, role: str = "") -> bool:
        """Whether the income of a pot and a right, in a role, is meant."""
        return self.pot in ("", pot) and self.right in ("", right) and self.role in ("", role)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one payee's account; without `threshold_minor` the policy's threshold counts.

    Payees of one `cross_collateral` group pay off each other's advances. A reserve that is held in a month
    is released `release_after_periods` months later. What waits below the threshold is paid out regardless
    once it was carried `pay_out_after_periods` times (0: never).
    """

    payee: str
    currency: str = ""
    version: str = ""
    contract: str = ""
    cross_collateral: str = ""
    not_recoupable: tuple[IncomeRule, ...] = ()
    reserve_ppm: int = 0
    release_after_periods: int = 0
    residence: str = ""
    withholding_ppm: int = 0
    withholding_basis: str = ""
    certificate: str = ""
    threshold_minor: int | None = None
    pay_out_after_periods: int = 0
    hold: Hold = Hold.NONE
    held_by: str = ""
    held_on: str = ""
    payee_data: PayeeData = PayeeData.COMPLETE

    def is_recoupable(self, pot: str, right: str, role: str = "") -> bool:
        """Whether the income of a pot and a right, in a role, pays off advances."""
        return not any(rule.covers(pot, right, role) for rule in self.not_recoupable)

    def threshold_in(self, currency: str, otherwise_minor: int) -> int:
        """From which balance is paid out; an agreed one counts in its own currency only."""
        agreed = self.threshold_minor is not None and currency == self.currency
        return self.threshold_minor if agreed and self.threshold_minor is not None else otherwise_minor


@dataclass(frozen=True, slots=True)
class TermsFile:
    """The terms that a file spells, and the SHA-256 of its bytes."""

    version: str
    sha256: str
    terms: tuple[Terms, ...]


def load_terms(path: Path) -> TermsFile:
    """The terms of a file.

    Raises:
        TermsRefusedError: it cannot be read, or has faults; all of them are listed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TermsRefusedError(
            str(path), [Finding("UNREADABLE_FILE", str(path), f"cannot be read: {error}")]
        ) from error
    found, findings = parse_terms(data, where=str(path))
    if found is None:
        raise TermsRefusedError(str(path), findings)
    return found


def parse_terms(data: bytes, *, where: str = "terms") -> tuple[TermsFile | None, list[Finding]]:
    """The terms that TOML bytes spell, or every fault that keeps them from being any."""
    try:
        table = tomllib.loads(data.decode("utf-8"), parse_float=str)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return None, [Finding("NO_TOML", where, f"is no TOML in UTF-8: {error}")]
    entries = table.pop("payees", [])
    head, findings = _read(table, _HEAD, where)
    terms = []
    if not isinstance(entries, list) or not entries or not all(isinstance(each, dict) for each in entries):
        findings.append(
            Finding("MISSING_FIELD", f"{where}: payees", "expected at least one [[payees]] table")
        )
        entries = []
    seen: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        place = f"{where}: payees {number}"
        rules, faults = _read_rules(entry.pop("not_recoupable", []), place)
        values, odd = _read(entry, _PAYEE, place)
        faults += odd
        party = values.pop("party", "")
        if party and party in seen:
            faults.append(Finding("PAYEE_TWICE", place, f"{party} has an entry before; which one is right?"))
        seen.add(party)
        if not faults:
            made = Terms(party, **head, **values, not_recoupable=rules)
            faults += _contradictions(made, place)
            terms.append(made)
        findings += faults
    if findings:
        return None, findings
    return TermsFile(head["version"], hashlib.sha256(data).hexdigest(), tuple(terms)), []


def terms_json(terms: Terms) -> Json:
    """Terms as they are recorded."""
    value: dict[str, Any] = asdict(terms)
    return value | {"not_recoupable": [asdict(rule) for rule in terms.not_recoupable]}


def terms_from(value: Mapping[str, Any]) -> Terms:
    """The terms that `terms_json` wrote."""
    rules = tuple(IncomeRule(**rule) for rule in value["not_recoupable"])
    choices = {"hold": Hold(value["hold"]), "payee_data": PayeeData(value["payee_data"])}
    return Terms(**(dict(value) | choices | {"not_recoupable": rules}))


@dataclass(frozen=True, slots=True)
class _Field:
    read: Callable[[object], object]
    expected: str
    default: object = None


def _read(
    table: Mapping[str, object], fields: Mapping[str, _Field], where: str
) -> tuple[dict[str, Any], list[Finding]]:
    """The values of a table, and a finding for every one that is missing, wrong or not known."""
    known = ", ".join(fields)
    findings = [
        Finding("UNKNOWN_FIELD", f"{where}: {name}", f"is not known here; known are {known}")
        for name in sorted(set(table) - set(fields))
    ]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in table:
            values[name] = field.default
            if field.default is _REQUIRED:
                message = f"is missing; expected {field.expected}"
                findings.append(Finding("MISSING_FIELD", f"{where}: {name}", message))
            continue
        values[name] = field.read(table[name])
        if values[name] is None:
            message = f"is {repr(table[name])[:100]}; expected {field.expected}"
            findings.append(Finding("WRONG_VALUE", f"{where}: {name}", message))
    return values, findings


def _read_rules(value: object, where: str) -> tuple[tuple[IncomeRule, ...], list[Finding]]:
    place = f"{where}: not_recoupable"
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        message = 'expected a list of tables such as {pot = "training", right = "mechanical"}'
        return (), [Finding("WRONG_VALUE", place, message)]
    rules, findings = [], []
    for each in value:
        values, odd = _read(each, _RULE, place)
        findings += odd
        if not each:
            findings.append(Finding("WRONG_VALUE", place, "a rule names a pot, a right or a role"))
        if not odd:
            rules.append(IncomeRule(**values))
    return tuple(rules), findings


def _contradictions(terms: Terms, where: str) -> Iterator[Finding]:
    """What is missing beside what is there."""
    together = (
        (terms.reserve_ppm > 0, terms.release_after_periods > 0, "release_after_periods", "reserve_ppm"),
        (terms.withholding_ppm > 0, bool(terms.residence), "residence", "withholding_ppm"),
        (terms.withholding_ppm > 0, bool(terms.withholding_basis), "withholding_basis", "withholding_ppm"),
        (bool(terms.hold), bool(terms.held_by), "held_by", "hold"),
        (bool(terms.hold), bool(terms.held_on), "held_on", "hold"),
    )
    for is_set, has_other, other, name in together:
        if is_set and not has_other:
            yield Finding("MISSING_FIELD", f"{where}: {other}", f"is missing; {name} needs it")


def _text(length: int) -> Callable[[object], str | None]:
    def read(value: object) -> str | None:
        fits = isinstance(value, str) and 0 < len(value) <= length and value.isprintable()
        return value if fits and isinstance(value, str) else None

    return read


def _integer(low: int, high: int) -> Callable[[object], int | None]:
    return lambda value: value if type(value) is int and low <= value <= high else None


def _one_of(options: type[StrEnum]) -> Callable[[object], StrEnum | None]:
    return lambda value: options(value) if isinstance(value, str) and value in list(options) else None


def _matching(pattern: str) -> Callable[[object], str | None]:
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _currency(value: object) -> str | None:
    return value if isinstance(value, str) and value in EXPONENTS else None


def _country(value: object) -> str | None:
    return value if isinstance(value, str) and value in countries("WORLD") else None


def _day(value: object) -> str | None:
    return value.isoformat() if type(value) is date else None


_REQUIRED = object()
_NAME_TEXT = "a text of up to 200 printable characters"
_PPM_TEXT = "an integer from 0 to 1,000,000 (parts per million)"
_HEAD: Mapping[str, _Field] = {
    "version": _Field(_text(64), "a text of up to 64 printable characters", _REQUIRED),
    "currency": _Field(_currency, "a currency of ISO 4217, such as EUR", _REQUIRED),
}
_PAYEE: Mapping[str, _Field] = {
    "party": _Field(_text(200), "the payee's id", _REQUIRED),
    "contract": _Field(_text(200), _NAME_TEXT, ""),
    "cross_collateral": _Field(_text(200), _NAME_TEXT, ""),
    "reserve_ppm": _Field(_integer(0, PPM), _PPM_TEXT, 0),
    "release_after_periods": _Field(_integer(1, 120), "an integer of months from 1 to 120", 0),
    "residence": _Field(_country, "the two-letter code of a country", ""),
    "withholding_ppm": _Field(_integer(0, PPM), _PPM_TEXT, 0),
    "withholding_basis": _Field(_text(500), "the law or treaty and its article", ""),
    "certificate": _Field(_text(200), _NAME_TEXT, ""),
    "threshold_minor": _Field(_integer(0, 10**15), "an integer of minor units, at least 0"),
    "pay_out_after_periods": _Field(_integer(1, 120), "an integer of closings from 1 to 120", 0),
    "hold": _Field(_one_of(Hold), '"sanctions"', Hold.NONE),
    "held_by": _Field(_text(200), "who decided it", ""),
    "held_on": _Field(_day, "the day of the decision, such as 2026-11-03 without quotes", ""),
    "payee_data": _Field(_one_of(PayeeData), '"complete" or "missing"', PayeeData.COMPLETE),
}
_RULE: Mapping[str, _Field] = {
    "pot": _Field(_matching(r"[a-z][a-z0-9_-]{0,63}"), "a pot's name", ""),
    "right": _Field(_one_of(Right), "performing, mechanical or synchronisation", ""),
    "role": _Field(_text(64), "a role as statements name it, such as composer", ""),
}
