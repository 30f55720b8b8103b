"""Does the command line answer as its contract says: exit codes, one JSON object, sentences, no traceback?"""

import errno
import json
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from console.cli import _database_sentence, _file_sentence, main
from console.demo.house_catalogue import write_house_catalogue
from console.home import Access, open_home
from console.settings import load_settings
from model.house import compose
from model.midi import write_midi
from model.score import Score, Track, notes_of
from tests.royalties.dsr_files import ROYALTY, plain_report


@pytest.fixture
def contrafact(monkeypatch, capsys, tmp_path):
    """Runs a command in a home of its own; returns exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["contrafact", "--home", str(tmp_path / "home"), *map(str, arguments)]
        )
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


def test_a_period_that_is_none_is_wrong_usage(contrafact):
    code, _, complaint = contrafact("royalties", "run", "--period", "2026-13", "--policy", "stim_like")
    assert code == 2
    assert "write year and month, such as 2026-10" in complaint


def test_an_unknown_work_is_refused_with_a_sentence(contrafact):
    code, said, complaint = contrafact("catalog", "show", "T0345246801")
    assert (code, said) == (1, "")
    assert "T0345246801" in complaint


def test_with_json_a_refusal_is_one_object_on_standard_output(contrafact):
    code, said, _ = contrafact("catalog", "show", "T0345246801", "--json")
    assert code == 1
    error = json.loads(said)["error"]
    assert error["kind"] == "NotFoundError"
    assert "T0345246801" in error["message"]


def test_with_json_an_answer_is_one_object_and_nothing_else(contrafact):
    code, said, _ = contrafact("catalog", "search", "kyrie", "--json")
    assert code == 0
    assert json.loads(said) == {"hits": []}


@pytest.mark.parametrize(
    "arguments",
    [
        ("catalog", "import", "cwr", "/no/such/file.V22"),
        ("catalog", "import", "folder", "/no/such/folder"),
        ("model", "train", "0123"),
        ("generate", "--genre", "polka"),
        ("provenance", "attribute", "gen_none"),
        ("evidence", "export", "gen_none"),
        ("royalties", "run", "--period", "2026-10", "--policy", "/no/such/policy.toml"),
        ("royalties", "statement", "--period", "2026-10", "--party", "nobody"),
    ],
)
def test_what_is_not_there_is_named_in_a_sentence(contrafact, arguments):
    code, _, complaint = contrafact(*arguments)
    assert code == 1
    assert complaint.startswith(("contrafact: ", "Training", "Composing"))


def test_a_usage_file_that_is_missing_is_a_finding(contrafact):
    code, said, _ = contrafact("royalties", "usage", "csv", "/no/such/file.csv", "--json")
    answer = json.loads(said)
    assert (code, answer["lines"]) == (1, 0)
    assert "/no/such/file.csv" in json.dumps(answer["findings"])


def test_a_sales_report_that_is_cut_off_is_refused_and_named(contrafact, tmp_path):
    whole = plain_report(ROYALTY, [("gen_1", 10, 1234)])
    path = tmp_path / "report.tsv"
    path.write_bytes(whole[: whole.rindex(b"FOOT")])
    code, said, _ = contrafact("royalties", "usage", "dsr", str(path), "--json")
    answer = json.loads(said)
    assert (code, answer["lines"]) == (1, 0)
    assert [finding["code"] for finding in answer["findings"]] == ["NO_FOOT"]
    path.write_bytes(whole)
    code, said, _ = contrafact("royalties", "usage", "dsr", str(path), "--json")
    assert (code, json.loads(said)["lines"]) == (0, 1)


def test_a_statement_of_this_home_is_not_usage_of_it(contrafact, tmp_path):
    path = tmp_path / "report.tsv"
    path.write_bytes(plain_report(ROYALTY, [("gen_1", 10, 100_000)]))
    assert contrafact("royalties", "usage", "dsr", str(path))[0] == 0
    assert contrafact("royalties", "run", "--period", "2026-10", "--policy", "stim_like")[0] == 0
    words = ("royalties", "statement", "--period", "2026-10", "--party", "suspense", "--format", "dsr")
    assert "--sender-dpid" in contrafact(*words)[1]
    [written] = json.loads(contrafact(*words, "--json")[1])["files"]
    code, said, _ = contrafact("royalties", "usage", "dsr", written, "--json")
    assert code == 1
    assert [finding["code"] for finding in json.loads(said)["findings"]] == ["OWN_STATEMENT"]


def test_a_party_identifier_with_a_wrong_check_character_is_wrong_usage(contrafact):
    words = ("--period", "2026-10", "--party", "p", "--format", "dsr", "--sender-dpid", "PADPIDA2014999999Z")
    code, _, complaint = contrafact("royalties", "statement", *words)
    assert code == 2
    assert "DDEX party identifier" in complaint


def test_a_second_command_on_a_home_that_is_being_written_is_told_to_wait(contrafact, tmp_path):
    with open_home(load_settings(tmp_path / "home", {}), Access.WRITE):
        code, _, complaint = contrafact("royalties", "usage", "csv", "/no/such/file.csv")
    assert code == 1
    assert "is writing to the home" in complaint


def test_a_database_of_a_newer_version_is_left_alone(contrafact, tmp_path):
    with (
        open_home(load_settings(tmp_path / "home", {}), Access.WRITE) as home,
        home.engine.begin() as connection,
    ):
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    code, _, complaint = contrafact("catalog", "audit")
    assert code == 1
    assert "'9999'" in complaint
    assert "Install the version that wrote it" in complaint


def test_a_full_disk_is_said_so():
    sentence = _file_sentence(OSError(errno.ENOSPC, "No space left on device", "shard.parquet"))
    assert "The disk is full (shard.parquet)" in sentence
    assert "try again" in sentence


def test_a_corrupt_midi_file_is_quarantined_and_the_rest_goes_in(contrafact, tmp_path, midi_bytes):
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "good.mid").write_bytes(midi_bytes)
    (folder / "bad.mid").write_bytes(midi_bytes[: len(midi_bytes) // 2])
    rows = ["file,title,composer,composer_died,genre,licence,licence_basis"]
    rows += [f"{name}.mid,{name},J. S. Bach,1750,baroque,CC0-1.0,stated" for name in ("good", "bad")]
    (folder / "rights.csv").write_text("\n".join(rows) + "\n")
    code, said, _ = contrafact("catalog", "import", "folder", folder, "--json")
    answer = json.loads(said)
    assert code == 0
    assert (answer["works"], answer["quarantined"]) == (1, 1)
    assert "bad.mid" in json.dumps(answer["findings"])


def test_a_truncated_cwr_file_is_told_line_by_line(contrafact, tmp_path):
    path = tmp_path / "cut.V22"
    path.write_bytes(b"HDRPB000000199SENDER" + b" " * 40)
    code, said, _ = contrafact("catalog", "import", "cwr", path, "--json")
    answer = json.loads(said)
    assert code == 1
    assert answer["works"] == 0
    assert all({"code", "where", "message"} <= finding.keys() for finding in answer["findings"])
    assert answer["findings"]


def test_doctor_says_what_is_there_and_how_to_mend_the_rest(contrafact):
    _, said, _ = contrafact("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(said)["checks"]}
    assert checks["database"]["ok"]
    assert all(check["ok"] or check["mend"] for check in checks.values())


@pytest.fixture
def midi_bytes() -> bytes:
    """A small MIDI file."""
    rows = [[480 * index, 400, 60 + index % 5, 90] for index in range(16)]
    return write_midi(Score(480, (Track("Piano", 0, False, notes_of(rows)),)))


def test_home_may_be_named_behind_the_command(contrafact, tmp_path):
    code, _, _ = contrafact("catalog", "audit", "--home", tmp_path / "other")
    assert code == 0
    assert Path(tmp_path / "other" / "contrafact.db").is_file()


def test_a_file_that_breaks_off_is_refused_and_what_came_whole_is_kept(contrafact, tmp_path):
    write_house_catalogue([compose("hymn", index, 0) for index in range(3)], tmp_path, 0)
    whole = (tmp_path / "CW260001HOU_000.V22").read_bytes()
    (tmp_path / "broken.V22").write_bytes(whole[: len(whole) * 2 // 3])
    code, said, _ = contrafact("catalog", "import", "cwr", tmp_path / "broken.V22", "--json")
    answer = json.loads(said)
    assert code == 1
    assert answer["works"] >= 1
    assert "TRUNCATED_FILE" in {finding["code"] for finding in answer["findings"]}


def test_a_full_disk_is_named_as_one():
    error = OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
    assert "The disk is full" in _database_sentence(error)
    assert "locked" in _database_sentence(OperationalError("x", {}, sqlite3.OperationalError("is locked")))


def higher(score, steps):
    """A score in another key, without its title."""
    moved = np.array((0, 0, steps, 0), dtype=np.int32)
    tracks = [track if track.is_drum else replace(track, notes=track.notes + moved) for track in score.tracks]
    return replace(score, tracks=tuple(tracks), title="")


def test_the_audit_names_the_same_music_under_two_names(contrafact, tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    hymn, techno = compose("hymn", 0, 0).score, compose("techno", 0, 0).score
    scores = {"a": hymn, "b": higher(hymn, 5), "c": techno, "d": higher(techno, -2)}
    for name, score in scores.items():
        (folder / f"{name}.mid").write_bytes(write_midi(score))
    (folder / "rights.csv").write_text(
        "file,title,licence,licence_basis,public_domain,public_domain_basis\n"
        "a.mid,Morning,CC0-1.0,stated,yes,old\nb.mid,Evening,NOASSERTION,,yes,old\n"
        "c.mid,Noon,NOASSERTION,,yes,old\nd.mid,Night,NOASSERTION,,no,\n",
        encoding="utf-8",
    )
    code, said, _ = contrafact("catalog", "import", "folder", folder, "--json")
    assert (code, json.loads(said)["works"]) == (0, 4)
    _, said, _ = contrafact("catalog", "audit", "--json")
    told = {finding["code"]: finding["message"] for finding in json.loads(said)["findings"]}
    names = {code: [n for n in ("Morning", "Evening", "Noon", "Night") if n in told[code]] for code in told}
    assert names["SAME_MUSIC_OTHER_RIGHTS"] == ["Morning", "Evening"]
    assert names["SAME_MUSIC_OTHER_OWNERS"] == ["Noon", "Night"]
    assert "no owner" in told["SAME_MUSIC_OTHER_OWNERS"]
    _, said, _ = contrafact("catalog", "audit", "--no-music", "--format", "csv")
    assert said.startswith("severity,code,where,message\n")
    assert "SAME_MUSIC" not in said
