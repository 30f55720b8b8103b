"""Does attribution hold for the platform's own model, whose examples are matrices and not rows of tokens?"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model.events import Field
from model.objective import asking_of, attribution_logits, attribution_targets
from model.plan import PLAN_ROWS, Column
from provenance.attribution import Attributor, SequenceTask, Widths
from provenance.attribution.features import Batching, GradientFeatures
from provenance.attribution.task import Objective
from tests.model.songs import a_composer, a_matrix
from tests.provenance.attribution.builders import slow_features

TASK = SequenceTask(attribution_logits, attribution_targets)


def some_songs(num=6):
    return torch.stack([a_matrix(seed, end=8) for seed in range(num)])


def asked_of_track(songs, track):
    return asking_of(songs, Column.TRACK, torch.full((len(songs),), track))


def test_its_features_are_the_projected_gradients_of_autograd():
    composer, songs = a_composer(), some_songs(3)
    fast = GradientFeatures(composer, TASK, widths=Widths(6, 6, 9))
    got = fast.features_NSD(songs)[:, 0]
    right = slow_features(composer, TASK, fast.layout, songs, Objective.CROSS_ENTROPY)
    torch.testing.assert_close(got, right, rtol=1e-2, atol=1e-4 * float(right.abs().max()))
    assert fast.batching is Batching.WHOLE
    assert fast.layout.uncovered == ()


def test_what_is_asked_of_each_track_adds_up_to_all_that_is_asked_of_notes():
    songs = some_songs(2)
    targets = attribution_targets(songs).view(2, -1, len(Field))
    tracks_NT = songs[:, PLAN_ROWS:, Column.TRACK]
    asked = [attribution_targets(asked_of_track(songs, track)).view(2, -1, len(Field)) for track in range(4)]
    times_NT = torch.stack([(one != -100).any(-1) for one in asked]).sum(0)
    assert all((one != -100).any() for one in asked)
    assert torch.equal(times_NT == 1, (targets[..., Field.TRACK] != -100) & (tracks_NT >= 0))
    assert all(torch.equal(one[one != -100], targets[one != -100]) for one in asked)


def the_parts(songs, column, values):
    return [asking_of(songs, column, torch.full((len(songs),), value)) for value in values]


@pytest.mark.parametrize(
    ("column", "values"),
    [(Column.TRACK, range(-1, 4)), (Column.BAR, range(8))],  # -1: the openings of bars are no track's
)
def test_what_parts_were_influenced_by_adds_up_to_the_whole(tmp_path, column, values):
    songs = some_songs(2)
    attributor = Attributor(a_composer(), TASK, tmp_path, widths=Widths(8, 8))
    attributor.index(some_songs())
    whole = attributor.score(songs)
    parts = [attributor.score(part) for part in the_parts(songs, column, values)]
    error = 5e-3 * np.abs(whole).max()  # a block whose gradients are nearly nothing shows little but rounding
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-2, atol=error)
    assert all(np.abs(sum(parts) - part - whole).max() > error for part in parts)
    features = GradientFeatures(a_composer(), TASK, widths=Widths(8, 8))
    added = sum(features.features_NSD(part) for part in the_parts(songs, column, values))
    exact = features.features_NSD(songs)
    assert (added - exact).norm() < 1e-5 * exact.norm()


def test_a_track_that_does_not_play_was_influenced_by_nothing(tmp_path):
    attributor = Attributor(a_composer(), TASK, tmp_path, widths=Widths(8, 8))
    attributor.index(some_songs())
    assert not attributor.score(asked_of_track(some_songs(2), 23)).any()


def test_a_song_of_the_corpus_is_named_first_for_itself(tmp_path):
    songs = some_songs()
    attributor = Attributor(a_composer(), TASK, tmp_path, widths=Widths(8, 8))
    attributor.index(songs)
    assert attributor.score(songs).argmax(1).tolist() == list(range(6))
    works = [f"work {i}" for i in range(6)]
    assert attributor.attribute(songs[4:5], works, units=works).shares[0].owner == "work 4"


def test_gradients_are_taken_where_there_is_no_faiss_and_no_database():
    code = (
        "import sys, provenance.attribution.features, provenance.attribution.attributor;"
        "print([m for m in ('faiss', 'sqlalchemy', 'polars', 'symusic', 'typer') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
