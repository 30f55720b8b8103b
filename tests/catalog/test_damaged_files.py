"""Do damaged files of each kind give findings, never a traceback or a wrong share? `make fuzz` tries more."""

import io
import os
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from benchmarks.fuzz_check import AT, BAD, Bench, Outcome
from benchmarks.fuzz_inputs import KINDS, WHOLE, Damaged, damaged
from catalog.files import FileStore
from catalog.imports import cells, import_file
from console.steps.catalogue import inspect_music


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"ack", "ern"}))
def test_a_file_that_is_not_damaged_is_taken_whole(bench, kind):
    assert bench.outcome(Damaged(kind, WHOLE[kind](), "not at all")) == (Outcome.WHOLE, "")


@given(st.integers(0, 10_000_000))
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_gives_findings_and_never_a_traceback_or_a_wrong_share(bench, number):
    assert bench.outcome(damaged(2, number))[0] not in BAD


@given(st.sampled_from(["cwr", "csv", "parquet", "ern", "midi", "musicxml", "mxl", "krn"]), st.data())
@settings(max_examples=100, deadline=None)
def test_a_file_that_breaks_off_is_told(bench, kind, data):
    whole = WHOLE[kind]()
    cut = whole[: data.draw(st.integers(0, len(whole) - 3))]
    outcome, _detail = bench.outcome(Damaged(kind, cut, "cut"))
    # A table may end with its header or any row: then the sums of shares tell.
    assert outcome is Outcome.FINDINGS or (kind == "csv" and outcome is Outcome.WHOLE)


def an_archive(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><score-partwise>&b;</score-partwise>'


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xml", BOMB),
        ("a.mxl", an_archive({"score.xml": BOMB})),
        ("a.xml", b"<score-partwise>"),
        ("a.xml", b"<score-partwise>\0</score-partwise>"),
        ("a.mxl", an_archive({"score.xml": bytes(200 << 20)})),
        ("a.mxl", an_archive({"../../score.txt": b"x"})),
        ("a.mid", b"MThd"),
    ],
)
def test_a_hostile_score_is_refused_with_a_sentence(name, data):
    assert inspect_music(name, data)


def test_a_score_that_names_the_document_type_of_musicxml_is_taken():
    doctype = (
        b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://x/p.dtd">'
    )
    head, _, rest = WHOLE["musicxml"]().partition(b"\n")
    assert inspect_music("a.xml", head + doctype + rest) is None


def test_names_that_lead_astray_are_findings(bench):
    folder = bench.folder / "astray"
    folder.mkdir()
    (folder / "circle.mid").symlink_to(folder / "circle.mid")
    (folder / "out.mid").symlink_to("/etc/passwd")
    (folder / "folder.mid").mkdir()
    os.mkfifo(folder / "pipe.mid")
    names = [
        "circle.mid",
        "out.mid",
        "folder.mid",
        "pipe.mid",
        "x" * 5000 + ".mid",
        "../a.mid",
        "/etc/passwd",
    ]
    names += ["a\\..\\b.mid", "'=x.mid"]
    (folder / "rights.csv").write_text("file,licence\n" + "".join(f"{name},CC0-1.0\n" for name in names))
    with Session(bench.engine) as session:
        report = import_file(session, FileStore(bench.folder), "folder", folder, imported_at=AT)
        session.rollback()
    assert (report.encodings, report.quarantined) == (0, len(names))
    assert {finding.code for finding in report.findings} == {"PATH_OUTSIDE", "FILE_MISSING"}


@pytest.mark.parametrize("limit", ["MAX_GROUP_BYTES", "MAX_BATCH_BYTES"])
def test_a_parquet_file_that_unpacks_to_too_much_is_refused(bench, monkeypatch, limit):
    monkeypatch.setattr(cells, limit, 1_000)
    path = bench.folder / "large.parquet"
    path.write_bytes(WHOLE["parquet"]())
    with Session(bench.engine) as session:
        report = import_file(session, FileStore(bench.folder), "parquet", path, imported_at=AT)
        session.rollback()
    assert (report.works, [finding.code for finding in report.findings]) == (0, ["ROWS_TOO_LARGE"])
