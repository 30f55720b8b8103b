"""Does whitening turn inner products into products with the inverse curvature?"""

import pytest
import torch

from provenance.attribution.preconditioner import Whitener, whitener_of


def some_features(num=50, rows=4, cols=3):
    noise = torch.randn(num, rows, cols, generator=torch.Generator().manual_seed(0))
    return (noise * torch.logspace(-2, 1, rows)[:, None] * torch.logspace(-1, 1, cols)).flatten(1)


def test_however_features_are_chunked_the_whitener_is_the_same():
    features = some_features()
    whole = whitener_of(lambda: [features], 4, 3)
    parts = whitener_of(lambda: features.split(7), 4, 3)
    products = [w.whiten(features) @ w.whiten(features).T for w in (whole, parts)]
    torch.testing.assert_close(products[0], products[1], rtol=1e-3, atol=1e-3)


def test_a_block_of_one_row_gets_its_exact_fisher():
    features = some_features()
    white = whitener_of(lambda: [features], 1, 12, damping=0.1).whiten(features)
    fisher = (features.T @ features).double() / 50 / float((features**2).mean())
    identity = torch.eye(12, dtype=torch.float64)
    curvature = (fisher + 0.1 * identity) @ (fisher + identity) @ (fisher + identity)
    right = features.double() @ torch.linalg.solve(
        curvature * float((features**2).mean()), features.double().T
    )
    torch.testing.assert_close((white @ white.T).double(), right, rtol=1e-3, atol=1e-4)


def test_directions_of_little_curvature_are_whitened_and_those_above_the_mean_fade():
    features = some_features()
    whitener = whitener_of(lambda: [features], 4, 3, damping=1e-14)
    rotated = whitener.left_rr.T @ features.reshape(-1, 4, 3) @ whitener.right_cc
    relative = (rotated**2).mean(0) / (rotated**2).mean()
    energy = (whitener.whiten(features) ** 2).mean(0).reshape(4, 3)
    torch.testing.assert_close(energy, 1 / (1 + relative) ** 2, rtol=1e-3, atol=1e-3)
    assert float(energy.max()) > 0.99
    assert float(energy.min()) < 0.1


def test_rotating_both_sides_of_the_gradients_changes_no_influence():
    features = some_features().unflatten(1, (4, 3))
    q = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))[0]
    p = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    products = []
    for each in (features.flatten(1), (q @ features @ p).flatten(1)):
        white = whitener_of(lambda each=each: [each], 4, 3).whiten(each)
        products.append(white @ white.T)
    torch.testing.assert_close(products[0], products[1], rtol=1e-2, atol=1e-2)


def test_a_whitener_is_read_as_it_was_stored():
    features = some_features()
    whitener = whitener_of(lambda: [features], 4, 3)
    again = Whitener.from_tensors(whitener.tensors())
    assert torch.equal(again.whiten(features), whitener.whiten(features))


def test_a_block_without_gradients_has_no_influence():
    zeros = torch.zeros(5, 6)
    assert not whitener_of(lambda: [zeros], 2, 3).whiten(torch.ones(1, 6)).any()


@pytest.mark.parametrize("damping", [0.0, -1.0])
def test_damping_must_be_positive(damping):
    with pytest.raises(ValueError, match="positive"):
        whitener_of(lambda: [torch.ones(2, 2)], 1, 2, damping)


def test_a_curvature_needs_finite_features():
    with pytest.raises(ValueError, match="not finite"):
        whitener_of(lambda: [torch.full((2, 2), float("nan"))], 1, 2)
    with pytest.raises(ValueError, match="at least one"):
        whitener_of(list, 1, 2)
