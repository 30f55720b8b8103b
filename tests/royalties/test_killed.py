"""Does a step that moved money leave the old state or the new one, wherever it is killed?"""

import random
from dataclasses import replace

import pytest

from benchmarks.killed_runs import STEPS, TornError, kill_at, prepare


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return {each.step: each for each in prepare(tmp_path_factory.mktemp("prepared"), lines=1_000)}


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_step_leaves_the_old_state_or_the_new_one(prepared, tmp_path, step):
    assert kill_at(prepared[step], tmp_path, random.Random(step).random()) in ("old", "new")


def test_a_step_that_comes_to_another_state_when_it_is_done_again_is_told(prepared, tmp_path):
    expected_otherwise = replace(prepared["run"], after_state="another state")
    with pytest.raises(TornError, match="run killed"):
        kill_at(expected_otherwise, tmp_path, 0.0)
