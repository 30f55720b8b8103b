"""Which fields does each table of a policy have, and what may stand in them?"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.findings import Finding
from catalog.territories import countries
from royalties.money import EXPONENTS, PPM
from royalties.policy_values import (
    Destination,
    DestinationKind,
    Fallback,
    Measure,
    Payer,
    PoolRight,
    Rule,
    TopUp,
)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_MOST_MINOR = 10**15
REQUIRED = object()
NOWHERE = Destination(DestinationKind.SUSPENSE, "?")
"""Stands for a destination that a pool does not name itself; never one that a file can name."""


@dataclass(frozen=True, slots=True)
class Field:
    """How a field is read (None: not at all), what is expected of it, and what it is where it is missing."""

    read: Callable[[Any], object]
    expected: str
    default: object = REQUIRED


class Reader:
    """Takes known fields out of one TOML table and notes what is missing, wrong or unknown."""

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        self.values = table
        self.where = where
        self.findings: list[Finding] = []

    def table(self, fields: Mapping[str, Field], elsewhere: Iterable[str]) -> dict[str, Any]:
        """The value of each field, None where it has a fault; `elsewhere` are names that others read."""
        for unknown in sorted(set(self.values) - set(fields) - set(elsewhere)):
            known = ", ".join(fields)
            self.note("UNKNOWN_FIELD", unknown, f"is not known here; known are {known}")
        return {name: self._take(name, field) for name, field in fields.items()}

    def _take(self, name: str, field: Field) -> object:
        if name not in self.values:
            if field.default is REQUIRED:
                self.note("MISSING_FIELD", name, f"is missing; expected {field.expected}")
                return None
            return field.default
        value = field.read(self.values[name])
        if value is None:
            found = repr(self.values[name])[:100]
            self.note("WRONG_VALUE", name, f"is {found}; expected {field.expected}")
        return value

    def note(self, code: str, name: str, message: str) -> None:
        """Adds a fault of a field."""
        self.findings.append(Finding(code, f"{self.where}: {name}", message))


def _integer(low: int, high: int) -> Callable[[Any], int | None]:
    return lambda value: value if type(value) is int and low <= value <= high else None


def _matching(pattern: str) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _one_of(options: type[StrEnum]) -> Callable[[Any], StrEnum | None]:
    return lambda value: options(value) if isinstance(value, str) and value in list(options) else None


def _currency(value: object) -> str | None:
    return value if isinstance(value, str) and value in EXPONENTS else None


def _country(value: object) -> str | None:
    return value if isinstance(value, str) and value in countries("WORLD") else None


def _destination(value: object) -> Destination | None:
    kind, colon, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind in (DestinationKind.POT, DestinationKind.FUND) and _NAME.fullmatch(name):
        return Destination(DestinationKind(kind), name)
    if kind in (DestinationKind.PROVIDER, DestinationKind.SUSPENSE) and not colon:
        return Destination(DestinationKind(kind))
    return None


def _verdicts(value: object) -> tuple[str, ...] | None:
    if isinstance(value, list) and value and all(isinstance(word, str) and word for word in value):
        return tuple(sorted(set(value)))
    return None


def _blend(value: object) -> tuple[tuple[str, int], ...] | None:
    share = _integer(0, PPM)
    if not isinstance(value, dict) or not value or any(share(ppm) is None for ppm in value.values()):
        return None
    return tuple(sorted(value.items())) if all(value) else None


_PPM_TEXT = "an integer from 0 to 1,000,000 (parts per million)"
_MINOR_TEXT = "an integer of minor units, at least"
_DESTINATION = Field(_destination, '"pot:NAME", "fund:NAME", "provider" or "suspense"')
_SHORT_NAME = Field(_matching(_NAME.pattern), "a short name in small letters, digits, - and _")
_RATE = Field(_integer(0, PPM), _PPM_TEXT)
_RIGHT_TEXT = "performing, mechanical, synchronisation or master"

FIELDS: Mapping[str, Field] = {
    "name": _SHORT_NAME,
    "version": Field(_matching(r"[^\x00-\x1f\x7f]{1,64}"), "a text of up to 64 characters"),
    "description": Field(_matching(r"[^\x00-\x1f\x7f]{0,500}"), "one line of text", ""),
    "currency": Field(_currency, "a currency of ISO 4217, such as EUR"),
    "territory": Field(_country, "the two-letter code of the territory of training"),
    "deductions_ppm": _RATE,
    "threshold_minor": Field(_integer(0, _MOST_MINOR), f"{_MINOR_TEXT} 0"),
    "rates": Field(_matching("period_average|period_end|day"), "period_average, period_end or day", ""),
    "rounding_unit_minor": Field(_integer(1, 10**9), f"{_MINOR_TEXT} 1", 1),
    "unattributed": Field(_DESTINATION.read, _DESTINATION.expected, NOWHERE),
    "public_domain": Field(_DESTINATION.read, _DESTINATION.expected, NOWHERE),
}
"""What every policy says."""

POOL_FIELDS: Mapping[str, Field] = {
    "name": Field(_SHORT_NAME.read, _SHORT_NAME.expected, ""),
    "right": Field(_one_of(PoolRight), _RIGHT_TEXT),
    "pool_rate_ppm": _RATE,
    "unattributed": FIELDS["unattributed"],
    "public_domain": FIELDS["public_domain"],
}
ONE_POOL_FIELDS: Mapping[str, Field] = {
    "right": Field(_one_of(PoolRight), _RIGHT_TEXT, PoolRight.MECHANICAL),
    "pool_rate_ppm": _RATE,
}
"""What a policy without a table of pools says beside."""

POT_FIELDS: Mapping[str, Field] = {
    "name": _SHORT_NAME,
    "rule": Field(_one_of(Rule), "equal, exposure, attribution or fixed"),
    "share_ppm": Field(_integer(1, PPM), "an integer from 1 to 1,000,000 (parts per million)"),
    "fallback": Field(_one_of(Fallback), "equal, exposure or suspense", Fallback.EXPOSURE),
    "reliable_when": Field(_verdicts, "a list of reliability verdicts", ("influence",)),
    "blend": Field(_blend, "a table of reliability verdicts, each with parts per million", ()),
    "usage": Field(_one_of(Measure), "revenue, units or listener", Measure.REVENUE),
    "fee_minor": Field(_integer(1, _MOST_MINOR), f"{_MINOR_TEXT} 1"),
    "paid_by": Field(_one_of(Payer), "pool or provider", Payer.POOL),
}

_OUTPUT_FIELDS = frozenset({"share_ppm", "fallback", "reliable_when", "blend", "usage"})
RULE_FIELDS: Mapping[str, frozenset[str]] = {
    Rule.EQUAL: frozenset({"share_ppm"}),
    Rule.EXPOSURE: frozenset({"share_ppm"}),
    Rule.ATTRIBUTION: _OUTPUT_FIELDS,
    Rule.FIXED: frozenset({"fee_minor", "paid_by"}),
}
"""The fields of a pot that only some rules have."""

MINIMUM_FIELDS: Mapping[str, Field] = {
    "per_period_minor": Field(_integer(1, _MOST_MINOR), f"{_MINOR_TEXT} 1", 0),
    "per_use_micro": Field(
        _integer(1, _MOST_MINOR), "an integer of millionths of a minor unit, at least 1", 0
    ),
    "per_work_minor": Field(_integer(1, _MOST_MINOR), f"{_MINOR_TEXT} 1", 0),
    "per_licensor_minor": Field(_integer(1, _MOST_MINOR), f"{_MINOR_TEXT} 1", 0),
    "top_up": Field(_one_of(TopUp), "provider or pro_rata", TopUp.PROVIDER),
}
