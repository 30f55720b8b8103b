"""Which policies can be distributed over columns, and what is said of the others?"""

from dataclasses import MISSING, Field, fields
from typing import Any

from catalog.findings import Finding
from royalties.errors import BulkRefusedError
from royalties.policy import Fallback, Policy, Pot, Rule

_POLICY_FIELDS = frozenset(
    {
        "name", "version", "description", "currency", "right", "territory", "deductions_ppm", "pool_rate_ppm",
        "unattributed", "public_domain", "threshold_minor", "pots", "digest", "source",
    }
)  # fmt: skip
_POT_FIELDS = frozenset({"name", "share_ppm", "rule", "fallback", "reliable_when"})
_RULES = frozenset({Rule.EQUAL, Rule.EXPOSURE, Rule.ATTRIBUTION})
_FALLBACKS = frozenset({Fallback.EQUAL, Fallback.EXPOSURE, Fallback.SUSPENSE})


def check_policy(policy: Policy) -> None:
    """Refuses a policy that says something which is not computed here.

    Raises:
        BulkRefusedError: it does; everything of the kind is listed.
    """
    found = [*_strange(policy, _POLICY_FIELDS, "policy")]
    for pot in policy.pots:
        where = f"pot {pot.name}"
        found += _strange(pot, _POT_FIELDS, where)
        if pot.rule not in _RULES:
            found.append(_finding(where, f"rule {pot.rule}"))
        elif pot.rule is Rule.ATTRIBUTION and pot.fallback not in _FALLBACKS:
            found.append(_finding(where, f"fallback {pot.fallback}"))
    if found:
        raise BulkRefusedError(f"policy {policy.name}", found)


def _strange(value: Policy | Pot, known: frozenset[str], where: str) -> list[Finding]:
    return [
        _finding(where, f"{field.name} = {str(getattr(value, field.name))[:100]}")
        for field in fields(value)
        if field.name not in known and getattr(value, field.name) != _default(field)
    ]


def _default(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _finding(where: str, what: str) -> Finding:
    message = f"{what} is not computed over columns: distribute the period with 'contrafact royalties run'"
    return Finding("NOT_TAKEN", where, message)
