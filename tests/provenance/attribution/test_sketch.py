"""Does a sketch keep inner products, and is it the same however the features lie on disk?"""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from provenance.attribution.errors import AttributionError
from provenance.attribution.sketch import Sketch, distinct_sample
from provenance.attribution.store import FeatureStore
from provenance.attribution.whitened import WhitenedRows

numbers = st.integers(0, 2**32 - 1)


def some_rows(directory, features_by_stage, shard_rows=7):
    """Whitened features in a store, one matrix a stage."""
    store = FeatureStore(Path(directory), {}, shard_rows)
    for stage, features_nD in features_by_stage.items():
        for i in range(store.shards_of(len(features_nD))):
            store.put(stage, i, features_nD[i * shard_rows : (i + 1) * shard_rows])
        store.complete(stage, len(features_nD))
    return WhitenedRows(store, list(features_by_stage))


def features(num, width, seed=0, rank=None):
    rng = np.random.default_rng(seed)
    rank = rank or min(num, width)
    spectrum = 0.9 ** np.arange(rank)
    whole = (rng.standard_normal((num, rank)) * spectrum) @ rng.standard_normal((rank, width))
    return whole.astype(np.float16)


def a_sketch(features_ND, width, order=None, shard_rows=7):
    with tempfile.TemporaryDirectory() as folder:
        rows = some_rows(folder, {"a": features_ND}, shard_rows)
        return Sketch.of(rows, np.arange(len(features_ND)) if order is None else order, width)


@settings(deadline=None, max_examples=25)
@given(numbers, st.integers(1, 20), st.integers(1, 40), st.integers(0, 10))
def test_no_more_examples_than_numbers_lose_nothing(seed, num, dims, spare):
    examples = features(num, dims, seed)
    queries = torch.from_numpy(np.random.default_rng(seed).standard_normal((3, dims))).float()
    sketch = a_sketch(examples, num + spare)
    whole = torch.from_numpy(examples).float()
    assert sketch.width <= min(num, dims)
    exact = queries @ whole.T
    got = sketch.sketch(queries) @ sketch.sketch(whole).T
    scale = queries.norm(dim=1, keepdim=True) * whole.norm(dim=1).max()
    assert ((got - exact).abs() <= 1e-4 * scale).all()


@settings(deadline=None, max_examples=25)
@given(numbers, st.floats(-3, 3), st.floats(-3, 3))
def test_a_sketch_is_linear(seed, a, b):
    sketch = a_sketch(features(12, 20, seed), 5)
    x, y = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 1, 20))).float()
    both = a * sketch.sketch(x) + b * sketch.sketch(y)
    torch.testing.assert_close(sketch.sketch(a * x + b * y), both, rtol=1e-3, atol=1e-4)


def test_what_is_lost_is_the_least_that_so_few_numbers_can_lose():
    examples = features(60, 40)
    whole = torch.from_numpy(examples).double()
    kept = a_sketch(examples, 8).sketch(whole).double().square().sum()
    best = torch.linalg.svdvals(whole)[:8].square().sum()
    assert 0.9999 * best <= kept <= 1.0001 * best


def test_the_directions_have_length_one_and_stand_at_right_angles():
    basis = a_sketch(features(60, 40), 8).basis_Dd
    torch.testing.assert_close(basis.T @ basis, torch.eye(8), rtol=0, atol=1e-5)


def test_shards_change_nothing_and_neither_does_the_place_of_an_example():
    examples = features(30, 17)
    digests = np.random.default_rng(1).integers(0, 256, (30, 16), dtype=np.uint8)
    order = np.random.default_rng(2).permutation(30)
    one = a_sketch(examples, 6, distinct_sample(digests, [], 20))
    moved = a_sketch(examples[order], 6, distinct_sample(digests[order], [], 20), shard_rows=11)
    assert torch.equal(one.basis_Dd, moved.basis_Dd)


def test_all_components_count_each_in_its_columns(tmp_path):
    examples = features(12, 25)
    rows = some_rows(tmp_path, {"a": examples[:, :9], "b": examples[:, 9:]})
    np.testing.assert_array_equal(rows.rows(np.array([11, 0, 5])), examples[[11, 0, 5]])
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks())), examples)
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks(np.arange(12))), 1), examples)
    products = torch.from_numpy(examples).float() @ torch.from_numpy(examples).float().T
    sketches = Sketch.of(rows, np.arange(12)).sketch(torch.from_numpy(examples))
    torch.testing.assert_close(sketches @ sketches.T, products, rtol=1e-3, atol=1e-2)


def test_the_sample_has_each_content_once_and_nothing_that_was_removed():
    digests = np.random.default_rng(1).integers(0, 256, (50, 16), dtype=np.uint8)
    digests[10:20] = digests[:10]
    assert sorted(distinct_sample(digests, [])) == sorted({*range(10), *range(20, 50)})
    assert 3 not in distinct_sample(digests, [3])
    assert 13 in distinct_sample(digests, [3])
    assert len(distinct_sample(digests, [], 7)) == 7


def test_examples_without_any_gradient_have_sketches_of_zeros():
    sketch = a_sketch(np.zeros((5, 9), dtype=np.float16), 4)
    assert not sketch.sketch(torch.ones(2, 9)).any()


def test_a_map_is_kept_and_a_file_that_is_none_is_refused(tmp_path):
    sketch = a_sketch(features(9, 6), 4)
    sketch.save(tmp_path / "sketch")
    assert torch.equal(Sketch.load(tmp_path / "sketch").basis_Dd, sketch.basis_Dd)
    (tmp_path / "broken").write_bytes(b"nothing")
    save_file({"sums": torch.zeros(2)}, tmp_path / "other")
    for name in ("broken", "other", "missing"):
        with pytest.raises(AttributionError, match="is no sketch"):
            Sketch.load(tmp_path / name)
