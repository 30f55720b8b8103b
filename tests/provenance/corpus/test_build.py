"""Does a corpus hold what was cleared, nothing else, and the same bytes every time?"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from sqlalchemy.orm import Session

from catalog.files import FileStore
from catalog.vocabulary import EncodingFormat, Origin, Purpose
from model.corpus import read_corpus
from model.errors import NotationError
from model.midi import write_midi
from provenance.corpus import build
from provenance.corpus.build import build_corpus
from provenance.corpus.leaves import read_leaves, work_key
from provenance.corpus.music import Converter
from provenance.corpus.plan import Order, plan_corpus
from provenance.corpus.prove import open_proof, prove
from provenance.corpus.registry import exclusions_of, find_corpus, record_corpus
from provenance.errors import CorpusBuildError
from tests.provenance.builders import NOON, a_key, a_work, an_encoding
from tests.provenance.music import a_midi, a_score

ORDER = Order(Purpose.TRAIN, "EU", date(2026, 10, 1))


class Reader:
    """Reads scores whose file holds a number: the seed of the notes. Counts what it was asked."""

    def __init__(self):
        self.asked = []

    def read_all(self, items):
        for name, data in items:
            self.asked.append(name)
            yield a_score(int(data)) if data.isdigit() else NotationError(f"{name}: no music in it")


def a_catalogue(session, store):
    """Six works: three are cleared, one of them by a score; three are not, for four reasons."""
    an_encoding(session, store, a_work(session, "work_b"), a_midi(1))
    an_encoding(session, store, a_work(session, "work_a"), a_midi(2, bars=200), licence="CC-BY-4.0")
    an_encoding(session, store, "work_a", a_midi(3), licence="CC-BY-NC-4.0", name="other.mid")
    xml = EncodingFormat.MUSICXML
    an_encoding(
        session, store, a_work(session, "work_c", origin=Origin.HOUSE), b"4", format=xml, name="c.xml"
    )
    a_work(session, "work_d")
    an_encoding(session, store, a_work(session, "work_e", public_domain_in=None), a_midi(5))
    an_encoding(session, store, a_work(session, "work_f"), b"no music", format=xml, name="f.xml")
    session.commit()


def built(session, folder, *, reader=None, store=None, **more):
    converter = Converter("reader-1", (reader or Reader()).read_all, folder / "cache")
    store = store or FileStore(folder / "files")
    return build_corpus(
        plan_corpus(session, ORDER), store=store, corpora=folder / "corpora", converter=converter, **more
    )


def codes(corpus):
    return {(e.work_id, e.code) for e in corpus.exclusions}


def test_music_of_a_refused_file_does_not_come_in_under_another_name(session, tmp_path):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    copy = a_midi(5, title="An innocent title")
    an_encoding(session, store, a_work(session, "work_z"), copy)
    corpus = built(session, tmp_path)
    assert ("work_z", "SAME_MUSIC_AS_REFUSED") in codes(corpus)
    assert "work_z" not in {file.leaf.work_id for file in corpus.files}
    assert corpus.manifest["excluded"]["SAME_MUSIC_AS_REFUSED"] == 1


def test_a_transposed_and_cut_copy_of_a_refused_work_does_not_come_in(session, tmp_path):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    an_encoding(session, store, a_work(session, "work_y", public_domain_in=None), a_midi(50, bars=24))
    original = a_score(50, bars=24)
    tracks = [replace(t, notes=np.add(t.notes, (0, 0, 3, -9))[: 4 * 18]) for t in reversed(original.tracks)]
    copy = write_midi(replace(original, tracks=tuple(tracks), title="A tune of mine"))
    an_encoding(session, store, a_work(session, "work_z"), copy)
    corpus = built(session, tmp_path)
    assert ("work_z", "NEAR_COPY_OF_REFUSED") in codes(corpus)
    assert "work_z" not in {file.leaf.work_id for file in corpus.files}
    told = [e.message for e in corpus.exclusions if e.code == "NEAR_COPY_OF_REFUSED"]
    assert "of work work_y, which is refused" in told[0]


def test_a_jingle_of_a_few_notes_in_another_key_does_not_come_in(session, tmp_path):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    jingle = a_score(50, bars=1)
    tracks = [replace(track, notes=track.notes[:3]) for track in jingle.tracks]
    jingle = replace(jingle, tracks=tuple(tracks))
    higher = [replace(track, notes=np.add(track.notes, (0, 0, 4, -20))) for track in tracks]
    an_encoding(session, store, a_work(session, "work_y", public_domain_in=None), write_midi(jingle))
    copy = write_midi(replace(jingle, tracks=tuple(higher)))
    an_encoding(session, store, a_work(session, "work_z"), copy)
    assert ("work_z", "NEAR_COPY_OF_REFUSED") in codes(built(session, tmp_path))


def test_another_edition_of_a_free_work_may_be_used_though_one_edition_is_not(session, tmp_path):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    refused = a_midi(60, bars=24)
    an_encoding(session, store, a_work(session, "work_y"), refused, licence="CC-BY-NC-4.0", name="y.mid")
    transposed = a_score(60, bars=24)
    tracks = [replace(track, notes=np.add(track.notes, (0, 0, 2, 0))) for track in transposed.tracks]
    an_encoding(
        session, store, a_work(session, "work_z"), write_midi(replace(transposed, tracks=tuple(tracks)))
    )
    corpus = built(session, tmp_path)
    assert "work_z" not in {e.work_id for e in corpus.exclusions}, "only an edition of work_y was refused"


def test_every_work_that_is_left_out_is_counted_under_each_of_its_reasons(session, tmp_path):
    a_catalogue(session, FileStore(tmp_path / "files"))
    corpus = built(session, tmp_path)
    assert corpus.manifest["excluded"] == {"NO_ENCODING": 1, "SHARE_GAP": 1, "UNREADABLE": 1}
    assert ("work_a", "ENCODING_NONCOMMERCIAL") in codes(corpus)
    assert {file.leaf.work_id for file in corpus.files} == {"work_a", "work_b", "work_c"}
    assert corpus.manifest["works_by_origin"] == {"human": 2, "house": 1}


def test_a_file_that_is_gone_or_damaged_is_left_out(session, tmp_path):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    gone = an_encoding(session, store, a_work(session, "work_g"), a_midi(7))
    damaged = an_encoding(session, store, a_work(session, "work_h"), a_midi(8))
    cut = an_encoding(session, store, a_work(session, "work_i"), a_midi(9)[:60])
    silent = an_encoding(session, store, a_work(session, "work_j"), a_midi(9, bars=0))
    store.path(gone).unlink()
    store.path(damaged).write_bytes(b"MThd")
    found = {e.encoding_id: e.code for e in built(session, tmp_path).exclusions}
    assert [found[encoding_id] for encoding_id in (gone, damaged, cut, silent)] == ["UNREADABLE"] * 4


def test_nothing_to_train_on_is_refused_with_the_reasons(session, tmp_path):
    a_work(session, "work_d")
    with pytest.raises(CorpusBuildError, match="NO_ENCODING 1"):
        built(session, tmp_path)
    assert list((tmp_path / "corpora").glob("[0-9a-f]*")) == []


def test_what_a_killed_build_left_does_not_get_in(session, tmp_path):
    a_catalogue(session, FileStore(tmp_path / "files"))
    litter = tmp_path / "corpora" / ".building" / "shard-00000.parquet"
    litter.parent.mkdir(parents=True)
    litter.write_bytes(b"half a shard")
    corpus = built(session, tmp_path)
    assert [entry.name for entry in (tmp_path / "corpora").iterdir()] == [corpus.id]
    assert len(read_corpus(corpus.directory)) == corpus.manifest["examples"]


def test_a_damaged_corpus_is_mended_by_building_it_again(session, tmp_path):
    a_catalogue(session, FileStore(tmp_path / "files"))
    corpus = built(session, tmp_path)
    shard = corpus.directory / "shard-00000.parquet"
    honest = shard.read_bytes()
    shard.write_bytes(honest[:-1])
    assert built(session, tmp_path).id == corpus.id
    assert shard.read_bytes() == honest


def test_a_score_is_converted_once(session, tmp_path):
    a_catalogue(session, FileStore(tmp_path / "files"))
    reader = Reader()
    first = built(session, tmp_path, reader=reader)
    assert reader.asked == ["c.xml", "f.xml"]
    assert built(session, tmp_path, reader=reader).id == first.id
    assert reader.asked == ["c.xml", "f.xml", "f.xml"]


def test_processes_give_the_same_corpus_as_none(session, tmp_path):
    a_catalogue(session, FileStore(tmp_path / "files"))
    told = []
    alone = built(session, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]
    with ProcessPoolExecutor(1) as pool:
        assert built(session, tmp_path, apply=pool.map).id == alone.id


def test_both_databases_and_any_order_of_import_give_the_same_corpus(
    sqlite_engines, postgresql_engines, tmp_path
):
    ids = []
    for name, engines in (("sqlite", sqlite_engines), ("postgresql", postgresql_engines)):
        folder = tmp_path / name
        folder.mkdir()
        for engine in engines(folder):
            with Session(engine) as session:
                if name == "postgresql":
                    an_encoding(session, FileStore(folder / "files"), a_work(session, "work_y"), a_midi(6))
                a_catalogue(session, FileStore(folder / "files"))
                if name == "sqlite":
                    an_encoding(session, FileStore(folder / "files"), a_work(session, "work_y"), a_midi(6))
                ids.append(built(session, folder).id)
    assert ids[0] == ids[1]


def test_a_corpus_is_verified_recorded_and_proved(session, tmp_path):
    a_catalogue(session, FileStore(tmp_path / "files"))
    corpus = built(session, tmp_path)
    verified = read_corpus(corpus.directory)
    assert verified.corpus_id == corpus.id
    assert sorted(set(verified.work_ids)) == ["work_a", "work_b", "work_c"]
    assert len(verified) == sum(file.examples for file in corpus.files) > 3
    keys = [work_key(entry) for entry in read_leaves(corpus.directory, corpus.manifest)]
    assert keys == sorted(keys)
    for _ in range(2):
        record_corpus(
            session, a_key(), manifest=corpus.manifest, files=corpus.files, exclusions=corpus.exclusions,
            built_at=NOON,
        )  # fmt: skip
    session.commit()
    assert find_corpus(session).merkle_root == corpus.manifest["merkle_root"]
    assert tuple(exclusions_of(session, corpus.id)) == corpus.exclusions
    assert open_proof(prove(corpus.directory, "work_c", a_key())).included
    assert not open_proof(prove(corpus.directory, "work_e", a_key())).included


def test_a_new_work_changes_one_shard_and_the_others_are_the_same_files(session, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "WORKS_PER_SHARD", 3)
    store = FileStore(tmp_path / "files")
    for number in range(30):
        an_encoding(session, store, a_work(session, f"work_{number:02d}"), a_midi(100 + number))
    before = built(session, tmp_path)
    an_encoding(session, store, a_work(session, "work_15b"), a_midi(99))
    after = built(session, tmp_path)
    places = [
        {shard["sha256"]: corpus.directory / shard["name"] for shard in corpus.manifest["shards"]}
        for corpus in (before, after)
    ]
    kept = places[0].keys() & places[1].keys()
    assert len(places[0]) > 5 and len(kept) >= len(places[0]) - 1
    assert all(places[0][digest].samefile(places[1][digest]) for digest in kept)
    assert len(read_corpus(after.directory)) == len(read_corpus(before.directory)) + sum(
        file.examples for file in after.files if file.leaf.work_id == "work_15b"
    )


def test_a_damaged_shard_of_an_earlier_corpus_is_not_taken_over(session, tmp_path):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    earlier = built(session, tmp_path)
    (earlier.directory / "manifest.json").write_bytes(b"{}")
    other = tmp_path / "corpora" / "0abc"
    earlier.directory.rename(other)
    name = earlier.manifest["shards"][0]["name"]
    stated = {"shards": [{"name": name, "sha256": earlier.manifest["shards"][0]["sha256"]}]}
    (other / "manifest.json").write_text(json.dumps(stated))
    (other / name).write_bytes(b"not a shard")
    assert len(read_corpus(built(session, tmp_path).directory)) == earlier.manifest["examples"]
