"""Do the bank's receipts enter once and completely, and stay as they came?"""

from datetime import date

import pytest
from sqlalchemy import insert, select, text

from royalties.bank_in import COLUMNS, import_receipts, read_receipts
from royalties.bank_tables import BANK_APPEND_ONLY, BankBatch, BankQuarantine, BankReceipt
from tests.royalties.builders import NOW
from tests.royalties.test_ledger import refused

HEADER = "received_on,service,reference,period,currency,amount"
GOOD = "2026-11-10,Example Stream,R1,2026-10,EUR,12.34"


def bring(session, folder, *lines, header=HEADER, name="receipts.csv"):
    path = folder / name
    path.write_bytes(("\n".join([header, *lines]) + "\n").encode())
    return import_receipts(session, path, imported_at=NOW)


def test_receipts_enter_with_every_column(session, tmp_path):
    report = bring(session, tmp_path, GOOD, '2026-11-11,"Other, Ltd",R1,2026-10,JPY,-5')
    assert (report.receipts, report.quarantined, report.findings) == (2, 0, ())
    rows = session.execute(
        select(
            BankReceipt.received_on, BankReceipt.service, BankReceipt.reference, BankReceipt.period,
            BankReceipt.amount_minor, BankReceipt.currency, BankReceipt.line,
        ).order_by(BankReceipt.line)
    ).all()  # fmt: skip
    assert [tuple(row) for row in rows] == [
        (date(2026, 11, 10), "Example Stream", "R1", "2026-10", 1234, "EUR", 2),
        (date(2026, 11, 11), "Other, Ltd", "R1", "2026-10", -5, "JPY", 3),
    ]


def test_the_same_file_again_changes_nothing_and_a_receipt_counts_once(session, tmp_path):
    first = bring(session, tmp_path, GOOD, "2026-11-11,A,R2,2026-10,EUR,x")
    assert bring(session, tmp_path, GOOD, "2026-11-11,A,R2,2026-10,EUR,x", name="copy.csv") == first
    again = bring(session, tmp_path, GOOD, "2026-11-12,A,R3,2026-10,EUR,1", "2026-11-13,A,R3,2026-10,EUR,2")
    assert (again.receipts, again.quarantined) == (1, 2)
    assert [(f.code, f.where) for f in again.findings] == [
        ("DUPLICATE_RECEIPT", "receipts.csv:2"),
        ("DUPLICATE_RECEIPT", "receipts.csv:4"),
    ]
    assert f"in batch {first.batch[:16]}" in again.findings[0].message
    assert "on line 3 of this file" in again.findings[1].message
    assert len(session.scalars(select(BankReceipt)).all()) == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("10.11.2026,A,R,2026-10,EUR,1", "RECEIVED_ON"),
        ("20261110,A,R,2026-10,EUR,1", "RECEIVED_ON"),
        ("2026-11-10,,R,2026-10,EUR,1", "SERVICE"),
        ("2026-11-10, A,R,2026-10,EUR,1", "SERVICE"),
        ("2026-11-10,A\x07,R,2026-10,EUR,1", "SERVICE"),
        ("2026-11-10,A," + "x" * 101 + ",2026-10,EUR,1", "REFERENCE"),
        ("2026-11-10,A,R,October,EUR,1", "PERIOD"),
        ("2026-11-10,A,R,2026-10,EURO,1", "CURRENCY"),
        ("2026-11-10,A,R,2026-10,EUR,1.234", "AMOUNT"),
        ("2026-11-10,A,R,2026-10,EUR,0", "AMOUNT"),
        ("2026-11-10,A,R,2026-10,EUR,1e3", "AMOUNT"),
        ("2026-11-10,A,R,2026-10,EUR," + "9" * 20, "AMOUNT"),
        ("2026-11-10,A,R,2026-10,EUR", "FIELDS"),
        ('2026-11-10,"A,R,2026-10,EUR,1', "FIELDS"),
    ],
)
def test_a_bad_line_is_in_quarantine_with_its_place_and_reason(line, code):
    findings, [bad, good] = read_receipts(f"{HEADER}\n{line}\n{GOOD}\n".encode(), "f.csv")
    assert (findings, bad.line, bad.code) == ([], 2, code)
    assert bad.found and bad.expected
    assert good.amount_minor == 1234


def test_amounts_may_come_in_minor_units_and_a_line_that_is_no_text_does_not_swallow_the_next():
    header = HEADER.replace("amount", "amount_minor") + ",note"
    data = f"\ufeff{header}\r\n2026-11-10,A,R,2026-10,EUR,-77,x\r\n".encode() + b"\xff\xfe\n"
    findings, [first, torn] = (
        read_receipts(data + b"2026-11-10,A,S,2026-10,EUR,1.5,x", "f.csv")[0],
        read_receipts(data, "f.csv")[1],
    )
    assert [f.code for f in findings] == ["UNKNOWN_COLUMN", "NO_FINAL_NEWLINE"]
    assert (first.amount_minor, torn.code) == (-77, "FIELDS")


def test_a_file_without_a_usable_header_is_refused_as_a_whole(session, tmp_path):
    for header, code in (
        ("received_on,service,reference,period,currency", "AMOUNT_COLUMN"),
        (HEADER + ",amount_minor", "AMOUNT_COLUMN"),
        (HEADER.replace("period", "month"), "MISSING_COLUMN"),
        (HEADER + ",period", "DUPLICATE_COLUMN"),
    ):
        report = bring(session, tmp_path, GOOD, header=header)
        assert (report.batch, report.receipts) == ("", 0)
        assert code in {finding.code for finding in report.findings}
    (tmp_path / "empty.csv").write_bytes(b"\n\n")
    report = import_receipts(session, tmp_path / "empty.csv", imported_at=NOW)
    assert [finding.code for finding in report.findings] == ["EMPTY_FILE"]
    report = import_receipts(session, tmp_path / "none.csv", imported_at=NOW)
    assert [finding.code for finding in report.findings] == ["UNREADABLE_FILE"]
    assert session.scalars(select(BankBatch)).all() == []


def test_the_columns_that_are_documented_are_those_that_are_read():
    assert set(HEADER.split(",")) == {*COLUMNS, "amount"}


@pytest.fixture
def brought(session, tmp_path):
    bring(session, tmp_path, GOOD, "2026-11-11,A,R2,2026-10,EUR,x")
    session.commit()


def test_the_database_refuses_to_change_what_came_in(engine, session, brought):
    columns = {"bank_batch": "file_name", "bank_receipt": "amount_minor", "bank_quarantine": "found"}
    replacing = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"
    putting = "TRUNCATE {0} CASCADE" if engine.dialect.name == "postgresql" else replacing
    for table in BANK_APPEND_ONLY:
        column = columns[table]
        assert refused(session, text(f"UPDATE {table} SET {column} = {column}")) == "append-only"
        assert refused(session, text(f"DELETE FROM {table}")) == "append-only"
        assert refused(session, text(putting.format(table))) == "append-only"


def test_the_database_refuses_a_receipt_without_meaning(session, brought):
    batch = {"id": "1" * 64, "file_name": "f", "num_receipts": 1, "num_quarantined": 0, "imported_at": NOW}
    for changes in ({"id": "1"}, {"num_receipts": -1}, {"num_quarantined": -1}):
        assert refused(session, insert(BankBatch), [batch | changes]) == "constraint", changes
    session.execute(insert(BankBatch), [batch])
    receipt = {
        "batch_id": "1" * 64, "line": 1, "received_on": date(2026, 11, 1), "service": "A", "reference": "N",
        "period": "2026-10", "amount_minor": 5, "currency": "EUR",
    }  # fmt: skip
    assert refused(session, insert(BankReceipt), [receipt]) == ""
    for changes in (
        {"line": 0},
        {"amount_minor": 0},
        {"currency": "EURO"},
        {"period": "2026-1"},
        {"batch_id": "2" * 64},
    ):
        assert refused(session, insert(BankReceipt), [receipt | changes]) == "constraint", changes
    assert refused(session, insert(BankReceipt), [receipt | {"service": "Example Stream", "reference": "R1"}])
    bad = {"batch_id": "1" * 64, "line": 1, "code": "X", "found": "", "expected": ""}
    assert refused(session, insert(BankQuarantine), [bad]) == ""
    for changes in ({"line": 0}, {"batch_id": "2" * 64}):
        assert refused(session, insert(BankQuarantine), [bad | changes]) == "constraint", changes
