"""Is a copy known again in another key, at another tempo, cut, re-tracked or changed, and nothing else?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.likeness.fingerprint import SKETCH_SIZE, music_digest, tokens_of
from catalog.likeness.index import EVERYWHERE, MOST_CANDIDATES, SketchIndex
from catalog.likeness.verdict import SAME, likeness


def a_tune(seed, notes=200):
    """A two-voice piece of random steps: onset, duration, pitch."""
    random = np.random.default_rng(seed)
    onset = np.cumsum(random.choice([3, 6, 6, 12], notes))
    top = 72 + np.cumsum(random.integers(-4, 5, notes)) % 24
    bass = 36 + np.cumsum(random.integers(-5, 6, notes)) % 19
    rows = [np.stack([onset, np.full(notes, 6), voice], 1) for voice in (top, bass)]
    return np.concatenate(rows).astype(np.int32)


def like(a, b):
    return likeness(tokens_of(a), tokens_of(b))


TUNE = a_tune(0)


@given(st.integers(-30, 30), st.integers(1, 9), st.integers(0, 5_000), st.randoms())
@settings(max_examples=30, deadline=None)
def test_key_tempo_start_and_order_of_notes_change_nothing(shift, factor, start, chance):
    copy = TUNE * np.array([factor, factor, 1], dtype=np.int32) + np.array([start, 0, shift], dtype=np.int32)
    copy = copy[chance.sample(range(len(copy)), len(copy))]
    assert music_digest(copy) == music_digest(TUNE)
    assert np.array_equal(tokens_of(copy).sketch, tokens_of(TUNE).sketch)
    assert like(copy, TUNE) == 1.0


def test_a_piece_cut_by_a_quarter_is_found_again():
    assert like(TUNE[TUNE[:, 0] > np.quantile(TUNE[:, 0], 0.25)], TUNE) > SAME
    assert like(TUNE[TUNE[:, 0] < np.quantile(TUNE[:, 0], 0.75)], TUNE) > SAME


def test_a_piece_of_which_one_note_in_ten_was_changed_is_found_again():
    random = np.random.default_rng(1)
    changed = TUNE.copy()
    some = random.choice(len(changed), len(changed) // 10, replace=False)
    changed[some, 2] += random.integers(1, 7, len(some))
    assert music_digest(changed) != music_digest(TUNE)
    assert like(changed, TUNE) > SAME


def test_another_piece_is_not():
    tunes = [tokens_of(a_tune(seed)) for seed in range(12)]
    assert max(likeness(a, b) for i, a in enumerate(tunes) for b in tunes[:i]) < SAME / 2


@pytest.mark.parametrize("notes", [0, 1, 2, 3, 4, 5])
def test_a_piece_of_a_few_notes_has_a_fingerprint_and_is_like_nothing_long(notes):
    short = TUNE[:notes]
    assert len(tokens_of(short).sketch) <= SKETCH_SIZE
    assert like(short, TUNE) <= 1.0
    assert like(np.zeros((0, 3), dtype=np.int32), short) == 0.0


def test_one_repeated_chord_is_like_itself_and_takes_no_time():
    rows = [(step * 6, 6, pitch) for step in range(5_000) for pitch in (60, 64, 67)]
    drone = np.array(rows, dtype=np.int32)
    assert like(drone, drone) in (0.0, 1.0)
    assert like(drone, TUNE) < SAME


def test_a_piece_that_was_put_on_another_grid_is_found_again():
    moved = TUNE.copy()
    moved[:, 0] = (moved[:, 0] + 2) // 4 * 4
    assert like(moved, TUNE) > SAME


def test_two_tunes_over_one_accompaniment_are_not_the_same_music():
    random = np.random.default_rng(2)
    onset = np.arange(0, 1_536, 3)
    chords = np.concatenate(
        [np.stack([onset, np.full(512, 3), 40 + (onset // 48 * 5 + k) % 12], 1) for k in (0, 4, 7)]
    )
    beat = np.arange(0, 1_536, 6)
    over = [
        np.stack([beat, np.full(256, 6), 72 + np.cumsum(random.integers(-4, 5, 256)) % 24], 1)
        for _ in range(2)
    ]
    one, other = (np.concatenate([chords, tune]).astype(np.int32) for tune in over)
    assert like(one, one) == 1.0
    assert like(one, other) < SAME


@given(
    st.lists(
        st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 127)), max_size=40
    )
)
@settings(max_examples=100, deadline=None)
def test_any_notes_at_all_give_a_likeness_from_none_to_all(rows):
    notes = np.array(rows, dtype=np.int32).reshape(-1, 3)
    assert 0.0 <= like(notes, notes) <= 1.0
    assert like(notes, TUNE) == like(TUNE, notes) or len(notes) == len(TUNE)


def test_the_origin_of_a_changed_copy_is_the_first_candidate():
    index = SketchIndex()
    for seed in range(50):
        index.add(tokens_of(a_tune(seed)).sketch.tolist())
    copy = a_tune(17)[40:] + np.array([7, 0, 5], dtype=np.int32)
    assert index.candidates(tokens_of(copy).sketch.tolist())[0] == 17


def test_a_piece_without_pitched_notes_has_no_candidates():
    index = SketchIndex()
    empty = tokens_of(np.zeros((0, 3), dtype=np.int32)).sketch.tolist()
    index.add(empty)
    assert index.candidates(empty) == []


def test_a_look_up_names_few_candidates_and_passes_over_what_is_everywhere():
    index = SketchIndex()
    for _ in range(EVERYWHERE):
        index.add(range(5))
    assert len(index.candidates(range(5))) == MOST_CANDIDATES
    index.add(range(5))
    assert index.candidates(range(5)) == []
