"""Are the peers of influence all there, and is it said of one that is not?"""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch

from console.progress import silent
from console.steps import baselines as module
from console.steps.baselines import baselines
from provenance.attribution.examples import examples_of
from tests.model.songs import a_composer, a_matrix

SONGS = torch.stack([a_matrix(seed, end=8) for seed in range(6)])
EVERYWHERE = {"BM25 on runs of 3 notes", "neighbours by hidden state", "gradient cosine", "TRAK"}


def asked():
    return baselines(a_composer(), examples_of(SONGS), SONGS[:2], silent)


def test_every_peer_scores_every_example_and_kronfluence_is_told_by_its_version():
    found = asked()
    assert set(found.scores) > EVERYWHERE
    (other,) = set(found.scores) - EVERYWHERE
    assert other.startswith("EK-FAC (kronfluence 1.") and found.absent == {}
    for scores in found.scores.values():
        assert scores.shape == (2, 6)
        assert np.isfinite(scores).all() and scores.std() > 0


@pytest.fixture
def without_kronfluence(monkeypatch):
    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", version)


def test_a_peer_that_is_not_installed_is_named_with_what_to_do(without_kronfluence):
    found = asked()
    assert set(found.scores) == EVERYWHERE
    assert found.absent == {
        "EK-FAC (kronfluence)": "kronfluence is not installed: pip install 'contrafact[peers]'"
    }
