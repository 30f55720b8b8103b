"""How is a copy planted, so that one can see whether what it was copied from is named?

Bars from anywhere in a work, all its tracks, go into another piece where a phrase begins or ends: as they
are, or in another key and on other instruments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from model.analysis import analyse
from model.corpus import VerifiedCorpus
from model.evaluation.bars import BarPiece, score_of_piece
from model.evaluation.trial import pieces_of
from model.events import Ints, Note
from model.excerpts import Excerpt, excerpts
from model.instruments import DRUM_KIT

COPIED_BARS = 8
PHRASE_BARS = 4
MAX_SEMITONES = 6
MAX_PROGRAM = 112  # above are effects and percussion


@dataclass(frozen=True, eq=False)
class Copied:
    """Bars of a work: their notes, counted from bar 0, their metres, and the instruments of their tracks."""

    work_id: str
    notes: Ints
    metres: tuple[tuple[int, int], ...]
    instruments: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Planted:
    """A piece with bars of a work in it: which work, the first of these bars, and the piece's excerpts."""

    work_id: str
    bar: int
    excerpts: list[Excerpt]

    def has_copy(self, bar_start: int, bar_end: int) -> bool:
        """Whether any copied bar is among these."""
        return bar_start < self.bar + COPIED_BARS and bar_end > self.bar


def copies_of(
    corpus: VerifiedCorpus, works: Sequence[str], count: int, rng: np.random.Generator
) -> Iterator[Copied]:
    """Eight bars of each of so many works, from anywhere in it where there are notes that have a pitch."""
    for work, _, piece in pieces_of(corpus, works):
        full = np.isin(np.arange(piece.num_bars), piece.pitched[:, Note.BAR])
        starts = np.flatnonzero(np.convolve(full, np.ones(COPIED_BARS, dtype=int), "valid") == COPIED_BARS)
        if not count:
            return
        if piece.num_bars < COPIED_BARS or not len(starts):
            continue
        start = int(rng.choice(starts))
        own = cut_bars(piece, start, start + COPIED_BARS)
        yield Copied(work, own.notes, own.metres, own.instruments)
        count -= 1


def cut_bars(piece: BarPiece, start: int, end: int) -> BarPiece:
    """Some bars of a piece, counted from 0 again."""
    bar = piece.notes[:, Note.BAR]
    notes = piece.notes[(bar >= start) & (bar < end)].copy()
    notes[:, Note.BAR] -= start
    return BarPiece(notes, piece.metres[start:end], piece.instruments, piece.tempo_bpm)


def disguised(copied: Copied, rng: np.random.Generator) -> Copied:
    """The bars in another key and on other instruments; drums stay as they are."""
    notes = copied.notes.copy()
    pitched = np.array(copied.instruments)[notes[:, Note.TRACK]] != DRUM_KIT
    up = int(rng.choice([step for step in range(-MAX_SEMITONES, MAX_SEMITONES + 1) if step]))
    moved = notes[pitched, Note.PITCH] + up
    notes[pitched, Note.PITCH] = moved if 0 <= moved.min() <= moved.max() <= 127 else moved - 2 * up
    instruments = tuple(
        DRUM_KIT if i == DRUM_KIT else int(rng.integers(0, MAX_PROGRAM)) for i in copied.instruments
    )
    return Copied(copied.work_id, notes, copied.metres, instruments)


def plant(copied: Copied, around: BarPiece, rng: np.random.Generator) -> Planted:
    """The piece with the bars before one of its phrases or behind the last, on tracks of their own."""
    at = PHRASE_BARS * int(rng.integers(0, around.num_bars // PHRASE_BARS + 1))
    before, after, inner = around.notes.copy(), around.notes.copy(), copied.notes.copy()
    before = before[before[:, Note.BAR] < at]
    after = after[after[:, Note.BAR] >= at]
    after[:, Note.BAR] += len(copied.metres)
    inner[:, Note.BAR] += at
    inner[:, Note.TRACK] += len(around.instruments)
    metres = (*around.metres[:at], *copied.metres, *around.metres[at:])
    notes = np.concatenate([before, inner, after])
    whole = BarPiece(notes, metres, (*around.instruments, *copied.instruments), around.tempo_bpm)
    score = score_of_piece(whole)
    return Planted(copied.work_id, at, excerpts(score, analyse(score)))
