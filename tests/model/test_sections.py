"""A section that returns is found wherever it begins, and points to where it stood first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.sections import MANY_SECTIONS, MAX_SECTION_BARS, find_returns, find_sections


def music(form: str, lengths: dict[str, int], seed: int = 0) -> np.ndarray:
    """Features of bars of unlike material, by letter."""
    rng = np.random.default_rng(seed)
    material = {letter: rng.normal(size=(length, 40)) for letter, length in sorted(lengths.items())}
    return np.concatenate([material[letter] for letter in form])


def similarity(features: np.ndarray) -> np.ndarray:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit @ unit.T


def returned(features: np.ndarray) -> list[int]:
    return find_returns(similarity(features), 4).tolist()


@pytest.mark.parametrize("length", [5, 7, 13, 17])
def test_a_strophe_of_any_length_is_found_where_it_returns(length):
    found = find_sections(music("AAA", {"A": length}))
    starts = {section.bar_start for section in found}
    assert {0, length, 2 * length} <= starts
    later = [section for section in found if section.bar_start >= length]
    assert all(section.repeats is not None for section in later)
    for section in later:
        first = found[section.repeats]
        assert (section.bar_start - first.bar_start) % length == 0
        assert section.label == first.label
        assert section.bar_end - section.bar_start == first.bar_end - first.bar_start


def test_a_return_of_a_return_points_to_the_root():
    assert returned(music("ABAA", {"A": 6, "B": 5})) == [*range(11), *range(6), *range(6)]


def test_three_bars_that_return_are_no_section():
    assert returned(music("ABA", {"A": 3, "B": 9})) == list(range(15))


def test_a_return_does_not_run_into_itself():
    features = np.tile(music("A", {"A": 1}), (12, 1))
    roots = returned(features)
    assert roots[:4] == [0, 1, 2, 3]
    assert all(root <= bar for bar, root in enumerate(roots))


def test_music_without_returns_is_new_throughout_and_in_sections_of_16_bars_at_most():
    found = find_sections(music("A", {"A": 70}))
    assert max(s.bar_end - s.bar_start for s in found) <= MAX_SECTION_BARS + 3
    assert all(section.repeats is None for section in found)


def test_what_divides_the_first_divides_its_return():
    # B returns alone between two returns of the whole, so that A B is divided there everywhere.
    found = find_sections(music("ABCBAB", {"A": 6, "B": 7, "C": 5}))
    assert [s.bar_start for s in found] == [0, 6, 13, 18, 25, 31]
    assert [s.repeats for s in found] == [None, None, None, 1, 0, 1]


def test_of_very_many_returns_only_the_long_ones_count():
    rng = np.random.default_rng(3)
    small = [np.tile(rng.normal(size=(4, 40)), (2, 1)) for _ in range(20)]  # each four bars, twice
    features = np.concatenate(small)
    assert len(find_sections(features)) <= MANY_SECTIONS
    assert all(section.repeats is None for section in find_sections(features))
    found = find_sections(np.concatenate([features[:64], features[:64]]))
    assert sum(s.bar_end - s.bar_start for s in found if s.repeats is not None) >= 64


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=12), st.integers(1, 9), st.integers(1, 9))
def test_sections_cover_every_form_without_gap_and_point_backwards(form, a, b):
    features = music("".join(form), {"A": a, "B": b, "C": 4})
    found = find_sections(features)
    assert [s.bar_start for s in found] == [0, *(s.bar_end for s in found[:-1])]
    assert found[-1].bar_end == len(features)
    for place, section in enumerate(found):
        assert section.bar_end > section.bar_start
        if section.repeats is not None:
            assert section.repeats < place
            assert found[section.repeats].label == section.label
