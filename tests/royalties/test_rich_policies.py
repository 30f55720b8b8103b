"""Is everything that a policy can say computed exactly, and is the money conserved by it?"""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from royalties.distribution import Distribution, check_distribution
from royalties.policy import Minimum, TopUp, explain_policy, parse_policy
from tests.royalties.builders import OCTOBER
from tests.royalties.reference import slow_month
from tests.royalties.rich_months import policies, rich_cases
from tests.royalties.test_distribution import by_account, distributed


def rows_of(distribution: Distribution):
    return Counter(
        {
            (each.pot, tuple(each.payee), tuple(each.line)[:8]): each.amount_minor
            for each in distribution.allocations
        }
    )


@settings(max_examples=400, deadline=None)
@given(rich_cases())
def test_every_line_by_every_policy_equals_the_slow_one_in_fractions(case):
    usage, policy, inputs = case
    fast, slow = distributed(usage, policy, inputs), slow_month(usage, policy, OCTOBER, inputs)
    assert (fast.deductions_minor, fast.provider_minor) == (slow.deductions, slow.provider)
    assert {pool.name: pool.total_minor for pool in fast.pools} == slow.pools
    assert sum(each.missing_minor for each in fast.shortfalls) == slow.missing
    assert rows_of(fast) == Counter({(pot, payee, line): minor for pot, payee, line, minor in slow.rows})
    assert by_account(fast) == slow.accounts


def had(distribution: Distribution, what: str) -> Counter[str]:
    """What each work, or each licensor, has."""
    sums: Counter[str] = Counter()
    for each in distribution.allocations:
        of_party = each.payee.id if each.payee.kind == "party" else ""
        sums[each.line.work if what == "work" else of_party] += each.amount_minor
    del sums[""]
    return sums


@settings(max_examples=150, deadline=None)
@given(rich_cases(), st.sampled_from(["work", "licensor"]), st.data())
def test_who_has_more_tops_up_who_has_less_and_never_falls_below_the_minimum(case, what, data):
    usage, policy, inputs = case
    pool = replace(policy.all_pools[0], minimum=Minimum())
    policy = replace(
        policy, pools=(pool,), pots=pool.pots, pool_rate_ppm=pool.pool_rate_ppm, rounding_unit_minor=1
    )
    before = had(distributed(usage, policy, inputs), what)
    least = data.draw(st.integers(1, max(before.values(), default=0) + 1))
    minimum = Minimum(top_up=TopUp.PRO_RATA, **{f"per_{what}_minor": least})
    policy = replace(policy, pools=(replace(pool, minimum=minimum),))
    fast, slow = distributed(usage, policy, inputs), slow_month(usage, policy, OCTOBER, inputs)
    assert rows_of(fast) == Counter({(pot, payee, line): minor for pot, payee, line, minor in slow.rows})
    assert check_distribution(fast) == []
    after = had(fast, what)
    assert all(after[key] >= min(sum_minor, least) for key, sum_minor in before.items())
    assert sum(each.amount_minor for each in fast.passed_on if "to-min" in each.line.method) == slow.passed


@settings(max_examples=150, deadline=None)
@given(rich_cases())
def test_no_policy_makes_or_loses_money(case):
    usage, policy, inputs = case
    result = distributed(usage, policy, inputs)
    assert check_distribution(result) == []
    assert result.gross_minor == sum(total.revenue_minor for total in usage)
    assert result.gross_minor == (
        result.deductions_minor + result.provider_minor + sum(pool.total_minor for pool in result.pools)
    )
    assert result.pool_minor == result.allocated_minor + result.suspense_minor


@settings(max_examples=50, deadline=None)
@given(rich_cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_usage_does_not_matter_by_any_policy(case, shuffler):
    usage, policy, inputs = case
    shuffled = list(usage)
    shuffler.shuffle(shuffled)
    assert distributed(usage, policy, inputs) == distributed(shuffled, policy, inputs)


@settings(max_examples=50, deadline=None)
@given(policies())
def test_every_valid_policy_reads_the_same_again_and_explains_each_pot(policy):
    again, findings = parse_policy(policy.source.encode())
    assert (again, findings) == (policy, [])
    text = "\n".join(explain_policy(policy))
    assert all(f"Pot {pot.name}:" in text for pot in policy.pots)
    assert all(f"the pool {pool.name}" in text for pool in policy.pools)
