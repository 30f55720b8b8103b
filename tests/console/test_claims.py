"""Do mandates and disputes that are entered at the command line decide who is paid, down to a statement?"""

import json
import sys
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest

from catalog.records import PartyRecord, RecordingRecord
from catalog.vocabulary import PartyKind, Purpose, Right, Role
from catalog.works import find_work
from console.cli import main
from console.home import Access, open_home
from console.settings import load_settings
from provenance.canonical import digest
from provenance.evidence.records import records_about, verify_chain
from provenance.tables import Attribution, AttributionShare, Corpus, Generation, Run
from tests.catalog.builders import PUBLISHER, WRITER, a_share, a_work, cwr_file
from tests.console.approving import two_approve

AT = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
USAGE = "line_id,generation,territory,service,use_type,used_on,units,revenue_minor,currency\n"
ADMIN = PartyRecord("ADMIN LTD", PartyKind.PUBLISHER, "00045620792")
SUB = PartyRecord("SUB GMBH", PartyKind.PUBLISHER, "00052210040")
NO_PLACE = "0" * 64


def leaned_on(home, work_id):
    """A generation that leaned on one work and on nothing else, as if it had been attributed."""
    share = {"work_id": work_id, "share_ppm": 1_000_000, "low_ppm": 900_000, "high_ppm": 1_000_000}
    share |= {"influence": "1.0"}
    body = {"unattributed_ppm": 0, "reliability": {"verdict": "influence"}, "shares": [share]}
    rows = [
        Corpus(
            id=NO_PLACE, purpose=Purpose.TRAIN, territory="EU", cleared_on=date(2026, 9, 1), works=1,
            merkle_root=NO_PLACE, examples=1, events=1, manifest={}, built_at=AT,
        ),
        Run(
            id="run_1", corpus_id=NO_PLACE, checkpoint_sha256=NO_PLACE, preset="lite", seed=1, steps=1,
            loss=1.0, config={}, trained_at=AT,
        ),
        Generation(
            id="gen_1", run_id="run_1", parent_id=None, prompt={}, seed=1, midi_sha256=NO_PLACE,
            originality=None, created_at=AT,
        ),
        Attribution(
            id=digest(body), generation_id="gen_1", method="trak", unattributed_ppm=0,
            reliability=body["reliability"], body=body, attributed_at=AT,
        ),
        AttributionShare(attribution_id=digest(body), **share),
    ]  # fmt: skip
    with home.session() as session, session.begin():
        for row in rows:
            session.add(row)
            session.flush()


@pytest.fixture
def opened(tmp_path):
    def at(access=Access.WRITE):
        return open_home(load_settings(tmp_path / "home", {}), access)

    return at


@pytest.fixture
def contrafact(tmp_path, monkeypatch, capsys):
    """Runs a command; returns its exit code and its JSON, or its plain words."""

    def command(*words, plain=False):
        said = [] if plain else ["--json"]
        monkeypatch.setattr(sys, "argv", ["contrafact", "--home", str(tmp_path / "home"), *words, *said])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out = capsys.readouterr().out
        return code, out if plain else json.loads(out)

    return command


@pytest.fixture
def catalogue(tmp_path, contrafact, opened):
    """A home with one work of a writer and a publisher, a generation that leaned on it, and its usage."""
    known = a_work("W2", "OTHER", shares=tuple(
        a_share(party, Role.ORIGINAL_PUBLISHER, right, 500_000, chain=chain)
        for right in (Right.PERFORMING, Right.MECHANICAL)
        for chain, party in enumerate((ADMIN, SUB), start=1)
    ), credits=((ADMIN, Role.ORIGINAL_PUBLISHER), (SUB, Role.ORIGINAL_PUBLISHER), (WRITER, Role.COMPOSER)),
    representations=())  # fmt: skip
    song = a_work(recordings=(RecordingRecord(isrc="DEA123456789", title="SONG OF THE TEST"),))
    path = cwr_file(tmp_path / "works.V22", song, known)
    assert contrafact("catalog", "import", "cwr", str(path))[0] == 0
    with opened() as home:
        with home.session() as session:
            work = find_work(session, "W1")
        leaned_on(home, work)
    lines = (
        "a,gen_1,DE,Example,Stream,2026-10-05,1,10000,EUR\nb,gen_1,SE,Example,Stream,2026-10-05,1,10000,EUR\n"
    )
    (tmp_path / "usage.csv").write_text(USAGE + lines)
    assert contrafact("royalties", "usage", "csv", str(tmp_path / "usage.csv"))[0] == 0
    return work


def mandate(owner, collector, *more, commission="100000"):
    return (
        "catalog", "mandate", "--owner", owner, "--collector", collector, "--commission-ppm", commission,
        "--agreement", f"{collector} 2026", "--from", "2026-01-01", *more,
    )  # fmt: skip


ADMINISTERED = mandate("TESTLING VERLAG", "ADMIN LTD", "--kind", "administration", "--territory", "WORLD")
SUB_PUBLISHED = mandate(
    "ADMIN LTD", "SUB GMBH", "--kind", "sub_publishing", "--territory", "DE", commission="200000"
)
DISPUTED = (
    "catalog", "dispute", "open", "W1", "--party", "STEIN, ANNA", "--share-ppm", "200000", "--right",
    "mechanical", "--territory", "WORLD", "--from", "2026-10-01", "--reason", "letter",
)  # fmt: skip
OCTOBER = ("--period", "2026-10")


def statement(contrafact, opened, party, period="2026-10"):
    words = ("royalties", "statement", "--period", period, "--party", party, "--format", "json")
    code, answer = contrafact(*words)
    assert code == 0, answer
    return answer["statement"], json.loads(Path(answer["files"][0]).read_text(encoding="utf-8"))


def test_a_month_is_paid_along_the_chain_and_a_settled_dispute_by_a_restatement(
    catalogue, contrafact, opened, tmp_path
):
    assert contrafact(*ADMINISTERED)[0] == 0
    assert contrafact(*SUB_PUBLISHED)[0] == 0
    code, dispute = contrafact(*DISPUTED)
    assert (code, dispute["findings"]) == (0, [])
    code, run = contrafact("royalties", "run", *OCTOBER, "--policy", "fifty_fifty")
    assert code == 0
    assert run["pool_minor"] == 10_000
    # 5,000 of Germany and of Sweden each: 20 % of them is frozen, and half is the publisher's
    assert run["suspense_minor"] == 2_000

    name, sub = statement(contrafact, opened, SUB.key(""))
    assert (sub["earned"], sub["lines"][0]["role"]) == ("5.00", "sub_publisher")
    assert sub["recordings"] == {catalogue: ["DEA123456789"]}
    code, explained = contrafact("royalties", "explain", name, "1")
    assert any("20 % commission of SUB GMBH" in sentence for sentence in explained["path"])
    assert statement(contrafact, opened, ADMIN.key(""))[1]["earned"] == "4.50"  # 2.00 + 2.50
    assert statement(contrafact, opened, PUBLISHER.key(""))[1]["earned"] == "40.50"
    _, writer = statement(contrafact, opened, WRITER.key(""))
    assert (writer["earned"], {line["role"] for line in writer["lines"]}) == ("30.00", {"composer"})

    two_approve(partial(contrafact, "royalties"), tmp_path, "2026-10")
    assert contrafact("royalties", "close", *OCTOBER)[0] == 0
    settled = ("catalog", "dispute", "settle", dispute["dispute"], "--outcome", "claim withdrawn")
    assert contrafact(*settled)[1]["settled"] == dispute["dispute"]
    code, restated = contrafact("royalties", "restate", *OCTOBER)
    assert (code, restated["changed"]) == (0, ["shares"])
    assert sum(delta["amount_minor"] for delta in restated["deltas"]) == 0
    assert statement(contrafact, opened, WRITER.key(""), "2026-11")[1]["restated"] == "20.00"
    with opened(Access.READ) as home, home.session() as session:
        said = [record.kind for record in records_about(session, [dispute["dispute"]])]
        assert said == ["dispute", "dispute-settlement"]
        verify_chain(session, home.key.public)


def test_show_tells_who_collects_and_what_is_in_dispute(catalogue, contrafact):
    for words in (ADMINISTERED, SUB_PUBLISHED, DISPUTED):
        contrafact(*words)
    work = contrafact("catalog", "show", "W1")[1]["work"]
    assert [each["collector_name"] for each in work["mandates"]].count("SUB GMBH") == 1
    assert {each["commission_ppm"] for each in work["mandates"]} == {100_000, 200_000}
    assert [each["outcome"] for each in work["disputes"]] == [None]
    _, said = contrafact("catalog", "show", "W1", plain=True)
    assert "ADMIN LTD collects for TESTLING VERLAG in WORLD: 10 % commission" in said
    assert "in dispute: 20 % mechanical of STEIN, ANNA" in said


def test_what_is_wrong_is_told_and_the_exit_code_is_one(catalogue, contrafact):
    contrafact(*ADMINISTERED)
    code, answer = contrafact(
        *mandate("TESTLING VERLAG", "SUB GMBH", "--kind", "administration", "--territory", "DE")
    )
    assert (code, answer["mandate"]) == (1, None)
    assert [finding["code"] for finding in answer["findings"]] == ["MANDATE_OVERLAP"]
    back = mandate("ADMIN LTD", "TESTLING VERLAG", "--kind", "administration", "--territory", "DE")
    assert [f["code"] for f in contrafact(*back)[1]["findings"]] == ["MANDATE_CYCLE"]
    code, answer = contrafact(*DISPUTED[:7], "0", *DISPUTED[8:])
    assert (code, [finding["code"] for finding in answer["findings"]]) == (1, ["DISPUTE_SHARE"])
    _, dispute = contrafact(*DISPUTED)
    settle = ("catalog", "dispute", "settle", dispute["dispute"], "--outcome")
    assert contrafact(*settle, "withdrawn")[0] == 0
    code, answer = contrafact(*settle, "upheld")
    assert (code, answer["settled"]) == (1, None)
    assert (
        contrafact(
            *mandate("NOBODY", "SUB GMBH", "--kind", "administration", "--territory", "DE"), plain=True
        )[0]
        == 1
    )
