"""Notes become integers and come back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.events import (
    DURATIONS,
    FIELD_SIZES,
    MAX_TRACKS,
    Field,
    Note,
    decode_notes,
    duration_codes,
    encode_notes,
    fit_tracks,
    notes_of,
    score_of,
    tonic_shift,
)
from model.score import GRID, Score, Track

note_tables = st.lists(
    st.tuples(
        st.integers(0, 20), st.integers(0, 47), st.integers(0, 3), st.integers(0, 127),
        st.sampled_from(DURATIONS.tolist()), st.integers(0, 15).map(lambda code: 8 * code + 4),
    ),
    max_size=40, unique_by=lambda note: note[:4],
)  # fmt: skip


def table(notes) -> np.ndarray:
    return np.array(sorted(notes), dtype=np.int32).reshape(-1, len(Note))


@given(note_tables, st.integers(0, 11))
def test_notes_go_to_codes_and_back_in_every_key(notes, tonic: int):
    rows = table(notes)
    fields = encode_notes(rows, [True, False, False, False], tonic)
    np.testing.assert_array_equal(decode_notes(fields, rows[:, Note.BAR], tonic), rows)
    assert ((fields >= 0) & (fields < np.array(FIELD_SIZES))).all()


@given(note_tables)
def test_a_table_of_notes_goes_to_a_score_and_back(notes):
    rows = table(notes)
    parts = [("", i, i == 0) for i in range(4)]
    score = score_of(rows, [(4, 4)] * 21, parts, 120, "")
    np.testing.assert_array_equal(notes_of(score, np.arange(21, dtype=np.int32) * 48), rows)


@given(st.lists(st.integers(40, 80), min_size=1, max_size=8), st.integers(-11, 11))
def test_a_tune_in_another_key_is_the_same_codes(pitches: list[int], semitones: int):
    def codes(offset: int) -> list[int]:
        rows = table((0, i, 1, p + offset, 3, 68) for i, p in enumerate(pitches))
        return encode_notes(rows, [False, False], offset % 12)[:, Field.PITCH].tolist()

    octave = tonic_shift(0) + semitones - tonic_shift(semitones % 12)
    assert [code - octave for code in codes(semitones)] == codes(0)


def test_a_drum_is_never_moved():
    rows = table([(0, 0, 0, 36, 3, 68)])
    assert encode_notes(rows, [True], 0).tolist() == encode_notes(rows, [True], 7).tolist()


@given(st.integers(1, 1000))
def test_a_duration_is_coded_by_the_nearest_in_the_table(duration: int):
    code = int(duration_codes(np.array([duration], dtype=np.int32))[0])
    assert abs(DURATIONS[code] - duration) == np.abs(DURATIONS - duration).min()


def test_of_two_notes_on_one_pitch_the_longer_is_kept():
    track = Track("", 0, False, np.array([[0, 3, 60, 90], [0, 9, 60, 80]], dtype=np.int32))
    notes = notes_of(Score(GRID, (track,)), np.array([0], dtype=np.int32))
    assert notes[:, Note.DURATION].tolist() == [9]


@pytest.mark.parametrize("count", [3, 24, 30])
def test_too_many_tracks_become_twenty_four_without_losing_a_note(count: int):
    tracks = tuple(
        Track(f"{i}", i % 7, i % 5 == 0, np.array([[i, 3, 60, 90]] * (1 + i % 2), dtype=np.int32))
        for i in range(count)
    )
    fitted = fit_tracks(Score(GRID, tracks))
    assert len(fitted.tracks) == min(count, MAX_TRACKS)
    assert sum(len(t.notes) for t in fitted.tracks) == sum(len(t.notes) for t in tracks)
    assert sum(len(t.notes) for t in fitted.tracks if t.is_drum) == sum(
        len(t.notes) for t in tracks if t.is_drum
    )
