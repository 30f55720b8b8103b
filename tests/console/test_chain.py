"""Does the whole chain hold: the same bytes twice, nothing lost to kill -9, evidence that cannot be bent?"""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlalchemy import func, select

import provenance.disclosures
from catalog.tables import Encoding, Work
from console.cli import main
from console.steps.generating import read_excerpts
from model.midi import read_midi
from model.originality import Repertoire, lines_of
from provenance.audit import audit_records
from provenance.evidence.bundle import verify_bundle
from provenance.tables import Generation
from royalties.ledger import check_ledger
from royalties.money import PPM
from royalties.tables import AllocationRow
from tests.console.approving import approvers_in, receipts_for
from tests.console.calls import call, opened
from tests.console.commands import COMMANDS
from tests.console.tiny_chain import TINY, digests, run_tiny_chain
from tests.royalties.dsr_files import FINANCIAL, plain_report

KILLED_AFTER_SECONDS = (5, 12, 20)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The same where the process was killed three times on the way."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.console.tiny_chain", str(folder)]
    for seconds in KILLED_AFTER_SECONDS:
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return folder, run_tiny_chain(folder)


def test_a_chain_that_was_killed_gives_the_same_digests(done, killed):
    assert digests(killed[1]) == digests(done[1])


def test_a_chain_that_is_done_repeats_itself_and_adds_nothing(done):
    folder, chain = done
    with opened(folder) as home, home.session() as session:
        before = [session.scalar(select(func.count()).select_from(table)) for table in (Work, Generation)]
    assert digests(run_tiny_chain(folder)) == digests(chain)
    with opened(folder) as home, home.session() as session:
        after = [session.scalar(select(func.count()).select_from(table)) for table in (Work, Generation)]
    assert after == before


@pytest.mark.parametrize("which", ["done", "killed"])
def test_tables_records_and_ledger_agree(which, request):
    folder, _ = request.getfixturevalue(which)
    with opened(folder) as home, home.session() as session:
        assert audit_records(session, home.key.public) == []
        assert check_ledger(session) == []


def test_the_doctor_sees_a_row_that_somebody_changed(done, tmp_path, monkeypatch, capsys):
    folder, _ = done
    shutil.copytree(folder / "home", tmp_path / "home")
    with closing(sqlite3.connect(tmp_path / "home" / "contrafact.db")) as connection, connection:
        connection.execute("UPDATE attribution_share SET share_ppm = share_ppm + 1")
    monkeypatch.setattr(sys, "argv", ["contrafact", "doctor", "--home", str(tmp_path / "home"), "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert stopped.value.code == 1
    assert not checks["records"]["ok"]
    assert checks["ledger"]["ok"]


def test_nothing_half_written_is_left(killed):
    folder, _ = killed
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert [name for name in names if "tmp" in name.lower() or name.endswith(".part")] == []


def test_only_what_is_cleared_was_trained_on(done):
    folder, chain = done
    trained_on = set(pl.read_parquet(chain.training.trained.exposure)["work_id"])
    cleared = {file.leaf.work_id for file in chain.corpus.files}
    assert trained_on <= cleared
    with opened(folder) as home, home.session() as session:
        works = set(session.scalars(select(Work.id)))
        terms = Counter(session.scalars(select(Encoding.licence).where(Encoding.work_id.in_(cleared))))
    assert cleared < works, "some works of the demonstration must be refused"
    assert "NOASSERTION" not in terms


def test_shares_and_money_are_whole(done):
    _, chain = done
    for found in chain.attributions:
        assert sum(share.share_ppm for share in found.shares) + found.unattributed_ppm == PPM
        for share in found.shares:
            assert share.low_ppm <= share.share_ppm <= share.high_ppm
    run = chain.run
    assert run.pool_minor == run.allocated_minor + run.suspense_minor > 0
    assert len(chain.attributions) == len(TINY.prompts)
    assert any(found.shares for found in chain.attributions)


def test_the_bundle_verifies_and_no_byte_of_it_may_change(done):
    _, chain = done
    data = chain.bundle.read_bytes()
    assert verify_bundle(data).valid
    assert not chain.tampered.valid
    chance = random.Random(5)
    for place in [0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(40))]:
        bent = bytearray(data)
        bent[place] ^= 1 << chance.randrange(8)
        assert not verify_bundle(bytes(bent)).valid, f"byte {place} was changed"


def test_the_report_is_one_page_with_its_pictures_and_its_files_at_hand(done):
    folder, _ = done
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2 + 3 * len(TINY.prompts)
    listen = re.findall(r'href="(listen/[^"]+)"', page)
    assert listen and all(read_midi((folder / name).read_bytes()).num_notes for name in listen)
    assert "data:audio/mpeg;base64," in page
    assert page.count("Closest by content") == len(TINY.prompts)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_withdrawn_work_is_gone_from_the_next_corpus_and_its_receipt_verifies(
    done, tmp_path, monkeypatch, capsys
):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")
    work = next(file.leaf.work_id for file in chain.corpus.files if file.leaf.origin == "human")

    def answer(*words):
        return json.loads(call(monkeypatch, capsys, tmp_path, [*words, "--json"])[1])

    reserve = ("catalog", "reserve", work, "--protocol", "tdmrep", "--signal", "1", "--where", "letter 1")
    reservation = answer(*reserve)["reservation"]
    withdraw = ("catalog", "withdraw", work, "--reason", "letter 2", "--effective-on", "2026-10-01")
    withdrawn = answer(*withdraw)
    assert withdrawn["touched"]["corpora"] == [chain.corpus.id]
    assert withdrawn["touched"]["runs"] == [chain.training.run]
    assert answer(*withdraw) == withdrawn, "entering it again changes nothing"
    receipt = Path(withdrawn["receipt"])
    assert answer("evidence", "verify", str(receipt))["valid"]
    receipt.write_bytes(receipt.read_bytes().replace(b"letter 2", b"letter 3"))
    assert not answer("evidence", "verify", str(receipt))["valid"]

    asked = ("--purpose", "train", "--territory", "EU", "--on", "2026-10-01")
    codes = [objection["code"] for objection in answer("catalog", "clear", work, *asked)["objections"]]
    assert codes == ["WITHDRAWN"], "the signal was seen later than the day that is asked about"
    assert answer("catalog", "clear", work, *asked, "--as-known-on", "2026-01-01")["error"]
    before = datetime.now(UTC).date() - timedelta(days=1)
    assert (
        answer("corpus", "build", *asked, "--as-known-on", str(before))["error"]["kind"] == "CorpusBuildError"
    )
    built = answer("corpus", "build", *asked)
    assert built["works"] == chain.corpus.manifest["works"] - 1
    assert built["excluded"]["WITHDRAWN"] == 1
    found = {finding["code"] for finding in answer("catalog", "audit", "--on", "2026-12-01")["findings"]}
    assert found >= {"WITHDRAWN_IN_CORPUS", "RESERVED_IN_CORPUS", "WORK_WITHDRAWN"}
    history = answer("catalog", "show", work)["work"]["history"]
    assert [change["what"] for change in history][-2:] == [
        f"reservation {reservation} (tdmrep)",
        f"withdrawal {withdrawn['withdrawal']}",
    ]
    answer("catalog", "lift", reservation, "--on", "2026-11-30")
    assert (tmp_path / "home").is_dir()


def test_a_piece_that_repeats_too_much_is_refused_and_not_kept(done, tmp_path, monkeypatch, capsys):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")
    words = ["generate", "--genre", "baroque", "--instruments", "violin,cello", "--minutes", "0.75", "--json"]
    first = json.loads(call(monkeypatch, capsys, tmp_path, words)[1])
    with opened(tmp_path) as home:
        lines = lines_of(read_excerpts(home, first["generation"]))
    place = np.zeros(len(lines.token_T), dtype=np.int32)
    known = Repertoire(lines, place, [("work_1", "file_1")], 8)
    known.save(tmp_path / "home" / "repertoires" / f"{chain.corpus.id}.safetensors")
    pieces = sorted((tmp_path / "home" / "generations").iterdir())
    code, said = call(monkeypatch, capsys, tmp_path, [*words, "--on-repeat", "refuse"], errors=True)
    assert code == 1 and "by chance" in said
    assert sorted((tmp_path / "home" / "generations").iterdir()) == pieces
    code, said = call(monkeypatch, capsys, tmp_path, words)
    assert code == 0 and json.loads(said)["originality"]["flagged"]
    assert json.loads(said)["generation"] != first["generation"]  # the finding is part of the record


def test_an_edit_is_attributed_and_its_bundle_names_its_parent(done, tmp_path, monkeypatch, capsys):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")

    def answer(*words):
        code, said = call(monkeypatch, capsys, tmp_path, [*words, "--json"])
        return code, json.loads(said) if said else {}

    parent = chain.pieces[0].generation
    code, edited = answer("edit", parent, "--track", "1", "--bars", "1-2", "--seed", "4")
    assert (code, edited["parent"]) == (0, parent)
    assert (
        answer("edit", parent, "--track", "1", "--bars", "1-2", "--seed", "4")[1]["generation"]
        == (edited["generation"])
    )
    code, found = answer("provenance", "attribute", edited["generation"])
    assert code == 0
    assert sum(share["share_ppm"] for share in found["shares"]) + found["unattributed_ppm"] == PPM
    code, exported = answer("evidence", "export", edited["generation"])
    assert code == 0 and answer("evidence", "verify", exported["bundle"])[1]["valid"]
    assert parent.encode() in Path(exported["bundle"]).read_bytes()
    assert answer("edit", parent, "--infill", "900-901")[0] == 1
    assert answer("edit", parent)[0] == 2
    assert answer("edit", parent, "--transpose", "1", "--infill", "1-2")[0] == 2


def brought_file(path, generation, works):
    """Shares of a provider who gives a generation's whole to some works, each as much."""
    each = PPM // len(works)
    columns = {"generation": [generation] * len(works), "work": works, "share_ppm": [each] * len(works)}
    pl.DataFrame(columns).write_parquet(path)
    return str(path)


def _trained_on(chain):
    exposure = pl.read_parquet(chain.training.trained.exposure)
    return set(exposure.filter(pl.col("events_seen") > 0)["work_id"])


def test_shares_from_elsewhere_decide_what_is_paid_to_the_unit(done, tmp_path, monkeypatch, capsys):
    folder, chain = done
    generation = chain.pieces[0].generation
    usage = (folder / "inputs" / "usage-2026-10.csv").read_text().replace("2026-10-", "2026-11-")
    lines = [line for place, line in enumerate(usage.splitlines()) if not place or generation in line]
    (tmp_path / "usage.csv").write_text("\n".join(line.replace("-31", "-30") for line in lines) + "\n")
    house = {file.leaf.work_id for file in chain.corpus.files if file.leaf.origin == "house"}
    payable = min(house & _trained_on(chain))
    shares = brought_file(tmp_path / "shares.parquet", generation, [payable])
    bring = ["provenance", "import", shares, "--provider", "Acme", "--method", "trak", "--version", "2"]

    def paid(name, *commands):
        shutil.copytree(folder / "home", tmp_path / name / "home")
        for words in (*commands, ["royalties", "usage", "csv", str(tmp_path / "usage.csv")]):
            assert call(monkeypatch, capsys, tmp_path / name, [*words, "--json"])[0] == 0
        words = ["royalties", "run", "--period", "2026-11", "--policy", "fifty_fifty", "--json"]
        run = json.loads(call(monkeypatch, capsys, tmp_path / name, words)[1])
        assert run["pool_minor"] == run["allocated_minor"] + run["suspense_minor"] > 0
        with opened(tmp_path / name) as home, home.session() as session:
            assert check_ledger(session) == []
            assert audit_records(session, home.key.public) == []
            query = select(AllocationRow.work_id, func.sum(AllocationRow.amount_minor)).where(
                AllocationRow.run_id == run["run"]
            )
            by_work = {work: int(minor) for work, minor in session.execute(query.group_by("work_id"))}
        assert sum(by_work.values()) == run["pool_minor"]
        return run, by_work

    ours, _ = paid("ours")
    theirs, by_work = paid("theirs", bring, bring)
    assert theirs["pool_minor"] == ours["pool_minor"]
    assert theirs["digest"] != ours["digest"]
    assert by_work == {payable: theirs["pool_minor"]}
    words = ["evidence", "export", generation, "--json"]
    code, exported = call(monkeypatch, capsys, tmp_path / "theirs", words)
    bundle = Path(json.loads(exported)["bundle"])
    assert code == 0 and verify_bundle(bundle.read_bytes()).valid
    assert b"trak/2 by Acme" in bundle.read_bytes()


def test_what_is_wrong_with_shares_from_elsewhere_is_told(done, tmp_path, monkeypatch, capsys):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")
    work = min(_trained_on(chain))
    [held_out] = {file.leaf.work_id for file in chain.corpus.files} - _trained_on(chain)
    good = brought_file(tmp_path / "good.parquet", chain.pieces[0].generation, [work])
    bad = brought_file(tmp_path / "bad.parquet", chain.pieces[0].generation, [work, "work_none"])
    unseen = brought_file(tmp_path / "unseen.parquet", chain.pieces[0].generation, [held_out])
    by = ["--provider", "Acme", "--method", "trak", "--version"]
    code, said = call(monkeypatch, capsys, tmp_path, ["provenance", "import", bad, *by, "1", "--json"])
    answer = json.loads(said)
    assert code == 1
    assert (answer["attributions"], answer["quarantined"]) == (0, 1)
    assert [finding["code"] for finding in answer["findings"]] == ["UNKNOWN_WORK"]
    code, said = call(monkeypatch, capsys, tmp_path, ["provenance", "import", unseen, *by, "1", "--json"])
    codes = [finding["code"] for finding in json.loads(said)["findings"]]
    assert (code, codes) == (1, ["WORK_NOT_TRAINED_ON"])
    code, said = call(monkeypatch, capsys, tmp_path, ["provenance", "import", good, *by, "1"])
    assert code == 0 and "1 attributions by trak/1 by Acme, 0 generations left out" in said
    code, said = call(monkeypatch, capsys, tmp_path, ["provenance", "import", good, *by, " "], errors=True)
    assert code == 2 and "printable" in said
    code, _ = call(monkeypatch, capsys, tmp_path, ["provenance", "import", good, "--provider", "Acme"])
    assert code == 2
    code, said = call(monkeypatch, capsys, tmp_path, ["provenance", "import", "none", *by, "1", "--json"])
    assert (code, json.loads(said)["batch"]) == (1, "")


@pytest.mark.parametrize(("command", "keys"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_every_command_answers_with_its_keys_and_in_plain_words(done, monkeypatch, capsys, command, keys):
    folder, chain = done
    refused = next(
        iter({e.work_id for e in chain.corpus.exclusions} - {f.leaf.work_id for f in chain.corpus.files})
    )
    report = plain_report(FINANCIAL, [(chain.pieces[0].generation, 10, 1234)])
    (folder / "report.tsv").write_bytes(report.replace(b"2026-10", b"2027-01"))  # no month of other tests
    parties = [payee for payee in chain.statements if payee.startswith("party_")]
    (folder / "rates.csv").write_text(
        "from,to,rate,date,source,kind\nUSD,EUR,0.9213,2026-10-31,Example Bank (invented),period_average\n"
    )
    (folder / "releases.csv").write_text(
        f"isrc,generation,from\nSEAAA2600001,{chain.pieces[0].generation},2026-10-01\n"
    )
    usage = folder / "inputs" / "usage-2026-10.csv"
    names = approvers_in(folder) | {
        "RATES": str(folder / "rates.csv"),
        "RELEASES": str(folder / "releases.csv"),
        "OWNER": parties[0],
        "COLLECTOR": parties[1],
        "RECEIPTS": receipts_for(usage, "2026-10", folder / "receipts.csv"),
        "REPORT": str(folder / "report.tsv"),
        "WORK": chain.corpus.files[0].leaf.work_id,
        "REFUSED": refused,
        "CORPUS": chain.corpus.id[:12],
        "PROOF": str(next((folder / "home" / "evidence").glob("*.proof.json"), "none")),
        "RUN": chain.training.run,
        "GENERATION": chain.pieces[0].generation,
        "USAGE": str(usage),
        "PAYEE": next(iter(chain.statements)),
        "STATEMENT": next(iter(chain.statements.values())).statement,
        "PROVIDER": str(Path(provenance.disclosures.__file__).parent / "provider_example.toml"),
        "BUNDLE": str(chain.bundle),
    }
    words = [names.get(word, word) for word in command.split()]
    code, said = call(monkeypatch, capsys, folder, [*words, "--json"])
    assert code == 0 or command.startswith("catalog audit"), said
    assert keys <= set(json.loads(said))
    again, plain = call(monkeypatch, capsys, folder, words)
    assert (again, bool(plain.strip())) == (code, True)
