"""Is every unit followed from the bank to the payee, and every difference named with its amount?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text

from catalog.findings import Severity
from royalties.bank_in import import_receipts
from royalties.errors import NotFoundError
from royalties.payments_status import Outcome
from royalties.reconciling import compare_bank, reconcile
from royalties.reconciling_payments import OrderedPayment, PaymentState, compare_payments
from royalties.recorded_terms import record_terms
from royalties.statements import SUSPENSE, Names, list_payees, make_statement
from royalties.tables import LedgerEntry
from royalties.terms import parse_terms
from tests.royalties.builders import LINES, NOVEMBER, NOW, OCTOBER, a_line, bring_in, close, restated, run
from tests.royalties.conftest import LATE
from tests.royalties.test_ledger import _without_triggers
from tests.royalties.test_restatement import fresh_database

GROSS = 60 * 997
OTHER = "2026-11-10,Other,R,2026-10,EUR,7"
ADD_ONE = "amount_minor = amount_minor + 1 WHERE"


def receipts(session, folder, *rows):
    path = folder / "receipts.csv"
    head = "received_on,service,reference,period,currency,amount_minor"
    path.write_text("\n".join([head, *(f"2026-11-10,{row}" for row in rows)]) + "\n")
    report = import_receipts(session, path, imported_at=NOW)
    assert report.quarantined == 0, report.findings


def found(session, period=OCTOBER, ordered=()):
    return reconcile(session, period, ordered)


def codes(result):
    return [finding.code for finding in result.findings]


def difference(result, step):
    return [each.difference_minor for each in result.compared if each.step == step]


def test_a_month_whose_money_came_in_is_whole(session, tmp_path, posted):
    receipts(
        session, tmp_path, f"Example Stream,R1,2026-10,EUR,{GROSS - 5}", "Example Stream,R2,2026-10,EUR,5"
    )
    result = found(session)
    assert not result.blocked
    assert set(codes(result)) == {"NOT_ORDERED"}
    assert all(each.difference_minor == 0 for each in result.compared)
    sums = {each.what: each.found_minor for each in result.compared}
    assert sums["the pool, and the sum of the statements"] == posted.pool_minor
    assert result.ledger["revenue"] == -GROSS and sum(result.ledger.values()) == 0


@pytest.mark.parametrize(
    ("row", "code", "amount", "blocks"),
    [
        (f"Example Stream,R,2026-10,EUR,{GROSS - 1}", "BANK_SHORT", "0.01 EUR", True),
        (f"Example Stream,R,2026-10,EUR,{GROSS + 100}", "BANK_OVER", "1.00 EUR", False),
        (f"Example Stream,R,2026-11,EUR,{GROSS}", "BANK_SHORT", "598.20 EUR", True),
        (f"Example Stream,R,2026-10,USD,{GROSS}", "BANK_SHORT", "598.20 EUR", True),
        (f"Example Stream,R,2026-10,EUR,{GROSS}\n{OTHER}", "BANK_UNREPORTED", "0.07", False),
    ],
)
def test_what_came_in_otherwise_is_named_with_its_amount(
    session, tmp_path, posted, row, code, amount, blocks
):
    receipts(session, tmp_path, row)
    result = found(session)
    [finding] = [finding for finding in result.findings if finding.code == code]
    assert amount in finding.message
    assert result.blocked is blocks


def test_usage_that_came_too_late_is_named_until_it_is_restated(session, tmp_path, posted):
    receipts(session, tmp_path, f"Example Stream,R1,2026-10,EUR,{GROSS + 5000 + 1234}")
    close(session)
    bring_in(session, tmp_path, LATE, "late.csv")
    result = found(session)
    [late] = [finding for finding in result.findings if finding.code == "USAGE_NOT_COUNTED"]
    assert late.severity is Severity.WARNING and "62.34 EUR" in late.message
    restated(session)
    assert "USAGE_NOT_COUNTED" not in codes(found(session))
    assert not found(session).blocked


def test_restatements_count_in_the_month_in_which_they_are_posted(session, tmp_path, corrected):
    bring_in(session, tmp_path, [a_line(952, used_on="2026-11-02")], "november.csv")
    report = run(session, period=NOVEMBER)
    receipts(session, tmp_path, "Example Stream,R1,2026-11,EUR,1234")
    result = found(session, NOVEMBER)
    assert not result.blocked
    sums = {each.what: each.found_minor for each in result.compared}
    change = corrected.pool_minor - corrected.earlier_pool_minor
    assert sums["the pool, and the sum of the statements"] == report.pool_minor + change
    total = 0
    for payee in list_payees(session, NOVEMBER):
        statement = make_statement(session, NOVEMBER, payee, Names())
        total += statement.earned_minor + statement.restated_minor
    assert total == report.pool_minor + change, "the sums by SQL are those of the statements"
    assert difference(result, "ledger") == [0, 0]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (f"UPDATE allocation SET {ADD_ONE} line_no = 1", "STATEMENTS_NOT_POOL"),
        (f"UPDATE ledger_entry SET {ADD_ONE} account = 'party:party_1'", "ACCOUNT_DIFFERS"),
        (f"UPDATE ledger_entry SET {ADD_ONE} account = 'revenue'", "LEDGER_DIFFERS"),
        ("UPDATE usage_total SET revenue_minor = revenue_minor + 1", "USAGE_NOT_GROSS"),
    ],
)  # fmt: skip
def test_books_that_were_changed_block(session, posted, statement, code):
    _without_triggers(session)
    session.execute(text(statement))
    session.expire_all()
    result = found(session)
    assert code in codes(result) and result.blocked


def ordered(payee, minor, outcome=None, period="2026-10", currency="EUR"):
    return OrderedPayment(payee, period, currency, minor, outcome)


def test_what_is_payable_is_what_the_statements_say(session, posted):
    payments = {each.payee: each.payable_minor for each in found(session).payments}
    told = {}
    for payee in list_payees(session, OCTOBER):
        statement = make_statement(session, OCTOBER, payee, Names())
        if payee != SUSPENSE and statement.payable_minor:
            told[payee] = statement.payable_minor
    assert payments == told and len(told) >= 3


def test_orders_and_answers_stand_beside_what_is_payable(session, posted):
    payable = {each.payee: each.payable_minor for each in found(session).payments}
    one, two, three = (payable[f"party_{n}"] for n in (1, 2, 3))
    result = found(
        session,
        ordered=[
            ordered("party_1", one, Outcome.ACCEPTED),
            ordered("party_2", two, Outcome.REJECTED),
            ordered("party_3", three + 3),
            ordered("party_1", 10**9, period="2026-11"),
            ordered("party_1", 10**9, currency="USD"),
        ],
    )
    states = {each.payee: each for each in result.payments}
    assert states["party_1"].open_minor == 0
    assert (states["party_2"].open_minor, states["party_2"].refused_minor) == (two, two)
    assert states["party_3"].open_minor == -3
    by_payee = {(f.where, f.code) for f in result.findings}
    assert ("payee party_2", "PAYMENT_REFUSED") in by_payee
    assert {("payee party_3", "PAID_TOO_MUCH"), ("payee party_3", "NO_ANSWER")} <= by_payee
    assert not any(where == "payee party_1" for where, _ in by_payee)
    assert result.blocked


def test_what_was_ordered_for_an_earlier_month_is_no_more_payable(session, tmp_path, posted):
    close(session)
    payable = {each.payee: each.payable_minor for each in found(session).payments}
    bring_in(session, tmp_path, [a_line(952, used_on="2026-11-02", revenue_minor=20_000)], "november.csv")
    run(session, period=NOVEMBER)
    before = open_minor(session)
    after = open_minor(session, ordered("party_1", payable["party_1"]))
    assert before["party_1"] - after["party_1"] == payable["party_1"]
    assert before == open_minor(session, ordered("party_1", payable["party_1"], Outcome.REJECTED))
    assert before["party_2"] == after["party_2"]


def test_what_waits_after_the_closing_is_not_told_as_payable(session, posted):
    parties = sorted({payee for payee in list_payees(session, OCTOBER) if payee != SUSPENSE})
    tables = [
        f'[[payees]]\nparty = "{party}"\nhold = "sanctions"\nheld_by = "compliance"\nheld_on = 2026-10-09'
        for party in parties
    ]
    terms, findings = parse_terms("\n".join(['version = "1"', 'currency = "EUR"', *tables]).encode())
    assert terms is not None, findings
    record_terms(session, terms, recorded_at=NOW)
    close(session)
    result = found(session)
    assert [each.payable_minor for each in result.payments if each.payable_minor] == []
    assert "NOT_ORDERED" not in codes(result)


def open_minor(session, *orders):
    return {each.payee: each.open_minor for each in found(session, NOVEMBER, orders).payments}


def post_of_no_run(session, number, period, moved, when=NOW):
    """A posting as closings that settle accounts and payments make them; earlier ledgers refuse it."""
    session.execute(
        text(
            "INSERT INTO ledger_posting (id, period, description, posted_at) VALUES (:id, :period, '', :at)"
        ),
        {"id": f"pst_{number}", "period": period, "at": when.strftime("%Y-%m-%d %H:%M:%S.%f")},
    )
    rows = [
        {"sequence": 1000 * number + at, "posting_id": f"pst_{number}", "account": account, "digest": "",
         "amount_minor": minor, "currency": "EUR"}
        for at, (account, minor) in enumerate(moved.items())
    ]  # fmt: skip
    session.execute(insert(LedgerEntry), rows)


def let_postings_have_no_run(session):
    """The ledger's table as it is where postings need not belong to a run."""
    _without_triggers(session)
    connection = session.connection()
    connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, 'run_id TEXT NOT NULL', 'run_id TEXT') "
        "WHERE name = 'ledger_posting'"
    )
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def test_where_closings_settle_accounts_what_they_made_payable_counts(sqlite_engines, tmp_path):
    with fresh_database(sqlite_engines) as session:
        bring_in(session, tmp_path, LINES)
        run(session)
        bring_in(session, tmp_path, [a_line(952, used_on="2026-11-02")], "november.csv")
        run(session, period=NOVEMBER)
        let_postings_have_no_run(session)
        post_of_no_run(
            session, 1, "2026-10", {"party:party_1": -700, "payable:party_1": 600, "withholding:DE": 100}
        )
        post_of_no_run(session, 2, "2026-11", {"party:party_1": -50, "payable:party_1": 50})
        post_of_no_run(session, 3, "2026-11", {"payable:party_1": -600, "bank": 600})
        post_of_no_run(session, 4, "2026-11", {"payable:party_1": 600, "bank": -600})
        october = [ordered("party_1", 600, Outcome.ACCEPTED)]
        [state] = found(session, ordered=october).payments
        assert (state.payee, state.payable_minor, state.open_minor) == ("party_1", 600, 0)
        [state] = found(session, NOVEMBER, october).payments
        assert (state.payable_minor, state.open_minor) == (650, 50), "what was paid before stays paid"
        result = found(session, NOVEMBER, [*october, ordered("party_1", 50, period="2026-11")])
        assert result.payments[0].open_minor == 0
        assert {f.code for f in result.findings if f.severity is Severity.ERROR} == {"BANK_SHORT"}
        assert all(each.difference_minor == 0 for each in result.compared if each.step != "bank")
        assert (result.ledger["payable"], result.ledger["bank"]) == (50, 0)


def test_a_month_that_was_not_run_has_nothing_to_reconcile(session):
    with pytest.raises(NotFoundError, match="was not distributed"):
        found(session)


AMOUNTS = st.dictionaries(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["EUR", "USD"])), st.integers(-9, 9), max_size=6
)


@given(AMOUNTS, AMOUNTS)
def test_the_differences_at_the_bank_sum_to_the_difference_of_the_sums(reported, received):
    compared = list(compare_bank(reported, received))
    total = sum(each.difference_minor for each in compared)
    assert total == sum(received.values()) - sum(reported.values())
    assert len(compared) == len(reported.keys() | received.keys())


ORDERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 99), st.sampled_from([None, *Outcome])), max_size=8
)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 99)), ORDERS)
def test_nothing_of_an_order_is_lost(payable, orders):
    states = compare_payments(payable, [ordered(payee, minor, outcome) for payee, minor, outcome in orders])
    told = sum(s.accepted_minor + s.pending_minor + s.unanswered_minor + s.refused_minor for s in states)
    assert told == sum(minor for _, minor, _ in orders)
    live = sum(minor for _, minor, outcome in orders if outcome is not Outcome.REJECTED)
    assert sum(s.open_minor for s in states) == sum(payable.values()) - live
    assert all(isinstance(state, PaymentState) for state in states)
