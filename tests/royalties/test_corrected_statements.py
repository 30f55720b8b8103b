"""Do statements show what was restated: every unit, both versions, and what each line supersedes?"""

import csv
import io
import json
from dataclasses import replace

import pytest

from console.steps.catalogue import earned
from royalties.errors import NotFoundError
from royalties.explaining import explain_line
from royalties.ledger import balances
from royalties.money import format_minor, parse_minor
from royalties.periods import parse_period
from royalties.runs import make_exposure
from royalties.statement_files import StatementFormat, render_statement, statement_id
from royalties.statement_pdf import document_json
from royalties.statements import SUSPENSE, Names, list_payees, make_statement
from tests.royalties.builders import (
    NOVEMBER,
    OCTOBER,
    a_line,
    bring_in,
    close,
    restated,
    run,
    shares_from,
    some_inputs,
)
from tests.royalties.test_dsr_statements import AMOUNTS, records, total

LESS_TO_1 = some_inputs(
    shares_on=shares_from(
        {
            "work_a": [("party_1", 100_000), ("party_2", 900_000)],
            "work_b": [("party_2", 333_333), ("party_3", 666_667)],
        }
    )
)


def statement_of(session, payee="party_1", period=NOVEMBER):
    return make_statement(session, period, payee, Names())


def november(session, tmp_path):
    bring_in(session, tmp_path, [a_line(500 + n, used_on="2026-11-03") for n in range(9)], "november.csv")
    return run(session, period=NOVEMBER)


def test_a_month_without_a_run_has_statements_of_what_is_restated_in_it(session, corrected):
    statements = [statement_of(session, payee) for payee in list_payees(session, NOVEMBER)]
    assert sum(s.restated_minor for s in statements) == corrected.pool_minor - corrected.earlier_pool_minor
    assert {s.earned_minor for s in statements} == {0}
    held = next(s for s in statements if s.payee == SUSPENSE)
    assert held.restated_minor > 0, "gen_3 has no attribution"
    assert {line.restated.period for s in statements for line in s.lines} == {"2026-10"}
    for form in set(StatementFormat) - {StatementFormat.PDF}:
        assert b"None" not in render_statement(held, form)
    assert "None" not in document_json(held, "id")


def test_a_run_and_what_is_restated_stand_side_by_side(session, tmp_path, posted, corrected):
    pool_minor = november(session, tmp_path).pool_minor
    statements = [statement_of(session, payee) for payee in list_payees(session, NOVEMBER)]
    assert sum(s.earned_minor for s in statements) == pool_minor
    assert sum(s.restated_minor for s in statements) == corrected.pool_minor - posted.pool_minor
    for statement in statements:
        lines = [line for line in statement.lines if not line.restated]
        assert sum(line.amount_minor for line in lines) == statement.earned_minor
        before = make_statement(session, OCTOBER, statement.payee, Names())
        assert statement.opening_minor == before.carried_minor, "what is payable left the account"
    party = statement_of(session, "party_2")
    assert party.closing_minor == balances(session)["party:party_2", "EUR"]


def test_a_closed_month_keeps_its_statements(session, tmp_path, posted):
    before = {
        payee: statement_id(statement_of(session, payee, OCTOBER)) for payee in list_payees(session, OCTOBER)
    }
    close(session)
    bring_in(session, tmp_path, [a_line(999), a_line(800, used_on="2026-09-03")], "late.csv")
    restated(session, inputs=LESS_TO_1)
    november(session, tmp_path)
    run(session, period=parse_period("2026-09"))
    assert before == {
        payee: statement_id(statement_of(session, payee, OCTOBER)) for payee in list_payees(session, OCTOBER)
    }


def test_what_is_taken_back_from_a_payee_lowers_its_balance(session, posted):
    close(session)
    first = statement_of(session, period=OCTOBER)
    restated(session, inputs=LESS_TO_1)
    second = statement_of(session)
    assert second.restated_minor < 0
    assert second.closing_minor == first.carried_minor + second.restated_minor
    nothing = shares_from({"work_b": [("party_3", 1_000_000)]})
    restated(session, inputs=some_inputs(shares_on=nothing))
    assert statement_of(session).closing_minor == -first.payable_minor < 0
    assert balances(session)["party:party_1", "EUR"] == -first.payable_minor


def test_a_balance_below_zero_is_not_payable_and_not_dropped(session, tmp_path, posted):
    close(session)
    restated(session, inputs=LESS_TO_1)
    november(session, tmp_path)
    statement = statement_of(session)
    assert statement.opening_minor == 0 > statement.restated_minor
    paid_out = replace(statement, earned_minor=0)
    assert paid_out.payable_minor == 0
    assert paid_out.carried_minor == paid_out.closing_minor == statement.restated_minor < 0


def test_json_and_csv_say_what_each_correction_supersedes(session, posted):
    close(session)
    report = restated(session, inputs=LESS_TO_1)
    statement = statement_of(session)
    value = json.loads(render_statement(statement, StatementFormat.JSON))
    assert parse_minor(value["restated"], "EUR") == statement.restated_minor
    october = json.loads(render_statement(statement_of(session, period=OCTOBER), StatementFormat.JSON))
    for line in value["lines"]:
        old, new = line["restates"]["before"], line["restates"]["after"]
        assert line["restates"]["restatement"] == report.restatement
        assert line["restates"]["supersedes"]["document"] == posted.run
        assert parse_minor(line["amount"], "EUR") == (
            parse_minor(new["amount"], "EUR") - parse_minor(old["amount"], "EUR")
        )
        assert old["amount"] in [each["amount"] for each in october["lines"]]
    rows = list(csv.DictReader(io.StringIO(render_statement(statement, StatementFormat.CSV).decode())))
    assert [row["restates"] for row in rows] == ["2026-10"] * len(statement.lines)
    assert all(row["supersedes"].startswith(f"{posted.run} line ") for row in rows)
    assert [parse_minor(row["amount"], "EUR") for row in rows] == [
        parse_minor(row["after"], "EUR") - parse_minor(row["before"], "EUR") for row in rows
    ]


def test_html_has_the_corrections_in_a_table_of_their_own(session, posted):
    close(session)
    restated(session, inputs=LESS_TO_1)
    statement = statement_of(session)
    html = render_statement(statement, StatementFormat.HTML).decode()
    assert "Restated of earlier months" in html
    assert f"<code>{posted.run} line " in html
    assert format_minor(statement.restated_minor, "EUR") in html
    assert "none in this month" in html
    october = render_statement(statement_of(session, period=OCTOBER), StatementFormat.HTML)
    assert b"Restated" not in october


def test_a_sales_report_has_each_restated_month_as_a_block_and_comes_to_what_is_payable(
    session, tmp_path, posted, corrected
):
    november(session, tmp_path)
    for payee in list_payees(session, NOVEMBER):
        statement = statement_of(session, payee)
        data = render_statement(statement, StatementFormat.DSR)
        for code, cell in AMOUNTS.items():
            assert total(data, code, cell) == statement.payable_minor
        blocks = [row for row in records(data) if row.get("ResourceType", "").endswith("::Restatement")]
        assert [row["DspResourceId"] for row in blocks] == ["restated:2026-10"] * bool(
            statement.restated_minor
        )


def test_on_paper_corrections_stand_in_a_table_of_their_own_and_sums_agree(
    session, tmp_path, posted, corrected
):
    november(session, tmp_path)
    statement = statement_of(session, "party_2")
    parts = {part["title"]: part for part in json.loads(document_json(statement, "id"))["parts"]}
    own, corrections = parts["Lines"], parts["Corrections of earlier months"]
    assert len(own["rows"]) + len(corrections["rows"]) == len(statement.lines)
    assert own["total"][-1] == format_minor(statement.earned_minor, "EUR")
    assert corrections["total"][-1] == format_minor(statement.restated_minor, "EUR")
    for row in corrections["rows"]:
        before, now, difference = (parse_minor(cell, "EUR") for cell in row[-3:])
        assert now - before == difference
    assert render_statement(statement, StatementFormat.PDF).startswith(b"%PDF")


def test_a_correction_explains_both_of_its_versions(session, posted):
    close(session)
    report = restated(session, inputs=LESS_TO_1)
    statement = statement_of(session)
    line = next(line for line in statement.lines if line.method == "attribution")
    text = "\n".join(explain_line(statement, line.line_no))
    for expected in (
        f"It restates 2026-10: restatement {report.restatement} of run {posted.run}, policy test 1",
        f"Before, by {posted.run} line ",
        "500,000 ppm",
        "Now: ",
        "100,000 ppm",
        "Generation gen_1",
        "Work work_a",
    ):
        assert expected in text


def test_a_line_that_is_new_or_gone_says_so(session, corrected):
    gone = restated(session, inputs=some_inputs(shares_on=shares_from({"work_b": [("party_3", 1_000_000)]})))
    assert any(delta.after.amount_minor == 0 for delta in gone.deltas)
    statement = statement_of(session, "party_1")
    last = [line for line in statement.lines if line.restated.restatement == gone.restatement][-1]
    assert "Now: 0.00 EUR." in explain_line(statement, last.line_no)
    held = statement_of(session, SUSPENSE)
    new = next(line for line in held.lines if line.restated.before is None)
    assert "Before: the line was not stated." in explain_line(held, new.line_no)


def test_a_month_in_which_nothing_is_stated_has_no_statements(session, corrected):
    with pytest.raises(NotFoundError, match="2026-12"):
        list_payees(session, NOVEMBER.following)
    with pytest.raises(NotFoundError, match="party_9 has nothing in 2026-11"):
        statement_of(session, "party_9")


def test_what_a_work_has_earned_includes_what_was_restated(session, posted):
    def of_work_a():
        [amount] = earned(session, "work_a")
        return amount

    before = of_work_a()
    close(session)
    report = restated(session, inputs=some_inputs(exposure=make_exposure({"work_a": 9, "work_b": 1})))
    change = sum(delta.amount_minor for delta in report.deltas if delta.after.line.work == "work_a")
    assert change != 0
    assert of_work_a() == {"currency": "EUR", "amount_minor": before["amount_minor"] + change}
