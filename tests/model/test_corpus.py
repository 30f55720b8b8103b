"""Excerpts hold the piece; a corpus that is not what was cleared is refused, and the reason is named."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from model.analysis import analyse
from model.corpus import VerifiedCorpus, read_corpus
from model.errors import CorpusError
from model.events import Note, score_of
from model.examples import SCHEMA, excerpt_at, table_of
from model.excerpts import cut, encode_example, excerpts
from model.plan import PLAN_ROWS, Column, Kind, SongPlan
from model.score import Score
from tests.model.corpora import leaf_of, shard_of, some_rows, write_corpus
from tests.model.songs import a_plan, some_notes


def a_score(plan: SongPlan) -> Score:
    parts = [(f"part {i}", track.program, track.is_drum) for i, track in enumerate(plan.tracks)]
    return score_of(some_notes(plan), plan.metres, parts, plan.tempo_bpm, "made up")


def test_a_corpus_that_is_what_was_cleared_is_read_back(tmp_path: Path):
    rows = some_rows()
    corpus = read_corpus(write_corpus(tmp_path, rows))
    assert corpus.example_ids == [row["example_id"] for row in rows]
    assert corpus.row(3) == rows[3]
    np.testing.assert_array_equal(corpus[3].notes, excerpt_at(shard_of(rows), 3).notes)
    assert corpus.num_notes.tolist() == [len(row["notes"]) for row in rows]


def test_nothing_but_verification_makes_a_verified_corpus():
    with pytest.raises(TypeError, match="read_corpus"):
        VerifiedCorpus(object(), "an id", {}, SCHEMA.empty_table())


def test_a_changed_manifest_is_refused(tmp_path: Path):
    directory = write_corpus(tmp_path, some_rows())
    manifest = directory / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(CorpusError, match=r"manifest\.json has SHA-256"):
        read_corpus(directory)


def test_a_changed_byte_of_a_shard_is_refused(tmp_path: Path):
    directory = write_corpus(tmp_path, some_rows())
    shard = directory / "shard-0000.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CorpusError, match=r"shard-0000\.parquet has SHA-256"):
        read_corpus(directory)


def test_a_missing_shard_is_refused(tmp_path: Path):
    directory = write_corpus(tmp_path, some_rows())
    (directory / "shard-0000.parquet").unlink()
    with pytest.raises(CorpusError, match="cannot be read"):
        read_corpus(directory)


def test_a_work_that_was_not_cleared_is_refused(tmp_path: Path):
    rows = some_rows()
    leaves = sorted({leaf_of(row) for row in rows if row["work_id"] != "work_2"})
    with pytest.raises(CorpusError, match="work_2"):
        read_corpus(write_corpus(tmp_path, rows, leaves=leaves))


def test_a_grant_that_the_leaf_does_not_name_is_refused(tmp_path: Path):
    rows = some_rows()
    leaves = sorted({leaf_of(row) for row in rows})
    rows[0] = rows[0] | {"grants": ["grant_of_nobody"]}
    with pytest.raises(CorpusError, match="grant_of_nobody"):
        read_corpus(write_corpus(tmp_path, rows, leaves=leaves))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"merkle_root": "00" * 32}, "Merkle root"),
        ({"type": "another/1"}, "another/1"),
        ({"grid": 24}, "24"),
        ({"genres": ["noise"]}, "noise"),
        ({"examples": 1}, "the manifest says 1"),
        ({"shards": []}, "no shards"),
    ],
)
def test_a_manifest_that_says_what_is_not_so_is_refused(tmp_path: Path, changed, said: str):
    with pytest.raises(CorpusError, match=said):
        read_corpus(write_corpus(tmp_path, some_rows(), **changed))


def test_another_schema_is_refused(tmp_path: Path):
    rows = some_rows()
    with pytest.raises(CorpusError, match="schema"):
        read_corpus(write_corpus(tmp_path, rows, table=shard_of(rows).drop_columns(["key"])))


def test_excerpts_hold_every_note_once_and_no_more_events_than_allowed():
    plan = a_plan(bars=64)
    notes = some_notes(plan, per_bar=12)
    found = cut(plan, notes, 100)
    np.testing.assert_array_equal(np.concatenate([e.notes for e in found]), notes)
    assert max(e.num_events for e in found) <= 100
    assert min(e.num_events for e in found) > 50
    assert [e.bar_end for e in found[:-1]] == [e.bar_start for e in found[1:]]


def test_a_bar_that_is_too_full_ends_an_excerpt_and_is_in_none():
    plan = a_plan()
    notes = some_notes(plan, per_bar=3)
    full = np.array([[6, p, t, 60, 3, 68] for p in range(36) for t in range(4)], dtype=np.int32)
    notes = np.concatenate([notes[notes[:, Note.BAR] < 6], full, notes[notes[:, Note.BAR] > 6]])
    assert [(e.bar_start, e.bar_end) for e in cut(plan, notes, 100)] == [(0, 6), (7, 16)]


def test_a_row_goes_to_a_table_and_back():
    plan = a_plan(bars=64)
    found = cut(plan, some_notes(plan, per_bar=12), 100)
    table = table_of(found, work_id="w", encoding_id="e" * 64, origin="human", grants=["b", "a"])
    assert table.schema.equals(SCHEMA) and table.num_rows == len(found) > 2
    assert pa.Table.from_pylist(table.to_pylist(), schema=SCHEMA).equals(table)
    for index, excerpt in enumerate(found):
        again = excerpt_at(table, index)
        assert (again.plan, again.bar_start, again.bar_end) == (plan, excerpt.bar_start, excerpt.bar_end)
        np.testing.assert_array_equal(again.notes, excerpt.notes)
    assert table.column("grants").to_pylist()[0] == ["a", "b"]
    assert table_of([], work_id="w", encoding_id="e", origin="human", grants=[]).num_rows == 0


def test_the_matrix_of_an_example_has_its_plan_in_fixed_places_and_its_events_in_order():
    excerpt = excerpt_at(shard_of(some_rows()), 1)
    rows = encode_example(excerpt, 160)
    assert rows.shape == (PLAN_ROWS + 160, len(Column))
    assert rows[0, Column.KIND] == Kind.SONG
    assert (rows[PLAN_ROWS:, Column.KIND] == Kind.EVENT).sum() == excerpt.num_events
    assert (np.diff(rows[PLAN_ROWS : PLAN_ROWS + excerpt.num_events, Column.TIME]) >= 0).all()


def test_the_excerpts_of_a_score_know_its_plan():
    plan = a_plan(bars=16, key="G major")
    score = a_score(plan)
    found = excerpts(score, analyse(score), "baroque")
    assert {e.plan for e in found} == {found[0].plan}
    assert found[0].plan.family == "classical_jazz"
    assert [t.is_drum for t in found[0].plan.tracks] == [t.is_drum for t in plan.tracks]
    assert sum(len(e.notes) for e in found) == score.num_notes


def test_a_score_without_notes_gives_no_excerpt():
    plan = a_plan()
    assert cut(plan, np.empty((0, 6), dtype=np.int32)) == []


def test_a_plan_is_read_in_the_key_of_its_song():
    plan = a_plan(key="C major")
    moved = dataclasses.replace(
        plan, key="Eb major", chords=tuple(0 if c == 0 else (c + 29) % 120 + 1 for c in plan.chords)
    )
    np.testing.assert_array_equal(plan.chord_values, moved.chord_values)
