"""Does a step that moved money leave the old state or the new one, wherever it is killed?"""

import pytest

from benchmarks.killed_runs import STEPS, TornError, kill_at, killed, prepare


def test_a_killed_step_leaves_the_old_state_or_the_new_one():
    assert sum(killed(len(STEPS), seed=3, lines=1_000).values()) == len(STEPS)


def test_a_step_that_comes_to_another_state_when_it_is_done_again_is_told(tmp_path):
    run = next(each for each in prepare(tmp_path, lines=1_000) if each.step == "run")
    expected_otherwise = type(run)(run.step, run.before, run.before_state, "another state", run.seconds)
    with pytest.raises(TornError, match="run killed"):
        kill_at(expected_otherwise, tmp_path, 0.0)
