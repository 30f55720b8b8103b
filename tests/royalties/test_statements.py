"""Do the statements sum to the pool, say the same for ever, and hold no trap?"""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from royalties.errors import NotFoundError
from royalties.explaining import explain_line
from royalties.ledger import balances
from royalties.money import parse_minor
from royalties.periods import parse_period
from royalties.statement_files import (
    StatementFormat,
    render_statement,
    statement_id,
    statement_json,
    write_statement,
)
from royalties.statement_tables import Tables
from royalties.statements import SUSPENSE, Names, PayeeInfo, WorkInfo, list_payees, make_statement
from tests.royalties.builders import OCTOBER, a_line, a_policy, bring_in, run, some_inputs

NAMES = Names(
    payees={
        "party_1": PayeeInfo("Ada Example", "00000000199", invented=True),
        "party_2": PayeeInfo("Žofie Nováková & 山田 花子 & سارة"),
        "party_3": PayeeInfo('=HYPERLINK("http://example.org")'),
    },
    works={
        "work_a": WorkInfo("<script>alert(1)</script>", "T-034.524.680-1"),
        "work_b": WorkInfo("@SUM(A1)"),
    },
)


def statement_of(session, payee="party_1", period=OCTOBER, names=NAMES):
    return make_statement(session, period, payee, names)


def test_the_statements_sum_to_the_pool_to_the_last_unit(session, posted):
    statements = [statement_of(session, payee) for payee in list_payees(session, OCTOBER)]
    assert sum(statement.earned_minor for statement in statements) == posted.pool_minor
    held = next(statement for statement in statements if statement.payee == SUSPENSE)
    assert held.earned_minor == posted.suspense_minor
    for statement in statements:
        assert sum(line.amount_minor for line in statement.lines) == statement.earned_minor


def test_every_payee_has_a_statement_and_nobody_else(session, posted):
    assert list_payees(session, OCTOBER) == ["fund:public_domain", "party_1", "party_2", "party_3", SUSPENSE]
    with pytest.raises(NotFoundError, match="party_9"):
        statement_of(session, "party_9")


def test_a_statement_ends_with_the_balance_of_the_ledger(session, posted):
    for payee in ("party_1", "party_2", "party_3"):
        assert statement_of(session, payee).closing_minor == balances(session)[f"party:{payee}", "EUR"]


def test_the_balance_is_carried_into_the_next_period(session, tmp_path, posted):
    november = parse_period("2026-11")
    bring_in(session, tmp_path, [a_line(900 + n, used_on="2026-11-03") for n in range(9)], "november.csv")
    run(session, period=november)
    first, second = statement_of(session), statement_of(session, period=november)
    assert (first.opening_minor, second.opening_minor) == (0, first.closing_minor)
    assert second.closing_minor == balances(session)["party:party_1", "EUR"]


def test_below_the_threshold_nothing_is_payable_and_all_is_carried_forward(session, posted):
    statement = statement_of(session)
    earned = statement.earned_minor
    for threshold, payable in ((earned + 1, 0), (earned, earned), (0, earned)):
        judged = replace(statement, policy=a_policy(threshold_minor=threshold))
        assert (judged.payable_minor, judged.carried_minor) == (payable, earned - payable)


def test_suspense_is_payable_to_nobody(session, posted):
    assert statement_of(session, SUSPENSE).payable_minor == 0


def test_the_same_run_gives_the_same_bytes(session, posted):
    for form in StatementFormat:
        assert render_statement(statement_of(session), form) == render_statement(statement_of(session), form)


def test_a_statement_has_the_same_bytes_on_every_database(session, posted):
    digest = "8155a1634170ec48ae0de08288803f536b36ea16b978bad7b82dd08891fc6638"
    assert statement_id(statement_of(session, "party_2")) == digest


def test_usage_that_comes_later_does_not_change_a_statement(session, tmp_path, posted):
    before = statement_id(statement_of(session))
    bring_in(session, tmp_path, [a_line(999)], "late.csv")
    assert statement_id(statement_of(session)) == before


def test_json_holds_amounts_as_decimal_text_and_shares_as_integers(session, posted):
    value = json.loads(render_statement(statement_of(session), StatementFormat.JSON))
    assert parse_minor(value["earned"], "EUR") == sum(
        parse_minor(line["amount"], "EUR") for line in value["lines"]
    )
    assert {type(line["share_ppm"]) for line in value["lines"]} == {int}
    assert value["run"] == {"id": posted.run, "digest": posted.digest}
    assert value["payee"]["invented"] is True


def test_each_line_leads_back_to_generation_attribution_work_and_share(session, posted):
    value = statement_json(statement_of(session, "party_3"))
    line = next(line for line in value["lines"] if line["method"] == "attribution")
    attribution = next(g for g in value["generations"] if g["generation"] == line["generation"])
    assert attribution["attribution"] == line["evidence"] == "digest-of-gen_1"
    assert (line["work"], line["basis"], line["share_ppm"]) == ("work_b", "250000", 666_667)
    sold = [
        use
        for use in value["usage"]
        if use["generation"] == "gen_1" and use["territory"] == line["territory"]
    ]
    assert sum(int(use["units"]) for use in sold) == int(line["units"])
    assert sum(parse_minor(use["revenue"], "EUR") for use in sold) == parse_minor(line["revenue"], "EUR")


def test_a_works_agreements_are_in_every_form_and_change_nothing_where_there_are_none(session, posted):
    plain = statement_of(session, "party_3")
    info = WorkInfo("@SUM(A1)", agreements=("agreement_1", "agreement_2"))
    licensed = statement_of(session, "party_3", names=replace(NAMES, works={"work_b": info}))
    assert "agreements" not in statement_json(plain)
    assert statement_json(licensed)["agreements"] == {"work_b": ["agreement_1", "agreement_2"]}
    rows = csv.DictReader(io.StringIO(render_statement(licensed, StatementFormat.CSV).decode()))
    assert {row["agreements"] for row in rows if row["work"]} == {"agreement_1 agreement_2"}
    assert "agreement_1, agreement_2" in render_statement(licensed, StatementFormat.HTML).decode()
    [works, *_] = Tables(licensed).all()
    assert "agreement_1, agreement_2" in works.make_rows()[0]


def test_an_amount_can_be_checked_by_hand_from_its_line(session, posted):
    """The output pot is shared by revenue x basis x share: the lines are in that proportion within a unit."""
    lines = [line for line in statement_of(session, "party_2").lines if line.method == "attribution"]
    weights = [line.revenue_minor * line.basis * line.share_ppm for line in lines]
    for line, weight in zip(lines, weights, strict=True):
        expected = sum(each.amount_minor for each in lines) * weight
        assert abs(line.amount_minor * sum(weights) - expected) < 2 * sum(weights)


def test_a_line_explains_its_path_in_sentences(session, posted):
    statement = statement_of(session, "party_3")
    number = next(line.line_no for line in statement.lines if line.method == "attribution")
    text = "\n".join(explain_line(statement, number))
    for expected in (
        "gen_1",
        "digest-of-gen_1",
        "work_b",
        "666,667 ppm",
        "mechanical",
        posted.run,
        "policy test 1",
    ):
        assert expected in text
    with pytest.raises(NotFoundError):
        explain_line(statement, len(statement.lines) + 1)


def test_a_pooled_line_names_the_generations_that_fell_back(session, posted):
    statement = statement_of(session)
    pooled = sum(
        line.units
        for line in statement.lines
        if line.method == "exposure-fallback" and line.territory == "DE"
    )
    named = {line.generation: line.reliability for line in statement.generations}
    assert named == {"gen_1": "influence", "gen_2": "exposure"}
    sold = [use.units for use in statement.usage if (use.generation, use.territory) == ("gen_2", "DE")]
    assert sum(sold) == pooled


def test_the_suspense_statement_names_the_reasons(session, posted):
    statement = statement_of(session, SUSPENSE)
    assert {line.reason for line in statement.lines} == {"UNMATCHED_WORK"}
    assert "Waits in suspense: UNMATCHED_WORK." in explain_line(statement, 1)


def test_csv_has_one_row_a_line_and_runs_no_formula(session, posted):
    statement = statement_of(session, "party_3")
    rows = list(csv.DictReader(io.StringIO(render_statement(statement, StatementFormat.CSV).decode())))
    assert [parse_minor(row["amount"], "EUR") for row in rows] == [
        line.amount_minor for line in statement.lines
    ]
    assert {row["payee_name"] for row in rows} == {'\'=HYPERLINK("http://example.org")'}
    assert {row["title"] for row in rows} <= {"'@SUM(A1)", "<script>alert(1)</script>"}
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


def test_html_escapes_what_others_wrote_and_loads_nothing(session, posted):
    html = render_statement(statement_of(session, "party_2"), StatementFormat.HTML).decode()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "Žofie Nováková &amp; 山田 花子 &amp; سارة" in html
    for outside in ("http://", "https://", "<link", "<img", "@import", "url("):
        assert outside not in html


def test_html_says_who_is_invented(session, posted):
    marked = [
        "invented" in render_statement(statement_of(session, payee), StatementFormat.HTML).decode()
        for payee in ("party_1", "party_2")
    ]
    assert marked == [True, False]


def test_files_are_named_by_period_and_payee_and_stay_in_their_folder(session, tmp_path, posted):
    statement = statement_of(session)
    forms = [form for form in StatementFormat if form is not StatementFormat.DSR]
    written = write_statement(statement, tmp_path / "out", forms)
    assert [path.name for path in written.files] == [f"2026-10_party_1.{form}" for form in forms]
    assert written.statement == statement_id(statement)
    strange = replace(statement, payee="../../etc/passwd")
    path = write_statement(strange, tmp_path / "out", [StatementFormat.JSON]).files[0]
    assert path.parent == tmp_path / "out"
    assert Path(path).is_file()


def test_two_strange_names_do_not_share_a_file(session, tmp_path, posted):
    statement = statement_of(session)
    files = {
        write_statement(replace(statement, payee=payee), tmp_path, [StatementFormat.JSON]).files[0]
        for payee in ("a/b", "a_b", "a.b")
    }
    assert len(files) == 3


def test_a_payee_without_a_name_is_called_by_its_id(session, posted):
    statement = statement_of(session, names=Names())
    assert statement.info == PayeeInfo("party_1")
    assert {line.title for line in statement.lines} <= {"work_a", "work_b"}


def test_a_yen_statement_has_no_decimals(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1, currency="JPY", revenue_minor=1000)])
    run(session, policy=a_policy(currency="JPY"), inputs=some_inputs())
    value = statement_json(statement_of(session))
    assert "." not in str(value["earned"])
