"""Does closing settle every account, in the ledger and on the statements, month after month?"""

import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from royalties.ledger import balances, check_ledger
from royalties.money import parse_minor
from royalties.movements import MovementKind
from royalties.periods import parse_period
from royalties.runs import find_run
from royalties.settlement import Waiting
from royalties.settling import preview
from royalties.statement_files import StatementFormat, render_statement, statement_id
from royalties.statement_pdf import document_json, render_pdf
from royalties.statements import SUSPENSE, Names, list_payees, make_statement
from royalties.tables import LedgerPosting, SettlementRow
from royalties.terms import Hold, IncomeRule, PayeeData
from tests.royalties.builders import (
    NOVEMBER,
    OCTOBER,
    TRAINING,
    a_line,
    a_policy,
    advance,
    agree,
    an_attribution,
    bring_in,
    close,
    run,
    shares_from,
    some_inputs,
)
from tests.royalties.test_dsr_statements import AMOUNTS, total
from tests.royalties.test_restatement import fresh_database

DECEMBER = parse_period("2026-12")
WHOLE = {"deductions_ppm": 0, "pool_rate_ppm": 1_000_000, "threshold_minor": 0, "unattributed": "suspense"}


def a_month(session, folder, period, revenue, *, is_closed=True, **policy):
    """A month in which each payee earns an amount from the output pot, and nothing else."""
    lines = [
        a_line(
            f"{period.name}-{payee}",
            generation=f"gen_{payee}",
            used_on=f"{period.name}-05",
            revenue_minor=minor,
        )
        for payee, minor in revenue.items()
    ]
    bring_in(session, folder, lines, f"{period.name}.csv")
    inputs = some_inputs(
        attributions={
            f"gen_{payee}": an_attribution(f"gen_{payee}", {f"work_{payee}": 1_000_000}) for payee in revenue
        },
        shares_on=shares_from({f"work_{payee}": [(payee, 1_000_000)] for payee in revenue}),
    )
    pots = [{"name": "output", "share_ppm": 1_000_000, "rule": "attribution"}]
    run(session, period=period, policy=a_policy(**({"pots": pots} | WHOLE | policy)), inputs=inputs)
    if is_closed:
        close(session, period)


def statement_of(session, payee, period=OCTOBER):
    return make_statement(session, period, payee, Names())


def held(session, account):
    return balances(session, [account]).get((account, "EUR"), 0)


def test_an_advance_is_recouped_over_three_months_in_the_ledger(session, tmp_path):
    """Section 4.6: paid 0 / 100.00 / 250.00."""
    assert advance(session, "p", 1000_00) == "2026-10"
    paid = []
    for period, minor in ((OCTOBER, 400_00), (NOVEMBER, 700_00), (DECEMBER, 250_00)):
        a_month(session, tmp_path, period, {"p": minor})
        statement = statement_of(session, "p", period)
        paid.append(statement.payable_minor)
        assert (statement.opening_minor, statement.earned_minor) == (0, minor)
        assert held(session, "party:p") == statement.carried_minor == 0
    assert paid == [0, 100_00, 250_00]
    assert (held(session, "payable:p"), held(session, "advance:p"), held(session, "bank")) == (
        350_00, 0, 1000_00,
    )  # fmt: skip
    assert check_ledger(session) == []


def test_a_group_pays_off_one_balance(session, tmp_path):
    for payee in ("a", "b"):
        agree(session, payee, cross_collateral="house")
    advance(session, "a", 700, kind=MovementKind.COST)
    a_month(session, tmp_path, OCTOBER, {"a": 100, "b": 1_000}, is_closed=False)
    before = {payee: statement_of(session, payee).settlement for payee in "ab"}
    close(session)
    assert {payee: statement_of(session, payee).settlement for payee in "ab"} == before
    assert [before[payee].payable_minor for payee in "ab"] == [0, 400]
    assert held(session, "advance:a") == 0
    assert check_ledger(session) == []


def test_income_of_a_pot_that_is_not_recoupable_is_paid(session, posted):
    agree(session, "party_1", not_recoupable=(IncomeRule(pot=TRAINING["name"]),))
    advance(session, "party_1", 10**9)
    close(session)
    statement = statement_of(session, "party_1")
    training = sum(line.amount_minor for line in statement.lines if line.pot == "training")
    assert 0 < training == statement.payable_minor < statement.earned_minor
    assert statement.settlement.recouped_minor == statement.earned_minor - training


def test_a_writer_share_is_not_recoupable_where_the_terms_say_so(session, tmp_path, posted):
    agree(session, "party_1", not_recoupable=(IncomeRule(role="composer"),))
    for payee in ("party_1", "party_2"):
        advance(session, payee, 10**9)
    roles = {"work_b": {"party_1": "composer", "party_2": "composer"}}
    inputs = some_inputs(
        shares_on=shares_from({"work_b": [("party_1", 400_000), ("party_2", 600_000)]}),
        roles_of=lambda *_: roles,
    )
    bring_in(session, tmp_path, [a_line(700, generation="gen_2", used_on="2026-11-03")], "november.csv")
    run(session, period=NOVEMBER, inputs=inputs, policy=a_policy(threshold_minor=0))
    close(session)
    close(session, NOVEMBER)
    writer, other = (statement_of(session, payee, NOVEMBER) for payee in ("party_1", "party_2"))
    assert {line.role for line in writer.lines} == {"composer"}
    assert writer.payable_minor == writer.earned_minor > 0
    assert other.payable_minor == 0 < other.settlement.recouped_minor


def test_a_reserve_is_released_when_it_is_due_even_without_income(session, tmp_path):
    agree(session, "p", reserve_ppm=100_000, release_after_periods=2)
    a_month(session, tmp_path, OCTOBER, {"p": 1_000, "q": 1})
    assert held(session, "reserve:p") == 100
    a_month(session, tmp_path, NOVEMBER, {"q": 1})
    assert held(session, "reserve:p") == 100
    assert "p" not in list_payees(session, NOVEMBER)
    a_month(session, tmp_path, DECEMBER, {"q": 1})
    assert held(session, "reserve:p") == 0
    statement = statement_of(session, "p", DECEMBER)
    assert (statement.settlement.released_minor, statement.payable_minor) == (100, 100)
    a_month(session, tmp_path, DECEMBER.following, {"q": 1})
    assert held(session, "payable:p") == 1_000
    assert check_ledger(session) == []


def test_a_reserve_that_fell_due_in_a_month_without_a_closing_is_released_at_the_next(session, tmp_path):
    agree(session, "p", reserve_ppm=100_000, release_after_periods=1)
    a_month(session, tmp_path, OCTOBER, {"p": 1_000})
    a_month(session, tmp_path, DECEMBER, {"q": 1})
    assert held(session, "reserve:p") == 0
    assert check_ledger(session) == []


def test_tax_goes_to_an_account_of_the_country(session, tmp_path):
    agree(session, "p", residence="US", withholding_ppm=300_000, withholding_basis="example law, section 1")
    a_month(session, tmp_path, OCTOBER, {"p": 1_000})
    assert (held(session, "withholding:US"), held(session, "payable:p")) == (300, 700)
    assert check_ledger(session) == []


def test_held_money_is_carried_and_goes_at_the_closing_after_the_hold_ended(session, tmp_path):
    agree(session, "p", hold=Hold.SANCTIONS, held_by="compliance", held_on="2026-10-01")
    a_month(session, tmp_path, OCTOBER, {"p": 1_000, "q": 1})
    assert statement_of(session, "p").waiting is Waiting.SANCTIONS_HOLD
    agree(session, "p", payee_data=PayeeData.MISSING)
    a_month(session, tmp_path, NOVEMBER, {"q": 1})
    waiting = statement_of(session, "p", NOVEMBER)
    assert (waiting.opening_minor, waiting.carried_minor, waiting.lines) == (1_000, 1_000, ())
    assert waiting.waiting is Waiting.MISSING_PAYEE_DATA
    agree(session, "p")
    a_month(session, tmp_path, DECEMBER, {"q": 1})
    assert held(session, "payable:p") == 1_000
    assert statement_of(session, "p").waiting is Waiting.SANCTIONS_HOLD, "a closed month stays as it was"


def test_what_is_below_the_threshold_waits_only_so_often(session, tmp_path):
    agree(session, "p", pay_out_after_periods=1)
    a_month(session, tmp_path, OCTOBER, {"p": 10}, threshold_minor=100)
    assert statement_of(session, "p").waiting is Waiting.BELOW_THRESHOLD
    a_month(session, tmp_path, NOVEMBER, {"p": 10}, threshold_minor=100)
    assert (statement_of(session, "p", NOVEMBER).payable_minor, held(session, "party:p")) == (20, 0)


def test_a_payee_without_terms_has_the_same_statement_before_and_after_closing(session, posted):
    before = {payee: statement_id(statement_of(session, payee)) for payee in list_payees(session, OCTOBER)}
    close(session)
    after = {payee: statement_id(statement_of(session, payee)) for payee in list_payees(session, OCTOBER)}
    assert after == before
    assert held(session, "payable:party_1") == statement_of(session, "party_1").earned_minor


def test_the_preview_starts_from_what_the_statement_says_and_is_what_closing_does(session, posted):
    agree(session, "party_1", reserve_ppm=250_000, release_after_periods=1, threshold_minor=10**9)
    statement = statement_of(session, "party_1")
    seen = preview(session, find_run(session, OCTOBER), OCTOBER, statement.policy, "party_1")
    assert seen.settlement.opening_minor == statement.opening_minor
    assert seen.settlement.earned_minor == statement.earned_minor
    assert not seen.is_final
    close(session)
    after = statement_of(session, "party_1").settled
    assert (after.settlement, after.release_in, after.is_final) == (seen.settlement, "2026-11", True)


def test_terms_that_come_after_closing_change_nothing_of_it(session, posted):
    close(session)
    before = statement_id(statement_of(session, "party_1"))
    agree(session, "party_1", reserve_ppm=250_000, release_after_periods=1)
    advance(session, "party_1", 500)
    assert statement_id(statement_of(session, "party_1")) == before


def test_an_advance_of_a_closed_month_is_posted_in_the_first_open_one_and_once(session, posted):
    close(session)
    assert advance(session, "party_1", 500) == "2026-11"
    assert advance(session, "party_1", 500) == "2026-11"
    assert held(session, "advance:party_1") == -500
    assert advance(session, "party_1", 500, reference="second") == "2026-11"
    assert held(session, "advance:party_1") == -1_000
    assert check_ledger(session) == []


def test_an_advance_of_a_later_month_is_not_recouped_before_it(session, tmp_path):
    advance(session, "p", 100, day=NOVEMBER.starts_on)
    a_month(session, tmp_path, OCTOBER, {"p": 1_000})
    assert (held(session, "payable:p"), held(session, "advance:p")) == (1_000, -100)


def test_suspense_is_not_settled(session, posted):
    before = sum(
        minor for (account, _), minor in balances(session).items() if account.startswith("suspense:")
    )
    close(session)
    after = sum(minor for (account, _), minor in balances(session).items() if account.startswith("suspense:"))
    assert before == after > 0
    assert statement_of(session, SUSPENSE).waiting is Waiting.NOTHING


def test_closing_again_settles_nothing_again(session, posted):
    first = close(session)
    assert close(session) == first
    count = select(func.count()).select_from(LedgerPosting).where(LedgerPosting.settles == "2026-10")
    assert session.scalar(count) == 1
    rows = session.scalars(select(SettlementRow)).all()
    assert (first.payees, first.payable_minor) == (len(rows), sum(row.payable_minor for row in rows))


def test_a_closing_that_breaks_off_leaves_nothing_of_the_settlement(session, posted):
    close(session)
    session.rollback()
    assert session.scalar(select(func.count()).select_from(SettlementRow)) == 0
    assert held(session, "payable:party_1") == 0
    assert check_ledger(session) == []


@st.composite
def some_terms(draw):
    """Terms of every kind."""
    return {
        "cross_collateral": draw(st.sampled_from(["", "house"])),
        "not_recoupable": draw(st.sampled_from([(), (IncomeRule(pot="output"),)])),
        "reserve_ppm": draw(st.sampled_from([0, 333_333])),
        "release_after_periods": draw(st.integers(1, 2)),
        "residence": "US",
        "withholding_ppm": draw(st.sampled_from([0, 300_000])),
        "threshold_minor": draw(st.sampled_from([None, 400])),
        "hold": draw(st.sampled_from([Hold.NONE, Hold.NONE, Hold.SANCTIONS])),
        "payee_data": draw(st.sampled_from(list(PayeeData))),
    }


month = st.fixed_dictionaries(
    {
        "revenue": st.dictionaries(st.sampled_from("abc"), st.integers(0, 900), min_size=1),
        "terms": st.dictionaries(st.sampled_from("abc"), some_terms()),
        "advances": st.dictionaries(st.sampled_from("abc"), st.integers(1, 900)),
    }
)


@hypothesis_settings(max_examples=15, deadline=None)
@given(st.lists(month, min_size=3, max_size=3))
def test_over_random_months_every_unit_that_was_earned_is_somewhere(sqlite_engines, months):
    earned, paid_in_advance = Counter(), 0
    with tempfile.TemporaryDirectory() as folder, fresh_database(sqlite_engines) as session:
        for number, (period, each) in enumerate(zip((OCTOBER, NOVEMBER, DECEMBER), months, strict=True)):
            for payee, terms in each["terms"].items():
                agree(session, payee, **terms)
            for payee, minor in each["advances"].items():
                advance(session, payee, minor, day=period.starts_on, reference=str(number))
                paid_in_advance += minor
            a_month(session, Path(folder), period, each["revenue"])
            earned.update(each["revenue"])
            assert check_ledger(session) == []
        rows = session.scalars(select(SettlementRow)).all()
        for payee, minor in earned.items():
            mine = [row for row in rows if row.payee_id == payee]
            gone = sum(row.recouped_minor + row.withheld_minor + row.payable_minor for row in mine)
            assert minor == gone + held(session, f"party:{payee}") + held(session, f"reserve:{payee}")
        recouped = sum(row.recouped_minor for row in rows)
        owed = -sum(held(session, f"advance:{payee}") for payee in "abc")
        assert owed == paid_in_advance - recouped >= 0


@pytest.fixture
def a_full_statement(session, tmp_path):
    """A statement on which every sum is there, of October, closed."""
    agree(
        session, "p", contract="C-1", cross_collateral="house", reserve_ppm=100_000, release_after_periods=3,
        residence="US", withholding_ppm=300_000, withholding_basis="example treaty, article 12",
        certificate="CERT-9", threshold_minor=5,
    )  # fmt: skip
    advance(session, "p", 400)
    a_month(session, tmp_path, OCTOBER, {"p": 1_000})
    return statement_of(session, "p")


def test_json_says_what_became_of_the_balance(a_full_statement):
    value = json.loads(render_statement(a_full_statement, StatementFormat.JSON))
    assert value["settlement"] == {
        "state": "closed",
        "number": "2026-10/p",
        "terms": {"version": "1", "contract": "C-1"},
        "advance": {"group": "house", "before": "4.00", "recouped": "4.00", "after": "0.00"},
        "reserve": {"held": "1.00", "release_in": "2027-01", "released": "0.00"},
        "withholding": {
            "gross": "5.00", "rate_ppm": 300_000, "withheld": "1.50", "residence": "US",
            "basis": "example treaty, article 12", "certificate": "CERT-9",
        },
    }  # fmt: skip
    assert (value["payable"], value["carried_forward"], value["threshold"]) == ("3.50", "0.00", "0.05")
    assert "waits_for" not in value
    assert parse_minor(value["closing"], "EUR") == 1_000


def test_a_preview_says_that_the_month_is_open_and_what_waits_why(session, posted):
    agree(session, "party_1", hold=Hold.SANCTIONS, held_by="compliance", held_on="2026-10-01")
    value = json.loads(render_statement(statement_of(session, "party_1"), StatementFormat.JSON))
    assert value["settlement"]["state"] == "not closed"
    assert value["waits_for"] == "SANCTIONS_HOLD"
    assert "compliance" not in json.dumps(value), "who decided is nobody's business"
    html = render_statement(statement_of(session, "party_1"), StatementFormat.HTML).decode()
    assert "is not closed" in html and "a check of sanctions, since 2026-10-01" in html


def test_the_other_forms_show_the_same_sums(a_full_statement):
    html = render_statement(a_full_statement, StatementFormat.HTML).decode()
    paper = document_json(a_full_statement, "id")
    for text in (html, paper):
        for shown in (
            "2026-10/p",
            "Recouped",
            "Held as reserve",
            "1.50",
            "article 12",
            "CERT-9",
            "C-1",
            "3.50",
        ):
            assert shown in text, shown
    assert render_pdf(a_full_statement, "id").startswith(b"%PDF")
    rows = render_statement(a_full_statement, StatementFormat.DSR).decode()
    for name in ("Recouped", "Held-as-reserve", "Withholding-tax"):
        assert name in rows


def test_a_sales_report_comes_to_what_is_payable(a_full_statement):
    data = render_statement(a_full_statement, StatementFormat.DSR)
    for code, cell in AMOUNTS.items():
        assert total(data, code, cell) == a_full_statement.payable_minor == 350
