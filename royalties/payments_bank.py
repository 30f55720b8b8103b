"""Into which accounts is money to go, and are they accounts at all?

Bank data are a TOML file that stays with whoever pays: a `debtor`, and a table for each of the `payees`.
IBANs and BICs are checked by the schwifty library. An entry with a fault is as good as none.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from catalog.findings import Finding, Severity
from royalties.errors import PaymentRefusedError

_FIELDS = ("party", "name", "iban", "bic")
_NAME_LENGTH = 70
# Source: European Payments Council, EPC217-08, the characters that every bank takes.
_EVERY_BANK = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account it is, and which; without a BIC the bank finds it by the IBAN."""

    name: str
    iban: str
    bic: str = ""


@dataclass(frozen=True, slots=True)
class BankData:
    """The account that pays, and the accounts of payees by their ids."""

    debtor: Account
    payees: Mapping[str, Account]


def load_bank_data(path: Path) -> tuple[BankData, list[Finding]]:
    """The bank data of a file, with what is wrong with entries of payees; those are left out.

    Raises:
        PaymentRefusedError: the file cannot be read, or has no usable debtor.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        finding = Finding("UNREADABLE_FILE", str(path), f"cannot be read as UTF-8: {error}")
        raise PaymentRefusedError(str(path), [finding]) from error
    bank, findings = parse_bank_data(text, where=str(path))
    if bank is None:
        raise PaymentRefusedError(str(path), findings)
    return bank, findings


def parse_bank_data(text: str, *, where: str = "bank data") -> tuple[BankData | None, list[Finding]]:
    """The bank data that a text spells, and every fault; none without a usable debtor."""
    try:
        table = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        return None, [Finding("NO_TOML", where, f"is no TOML: {error}")]
    debtor, findings = _account(table.get("debtor"), f"{where}, debtor")
    payees: dict[str, Account] = {}
    seen: set[str] = set()
    entries = table.get("payees", [])
    if not isinstance(entries, list):
        return None, [*findings, Finding("BAD_FIELD", f"{where}, payees", "expected tables [[payees]]")]
    for number, entry in enumerate(entries, start=1):
        place = f"{where}, payee {number}"
        account, faults = _account(entry, place)
        party = entry.get("party") if isinstance(entry, dict) else None
        if not isinstance(party, str) or not party:
            faults.append(Finding("MISSING_FIELD", place, "party: expected the payee's id"))
        elif party in seen:
            faults.append(Finding("PAYEE_TWICE", place, f"{party} has an entry before; which one is right?"))
            payees.pop(party, None)
        elif account is not None:
            payees[party] = account
        seen.add(str(party))
        findings += faults
    return (None if debtor is None else BankData(debtor, payees)), findings


def _account(entry: object, where: str) -> tuple[Account | None, list[Finding]]:
    if not isinstance(entry, dict):
        return None, [Finding("MISSING_FIELD", where, "expected a table with name, iban and, if known, bic")]
    findings = [*_odd_fields(entry, where), *_name_faults(entry, where)]
    numbers = {}
    for field, kind in (("iban", IBAN), ("bic", BIC)):
        spelled = entry.get(field, "")
        try:
            numbers[field] = str(kind(spelled)) if spelled != "" or field == "iban" else ""
        except (SchwiftyException, TypeError, AttributeError) as error:
            message = f"{spelled!r} is no {field.upper()}: {error}"
            findings.append(Finding(f"BAD_{field.upper()}", where, message))
    if any(finding.severity is Severity.ERROR for finding in findings):
        return None, findings
    return Account(entry["name"], numbers["iban"], numbers["bic"]), findings


def _odd_fields(entry: Mapping[str, Any], where: str) -> Iterator[Finding]:
    for name in sorted(set(entry) - set(_FIELDS)):
        known = ", ".join(_FIELDS)
        message = f"{name} is not known here; known are {known}"
        yield Finding("UNKNOWN_FIELD", where, message, Severity.WARNING)


def _name_faults(entry: Mapping[str, Any], where: str) -> Iterator[Finding]:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _NAME_LENGTH:
        message = f"name {name!r}: expected 1 to {_NAME_LENGTH} printable characters"
        yield Finding("BAD_NAME", where, message)
    elif not _EVERY_BANK.fullmatch(name):
        message = f"name {name!r} has letters that a bank may refuse; A to Z are sure to pass"
        yield Finding("NAME_NOT_LATIN", where, message, Severity.WARNING)
