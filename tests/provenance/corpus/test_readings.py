"""What was read before is not read again, and makes no difference to a corpus."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from catalog.files import FileStore
from catalog.vocabulary import EncodingFormat, Origin
from model.examples import UNNAMED
from model.excerpts import MAX_EVENTS
from model.midi import write_midi
from provenance.corpus import music as music_module
from provenance.corpus.copies import _Recent
from provenance.corpus.music import Job, digest_of, examples_of
from provenance.corpus.plan import PlannedFile
from provenance.corpus.readings import READING, Readings
from tests.provenance.builders import a_work, an_encoding
from tests.provenance.corpus.test_build import a_catalogue, built, codes
from tests.provenance.music import a_midi, a_score

FILE = PlannedFile("w1", "e" * 64, EncodingFormat.MIDI, "a.mid", Origin.HUMAN, "ballad", "CC0-1.0", ("g1",))


def a_job(midi=None, **more):
    return Job(replace(FILE, **more), a_midi(3, bars=24) if midi is None else midi, None, MAX_EVENTS)


def a_folder(tmp_path):
    return Readings(tmp_path / "readings", max_events=MAX_EVENTS)


def test_a_corpus_of_kept_readings_is_the_same_and_reads_no_file_again(session, tmp_path, monkeypatch):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    an_encoding(session, store, a_work(session, "work_y", public_domain_in=None), a_midi(50, bars=24))
    higher = a_score(50, bars=24)
    tracks = [replace(t, notes=np.add(t.notes, (0, 0, 3, 0))) for t in higher.tracks]
    an_encoding(session, store, a_work(session, "work_z"), write_midi(replace(higher, tracks=tuple(tracks))))
    plain = built(session, tmp_path)
    first = built(session, tmp_path, readings=tmp_path / "readings")
    monkeypatch.setattr(music_module, "read_midi", None)
    second = built(session, tmp_path, readings=tmp_path / "readings")
    assert plain.id == first.id == second.id
    assert plain.exclusions == second.exclusions
    assert ("work_z", "NEAR_COPY_OF_REFUSED") in codes(second)


def test_only_new_files_are_read(session, tmp_path, monkeypatch):
    store = FileStore(tmp_path / "files")
    a_catalogue(session, store)
    built(session, tmp_path, readings=tmp_path / "readings")
    an_encoding(session, store, a_work(session, "work_new"), a_midi(77))
    read, real = [], music_module.read_midi
    monkeypatch.setattr(music_module, "read_midi", lambda data: read.append(data) or real(data))
    corpus = built(session, tmp_path, readings=tmp_path / "readings")
    assert read == [a_midi(77)]
    assert corpus.id == built(session, tmp_path).id


def test_names_grants_and_genre_are_those_of_today_and_not_of_the_reading(tmp_path):
    readings = a_folder(tmp_path)
    readings.keep(a_job(), examples_of(a_job()))
    job = a_job(work_id="w2", encoding_id="f" * 64, origin=Origin.HOUSE, genre="hymn", grants=("g9",))
    found = readings.find(job, whole=True)
    assert found is not None and found.table.equals(examples_of(job).table)
    assert found.table.column("genre").to_pylist()[0] == "hymn"
    assert found.events == examples_of(job).events


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda _: b"", lambda data: data + b"x"])
def test_an_entry_that_was_damaged_is_as_good_as_none(tmp_path, damage):
    readings = a_folder(tmp_path)
    readings.keep(a_job(), examples_of(a_job()))
    (path,) = (tmp_path / "readings").rglob("*.arrow")
    path.write_bytes(damage(path.read_bytes()))
    assert readings.find(a_job(), whole=True) is None


def test_a_digest_is_no_whole_reading_but_a_whole_reading_has_the_digest(tmp_path):
    readings = a_folder(tmp_path)
    readings.keep(a_job(), digest_of(a_job()))
    assert readings.find(a_job(), whole=True) is None
    readings.keep(a_job(), examples_of(a_job()))
    again = readings.find(a_job(), whole=False)
    fresh = digest_of(a_job())
    assert (again.digest, again.sketch, again.tune) == (fresh.digest, fresh.sketch, fresh.tune)


def test_music_that_gives_no_examples_can_still_be_told_from_its_copies(tmp_path, monkeypatch):
    monkeypatch.setattr("model.analysis.MAX_BARS", 4)
    found = examples_of(a_job())
    assert "more than" in found.fault
    readings = a_folder(tmp_path)
    readings.keep(a_job(), found)
    assert readings.find(a_job(), whole=False).digest == digest_of(a_job()).digest is not None


def test_whoever_changes_what_a_reading_gives_gives_it_a_new_number(tmp_path):
    """Where this fails, what is read out of a file has changed: raise READING, then set its digest here."""
    found = examples_of(a_job())
    told = [
        found.digest,
        found.sketch,
        found.tune,
        found.events,
        found.table.select(UNNAMED.names).to_pylist(),
    ]
    assert (READING, hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]) == (2, "715cbb944a178737")
    a_folder(tmp_path).keep(a_job(), found)
    (path,) = (tmp_path / "readings").rglob("*.arrow")
    assert path.parent.parent.name == f"{READING}-{MAX_EVENTS}"


def test_only_as_many_tokens_are_kept_as_there_is_room_for():
    made = []
    recent = _Recent(lambda file: made.append(file.encoding_id) or "x" * 40, len, 100)
    files = [replace(FILE, encoding_id=letter * 64) for letter in "abc"]
    for file in (files[0], files[1], files[0], files[2], files[0], files[1]):
        assert recent(file) == "x" * 40
    assert [name[0] for name in made] == ["a", "b", "c", "b"]
