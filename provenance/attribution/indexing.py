"""How do the features of all examples get on disk? One gradient each, in shards that any process may make.

Under each checkpoint a sample of the examples comes first: its raw features are kept on disk, and the
curvature of each block is factorised from them. Every other example is whitened as soon as its gradient is
taken, and written once in half precision. So memory is that of one shard and of one checkpoint's factors, and
temporary space that of the sample, whatever the number of examples.

A job is one shard, or one block's factors. What it gives depends on neither the process that does it nor on
what was done before, so many processes leave the same bytes as one.

Shapes: N examples, n examples of one shard or batch, S seeds, D width of a feature vector, d of one block.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.files import replacing
from provenance.attribution.blocks import Block
from provenance.attribution.errors import AttributionError
from provenance.attribution.examples import Examples, Ids, digests_of
from provenance.attribution.features import CHECKED, GradientFeatures
from provenance.attribution.parts import Part
from provenance.attribution.preconditioner import Whitener, whitener_of
from provenance.attribution.store import FeatureStore

CPU = torch.device("cpu")
ROWS = "rows"  # the stage that holds a digest of every example
Progress = Callable[[str, int], None]
Whiteners = Sequence[Sequence[Whitener]]  # by seed, by block


def raw_stage(checkpoint: int) -> str:
    """The name of the sample's features before whitening."""
    return f"checkpoint{checkpoint}/sample"


def white_stage(checkpoint: int) -> str:
    """The name of a checkpoint's whitened features."""
    return f"checkpoint{checkpoint}/white"


@dataclass(frozen=True)
class Making:
    """An index in the making, as one of its processes sees it.

    Others may complete a stage at any time, and drop it once the last stage that needs it is complete.
    """

    store: FeatureStore
    examples: Examples
    part: Part
    progress: Progress

    def is_over(self, stage: str, last: str) -> bool:
        """Whether a stage, or the last one that needs it, is complete by now, whoever did it."""
        return self.store.is_begun() and (self.store.is_complete(stage) or self.store.is_complete(last))

    def shards(
        self, stage: str, ids_N: Ids, make: Callable[[Ids], NDArray[np.generic]], told: str, last: str
    ) -> None:
        """This process's shards of a stage, where they are not there yet."""
        store = self.store
        for i in self.part.own(store.shards_of(len(ids_N))):
            if not store.has(stage, i) and not self.is_over(stage, last):
                store.put(stage, i, make(ids_N[i * store.shard_rows : (i + 1) * store.shard_rows]))
                self.progress(told, min(store.num_written(stage) * store.shard_rows, len(ids_N)))

    def finish(self, stage: str, num_rows: int, last: str) -> None:
        """Waits until all shards of a stage are there, and the manifest says so."""
        if self.part.is_first:
            self.part.wait(lambda: self.store.num_left(stage, num_rows), f"the shards of {stage}")
            self.store.complete(stage, num_rows)
        else:
            self.part.wait(
                lambda: 0 if self.is_over(stage, last) else self.store.num_left(stage, num_rows) + 1,
                f"the shards of {stage} and their manifest",
            )

    def note_rows(self) -> None:
        """A digest of every example on disk, or the certainty that the examples are those of an earlier run.

        Raises:
            AttributionError: if there is no example, or other examples were indexed here.
        """
        store, num = self.store, len(self.examples)
        if num == 0:
            raise AttributionError("there are no examples to index")
        if self.part.is_first:
            store.begin()
        self.part.wait(lambda: int(not store.is_begun()), "the manifest")
        if store.num_written(ROWS) > store.shards_of(num):
            raise AttributionError(f"{store.directory} holds features of more examples; give another folder")
        for i in self.part.own(store.shards_of(num)):
            digests = digests_of(
                self.examples.rows(np.arange(i * store.shard_rows, min((i + 1) * store.shard_rows, num)))
            )
            if not store.has(ROWS, i):
                store.put(ROWS, i, digests)
            elif not np.array_equal(store.chunk(ROWS, i), digests):
                raise AttributionError(
                    f"{store.directory} holds features of other examples; give another folder"
                )
        self.finish(ROWS, num, ROWS)


@dataclass(frozen=True)
class CheckpointIndex:
    """One checkpoint's features in the making.

    Args:
        sample: the numbers of the examples that the curvature is taken from, ascending.
        batch_size: examples in one pass.
    """

    making: Making
    features: GradientFeatures
    checkpoint: int
    sample: Ids
    batch_size: int
    damping: float

    def make(self) -> None:
        """This process's part of the sample, then of the factors, then of all whitened features."""
        making, raw, white = self.making, raw_stage(self.checkpoint), white_stage(self.checkpoint)
        self.features.settle(making.examples.rows(self.sample[:CHECKED]))
        if not making.store.is_complete(raw):
            making.shards(raw, self.sample, self.raw_nD, f"sample under weights {self.checkpoint + 1}", white)
            making.finish(raw, len(self.sample), white)
        self.make_whiteners()
        whiteners = whiteners_of(making.store, self.checkpoint, self.features, self.features.device)
        num = len(making.examples)
        making.shards(
            white,
            np.arange(num),
            partial(self.white_nD, whiteners),
            f"gradients under weights {self.checkpoint + 1}",
            white,
        )
        making.finish(white, num, white)

    def raw_nD(self, ids_n: Ids) -> NDArray[np.float32]:
        """The features of some examples as they are."""
        parts = [raw_nSD.cpu() for _, raw_nSD in self._gradients(ids_n)]
        flat: NDArray[np.float32] = torch.cat(parts).flatten(1).numpy()
        return flat

    def make_whiteners(self) -> None:
        """The factors of this process's blocks, where they are not on disk, and then all of them."""
        paths = whitener_paths(self.making.store, self.checkpoint, self.features)
        jobs = [(path, s, block) for s, row in enumerate(paths) for path, block in row]
        for j in self.making.part.own(len(jobs)):
            path, s, block = jobs[j]
            if not path.exists():
                offset = s * self.features.layout.width
                columns = partial(self._columns, slice(block.start + offset, block.span.stop + offset))
                whitener = whitener_of(columns, block.kept_rows, block.kept_cols, self.damping)
                with replacing(path) as temporary:
                    save_file({key: part.contiguous() for key, part in whitener.tensors().items()}, temporary)
        self.making.part.wait(
            lambda: sum(not path.exists() for path, _, _ in jobs),
            f"the factors of checkpoint {self.checkpoint}",
        )

    def _columns(self, span: slice) -> Iterator[Tensor]:
        for chunk in self.making.store.chunks(raw_stage(self.checkpoint)):
            yield torch.from_numpy(np.array(chunk[:, span]))

    def white_nD(self, whiteners: Whiteners, ids_n: Ids) -> NDArray[np.float16]:
        """The whitened features of some examples: of the sample from disk, of the others from gradients."""
        blocks = self.features.layout.blocks
        shape = (len(ids_n), self.features.num_seeds, self.features.layout.width)
        white_nSD = torch.empty(shape, dtype=torch.float16)
        is_kept_n = np.isin(ids_n, self.sample)
        for own_n, read in ((is_kept_n, self._stored), (~is_kept_n, self._gradients)):
            places = own_n.nonzero()[0]
            for ids, raw_nSD in read(ids_n[places]):
                here, places = places[: len(ids)], places[len(ids) :]
                white_nSD[torch.from_numpy(here)] = whiten_NSD(
                    raw_nSD, whiteners, blocks, dtype=torch.float16
                ).cpu()
        if not all(bool(bound.isfinite()) for bound in white_nSD.aminmax()):
            raise AttributionError("a whitened feature is too large for half precision; raise the damping")
        flat: NDArray[np.float16] = white_nSD.flatten(1).numpy()
        return flat

    def _gradients(self, ids_n: Ids) -> Iterator[tuple[Ids, Tensor]]:
        for ids in self._batches(ids_n):
            raw_nSD = self.features.features_NSD(self.making.examples.rows(ids))
            _check_finite(raw_nSD, ids)
            yield ids, raw_nSD

    def _stored(self, ids_n: Ids) -> Iterator[tuple[Ids, Tensor]]:
        store, stage = self.making.store, raw_stage(self.checkpoint)
        for ids in self._batches(ids_n):
            shards, places = np.divmod(np.searchsorted(self.sample, ids), store.shard_rows)
            rows = [store.chunk(stage, i)[places[shards == i]] for i in np.unique(shards)]
            raw_nD = torch.from_numpy(np.concatenate(rows)).to(self.features.device)
            yield ids, raw_nD.reshape(len(ids), self.features.num_seeds, -1)

    def _batches(self, ids_n: Ids) -> Iterator[Ids]:
        return (ids_n[i : i + self.batch_size] for i in range(0, len(ids_n), self.batch_size))


def _check_finite(raw_nSD: Tensor, ids_n: Ids) -> None:
    if not bool(raw_nSD.sum().isfinite()):
        bad_n = (~raw_nSD.isfinite().flatten(1).all(1)).nonzero().flatten().tolist()
        if bad_n:
            raise AttributionError(
                f"the gradient of example {ids_n[bad_n[0]]} is not finite; look at it and at the weights"
            )


def whitener_paths(
    store: FeatureStore, checkpoint: int, features: GradientFeatures
) -> list[list[tuple[Path, Block]]]:
    """Where each seed's and block's factors lie."""
    folder = store.directory / f"checkpoint{checkpoint}" / "whiteners"
    return [
        [(folder / f"seed{s}-block{i:05d}.safetensors", b) for i, b in enumerate(features.layout.blocks)]
        for s in range(features.num_seeds)
    ]


def whiteners_of(
    store: FeatureStore, checkpoint: int, features: GradientFeatures, device: torch.device = CPU
) -> Whiteners:
    """The whitener of every block of every seed of a checkpoint.

    Raises:
        AttributionError: if one is not on disk.
    """
    paths = whitener_paths(store, checkpoint, features)
    try:
        return [[Whitener.from_tensors(load_file(path, str(device))) for path, _ in row] for row in paths]
    except OSError as error:
        raise AttributionError(f"{error.filename} is missing; index again in an empty folder") from error


def whiten_NSD(
    features_NSD: Tensor,
    whiteners: Whiteners,
    blocks: Sequence[Block],
    *,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Features whose inner products are influences."""
    white_NSD = torch.empty_like(features_NSD, dtype=dtype)
    for s, row in enumerate(whiteners):
        for block, whitener in zip(blocks, row, strict=True):
            white_NSD[:, s, block.span] = whitener.whiten(features_NSD[:, s, block.span])
    return white_NSD
