"""Where do the examples come from, what identifies each, and which of them is the curvature taken from?

Shapes: N examples, n of them, T anything after the examples.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DIGEST_BYTES = 16
Ids = NDArray[np.int64]


@runtime_checkable
class Examples(Protocol):
    """Examples that can be asked for by number, which mostly ascends from one call to the next."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def rows(self, ids_n: Ids) -> Tensor:
        """Some of them (n, T), by ascending number."""
        ...


class _InMemory:
    """The rows of one tensor."""

    def __init__(self, tokens_NT: Tensor) -> None:
        self._tokens_NT = tokens_NT

    def __len__(self) -> int:
        return len(self._tokens_NT)

    def rows(self, ids_n: Ids) -> Tensor:
        return self._tokens_NT[torch.from_numpy(ids_n)]


class _InBatches:
    """Batches that are gone through from the beginning when something earlier is asked for; one is held."""

    def __init__(self, batches: Iterable[Tensor]) -> None:
        self._batches = batches
        self._num = sum(len(batch) for batch in batches)
        self._rest: Iterator[Tensor] = iter(())
        self._held, self._start, self._end = torch.empty(0), 0, -1

    def __len__(self) -> int:
        return self._num

    def rows(self, ids_n: Ids) -> Tensor:
        if self._end < 0 or ids_n[0] < self._start:
            self._rest, self._start, self._end = iter(self._batches), 0, 0
        parts = []
        while len(ids_n):
            inside = ids_n[ids_n < self._end]
            if len(inside):
                parts.append(self._held[torch.from_numpy(inside - self._start)])
            ids_n = ids_n[len(inside) :]
            if len(ids_n):
                self._held = next(self._rest)
                self._start, self._end = self._end, self._end + len(self._held)
        return torch.cat(parts)


def examples_of(tokens: Tensor | Examples | Iterable[Tensor]) -> Examples:
    """The examples by number: of a tensor, of batches, or of what knows them by number already."""
    if isinstance(tokens, Tensor):
        return _InMemory(tokens)
    return tokens if isinstance(tokens, Examples) else _InBatches(tokens)


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


def digests_of(tokens_nT: Tensor) -> NDArray[np.uint8]:
    """The digests of some examples, one a row."""
    joined = b"".join(example_digest(row) for row in tokens_nT)
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, DIGEST_BYTES)


def sample_of(digests: Iterable[NDArray[np.uint8]], size: int) -> Ids:
    """The numbers of the examples with the lowest digests: a random sample, whatever their order.

    Of equal contents the first are taken. Memory is that of the sample and of one chunk of digests.
    """
    keys = np.empty((0, 2), dtype=">u8")
    ids: Ids = np.empty(0, dtype=np.int64)
    start = 0
    for chunk in digests:
        keys = np.concatenate([keys, np.ascontiguousarray(chunk).view(">u8")])
        ids = np.concatenate([ids, np.arange(start, start + len(chunk))])
        start += len(chunk)
        lowest = np.lexsort((ids, keys[:, 1], keys[:, 0]))[:size]
        keys, ids = keys[lowest], ids[lowest]
    return np.sort(ids)
