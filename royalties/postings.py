"""Which movements does a distribution make in the ledger?"""

from collections.abc import Iterator

from royalties.distribution import Distribution
from royalties.ledger import Posting
from royalties.periods import Period


def postings_of(distribution: Distribution, period: Period) -> Iterator[Posting]:
    """The movements of a distribution, from revenue to payees, in the order in which the money flows.

    What the provider pays into pools, fixed fees and top-ups, is a posting of its own. Promises that the
    revenue did not cover are told in the first posting.
    """
    d = distribution
    given = {pool.account: pool.provider_minor for pool in d.pools}
    yield Posting(
        "revenue",
        f"Revenue of {period.name}: deductions, the provider's part, the pool{told_shortfalls(d)}",
        {
            "revenue": -d.gross_minor,
            "deductions": d.deductions_minor,
            "provider:retained": d.provider_minor + sum(given.values()),
            **{pool.account: pool.rate_minor for pool in d.pools},
        },
    )
    yield Posting(
        "provider",
        f"Fixed fees and top-ups of {period.name} that the provider pays",
        {"provider:retained": -sum(given.values()), **given},
    )
    for pool in d.pools:
        yield Posting(
            "pots" if pool.account == "pool" else f"pots:{pool.name}",
            f"{'Pool' if pool.account == 'pool' else f'Pool {pool.name}'} of {period.name} into its pots",
            {pool.account: -pool.total_minor}
            | {f"pot:{pot.name}": pot.own_minor for pot in d.pots if pot.pool == pool.name},
        )
    for pot in sorted(d.pots, key=lambda pot: (pot.is_minimum, pot.received_minor != 0)):
        moved: dict[str, int] = {}
        for each in (*d.allocations, *d.passed_on):
            if each.pot == pot.name:
                moved[each.payee.account] = moved.get(each.payee.account, 0) + each.amount_minor
        out_minor = sum(moved.values())
        yield Posting(
            f"pot:{pot.name}", f"Pot {pot.name} of {period.name}", {f"pot:{pot.name}": -out_minor} | moved
        )


def told_shortfalls(distribution: Distribution) -> str:
    """What the revenue did not cover, as the end of a posting's description; empty where it covered all."""
    told = "; ".join(each.sentence(distribution.currency) for each in distribution.shortfalls)
    return f". Shortfalls: {told}" if told else ""
