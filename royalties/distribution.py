"""Who gets how much of a period's revenue, and for what?

A pure function of values: usage totals, attributions, exposure, shares and the policy go in, allocations come
out. The way, each step a module:

1. `funding`: the gross into deductions, the provider's part and, pool by pool, what each pot has.
2. `pot_weights`: for each pool in the order of the policy, first its pots by attribution, then the others,
   each in the order of the policy. The usage is summed into cells of generation, territory and epoch (days
   with the same shares); cells, works and shares give each (payee, line) an exact integer weight. What a pot
   sends to another of its pool is added to what that one has before it is divided.
3. Each pot is rounded twice, by the largest remainder, ties to the smaller key: once into what each payee
   gets, in multiples of the policy's rounding unit, so that a payee is never a whole unit away from the exact
   entitlement; once into that payee's lines. Payees are ordered as (kind, id, reason), lines by their fields.
   What is left below a whole unit waits in suspense with the reason ROUNDING.
4. `guarantees`: works and licensors are topped up to their minimums, pool by pool.

The allocations are in that order: by pool, pot, payee and line. What belongs to nobody goes where the policy
says, or to suspense with its reason; the pool is what was allocated plus what is in suspense, to the unit.
"""

from collections.abc import Mapping, Sequence

from royalties.divided import (
    Allocation,
    Distribution,
    PoolResult,
    PotResult,
    Shortfall,
    check_distribution,
)
from royalties.entitlement import Inputs, PayeeKind, UsageTotal
from royalties.funding import account_of_pool, fund
from royalties.guarantees import Division, Licence, top_up
from royalties.periods import Period
from royalties.policy_values import Policy, Pool, PoolRight, Rule
from royalties.pot_weights import cells_of, licensed_works, weigh_output, weigh_training
from royalties.shares import ShareBook

__all__ = [
    "Allocation",
    "Books",
    "Distribution",
    "PoolResult",
    "PotResult",
    "Shortfall",
    "check_distribution",
    "distribute",
]

Books = Mapping[PoolRight, ShareBook]


def distribute(
    usage: Sequence[UsageTotal],
    policy: Policy,
    period: Period,
    inputs: Inputs,
    book: ShareBook,
    others: Books | None = None,
) -> Distribution:
    """The division of a period's revenue; the order of the usage does not matter.

    A generation whose refunds in a territory exceed its revenue there carries no money of its own; the excess
    makes the pool smaller.

    Args:
        usage: the totals of the period, all in the policy's currency, summing to at least 0.
        book: the shares of the policy's `right` for all of `works_of(usage, inputs)`.
        others: the shares of the policy's other rights, as `right_books.read_other_shares` gives them.
    """
    books = {PoolRight(policy.right): book, **(others or {})}
    licensed = {pool.name: licensed_works(pool, inputs) for pool in policy.all_pools}
    gross_minor = sum(total.revenue_minor for total in usage)
    units = sum(total.units for total in usage)
    funding = fund(policy, gross_minor, units, {name: len(works) for name, works in licensed.items()})
    whole = Division([], funding.provider_minor, shortfalls=list(funding.shortfalls))
    pools: list[PoolResult] = []
    for pool in policy.all_pools:
        book = books[pool.right]
        division = _divide_pool(pool, policy, funding.own, usage, period, inputs, book)
        division.provider_minor = whole.provider_minor
        splits = book.at(policy.territory, period.last_day_on)
        top_up(pool, division, Licence(licensed[pool.name], splits, policy.territory, inputs.exposure.digest))
        _join(whole, division)
        given_minor = funding.given_minor[pool.name] + division.given_minor
        account, rate_minor = account_of_pool(policy, pool), funding.rate_minor[pool.name]
        pools.append(PoolResult(pool.name, pool.right, account, rate_minor, given_minor))
    return Distribution(
        currency=policy.currency,
        gross_minor=gross_minor,
        deductions_minor=funding.deductions_minor,
        provider_minor=whole.provider_minor,
        pool_minor=sum(pool.total_minor for pool in pools),
        pots=tuple(whole.pots),
        allocations=tuple(whole.allocations),
        passed_on=tuple(whole.passed_on),
        pools=tuple(pools),
        shortfalls=tuple(whole.shortfalls),
    )


def _join(whole: Division, part: Division) -> None:
    """Adds what a pool came to."""
    whole.provider_minor = part.provider_minor
    whole.allocations += part.allocations
    whole.passed_on += part.passed_on
    whole.pots += part.pots
    whole.shortfalls += part.shortfalls


def _divide_pool(
    pool: Pool,
    policy: Policy,
    own: Mapping[str, int],
    usage: Sequence[UsageTotal],
    period: Period,
    inputs: Inputs,
    book: ShareBook,
) -> Division:
    """The pots of a pool, divided, before any minimum of works and licensors."""
    division = Division([], 0)
    received = {pot.name: 0 for pot in pool.pots}
    cells, splits = cells_of(usage, book), book.at(policy.territory, period.last_day_on)
    for pot in sorted(pool.pots, key=lambda pot: pot.rule is not Rule.ATTRIBUTION):
        if pot.rule is Rule.ATTRIBUTION:
            weights = weigh_output(pot, pool, cells, inputs, book)
        else:
            weights = weigh_training(pot, pool, splits, policy.territory, inputs)
        has_minor = own[pot.name] + received[pot.name]
        for each in weights.allocate(pot, has_minor, policy.rounding_unit_minor):
            target = each.payee.id.removeprefix("pot:")
            if each.payee.kind is PayeeKind.ACCOUNT and target != each.payee.id:
                received[target] += each.amount_minor
                division.passed_on.append(each)
            else:
                division.allocations.append(each)
    division.pots = [PotResult(pot.name, own[pot.name], received[pot.name], pool.name) for pot in pool.pots]
    return division
