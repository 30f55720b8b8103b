"""Does the index find, forget, and keep what it holds?"""

import numpy as np
import pytest

from provenance.attribution.errors import AttributionError
from provenance.attribution.index import InfluenceIndex


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
