"""Are the scores of a list of evidence exact, and does what was removed stay away from it?"""

import numpy as np
import pytest
import torch

from provenance.attribution.errors import AttributionError
from provenance.attribution.evidence import INDEX, SKETCH, Evidence, forget
from provenance.attribution.indexing import ROWS
from provenance.attribution.store import FeatureStore
from tests.provenance.attribution.test_attributor import FRESH, TOKENS, an_attributor

STAGES = ["checkpoint0/white", "checkpoint1/white"]
NUM, WIDTH = 1500, 24


def features(num=NUM, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((30, WIDTH))
    return (centres[rng.integers(0, 30, num)] + 0.5 * rng.standard_normal((num, WIDTH))).astype(np.float16)


def a_store(directory, features_ND):
    store = FeatureStore(directory, {}, 100)
    digests = np.random.default_rng(1).integers(0, 256, (len(features_ND), 16), dtype=np.uint8)
    for stage, values in ((ROWS, digests), *zip(STAGES, np.split(features_ND, 2, axis=1), strict=True)):
        for i in range(store.shards_of(len(values))):
            store.put(stage, i, values[i * 100 : (i + 1) * 100])
        store.complete(stage, len(values))
    return store


def exact(features_ND, queries_QD):
    return queries_QD.numpy() @ features_ND.astype(np.float32).T


QUERIES = torch.from_numpy(features(6, seed=4).astype(np.float32))


@pytest.mark.parametrize("flat_limit", [100, 10_000], ids=["lists", "flat"])
def test_scores_are_exact_and_in_order_and_almost_all_of_the_mass_is_there(tmp_path, flat_limit):
    evidence = Evidence.open(a_store(tmp_path, features()), STAGES, flat_limit)
    ids, scores = evidence.search(QUERIES, 20)
    truth = exact(features(), QUERIES)
    np.testing.assert_allclose(scores, np.take_along_axis(truth, ids, 1), rtol=1e-5, atol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert scores.clip(min=0).sum() >= 0.99 * -np.sort(-truth, 1)[:, :20].clip(max=0).sum()


def test_with_no_more_examples_than_candidates_the_list_is_the_exact_one(tmp_path):
    few = features(150)
    ids, scores = Evidence.open(a_store(tmp_path, few), STAGES, flat_limit=10).search(QUERIES, 30)
    truth = exact(few, QUERIES)
    np.testing.assert_array_equal(ids, (-truth).argsort(1, kind="stable")[:, :30])
    np.testing.assert_allclose(scores, -np.sort(-truth, 1)[:, :30], rtol=1e-5, atol=1e-5)


def test_of_equal_scores_the_first_example_comes_first(tmp_path):
    same = np.repeat(features(10), 15, axis=0)
    ids, _ = Evidence.open(a_store(tmp_path, same), STAGES).search(QUERIES, 15)
    assert (np.diff(ids, axis=1) == 1).all()


@pytest.mark.parametrize("flat_limit", [100, 10_000], ids=["lists", "flat"])
def test_what_was_removed_is_not_found_before_or_after_the_index_is_built_again(tmp_path, flat_limit):
    store = a_store(tmp_path, features())
    evidence = Evidence.open(store, STAGES, flat_limit)
    gone = np.unique(evidence.search(QUERIES, 5)[0]).tolist()
    forget(tmp_path, gone)
    assert not evidence.is_current
    store.erase(gone, STAGES)
    for name in (INDEX, SKETCH, INDEX):  # as changed, built again, and built on a sketch learned again
        evidence = Evidence.open(store, STAGES, flat_limit)
        assert evidence.is_current
        assert not set(gone) & set(evidence.search(QUERIES, NUM)[0].flatten().tolist())
        (tmp_path / name).unlink()


def test_a_removal_is_not_held_up_by_an_index_that_cannot_be_read(tmp_path):
    store = a_store(tmp_path, features())
    Evidence.open(store, STAGES)
    (tmp_path / INDEX).write_bytes(b"nothing")
    with pytest.raises(AttributionError, match="delete it"):
        Evidence.open(store, STAGES)
    forget(tmp_path, [3])
    store.erase([3], STAGES)
    assert 3 not in Evidence.open(store, STAGES).search(QUERIES, NUM)[0]


def test_a_sketch_learned_again_is_never_used_with_the_index_of_another(tmp_path):
    store = a_store(tmp_path, features())
    before = Evidence.open(store, STAGES)
    (tmp_path / SKETCH).unlink()
    assert Evidence.open(store, STAGES).file != before.file


def test_nothing_to_search_is_said(tmp_path):
    store = a_store(tmp_path, features(100))
    store.erase(range(100), STAGES)
    with pytest.raises(AttributionError, match="every example was removed"):
        Evidence.open(store, STAGES)


def test_a_removal_through_another_attributor_shows_in_the_next_search(tmp_path):
    one = an_attributor(tmp_path)
    one.index(TOKENS)
    first = one.search(FRESH, k=3)[0]
    an_attributor(tmp_path).remove([int(first[0, 0])])
    assert int(first[0, 0]) not in one.search(FRESH, k=40)[0][0]
    assert not list(tmp_path.glob("*.tmp"))
