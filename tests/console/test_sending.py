"""Does the register of statements tell what went to whom, and only of bytes that were written here?"""

import contextlib
import json
import sys
from datetime import date

import pytest
from sqlalchemy import select

from console.cli import main
from console.errors import NotFoundError
from console.home import Access, open_home
from console.settings import load_settings
from console.steps.paying import write_statements
from console.steps.sending import each_sent, note_sent, sent_json
from provenance.errors import ChainError
from provenance.evidence.records import verify_chain
from provenance.tables import Record
from royalties.periods import parse_period
from royalties.statement_files import StatementFormat
from tests.royalties.builders import LINES, OCTOBER, bring_in, run


@pytest.fixture
def home(tmp_path):
    with open_home(load_settings(tmp_path / "home", {}), Access.WRITE) as opened:
        with opened.session() as session, session.begin():
            bring_in(session, tmp_path, LINES)
            run(session)
        yield opened


@pytest.fixture
def written(home):
    return write_statements(home, OCTOBER, ["party_1"], [StatementFormat.PDF, StatementFormat.CSV])["party_1"]


def test_the_register_says_which_file_of_which_statement_went_to_whom_and_when(home, written):
    for path in written.files:
        note_sent(home, path, "royalties@publisher.example", date(2026, 11, 15))
    rows = list(each_sent(home, OCTOBER))
    assert [(row.format, row.payee, row.statement) for row in rows] == [
        ("pdf", "party_1", written.statement),
        ("csv", "party_1", written.statement),
    ]
    assert {(row.sent_to, row.sent_on) for row in rows} == {("royalties@publisher.example", "2026-11-15")}
    assert list(each_sent(home, parse_period("2026-11"))) == []
    assert list(each_sent(home, None)) == rows


def test_a_changed_file_is_not_taken_for_the_one_that_was_written(home, written, tmp_path):
    changed = tmp_path / "changed.csv"
    changed.write_bytes(written.files[1].read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(NotFoundError, match="no statement file that was written here"):
        note_sent(home, changed, "a@b.example", date(2026, 11, 15))
    assert list(each_sent(home, None)) == []


def test_the_same_sending_twice_is_one_entry_and_another_day_another(home, written):
    for day in (15, 15, 16):
        note_sent(home, written.files[0], "a@b.example", date(2026, 11, day))
    assert [row.sent_on for row in each_sent(home, None)] == ["2026-11-15", "2026-11-16"]


def test_an_entry_cannot_be_changed_unnoticed(home, written):
    note_sent(home, written.files[0], "a@b.example", date(2026, 11, 15))
    with home.session() as session:
        assert verify_chain(session, home.key.public).records >= 3
        record = session.scalars(select(Record).where(Record.kind == "statement-sent")).one()
        record.body = record.body.replace("a@b.example", "c@d.example")
        session.flush()
        with pytest.raises(ChainError):
            verify_chain(session, home.key.public)
        session.rollback()


def test_the_register_is_listed_by_its_command(home, written, monkeypatch, capsys):
    noted = note_sent(home, written.files[0], "a@b.example", date(2026, 11, 15))
    words = ["contrafact", "--home", str(home.root), "royalties", "register", "--period", "2026-10", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with contextlib.suppress(SystemExit):
        main()
    assert json.loads(capsys.readouterr().out) == {"sent": [sent_json(noted)]}
