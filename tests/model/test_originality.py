"""A copy is found and named, wherever it was moved; what everybody plays is not a copy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import originality
from model.errors import CheckpointError
from model.events import Note
from model.excerpts import Excerpt
from model.originality import (
    END,
    GRAM,
    UNKNOWN_LIMIT_NOTES,
    Lines,
    Originality,
    Repertoire,
    lines_of,
    repertoire_of,
    shared_by_chance,
)
from model.plan import SectionPlan, SongPlan, TrackPlan
from tests.model.corpora import a_corpus


def a_tune(seed: int, *, bars: int = 16, program: int = 0, drum: bool = False) -> Excerpt:
    """Eight notes a bar at random, in one track."""
    plan = SongPlan(
        "folk", "world", "C major", 100, ((4, 4),) * bars, (TrackPlan(program, drum),),
        (SectionPlan("A", 0, bars),), ((0, bars),), (0,) * (2 * bars),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    bar, place = np.divmod(np.arange(8 * bars), 8)
    pitch = rng.integers(48, 84, 8 * bars)
    rest = np.full(8 * bars, 6)
    notes = np.stack([bar, 6 * place, 0 * bar, pitch, rest, 64 + 0 * bar], 1).astype(np.int32)
    return Excerpt(plan, 0, bars, notes)


def with_copy(seed: int, source: Excerpt, *, at: int = 4, bars: int = 8, up: int = 0) -> Excerpt:
    """A tune in which some bars of another one stand."""
    tune = a_tune(seed)
    notes = tune.notes.copy()
    inside = (notes[:, Note.BAR] >= at) & (notes[:, Note.BAR] < at + bars)
    taken = source.notes[source.notes[:, Note.BAR] < bars]
    notes[inside, Note.PITCH] = taken[:, Note.PITCH] + up
    return replace(tune, notes=notes)


def a_repertoire(*tunes: Excerpt, limit: int = 20) -> Repertoire:
    lines = [lines_of([tune]) for tune in tunes]
    piece = np.repeat(np.arange(len(lines), dtype=np.int32), [len(x.token_T) for x in lines])
    together = Lines(np.concatenate([x.token_T for x in lines]), np.concatenate([x.bar_T for x in lines]))
    return Repertoire(together, piece, [(f"work_{i}", f"file_{i}") for i in range(len(lines))], limit)


def asked(repertoire: Repertoire, tune: Excerpt) -> Originality:
    return repertoire.originality([tune])


@pytest.mark.parametrize("up", [0, 3, -5])
def test_eight_bars_of_a_work_are_found_in_any_key_and_named(up):
    sources = [a_tune(seed) for seed in range(5)]
    found = asked(a_repertoire(*sources), with_copy(99, sources[3], up=up))
    assert found.flagged and found.longest is not None
    assert found.longest.work_id == "work_3"
    assert 63 <= found.longest.notes <= 65
    assert found.longest.bars == (4, 11) and found.longest.source_bars == (0, 7)


def test_another_instrument_hides_nothing():
    source, copy = a_tune(1), with_copy(99, a_tune(1))
    plan = replace(copy.plan, tracks=(TrackPlan(40, False),))
    assert asked(a_repertoire(source), replace(copy, plan=plan)).flagged


def test_music_that_has_nothing_to_do_with_it_is_free():
    found = asked(a_repertoire(*(a_tune(seed) for seed in range(20))), a_tune(99))
    assert not found.flagged


def test_a_figure_that_goes_round_counts_as_once_round():
    figure = a_tune(1)
    pitches = np.tile([48, 55, 52, 55, 60, 55, 52, 55], 16)
    notes = figure.notes.copy()
    notes[:, Note.PITCH] = pitches
    found = asked(a_repertoire(replace(figure, notes=notes)), replace(figure, notes=notes))
    assert found.longest is None or found.longest.notes <= GRAM + 8


def test_drums_are_everybodys():
    groove = a_tune(1, drum=True)
    assert asked(a_repertoire(a_tune(2), groove), groove).longest is None


def test_grams_at_too_many_places_begin_no_repeat(monkeypatch):
    monkeypatch.setattr(originality, "COMMON", 2)
    tunes = [a_tune(1), a_tune(1), a_tune(1)]
    assert asked(a_repertoire(*tunes), a_tune(1)).longest is None
    assert asked(a_repertoire(*tunes[:2]), a_tune(1)).flagged


def test_a_repeat_does_not_run_over_the_end_of_a_line():
    one, other = a_tune(1, bars=2), a_tune(2, bars=2)
    both = a_repertoire(one, other)
    joined = with_copy(3, one, at=0, bars=2)
    notes = joined.notes.copy()
    next_bars = (notes[:, Note.BAR] >= 2) & (notes[:, Note.BAR] < 4)
    notes[next_bars, Note.PITCH] = other.notes[:, Note.PITCH]
    found = asked(both, replace(joined, notes=notes)).longest
    assert found is not None and found.notes == 16


def test_two_different_stretches_with_one_hash_are_no_repeat(monkeypatch):
    monkeypatch.setattr(originality, "_mixed", lambda value: np.zeros_like(value))
    assert asked(a_repertoire(a_tune(1)), a_tune(2)).longest is None


def slow_longest(ours: np.ndarray, theirs: np.ndarray) -> int:
    """The most different grams of a stretch that stands in both, by going through all pairs of places."""
    best = 0
    for a in range(len(ours)):
        for b in range(len(theirs)):
            n = 0
            while a + n < len(ours) and b + n < len(theirs) and ours[a + n] == theirs[b + n] != END:
                n += 1
            if n >= GRAM:
                grams = {tuple(ours[a + i : a + i + GRAM].tolist()) for i in range(n - GRAM + 1)}
                best = max(best, len(grams) + GRAM)
    return best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60), st.lists(st.integers(0, 3), max_size=60))
def test_the_longest_repeat_is_the_one_that_going_through_all_places_finds(ours, theirs):
    query, here = (
        Lines(np.array([*some, END], dtype=np.int64), np.zeros(len(some) + 1, dtype=np.int32))
        for some in (ours, theirs)
    )
    repertoire = Repertoire(here, np.zeros(len(theirs) + 1, dtype=np.int32), [("work", "file")], 20)
    found = repertoire.longest(query)
    assert (0 if found is None else found.notes) == slow_longest(query.token_T, here.token_T)


def test_the_works_that_a_piece_is_close_to_come_longest_first_each_once():
    sources = [a_tune(seed) for seed in range(5)]
    tune = with_copy(99, sources[3], at=2, bars=8, up=2)
    notes = tune.notes.copy()
    inside = (notes[:, Note.BAR] >= 11) & (notes[:, Note.BAR] < 15)
    notes[inside, Note.PITCH] = sources[1].notes[:32, Note.PITCH] - 1
    repertoire = a_repertoire(*sources, sources[3])
    found = repertoire.leading(lines_of([replace(tune, notes=notes)]))
    assert [repeat.work_id for repeat in found] == ["work_3", "work_5", "work_1"]
    assert [repeat.bars for repeat in found] == [(2, 9), (2, 9), (11, 14)]
    assert [repeat.source_bars for repeat in found] == [(0, 7), (0, 7), (0, 3)]
    assert [repeat.work_id for repeat in repertoire.leading(lines_of([tune]), 1)] == ["work_3"]


def test_of_equally_long_repeats_the_work_with_more_of_the_piece_comes_first():
    shared, more = a_tune(1, bars=4), a_tune(2)
    first = with_copy(98, shared, at=0, bars=4)
    second = with_copy(97, shared, at=8, bars=4)
    second.notes[:32, Note.PITCH] = more.notes[:32, Note.PITCH]
    query = with_copy(99, shared, at=0, bars=4)
    query.notes[64 : 64 + 24, Note.PITCH] = more.notes[:24, Note.PITCH]
    found = a_repertoire(first, second).leading(lines_of([query]))
    assert [repeat.work_id for repeat in found] == ["work_1", "work_0"]
    assert found[0].notes == found[1].notes


def test_music_that_has_nothing_to_do_with_any_work_is_close_to_none():
    assert a_repertoire(a_tune(1), a_tune(2)).leading(lines_of([a_tune(99)])) == []


LINE = st.lists(st.integers(0, 3), max_size=40)


@settings(max_examples=60, deadline=None)
@given(LINE, st.lists(LINE, min_size=1, max_size=3))
def test_each_work_that_is_close_is_told_by_its_longest_repeat(ours, works):
    query = Lines(np.array([*ours, END], dtype=np.int64), np.zeros(len(ours) + 1, dtype=np.int32))
    tokens = np.concatenate([np.array([*line, END], dtype=np.int64) for line in works])
    piece = np.repeat(np.arange(len(works), dtype=np.int32), [len(line) + 1 for line in works])
    names = [(f"work_{i}", f"file_{i}") for i in range(len(works))]
    repertoire = Repertoire(Lines(tokens, np.zeros(len(tokens), dtype=np.int32)), piece, names, 20)
    found = {repeat.work_id: repeat.notes for repeat in repertoire.leading(query)}
    slow = {
        name: slow_longest(query.token_T, np.array(line))
        for (name, _), line in zip(names, works, strict=True)
    }
    assert found == {name: notes for name, notes in slow.items() if notes}
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_what_a_work_shares_with_itself_is_not_chance():
    sources = [a_tune(seed) for seed in range(6)]
    repertoire = a_repertoire(*sources)
    by_work = {f"work_{i}": lines_of([tune]) for i, tune in enumerate(sources)}
    assert max(shared_by_chance(repertoire, by_work)) == 0


def test_the_limit_is_what_nearly_all_works_stay_under(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(originality, "MIN_LIMIT_NOTES", 0)
    monkeypatch.setattr(originality, "shared_by_chance", lambda *_: [*range(95), 500, 501, 502, 503, 504])
    assert repertoire_of(a_corpus(tmp_path, works=24)).limit_notes == 500
    assert repertoire_of(a_corpus(tmp_path / "few", works=4)).limit_notes == UNKNOWN_LIMIT_NOTES


def test_a_repertoire_is_read_as_it_was_written_and_no_other_file_is(tmp_path: Path):
    repertoire = a_repertoire(a_tune(1), a_tune(2), limit=33)
    repertoire.save(tmp_path / "r.safetensors")
    again = Repertoire.load(tmp_path / "r.safetensors")
    copy = with_copy(9, a_tune(2))
    assert asked(again, copy) == asked(repertoire, copy)
    assert again.limit_notes == 33
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="cannot be read"):
        Repertoire.load(tmp_path / "x.safetensors")


def test_a_line_runs_on_over_the_borders_of_excerpts():
    tune = a_tune(1)
    halves = [
        Excerpt(tune.plan, start, start + 8, tune.notes[(tune.notes[:, 0] // 8) == start // 8])
        for start in (8, 0)
    ]
    for one, other in zip(lines_of(halves), lines_of([tune]), strict=True):
        assert np.array_equal(one, other)
