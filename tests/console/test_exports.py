"""Does what one home writes go into another, and do hostile cells and foreign messages stay harmless?"""

import json
import sys

import pytest

from console.cli import main
from tests.catalog.answers import an_answer, an_answer_file
from tests.catalog.builders import a_work, cwr_file
from tests.catalog.notifications import a_message

ISWC = "T0345246801"


@pytest.fixture
def contrafact(monkeypatch, capsys, tmp_path):
    """Runs a command in a home; returns exit code, standard output and standard error."""

    def run(home, *arguments):
        monkeypatch.setattr(sys, "argv", ["contrafact", "--home", str(tmp_path / home), *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


@pytest.fixture
def filled(contrafact, tmp_path):
    """A home with two works of which one has a formula for a title."""
    cwr_file(tmp_path / "works.V22", a_work("W1", iswc=ISWC))
    (tmp_path / "works.csv").write_text(
        "work_number,title,submitter,party_name,role,performing_ownership\n"
        "W2,=cmd()|x,00000000199,Anna,C,100\n"
    )
    assert contrafact("one", "catalog", "import", "cwr", tmp_path / "works.V22")[0] == 0
    assert contrafact("one", "catalog", "import", "csv", tmp_path / "works.csv")[0] == 0


@pytest.mark.parametrize("form", ["csv", "parquet", "cwr"])
def test_an_export_goes_into_another_home(contrafact, filled, tmp_path, form):
    path = tmp_path / f"out.{form}"
    code, said, _ = contrafact("one", "catalog", "export", form, path, "--submitter", "00000000199", "--json")
    assert (code, json.loads(said)["works"], json.loads(said)["findings"]) == (0, 2, [])
    code, said, _ = contrafact("two", "catalog", "import", form, path, "--json")
    assert (code, json.loads(said)["works"], json.loads(said)["quarantined"]) == (0, 2, 0)
    titles = [
        json.loads(contrafact(home, "catalog", "show", "W2", "--json")[1])["work"]["title"]
        for home in ("one", "two")
    ]
    assert titles[0] == "=cmd()|x"
    assert titles[1] == (titles[0] if form != "cwr" else titles[0].upper())


def test_a_title_that_is_a_formula_leaves_csv_as_text(contrafact, filled, tmp_path):
    contrafact("one", "catalog", "export", "csv", tmp_path / "out.csv")
    text = (tmp_path / "out.csv").read_text()
    assert ",'=cmd()|x," in text
    assert ",=cmd" not in text


def test_a_cwr_export_without_a_sender_is_refused_with_a_sentence(contrafact, filled, tmp_path):
    for more in ([], ["--submitter", "Testling"]):
        code, _, complaint = contrafact("one", "catalog", "export", "cwr", tmp_path / "out.V22", *more)
        assert (code, "--submitter" in complaint) == (1, True)
    assert not (tmp_path / "out.V22").exists()


def test_works_that_a_file_cannot_hold_are_told(contrafact, filled, tmp_path):
    row = "a-number-that-is-too-long,Third,00000000199,Anna,C,100\n"
    header = (tmp_path / "works.csv").read_text().splitlines(keepends=True)[0]
    (tmp_path / "more.csv").write_text(header + row)
    contrafact("one", "catalog", "import", "csv", tmp_path / "more.csv")
    code, said, _ = contrafact(
        "one", "catalog", "export", "cwr", tmp_path / "out.V22", "--submitter", "00000000199"
    )
    assert code == 0
    assert "2 works written" in said and "'Third' was left out" in said


def test_a_release_notification_is_imported_and_shown(contrafact, filled, tmp_path):
    (tmp_path / "m.xml").write_text(a_message())
    code, said, _ = contrafact("one", "catalog", "import", "ern", tmp_path / "m.xml", "--json")
    assert (code, json.loads(said)["recordings"], json.loads(said)["works"]) == (0, 1, 1)
    work = json.loads(contrafact("one", "catalog", "show", "W1", "--json")[1])["work"]
    assert work["recordings"][0]["releases"][0]["title"] == "Song and Test EP"
    said = contrafact("one", "catalog", "show", "W1")[1]
    assert "recording QZ5AB2100001: Song & Test, on 'Song and Test EP'" in said


def test_a_message_that_breaks_off_is_refused_and_keeps_what_was_whole(contrafact, filled, tmp_path):
    (tmp_path / "m.xml").write_text(a_message()[:-200])
    code, said, _ = contrafact("one", "catalog", "import", "ern", tmp_path / "m.xml", "--json")
    assert (code, json.loads(said)["recordings"]) == (1, 1)


def test_an_answer_of_a_society_is_shown(contrafact, filled, tmp_path):
    an_answer_file(tmp_path / "ack.V22", an_answer(status="AC", messages=["SHARE CORRECTED"]))
    code, said, _ = contrafact("one", "catalog", "import", "cwr", tmp_path / "ack.V22")
    assert code == 0 and "SHARE CORRECTED" in said
    code, said, _ = contrafact("one", "catalog", "show", "W1")
    assert "society 052: registered with changes (AC), number 9001" in said
