"""Is the TRAK that attribution is measured beside the one of the paper?"""

import numpy as np
import pytest
import torch

from provenance.attribution import Checkpoint, Widths
from provenance.attribution.examples import examples_of
from provenance.attribution.trak import trak_scores
from tests.provenance.attribution.builders import PADDING, a_model, a_task, some_tokens, trained

EXAMPLES, QUERIES = some_tokens(14), some_tokens(3, seed=5)
WHOLE = Widths(999, 999, 999)


def some_checkpoints(num=2):
    models = [trained(a_model(seed, tied=True), some_tokens(8, seed=seed), steps=10) for seed in range(num)]
    return [Checkpoint({k: v.clone() for k, v in model.state_dict().items()}) for model in models]


def scored(checkpoints, *, examples=EXAMPLES, queries=QUERIES, **options):
    return trak_scores(a_model(tied=True), a_task(), checkpoints, examples_of(examples), queries, **options)


def slow_margin(model, row):
    """The sum of log p - log(1 - p) over a row's positions, and the mean of 1 - p, position by position."""
    logits = model(row[None, :-1])[0]
    margins, errors = [], []
    for logit, target in zip(logits, row[1:], strict=True):
        if target != PADDING:
            p = logit.double().softmax(-1)[target]
            margins.append(p.log() - (1 - p).log())
            errors.append(1 - p.item())
    return torch.stack(margins).sum(), float(np.mean(errors))


def slow_gradients(model, rows):
    """Whole gradients by autograd (N, P), one number a parameter."""
    parameters = list(model.parameters())
    found, errors = [], []
    for row in rows:
        value, error = slow_margin(model, row)
        grads = torch.autograd.grad(value, parameters)
        found.append(torch.cat([grad.flatten() for grad in grads]).double())
        errors.append(error)
    return torch.stack(found), np.array(errors)


def slow_trak(checkpoints):
    """The formula with inverses written out, for gradients that are not projected."""
    kernels, errors = [], []
    for checkpoint in checkpoints:
        model = a_model(tied=True).eval()
        model.load_state_dict(checkpoint.state_dict)
        phi, error = slow_gradients(model, EXAMPLES)
        asked, _ = slow_gradients(model, QUERIES)
        # With more numbers than examples, (Phi^T Phi)^-1 Phi^T is Phi^T (Phi Phi^T)^-1.
        kernels.append((asked @ phi.T @ torch.linalg.inv(phi @ phi.T)).numpy())
        errors.append(error)
    return np.mean(kernels, 0) * np.mean(errors, 0)


@pytest.mark.parametrize("num", [1, 2])
def test_with_a_wide_projection_the_scores_are_those_of_whole_gradients(num):
    checkpoints = some_checkpoints(num)
    got = scored(checkpoints, kept=20_000, widths=WHOLE)
    right = slow_trak(checkpoints)
    assert np.corrcoef(got.ravel(), right.ravel())[0, 1] > 0.99
    np.testing.assert_allclose(got, right, atol=0.1 * np.abs(right).max())


def test_a_narrow_one_is_a_regression_on_projected_gradients():
    (checkpoint,) = some_checkpoints(1)
    kept = 5
    got = scored([checkpoint], kept=kept, widths=WHOLE)
    model = a_model(tied=True).eval()
    model.load_state_dict(checkpoint.state_dict)
    _, error = slow_gradients(model, EXAMPLES)
    kernel = got / error
    # phi(q) (Phi^T Phi)^-1 Phi^T has the rank of the projection, and on the examples it projects.
    assert np.linalg.matrix_rank(kernel, tol=1e-6) == min(kept, len(QUERIES))
    hat = scored([checkpoint], queries=EXAMPLES, kept=kept, widths=WHOLE) / error
    np.testing.assert_allclose(hat @ hat, hat, atol=1e-6)
    np.testing.assert_allclose(hat, hat.T, atol=1e-6)
    assert np.trace(hat) == pytest.approx(kept)


def test_scores_do_not_depend_on_the_order_of_examples_or_on_anybodys_random_numbers():
    checkpoints, order = some_checkpoints(), torch.randperm(14, generator=torch.Generator().manual_seed(2))
    got = scored(checkpoints, kept=6)
    torch.manual_seed(99)
    again = scored(checkpoints, examples=EXAMPLES[order], kept=6)
    np.testing.assert_allclose(again, got[:, order], rtol=1e-3, atol=1e-6)
    many = torch.cat([EXAMPLES, some_tokens(20, seed=8)])
    told = []
    scored(checkpoints, examples=many, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (68, 68) and sorted(told) == told


def test_examples_that_a_model_is_certain_of_weigh_nothing():
    (checkpoint,) = some_checkpoints(1)
    certain = trained(a_model(tied=True), EXAMPLES[:1], steps=300)
    sure = scored([Checkpoint(certain.state_dict())], kept=4)
    assert np.abs(sure[:, 0]).max() < 0.05 * np.abs(sure[:, 1:]).max()
    assert np.isfinite(scored([checkpoint], examples=EXAMPLES[:1])).all()
