"""Is the yardstick right that attribution is measured with?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.attribution.validation import (
    bm25,
    datamodelling_score,
    halves,
    noise_ceiling,
    rank_correlation,
)


def a_truth(noise=0.0, num=24, seed=0):
    """Examples whose influence is known, halves, and the losses that follow with some noise."""
    rng = np.random.default_rng(seed)
    scores_QN = rng.standard_normal((6, 30))
    kept_MN = np.stack([rng.permutation(30) < 15 for _ in range(num)])
    losses_MQ = -(scores_QN @ kept_MN.T).T
    return scores_QN, kept_MN, losses_MQ + noise * rng.standard_normal(losses_MQ.shape)


def test_a_perfect_attribution_scores_one_and_its_opposite_minus_one():
    scores, kept, losses = a_truth()
    assert datamodelling_score(scores, kept, losses).value == pytest.approx(1)
    assert datamodelling_score(-scores, kept, losses).value == pytest.approx(-1)


def test_an_attribution_that_knows_nothing_has_zero_in_its_interval():
    _, kept, losses = a_truth(num=60)
    found = datamodelling_score(np.random.default_rng(9).standard_normal((6, 30)), kept, losses)
    assert found.low < 0 < found.high


def test_the_interval_holds_the_value_and_narrows_with_more_retrainings():
    few, many = (datamodelling_score(*a_truth(noise=4, num=num)) for num in (12, 200))
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low


def test_no_score_is_above_the_ceiling_by_more_than_chance():
    scores, kept, first = a_truth(noise=4, num=400, seed=1)
    again = -(scores @ kept.T).T + 4 * np.random.default_rng(5).standard_normal(first.shape)
    found = datamodelling_score(scores, kept, first).value
    assert found == pytest.approx(noise_ceiling(first, again), abs=0.05)


def test_trainings_that_contradict_each_other_leave_nothing_to_reach():
    _, _, losses = a_truth()
    assert noise_ceiling(losses, -losses) == 0


def test_what_does_not_belong_together_is_refused():
    scores, kept, losses = a_truth()
    with pytest.raises(ValueError, match="do not fit"):
        datamodelling_score(scores, kept, losses[:, :3])
    with pytest.raises(ValueError, match="three trainings"):
        datamodelling_score(scores, kept[:2], losses[:2])


@given(st.lists(st.integers(0, 5), min_size=3, max_size=12), st.integers(1, 9), st.integers(-9, 9))
def test_ranks_do_not_change_when_values_are_stretched_and_equal_values_share_one(row, factor, shift):
    rows = np.array([row], dtype=float)
    other = np.random.default_rng(0).standard_normal((1, len(row)))
    np.testing.assert_allclose(rank_correlation(rows * factor + shift, other), rank_correlation(rows, other))
    assert rank_correlation(rows, rows)[0] == pytest.approx(0 if len(set(row)) == 1 else 1)


def test_halves_leave_out_half_of_the_units_whatever_their_order():
    units = [f"work{i}" for i in range(11)]
    found = halves(3, units, 7)
    assert found == halves(3, units[::-1] + units, 7) and len(set(found)) == 3
    assert {len(half) for half in found} == {6}


def test_the_document_that_shares_a_rare_run_of_tokens_comes_first():
    documents = [[1, 2, 3, 4, 5], [1, 2, 3, 9, 9], [7, 8, 7, 8, 7]]
    scores = bm25(documents, [[0, 3, 4, 5, 0], [6, 6, 6]], size=3)
    assert scores[0].argmax() == 0 and (scores[0, 1:] == 0).all() and not scores[1].any()
