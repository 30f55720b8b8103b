"""Does a chain say which works a piece leaned on, where, and whether that can be believed?"""

import json
import shutil
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

import console.steps.baselines
from console.cli.attributed import CHANGE_KEYS
from console.steps.corpora import open_corpus
from console.steps.generating import read_excerpts
from console.steps.indexing import open_attributor
from model.originality import Repertoire, lines_of
from provenance.audit import audit_records
from provenance.canonical import digest
from provenance.tables import Attribution
from royalties.money import PPM
from tests.console.calls import call, opened

SOURCE_KEYS = ("work_id", "encoding_id", "bar_start", "bar_end")


def test_what_is_close_by_content_is_on_record_and_no_part_of_the_shares(done, tmp_path, monkeypatch, capsys):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")
    work = chain.corpus.files[0].leaf.work_id
    with opened(tmp_path) as home:
        all_lines = [lines_of(read_excerpts(home, found.generation)) for found in chain.attributions]
    lines = max(all_lines, key=lambda found: len(found.token_T))  # a piece of few notes is close to nothing
    before = next(f for f, own in zip(chain.attributions, all_lines, strict=True) if own is lines)
    known = Repertoire(lines, np.zeros(len(lines.token_T), dtype=np.int32), [(work, "file_1")], 8)
    known.save(tmp_path / "home" / "repertoires" / f"{chain.corpus.id}.safetensors")
    words = ["provenance", "attribute", before.generation]
    answer = json.loads(call(monkeypatch, capsys, tmp_path, [*words, "--json"])[1])
    [close] = answer["similar"]
    assert close["work"] == work and close["bars"] == close["source_bars"] and close["notes"] > 8
    shares = {share["work"]: share["share_ppm"] for share in answer["shares"]}
    assert shares == {share.work_id: share.share_ppm for share in before.shares}
    assert answer["attribution"] != before.attribution, (
        "what is close is part of what the id is the digest of"
    )
    with opened(tmp_path) as home, home.session() as session:
        body = session.get(Attribution, answer["attribution"]).body
        assert body["details"]["similar"][0]["work_id"] == work
        assert audit_records(session, home.key.public) == []
    code, said = call(monkeypatch, capsys, tmp_path, words)
    assert code == 0 and f"{work}: {close['notes']} notes" in said


def test_where_it_leaned_on_what_is_on_record_and_the_bars_named_are_of_the_work(done):
    folder, chain = done
    with opened(folder) as home, home.session() as session:
        bodies = [session.get(Attribution, found.attribution).body for found in chain.attributions]
        corpus = open_corpus(home, chain.corpus.id)
    for found, body in zip(chain.attributions, bodies, strict=True):
        assert digest(body) == found.attribution
        assert body["segments"] == [segment.to_json() for segment in found.segments]
        assert body["details"]["tracks"] == [track.to_json() for track in found.tracks]
    told = [told for body in bodies for told in (*body["segments"], *body["details"]["tracks"])]
    for part in told:
        named_ppm = sum(share_ppm for _, share_ppm in part["shares"])
        assert named_ppm + part["others_ppm"] + part["unattributed_ppm"] == PPM
    sources = [
        source for body in bodies for part in body["segments"] for source in part.get("source_bars", ())
    ]
    examples = {
        (work, encoding, example.bar_start, example.bar_end)
        for work, encoding, example in zip(corpus.work_ids, corpus.encoding_ids, corpus, strict=True)
    }
    assert {tuple(source.values()) for source in sources} <= examples
    assert sources and all(tuple(source) == SOURCE_KEYS for source in sources)


def test_to_look_bar_by_bar_changes_nothing_on_record(done, tmp_path, monkeypatch, capsys):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")
    before = chain.attributions[0]
    words = ["provenance", "attribute", before.generation, "--by", "bar", "--json"]
    code, said = call(monkeypatch, capsys, tmp_path, words)
    answer = json.loads(said)
    assert (code, answer["attribution"]) == (0, before.attribution)
    assert all(segment["bar_end"] == segment["bar_start"] + 1 for segment in answer["segments"])
    assert len(answer["segments"]) > len(before.segments)


def test_a_track_whose_shares_were_changed_is_seen(done, tmp_path):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")
    with opened(tmp_path) as home, home.session() as session:
        attribution = session.get(Attribution, chain.attributions[0].attribution)
        details = attribution.body["details"]
        first = {**details["tracks"][0], "unattributed_ppm": details["tracks"][0]["unattributed_ppm"] ^ 1}
        changed = {**details, "tracks": [first, *details["tracks"][1:]]}
        attribution.body = {**attribution.body, "details": changed}
        session.flush()
        assert audit_records(session, home.key.public) != []


def test_halves_take_part_and_a_validation_says_what_influence_is_in_nats(
    done, tmp_path, monkeypatch, capsys
):
    folder, chain = done
    shutil.copytree(folder / "home", tmp_path / "home")

    def answer(words):
        code, said = call(monkeypatch, capsys, tmp_path, [*words.split(), "--json"])
        assert code == 0, said
        return json.loads(said)

    piece = chain.pieces[-1].generation  # the first leans on nothing
    before = answer(f"provenance attribute {piece}")
    assert before["reliability"]["rank_correlation"] is None
    assert {share["loss_change_nats"] for share in before["shares"]} <= {None}
    answer("provenance index --halves 1")
    with opened(tmp_path) as home:
        found = open_attributor(home, None)
        assert (found.halves, found.attributor.num_checkpoints) == (1, 4)
    monkeypatch.setattr(console.steps.baselines, "version", _nothing_installed)
    asked = "provenance validate --retrainings 3 --retests 2 --queries 2 --planted 0 --holders 1 --steps 1"
    code, plain = call(monkeypatch, capsys, tmp_path, asked.split())
    assert code == 0 and "kronfluence is not installed" in " ".join(plain.split())
    [path] = (tmp_path / "home" / "runs").glob("*/validation.json")
    found = json.loads(path.read_bytes())
    assert found["removal"]["holders"] == 1 and found["removal"]["of"] == 2
    after = answer(f"provenance attribute {piece}")
    assert float(after["reliability"]["rank_correlation"]["value"]) == pytest.approx(found["lds"]["value"])
    assert after["shares"]
    for share in after["shares"]:
        change, low, high = (float(share[key] or "nan") for key in CHANGE_KEYS)
        assert low <= change <= high or not share["share_ppm"]
    assert after["attribution"] != before["attribution"]
    assert answer(f"evidence verify {answer(f'evidence export {piece}')['bundle']}")["valid"]


def test_validation_sets_influence_beside_its_peers(done, monkeypatch, capsys):
    folder, chain = done
    command = f"provenance validate {chain.training.run} --retrainings 3 --retests 1 --queries 2 --planted 2"
    code, said = call(monkeypatch, capsys, folder, [*command.split(), "--steps", "1", "--json"])
    found = json.loads(said)
    assert code == 0 and {"lds", "ceiling", "calibration", "removal", "planted"} <= set(found)
    values = {row["name"]: row["value"] for row in found["baselines"]}
    peers = {"TRAK", "gradient cosine", "neighbours by hidden state", "BM25 on runs of 3 notes"}
    assert peers < set(values)
    assert any(name.startswith("EK-FAC (kronfluence") for name in values) and found["not_compared"] == []
    assert all(np.isfinite(value) and abs(value) <= 1 for value in values.values())


def _nothing_installed(name):
    raise PackageNotFoundError(name)
