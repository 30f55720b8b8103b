"""Is a copy known again in another key, at another tempo, cut, re-tracked or changed, and nothing else?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.likeness.fingerprint import SAME, likeness, music_digest, tokens_of


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
    assert len(tokens_of(short).sketch) <= 64
    assert like(short, TUNE) <= 1.0
    assert like(np.zeros((0, 3), dtype=np.int32), short) == 0.0


def test_one_repeated_chord_is_like_itself_and_takes_no_time():
    rows = [(step * 6, 6, pitch) for step in range(5_000) for pitch in (60, 64, 67)]
    drone = np.array(rows, dtype=np.int32)
    assert like(drone, drone) in (0.0, 1.0)
    assert like(drone, TUNE) < SAME
