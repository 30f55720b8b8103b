"""Distances that can be worked out, and an embedding that hears what it should and no more."""

from dataclasses import replace

import numpy as np
import pytest

from model.evaluation.frechet import distance_of, embed, frechet
from model.events import Note
from tests.model.evaluation.pieces import a_piece, aaba, random_bars


def normal(mean: float, spread: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, (20_000, 3))


def test_the_distance_of_two_normal_clouds_is_what_the_formula_says():
    # Independent axes: (difference of means)^2 + (difference of spreads)^2, for each of three.
    assert frechet(normal(0, 1, 1), normal(2, 3, 2)) == pytest.approx(3 * (4 + 4), rel=0.03)


def test_a_cloud_is_at_no_distance_from_itself_and_distance_has_no_direction():
    a, b = normal(0, 1, 1), normal(1, 2, 2)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-6)


def test_a_transposed_piece_lies_where_the_piece_lies_but_for_its_height():
    piece = aaba(seed=2)
    higher = piece.notes.copy()
    higher[:, Note.PITCH] += 5
    difference = np.abs(embed(replace(piece, notes=higher)) - embed(piece))
    assert np.flatnonzero(difference.max(axis=0) > 1e-9).tolist() == [12 + 16 + 2]


def test_music_of_another_range_and_rhythm_is_farther_away():
    reference = [a_piece(random_bars(64, seed)) for seed in range(8)]
    alike = [a_piece(random_bars(64, seed)) for seed in range(20, 28)]
    other = [a_piece([bar[:2] for bar in random_bars(64, s, low=30, high=40)]) for s in range(30, 38)]
    near, far = (distance_of(some, reference, 0) for some in (alike, other))
    assert near is not None and far is not None
    assert near.distance < far.distance / 5
    assert near.at_infinity < near.distance
    assert (near.windows, near.reference_windows) == (64, 64)


def test_too_few_phrases_say_nothing():
    assert distance_of([a_piece(random_bars(8, 1))], [a_piece(random_bars(80, 2))], 0) is None
