"""Does an order, sent to a mock bank that was written elsewhere, come back with what became of the money?"""

import json
import sys
from datetime import date

import pytest
from mockbank import accounts, messages
from mockbank.server import Config
from mockbank.state import State
from sqlalchemy import select

from console.cli import main
from console.errors import NotFoundError
from console.home import Access, open_home
from console.settings import load_settings
from console.steps.paying import write_statements
from console.steps.settling import each_ordered, order_payments, take_answer
from royalties.errors import NothingToDistributeError, PayRefusedError
from royalties.ledger import balances, check_ledger
from royalties.payments_status import Outcome
from royalties.periods import parse_period
from royalties.statement_files import StatementFormat, statement_id
from royalties.statements import Names, make_statement
from royalties.tables import LedgerPosting
from tests.royalties.builders import (
    LINES,
    OCTOBER,
    a_line,
    a_policy,
    bring_in,
    close,
    run,
    shares_from,
    some_inputs,
)
from tests.royalties.test_payments import BANK_TEXT, IBANS, a_status

NOVEMBER = parse_period("2026-11")
DEBTOR = "SE4550000000058398257466"


def fill(home, tmp_path, lines, period, **changes):
    with home.session() as session, session.begin():
        bring_in(session, tmp_path, lines, f"{period.name}.csv")
        run(session, period=period, **changes)
        close(session, period)


@pytest.fixture
def home(tmp_path):
    with open_home(load_settings(tmp_path / "home", {}), Access.WRITE) as opened:
        fill(opened, tmp_path, LINES, OCTOBER)
        yield opened


@pytest.fixture
def bank(tmp_path):
    path = tmp_path / "bank.toml"
    path.write_text(BANK_TEXT)
    return path


@pytest.fixture
def mock_bank():
    state = State(Config(db_path=":memory:", quiet=True, clock="2026-11-16T08:00:00"))
    account = {"name": "Example Provider AB", "iban": DEBTOR, "currency": "EUR", "balance": 10**9}
    accounts.create(state.conn, "debtor", account)
    accounts.create(state.conn, "two", {"name": "Bert", "iban": IBANS[1], "currency": "EUR", "closed": 1})
    yield state
    state.close()


def answer_of(state, order_file, out):
    """The bank's pain.002 on a pain.001 file."""
    _, decision, _ = state.receive(order_file.read_bytes())
    out.write_bytes(messages.write_pain002(decision, "STATUS-1", "2026-11-16T09:00:00Z"))
    return out


def payable(home, payee, period=OCTOBER):
    with home.session() as session:
        return make_statement(session, period, payee, Names()).payable_minor


def held(home, account):
    with home.session() as session:
        assert check_ledger(session) == []
        return balances(session, [account]).get((account, "EUR"), 0)


def ordered(home):
    with home.session() as session:
        return list(each_ordered(session))


def pay(home, bank, tmp_path, period=OCTOBER, name="order.xml", on=date(2026, 11, 16)):
    order, findings = order_payments(home, period, bank, tmp_path / name, on)
    return order, findings, tmp_path / name


def run_november(home, tmp_path):
    fill(
        home,
        tmp_path,
        [a_line(900 + n, used_on="2026-11-03", revenue_minor=9_999) for n in range(9)],
        NOVEMBER,
    )


def test_the_order_pays_what_statements_say_and_names_who_has_no_bank_data(home, bank, tmp_path):
    order, findings, _ = pay(home, bank, tmp_path)
    assert {t.payee: t.amount_minor for t in order.transfers} == {
        payee: payable(home, payee) for payee in ("party_1", "party_2")
    }
    assert [f.where for f in findings if f.code == "MISSING_PAYEE_DATA"] == ["payee party_3"]
    assert f"{payable(home, 'party_3') // 100}." in findings[-1].message


def test_each_transfer_names_the_statement_that_it_pays(home, bank, tmp_path):
    written = write_statements(home, OCTOBER, ["party_1"], [StatementFormat.JSON])["party_1"]
    order, _, path = pay(home, bank, tmp_path)
    assert order.transfers[0].statement == written.statement
    assert f"Royalties 2026-10 statement {written.statement[:16]}" in path.read_text()


def test_the_mock_bank_takes_one_and_refuses_the_other_and_both_are_told(home, bank, mock_bank, tmp_path):
    order, _, path = pay(home, bank, tmp_path)
    paid = take_answer(home, answer_of(mock_bank, path, tmp_path / "status.xml"))
    assert paid.message_id == order.message_id
    told = {ordered.payee: (settled.outcome, settled.reason[:4]) for ordered, settled in paid.settled}
    assert told == {"party_1": (Outcome.ACCEPTED, ""), "party_2": (Outcome.REJECTED, "AC04")}
    assert {each.payee: each.outcome for each in ordered(home)} == {
        "party_1": Outcome.ACCEPTED,
        "party_2": Outcome.REJECTED,
    }


def test_what_the_bank_took_is_posted_once_and_what_it_refused_stays_payable(home, bank, mock_bank, tmp_path):
    _, _, path = pay(home, bank, tmp_path)
    before = {payee: held(home, f"payable:{payee}") for payee in ("party_1", "party_2")}
    status = answer_of(mock_bank, path, tmp_path / "status.xml")
    for _ in range(2):
        take_answer(home, status)
        assert (held(home, "payable:party_1"), held(home, "bank")) == (0, before["party_1"])
        assert held(home, "payable:party_2") == before["party_2"] > 0
    with home.session() as session:
        [period] = session.scalars(select(LedgerPosting.period).where(LedgerPosting.movement_id.is_not(None)))
    assert period >= "2026-11", "October is closed"


def test_what_the_bank_took_and_gives_back_is_payable_again(home, bank, tmp_path):
    order, _, _ = pay(home, bank, tmp_path)
    [first, _] = order.transfers
    answers = []
    whole = first.amount_minor
    for status, left in (("ACSC", 0), ("RJCT", whole), ("ACSC", 0), ("PDNG", 0), ("RJCT", whole)):
        answers.append(tmp_path / f"status-{len(answers)}.xml")
        comment = f"<!-- {len(answers)} -->"
        transfers = [(first.end_to_end_id, status, "")]
        answers[-1].write_bytes(a_status(transfers=transfers, message=order.message_id, extra=comment))
        take_answer(home, answers[-1])
        assert held(home, f"payable:{first.payee}") == left
    take_answer(home, answers[0])
    assert held(home, f"payable:{first.payee}") == whole, "an old answer is not news"
    again, _, _ = pay(home, bank, tmp_path, name="again.xml")
    assert [(each.payee, each.amount_minor) for each in again.transfers] == [
        (first.payee, first.amount_minor)
    ]
    assert again.transfers[0].end_to_end_id != first.end_to_end_id


def test_an_open_month_has_nothing_payable_yet(tmp_path, bank):
    with open_home(load_settings(tmp_path / "open", {}), Access.WRITE) as home:
        with home.session() as session, session.begin():
            bring_in(session, tmp_path, LINES, "open.csv")
            run(session)
        with pytest.raises(PayRefusedError, match="close it first"):
            pay(home, bank, tmp_path)
        assert not (tmp_path / "order.xml").exists()


def test_what_nobody_could_be_paid_in_october_is_ordered_in_november_with_its_statement(home, bank, tmp_path):
    pay(home, bank, tmp_path)
    with home.session() as session, session.begin():
        nothing = shares_from({"work_a": [("party_1", 1_000_000)]})
        lines = [a_line(990, generation="gen_1", used_on="2026-11-03", revenue_minor=9_999)]
        bring_in(session, tmp_path, lines, "november.csv")
        run(session, period=NOVEMBER, inputs=some_inputs(shares_on=nothing))
        close(session, NOVEMBER)
        statement = statement_id(make_statement(session, OCTOBER, "party_3", Names()))
    entry = f'[[payees]]\nparty = "party_3"\nname = "Cleo"\niban = "{IBANS[2]}"\n'
    bank.write_text(bank.read_text() + entry)
    order, _, _ = pay(home, bank, tmp_path, NOVEMBER, "november.xml")
    [cleo] = [each for each in order.transfers if each.payee == "party_3"]
    assert (cleo.statement, cleo.amount_minor) == (statement, payable(home, "party_3"))


def test_a_transfer_that_the_bank_has_not_answered_is_not_ordered_again(home, bank, tmp_path):
    october, _, _ = pay(home, bank, tmp_path)
    run_november(home, tmp_path)
    november, _, _ = pay(home, bank, tmp_path, NOVEMBER, "november.xml")
    amounts = {transfer.payee: transfer.amount_minor for transfer in november.transfers}
    assert amounts == {payee: payable(home, payee, NOVEMBER) for payee in ("party_1", "party_2")}
    assert len(october.transfers) == 2


def test_ordering_twice_gives_the_same_bytes_and_one_record(home, bank, tmp_path):
    first = pay(home, bank, tmp_path)[2].read_bytes()
    assert pay(home, bank, tmp_path, name="again.xml")[2].read_bytes() == first
    assert len(ordered(home)) == 2


def test_only_what_was_refused_is_ordered_again_under_another_id(home, bank, mock_bank, tmp_path):
    order, _, path = pay(home, bank, tmp_path)
    take_answer(home, answer_of(mock_bank, path, tmp_path / "status.xml"))
    again, _, _ = pay(home, bank, tmp_path, name="again.xml")
    assert [transfer.payee for transfer in again.transfers] == ["party_2"]
    ids = {transfer.end_to_end_id for transfer in (*order.transfers, *again.transfers)}
    assert len(ids) == 3


def test_a_payee_whose_bank_data_come_later_is_ordered_alone(home, bank, tmp_path):
    pay(home, bank, tmp_path)
    entry = f'[[payees]]\nparty = "party_3"\nname = "Cleo"\niban = "{IBANS[2]}"\n'
    bank.write_text(bank.read_text() + entry)
    order, _, path = pay(home, bank, tmp_path, name="second.xml")
    assert [transfer.payee for transfer in order.transfers] == ["party_3"]
    assert pay(home, bank, tmp_path, name="third.xml")[2].read_bytes() == path.read_bytes()


def test_the_next_period_pays_only_what_was_not_ordered_before(home, bank, mock_bank, tmp_path):
    october, _, path = pay(home, bank, tmp_path)
    take_answer(home, answer_of(mock_bank, path, tmp_path / "status.xml"))
    run_november(home, tmp_path)
    november, _, _ = pay(home, bank, tmp_path, NOVEMBER, "november.xml")
    amounts = {transfer.payee: transfer.amount_minor for transfer in november.transfers}
    first = {transfer.payee: transfer.amount_minor for transfer in october.transfers}
    assert amounts["party_1"] == payable(home, "party_1", NOVEMBER)
    assert amounts["party_2"] == payable(home, "party_2", NOVEMBER) + first["party_2"], "it was refused"


def test_a_balance_that_went_into_a_later_order_is_not_paid_twice(home, bank, tmp_path):
    run_november(home, tmp_path)
    pay(home, bank, tmp_path, NOVEMBER, "november.xml")
    with pytest.raises(NothingToDistributeError, match="went into the order of 2026-11"):
        pay(home, bank, tmp_path)
    assert not (tmp_path / "order.xml").exists()


def test_below_the_threshold_nothing_is_ordered(tmp_path, bank):
    with open_home(load_settings(tmp_path / "poor", {}), Access.WRITE) as home:
        fill(home, tmp_path, LINES, OCTOBER, policy=a_policy(threshold_minor=10**9))
        with pytest.raises(NothingToDistributeError):
            pay(home, bank, tmp_path)


def test_an_answer_to_a_strange_order_is_refused(home, bank, tmp_path):
    pay(home, bank, tmp_path)
    path = tmp_path / "strange.xml"
    path.write_bytes(a_status("<GrpSts>ACCP</GrpSts>", message="pay_of_somebody_else"))
    with pytest.raises(NotFoundError, match="pay_of_somebody_else"):
        take_answer(home, path)


def test_the_commands_answer_with_their_keys(home, bank, mock_bank, tmp_path, monkeypatch, capsys):
    _, _, path = pay(home, bank, tmp_path)
    status = answer_of(mock_bank, path, tmp_path / "status.xml")
    root = home.root / "copy"
    with open_home(load_settings(root, {}), Access.WRITE) as other:
        fill(other, tmp_path, LINES, OCTOBER)

    def said(*words):
        monkeypatch.setattr(sys, "argv", ["contrafact", "--home", str(root), "royalties", *words, "--json"])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return code, json.loads(capsys.readouterr().out)

    words = [
        "--period",
        "2026-10",
        "--bank",
        str(bank),
        "--out",
        str(tmp_path / "cli.xml"),
        "--on",
        "2026-11-16",
    ]
    code, told = said("pay", *words)
    assert (code, told["transfers"], told["files"]) == (0, 2, [str(tmp_path / "cli.xml")])
    assert (tmp_path / "cli.xml").read_bytes() == path.read_bytes()
    code, told = said("paid", str(status))
    assert code == 1
    assert [each["payee"] for each in told["rejected"]] == ["party_2"]
    assert [each["payee"] for each in told["accepted"]] == ["party_1"]
