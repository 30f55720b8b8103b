"""How are an example's tens of thousands of numbers cut to a few hundred that keep its inner products?

Inner products are influences, so the numbers to keep are those along which examples differ most: the leading
right singular vectors of the whitened features, learned on a sample. No other linear map to as few numbers
leaves less of the sample's inner products out. Where the sample is all examples, and has no more of them than
numbers are kept, nothing is left out. Sketches choose candidates for a list of evidence; money never sees
them.

Source: Eckart & Young 1936 (Psychometrika 1, 211), for the best approximation of a matrix of given rank.

Shapes: N examples, n of the sample, D width of the features, d of a sketch, w of a block of columns.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.files import replacing
from provenance.attribution.errors import AttributionError
from provenance.attribution.whitened import WhitenedRows

WIDTH = 512
SAMPLE = 4096
LEAST_EIGENVALUE = 1e-10  # of the largest: a direction below it is rounding


@dataclass(frozen=True, eq=False)
class Sketch:
    """A linear map (D, d) with orthonormal columns, the same for examples and for queries."""

    basis_Dd: Tensor

    @property
    def width(self) -> int:
        """How many numbers a sketch has."""
        return self.basis_Dd.shape[1]

    @classmethod
    def of(cls, rows: WhitenedRows, sample_n: NDArray[np.int64], width: int = WIDTH) -> "Sketch":
        """The map learned on some rows, which are gone through twice, a few columns at a time.

        Returns:
            A map to at most `width` numbers: fewer where the sample has fewer independent directions.
        """
        gram_nn = torch.zeros(len(sample_n), len(sample_n), dtype=torch.float64)
        for block_nw in rows.blocks(sample_n):
            part_nw = torch.from_numpy(block_nw).double()
            gram_nn.addmm_(part_nw, part_nw.T)
        weights_nd = _weights(gram_nn, width)
        parts = [(torch.from_numpy(block).double().T @ weights_nd).float() for block in rows.blocks(sample_n)]
        return cls(torch.cat(parts))

    def sketch(self, features_ND: Tensor) -> Tensor:
        """The sketches (N, d) of features."""
        return features_ND.float() @ self.basis_Dd

    def save(self, path: Path) -> None:
        """Writes the map to a file, whole or not at all."""
        with replacing(path) as temporary:
            save_file({"basis": self.basis_Dd}, temporary)

    @classmethod
    def load(cls, path: Path) -> "Sketch":
        """A map that was saved.

        Raises:
            AttributionError: if the file is none.
        """
        try:
            return cls(load_file(path)["basis"])
        except (OSError, SafetensorError, KeyError) as error:
            raise AttributionError(f"{path} is no sketch; delete it, it is learned again") from error


def _weights(gram_nn: Tensor, width: int) -> Tensor:
    """What the sample's rows are to be multiplied by, to give their leading right singular vectors.

    An eigenvector's sign is free; here its largest number is positive.
    """
    values, vectors = torch.linalg.eigh(gram_nn)
    values, vectors = values.flip(0)[:width], vectors.flip(1)[:, :width]
    kept = max(1, int((values > LEAST_EIGENVALUE * values[0]).sum()))
    values, vectors = values[:kept], vectors[:, :kept]
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    weights_nd: Tensor = vectors * largest.sign() * values.clamp(min=1e-30).rsqrt()
    return weights_nd


def distinct_sample(
    digests_NB: NDArray[np.uint8], removed: list[int], size: int = SAMPLE
) -> NDArray[np.int64]:
    """The rows that a sketch is learned on: one of each content, chosen by digest and not by place.

    Args:
        digests_NB: what identifies each example's content, 16 bytes a row.
    """
    keys_N2 = np.ascontiguousarray(digests_NB).view(">u8")
    order = np.lexsort((np.arange(len(keys_N2)), keys_N2[:, 1], keys_N2[:, 0]))
    order = order[~np.isin(order, removed)]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (keys_N2[order[1:]] != keys_N2[order[:-1]]).any(1)
    chosen: NDArray[np.int64] = order[is_first][:size].astype(np.int64)
    return chosen
