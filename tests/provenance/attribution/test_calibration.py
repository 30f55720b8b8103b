"""Is the exchange rate from influence to nats found, and do the intervals hold what they are made to hold?"""

import numpy as np
import pytest

from provenance.attribution.calibration import Calibration, calibrate


def a_world(own_error=0.0, noise=0.0, num=40, slope=0.5, seed=0):
    """Examples with true influences in nats, an estimate of them in another unit, and noisy retrainings."""
    rng = np.random.default_rng(seed)
    true_QN = rng.standard_normal((30, 60))
    estimate_QN = (true_QN + own_error * rng.standard_normal(true_QN.shape)) / slope
    kept_MN = np.stack([rng.permutation(60) < 30 for _ in range(num)])

    def losses_after(kept_MN):
        clean_MQ = -(kept_MN @ true_QN.T)
        return clean_MQ + noise * rng.standard_normal(clean_MQ.shape)

    return estimate_QN, kept_MN, losses_after


def test_without_noise_the_slope_is_found_and_nothing_is_left_to_err():
    estimate, kept, losses_after = a_world()
    found = calibrate(estimate, kept, losses_after(kept), losses_after(kept)[:4])
    assert found.slope == pytest.approx(0.5)
    assert found.slope_error == pytest.approx(0, abs=1e-9)
    assert found.noise == 0
    assert found.own_error == pytest.approx(0, abs=1e-9)


def test_noise_is_what_two_trainings_on_the_same_half_differ_by():
    estimate, kept, losses_after = a_world(noise=3.0)
    found = calibrate(estimate, kept, losses_after(kept), losses_after(kept[:20]))
    assert found.noise == pytest.approx(3.0, rel=0.1)
    assert found.own_error < 1.0


def test_an_attribution_that_knows_nothing_has_a_slope_within_its_error_of_zero():
    estimate, kept, losses_after = a_world(noise=1.0)
    unrelated = np.random.default_rng(7).standard_normal(estimate.shape)
    found = calibrate(unrelated, kept, losses_after(kept), losses_after(kept[:20]))
    assert abs(found.slope) < 3 * found.slope_error
    assert found.own_error > 1.0


def test_an_attribution_without_any_influence_predicts_no_change():
    _, kept, losses_after = a_world(noise=1.0)
    found = calibrate(np.zeros((30, 60)), kept, losses_after(kept), losses_after(kept[:20]))
    assert (found.slope, found.slope_error) == (0.0, 0.0)
    assert found.nats(np.array([5.0])) == 0


@pytest.mark.parametrize("noise", [0.5, 4.0])
def test_nine_of_ten_changes_lie_in_the_interval_where_a_few_examples_are_left_out(noise):
    estimate, kept, losses_after = a_world(own_error=0.3, noise=noise, num=60)
    found = calibrate(estimate, kept, losses_after(kept), losses_after(kept[:30]))
    rng = np.random.default_rng(3)
    kept_HN = np.stack([rng.permutation(60) >= 6 for _ in range(200)])
    whole_RQ = losses_after(np.ones((8, 60), dtype=bool))
    changes_HQ = losses_after(kept_HN) - whole_RQ.mean(0)
    influence_HQ = (~kept_HN) @ estimate.T
    width_HQ = found.half_width(influence_HQ, np.full((200, 1), 0.1), noise=found.noise * (1 + 1 / 8) ** 0.5)
    held = (np.abs(changes_HQ - found.nats(influence_HQ)) <= width_HQ).mean()
    assert 0.85 < held < 0.95


def test_what_is_to_be_expected_has_a_narrower_interval_than_one_training():
    found = Calibration(1.0, 0.1, 0.5, 2.0)
    influence, part = np.array([3.0]), np.array([0.1])
    assert found.half_width(influence, part) < found.half_width(influence, part, noise=found.noise)
    assert found.half_width(influence, np.array([0.0])) == pytest.approx(1.6449 * 0.3)


def test_what_was_written_down_is_the_same_calibration():
    found = Calibration(1.5e-7, 2e-8, 0.25, 0.125)
    assert Calibration.from_json(found.to_json()) == found


def test_too_few_retrainings_are_refused():
    estimate, kept, losses_after = a_world()
    with pytest.raises(ValueError, match="40 halves, 0 of them twice"):
        calibrate(estimate, kept, losses_after(kept), losses_after(kept)[:0])
    with pytest.raises(ValueError, match="2 halves"):
        calibrate(estimate, kept[:2], losses_after(kept[:2]), losses_after(kept[:1]))
