"""Is a module known by what it does, and never by what it is called or derives from?"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from provenance.attribution.blocks import Widths
from provenance.attribution.features import GradientFeatures
from provenance.attribution.kinds import Kind, Use, use_of
from provenance.attribution.task import Objective
from tests.provenance.attribution.builders import TinyGPT, a_model, a_task, slow_features, some_tokens


class Scale(nn.Module):
    """A norm under a name that says nothing."""

    def __init__(self, width):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:]) * (1 + self.weight) + self.bias


class GatedRMSNorm(Scale):
    """Its output depends on more than its input."""

    def forward(self, x, gate=None):
        return super().forward(x) * (1 if gate is None else gate)


class BentRMSNorm(Scale):
    """Not a multiple of its weight."""

    def forward(self, x):
        return x * self.weight.tanh()


class Scaled(nn.Embedding):
    def forward(self, index):
        return 3.5 * super().forward(index)


class Shifted(nn.Embedding):
    def forward(self, index):
        return super().forward(index + 1)


class Halved(nn.Linear):
    def forward(self, x):
        return super().forward(x) / 2


class Logged(nn.Linear):
    """Does what its base does."""

    def forward(self, x):
        return super().forward(x)


@pytest.mark.parametrize(
    ("module", "use"),
    [
        (Scale(6), Use(Kind.NORM)),
        (Scale(2), Use(Kind.NORM)),
        (nn.RMSNorm(6), Use(Kind.NORM)),
        (Logged(4, 5), Use(Kind.LINEAR)),
        (GatedRMSNorm(6), None),
        (BentRMSNorm(6), None),
        (Shifted(9, 4), None),
        (Halved(4, 5), None),
        (nn.LayerNorm((3, 4)), None),
        (nn.RMSNorm(6, elementwise_affine=False), None),
        (nn.BatchNorm1d(6).eval(), None),
        (nn.GroupNorm(2, 6), None),
        (nn.PReLU(6), None),
        (nn.PReLU(), None),
        (nn.Conv1d(4, 4, 1), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_a_module_is_known_by_what_it_does(module, use):
    assert use_of(module) == use


def test_the_scale_of_a_table_is_found():
    use = use_of(Scaled(9, 4))
    assert use is not None and use.kind is Kind.EMBEDDING and use.scale == pytest.approx(3.5)


def test_nothing_is_drawn_from_anybodys_random_numbers():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    use_of(Scale(6))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_weight_that_is_also_used_behind_its_module_is_left_out_and_named():
    class Shortcut(TinyGPT):
        def forward(self, tokens):
            x = self.token(tokens)
            x = self.blocks[0](x) @ self.blocks[0].out.weight
            return self.head(self.norm(x))

    torch.manual_seed(0)
    model, tokens = Shortcut(layers=1), some_tokens(5)
    fast = GradientFeatures(model, a_task(), widths=Widths(5, 4, 7))
    got = fast.features_NSD(tokens)[:, 0]
    right = slow_features(model, a_task(), fast.layout, tokens, Objective.CROSS_ENTROPY)
    left_out = next(block for block in fast.layout.blocks if block.name == "blocks.0.out.weight")
    assert fast.layout.uncovered == ("blocks.0.out.weight",)
    assert not got[:, left_out.span].any()
    torch.testing.assert_close(got, right, rtol=1e-3, atol=1e-4)


def test_a_gradient_that_is_not_finite_is_not_taken_for_a_fault_of_the_hooks():
    model = a_model()
    with torch.no_grad():
        model.head.weight[0, 0] = torch.nan
    fast = GradientFeatures(model, a_task(), widths=Widths(5, 4, 7))
    assert not fast.features_NSD(some_tokens(3)).isfinite().all()
    assert fast.layout.uncovered == ()


def test_half_precision_is_no_reason_to_leave_anything_out():
    for dtype in (torch.bfloat16, torch.float16):
        fast = GradientFeatures(a_model(norm=Scale).to(dtype), a_task(), widths=Widths(5, 4, 7))
        fast.features_NSD(some_tokens(3))
        assert fast.layout.uncovered == ()
