"""Is what is owed before it is run what a run will say, and is nothing guessed that is not known?"""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from royalties.accruals import _owed, _suspense, accrue, dry, project
from royalties.ledger import balances
from royalties.payments_status import Outcome
from royalties.periods import parse_period
from royalties.tables import UsageBatch
from tests.royalties.builders import (
    LINES,
    NOVEMBER,
    OCTOBER,
    a_line,
    a_policy,
    bring_in,
    close,
    restated,
    run,
)
from tests.royalties.conftest import LATE
from tests.royalties.test_reconciling import ordered

ON = date(2026, 11, 30)


def test_usage_that_was_not_run_is_what_its_run_will_say(session, tmp_path):
    bring_in(session, tmp_path, LINES)
    policy = a_policy()
    [unrun] = accrue(session, ON, policy, []).unrun
    report = run(session, policy=policy)
    assert (unrun.period, unrun.gross_minor, unrun.pool_minor) == (
        "2026-10",
        report.gross_minor,
        report.pool_minor,
    )
    assert sum(unrun.pots.values()) == unrun.pool_minor
    assert unrun.gross_minor == unrun.deductions_minor + unrun.provider_minor + unrun.pool_minor
    assert accrue(session, ON, policy, []).unrun == ()


def test_usage_that_came_too_late_is_what_its_restatement_will_add(session, tmp_path, posted):
    close(session)
    bring_in(session, tmp_path, LATE, "late.csv")
    [unrun] = accrue(session, ON, None, []).unrun
    report = restated(session)
    assert unrun.was_run and unrun.gross_minor == 5_000 + 1_234
    assert unrun.pool_minor == report.pool_minor - report.earlier_pool_minor
    assert accrue(session, ON, None, []).unrun == ()


def test_without_a_policy_or_in_another_currency_the_parts_are_not_known(session, tmp_path):
    bring_in(session, tmp_path, LINES)
    found = accrue(session, ON, None, [])
    assert [finding.code for finding in found.findings] == ["NO_POLICY"]
    assert (found.unrun[0].gross_minor, found.unrun[0].pool_minor) == (60 * 997, None)
    other = accrue(session, ON, a_policy(currency="USD"), [])
    assert other.unrun[0].pool_minor is None and other.unrun[0].pots == {}


def test_refunds_beyond_the_revenue_leave_the_parts_unknown(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1, revenue_minor=-5)])
    found = accrue(session, ON, a_policy(), [])
    assert (found.unrun[0].gross_minor, found.unrun[0].pool_minor) == (-5, None)


def test_what_stands_on_accounts_is_owed_until_it_is_ordered(session, posted):
    orders = [ordered("party_1", 100), ordered("party_2", 5, currency="USD")]
    found = accrue(session, ON, None, [*orders, ordered("party_3", 7, Outcome.REJECTED)])
    owed = {each.account: each for each in found.owed}
    ledger = {account: minor for (account, _), minor in balances(session).items()}
    assert owed["party:party_1"].unpaid_minor == ledger["party:party_1"] - 100
    assert owed["party:party_2"].unpaid_minor == ledger["party:party_2"]
    assert "provider:retained" not in owed and "deductions" not in owed
    assert sum(each.balance_minor for each in found.owed) == posted.allocated_minor
    assert sum(found.suspense.values()) == posted.suspense_minor
    assert set(found.suspense) == {("UNMATCHED_WORK", "EUR")}


def test_as_of_a_day_only_what_was_posted_and_taken_in_until_then_counts(session, posted):
    before = accrue(session, date(2026, 11, 1), None, [])
    assert (before.owed, before.suspense, before.unrun, before.projections) == ((), {}, (), ())
    assert accrue(session, date(2026, 11, 2), None, []).owed != ()


def test_accounts_of_other_kinds_count_by_their_names_and_posted_payments_only_once():
    """As the ledger has them where closing settles accounts and payments are postings."""
    ledger = {
        ("bank", "EUR"): -40, ("party:a", "EUR"): 5, ("payable:a", "EUR"): 60, ("reserve:a", "EUR"): 7,
        ("withholding:DE", "EUR"): 3, ("advance:a", "EUR"): -9, ("suspense:DISPUTE:w:1", "EUR"): 2,
        ("provider:retained", "EUR"): 50, ("revenue", "EUR"): -78,
    }  # fmt: skip
    orders = [ordered("a", 40, Outcome.ACCEPTED), ordered("a", 11, Outcome.REJECTED), ordered("a", 20)]
    owed = {each.account: each.unpaid_minor for each in _owed(ledger, orders)}
    assert owed == {"party:a": 5, "payable:a": 40, "reserve:a": 7, "withholding:DE": 3}
    assert _suspense(ledger) == {("DISPUTE", "EUR"): 2}
    plain = {("party:a", "EUR"): 60, ("fund:x", "EUR"): 5}
    orders = [ordered("a", 40, Outcome.ACCEPTED), ordered("fund:x", 5), ordered("a", 9, Outcome.REJECTED)]
    assert {each.account: each.unpaid_minor for each in _owed(plain, orders)} == {"party:a": 20, "fund:x": 0}


@pytest.fixture
def history(session, tmp_path):
    """August gave a half of its revenue by the tenth, September a quarter; October gave 1000 by then."""
    days = [("2026-08-10", 500), ("2026-08-20", 500), ("2026-09-02", 400), ("2026-09-30", 1_200),
            ("2026-10-01", 600), ("2026-10-10", 400), ("2026-10-11", 7_777)]  # fmt: skip
    lines = [a_line(n, used_on=day, revenue_minor=minor) for n, (day, minor) in enumerate(days)]
    bring_in(session, tmp_path, lines)


def _as_if_known(session):
    """Usage was taken in on the 2nd of November; this asks as if it had been long before."""
    session.execute(update(UsageBatch).values(imported_at=datetime(2026, 1, 1, tzinfo=UTC)))


def test_the_current_month_is_projected_from_the_months_before_with_their_range(session, history):
    _as_if_known(session)
    policy = a_policy()
    [found] = accrue(session, date(2026, 10, 10), policy, []).projections
    assert (found.period, found.days, found.so_far_minor) == ("2026-10", 10, 1_000)
    assert found.months == ("2026-08", "2026-09")
    assert found.gross_minor == 1_000 * (1_000 + 1_600) // (500 + 400)
    assert (found.low_minor, found.high_minor) == (2_000, 4_000)
    assert found.pool_minor == dry(policy, OCTOBER, found.gross_minor).pool_minor
    assert "so far" in found.method


def test_without_history_the_projection_is_not_known(session, history):
    _as_if_known(session)
    [found] = accrue(session, date(2026, 8, 15), a_policy(), []).projections
    assert (found.so_far_minor, found.months) == (500, ())
    assert (found.gross_minor, found.low_minor, found.high_minor, found.pool_minor) == (None,) * 4


HISTORY = st.dictionaries(
    st.sampled_from(["2026-01", "2026-02", "2026-03"]),
    st.tuples(st.integers(-9, 10**9), st.integers(-9, 10**9)),
)


@given(st.integers(-5, 10**12), HISTORY)
def test_an_estimate_lies_in_its_range_and_never_below_what_is_there(so_far, history):
    found = project(so_far, history)
    usable = [month for month, (early, whole) in history.items() if 0 < early <= whole]
    assert (found is None) == (so_far <= 0 or not usable)
    if found is not None:
        estimate, low, high, months = found
        assert so_far <= low <= estimate <= high
        assert months == tuple(sorted(usable))


@given(st.integers(0, 10**12), st.integers(0, 999_999), st.integers(0, 1_000_000))
def test_a_dry_month_conserves_its_revenue(gross, deductions, rate):
    policy = a_policy(deductions_ppm=deductions, pool_rate_ppm=rate)
    found = dry(policy, parse_period("2026-10"), gross)
    assert gross == found.deductions_minor + found.provider_minor + found.pool_minor
    assert sum(pot.own_minor for pot in found.pots) == found.pool_minor


def test_months_before_the_current_one_stay_until_they_are_run(session, tmp_path, posted):
    bring_in(session, tmp_path, [a_line(952, used_on="2026-11-02")], "november.csv")
    [unrun] = accrue(session, date(2026, 12, 24), None, []).unrun
    assert (unrun.period, unrun.was_run) == (NOVEMBER.name, False)
