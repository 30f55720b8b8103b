"""Which examples have the largest inner product with a query? FAISS answers, over sketches of features.

Up to `FLAT_LIMIT` examples every one is compared, in half precision. Beyond, examples lie in lists of similar
direction, 8 bits a number, and a query is compared with those in the nearest lists. The centres of the lists
have length one and both examples and queries go by inner product with them, so an example's length, which
counts in its score, has no say in where it lies. How many lists are looked through is measured when the index
is built.

Shapes: N examples, n of a sample, Q queries, k neighbours, D width.
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
Ids = NDArray[np.int64]
Lists = faiss.IndexIVFScalarQuantizer
FLAT_LIMIT = 50_000
MOST_LISTS = 8192
ROWS_A_LIST = 40  # FAISS asks for 39 at least to place the centre of a list
CHUNK_ROWS = 65_536
PROBES = (32, 48, 64, 96, 128, 192, 256)  # how many lists may be looked through
HELD_MASS = 0.99  # the part of a full search's positive scores that the lists must find
TRIAL_QUERIES, TRIAL_NEIGHBOURS = 64, 100
MIXED = 32  # examples in a trial query: a new query's cosine with any example is about one over its root


class InfluenceIndex:
    """Vectors under their ids. As constructed: flat, exact up to the rounding of half precision."""

    def __init__(self, width: int) -> None:
        self.width = width
        flat = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index: Any = faiss.IndexIDMap2(flat)
        self._mapped: Path | None = None

    @classmethod
    def over(cls, vectors_ND: Floats, ids_N: Ids, flat_limit: int = FLAT_LIMIT) -> "InfluenceIndex":
        """An index of the kind that suits the number of vectors, which may be mapped from a file."""
        index = cls(vectors_ND.shape[1])
        if len(vectors_ND) > flat_limit:
            index._index = _trained_lists(vectors_ND)
        for start in range(0, len(vectors_ND), CHUNK_ROWS):
            stop = start + CHUNK_ROWS
            index.add(vectors_ND[start:stop], ids_N[start:stop])
        if index.num_lists:
            index._index.nprobe = _probes(index._index, _trial_queries(vectors_ND))
        return index

    @property
    def num_examples(self) -> int:
        """How many examples can be found."""
        return int(self._index.ntotal)

    @property
    def num_lists(self) -> int:
        """How many lists the examples lie in; 0 if each is compared."""
        return int(getattr(self._index, "nlist", 0))

    @property
    def num_probes(self) -> int:
        """How many lists a query is compared with; 0 if each example is compared."""
        return int(getattr(self._index, "nprobe", 0))

    def add(self, vectors_ND: Floats, ids_N: Ids) -> None:
        """Makes examples findable under their ids."""
        self._read_whole()
        self._index.add_with_ids(np.ascontiguousarray(vectors_ND, dtype=np.float32), ids_N.astype(np.int64))

    def remove(self, ids: Ids) -> int:
        """Makes examples unfindable and drops their vectors; how many there were."""
        self._read_whole()
        return int(self._index.remove_ids(faiss.IDSelectorBatch(ids.astype(np.int64))))

    def search(self, queries_QD: Floats, k: int) -> tuple[Ids, NDArray[np.float32]]:
        """The ids (Q, k) and inner products (Q, k), largest first; k is all there are at most."""
        wanted = min(k, self.num_examples)
        if not wanted:
            return np.zeros((len(queries_QD), 0), np.int64), np.zeros((len(queries_QD), 0), np.float32)
        queries_QD = np.ascontiguousarray(queries_QD, dtype=np.float32)
        scores_Qk, ids_Qk = self._index.search(queries_QD, wanted)
        if self.num_lists and (ids_Qk < 0).any():  # the nearest lists have fewer examples than are wanted
            everywhere = _looking_through(self.num_lists)
            scores_Qk, ids_Qk = self._index.search(queries_QD, wanted, params=everywhere)
        return ids_Qk, scores_Qk

    def save(self, path: Path) -> None:
        """Writes the index to a file, whole or not at all."""
        self._read_whole()
        with replacing(path) as temporary:
            faiss.write_index(self._index, str(temporary))

    @classmethod
    def load(cls, path: Path, width: int) -> "InfluenceIndex":
        """An index that was saved; its lists stay on disk, mapped, until something is added or removed.

        Raises:
            AttributionError: if the file is no such index, or one of another width.
        """
        can_map = hasattr(faiss, "OnDiskInvertedLists")  # not on every system
        index: Any = _read(path, faiss.IO_FLAG_MMAP if can_map else 0)
        if not isinstance(index, faiss.IndexIDMap2 | faiss.IndexIVFScalarQuantizer) or index.d != width:
            raise AttributionError(f"{path} is an index of other features; delete it, it is built again")
        loaded = cls(width)
        loaded._index = index
        if loaded.num_lists and can_map:
            # Otherwise every search starts 32 threads that only touch the lists' pages.
            lists: Any = faiss.downcast_InvertedLists(loaded._index.invlists)
            lists.prefetch_nthread = 0
            loaded._mapped = path
        return loaded

    def _read_whole(self) -> None:
        """Mapped lists can only be read; before a change they come into memory."""
        if self._mapped:
            self._index, self._mapped = _read(self._mapped, 0), None


def _read(path: Path, flags: int) -> faiss.Index:
    try:
        return faiss.read_index(str(path), flags)
    except RuntimeError as error:
        raise AttributionError(f"{path} is no index; delete it, it is built again") from error


def _looking_through(num_lists: int) -> faiss.SearchParameters:
    params = faiss.SearchParametersIVF()
    params.nprobe = num_lists
    return params


def _evenly(num: int, wanted: int) -> Ids:
    return np.linspace(0, num - 1, min(num, wanted)).astype(np.int64)


def _trained_lists(vectors_ND: Floats) -> Lists:
    """Empty lists around centres that were placed by k-means on vectors taken evenly from all.

    FAISS keeps the centres at length one for inner products. Where the installed FAISS has GPUs, they place
    the centres; the lists are filled and searched on the CPU.
    """
    num, width = vectors_ND.shape
    num_lists = max(1, min(int(4 * num**0.5), num // ROWS_A_LIST, MOST_LISTS))
    index: Any = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(width), width, num_lists, faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT, False,
    )  # fmt: skip
    has_gpus = hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus()
    on_gpus = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(width)) if has_gpus else None
    index.clustering_index = on_gpus  # which FAISS does not keep alive: this name does
    index.train(vectors_ND[_evenly(num, ROWS_A_LIST * num_lists)].astype(np.float32))
    index.clustering_index = None
    trained: Lists = index
    return trained


def _trial_queries(vectors_ND: Floats) -> NDArray[np.float32]:
    """Sums of many examples: like a new query, they lie between the lists and not in the middle of one."""
    picked = vectors_ND[_evenly(len(vectors_ND), MIXED * TRIAL_QUERIES)].astype(np.float32)
    num_queries, width = len(picked) // MIXED, vectors_ND.shape[1]
    sums_QD: NDArray[np.float32] = picked[: MIXED * num_queries].reshape(MIXED, num_queries, width).sum(0)
    return sums_QD


def _probes(index: Lists, queries_QD: NDArray[np.float32]) -> int:
    """The fewest lists that hold almost all of the positive scores that all lists together have."""
    most = _masses(index, queries_QD, index.nlist)
    for probes in PROBES:
        found = _masses(index, queries_QD, probes)
        if found.sum() >= HELD_MASS * most.sum():
            return min(probes, index.nlist)
    return min(PROBES[-1], index.nlist)


def _masses(index: Lists, queries_QD: NDArray[np.float32], probes: int) -> Floats:
    """The sum of the positive scores among the leading examples of each query."""
    params = _looking_through(min(probes, index.nlist))
    scores_Qk, ids_Qk = index.search(queries_QD, min(TRIAL_NEIGHBOURS, index.ntotal), params=params)
    masses: Floats = np.where(ids_Qk >= 0, scores_Qk, 0).clip(min=0).sum(1)
    return masses
