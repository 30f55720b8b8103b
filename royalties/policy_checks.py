"""Do the parts of a policy fit together?"""

from collections import Counter
from collections.abc import Iterator, Sequence

from catalog.findings import Finding
from royalties.money import PPM
from royalties.policy_values import (
    NO_MINIMUM,
    DestinationKind,
    Payer,
    Pool,
    PoolRight,
    Rule,
    TopUp,
)

RECEIVING = frozenset({Rule.EQUAL, Rule.EXPOSURE})
"""The rules of pots that money can be passed on to. None passes any on, so there is no circle."""


def check_policy(pools: Sequence[Pool], where: str) -> list[Finding]:
    """What is wrong between the pools of a policy."""
    findings = []
    for name, count in Counter(pool.name for pool in pools).items():
        if count > 1:
            message = f"{count} pools have the name {name}; give each a name of its own"
            findings.append(Finding("DUPLICATE_POOL", f"{where}: pools", message))
    for name, count in Counter(pot.name for pool in pools for pot in pool.pots).items():
        if count > 1:
            message = f"{count} pots have the same name, {name}"
            findings.append(Finding("DUPLICATE_POT", f"{where}: pots", message))
    rates_ppm = sum(pool.pool_rate_ppm for pool in pools)
    if rates_ppm > PPM:
        message = f"the pools' pool_rate_ppm sum to {rates_ppm:,}; expected at most 1,000,000"
        findings.append(Finding("RATES_EXCEED_NET", f"{where}: pools", message))
    return findings


def check_pool(pool: Pool, rounding_unit_minor: int, where: str) -> list[Finding]:
    """What is wrong within a pool."""
    return [
        *_check_shares(pool, where),
        *_check_destinations(pool, where),
        *_check_minimum(pool, rounding_unit_minor, where),
    ]


def _check_shares(pool: Pool, where: str) -> Iterator[Finding]:
    total_ppm = sum(pool.shared.values())
    pays_nothing = pool.pool_rate_ppm == 0 and all(pot.paid_by is Payer.PROVIDER for pot in pool.pots)
    if total_ppm != PPM and not (pays_nothing and not pool.shared):
        message = f"the pots' share_ppm sum to {total_ppm:,}; expected 1,000,000"
        if not pool.shared:
            message += ": a pool needs a pot that takes what fixed fees leave of it"
        yield Finding("POTS_DO_NOT_SUM", f"{where}: pots", message)


def _check_destinations(pool: Pool, where: str) -> Iterator[Finding]:
    receivers = {pot.name for pot in pool.pots if pot.rule in RECEIVING}
    named = [("unattributed", pool.unattributed)]
    if pool.right is not PoolRight.MASTER:
        named.append(("public_domain", pool.public_domain))
    for field, destination in named:
        if destination.kind is DestinationKind.POT and destination.name not in receivers:
            message = f"names {destination}; expected a pot of the same pool whose rule is equal or exposure"
            yield Finding("NO_SUCH_POT", f"{where}: {field}", message)


def _check_minimum(pool: Pool, rounding_unit_minor: int, where: str) -> Iterator[Finding]:
    minimum, place = pool.minimum, f"{where}: minimum"
    if minimum == NO_MINIMUM:
        return
    of_payees = minimum.per_work_minor or minimum.per_licensor_minor
    if minimum.top_up is TopUp.PRO_RATA and not of_payees:
        message = "a pool's own minimum is topped up by the provider; pro_rata is for works and licensors"
        yield Finding("CONTRADICTION", place, message)
    if minimum.top_up is TopUp.PRO_RATA and minimum.per_work_minor and minimum.per_licensor_minor:
        message = "works and licensors cannot both be topped up pro_rata: one would take from the other"
        yield Finding("CONTRADICTION", place, message)
    if of_payees and rounding_unit_minor > 1:
        message = "works and licensors are topped up to the minor unit; expected rounding_unit_minor = 1"
        yield Finding("CONTRADICTION", place, message)
    if not pool.shared:
        yield Finding("CONTRADICTION", place, "no pot has a share of the pool that could be topped up")
