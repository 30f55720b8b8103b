"""How does a policy stand in a file, and what is wrong with one that cannot be used?

A policy is TOML, parsed without floats. Every fault of a file is found: those of single fields here, those of
fields that do not fit together in `policy_checks`.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from catalog.findings import Finding
from catalog.vocabulary import Right
from royalties.errors import PolicyRefusedError
from royalties.money import PPM
from royalties.policy_checks import check_policy, check_pool
from royalties.policy_fields import (
    FIELDS,
    MINIMUM_FIELDS,
    NOWHERE,
    ONE_POOL_FIELDS,
    POOL_FIELDS,
    POT_FIELDS,
    RULE_FIELDS,
    Reader,
)
from royalties.policy_values import NO_MINIMUM, Minimum, Policy, Pool, PoolRight, Pot


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


def stated_policy(source: str) -> Policy:
    """The policy that a run or a restatement keeps, which was valid when it was made."""
    policy, _ = parse_policy(source.encode())
    assert policy is not None, "a run and a restatement keep the policy that they were made by"
    return policy


def parse_policy(data: bytes, *, where: str = "policy") -> tuple[Policy | None, list[Finding]]:
    """The policy that the bytes spell, or None and every fault of them."""
    try:
        text = data.decode("utf-8")
        table = tomllib.loads(text, parse_float=str)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [Finding("NO_TOML", where, f"is no TOML in UTF-8: {error}")]
    several = "pools" in table
    reader = Reader(table, where)
    fields = reader.table(FIELDS if several else {**FIELDS, **ONE_POOL_FIELDS}, {"pools", "pots", "minimum"})
    pools = _read_pools(reader, fields) if several else _read_one_pool(reader, fields)
    unit_minor = fields["rounding_unit_minor"] or 1
    findings = reader.findings + [
        fault for place, pool in pools.items() for fault in check_pool(pool, unit_minor, place)
    ]
    findings += check_policy(list(pools.values()), where)
    if findings:
        return None, findings
    digest = hashlib.sha256(data).hexdigest()
    return _whole_policy(fields, tuple(pools.values()), several, digest, text), []


def _whole_policy(
    fields: dict[str, Any], pools: tuple[Pool, ...], several: bool, digest: str, source: str
) -> Policy:
    composed = next((pool for pool in pools if pool.right is not PoolRight.MASTER), pools[0])
    is_master = composed.right is PoolRight.MASTER
    policy = Policy(
        **{
            **fields,
            "right": Right.MECHANICAL if is_master else Right(composed.right),
            "pool_rate_ppm": sum(pool.pool_rate_ppm for pool in pools),
            "unattributed": composed.unattributed,
            "public_domain": composed.public_domain,
        },
        pots=tuple(pot for pool in pools for pot in pool.pots),
        digest=digest,
        source=source,
    )
    if several or is_master:
        return replace(policy, pools=pools)
    return replace(policy, minimum=pools[0].minimum)


def _read_one_pool(reader: Reader, fields: dict[str, Any]) -> dict[str, Pool]:
    """The pool of a policy that is written without a table of pools, by its place in the file."""
    _check_destinations(reader, fields)
    return _pool(reader, {**fields, "name": str(fields["right"] or "")}, reader.where)


def _read_pools(reader: Reader, fields: dict[str, Any]) -> dict[str, Pool]:
    """The pools by their places; each has the policy's destinations where it names none itself."""
    for name in sorted({"pots", "minimum"} & set(reader.values)):
        reader.note("CONTRADICTION", name, "stands beside [[pools]]; expected it in each pool")
    pools: dict[str, Pool] = {}
    for number, table in enumerate(_tables(reader, "pools"), start=1):
        inner = Reader(table, f"{reader.where}: pools {number}")
        found = inner.table(POOL_FIELDS, {"pots", "minimum"})
        for name in ("unattributed", "public_domain"):
            found[name] = fields[name] if found[name] == NOWHERE else found[name]
        _check_destinations(inner, found)
        found["name"] = found["name"] or str(found["right"] or "")
        pools |= _pool(inner, found, inner.where)
        reader.findings += inner.findings
    return pools


def _check_destinations(reader: Reader, found: dict[str, Any]) -> None:
    is_master = found["right"] is PoolRight.MASTER
    if is_master and "public_domain" in reader.values:
        message = "belongs to a right in compositions: a recording of a free work is not free by that"
        reader.note("UNKNOWN_FIELD", "public_domain", message)
    for name in ("unattributed", "public_domain"):
        if found[name] == NOWHERE and not (is_master and name == "public_domain"):
            reader.note("MISSING_FIELD", name, f"is missing; expected {POOL_FIELDS[name].expected}")


def _pool(reader: Reader, fields: dict[str, Any], where: str) -> dict[str, Pool]:
    """The pool by its place; none where a field of it has a fault."""
    pots, minimum = _read_pots(reader), _read_minimum(reader)
    needed = [fields[name] for name in POOL_FIELDS]
    if pots is None or minimum is None or None in needed:
        return {}
    return {where: Pool(**{name: fields[name] for name in POOL_FIELDS}, pots=pots, minimum=minimum)}


def _tables(reader: Reader, name: str) -> list[Mapping[str, Any]]:
    value = reader.values.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        reader.note("MISSING_FIELD", name, f"expected at least one [[{name}]] table")
        return []
    return value


def _read_pots(reader: Reader) -> tuple[Pot, ...] | None:
    pots: list[Pot] = []
    tables = _tables(reader, "pots")
    for number, table in enumerate(tables, start=1):
        inner = Reader(table, f"{reader.where}: pots {number}")
        pot = _read_pot(inner)
        reader.findings += inner.findings
        pots += [pot] if pot else []
    return tuple(pots) if tables and len(pots) == len(tables) else None


def _read_pot(reader: Reader) -> Pot | None:
    rule = reader.values.get("rule")
    special = {name for names in RULE_FIELDS.values() for name in names}
    own = RULE_FIELDS.get(rule, special) if isinstance(rule, str) else special
    mine = {name: field for name, field in POT_FIELDS.items() if name in own or name not in special}
    if own is special:
        mine = {name: field for name, field in mine.items() if name in reader.values or name not in special}
    fields = reader.table(mine, special)
    for name in sorted((special - own) & set(reader.values)):
        rules = " or ".join(f'"{each}"' for each, names in RULE_FIELDS.items() if name in names)
        reader.note("UNKNOWN_FIELD", name, f"belongs to a pot with rule = {rules} only")
    if {"blend", "reliable_when"} <= set(reader.values):
        reader.note("CONTRADICTION", "blend", "stands beside reliable_when; a blend has every verdict itself")
    if reader.findings:
        return None
    if fields.get("blend"):
        fields["reliable_when"] = tuple(verdict for verdict, ppm in fields["blend"] if ppm == PPM)
    return Pot(**({"share_ppm": 0} | fields))


def _read_minimum(reader: Reader) -> Minimum | None:
    value = reader.values.get("minimum")
    if value is None:
        return NO_MINIMUM
    if not isinstance(value, dict):
        reader.note("WRONG_VALUE", "minimum", "is no table; expected [minimum] or minimum = { ... }")
        return None
    inner = Reader(value, f"{reader.where}: minimum")
    minimum = Minimum(**inner.table(MINIMUM_FIELDS, set()))
    if not set(value) & (set(MINIMUM_FIELDS) - {"top_up"}):
        reader.note("NO_MINIMUM", "minimum", "names no amount; expected one, such as per_period_minor")
        return None
    reader.findings += inner.findings
    return None if inner.findings else minimum
