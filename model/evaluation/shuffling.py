"""What is left of a piece when its bars come in any order? The floor that every metric is read against.

A bar keeps its notes, its metre and its instruments; only the order of bars is gone. So whatever a metric
gives the same for both says nothing of how the piece goes on.
"""

from dataclasses import replace

import numpy as np

from model.evaluation.bars import BarPiece
from model.events import Note


def shuffle_bars(piece: BarPiece, seed: int) -> BarPiece:
    """The piece with its bars in an order drawn by the seed, each with its metre."""
    order = np.random.default_rng(seed).permutation(piece.num_bars)
    new_place = np.argsort(order)
    notes = piece.notes.copy()
    notes[:, Note.BAR] = new_place[notes[:, Note.BAR]]
    columns = (Note.PITCH, Note.TRACK, Note.POSITION, Note.BAR)
    notes = notes[np.lexsort([notes[:, column] for column in columns])]
    return replace(piece, notes=notes, metres=tuple(piece.metres[bar] for bar in order))
