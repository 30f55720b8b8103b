"""Does every unit of a period's revenue arrive where it belongs, for a reason that can be checked?"""

from collections import defaultdict
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from royalties.distribution import Distribution, check_distribution, distribute
from royalties.right_books import read_other_shares
from royalties.runs import make_exposure
from royalties.shares import read_shares, split_work, works_of
from tests.royalties.builders import (
    OCTOBER,
    OUTPUT,
    TRAINING,
    a_policy,
    a_total,
    an_attribution,
    shares_from,
    some_inputs,
)
from tests.royalties.months import cases
from tests.royalties.reference import slow_distribution


def distributed(usage, policy, inputs) -> Distribution:
    works = works_of(usage, inputs)
    book = read_shares(usage, works, policy, OCTOBER, inputs)
    others = read_other_shares(usage, works, policy, OCTOBER, inputs)
    return distribute(usage, policy, OCTOBER, inputs, book, others)


def by_account(distribution: Distribution) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for each in distribution.allocations:
        sums[each.payee.account] += each.amount_minor
    return dict(sums)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_fast_distribution_equals_the_slow_one_in_fractions(case):
    usage, policy, inputs = case
    assert by_account(distributed(usage, policy, inputs)) == slow_distribution(usage, policy, OCTOBER, inputs)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_pool_is_what_was_allocated_and_what_is_in_suspense(case):
    result = distributed(*case)
    assert check_distribution(result) == []
    assert result.pool_minor == result.allocated_minor + result.suspense_minor
    assert all(each.amount_minor > 0 for each in (*result.allocations, *result.passed_on))


@settings(max_examples=50, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_usage_does_not_matter(case, shuffler):
    usage, policy, inputs = case
    shuffled = list(usage)
    shuffler.shuffle(shuffled)
    assert distributed(usage, policy, inputs) == distributed(shuffled, policy, inputs)


def test_a_month_by_hand_comes_out_to_the_cent():
    """100.00 gross, 10.00 deducted, 30 % of 90.00 is the pool: 8.10 training, 18.90 output."""
    inputs = some_inputs(
        attributions={"gen_1": an_attribution("gen_1", {"work_a": 600_000, "work_b": 300_000})},
        public_domain=frozenset(),
        exposure=make_exposure({"work_a": 10, "work_b": 10}),
    )
    result = distributed([a_total(revenue_minor=10_000)], a_policy(unattributed="fund:research"), inputs)
    assert (result.deductions_minor, result.provider_minor, result.pool_minor) == (1000, 6300, 2700)
    assert [(pot.name, pot.own_minor) for pot in result.pots] == [("training", 810), ("output", 1890)]
    # output: work_a 11.34 in halves, work_b 5.67 in thirds, 1.89 to research; training: 4.05 each work
    assert by_account(result) == {
        "party:party_1": 567 + 203,
        "party:party_2": 567 + 189 + 202 + 135,
        "party:party_3": 378 + 270,
        "fund:research": 189,
    }


def test_each_line_says_by_which_path_the_money_came():
    result = distributed([a_total()], a_policy(), some_inputs())
    line = next(
        e.line for e in result.allocations if e.line.method == "attribution" and e.payee.id == "party_3"
    )
    assert (line.generation, line.territory, line.work) == ("gen_1", "DE", "work_b")
    assert (line.basis, line.basis_total, line.share_ppm) == (250_000, 1_000_000, 666_667)
    assert line.evidence == "digest-of-gen_1"


def test_the_unattributed_part_goes_where_the_policy_says():
    for destination, account in (
        ("fund:research", "fund:research"),
        ("provider", "provider"),
        ("suspense", "suspense:RESIDUAL_ATTRIBUTION:gen_1"),
    ):
        result = distributed([a_total()], a_policy(unattributed=destination), some_inputs())
        assert by_account(result)[account] == 378  # 20 % of the output pot of 18.90


def test_the_unattributed_part_can_join_the_training_pot():
    result = distributed([a_total()], a_policy(unattributed="pot:training"), some_inputs())
    training = next(pot for pot in result.pots if pot.name == "training")
    assert (training.own_minor, training.received_minor) == (810, 378)


def test_an_unreliable_attribution_falls_back_to_what_the_model_saw():
    result = distributed([a_total("gen_2")], a_policy(), some_inputs(public_domain=frozenset()))
    lines = [each.line for each in result.allocations if each.pot == "output"]
    assert {line.method for line in lines} == {"exposure-fallback"}
    assert {(line.work, line.basis, line.basis_total) for line in lines} == {
        ("work_a", 3_000, 4_500), ("work_b", 1_000, 4_500), ("work_pd", 500, 4_500),
    }  # fmt: skip


def test_a_policy_may_accept_a_weaker_verdict():
    pots = [TRAINING, OUTPUT | {"reliable_when": ["influence", "exposure"]}]
    result = distributed([a_total("gen_2")], a_policy(pots=pots), some_inputs())
    assert "attribution" in {each.line.method for each in result.allocations}


def test_a_generation_without_attribution_waits_in_suspense():
    result = distributed([a_total("gen_unknown")], a_policy(), some_inputs())
    assert by_account(result)["suspense:UNMATCHED_WORK:gen_unknown"] == 1890


def test_works_in_the_public_domain_are_not_paid_for_training():
    result = distributed([a_total()], a_policy(), some_inputs())
    assert "work_pd" not in {each.line.work for each in result.allocations if each.pot == "training"}
    assert by_account(result)["fund:public_domain"] == 95  # 5 % of 18.90, rounded once


def test_a_pot_without_a_licensed_work_waits_in_suspense():
    result = distributed([a_total()], a_policy(), some_inputs(exposure=make_exposure({"work_pd": 5})))
    assert by_account(result)["suspense:UNMATCHED_WORK:"] == 810 + 378


def test_the_day_of_use_chooses_the_shares():
    def shares_on(works, _right, on, _territory):
        heir = "party_old" if on < date(2026, 10, 16) else "party_new"
        return {work: [(heir, 1_000_000)] for work in works}

    usage = [a_total(day=15, revenue_minor=2000), a_total(day=16, revenue_minor=6000)]
    inputs = some_inputs(
        shares_on=shares_on, attributions={"gen_1": an_attribution("gen_1", {"work_a": 1_000_000})}
    )
    result = distributed(
        usage, a_policy(pots=[OUTPUT | {"share_ppm": 1_000_000}], unattributed="provider"), inputs
    )
    assert by_account(result) == {"party:party_old": 540, "party:party_new": 1620}


def test_refunds_that_exceed_a_generations_revenue_lower_the_pool_and_give_it_nothing():
    usage = [a_total("gen_1", 10_000), a_total("gen_2", -2_000)]
    result = distributed(usage, a_policy(), some_inputs())
    assert result.gross_minor == 8_000
    assert {each.line.generation for each in result.allocations if each.pot == "output"} == {"gen_1"}
    assert check_distribution(result) == []


def test_no_payee_is_a_whole_unit_away_from_the_exact_amount_over_many_tiny_lines():
    generations = [f"gen_{index:03}" for index in range(200)]
    inputs = some_inputs(
        attributions={name: an_attribution(name, {"work_a": 1_000_000}) for name in generations},
        shares_on=shares_from({"work_a": [("party_1", 500_000), ("party_2", 500_000)]}),
    )
    policy = a_policy(
        pots=[OUTPUT | {"share_ppm": 1_000_000}],
        unattributed="provider",
        deductions_ppm=0,
        pool_rate_ppm=1_000_000,
    )
    result = distributed([a_total(name, 1) for name in generations], policy, inputs)
    assert by_account(result) == {"party:party_1": 100, "party:party_2": 100}


@pytest.mark.parametrize(
    ("shares", "split"),
    [
        ([("p", 1_000_000)], {"party:p": 1_000_000}),
        ([("p", 333_300), ("q", 666_600)], {"party:p": 333_333, "party:q": 666_667}),
        ([("p", 400_000), ("p", 600_000)], {"party:p": 1_000_000}),
        ([("p", 400_000)], {"party:p": 400_000, "suspense:SHARE_GAP:w": 600_000}),
        ([("p", 700_000), ("q", 700_000)], {"suspense:SHARE_OVERCLAIM:w": 1_000_000}),
        ([("p", 999_400)], {"party:p": 1_000_000}),
        ([("p", 999_399)], {"party:p": 999_399, "suspense:SHARE_GAP:w": 601}),
        ([("p", 1_000_601)], {"suspense:SHARE_OVERCLAIM:w": 1_000_000}),
        ([], {"suspense:UNIDENTIFIED_OWNER:w": 1_000_000}),
    ],
)
def test_gaps_and_overclaims_are_held_and_rounding_in_the_shares_is_forgiven(shares, split):
    assert {part.payee.account: part.share_ppm for part in split_work("w", shares)} == split
