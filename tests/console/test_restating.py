"""Do closing, restating and explaining do what they say, from the command line, and refuse with a reason?"""

import json
import sys

import pytest

from console.cli import main
from console.home import Access, open_home
from console.settings import load_settings
from provenance.audit import audit_records
from provenance.evidence.records import records_about
from royalties.ledger import check_ledger
from tests.console.approving import two_approve

HEADER = "line_id,generation,territory,service,use_type,used_on,units,revenue_minor,currency\n"


@pytest.fixture
def contrafact(tmp_path, monkeypatch, capsys):
    """Runs a command on a fresh home; returns its exit code and its JSON, or its plain words."""

    def command(*words, plain=False):
        said = [] if plain else ["--json"]
        monkeypatch.setattr(
            sys, "argv", ["contrafact", "--home", str(tmp_path / "home"), "royalties", *words, *said]
        )
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out = capsys.readouterr().out
        return code, out if plain else json.loads(out)

    return command


@pytest.fixture
def usage(tmp_path, contrafact):
    """Takes in lines of (id, day, revenue), and returns what the command answered."""

    def bring(name, *lines):
        rows = [f"{number},gen_1,DE,Example,Stream,{day},1,{minor},EUR" for number, day, minor in lines]
        (tmp_path / name).write_text(HEADER + "\n".join(rows) + "\n")
        code, answer = contrafact("usage", "csv", str(tmp_path / name))
        assert code == 0
        return answer

    return bring


OCTOBER = ("--period", "2026-10")


def test_a_late_line_is_paid_by_a_restatement_and_explains_itself(contrafact, usage, tmp_path):
    usage("october.csv", ("a", "2026-10-05", 10_000))
    code, run = contrafact("run", *OCTOBER, "--policy", "fifty_fifty")
    assert code == 0
    code, refused = contrafact("close", *OCTOBER)
    assert code == 1 and "2 people must approve" in refused["error"]["message"]
    two_approve(contrafact, tmp_path, "2026-10")
    code, closed = contrafact("close", *OCTOBER)
    assert (code, closed["closed"], closed["period"], closed["run"]) == (0, True, "2026-10", run["run"])
    assert contrafact("close", *OCTOBER) == (0, closed)
    assert contrafact("restate", *OCTOBER)[1]["deltas"] == []

    late = usage("late.csv", ("b", "2026-10-06", 5_000))
    assert [finding["code"] for finding in late["findings"]] == ["LATE_USAGE"]
    code, found = contrafact("restate", *OCTOBER)
    assert (code, found["period"], found["changed"][0]) == (0, "2026-11", "usage")
    assert sum(delta["amount_minor"] for delta in found["deltas"]) == run["pool_minor"] // 2
    assert {delta["supersedes"]["document"] for delta in found["deltas"]} == {run["run"]}
    assert contrafact("restate", *OCTOBER)[1]["deltas"] == []

    code, written = contrafact("statement", "--period", "2026-11", "--party", "suspense", "--format", "json")
    assert code == 0
    code, told = contrafact("explain", written["statement"][:12], "1")
    assert (code, told["line"]["restates"]["period"]) == (0, "2026-10")
    text = "\n".join(told["path"])
    assert f"Before, by {run['run']} line 1" in text and "Now: " in text
    with open_home(load_settings(tmp_path / "home", {}), Access.READ) as home, home.session() as session:
        assert check_ledger(session) == []
        assert audit_records(session, home.key.public) == []
        kinds = [record.kind for record in records_about(session, ["2026-10", found["restatement"]])]
    assert kinds == ["approval", "approval", "closing", "restatement"]


def test_what_cannot_be_closed_restated_or_explained_says_why(contrafact, usage, tmp_path):
    def refusal(*words):
        code, answer = contrafact(*words)
        assert code == 1
        return answer["error"]["message"]

    assert "was not distributed" in refusal("close", *OCTOBER)
    assert "was not distributed" in refusal("restate", *OCTOBER)
    usage("both.csv", ("a", "2026-10-05", 10_000), ("b", "2026-11-05", 10_000))
    for month in ("2026-10", "2026-11"):
        assert contrafact("run", "--period", month, "--policy", "fifty_fifty")[0] == 0
    assert "2026-10 is open" in refusal("restate", *OCTOBER)
    assert "2026-10 is open" in refusal("close", "--period", "2026-11")
    two_approve(contrafact, tmp_path, "2026-10")
    contrafact("close", *OCTOBER)
    assert "closed" in refusal("run", *OCTOBER, "--policy", "stim_like")
    assert "2026-11" in refusal("restate", *OCTOBER, "--in", "2026-09")
    assert "no statement" in refusal("explain", "abc", "1")
    _, written = contrafact("statement", "--period", "2026-11", "--party", "suspense", "--format", "json")
    assert "has lines 1 to" in refusal("explain", written["statement"], "99")
    assert contrafact("restate", *OCTOBER, "--policy", "stim_like")[1]["changed"][0] == "policy"
    assert "is not the newest" in refusal("explain", written["statement"], "1")
    assert contrafact("explain", written["statement"], "0", plain=True)[0] == 2


def test_the_answers_come_in_plain_words_too(contrafact, usage, tmp_path):
    usage("october.csv", ("a", "2026-10-05", 10_000))
    contrafact("run", *OCTOBER, "--policy", "fifty_fifty")
    two_approve(contrafact, tmp_path, "2026-10")
    assert "2026-10 is closed with run dist_" in contrafact("close", *OCTOBER, plain=True)[1]
    assert "no amount of 2026-10 differs" in contrafact("restate", *OCTOBER, plain=True)[1]
    usage("late.csv", ("b", "2026-10-06", 5_000))
    code, said = contrafact("restate", *OCTOBER, plain=True)
    assert code == 0
    assert "changed since dist_" in said and "suspense:UNMATCHED_WORK" in said
    _, written = contrafact("statement", "--period", "2026-11", "--party", "suspense", "--format", "json")
    code, said = contrafact("explain", written["statement"], "1", plain=True)
    assert code == 0 and said.startswith("Line 1: ")
