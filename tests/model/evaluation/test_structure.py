"""Structure is high where music returns, and low where its bars are shuffled."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.shuffling import shuffle_bars
from model.evaluation.structure import (
    bar_similarity_curve,
    bar_similarity_error,
    boundary_f1,
    fitness_by_length,
    form_f1,
    phrase_regularity,
    structureness,
)
from tests.model.evaluation.pieces import a_piece, aaba, random_bars


def test_a_form_that_returns_is_told_from_its_shuffled_bars():
    piece = aaba()
    own, shuffled = structureness(piece), structureness(shuffle_bars(piece, 1))
    assert own["long"] > 0.5 > 0.1 > shuffled["long"]


def test_music_that_never_returns_has_no_structure():
    assert structureness(a_piece(random_bars(32, 5)))["long"] == 0


def families(starts: range, length: int) -> list[tuple[int, ...]]:
    """All sets of windows of a length that do not overlap."""
    most = len(starts) // length + 1
    found = [family for count in range(1, most + 1) for family in combinations(starts, count)]
    return [family for family in found if all(b - a >= length for a, b in pairwise(family))]


def slow_fitness(similarity: np.ndarray, length: int) -> float:
    """The fitness of the fittest segment, by going through all families of each."""
    bars = len(similarity)
    scored = np.where(similarity >= 0.8, (similarity - 0.8) / 0.2, -2.0)
    np.fill_diagonal(scored, 1.0)
    starts, best = range(bars - length + 1), 0.0
    for segment in starts:
        window = [sum(scored[segment + i, start + i] for i in range(length)) for start in starts]
        family = max(families(starts, length), key=lambda some: sum(window[start] for start in some))
        score, cells = sum(window[start] for start in family), len(family) * length
        fits, covers = max(score - length, 0) / cells, (cells - length) / bars
        best = max(best, 2 * fits * covers / max(fits + covers, 1e-12))
    return best


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2))
def test_the_fittest_segment_is_the_one_that_going_through_all_families_finds(seed, length):
    rng = np.random.default_rng(seed)
    half = rng.random((6, 6))
    similarity = np.where((half + half.T) / 2 > 0.5, rng.random((6, 6)), 0.0)
    similarity = np.maximum(similarity, similarity.T)
    np.fill_diagonal(similarity, 1.0)
    assert fitness_by_length(similarity)[length] == pytest.approx(slow_fitness(similarity, length))


def test_bars_that_return_after_eight_show_in_the_curve_at_eight():
    curve = bar_similarity_curve(a_piece(random_bars(8, 3) * 3))
    assert curve[7] == 1.0 and curve[6] < 0.1


def test_a_set_has_no_error_against_itself_and_some_against_its_shuffled_bars():
    pieces = [aaba(seed=seed) for seed in range(0, 8, 2)]
    own = np.stack([bar_similarity_curve(piece) for piece in pieces])
    other = np.stack([bar_similarity_curve(shuffle_bars(piece, 2)) for piece in pieces])
    assert bar_similarity_error(own, own) == 0
    assert bar_similarity_error(other, own) > 0.02


@pytest.mark.parametrize(
    ("found", "wanted", "score"),
    [([8, 16], [8, 16], 1.0), ([9, 15], [8, 16], 1.0), ([10], [8], 0.0), ([8], [8, 16], 2 / 3),
     ([], [8], 0.0), ([8, 8], [8], 2 / 3)],
)  # fmt: skip
def test_borders_count_within_a_bar_and_each_once(found, wanted, score):
    assert boundary_f1(found, wanted) == pytest.approx(score)


def test_a_form_is_the_same_under_other_names_and_not_where_nothing_returns():
    assert form_f1(list("xxyyxx"), list("aabbaa")) == 1.0
    assert form_f1(list("abcdef"), list("aabbaa")) == 0.0


def test_a_tune_that_rests_every_fourth_bar_is_regular():
    steady = [[60, 62, 64, 65]] * 3 + [[60]]
    assert phrase_regularity(a_piece(steady * 6)) > 0.7
    assert phrase_regularity(a_piece(random_bars(24, 1))) != phrase_regularity(a_piece(steady * 6))
