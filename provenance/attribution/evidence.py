"""Which examples lead a query's list of evidence, among a million of them, in a few milliseconds?

An index over sketches proposes candidates; each is then scored with its whole features, as stored. So the
scores of a list are exact; what may be missed is an example that its sketch ranks far lower than its features
do. Where there are no more examples than candidates, nothing is missed. Money does not come from here: an
owner's influence is a sum over all their examples (`holders`).

Shapes: N examples, Q queries, D width of the features, d of a sketch, c candidates, k neighbours.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from provenance.attribution.errors import AttributionError
from provenance.attribution.index import FLAT_LIMIT, InfluenceIndex
from provenance.attribution.indexing import ROWS
from provenance.attribution.sketch import Sketch, distinct_sample
from provenance.attribution.store import FeatureStore
from provenance.attribution.whitened import WhitenedRows

INDEX, SKETCH = "index.faiss", "sketch.safetensors"
LARGEST_HALF = float(torch.finfo(torch.float16).max)
CANDIDATES_A_HIT, LEAST_CANDIDATES = 4, 200
CACHED_NUMBERS = 2**18  # that are scored at once, so that what is read stays in the processor's cache
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a search needs: the map to sketches, their index, and the features to score candidates with."""

    sketch: Sketch
    index: InfluenceIndex
    rows: WhitenedRows
    file: tuple[int, int]

    @classmethod
    def open(cls, store: FeatureStore, stages: Sequence[str], flat_limit: int = FLAT_LIMIT) -> "Evidence":
        """The search over a store's whitened features; built where it is not on disk."""
        sketch = _sketch(WhitenedRows(store, stages))  # whose files close, having been read all over
        rows = WhitenedRows(store, stages)
        path = store.directory / INDEX
        if not path.exists():
            _build(rows, sketch, flat_limit).save(path)
        return cls(sketch, InfluenceIndex.load(path, sketch.width), rows, _file(path))

    @property
    def is_current(self) -> bool:
        """Whether the index on disk is still the one that was opened."""
        return self.file == _file(self.rows.store.directory / INDEX)

    def search(self, queries_QD: Tensor, k: int) -> tuple[Ids, NDArray[np.float32]]:
        """The ids and exact scores (Q, k) of the leading examples; k is all there are at most."""
        wanted = max(CANDIDATES_A_HIT * k, LEAST_CANDIDATES)
        candidates_Qc, _ = self.index.search(self.sketch.sketch(queries_QD).numpy(), wanted)
        found = [self._best(*each, k) for each in zip(queries_QD, candidates_Qc, strict=True)]
        return np.stack([ids for ids, _ in found]), np.stack([scores for _, scores in found])

    def _best(self, query_D: Tensor, candidates_c: Ids, k: int) -> tuple[Ids, NDArray[np.float32]]:
        """The candidates with the largest exact scores; of equal ones, the first example."""
        ids_c = np.sort(candidates_c)
        scores, order = self._exact(query_D, ids_c).sort(descending=True, stable=True)
        return ids_c[order[:k].numpy()], scores[:k].numpy()

    def _exact(self, query_D: Tensor, ids_c: Ids) -> Tensor:
        """Inner products with whole features, a few examples at a time, in one piece of memory."""
        rows_at_once = max(1, CACHED_NUMBERS // len(query_D))
        held, scores_c = torch.empty(rows_at_once, len(query_D)), torch.empty(len(ids_c))
        for start in range(0, len(ids_c), rows_at_once):
            halves = torch.from_numpy(self.rows.rows(ids_c[start : start + rows_at_once]))
            scores_c[start : start + len(halves)] = held[: len(halves)].copy_(halves) @ query_D
        return scores_c


def forget(directory: Path, ids: Sequence[int]) -> None:
    """Takes examples out of the index on disk, if there is one; one that cannot be read is deleted."""
    path = directory / INDEX
    if not path.exists():
        return
    try:
        index = InfluenceIndex.load(path, Sketch.load(directory / SKETCH).width)
        index.remove(np.array(ids, dtype=np.int64))
        index.save(path)
    except AttributionError:
        path.unlink()


def _file(path: Path) -> tuple[int, int]:
    status = path.stat() if path.exists() else None
    return (status.st_ino, status.st_mtime_ns) if status else (0, 0)


def _sketch(rows: WhitenedRows) -> Sketch:
    """The store's map to sketches; learned where it is not on disk, and then any index is of another map."""
    path = rows.store.directory / SKETCH
    if not path.exists():
        digests = np.concatenate([np.asarray(chunk) for chunk in rows.store.chunks(ROWS)])
        sample_n = distinct_sample(digests, rows.store.removed)
        if not len(sample_n):
            raise AttributionError("every example was removed; there is nothing to search")
        (rows.store.directory / INDEX).unlink(missing_ok=True)
        Sketch.of(rows, sample_n).save(path)
    return Sketch.load(path)


def _build(rows: WhitenedRows, sketch: Sketch, flat_limit: int) -> InfluenceIndex:
    """An index over the sketches of all examples that were not removed."""
    is_kept_N = ~np.isin(np.arange(rows.num_examples), rows.store.removed)
    with _scratch(rows.store.directory, (int(is_kept_N.sum()), sketch.width)) as sketches_Nd:
        seen = done = 0
        for chunk in rows.chunks():
            kept = chunk[is_kept_N[seen : seen + len(chunk)]]
            part = sketch.sketch(torch.from_numpy(kept)).clamp(-LARGEST_HALF, LARGEST_HALF)
            sketches_Nd[done : done + len(part)] = part.numpy()
            seen, done = seen + len(chunk), done + len(part)
        return InfluenceIndex.over(sketches_Nd, is_kept_N.nonzero()[0], flat_limit)


@contextmanager
def _scratch(directory: Path, shape: tuple[int, int]) -> Iterator[NDArray[np.float16]]:
    """An array in a file without a name, that is gone when the block or the process ends."""
    with tempfile.TemporaryFile(dir=directory) as file:
        yield np.memmap(file, dtype=np.float16, mode="w+", shape=shape)
