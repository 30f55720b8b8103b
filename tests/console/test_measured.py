"""What is known of a run's attributions once it was validated, and what is not?"""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from console.steps.measured import Measured, loss_changes, measured_of, validation_file
from console.steps.removing import compare
from console.steps.retraining import Losses, Retrainer, Retraining, gathered
from provenance.attribution.calibration import Calibration
from provenance.attribution.shares import OwnerShare
from provenance.attribution.validation import Estimate

CALIBRATION = Calibration(slope=0.5, slope_error=0.0, own_error=0.0, noise=1.0)


def a_home(tmp_path):
    return SimpleNamespace(folder=lambda name: tmp_path / name)


def a_run():
    return SimpleNamespace(id="run_1", config={"folder": "it"})


def a_validation(home, settings="a", calibration=CALIBRATION):
    path = validation_file(home, a_run())
    path.parent.mkdir(parents=True)
    lds = {"value": 0.3, "low": 0.1, "high": 0.5}
    told = calibration.to_json() if calibration else None
    path.write_text(json.dumps({"settings": settings, "lds": lds, "calibration": told}))


def test_a_run_that_was_never_validated_has_nothing_measured(tmp_path):
    assert measured_of(a_home(tmp_path), a_run(), "a") == Measured()


def test_a_validation_counts_only_for_attributions_with_the_same_settings(tmp_path):
    home = a_home(tmp_path)
    a_validation(home)
    assert measured_of(home, a_run(), "a") == Measured(Estimate(0.3, 0.1, 0.5), CALIBRATION)
    assert measured_of(home, a_run(), "b") == Measured()


def test_a_validation_without_retests_leaves_the_exchange_rate_unknown(tmp_path):
    home = a_home(tmp_path)
    a_validation(home, calibration=None)
    assert measured_of(home, a_run(), "a").calibration is None


def test_a_change_of_loss_is_what_a_work_exceeds_the_mean_example_by():
    shares = [OwnerShare("a", 600_000, 0, 0, 30.0), OwnerShare("b", 0, 0, 0, -10.0)]
    changes = loss_changes(shares, ["a", "b", "b", "b"], 2, CALIBRATION)
    assert changes["a"].nats == f"{0.5 * (30 - 5) / 2:.6f}"
    assert changes["b"].nats == f"{0.5 * (-10 - 15) / 2:.6f}"
    assert changes["a"].low_nats == changes["a"].nats == changes["a"].high_nats


def test_predicted_changes_that_come_true_are_held_and_their_opposite_is_not():
    works = np.array(["a", "b", "c", "d"])
    influence = np.array([[8.0, 0.0, 0.0, 0.0], [0.0, 8.0, 0.0, 0.0]])
    calibration = Calibration(slope=1.0, slope_error=0.0, own_error=0.0, noise=0.1)
    luck = 0.1 * np.array([[1.0, 1], [-1, -1], [1, 1], [-1, -1]])
    complete = Losses(luck, luck, (frozenset(),) * 4)
    rise = np.array([[6.0, -2.0], [-2.0, 6.0]])
    for sign, held in ((1, 4), (-1, 0)):
        removed = Losses(sign * rise, sign * rise, (frozenset("a"), frozenset("b")))
        found = compare(influence, works, complete, removed, calibration)
        assert (found["held"], found["of"], found["rank_correlation"]) == (held, 4, sign)


def test_nothing_is_said_of_removals_where_none_was_tried():
    nothing = Losses(np.zeros((0, 2)), np.zeros((0, 2)), ())
    some = Losses(np.zeros((4, 2)), np.zeros((4, 2)), (frozenset(),) * 4)
    assert compare(np.zeros((2, 1)), np.array(["a"]), some, nothing, CALIBRATION) is None
    once = Losses(np.zeros((1, 2)), np.zeros((1, 2)), (frozenset(),))
    for complete in (nothing, once):
        assert compare(np.zeros((2, 1)), np.array(["a"]), complete, some, CALIBRATION) is None


def test_retrainings_that_did_not_fit_into_the_time_are_left_out_of_their_group():
    plan = [Retraining(name, frozenset(name), 1, 2) for name in "ab"]
    found = gathered(plan, {"b": (np.array([1.0]), np.array([2.0]))})
    assert found.without == (frozenset("b"),)
    assert found.whole_MQ.tolist() == [[1.0]]


def test_a_holder_whose_works_changed_is_not_answered_by_an_older_retraining(tmp_path):
    retrainer = Retrainer(a_run(), None, None, tmp_path)
    known = Retraining("without-party_1", frozenset({"a", "b"}), 1, 2)
    (tmp_path / retrainer._path(known).name).write_text("[[1.0], [2.0]]")
    found = retrainer.losses([known], 0.0, lambda *_: None)
    assert found["without-party_1"][0].tolist() == [1.0]
    assert retrainer.losses([replace(known, without=frozenset({"a"}))], 0.0, lambda *_: None) == {}


@pytest.mark.parametrize(("low", "verdict"), [(0.05, "influence"), (0.0, "exposure"), (-0.1, "exposure")])
def test_influence_that_retraining_does_not_bear_out_is_not_paid_on(low, verdict):
    from provenance.attribution.reliability import Reliability, Verdict

    found = Reliability(Verdict.INFLUENCE, 9.0, 0.5, 0.1, "").weighed(Estimate(0.2, low, 0.4))
    assert found.verdict == verdict
    assert ("Retraining does not bear it out" in found.reason) == (verdict == "exposure")
    assert found.weighed(None).rank_correlation is None
