"""Does whitening turn inner products into products with the inverse curvature?"""

import pytest
import torch

from provenance.attribution.preconditioner import fisher_dd, whitener_dd


def some_features(num=50, width=6):
    return torch.randn(num, width, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 2, width)


def test_the_curvature_is_the_mean_outer_product_however_it_is_chunked():
    features = some_features()
    slow = sum(torch.outer(f, f) for f in features.double()) / 50
    torch.testing.assert_close(fisher_dd([features]), slow, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(fisher_dd(features.split(7)), slow, rtol=1e-5, atol=1e-8)


def test_whitened_inner_products_are_products_with_the_inverse():
    features = some_features()
    fisher = fisher_dd([features])
    white = features @ whitener_dd(fisher, 0.1).T
    damped = fisher + 0.1 * fisher.diagonal().mean() * torch.eye(6, dtype=torch.float64)
    right = features.double() @ torch.linalg.solve(damped, features.double().T)
    torch.testing.assert_close((white @ white.T).double(), right, rtol=1e-4, atol=1e-5)


def test_a_block_without_gradients_has_no_influence():
    assert not whitener_dd(torch.zeros(3, 3, dtype=torch.float64), 0.1).any()


@pytest.mark.parametrize("damping", [0.0, -1.0])
def test_damping_must_be_positive(damping):
    with pytest.raises(ValueError, match="positive"):
        whitener_dd(torch.eye(2, dtype=torch.float64), damping)


def test_a_curvature_needs_finite_features():
    with pytest.raises(ValueError, match="not finite"):
        fisher_dd([torch.full((2, 2), float("nan"))])
    with pytest.raises(ValueError, match="at least one"):
        fisher_dd([])
