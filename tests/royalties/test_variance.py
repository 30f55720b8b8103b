"""Does what is out of the ordinary stand out, and nothing else?"""

from fractions import Fraction
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from royalties.errors import NotFoundError
from royalties.periods import parse_period
from royalties.tables import DistributionRun
from royalties.variance import (
    change_ppm,
    compare_periods,
    compare_totals,
    is_outlier,
    totals_of_run,
    twice_median,
)
from tests.royalties.builders import (
    NOVEMBER,
    OCTOBER,
    a_line,
    bring_in,
    run,
    shares_from,
    some_inputs,
)

AMOUNTS = st.integers(-(10**15), 10**15)


@given(AMOUNTS, st.lists(AMOUNTS, min_size=3, max_size=9))
def test_the_rule_in_integers_is_the_rule_in_fractions(value, history):
    values = [Fraction(each) for each in history]
    center = median(values)
    deviation = median(abs(each - center) for each in values)
    least = max(deviation, abs(center) / 100, Fraction(1))
    assert is_outlier(value, history) == (abs(value - center) > 5 * least)
    assert Fraction(twice_median(history), 2) == center


@given(st.integers(1, 10**12), st.integers(3, 8))
def test_what_never_moves_is_no_outlier_and_may_move_by_five_per_cent(value, months):
    history = [value] * months
    assert not is_outlier(value, history)
    assert not is_outlier(value + value * 5 // 100, history)
    assert is_outlier(value * 2 + 6, history)


@pytest.mark.parametrize(
    ("before", "now", "ppm"),
    [(100, 150, 500_000), (100, 50, -500_000), (3, 4, 333_333), (3, 2, -333_333), (-100, -50, 500_000),
     (0, 5, None), (5, 5, 0), (7, 0, -1_000_000)],
)  # fmt: skip
def test_a_change_is_in_parts_per_million_rounded_towards_zero(before, now, ppm):
    assert change_ppm(before, now) == ppm


def test_one_month_that_jumps_is_seen_and_a_month_that_was_odd_before_hides_nothing():
    history = [1000, 1010, 990, 9000, 1005]
    assert is_outlier(9000, history) and is_outlier(1, history)
    assert not is_outlier(1020, history)


KEYS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 99))


@given(KEYS, st.lists(KEYS, max_size=4))
def test_changes_sum_to_the_change_of_the_sum_and_do_not_depend_on_order(now, before):
    history = [{"payee": each} for each in before]
    changes = list(compare_totals({"payee": now}, history))
    assert [change.key for change in changes] == sorted(set(now).union(*before))
    assert sum(change.amount_minor for change in changes) == sum(now.values())
    if before:
        total = sum(change.change_minor for change in changes)
        assert total == sum(now.values()) - sum(before[0].values())
    assert all((change.outlier is None) == (len(before) < 3) for change in changes)


MONTHS = ["2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]


@pytest.fixture
def months(session, tmp_path):
    """Four quiet months and October, in which another service and a payee are new and shares moved."""
    for number, month in enumerate(MONTHS):
        odd = month == "2026-10"
        lines = [
            a_line(100 * number + 1, used_on=f"{month}-05", revenue_minor=10_000 + number),
            a_line(100 * number + 2, used_on=f"{month}-06", generation="gen_2", territory="SE"),
        ]
        if odd:
            lines.append(a_line(999, used_on="2026-10-07", service="New Service", revenue_minor=90_000))
        bring_in(session, tmp_path, lines, f"{month}.csv")
        a = (
            [("party_1", 200_000), ("party_9", 800_000)]
            if odd
            else [("party_1", 500_000), ("party_2", 500_000)]
        )
        shares = shares_from({"work_a": a, "work_b": [("party_2", 333_333), ("party_3", 666_667)]})
        run(session, period=parse_period(month), inputs=some_inputs(shares_on=shares))
    session.commit()


def test_a_month_is_compared_with_the_newest_ones_before_it(session, months):
    found = compare_periods(session, OCTOBER, 3)
    assert found.against == ("2026-09", "2026-08", "2026-07")
    assert found.findings == ()
    told = {(change.dimension, change.key): change for change in found.changes}
    gross = told["total", "gross"]
    assert (gross.amount_minor, gross.before_minor, gross.change_minor) == (101_238, 11_237, 90_001)
    assert gross.change_ppm == 90_001 * 1_000_000 // 11_237
    assert gross.median_minor == 11_236 and gross.outlier
    assert told["service", "New Service"].amount_minor == 90_000
    assert told["service", "New Service"].change_ppm is None
    assert not told["payee", "fund:public_domain"].outlier or told["payee", "fund:public_domain"].change_minor
    assert {change.dimension for change in found.changes} == {
        "total", "payee", "service", "pot", "territory", "method",
    }  # fmt: skip


def test_new_and_vanished_payees_and_moved_shares_are_named(session, months):
    found = compare_periods(session, OCTOBER)
    assert found.new_payees == ("party:party_9",)
    assert found.vanished_payees == ()
    moved = {(each.work, each.account): (each.before_ppm, each.now_ppm) for each in found.shares}
    assert moved == {
        ("work_a", "party:party_1"): (500_000, 200_000),
        ("work_a", "party:party_2"): (500_000, 0),
        ("work_a", "party:party_9"): (0, 800_000),
    }
    assert compare_periods(session, parse_period("2026-09")).shares == ()


def test_a_quiet_month_has_no_outliers(session, months):
    found = compare_periods(session, parse_period("2026-09"))
    assert found.against == ("2026-08", "2026-07", "2026-06")
    assert found.outliers == () and found.new_payees == ()


def test_of_few_months_outliers_cannot_be_judged_and_it_says_so(session, months):
    found = compare_periods(session, parse_period("2026-08"))
    assert [finding.code for finding in found.findings] == ["FEW_MONTHS"]
    assert all(change.outlier is None for change in found.changes)
    first = compare_periods(session, parse_period("2026-06"))
    assert first.against == () and first.new_payees == ()
    assert all(change.before_minor is None for change in first.changes)


def test_every_dimension_sums_to_the_pool_or_the_gross(session, months):
    for row in session.query(DistributionRun).all():
        totals = totals_of_run(session, row)
        for dimension in ("payee", "pot", "territory", "method"):
            assert sum(totals[dimension].values()) == row.pool_minor, dimension
        assert sum(totals["service"].values()) == row.gross_minor


def test_a_payee_who_got_something_before_and_now_nothing_is_gone(session, tmp_path, months):
    bring_in(session, tmp_path, [a_line(2000, used_on="2026-11-05")], "november.csv")
    shares = shares_from({"work_a": [("party_1", 1_000_000)], "work_b": [("party_1", 1_000_000)]})
    run(session, period=NOVEMBER, inputs=some_inputs(shares_on=shares))
    found = compare_periods(session, NOVEMBER)
    assert found.vanished_payees == ("party:party_2", "party:party_3", "party:party_9")


def test_lines_that_a_restatement_changed_are_listed_with_both_amounts(session, tmp_path, corrected):
    bring_in(session, tmp_path, [a_line(952, used_on="2026-11-02")], "november.csv")
    run(session, period=NOVEMBER)
    found = compare_periods(session, NOVEMBER)
    assert len(found.restated) == len(corrected.deltas) > 0
    assert {line.restates for line in found.restated} == {"2026-10"}
    change = corrected.pool_minor - corrected.earlier_pool_minor
    assert sum(line.change_minor for line in found.restated) == change
    assert found.restated == compare_periods(session, NOVEMBER, 1).restated


def test_a_month_that_was_not_run_has_no_variance(session):
    with pytest.raises(NotFoundError):
        compare_periods(session, OCTOBER)
