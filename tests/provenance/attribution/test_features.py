"""Are the hooked, projected gradients those of autograd, whatever the model does with its modules?"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from provenance.attribution.blocks import Widths, fitting_widths, layout_of, projection
from provenance.attribution.features import Batching, GradientFeatures
from provenance.attribution.task import MARGIN_FLOOR, Objective, SequenceTask, objective_N
from tests.provenance.attribution.builders import (
    VOCABULARY,
    a_model,
    a_task,
    slow_features,
    some_tokens,
    trained,
)

SMALL = Widths(rows=5, cols=4, vector=7)


def check(model, task, tokens, widths=SMALL, objective=Objective.CROSS_ENTROPY, batching=Batching.WHOLE):
    fast = GradientFeatures(model, task, widths=widths, objective=objective)
    got = fast.features_NSD(tokens)[:, 0]
    right = slow_features(model, task, fast.layout, tokens, objective)
    torch.testing.assert_close(got, right, rtol=1e-3, atol=1e-4)
    assert fast.batching is batching
    return fast


@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("widths", [SMALL, Widths(rows=64, cols=64)])
def test_features_are_the_projected_gradients_of_autograd(objective, tied, widths):
    tokens = some_tokens(7)
    model = trained(a_model(tied=tied), tokens, steps=5)
    check(model, a_task(), tokens, widths, objective)


def test_a_tied_weight_is_one_block_with_the_sum_of_its_gradients():
    separate, tied = layout_of(a_model(), SMALL), layout_of(a_model(tied=True), SMALL)
    assert len(tied.blocks) == len(separate.blocks) - 1
    assert len(tied.sites) == len(separate.sites)


def test_norm_layers_of_other_libraries_are_known_by_what_they_do():
    class GemmaRMSNorm(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(width))

        def forward(self, x):
            return F.rms_norm(x, x.shape[-1:], eps=1e-6) * (1 + self.weight)

    tokens = some_tokens(5)
    check(a_model(norm=GemmaRMSNorm), a_task(), tokens)
    check(a_model(norm=nn.RMSNorm), a_task(), tokens)


def test_the_transposed_linear_map_of_hugging_face_has_the_same_features():
    class Conv1D(nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.weight, self.bias = nn.Parameter(linear.weight.T.clone()), nn.Parameter(linear.bias.clone())

        def forward(self, x):
            return torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)

    model, tokens = a_model(), some_tokens(5)
    before = GradientFeatures(a_model(), a_task(), widths=SMALL).features_NSD(tokens)
    model.blocks[0].qkv = Conv1D(model.blocks[0].qkv)
    fast = check(model, a_task(), tokens)
    torch.testing.assert_close(fast.features_NSD(tokens), before)


class Odd(nn.Module):
    """Calls one layer on (N, T, D), on (T, N, D), on (N, units, D), and on N x T rows."""

    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, 6, padding_idx=VOCABULARY - 1)
        self.again = nn.Linear(6, 6)
        self.head = nn.Linear(6, VOCABULARY, bias=False)

    def forward(self, tokens):
        x = self.again(self.token(tokens)).tanh()
        x = x + self.again(x.transpose(0, 1)).transpose(0, 1).tanh()
        units = self.again(x.unflatten(1, (-1, 2)).mean(2))
        x = x + self.again(x.reshape(-1, 6)).view_as(x) + units.repeat_interleave(2, 1)
        return self.head(x)


def test_a_layer_may_be_called_several_times_with_the_batch_on_any_axis():
    check(Odd(), a_task(), some_tokens(6))


def test_tokens_may_have_any_shape_after_the_examples():
    class Fields(nn.Module):
        def __init__(self):
            super().__init__()
            self.field = nn.Embedding(VOCABULARY * 3, 8)
            self.heads = nn.Linear(8, 3 * VOCABULARY)

        def forward(self, tokens):
            x = self.field(tokens + torch.arange(3) * VOCABULARY).sum(2).cumsum(1).tanh()
            logits = self.heads(x).unflatten(-1, (3, -1)).flatten(1, 2)
            return torch.where(torch.arange(VOCABULARY) < 20, logits, -1e4)

    tokens = torch.randint(0, 20, (5, 4, 3), generator=torch.Generator().manual_seed(1))
    task = SequenceTask(lambda model, x: model(x[:, :-1]), lambda x: x[:, 1:].flatten(1).clone())
    check(Fields(), task, tokens)


def test_position_tables_whose_output_is_reshaped_are_left_out_and_the_rest_is_right():
    class Reshaped(type(a_model())):
        def forward(self, tokens):
            place = self.position(torch.arange(tokens.shape[1])).view(tokens.shape[1], -1)[None]
            return self.head(self.norm(self.token(tokens) + place))

    model, tokens = Reshaped(), some_tokens(5)
    fast = GradientFeatures(model, a_task(), widths=SMALL)
    got = fast.features_NSD(tokens)[:, 0]
    right = slow_features(model, a_task(), fast.layout, tokens, Objective.CROSS_ENTROPY)
    left_out = next(b for b in fast.layout.blocks if b.name == "position.weight")
    right[:, left_out.span] = 0
    assert fast.batching is Batching.WITHOUT_SHARED
    torch.testing.assert_close(got, right, rtol=1e-3, atol=1e-4)


def test_a_model_that_mixes_examples_is_run_one_example_at_a_time():
    class Mixing(type(a_model())):
        def forward(self, tokens):
            x = self.token(tokens)
            return self.head(self.norm(x + x.mean(0, keepdim=True)))

    check(Mixing(), a_task(), some_tokens(5), batching=Batching.SINGLE)


def test_batches_seeds_and_single_examples_change_nothing_but_rounding():
    tokens, model = some_tokens(7), a_model()
    both = GradientFeatures(model, a_task(), widths=SMALL, seeds=(3, 4))
    whole = both.features_NSD(tokens)
    parts = torch.cat([both.features_NSD(part) for part in tokens.split([1, 4, 2])])
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)
    for i, seed in enumerate((3, 4)):
        alone = GradientFeatures(model, a_task(), widths=SMALL, seeds=(seed,)).features_NSD(tokens)
        torch.testing.assert_close(whole[:, i], alone[:, 0], rtol=1e-4, atol=1e-5)


def test_inner_products_of_projected_gradients_are_right_on_average():
    product = sum((p := projection(30, 6, seed, "w")) @ p.T for seed in range(3000)) / 3000
    assert (product - torch.eye(30)).abs().max() < 0.15
    assert torch.equal(projection(6, 6, 0, "w"), torch.eye(6))


def test_parameters_without_features_are_named():
    model = a_model()
    model.scale = nn.Parameter(torch.ones(3))
    assert layout_of(model, SMALL).uncovered == ("scale",)


def test_a_model_without_known_layers_is_refused():
    with pytest.raises(ValueError, match="no Linear"):
        layout_of(nn.Conv2d(1, 1, 1), SMALL)


def test_the_margins_gradient_is_that_of_log_p_minus_log_one_minus_p():
    torch.manual_seed(0)
    logits = (2 * torch.randn(3, 4, 6, dtype=torch.float64)).requires_grad_()
    targets = torch.randint(0, 6, (3, 4))
    targets[0, 2] = -100
    got = torch.autograd.grad(objective_N(logits, targets, Objective.MARGIN, -100).sum(), logits)[0]
    p = logits.softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    assert (1 - p).min() > MARGIN_FLOOR
    margin = (p.log() - (1 - p).log())[targets != -100].sum()
    torch.testing.assert_close(got, torch.autograd.grad(margin, logits)[0], rtol=1e-4, atol=1e-5)


def test_a_certain_position_weighs_nothing_under_the_margin():
    logits = torch.full((1, 1, 5), -1e4)
    logits[0, 0, 2] = 3.0
    logits.requires_grad_()
    objective_N(logits, torch.tensor([[2]]), Objective.MARGIN, -100).sum().backward()
    assert logits.grad.abs().max() == 0


def test_the_wrong_shape_of_targets_is_refused():
    with pytest.raises(ValueError, match="one axis of values"):
        objective_N(torch.zeros(2, 3, 4), torch.zeros(2, 2), Objective.MARGIN, -100)


def test_small_models_are_kept_whole_and_large_ones_fit_the_budget():
    whole = layout_of(a_model(), fitting_widths(a_model()))
    assert not any(block.is_projected for block in whole.blocks)
    tight = layout_of(a_model(width=32), fitting_widths(a_model(width=32), budget=2000))
    assert 1500 < sum(block.width for block in tight.blocks if block.rows > 1) <= 2000


def test_another_key_draws_other_projections():
    features = GradientFeatures(a_model(), a_task(), widths=SMALL)
    before = features.features_NSD(some_tokens(3))
    features.draw_projections("another")
    assert not torch.allclose(features.features_NSD(some_tokens(3)), before)
    features.draw_projections("")
    assert torch.equal(features.features_NSD(some_tokens(3)), before)
