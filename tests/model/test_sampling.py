"""Values are drawn as often as their logits say, and never what cannot be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.sampling import sample


def test_values_are_drawn_by_their_probability():
    rng = np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.3, 0.2]))
    counts = np.bincount([sample(logits, rng) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(counts, [0.5, 0.3, 0.2], atol=0.03)


def test_outside_the_nucleus_nothing_is_drawn():
    rng = np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    assert {sample(logits, rng, top_p=0.75) for _ in range(500)} == {0, 1}


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=20), st.integers(0, 99))
def test_what_is_worth_nothing_is_never_drawn(values: list[float], seed: int):
    logits = np.array(values)
    logits[0] = -1e9
    assert sample(logits, np.random.default_rng(seed), top_p=0.999999) != 0


def test_a_cold_draw_takes_the_likeliest():
    logits = np.array([0.0, 1.0, 0.5])
    assert {sample(logits, np.random.default_rng(i), temperature=0.01) for i in range(50)} == {1}


@pytest.mark.parametrize("top_p", [0.1, 1.0])
def test_one_value_is_always_drawn(top_p: float):
    assert sample(np.array([3.0]), np.random.default_rng(0), top_p=top_p) == 0
