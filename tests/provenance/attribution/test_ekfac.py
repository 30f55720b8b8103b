"""Does kronfluence get the composer and the tasks as they are? It is installed wherever these tests run."""

import numpy as np
import torch
from kronfluence.module.tracked_module import TrackedModule
from torch import nn

from model.objective import attribution_logits, attribution_targets
from provenance.attribution import Checkpoint, SequenceTask
from provenance.attribution.ekfac import ekfac_scores, followed_layers
from provenance.attribution.examples import examples_of
from tests.model.songs import a_composer, a_matrix
from tests.provenance.attribution.builders import VOCABULARY, a_task, some_tokens, trained

COMPOSING = SequenceTask(attribution_logits, attribution_targets)
SILENT = {"streams.next_chord", "streams.next_onsets"}  # they say nothing about events


def a_perceptron(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Embedding(VOCABULARY, 8), nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, VOCABULARY))


def test_an_example_that_was_learned_lowers_its_own_loss_most():
    tokens = some_tokens(12)
    model, before = trained(a_perceptron(), tokens, steps=30), torch.get_rng_state()
    scores = ekfac_scores(model, a_task(), [Checkpoint(model.state_dict())], examples_of(tokens), tokens[:4])
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(isinstance(module, TrackedModule) for module in model.modules())


def test_several_checkpoints_are_the_mean_of_each():
    tokens = some_tokens(8)
    states = [Checkpoint(a_perceptron(seed).state_dict()) for seed in (1, 1)]
    one, two = (
        ekfac_scores(a_perceptron(), a_task(), states[:num], examples_of(tokens), tokens[:2])
        for num in (1, 2)
    )
    assert one.shape == (2, 8)
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.9  # the values are drawn anew


def test_of_the_composer_every_linear_map_that_says_something_is_followed_and_called_once():
    composer, songs = a_composer(), torch.stack([a_matrix(seed, end=8) for seed in range(4)])
    calls = {name: 0 for name, module in composer.named_modules() if isinstance(module, nn.Linear)}

    def count(name):
        return lambda *_: calls.update({name: calls[name] + 1})

    handles = [composer.get_submodule(name).register_forward_hook(count(name)) for name in calls]
    composer(songs)
    assert set(calls.values()) == {1}  # with a second call kronfluence ends in an error
    for handle in handles:
        handle.remove()
    assert set(calls) - set(followed_layers(composer, COMPOSING, songs[:1])) == SILENT
    scores = ekfac_scores(composer, COMPOSING, [Checkpoint(composer.state_dict())], examples_of(songs), songs)
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]
