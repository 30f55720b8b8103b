"""Is what was stated and its deltas what a fresh run would have given, to the unit?"""

import tempfile
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from royalties.distribution import distribute
from royalties.errors import CurrencyMismatchError, NothingToDistributeError, RestateRefusedError
from royalties.ledger import balances, check_ledger, payee_account
from royalties.restatement import Source, Stated, compare, movements_of, topic_of, totals_of
from royalties.restating import read_stated
from royalties.runs import get_run, make_exposure
from royalties.shares import read_shares, works_of
from royalties.tables import DeltaRow, LedgerEntry, LedgerPosting, RestatementRow
from tests.royalties.builders import (
    LINES,
    NOVEMBER,
    OCTOBER,
    a_line,
    a_policy,
    a_total,
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
from tests.royalties.rich_months import rich_cases
from tests.royalties.test_distribution import distributed


def divided(case):
    usage, policy, inputs = case
    return distribute(
        usage, policy, OCTOBER, inputs, read_shares(usage, works_of(usage, inputs), policy, OCTOBER, inputs)
    )


def as_stated(distribution, document="dist_x"):
    return [
        Stated(Source(document, number), each)
        for number, each in enumerate(distribution.allocations, start=1)
    ]


def negated(totals):
    return [replace(total, units=-total.units, revenue_minor=-total.revenue_minor) for total in totals]


def total_of(deltas):
    return sum(delta.amount_minor for delta in deltas)


def after(stated, deltas, document):
    """The lines as they stand after some deltas, by the definition."""
    superseded = {delta.before.source for delta in deltas if delta.before}
    added = [Stated(Source(document, number), delta.after) for number, delta in enumerate(deltas, start=1)]
    return [each for each in stated if each.source not in superseded] + added


def amounts(allocations):
    """How often a line about something has an amount."""
    return Counter((topic_of(each), each.amount_minor) for each in allocations if each.amount_minor)


def by_topic(deltas):
    sums = defaultdict(int)
    for delta in deltas:
        sums[topic_of(delta.after)] += delta.amount_minor
    return {topic: minor for topic, minor in sums.items() if minor}


@settings(max_examples=150, deadline=None)
@given(cases(), cases())
def test_lines_and_deltas_are_the_fresh_lines(one, other):
    before, fresh = divided(one), divided(other)
    deltas = compare(as_stated(before), fresh.allocations)
    stated = after(as_stated(before), deltas, "rst_1")
    assert amounts(each.allocation for each in stated) == amounts(fresh.allocations)
    assert total_of(deltas) == fresh.pool_minor - before.pool_minor
    assert compare(stated, fresh.allocations) == ()
    sources = [delta.before.source for delta in deltas if delta.before]
    assert len(sources) == len(set(sources)), "a line is superseded once"
    for delta in deltas:
        assert delta.amount_minor != 0
        assert delta.before is None or topic_of(delta.before.allocation) == topic_of(delta.after)
        assert delta.after in fresh.allocations or delta.after.amount_minor == 0


@settings(max_examples=100, deadline=None)
@given(cases(), cases())
def test_going_back_is_the_exact_negative(one, other):
    before, fresh = divided(one), divided(other)
    there = compare(as_stated(before), fresh.allocations)
    back = compare(after(as_stated(before), there, "rst_1"), before.allocations)
    assert by_topic(back) == {topic: -minor for topic, minor in by_topic(there).items()}
    moved = movements_of(totals_of(before), totals_of(fresh), there)
    assert sum(moved.values()) == 0
    assert movements_of(totals_of(fresh), totals_of(before), back) == {
        account: -minor for account, minor in moved.items()
    }


@settings(max_examples=60, deadline=None)
@given(rich_cases(), rich_cases())
def test_deltas_by_every_policy_are_exact_and_go_back_to_nothing(one, other):
    before, fresh = distributed(*one), distributed(*other)
    there = compare(as_stated(before), fresh.allocations)
    stated = after(as_stated(before), there, "rst_1")
    assert amounts(each.allocation for each in stated) == amounts(fresh.allocations)
    assert total_of(there) == fresh.pool_minor - before.pool_minor
    back = compare(stated, before.allocations)
    assert by_topic(back) == {topic: -minor for topic, minor in by_topic(there).items()}
    assert sum(movements_of(totals_of(before), totals_of(fresh), there).values()) == 0


@contextmanager
def fresh_database(sqlite_engines):
    with tempfile.TemporaryDirectory() as folder:
        for engine in sqlite_engines(Path(folder)):
            with Session(engine) as session:
                yield session


def lines_of(session):
    stated = read_stated(session, get_run(session, OCTOBER))
    return amounts(each.allocation for each in stated.lines)


def whole(session):
    """The balance of each account that is not empty; what is payable to a payee is the payee's still."""
    sums = Counter()
    for (account, currency), minor in balances(session).items():
        payee = account.removeprefix("payable:")
        sums[account if payee == account else payee_account(payee), currency] += minor
    return {account: minor for account, minor in sums.items() if minor}


@settings(max_examples=25, deadline=None)
@given(one=cases(), other=cases(), policy_changes=st.booleans())
def test_a_run_and_its_restatement_are_a_fresh_run_per_payee_and_per_line(
    sqlite_engines, one, other, policy_changes
):
    (usage, policy, inputs), (late, other_policy, changed) = one, other
    policy_now = other_policy if policy_changes else policy
    with fresh_database(sqlite_engines) as session:
        put_totals(session, "all", [*usage, *late])
        run(session, policy=policy_now, inputs=changed)
        expected, balances_expected = lines_of(session), whole(session)
    with fresh_database(sqlite_engines) as session:
        put_totals(session, "first", usage)
        run(session, policy=policy, inputs=inputs)
        lines_before, balances_before = lines_of(session), whole(session)
        close(session)
        put_totals(session, "late", late)
        there = restated(session, policy=policy_now, inputs=changed)
        assert lines_of(session) == expected
        assert whole(session) == balances_expected
        assert total_of(there.deltas) == there.pool_minor - there.earlier_pool_minor
        again = restated(session, policy=policy_now, inputs=changed)
        assert (again.restatement, again.deltas) == ("", ())
        put_totals(session, "back", negated(late))
        back = restated(session, policy=policy, inputs=inputs)
        assert by_topic(back.deltas) == {topic: -minor for topic, minor in by_topic(there.deltas).items()}
        assert (lines_of(session), whole(session)) == (lines_before, balances_before)
        assert check_ledger(session) == []


def test_the_reversal_of_a_run_is_its_exact_negative(session, tmp_path, posted):
    before = balances(session)
    close(session)
    refunds = [
        a_line(**line | {"line_id": f"R{n}", "units": -10, "revenue_minor": -997})
        for n, line in enumerate(LINES)
    ]
    bring_in(session, tmp_path, refunds, "refunds.csv")
    report = restated(session)
    assert report.pool_minor == 0
    query = (
        select(LedgerEntry.account, LedgerEntry.amount_minor)
        .join(LedgerPosting)
        .where(LedgerPosting.restatement_id == report.restatement)
    )
    moved = {account: minor for account, minor in session.execute(query)}
    assert moved == {account: -minor for (account, _), minor in before.items() if minor}
    assert whole(session) == {}
    assert all(delta.after.amount_minor == 0 for delta in report.deltas)


def test_the_month_by_hand_is_restated_to_the_cent():
    """Work A is 60 % of the output pot of 18.90 and half the training pot of 8.10; party 1 had half of A."""

    def month(share_ppm):
        table = {
            "work_a": [("party_1", share_ppm), ("party_2", 1_000_000 - share_ppm)],
            "work_b": [("party_2", 333_333), ("party_3", 666_667)],
        }
        inputs = some_inputs(
            attributions={"gen_1": an_attribution("gen_1", {"work_a": 600_000, "work_b": 300_000})},
            public_domain=frozenset(),
            exposure=make_exposure({"work_a": 10, "work_b": 10}),
            shares_on=shares_from(table),
        )
        return divided(([a_total(revenue_minor=10_000)], a_policy(unattributed="fund:research"), inputs))

    before, fresh = month(500_000), month(400_000)
    deltas = compare(as_stated(before), fresh.allocations)
    moved = movements_of(totals_of(before), totals_of(fresh), deltas)
    assert moved == {"party:party_1": -154, "party:party_2": 154}
    now = defaultdict(int)
    for topic, minor in amounts(fresh.allocations):
        now[topic.pot, topic.payee.id] += minor
    assert (now["output", "party_1"], now["training", "party_1"]) == (454, 162)
    assert (now["output", "party_2"], now["training", "party_2"]) == (869, 378)
    assert fresh.pool_minor == before.pool_minor == 2700


def test_late_usage_is_posted_in_the_open_month_and_names_what_it_supersedes(session, posted, corrected):
    assert (corrected.restates, corrected.period, corrected.run) == ("2026-10", "2026-11", posted.run)
    assert corrected.supersedes == posted.run
    assert corrected.changed == ("usage",)
    assert total_of(corrected.deltas) == corrected.pool_minor - posted.pool_minor > 0
    rows = session.scalars(select(DeltaRow).order_by(DeltaRow.line_no)).all()
    assert len(rows) == len(corrected.deltas) > 0
    assert {row.run_id for row in rows} == {posted.run}
    assert check_ledger(session) == []
    [period] = session.scalars(select(LedgerPosting.period).where(LedgerPosting.restatement_id.is_not(None)))
    assert period == "2026-11"


def test_a_second_restatement_supersedes_the_lines_of_the_first(session, corrected):
    second = restated(session, inputs=some_inputs(exposure=make_exposure({"work_a": 1, "work_b": 1})))
    assert second.supersedes == corrected.restatement
    documents = {delta.before.source.document for delta in second.deltas if delta.before}
    assert documents >= {corrected.restatement}
    assert [
        row.number for row in session.scalars(select(RestatementRow).order_by(RestatementRow.number))
    ] == [1, 2]
    assert check_ledger(session) == []


def test_a_share_that_changes_moves_money_from_one_owner_to_the_other(session, posted):
    close(session)
    table = {
        "work_a": [("party_1", 400_000), ("party_2", 600_000)],
        "work_b": [("party_2", 333_333), ("party_3", 666_667)],
    }
    before = balances(session)
    report = restated(session, inputs=some_inputs(shares_on=shares_from(table)))
    assert (report.changed, report.pool_minor) == (("shares",), posted.pool_minor)
    change = {account: minor - before[account] for account, minor in balances(session).items()}
    assert change["party:party_1", "EUR"] == -change["party:party_2", "EUR"] < 0
    assert change["party:party_3", "EUR"] == 0
    of_a = [delta for delta in report.deltas if delta.after.line.work == "work_a"]
    assert {delta.before.allocation.line.share_ppm for delta in of_a if delta.before} == {500_000}
    assert {delta.after.line.share_ppm for delta in of_a} == {400_000, 600_000}


def test_the_same_restatement_has_the_same_name_on_every_database(corrected):
    assert (corrected.restatement, corrected.digest) == (
        "rst_006993a3cf9df589",
        "33605e508be749a58ddd4c00c1dedfb1b292a7187719f57ceb96c17f38dc43bf",
    )


def test_nothing_new_restates_nothing(session, posted):
    close(session)
    report = restated(session)
    assert (report.restatement, report.deltas, report.changed) == ("", (), ())
    assert session.scalar(select(func.count()).select_from(RestatementRow)) == 0


def test_an_open_month_is_not_restated(session, posted):
    with pytest.raises(RestateRefusedError, match="2026-10 is open"):
        restated(session)


def test_a_restatement_is_posted_after_the_last_closed_month(session, tmp_path, posted):
    bring_in(session, tmp_path, [a_line(500 + n, used_on="2026-11-03") for n in range(9)], "november.csv")
    run(session, period=NOVEMBER)
    close(session)
    close(session, NOVEMBER)
    bring_in(session, tmp_path, [a_line(999)], "late.csv")
    with pytest.raises(RestateRefusedError, match="2026-12"):
        restated(session, posted_in=NOVEMBER)
    assert restated(session, posted_in=NOVEMBER.following.following).period == "2027-01"
    assert check_ledger(session) == []


def test_more_refunds_than_revenue_are_not_restated(session, tmp_path, posted):
    close(session)
    bring_in(session, tmp_path, [a_line(999, revenue_minor=-posted.gross_minor - 1)], "refunds.csv")
    with pytest.raises(NothingToDistributeError, match="refunds"):
        restated(session)


def test_a_restatement_that_is_interrupted_leaves_nothing(engine, session, tmp_path, posted):
    close(session)
    session.commit()
    bring_in(session, tmp_path, [a_line(999)], "late.csv")
    session.commit()
    before = whole(session)
    restated(session)
    session.rollback()
    assert whole(session) == before
    assert session.scalar(select(func.count()).select_from(DeltaRow)) == 0
    assert restated(session).deltas


def test_a_line_whose_evidence_alone_is_newer_is_not_stated_again(session, posted):
    close(session)
    newer = some_inputs(exposure=replace(some_inputs().exposure, digest="another"))
    report = restated(session, inputs=newer)
    assert (report.deltas, report.changed) == ((), ("exposure",))


def test_usage_in_another_currency_keeps_a_restatement_out_of_a_month(session, tmp_path, posted):
    close(session)
    bring_in(session, tmp_path, [a_line(1000, currency="SEK", used_on="2026-11-03")], "sek.csv")
    bring_in(session, tmp_path, [a_line(999)], "late.csv")
    with pytest.raises(CurrencyMismatchError, match="SEK"):
        restated(session)
    assert restated(session, posted_in=NOVEMBER.following).period == "2026-12"
