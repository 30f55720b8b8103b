"""Does the rhythm of one bar live on in the next, and come back after a phrase?

Shapes: B bars, C cells of a bar.
"""

import numpy as np
import numpy.typing as npt

from model.evaluation.bars import CELLS, BarPiece, cells_of, mean_or_nan
from model.events import Note

PHRASE_BARS = 4


def groove_similarity(piece: BarPiece, distance_bars: int = 1) -> float:
    """How alike the rhythms of bars at a distance are: one minus the part of the cells that differ.

    A cell is a sixteenth of the bar, and is on where a note of any track begins; pairs of empty bars do not
    count.

    Source: S.-L. Wu, Y.-H. Yang, "The Jazz Transformer on the front line" (ISMIR 2020), section 4.3,
    grooving pattern similarity; of neighbours as in `muspy.groove_consistency`.
    """
    grid_BC = onset_grid(piece)
    if len(grid_BC) <= distance_bars:
        return float("nan")
    one, other = grid_BC[:-distance_bars], grid_BC[distance_bars:]
    heard = one.any(axis=1) | other.any(axis=1)
    return mean_or_nan(1 - (one ^ other)[heard].mean(axis=1))


def phrase_groove(piece: BarPiece) -> float:
    """`groove_similarity` of bars that are four bars apart."""
    return groove_similarity(piece, PHRASE_BARS)


def onset_grid(piece: BarPiece) -> npt.NDArray[np.bool_]:
    """For each bar and cell whether a note begins there (B, C)."""
    notes = piece.notes
    grid = np.zeros((piece.num_bars, CELLS), dtype=bool)
    grid[notes[:, Note.BAR], cells_of(piece, notes)] = True
    return grid
