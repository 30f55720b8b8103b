"""Which training examples lower the loss of a query, and what share of it is whose? For any PyTorch model.

Shapes: N examples, Q queries, T anything after the examples, M null queries, C components (each
checkpoint with each projection seed), S seeds, D width of a feature vector, H owners, k neighbours.
"""

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from provenance.attribution.blocks import Layout, Widths, fitting_widths
from provenance.attribution.errors import AttributionError
from provenance.attribution.examples import Examples, batches_of, examples_of, sample_of
from provenance.attribution.features import GradientFeatures
from provenance.attribution.holders import HolderSums, Owner
from provenance.attribution.indexing import (
    ROWS,
    CheckpointIndex,
    Making,
    Progress,
    Whiteners,
    raw_stage,
    white_stage,
    whiten_NSD,
    whiteners_of,
)
from provenance.attribution.influences import AttributionResult, QueryInfluences
from provenance.attribution.parts import ALONE, NotYetError, Part
from provenance.attribution.preconditioner import DAMPING
from provenance.attribution.shares import Claimants, Floats, SharePolicy
from provenance.attribution.store import FeatureStore
from provenance.attribution.task import Checkpoint, Objective, SequenceTask
from provenance.attribution.weights import digest_of, load_weights, state_of
from provenance.attribution.whitened import WhitenedRows

if TYPE_CHECKING:
    from provenance.attribution.evidence import Evidence

METHOD = "projected-kronecker/2"
NULL_QUERIES = 64
SAMPLE = 4096
LEAST_LEFT_OUT = 0.01


@dataclass(frozen=True)
class IndexReport:
    """What an index holds: how many examples, how many bytes its folder has, and whether it is whole."""

    examples: int
    bytes: int
    complete: bool = True


class Attributor:
    """Influence of training examples on queries, kept in a folder.

    Args:
        model: any module whose weights lie in linear, embedding, Conv1D or norm layers; it is copied.
        directory: where the features go; one folder for one model, its checkpoints and settings.
        checkpoints: the weights whose influences are averaged: of several trainings, or along one. None
            takes the model as it is.
        widths: how much of each gradient is kept; None keeps as much as 65,536 numbers hold.
        seeds: of the projections; every further one costs as much space as another checkpoint, but no pass.
        damping: multiple of the mean diagonal of the curvature that is added to it.
        sample_size: how many examples at most the curvature is taken from; those with the lowest digests.
        batch_size: examples in one pass. shard_rows: examples in one file. Both change nothing but rounding.

    Raises:
        AttributionError: if a checkpoint does not fit the model, or the folder belongs to something else.
    """

    def __init__(
        self,
        model: nn.Module,
        task: SequenceTask,
        directory: Path | str,
        checkpoints: Sequence[Checkpoint] | None = None,
        *,
        objective: Objective = Objective.CROSS_ENTROPY,
        widths: Widths | None = None,
        seeds: Sequence[int] = (0,),
        damping: float = DAMPING,
        sample_size: int = SAMPLE,
        batch_size: int = 32,
        shard_rows: int = 256,
    ) -> None:
        if sample_size < 1:
            raise ValueError(f"the curvature needs a sample of at least one example, not {sample_size}")
        model = copy.deepcopy(model)
        widths = widths or fitting_widths(model)
        own = {name: value.clone() for name, value in model.state_dict().items()}
        self._checkpoints = list(checkpoints or [Checkpoint(own)])
        self._damping, self._batch_size, self._sample_size = damping, batch_size, sample_size
        self._digests = [digest_of(state_of(checkpoint)) for checkpoint in self._checkpoints]
        self._num_seeds = len(seeds)
        self._features = GradientFeatures(model, task, objective=objective, widths=widths, seeds=tuple(seeds))
        self._settings = {
            "method": METHOD,
            "checkpoints": self._digests,
            "objective": objective.value,
            "widths": asdict(widths),
            "seeds": list(seeds),
            "damping": damping,
            "sample_size": sample_size,
            "ignore_index": task.ignore_index,
        }
        self._store = FeatureStore(Path(directory), self._settings, shard_rows)
        self._evidence: Evidence | None = None
        self._loaded: int | None = None
        self._known_whiteners: dict[int, Whiteners] = {}

    @property
    def layout(self) -> Layout:
        """The blocks that have features, and `uncovered`, the parameters that have none."""
        return self._features.layout

    @property
    def num_checkpoints(self) -> int:
        """How many sets of weights are averaged over."""
        return len(self._checkpoints)

    @property
    def num_examples(self) -> int:
        """How many examples are indexed, those that were removed included."""
        return self._store.num_examples

    @property
    def settings_digest(self) -> str:
        """The SHA-256 of everything that determines the features."""
        return hashlib.sha256(json.dumps(self._settings, sort_keys=True).encode()).hexdigest()

    def index(
        self,
        tokens: Tensor | Examples | Iterable[Tensor],
        *,
        progress: Progress | None = None,
        part: Part = ALONE,
    ) -> IndexReport:
        """Features of every example, on disk. Called again after a kill, it goes on where it was.

        Args:
            tokens: all examples in one tensor, or batches of them that can be gone through repeatedly, or
                what gives them by number.
            progress: is told the stage and the number of examples done, after every shard.
            part: which of the processes this is that share the folder; each calls this with the same.

        Raises:
            AttributionError: if the folder holds features of other examples, or another process of this
                index has ended too early.
            ValueError: if a checkpoint's `trained_on` is not one truth value an example.
        """
        making = Making(self._store, examples_of(tokens), part, progress or _quiet)
        self._check_trained_on(len(making.examples))
        try:
            making.note_rows()
            sample = self._sample()
            for c in range(len(self._checkpoints)):
                self._index_checkpoint(making, c, sample)
        except NotYetError:
            return IndexReport(len(making.examples), self._store.num_bytes, complete=False)
        return IndexReport(self.num_examples, self._store.num_bytes)

    def _check_trained_on(self, num_examples: int) -> None:
        for c, checkpoint in enumerate(self._checkpoints):
            if checkpoint.trained_on is not None and len(checkpoint.trained_on) != num_examples:
                raise ValueError(
                    f"checkpoint {c} says of {len(checkpoint.trained_on)} examples whether it was trained on "
                    f"them, but there are {num_examples}"
                )

    def _index_checkpoint(self, making: Making, c: int, sample: NDArray[np.int64]) -> None:
        if not self._store.is_complete(white_stage(c)):
            self._load(c)
            CheckpointIndex(making, self._features, c, sample, self._batch_size, self._damping).make()
        if making.part.is_first:
            self._store.drop(raw_stage(c))

    def _sample(self) -> NDArray[np.int64]:
        """The examples that the curvature is taken from."""
        return sample_of(self._store.chunks(ROWS), self._sample_size)

    def _load(self, c: int) -> None:
        """The model and the projections are those of a checkpoint; again, they are left as they are."""
        if self._loaded != c:
            self._loaded = None
            load_weights(self._features.model, self._checkpoints[c])
            self._features.draw_projections(self._digests[c])
            self._loaded = c

    def _whiteners(self, c: int) -> Whiteners:
        """Of a checkpoint whose examples are indexed; read once, as they never change."""
        if c not in self._known_whiteners:
            self._known_whiteners[c] = whiteners_of(self._store, c, self._features)
        return self._known_whiteners[c]

    def _queries_QSD(self, c: int, tokens: Tensor | Iterable[Tensor]) -> Tensor:
        """The whitened features of queries under one checkpoint."""
        if not self._store.is_complete(white_stage(c)):
            raise AttributionError("the examples are not indexed yet; call index() with all of them first")
        self._load(c)
        raw = [self._features.features_NSD(batch).cpu() for batch in batches_of(tokens, self._batch_size)]
        return whiten_NSD(torch.cat(raw), self._whiteners(c), self.layout.blocks)

    def _all_queries_QD(self, tokens: Tensor | Iterable[Tensor]) -> Tensor:
        """The whitened features of queries under all components, whose inner products are mean influences."""
        parts = [self._queries_QSD(c, tokens).flatten(1) for c in range(len(self._checkpoints))]
        return torch.cat(parts, 1) / (len(parts) * self._num_seeds)

    def _white_chunks(self) -> Iterator[NDArray[np.float16]]:
        """The examples' whitened features under all components, shard by shard."""
        return WhitenedRows(self._store, [white_stage(c) for c in range(len(self._checkpoints))]).chunks()

    def score(self, tokens: Tensor | Iterable[Tensor]) -> NDArray[np.float32]:
        """The influence (Q, N) of every example on every query: higher lowers the query's loss more.

        Exact for the stored features: a matrix product with each of them, averaged over the components.
        """
        queries_QD = self._all_queries_QD(tokens)
        parts = [queries_QD @ torch.from_numpy(chunk).float().T for chunk in self._white_chunks()]
        scores: NDArray[np.float32] = torch.cat(parts, 1).numpy()
        return scores

    def search(
        self, tokens: Tensor | Iterable[Tensor], k: int = 100
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids and influences (Q, k) of the leading examples, largest first.

        Candidates are found through FAISS and scored exactly. The first search builds what it needs.
        """
        queries_QD = self._all_queries_QD(tokens)
        if self._evidence is None or not self._evidence.is_current:
            self._evidence = self._open_evidence()
        return self._evidence.search(queries_QD, k)

    def _open_evidence(self) -> "Evidence":
        # Only here, so that gradients can be taken where there is no FAISS.
        from provenance.attribution.evidence import Evidence

        return Evidence.open(self._store, [white_stage(c) for c in range(len(self._checkpoints))])

    def remove(self, ids: Iterable[int]) -> None:
        """Takes examples out: their features are overwritten, and no search or share finds them again."""
        ids = sorted(set(ids))
        if ids and not 0 <= ids[0] <= ids[-1] < self.num_examples:
            raise ValueError(f"examples are numbered 0 to {self.num_examples - 1}, not {ids[0]} to {ids[-1]}")
        if (self._store.directory / "index.faiss").exists():
            from provenance.attribution.evidence import forget

            forget(self._store.directory, ids)  # first: a kill must not leave what is erased findable
        self._evidence = None
        self._store.erase(ids, [white_stage(c) for c in range(len(self._checkpoints))])

    def owner_sums(self, owners: Sequence[Owner] | NDArray[np.generic]) -> HolderSums:
        """The sum of each owner's whitened features."""
        width = len(self._checkpoints) * self._num_seeds * self.layout.width
        return HolderSums.of(self._white_chunks(), _labels(owners, self.num_examples), width)

    def score_owners(self, tokens: Tensor | Iterable[Tensor], sums: HolderSums) -> NDArray[np.float32]:
        """The influence (Q, H) of all that each owner has, exactly, in the order of `sums.owners`."""
        scores: NDArray[np.float32] = sums.scores_QH(self._all_queries_QD(tokens)).numpy()
        return scores

    def attribute(
        self,
        tokens: Tensor | Iterable[Tensor],
        owners: Sequence[Owner] | NDArray[np.generic] | Tensor,
        *,
        units: Sequence[Owner] | NDArray[np.generic] | Tensor | None = None,
        null_tokens: Tensor | Iterable[Tensor] | None = None,
        policy: SharePolicy | None = None,
    ) -> AttributionResult:
        """Parts per million of the queries together, and of each one, by owner.

        Args:
            tokens: the queries: all segments of one generation.
            owners: whose each example is.
            units: the work of each example, over whose examples influence is added up before it is compared
                with noise; without it each example stands for itself. A unit has one owner.
            null_tokens: queries that have nothing to do with the examples. Without them, some examples serve,
                each corrected for its own part in the curvature.
        """
        found = self.influences(tokens, owners, units=units, null_tokens=null_tokens)
        return found.result(policy or SharePolicy(), METHOD, self.settings_digest)

    def influences(
        self,
        tokens: Tensor | Iterable[Tensor],
        owners: Sequence[Owner] | NDArray[np.generic] | Tensor,
        *,
        units: Sequence[Owner] | NDArray[np.generic] | Tensor | None = None,
        null_tokens: Tensor | Iterable[Tensor] | None = None,
    ) -> QueryInfluences:
        """What `attribute` turns into shares, for any of the queries together. Arguments as there."""
        labels = _labels(owners, self.num_examples)
        contents = self._contents()
        claimants = Claimants.of(
            labels, None if units is None else _labels(units, self.num_examples), contents
        )
        chosen_M = None if null_tokens is not None else self._null_examples(contents)
        measured = self._scores_and_nulls(tokens, null_tokens, chosen_M)
        return QueryInfluences(*measured, claimants, chosen_M)

    def _contents(self) -> list[Owner]:
        rows = np.concatenate([np.asarray(chunk) for chunk in self._store.chunks(ROWS)])
        return [bytes(row).hex() for row in rows]

    def _null_examples(self, contents: Sequence[Owner]) -> NDArray[np.int64]:
        """Examples that serve as null queries: one of each content, chosen by digest and not by place."""
        first: dict[Owner, int] = {}
        for i, content in enumerate(contents):
            first.setdefault(content, i)
        kept = sorted(set(first) - {contents[i] for i in self._store.removed}, key=str)
        return np.array([first[content] for content in kept[:NULL_QUERIES]], dtype=np.int64)

    def _scores_and_nulls(
        self,
        tokens: Tensor | Iterable[Tensor],
        null_tokens: Tensor | Iterable[Tensor] | None,
        chosen_M: NDArray[np.int64] | None,
    ) -> tuple[Floats, Floats, Floats]:
        """Influences on queries and on null queries of length one; the inner products of the queries."""
        scores, nulls, products = [], [], []
        for c in range(len(self._checkpoints)):
            query_QSD = self._queries_QSD(c, tokens)
            null_MSD = (
                self._queries_QSD(c, null_tokens) if chosen_M is None and null_tokens is not None
                else self._stored_nulls_MSD(c, chosen_M)
            )  # fmt: skip
            null_MSD = null_MSD / null_MSD.norm(dim=-1, keepdim=True).clamp(min=1e-30)
            both = torch.cat([query_QSD, null_MSD]).transpose(0, 1)
            by_shard = [both @ self._component_rows(chunk) for chunk in self._store.chunks(white_stage(c))]
            found = torch.cat(by_shard, 2).double().numpy()
            scores.append(found[:, : len(query_QSD)])
            nulls.append(found[:, len(query_QSD) :])
            query_SQD = query_QSD.transpose(0, 1).double()
            products.append((query_SQD @ query_SQD.transpose(1, 2)).numpy())
        return np.concatenate(scores), np.concatenate(nulls), np.concatenate(products)

    def _component_rows(self, chunk: NDArray[np.float16]) -> Tensor:
        """A shard as (S, D, n)."""
        rows_nD = torch.from_numpy(np.asarray(chunk, dtype=np.float32))
        return rows_nD.reshape(len(chunk), self._num_seeds, -1).permute(1, 2, 0)

    def _stored_nulls_MSD(self, c: int, chosen_M: NDArray[np.int64] | None) -> Tensor:
        """The features of some examples as if they had had no part in the curvature's eigenvalues.

        One of the n examples that the curvature is taken from, with whitened feature w, makes up w^2 / n of
        the damped curvature, number by number, and more where the whitening fades it; taking it out
        multiplies its products with other examples' numbers by 1 / (1 - w^2 / n).
        """
        assert chosen_M is not None
        rows = [self._store.chunk(white_stage(c), i // self._store.shard_rows) for i in chosen_M]
        picked = [row[i % self._store.shard_rows] for row, i in zip(rows, chosen_M, strict=True)]
        stacked = torch.from_numpy(np.stack(picked).astype(np.float32))
        null_MSD = stacked.reshape(len(picked), self._num_seeds, -1)
        sample = self._sample()
        part_M = torch.from_numpy(np.isin(chosen_M, sample)).float() / len(sample)
        return null_MSD / (1 - null_MSD**2 * part_M[:, None, None]).clamp(min=LEAST_LEFT_OUT)


def _quiet(_stage: str, _done: int) -> None:
    """Progress that nobody looks at."""


def _labels(values: Sequence[Owner] | NDArray[np.generic] | Tensor, num_examples: int) -> list[Owner]:
    labels: list[Owner] = list(values.tolist() if isinstance(values, Tensor | np.ndarray) else values)
    if len(labels) != num_examples:
        raise ValueError(f"{num_examples} examples are indexed, but {len(labels)} labels are given")
    return labels
