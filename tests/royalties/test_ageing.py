"""Is money that waits known by its age to the unit, and are the clocks those of the law as it is told?"""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.knowledge import end_of
from royalties.ageing import (
    Held,
    Stage,
    age,
    clocks_of,
    due_days,
    held_in_suspense,
    release_oldest,
    unidentified,
)
from royalties.entitlement import SuspenseReason
from royalties.ledger import balances
from royalties.periods import parse_period
from royalties.restating import restate
from royalties.runs import run_distribution
from tests.royalties.builders import (
    NOVEMBER,
    NOW,
    OCTOBER,
    a_line,
    an_attribution,
    bring_in,
    close,
    put_totals,
    restated,
    run,
    shares_from,
    some_inputs,
)
from tests.royalties.months import cases
from tests.royalties.test_reconciling import let_postings_have_no_run, post_of_no_run
from tests.royalties.test_restatement import fresh_database

LATER = datetime(2026, 12, 20, tzinfo=UTC)
END = end_of(date(2026, 12, 31))


def in_ledger(session):
    """What the ledger holds in suspense, by account."""
    return {
        account: minor
        for (account, _), minor in balances(session).items()
        if account.startswith("suspense:") and minor
    }


def by_account(held):
    sums = {}
    for each in held:
        account = f"suspense:{each.reason}:{each.what}"
        sums[account] = sums.get(account, 0) + each.amount_minor
    return {account: minor for account, minor in sums.items() if minor}


@pytest.mark.parametrize(
    ("month", "starts", "year_ends", "pay_by", "list_by", "held_until"),
    [
        ("2026-10", 1, "2026-12-31", "2027-09-30", "2027-12-31", "2029-12-31"),
        ("2026-01", 1, "2026-12-31", "2027-09-30", "2027-12-31", "2029-12-31"),
        ("2026-10", 7, "2027-06-30", "2028-03-31", "2028-06-30", "2030-06-30"),
        ("2026-06", 7, "2026-06-30", "2027-03-31", "2027-06-30", "2029-06-30"),
        ("2025-03", 6, "2025-05-31", "2026-02-28", "2026-05-31", "2028-05-31"),
        ("2026-10", 12, "2026-11-30", "2027-08-31", "2027-11-30", "2029-11-30"),
        ("2026-12", 12, "2027-11-30", "2028-08-31", "2028-11-30", "2030-11-30"),
    ],
)
def test_the_clocks_run_from_the_end_of_the_financial_year(
    month, starts, year_ends, pay_by, list_by, held_until
):
    clocks = clocks_of(parse_period(month), starts)
    told = (clocks.year_ends_on, clocks.pay_by, clocks.list_by, clocks.held_until)
    assert tuple(map(str, told)) == (year_ends, pay_by, list_by, held_until)


@pytest.mark.parametrize(
    ("on", "stage", "months"),
    [
        (date(2026, 10, 31), Stage.YEAR_OPEN, -3),
        (date(2026, 12, 31), Stage.YEAR_OPEN, -1),
        (date(2027, 1, 1), Stage.TO_PAY, 0),
        (date(2027, 9, 30), Stage.TO_PAY, 8),
        (date(2027, 10, 1), Stage.PAY_OVERDUE, 9),
        (date(2027, 12, 31), Stage.PAY_OVERDUE, 11),
        (date(2028, 1, 1), Stage.LIST_OVERDUE, 12),
        (date(2029, 12, 31), Stage.LIST_OVERDUE, 35),
        (date(2030, 1, 1), Stage.NON_DISTRIBUTABLE, 36),
    ],
)
def test_an_amount_goes_through_the_stages_on_their_days(on, stage, months):
    [aged] = age([Held("2026-10", "UNMATCHED_WORK", "gen_1", "EUR", 5)], on, 1)
    assert (aged.stage, aged.age_months) == (stage, months)


def test_what_is_due_when_is_summed_by_year():
    held = [
        Held("2026-10", "UNMATCHED_WORK", "gen_1", "EUR", 5),
        Held("2026-11", "RESERVE", "work_1", "EUR", 7),
        Held("2025-11", "RESERVE", "work_1", "EUR", 11),
    ]
    on = date(2026, 10, 15)
    rows = [(str(row.on), row.amount_minor, row.overdue) for row in due_days(age(held, on, 1), on)]
    assert rows == [
        ("2026-09-30", 11, True),
        ("2027-09-30", 12, False),
        ("2027-12-31", 5, False),
        ("2028-12-31", 11, False),
        ("2029-12-31", 12, False),
    ]


def test_who_is_not_identified_is_named_once_with_the_months():
    held = [
        Held("2026-10", "UNIDENTIFIED_OWNER", "work_1", "EUR", 5),
        Held("2026-12", "UNIDENTIFIED_OWNER", "work_1", "USD", 5),
        Held("2026-11", "SHARE_OVERCLAIM", "work_2", "EUR", 5),
        Held("2026-11", "SHARE_GAP", "work_3", "EUR", 5),
    ]
    found = unidentified(age(held, date(2027, 1, 1), 1))
    assert found == {
        ("SHARE_GAP", "work_3"): ("2026-11", "2026-11"),
        ("UNIDENTIFIED_OWNER", "work_1"): ("2026-10", "2026-12"),
    }


def test_what_a_run_holds_back_waits_in_its_month(session, posted):
    held = held_in_suspense(session, END)
    assert {each.period for each in held} == {"2026-10"}
    assert sum(each.amount_minor for each in held) == posted.suspense_minor > 0
    assert by_account(held) == in_ledger(session)
    assert SuspenseReason.UNMATCHED_WORK in {each.reason for each in held}


def test_nothing_waits_before_it_was_run(session, posted):
    assert held_in_suspense(session, end_of(date(2026, 11, 1))) == []


def test_what_a_restatement_releases_comes_off_the_month_that_it_restates(session, tmp_path, posted):
    close(session)
    lines = [a_line(950, used_on="2026-11-02", generation="gen_3", revenue_minor=7_000)]
    bring_in(session, tmp_path, lines, "november.csv")
    run(session, period=NOVEMBER)
    before = {
        (each.period, each.reason, each.what): each.amount_minor for each in held_in_suspense(session, END)
    }
    found = {"gen_3": an_attribution("gen_3", {"work_a": 400_000})}
    inputs = some_inputs(attributions=some_inputs().attributions | found)
    restated(session, inputs=inputs, posted_in=NOVEMBER)
    after = {
        (each.period, each.reason, each.what): each.amount_minor for each in held_in_suspense(session, END)
    }
    gone = ("2026-10", "UNMATCHED_WORK", "gen_3")
    assert gone in before and gone not in after, "October's is released"
    left = ("2026-11", "UNMATCHED_WORK", "gen_3")
    assert after[left] == before[left] > 0, "November's waits on"
    assert by_account(held_in_suspense(session, END)) == in_ledger(session)


@settings(max_examples=20, deadline=None)
@given(first=cases(), second=cases())
def test_what_waits_is_what_the_ledger_holds_after_any_restatement(sqlite_engines, first, second):
    usage, policy, inputs = first
    _, other_policy, other = second
    with fresh_database(sqlite_engines) as session:
        put_totals(session, "b1", usage)
        run_distribution(session, OCTOBER, policy, inputs, run_at=NOW)
        close(session)
        restate(session, OCTOBER, other_policy, other, restated_at=LATER)
        held = held_in_suspense(session, END)
        assert by_account(held) == in_ledger(session)
        assert all(each.amount_minor > 0 and each.period == "2026-10" for each in held)
        before = held_in_suspense(session, end_of(date(2026, 12, 19)))
        restate(session, OCTOBER, policy, inputs, restated_at=LATER)
        assert held_in_suspense(session, END) == before, "back is the exact negative"


MONTHS = st.dictionaries(st.sampled_from(["2026-01", "2026-02", "2026-03"]), st.integers(0, 50))
CHANGES = st.dictionaries(st.sampled_from(["2026-02", "2026-03", "2026-04"]), st.integers(-60, 60))


@given(MONTHS, CHANGES)
def test_other_movements_come_off_the_oldest_first_and_nothing_is_lost(months, change):
    left = release_oldest(months, change)
    assert sum(left.values()) == sum(months.values()) + sum(change.values())
    units = [month for month in sorted(months) for _ in range(months[month])]
    units += [month for month, minor in change.items() for _ in range(max(minor, 0))]
    taken = sum(max(-minor, 0) for minor in change.values())
    slow = sorted(units)[taken:]
    if taken <= len(units):
        assert left == {month: slow.count(month) for month in sorted(set(slow))}


def test_what_other_postings_take_off_an_account_comes_off_its_oldest_month(sqlite_engines, tmp_path):
    with fresh_database(sqlite_engines) as session:
        for month in ("2026-10", "2026-11"):
            line = a_line(int(month[-2:]), used_on=f"{month}-05", generation="gen_3", revenue_minor=10_000)
            bring_in(session, tmp_path, [line], f"{month}.csv")
            run(session, period=parse_period(month))
        let_postings_have_no_run(session)
        account = "suspense:UNMATCHED_WORK:gen_3"
        both = {each.period: each.amount_minor for each in held_in_suspense(session, END)}
        taken = both["2026-10"] + 1
        post_of_no_run(session, 1, "2026-12", {account: -taken, "party:party_1": taken}, LATER)
        held = held_in_suspense(session, END)
        assert [(each.period, each.amount_minor) for each in held] == [("2026-11", both["2026-11"] - 1)]
        assert by_account(held) == in_ledger(session)
        earlier = held_in_suspense(session, end_of(date(2026, 12, 19)))
        assert {each.period: each.amount_minor for each in earlier} == both


def test_shares_that_come_to_light_later_release_a_work(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1, revenue_minor=10_000)])
    nobody = some_inputs(shares_on=shares_from({"work_b": [("party_2", 1_000_000)]}))
    run(session, inputs=nobody)
    close(session)
    held = {(each.reason, each.what) for each in held_in_suspense(session, END)}
    assert ("UNIDENTIFIED_OWNER", "work_a") in held
    restated(session, inputs=some_inputs())
    assert {each.reason for each in held_in_suspense(session, END)} & {"UNIDENTIFIED_OWNER"} == set()
