"""Does the index find, forget, and keep what it holds?"""

import numpy as np
import pytest

from provenance.attribution.errors import AttributionError
from provenance.attribution.index import InfluenceIndex, faiss


def an_index(num=50, width=8):
    vectors = np.random.default_rng(0).standard_normal((num, width)).astype(np.float16)
    index = InfluenceIndex(width)
    index.add(vectors, np.arange(100, 100 + num))
    return index, vectors.astype(np.float32)


def test_the_largest_inner_products_are_found_under_their_ids(tmp_path):
    index, vectors = an_index()
    index.save(tmp_path / "index.faiss")
    for each in (index, InfluenceIndex.load(tmp_path / "index.faiss", 8)):
        ids, scores = each.search(vectors[:3], 5)
        products = vectors[:3] @ vectors.T
        np.testing.assert_array_equal(ids - 100, (-products).argsort(1)[:, :5])
        np.testing.assert_allclose(scores, -np.sort(-products, 1)[:, :5], rtol=1e-5)


def test_what_is_removed_is_not_found():
    index, vectors = an_index()
    assert index.remove(np.array([100, 117, 999])) == 2
    assert index.num_examples == 48
    assert not {100, 117} & set(index.search(vectors, 50)[0].flatten().tolist())


def test_a_file_that_is_no_such_index_is_refused(tmp_path):
    (tmp_path / "broken").write_bytes(b"nothing")
    with pytest.raises(AttributionError, match="no index"):
        InfluenceIndex.load(tmp_path / "broken", 8)
    an_index()[0].save(tmp_path / "other")
    with pytest.raises(AttributionError, match="other features"):
        InfluenceIndex.load(tmp_path / "other", 9)


def clustered(num=3000, width=16, seed=0):
    """Vectors around 60 directions, of lengths that differ a hundredfold."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((60, width))
    vectors = centres[rng.integers(0, 60, num)] + 0.4 * rng.standard_normal((num, width))
    return (vectors * 10 ** rng.uniform(-1, 1, (num, 1))).astype(np.float32)


def lists_over(vectors, ids=None):
    return InfluenceIndex.over(vectors, np.arange(len(vectors)) if ids is None else ids, flat_limit=100)


def positive_mass(vectors, queries, ids):
    return np.take_along_axis(queries @ vectors.T, ids, 1).clip(min=0).sum()


def test_few_examples_are_each_compared_and_many_lie_in_lists():
    vectors = clustered(200)
    assert InfluenceIndex.over(vectors, np.arange(200), flat_limit=200).num_lists == 0
    assert InfluenceIndex.over(vectors, np.arange(200), flat_limit=199).num_lists > 1
    assert InfluenceIndex.over(vectors, np.arange(200)).num_probes == 0


def test_lists_find_almost_all_of_the_score_whatever_the_lengths_of_examples():
    vectors, queries = clustered(12_000), clustered(40, seed=5)
    index = lists_over(vectors)
    assert index.num_probes < index.num_lists
    found = positive_mass(vectors, queries, index.search(queries, 20)[0])
    best = positive_mass(vectors, queries, (-(queries @ vectors.T)).argsort(1)[:, :20])
    assert found >= 0.98 * best


def test_eight_bits_a_number_change_scores_little():
    vectors, queries = clustered(), clustered(5, seed=5)
    ids, scores = lists_over(vectors).search(queries, 10)
    exact = np.take_along_axis(queries @ vectors.T, ids, 1)
    np.testing.assert_allclose(scores, exact, atol=0.02 * np.abs(exact).max())


def test_the_same_vectors_give_the_same_index():
    one, two = (lists_over(clustered()).search(clustered(9, seed=5), 50) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_as_many_are_found_as_there_are_even_if_the_nearest_lists_have_fewer():
    vectors = clustered()
    index = lists_over(vectors)
    index._index.nprobe = 1
    ids, _ = index.search(vectors[:2], 5000)
    assert ids.shape == (2, 3000)
    assert (np.sort(ids, 1) == np.arange(3000)).all()


@pytest.mark.parametrize("flat_limit", [100, 10_000], ids=["lists", "flat"])
def test_what_is_removed_is_never_found_again_also_from_disk(tmp_path, flat_limit):
    vectors, path = clustered(), tmp_path / "index.faiss"
    InfluenceIndex.over(vectors, np.arange(3000), flat_limit).save(path)
    index = InfluenceIndex.load(path, 16)
    gone = index.search(vectors[:20], 5)[0].flatten()
    assert index.remove(gone) == len(set(gone.tolist()))
    index.save(path)
    for each in (index, InfluenceIndex.load(path, 16)):
        left = each.search(vectors[:20], 3000)[0]
        assert left.shape[1] == 3000 - len(set(gone.tolist()))
        assert not set(gone.tolist()) & set(left.flatten().tolist())
    index.add(vectors[gone[:1]], np.array([7777]))
    index.save(path)
    found = InfluenceIndex.load(path, 16).search(vectors, 10)[0]
    assert 7777 in found
    assert not set(gone.tolist()) & set(found.flatten().tolist())


def test_the_vector_of_what_is_removed_is_not_in_the_file_any_more(tmp_path):
    vectors = clustered()
    index = lists_over(vectors)
    index.save(tmp_path / "before")
    index.remove(np.arange(0, 3000, 2))
    index.save(tmp_path / "after")
    spared = (tmp_path / "before").stat().st_size - (tmp_path / "after").stat().st_size
    assert spared == 1500 * (16 + 8)


def test_lists_are_mapped_from_disk_and_change_only_in_memory_until_they_are_saved(tmp_path):
    vectors, path = clustered(), tmp_path / "index.faiss"
    lists_over(vectors).save(path)
    before = path.read_bytes()
    index = InfluenceIndex.load(path, 16)
    assert "OnDisk" in type(faiss.downcast_InvertedLists(index._index.invlists)).__name__
    index.remove(np.arange(10))
    index.add(vectors[:1], np.array([5000]))
    assert index.num_examples == 2991
    assert path.read_bytes() == before


def test_an_emptied_index_finds_nothing():
    index, vectors = an_index()
    index.remove(np.arange(100, 150))
    assert index.search(vectors[:3], 5)[0].shape == (3, 0)
