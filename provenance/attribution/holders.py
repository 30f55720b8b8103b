"""What is the influence of all that one owner has, exactly, in one matrix product?

Influence adds up over examples, so an owner's is the inner product of the query with the sum of the owner's
whitened features. The sums are made once; no search and no cut-off stands between an owner and their money.

Shapes: N examples, H owners, Q queries, D width (checkpoints and seeds one after the other).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.files import replacing

Owner = int | str


def owner_key(owner: Owner) -> tuple[bool, Owner]:
    """What owners are ordered by: numbers by size, then names."""
    return isinstance(owner, str), owner


@dataclass(frozen=True, eq=False)
class HolderSums:
    """Owners in order, and the sum of each one's whitened features."""

    owners: tuple[Owner, ...]
    sums_HD: Tensor

    @classmethod
    def of(
        cls, chunks_ND: Iterable[NDArray[np.float16]], owners: Sequence[Owner], width: int
    ) -> "HolderSums":
        """The sums over features that come in chunks, in the order of `owners`."""
        distinct = tuple(sorted(set(owners), key=owner_key))
        place = {owner: i for i, owner in enumerate(distinct)}
        index_N = torch.tensor([place[owner] for owner in owners])
        sums_HD = torch.zeros(len(distinct), width, dtype=torch.float64)
        start = 0
        for chunk in chunks_ND:
            part = torch.from_numpy(np.asarray(chunk, dtype=np.float64))
            sums_HD.index_add_(0, index_N[start : start + len(part)], part)
            start += len(part)
        return cls(distinct, sums_HD.float())

    def scores_QH(self, queries_QD: Tensor) -> Tensor:
        """The influence of each owner on each query."""
        return queries_QD @ self.sums_HD.T

    def save(self, path: Path) -> None:
        """Writes the sums to a file, whole or not at all."""
        with replacing(path) as temporary:
            save_file({"sums": self.sums_HD}, temporary, metadata={"owners": json.dumps(self.owners)})

    @classmethod
    def load(cls, path: Path) -> "HolderSums":
        """Sums that were saved."""
        with safe_open(path, framework="pt") as file:
            return cls(tuple(json.loads(file.metadata()["owners"])), file.get_tensor("sums"))
