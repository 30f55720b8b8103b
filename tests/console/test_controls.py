"""Do the controls of a month answer at the command line, with their codes, in JSON and in plain words?"""

import csv
import json
from datetime import date
from pathlib import Path

import pytest

from catalog.tables import ImportBatch, Party, Share, Work, WorkIdentifier
from catalog.vocabulary import IdentifierScheme, ImportFormat, Origin, PartyKind, Right, Role, ShareKind
from console.cli.control_tables import table_lines
from console.home import Access, open_home
from console.settings import load_settings
from console.steps.controls import LIST_COLUMNS, accruals_on, ageing_on, reconcile_period, take_receipts
from console.steps.settling import order_payments, take_answer
from provenance.evidence.records import records_about
from tests.console.calls import call
from tests.royalties.builders import (
    LINES,
    NOVEMBER,
    NOW,
    OCTOBER,
    a_line,
    bring_in,
    close,
    run,
    shares_from,
    some_inputs,
)
from tests.royalties.test_payments import BANK_TEXT, a_status

HEAD = "received_on,service,reference,period,currency,amount_minor"
MONTH = ("--period", "2026-10")


@pytest.fixture
def settings(tmp_path):
    """A home in which October was run."""
    found = load_settings(tmp_path / "home", {})
    with open_home(found, Access.WRITE) as home, home.session() as session, session.begin():
        bring_in(session, tmp_path, LINES)
        run(session)
    return found


@pytest.fixture
def contrafact(tmp_path, monkeypatch, capsys, settings):
    """Runs a royalties command; returns its exit code and its JSON, or its plain words."""

    def command(*words, plain=False):
        told = ["royalties", *words, *([] if plain else ["--json"])]
        code, out = call(monkeypatch, capsys, tmp_path, told)
        return code, out if plain else json.loads(out)

    return command


def a_file(tmp_path, *rows):
    path = tmp_path / "receipts.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return str(path)


def test_receipts_come_in_once_and_clear_the_month(contrafact, tmp_path):
    code, found = contrafact("reconcile", *MONTH)
    assert (code, found["blocked"]) == (1, True)
    assert "BANK_SHORT" in {finding["code"] for finding in found["findings"]}
    path = a_file(
        tmp_path, "2026-11-10,Example Stream,R1,2026-10,EUR,59820", "x,Example Stream,R2,2026-10,EUR,1"
    )
    code, report = contrafact("bank-in", path)
    assert (code, report["receipts"], report["quarantined"]) == (0, 1, 1)
    assert report["findings"][0]["where"] == "receipts.csv:3"
    assert contrafact("bank-in", path) == (0, report)
    code, found = contrafact("reconcile", *MONTH)
    assert (code, found["blocked"]) == (0, False)
    assert all(each["difference_minor"] == 0 for each in found["compared"])
    code, said = contrafact("reconcile", *MONTH, plain=True)
    assert code == 0 and "Example Stream" in said and "598.20" in said and "NOT_ORDERED" in said
    code, said = contrafact("bank-in", path, plain=True)
    assert "1 receipts taken in, 1 quarantined" in said and "RECEIVED_ON" in said
    assert contrafact("bank-in", str(tmp_path / "none.csv"))[0] == 1


def test_receipts_are_a_signed_record(settings, tmp_path):
    with open_home(settings, Access.WRITE) as home:
        report = take_receipts(home, Path(a_file(tmp_path)))
        with home.session() as session:
            [record] = records_about(session, [report.batch])
    assert record.kind == "bank-receipts" and json.loads(record.body)["receipts"] == "0"


def test_the_banks_answers_stand_in_the_reconciliation(settings, tmp_path):
    bank = tmp_path / "bank.toml"
    bank.write_text(BANK_TEXT)
    with open_home(settings, Access.WRITE) as home:
        with home.session() as session, session.begin():
            close(session)
        order, _ = order_payments(home, OCTOBER, bank, tmp_path / "order.xml", date(2026, 11, 16))
        states = {each.payee: each for each in reconcile_period(home, OCTOBER).payments}
        for transfer in order.transfers:
            assert states[transfer.payee].unanswered_minor == transfer.amount_minor
            assert states[transfer.payee].open_minor == 0
        refused, paid = order.transfers[0], order.transfers[1]
        before = [unpaid(home, transfer.payee) for transfer in (refused, paid)]
        answers = [(each.end_to_end_id, "ACSC", "") for each in order.transfers[1:]]
        answers.append((refused.end_to_end_id, "RJCT", ""))
        (tmp_path / "status.xml").write_bytes(a_status(transfers=answers, message=order.message_id))
        take_answer(home, tmp_path / "status.xml")
        states = {each.payee: each for each in reconcile_period(home, OCTOBER).payments}
        after = [unpaid(home, transfer.payee) for transfer in (refused, paid)]
        early = unpaid(home, paid.payee, date(2026, 11, 2))
    assert states[refused.payee].open_minor == refused.amount_minor
    assert states[paid.payee].accepted_minor == paid.amount_minor
    assert [b - a for b, a in zip(after, before, strict=True)] == [refused.amount_minor, 0]
    assert early == before[1] + paid.amount_minor, "it was ordered later"


def unpaid(home, payee, on=date(2099, 1, 1)):
    accounts = (f"party:{payee}", f"payable:{payee}")
    return sum(e.unpaid_minor for e in accruals_on(home, on, None).owed if e.account in accounts)


def test_the_variance_is_told_with_what_cannot_be_judged(contrafact):
    code, found = contrafact("variance", *MONTH, "--against", "3")
    assert (code, found["against"], found["outliers"]) == (0, [], [])
    assert [finding["code"] for finding in found["findings"]] == ["FEW_MONTHS"]
    assert {change["dimension"] for change in found["changes"]} >= {"payee", "pot", "territory", "service"}
    code, said = contrafact("variance", *MONTH, plain=True)
    assert code == 0 and "outliers cannot be judged" in said and "new payees: none" in said
    assert contrafact("variance", *MONTH, "--against", "0", plain=True)[0] == 2
    assert contrafact("variance", "--period", "2026-11")[0] == 1


def test_accruals_are_told_as_of_a_day(contrafact, settings, tmp_path):
    with open_home(settings, Access.WRITE) as home, home.session() as session, session.begin():
        bring_in(session, tmp_path, [a_line(900, used_on="2026-11-03")], "november.csv")
    code, found = contrafact("accruals", "--on", "2026-11-03")
    assert (code, found["on"]) == (0, "2026-11-03")
    assert [(each["period"], each["gross_minor"]) for each in found["unrun"]] == [("2026-11", 1234)]
    [projected] = found["projections"]
    assert projected["months"] == [] and projected["gross_minor"] is None, "October had nothing by the third"
    assert found["suspense"][0]["reason"] == "UNMATCHED_WORK"
    code, said = contrafact("accruals", "--on", "2026-11-03", plain=True)
    assert code == 0 and "not known" in said and "revenue so far x" in said
    code, found = contrafact("accruals", "--on", "2026-11-03", "--policy", "fifty_fifty")
    assert code == 0 and found["unrun"][0]["policy"].startswith("fifty")


def in_the_catalogue(session):
    session.add(
        ImportBatch(
            id="b", format=ImportFormat.CSV, file_name="f", digest="0" * 64, bytes=1, imported_at=NOW,
            counts={}, findings=[],
        )
    )  # fmt: skip
    session.flush()
    session.add(
        Work(id="work_a", title="=Blue and green", iswc="T0345246801", origin=Origin.HUMAN, batch_id="b")
    )
    session.add(Party(id="w", kind=PartyKind.WRITER, name="Anna Stein"))
    session.add(Party(id="p", kind=PartyKind.PUBLISHER, name="Testling Verlag"))
    session.flush()
    session.add(
        WorkIdentifier(
            work_id="work_a",
            scheme=IdentifierScheme.SUBMITTER,
            authority="00000000199",
            value="N1",
            batch_id="b",
        )
    )
    for number, (party, role) in enumerate((("w", Role.COMPOSER), ("p", Role.ORIGINAL_PUBLISHER))):
        session.add(
            Share(
                id=f"s{number}", work_id="work_a", party_id=party, role=role, kind=ShareKind.OWNERSHIP,
                right=Right.MECHANICAL, share_ppm=0, territory="WORLD", controlled=True, chain=1,
                batch_id="b",
            )
        )  # fmt: skip


def test_what_nobody_was_identified_for_is_listed_with_what_is_known(contrafact, settings, tmp_path):
    with open_home(settings, Access.WRITE) as home, home.session() as session, session.begin():
        in_the_catalogue(session)
        close(session)
        bring_in(session, tmp_path, [a_line(900, used_on="2026-11-03")], "november.csv")
        nobody = some_inputs(shares_on=shares_from({"work_b": [("party_2", 1_000_000)]}))
        run(session, period=NOVEMBER, inputs=nobody)
    path = tmp_path / "unidentified.csv"
    code, found = contrafact("ageing", "--on", "2026-12-31", "--year-starts", "7", "--list", str(path))
    assert (code, found["list"]) == (0, str(path))
    assert "counsel must confirm" in found["source"]
    assert {each["year_ends_on"] for each in found["held"]} == {"2027-06-30"}
    assert {each["on"] for each in found["due"]} == {"2028-03-31", "2028-06-30", "2030-06-30"}
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["work"] or row["generation"]: row for row in csv.DictReader(file)}
    assert tuple(next(iter(rows.values()))) == LIST_COLUMNS
    work = rows["work_a"]
    assert (work["reason"], work["title"]) == ("UNIDENTIFIED_OWNER", "'=Blue and green")
    assert (work["names_known"], work["publishers"]) == ("Anna Stein", "Testling Verlag")
    assert (work["iswc"], work["identifiers"]) == ("T0345246801", "submitter:00000000199:N1")
    assert (work["first_period"], work["last_period"]) == ("2026-11", "2026-11")
    assert rows["gen_3"]["reason"] == "UNMATCHED_WORK" and rows["gen_3"]["work"] == ""
    code, said = contrafact("ageing", "--on", "2026-12-31", plain=True)
    assert code == 0 and "year open" in said and "counsel must confirm" in said
    assert contrafact("ageing", "--year-starts", "13", plain=True)[0] == 2


def test_a_table_is_aligned_and_never_wrapped_and_says_what_it_leaves_out():
    rows = [("x" * 200, "1.00"), ("y", "-10.00"), *[("z", "not known")] * 60]
    title, head, first, second, *_, more, empty = table_lines("of money", ("who", "what"), rows)
    assert (title, empty) == ("of money", "")
    assert head == "  who" + " " * 199 + "     what" and len(first) == len(second) == len(head)
    assert second.endswith("   -10.00") and "and 22 more rows" in more


def test_the_sums_of_ageing_and_accruals_agree(settings):
    with open_home(settings, Access.READ) as home:
        aged, _ = ageing_on(home, date(2026, 12, 31), 1)
        owed = accruals_on(home, date(2026, 12, 31), None)
    assert sum(each.held.amount_minor for each in aged) == sum(owed.suspense.values()) > 0
