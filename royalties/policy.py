"""How is the money of a period divided, as a file that both parties can sign?

A policy is TOML. It is parsed without floats, validated with every fault listed, digested, and explained in
plain words.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from catalog.findings import Finding
from catalog.territories import countries
from catalog.vocabulary import Right
from royalties.errors import PolicyRefusedError
from royalties.money import EXPONENTS, PPM, format_minor

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Rule(StrEnum):
    """What the weights of a pot are."""

    EQUAL = "equal"
    EXPOSURE = "exposure"
    ATTRIBUTION = "attribution"


class Fallback(StrEnum):
    """What a pot by attribution does with a generation whose attribution is not reliable."""

    EQUAL = "equal"
    EXPOSURE = "exposure"
    SUSPENSE = "suspense"


class DestinationKind(StrEnum):
    """Where money goes that belongs to no owner."""

    POT = "pot"
    FUND = "fund"
    PROVIDER = "provider"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class Destination:
    """A pot or fund by name, the provider, or suspense."""

    kind: DestinationKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


@dataclass(frozen=True, slots=True)
class Pot:
    """A part of the pool with one rule; `fallback` and `reliable_when` matter to attribution only."""

    name: str
    share_ppm: int
    rule: Rule
    fallback: Fallback = Fallback.EXPOSURE
    reliable_when: tuple[str, ...] = ("influence",)


@dataclass(frozen=True, slots=True)
class Policy:
    """A valid policy; only `parse_policy` makes one from a file, and `digest` is that of the file's bytes."""

    name: str
    version: str
    description: str
    currency: str
    right: Right
    territory: str
    deductions_ppm: int
    pool_rate_ppm: int
    unattributed: Destination
    public_domain: Destination
    threshold_minor: int
    pots: tuple[Pot, ...]
    digest: str
    source: str
    rates: str = ""


def load_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        PolicyRefusedError: the file cannot be read, or has faults; all are listed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        finding = Finding("UNREADABLE_FILE", str(path), f"cannot be read: {error.strerror}")
        raise PolicyRefusedError(str(path), [finding]) from error
    policy, findings = parse_policy(data, where=str(path))
    if policy is None:
        raise PolicyRefusedError(str(path), findings)
    return policy


def parse_policy(data: bytes, *, where: str = "policy") -> tuple[Policy | None, list[Finding]]:
    """The policy that the bytes spell, or None and every fault of them."""
    try:
        text = data.decode("utf-8")
        table = tomllib.loads(text, parse_float=str)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [Finding("NO_TOML", where, f"is no TOML in UTF-8: {error}")]
    reader = _Reader(table, where)
    fields = reader.table(_FIELDS)
    pots = _read_pots(table.get("pots"), where, reader.findings)
    if reader.findings:
        return None, reader.findings
    policy = Policy(**fields, pots=pots, digest=hashlib.sha256(data).hexdigest(), source=text)
    faults = _check_whole(policy, where)
    return (None, faults) if faults else (policy, [])


class _Reader:
    """Takes known fields out of one TOML table and notes what is missing, wrong or unknown."""

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        self.values = table
        self.where = where
        self.findings: list[Finding] = []

    def table(self, fields: Mapping[str, "_Field"]) -> dict[str, Any]:
        for unknown in sorted(set(self.values) - set(fields) - {"pots"}):
            known = ", ".join(fields)
            self.note("UNKNOWN_FIELD", unknown, f"is not known here; known are {known}")
        return {name: self.take(name, field) for name, field in fields.items()}

    def take(self, name: str, field: "_Field") -> object:
        if name not in self.values:
            if field.default is None:
                self.note("MISSING_FIELD", name, f"is missing; expected {field.expected}")
            return field.default
        value = field.read(self.values[name])
        if value is None:
            found = repr(self.values[name])[:100]
            self.note("WRONG_VALUE", name, f"is {found}; expected {field.expected}")
        return value

    def note(self, code: str, name: str, message: str) -> None:
        self.findings.append(Finding(code, f"{self.where}: {name}", message))


@dataclass(frozen=True, slots=True)
class _Field:
    read: Callable[[object], object]
    expected: str
    default: object = None


def _integer(low: int, high: int) -> Callable[[object], int | None]:
    return lambda value: value if type(value) is int and low <= value <= high else None


def _matching(pattern: str) -> Callable[[object], str | None]:
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _one_of(options: type[StrEnum]) -> Callable[[object], StrEnum | None]:
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


_PPM_TEXT = "an integer from 0 to 1,000,000 (parts per million)"
_DESTINATION_TEXT = '"pot:NAME", "fund:NAME", "provider" or "suspense"'
_FIELDS: Mapping[str, _Field] = {
    "name": _Field(_matching(_NAME.pattern), "a short name in small letters, digits, - and _"),
    "version": _Field(_matching(r"[^\x00-\x1f\x7f]{1,64}"), "a text of up to 64 characters"),
    "description": _Field(_matching(r"[^\x00-\x1f\x7f]{0,500}"), "one line of text", ""),
    "currency": _Field(_currency, "a currency of ISO 4217, such as EUR"),
    "right": _Field(_one_of(Right), "performing, mechanical or synchronisation", Right.MECHANICAL),
    "territory": _Field(_country, "the two-letter code of the territory of training"),
    "deductions_ppm": _Field(_integer(0, PPM), _PPM_TEXT),
    "pool_rate_ppm": _Field(_integer(0, PPM), _PPM_TEXT),
    "unattributed": _Field(_destination, _DESTINATION_TEXT),
    "public_domain": _Field(_destination, _DESTINATION_TEXT),
    "threshold_minor": _Field(_integer(0, 10**15), "an integer of minor units, at least 0"),
    "rates": _Field(_matching("period_average|period_end|day"), "period_average, period_end or day", ""),
}
_POT_FIELDS: Mapping[str, _Field] = {
    "name": _FIELDS["name"],
    "share_ppm": _Field(_integer(1, PPM), "an integer from 1 to 1,000,000 (parts per million)"),
    "rule": _Field(_one_of(Rule), "equal, exposure or attribution"),
    "fallback": _Field(_one_of(Fallback), "equal, exposure or suspense", Fallback.EXPOSURE),
    "reliable_when": _Field(_verdicts, "a list of reliability verdicts", ("influence",)),
}


def _read_pots(value: object, where: str, findings: list[Finding]) -> tuple[Pot, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(pot, dict) for pot in value):
        findings.append(Finding("MISSING_FIELD", f"{where}: pots", "expected at least one [[pots]] table"))
        return ()
    pots = []
    for number, table in enumerate(value, start=1):
        reader = _Reader(table, f"{where}: pots {number}")
        fields = reader.table(_POT_FIELDS)
        if table.get("rule") != Rule.ATTRIBUTION:
            for name in sorted({"fallback", "reliable_when"} & set(table)):
                reader.note("UNKNOWN_FIELD", name, 'belongs to a pot with rule = "attribution" only')
        findings.extend(reader.findings)
        if not reader.findings:
            pots.append(Pot(**fields))
    return tuple(pots)


def _check_whole(policy: Policy, where: str) -> list[Finding]:
    findings = []
    names = [pot.name for pot in policy.pots]
    if len(set(names)) < len(names):
        findings.append(Finding("DUPLICATE_POT", f"{where}: pots", "two pots have the same name"))
    total_ppm = sum(pot.share_ppm for pot in policy.pots)
    if total_ppm != PPM:
        message = f"the pots' share_ppm sum to {total_ppm:,}; expected 1,000,000"
        findings.append(Finding("POTS_DO_NOT_SUM", f"{where}: pots", message))
    receivers = {pot.name for pot in policy.pots if pot.rule is not Rule.ATTRIBUTION}
    for field, destination in (
        ("unattributed", policy.unattributed),
        ("public_domain", policy.public_domain),
    ):
        if destination.kind is DestinationKind.POT and destination.name not in receivers:
            message = f"names {destination}; expected a pot of this policy whose rule is equal or exposure"
            findings.append(Finding("NO_SUCH_POT", f"{where}: {field}", message))
    return findings


def explain_policy(policy: Policy) -> list[str]:
    """The policy as sentences, in the order in which the money flows."""
    lines = [
        *([policy.description] if policy.description else []),
        f"Policy {policy.name}, version {policy.version}, in {policy.currency}.",
        f"From the gross revenue, {_percent(policy.deductions_ppm)} are deducted; what is left is the net.",
        f"Of the net, {_percent(policy.pool_rate_ppm)} are the pool; the rest stays with the provider.",
    ]
    lines += [_explain_pot(pot) for pot in policy.pots]
    return [
        *lines,
        f"The part of an output that no work can be given goes to {_explain_place(policy.unattributed)}.",
        f"The part of works in the public domain goes to {_explain_place(policy.public_domain)}.",
        f"A work's money is divided by its {policy.right} shares on the day and in the territory of use; "
        f"money with no day of use by the shares on the period's last day in {policy.territory}.",
        "Below a balance of "
        f"{format_minor(policy.threshold_minor, policy.currency)} {policy.currency} nothing is paid out; "
        "the balance is carried forward.",
    ]


def _explain_pot(pot: Pot) -> str:
    head = f"Pot {pot.name}: {_percent(pot.share_ppm)} of the pool, "
    if pot.rule is Rule.EQUAL:
        return head + "the same amount for every licensed work that the model was trained on."
    if pot.rule is Rule.EXPOSURE:
        return head + "to the licensed works in proportion to what the model saw of each in training."
    verdicts = " or ".join(pot.reliable_when)
    fallback = {
        Fallback.EQUAL: "is divided equally between the works trained on",
        Fallback.EXPOSURE: "is divided by what the model saw of each work in training",
        Fallback.SUSPENSE: "waits in suspense",
    }[pot.fallback]
    return (
        head + "to the works that each generation leaned on, in proportion to its revenue. "
        f"Where the verdict on an attribution is not {verdicts}, the generation's money {fallback}."
    )


def _explain_place(destination: Destination) -> str:
    return {
        DestinationKind.POT: f"the pot {destination.name}",
        DestinationKind.FUND: f"the fund {destination.name}",
        DestinationKind.PROVIDER: "the provider",
        DestinationKind.SUSPENSE: "suspense",
    }[destination.kind]


def _percent(share_ppm: int) -> str:
    whole, rest = divmod(share_ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + " %"
