"""Harmony and groove: values that can be worked out by hand, and what shuffling bars must not change."""

import numpy as np
import pytest

from model.evaluation.bars import BarPiece, melody_of, piece_of, piece_of_excerpts, score_of_piece
from model.evaluation.groove import groove_similarity
from model.evaluation.harmony import (
    bar_line_leap,
    chord_surprise,
    chord_table,
    ends_on_tonic,
    pitch_class_entropy,
    scale_consistency,
    tonal_step,
)
from model.evaluation.shuffling import shuffle_bars
from model.events import Note
from model.excerpts import cut
from tests.model.evaluation.pieces import a_piece, aaba, random_bars
from tests.model.songs import a_plan, some_notes


def test_all_twelve_classes_alike_have_the_entropy_of_twelve():
    piece = a_piece([[60, 61, 62, 63], [64, 65, 66, 67], [68, 69, 70, 71]])
    assert pitch_class_entropy(piece) == pytest.approx(np.log2(12))
    assert scale_consistency(piece) == pytest.approx(7 / 12)


def test_a_major_scale_is_consistent_in_any_key():
    assert scale_consistency(a_piece([[61, 63, 65, 66], [68, 70, 72, 73]])) == 1.0


def test_shuffling_keeps_every_note_and_what_does_not_ask_for_order():
    piece = a_piece(random_bars(16, 2))
    shuffled = shuffle_bars(piece, 7)
    assert sorted(piece.notes[:, 1:].tolist()) == sorted(shuffled.notes[:, 1:].tolist())
    assert not np.array_equal(piece.notes, shuffled.notes)
    assert pitch_class_entropy(piece) == pytest.approx(pitch_class_entropy(shuffled))
    assert groove_similarity(piece) == groove_similarity(shuffled) == 1.0  # quarters in every bar


def test_half_of_the_cells_that_differ_take_as_much_from_the_groove():
    piece = a_piece([[60, 60, 60, 60], [60]])
    assert groove_similarity(piece) == pytest.approx(1 - 3 / 16)


def test_the_tune_steps_over_the_bar_line():
    assert bar_line_leap(a_piece([[60, 62, 64, 65], [67, 60, 60, 60], [62, 60, 60, 60]])) == 2.0


def test_a_chord_that_stays_does_not_move_the_harmony():
    assert tonal_step(a_piece([[60, 64, 60, 67]] * 4)) < tonal_step(
        a_piece([[60, 64, 60, 67], [66, 70, 66, 73]] * 2)
    )


def test_the_last_bass_is_the_tonic_or_not():
    scale = [[60, 62, 64, 65], [67, 69, 71, 72], [60, 64, 67, 72]]
    assert ends_on_tonic(a_piece([*scale, [60, 64, 60, 60]])) == 1.0
    assert ends_on_tonic(a_piece([*scale, [60, 64, 62, 62]])) == 0.0


def test_changes_that_were_heard_before_surprise_less():
    cadence = [[60, 64, 67, 60], [65, 69, 72, 65], [67, 71, 74, 67]] * 6
    table = chord_table([a_piece(cadence)])
    assert chord_surprise(a_piece(cadence), table) < chord_surprise(a_piece(random_bars(18, 3)), table)


def test_the_tune_is_the_highest_track_that_plays_enough():
    low, high = aaba().notes, aaba(seed=4).notes.copy()
    high[:, Note.TRACK], high[:, Note.PITCH] = 1, high[:, Note.PITCH] + 24
    notes = np.concatenate([low, high])
    notes = notes[np.lexsort(notes[:, [3, 2, 1, 0]].T)]
    both = BarPiece(notes, ((4, 4),) * 32, (0, 40), 100)
    assert set(melody_of(both)[:, Note.TRACK]) == {1}


def test_a_piece_is_the_same_from_its_excerpts_and_from_its_score():
    plan = a_plan(2)
    notes = some_notes(plan, 2)
    one = piece_of_excerpts(cut(plan, notes, 60))
    assert np.array_equal(one.notes, notes)
    other = piece_of(score_of_piece(one))
    assert np.array_equal(other.notes, notes) and other.instruments == one.instruments
