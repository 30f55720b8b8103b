"""How do the features of all examples get on disk? Three passes a checkpoint, each resumable shard by shard.

Raw features are taken from gradients; the curvature of each block is summed over them and factorised; then
the features are whitened, stored in half precision, and the raw ones dropped. Memory is that of one shard
and of one checkpoint's factors, whatever the number of examples.

Shapes: N examples, n examples of one shard or batch, S seeds, D width of a feature vector, d of one block.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.files import replacing
from provenance.attribution.blocks import Block
from provenance.attribution.errors import AttributionError
from provenance.attribution.features import GradientFeatures
from provenance.attribution.preconditioner import Whitener, whitener_of
from provenance.attribution.store import FeatureStore

ROWS = "rows"  # the stage that holds a digest of every example
DIGEST_BYTES = 16
LARGEST_HALF = 65504.0
Progress = Callable[[str, int], None]
Whiteners = Sequence[Sequence[Whitener]]  # by seed, by block


def raw_stage(checkpoint: int) -> str:
    """The name of a checkpoint's features before whitening."""
    return f"checkpoint{checkpoint}/raw"


def white_stage(checkpoint: int) -> str:
    """The name of a checkpoint's whitened features."""
    return f"checkpoint{checkpoint}/white"


def batches_of(tokens: Tensor | Iterable[Tensor], batch_size: int) -> Iterator[Tensor]:
    """The examples in batches of at most the given size, in order."""
    parts: Iterable[Tensor] = [tokens] if isinstance(tokens, Tensor) else tokens
    for part in parts:
        yield from torch.split(part, batch_size)


def example_digest(tokens: Tensor) -> bytes:
    """What identifies an example's content."""
    row = tokens.detach().cpu().contiguous()
    header = f"{row.dtype}\x1f{tuple(row.shape)}\x1f".encode()
    return hashlib.sha256(header + row.numpy().tobytes()).digest()[:DIGEST_BYTES]


def note_rows(store: FeatureStore, batches: Iterable[Tensor]) -> None:
    """A digest of every example on disk, or the certainty that the examples are those of an earlier run.

    Raises:
        AttributionError: if there is no example, or other examples were indexed here.
    """
    shard = 0
    for digests in _in_shards(batches, store.shard_rows):
        rows = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, DIGEST_BYTES)
        if shard == store.num_shards(ROWS) and not store.is_complete(ROWS):
            store.append(ROWS, rows)
        elif shard >= store.num_shards(ROWS) or not np.array_equal(store.chunk(ROWS, shard), rows):
            raise AttributionError(f"{store.directory} holds features of other examples; give another folder")
        shard += 1
    if shard == 0:
        raise AttributionError("there are no examples to index")
    if shard < store.num_shards(ROWS):
        raise AttributionError(f"{store.directory} holds features of more examples; give another folder")
    store.complete(ROWS)


def _in_shards(batches: Iterable[Tensor], shard_rows: int) -> Iterator[list[bytes]]:
    held: list[bytes] = []
    for batch in batches:
        held += [example_digest(row) for row in batch]
        while len(held) >= shard_rows:
            yield held[:shard_rows]
            held = held[shard_rows:]
    if held:
        yield held


def take_features(
    features: GradientFeatures,
    store: FeatureStore,
    checkpoint: int,
    batches: Iterable[Tensor],
    progress: Progress,
) -> None:
    """Raw features of all examples of one checkpoint, from where an earlier run stopped.

    Raises:
        AttributionError: if a gradient is not finite.
    """
    stage = raw_stage(checkpoint)
    done, position = store.num_rows(stage), 0
    held: list[NDArray[np.float32]] = []
    for batch in batches:
        fresh = batch[max(done - position, 0) :]
        position += len(batch)
        if len(fresh):
            held.append(_finite(features.features_NSD(fresh), position - len(fresh)))
        while sum(map(len, held)) >= store.shard_rows:
            whole = np.concatenate(held)
            store.append(stage, whole[: store.shard_rows])
            held = [whole[store.shard_rows :]]
            progress("gradients", store.num_rows(stage))
    if sum(map(len, held)):
        store.append(stage, np.concatenate(held))
        progress("gradients", store.num_rows(stage))


def _finite(features_NSD: Tensor, first: int) -> NDArray[np.float32]:
    bad = (~features_NSD.isfinite().flatten(1).all(1)).nonzero().flatten()
    if len(bad):
        example = first + int(bad[0])
        raise AttributionError(
            f"the gradient of example {example} is not finite; look at it and at the weights"
        )
    flat: NDArray[np.float32] = features_NSD.flatten(1).cpu().numpy()
    return flat


def whiteners_of(
    store: FeatureStore, checkpoint: int, blocks: Sequence[Block], num_seeds: int, damping: float
) -> Whiteners:
    """The whitener of every block of every seed of a checkpoint, computed where it is not on disk."""
    width = sum(block.width for block in blocks)
    return [
        [
            _whitener(store, checkpoint, block, f"seed{s}-block{i:05d}", s * width, damping)
            for i, block in enumerate(blocks)
        ]
        for s in range(num_seeds)
    ]


def _whitener(
    store: FeatureStore, checkpoint: int, block: Block, name: str, offset: int, damping: float
) -> Whitener:
    path = store.directory / f"checkpoint{checkpoint}" / "whiteners" / f"{name}.safetensors"
    if not path.exists():
        columns = partial(_columns, store, checkpoint, slice(block.start + offset, block.span.stop + offset))
        whitener = whitener_of(columns, block.kept_rows, block.kept_cols, damping)
        with replacing(path) as temporary:
            save_file({key: part.contiguous() for key, part in whitener.tensors().items()}, temporary)
    return Whitener.from_tensors(load_file(path))


def _columns(store: FeatureStore, checkpoint: int, span: slice) -> Iterator[Tensor]:
    for chunk in store.chunks(raw_stage(checkpoint)):
        yield torch.from_numpy(np.array(chunk[:, span]))


def whiten_NSD(features_NSD: Tensor, whiteners: Whiteners, blocks: Sequence[Block]) -> Tensor:
    """Features whose inner products are influences."""
    white_NSD = torch.empty_like(features_NSD)
    for s, row in enumerate(whiteners):
        for block, whitener in zip(blocks, row, strict=True):
            white_NSD[:, s, block.span] = whitener.whiten(features_NSD[:, s, block.span])
    return white_NSD


def whiten_store(
    store: FeatureStore,
    checkpoint: int,
    whiteners: Whiteners,
    blocks: Sequence[Block],
    progress: Progress,
) -> None:
    """Whitened features of all examples of one checkpoint, from where an earlier run stopped."""
    raw, white = raw_stage(checkpoint), white_stage(checkpoint)
    num_seeds = len(whiteners)
    for i in range(store.num_shards(white), store.num_shards(raw)):
        rows_ND = torch.from_numpy(np.array(store.chunk(raw, i)))
        rows_NSD = rows_ND.reshape(len(rows_ND), num_seeds, -1)
        white_ND = whiten_NSD(rows_NSD, whiteners, blocks).flatten(1)
        if float(white_ND.abs().max()) > LARGEST_HALF:
            raise AttributionError("a whitened feature is too large for half precision; raise the damping")
        store.append(white, white_ND.half().numpy())
        progress("whitening", store.num_rows(white))
    store.complete(white)
    store.drop(raw)
