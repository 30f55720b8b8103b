"""Which examples have the largest inner product with a query? FAISS answers, over whitened features.

Shapes: N examples, Q queries, k neighbours, D width.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: F401  before faiss: each brings an OpenMP of its own, and the first one loaded must be torch's

import faiss  # isort: skip
from numpy.typing import NDArray

from model.files import replacing
from provenance.attribution.errors import AttributionError

Floats = NDArray[np.floating[Any]]


class InfluenceIndex:
    """A flat index of half-precision vectors: exact up to the rounding of the features themselves."""

    def __init__(self, width: int) -> None:
        self.width = width
        flat = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index = faiss.IndexIDMap2(flat)

    @property
    def num_examples(self) -> int:
        """How many examples can be found."""
        return int(self._index.ntotal)

    def add(self, features_ND: Floats, ids_N: NDArray[np.int64]) -> None:
        """Makes examples findable under their ids."""
        self._index.add_with_ids(np.ascontiguousarray(features_ND, dtype=np.float32), ids_N.astype(np.int64))

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Makes examples unfindable; how many there were."""
        return int(self._index.remove_ids(faiss.IDSelectorBatch(ids.astype(np.int64))))

    def search(self, queries_QD: Floats, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids (Q, k) and inner products (Q, k), largest first."""
        wanted = min(k, self.num_examples)
        scores_Qk, ids_Qk = self._index.search(np.ascontiguousarray(queries_QD, dtype=np.float32), wanted)
        return ids_Qk, scores_Qk

    def save(self, path: Path) -> None:
        """Writes the index to a file, whole or not at all."""
        with replacing(path) as temporary:
            faiss.write_index(self._index, str(temporary))

    @classmethod
    def load(cls, path: Path, width: int) -> "InfluenceIndex":
        """An index that was saved.

        Raises:
            AttributionError: if the file is no such index, or one of another width.
        """
        loaded = cls(width)
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise AttributionError(f"{path} is no index; delete it, it is built again") from error
        if not isinstance(index, faiss.IndexIDMap2) or index.d != width:
            raise AttributionError(f"{path} is an index of other features; delete it, it is built again")
        loaded._index = index
        return loaded
