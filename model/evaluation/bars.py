"""How is a piece seen by the metrics? As a table of notes by bar, whatever it came from.

Shapes: N notes, B bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.analysis import find_bars
from model.events import Ints, Note, bar_steps, notes_of, score_of
from model.excerpts import Excerpt
from model.instruments import DRUM_KIT, of_program
from model.score import Score

Floats = npt.NDArray[np.float64]

CELLS = 16  # of a bar; finer ones are nearly all empty, and every bar looks like every other


@dataclass(frozen=True, eq=False)
class BarPiece:
    """A piece by bars: notes (N, 6) in event order, their columns as in `model.events.Note`.

    `instruments` has the General MIDI program of each track, 128 for a drum kit.
    """

    notes: Ints
    metres: tuple[tuple[int, int], ...]
    instruments: tuple[int, ...]
    tempo_bpm: int

    @property
    def num_bars(self) -> int:
        """Number of bars, empty ones among them."""
        return len(self.metres)

    @property
    def lengths_B(self) -> Ints:
        """The length of each bar in grid steps."""
        return np.array([max(1, bar_steps(*metre)) for metre in self.metres], dtype=np.int32)

    @property
    def is_drum_N(self) -> npt.NDArray[np.bool_]:
        """For each note whether a drum kit plays it."""
        drums: npt.NDArray[np.bool_] = np.array(self.instruments)[self.notes[:, Note.TRACK]] == DRUM_KIT
        return drums

    @property
    def pitched(self) -> Ints:
        """The notes that are no drum's."""
        return self.notes[~self.is_drum_N]


def piece_of(score: Score) -> BarPiece:
    """The piece by bars.

    Args:
        score: on the grid, with at least one note.
    """
    bars = find_bars(score)
    notes = notes_of(score, np.array([bar.start_steps for bar in bars], dtype=np.int32))
    return BarPiece(
        notes,
        tuple((bar.numerator, bar.denominator) for bar in bars),
        tuple(DRUM_KIT if track.is_drum else track.program for track in score.tracks),
        (score.tempos[0].bpm_milli + 500) // 1000,
    )


def piece_of_excerpts(found: Sequence[Excerpt]) -> BarPiece:
    """The piece whose excerpts these are; bars that are in none of them are empty."""
    plan = found[0].plan
    notes = np.concatenate([excerpt.notes for excerpt in sorted(found, key=lambda e: e.bar_start)])
    instruments = tuple(DRUM_KIT if track.is_drum else track.program for track in plan.tracks)
    return BarPiece(notes, plan.metres, instruments, plan.tempo_bpm)


def first_bars(piece: BarPiece, num_bars: int) -> BarPiece:
    """The piece up to, and without, a bar: columns are compared at like length."""
    end = int(np.searchsorted(piece.notes[:, Note.BAR], num_bars))
    return replace(piece, notes=piece.notes[:end], metres=piece.metres[:num_bars])


def score_of_piece(piece: BarPiece) -> Score:
    """The piece as a score on the grid."""
    tracks = [
        ("Drums", 0, True) if code == DRUM_KIT else (of_program(code).name.capitalize(), code, False)
        for code in piece.instruments
    ]
    return score_of(piece.notes, piece.metres, tracks, piece.tempo_bpm, "")


def melody_of(piece: BarPiece) -> Ints:
    """The highest note at each time of the track that is heard as the tune, in order of time.

    That is the pitched track with the highest mean pitch among those that play in half of the bars, or
    among all where none does.
    """
    notes = piece.pitched
    tracks = np.unique(notes[:, Note.TRACK])
    if not len(tracks):
        return notes
    own = [notes[notes[:, Note.TRACK] == track] for track in tracks]
    busy = [table for table in own if 2 * len(np.unique(table[:, Note.BAR])) >= piece.num_bars]
    return top_notes(max(busy or own, key=lambda table: float(table[:, Note.PITCH].mean())))


def top_notes(notes: Ints) -> Ints:
    """The highest note at each time, in order of time."""
    order = np.lexsort((-notes[:, Note.PITCH], notes[:, Note.POSITION], notes[:, Note.BAR]))
    ordered = notes[order]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = (np.diff(ordered[:, : Note.POSITION + 1], axis=0) != 0).any(axis=1)
    found: Ints = ordered[first]
    return found


def cells_of(piece: BarPiece, notes: Ints) -> Ints:
    """The sixteenth of its bar, 0 to 15, in which each note begins."""
    cell = CELLS * notes[:, Note.POSITION] // piece.lengths_B[notes[:, Note.BAR]]
    within: Ints = np.minimum(cell, CELLS - 1)
    return within


def unit_rows(rows: Floats) -> Floats:
    """The rows at length one; a row of zeros stays."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1.0))


def mean_or_nan(values: npt.ArrayLike) -> float:
    """The mean of what is known; not a number where nothing is."""
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")
