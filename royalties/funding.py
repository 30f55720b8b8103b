"""How much of a period's revenue does each pot have, and who paid what of it?

The gross is divided once, by largest remainder, into deductions, the provider's part and each pool by its
rate. Then the provider pays out of its part, never below zero, each as far as the part goes and in proportion
where it does not: first fixed fees that are its own, then what pools lack to their minimums. Of each pool the
fixed fees that it pays itself come first, and its other pots divide what is left by their shares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from royalties.divided import Shortfall
from royalties.money import PPM, allocate_minor
from royalties.policy_values import Payer, Policy, Pool, Pot, Rule


@dataclass(frozen=True, slots=True)
class Funding:
    """The gross, divided: `own` by pot; `rate_minor` and, paid in by the provider, `given_minor` by pool."""

    gross_minor: int
    deductions_minor: int
    provider_minor: int
    rate_minor: Mapping[str, int]
    given_minor: Mapping[str, int]
    own: Mapping[str, int]
    shortfalls: tuple[Shortfall, ...]


def account_of_pool(policy: Policy, pool: Pool) -> str:
    """The pool's account in the ledger: `pool`, or `pool:NAME` where the policy names its pools."""
    return f"pool:{pool.name}" if policy.pools else "pool"


def as_far_as_it_goes(have_minor: int, needs: Mapping[str, int]) -> dict[str, int]:
    """What each need is met with: all of it, or a part in proportion where there is too little."""
    total_minor = sum(needs.values())
    if total_minor <= have_minor or total_minor == 0:
        return dict(needs)
    return allocate_minor(have_minor, needs)


def fund(policy: Policy, gross_minor: int, units: int, num_licensed: Mapping[str, int]) -> Funding:
    """The funding of every pot.

    Args:
        gross_minor: the revenue of the period, at least 0.
        units: the uses of the period.
        num_licensed: by pool, how many works were trained on that need a licence of its right.
    """
    split = allocate_minor(gross_minor, _pool_weights(policy))
    rate_minor = {pool.name: split[account_of_pool(policy, pool)] for pool in policy.all_pools}
    fees = _Payment(split["provider"], _fees(policy, Payer.PROVIDER, num_licensed))
    needs = {}
    for pool in policy.all_pools:
        has_minor = rate_minor[pool.name] + sum(fees.paid.get(pot.name, 0) for pot in pool.pots)
        needs[pool.name] = max(0, pool.minimum.of_pool(units) - has_minor)
    top_ups = _Payment(fees.left_minor, needs)
    own: dict[str, int] = dict(fees.paid)
    shortfalls = [*fees.shortfalls("fee of pot"), *top_ups.shortfalls("minimum of pool")]
    own_fees = _fees(policy, Payer.POOL, num_licensed)
    for pool in policy.all_pools:
        of_pool = {pot.name: own_fees[pot.name] for pot in pool.pots if pot.name in own_fees}
        first = _Payment(rate_minor[pool.name] + top_ups.paid[pool.name], of_pool)
        own |= first.paid
        own |= allocate_minor(first.left_minor, pool.shared) if pool.shared else {}
        shortfalls += first.shortfalls("fee of pot")
    return Funding(
        gross_minor=gross_minor,
        deductions_minor=split["deductions"],
        provider_minor=top_ups.left_minor,
        rate_minor=rate_minor,
        given_minor={
            pool.name: top_ups.paid[pool.name] + sum(fees.paid.get(pot.name, 0) for pot in pool.pots)
            for pool in policy.all_pools
        },
        own=own,
        shortfalls=tuple(shortfalls),
    )


class _Payment:
    """Some needs, met out of an amount as far as it goes."""

    def __init__(self, have_minor: int, needs: Mapping[str, int]) -> None:
        self.needs = needs
        self.paid = as_far_as_it_goes(have_minor, needs)
        self.left_minor = have_minor - sum(self.paid.values())

    def shortfalls(self, what: str) -> list[Shortfall]:
        return [
            Shortfall(f"{what} {name}", need - self.paid[name])
            for name, need in self.needs.items()
            if need > self.paid[name]
        ]


def _fees(policy: Policy, payer: Payer, num_licensed: Mapping[str, int]) -> dict[str, int]:
    """The fixed fees of each pot that a payer owes."""

    def owes(pot: Pot) -> bool:
        return pot.rule is Rule.FIXED and pot.paid_by is payer

    return {
        pot.name: pot.fee_minor * num_licensed[pool.name]
        for pool in policy.all_pools
        for pot in pool.pots
        if owes(pot)
    }


def _pool_weights(policy: Policy) -> dict[str, int]:
    net_ppm = PPM - policy.deductions_ppm
    pools = {account_of_pool(policy, pool): net_ppm * pool.pool_rate_ppm for pool in policy.all_pools}
    return {
        "deductions": policy.deductions_ppm * PPM,
        **pools,
        "provider": net_ppm * (PPM - policy.pool_rate_ppm),
    }
