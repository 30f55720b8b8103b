"""What is a piece of music here? Tracks of notes in integer time, with its tempos and metres.

A note is a row of four 32-bit integers. Time is in ticks; a quarter note has `ticks_per_quarter` of them.
The model works on a grid of 12 steps to a quarter, which holds sixteenths and triplets of eighths.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

GRID = 12
START, DURATION, PITCH, VELOCITY = range(4)

Notes = NDArray[np.int32]


@dataclass(frozen=True)
class Tempo:
    """A tempo from a tick on, in thousandths of a quarter note per minute."""

    start_ticks: int
    bpm_milli: int


@dataclass(frozen=True)
class Metre:
    """A time signature from a tick on."""

    start_ticks: int
    numerator: int
    denominator: int


@dataclass(frozen=True, eq=False)
class Track:
    """One instrument: a General MIDI program, or the drum kit, and its notes sorted by time.

    `notes` has shape (n, 4): start and duration in ticks, MIDI pitch 0 to 127, velocity 1 to 127.
    """

    name: str
    program: int
    is_drum: bool
    notes: Notes


@dataclass(frozen=True, eq=False)
class Score:
    """A piece: tracks on one time line."""

    ticks_per_quarter: int
    tracks: tuple[Track, ...]
    tempos: tuple[Tempo, ...] = (Tempo(0, 120_000),)
    metres: tuple[Metre, ...] = (Metre(0, 4, 4),)
    title: str = ""
    lyrics: tuple[tuple[int, str], ...] = field(default=())

    @property
    def num_notes(self) -> int:
        """How many notes all tracks have together."""
        return sum(len(track.notes) for track in self.tracks)

    @property
    def end_ticks(self) -> int:
        """The tick at which the last note ends; 0 for silence."""
        ends = [
            int((track.notes[:, START] + track.notes[:, DURATION]).max())
            for track in self.tracks
            if len(track.notes)
        ]
        return max(ends, default=0)


def notes_of(rows: Sequence[Sequence[int]]) -> Notes:
    """Rows of start, duration, pitch, velocity as a sorted table; an empty list gives an empty one."""
    return sorted_notes(np.array(rows, dtype=np.int32).reshape(-1, 4))


def sorted_notes(notes: Notes) -> Notes:
    """The notes by start, then pitch, duration and velocity: one order for one music."""
    order = np.lexsort((notes[:, VELOCITY], notes[:, DURATION], notes[:, PITCH], notes[:, START]))
    return np.ascontiguousarray(notes[order], dtype=np.int32)


def quantise(score: Score) -> Score:
    """The score on the grid: every time rounded to the nearest step, every note at least one step long.

    Notes of one track that fall on the same step and pitch become one, with the longest duration and the
    greatest velocity.
    """
    ticks = score.ticks_per_quarter
    tracks = tuple(
        Track(track.name, track.program, track.is_drum, _quantised(track.notes, ticks))
        for track in score.tracks
    )
    tempos = tuple(Tempo(_step(tempo.start_ticks, ticks), tempo.bpm_milli) for tempo in score.tempos)
    metres = tuple(Metre(_step(m.start_ticks, ticks), m.numerator, m.denominator) for m in score.metres)
    lyrics = tuple((_step(start, ticks), text) for start, text in score.lyrics)
    return Score(GRID, tracks, tempos, metres, score.title, lyrics)


def _step(tick: int, ticks_per_quarter: int) -> int:
    return (2 * tick * GRID + ticks_per_quarter) // (2 * ticks_per_quarter)


def _quantised(notes: Notes, ticks_per_quarter: int) -> Notes:
    if not len(notes):
        return notes.reshape(-1, 4)
    wide = notes.astype(np.int64)
    start = (2 * wide[:, START] * GRID + ticks_per_quarter) // (2 * ticks_per_quarter)
    duration = (2 * wide[:, DURATION] * GRID + ticks_per_quarter) // (2 * ticks_per_quarter)
    table = np.stack([start, np.maximum(duration, 1), wide[:, PITCH], wide[:, VELOCITY]], axis=1)
    table = table[np.lexsort((-table[:, VELOCITY], -table[:, DURATION], table[:, PITCH], table[:, START]))]
    same = np.zeros(len(table), dtype=bool)
    same[1:] = (table[1:, START] == table[:-1, START]) & (table[1:, PITCH] == table[:-1, PITCH])
    return np.ascontiguousarray(table[~same], dtype=np.int32)  # sorted: no two have start and pitch alike


def note_digest(score: Score) -> str:
    """The SHA-256 of the music alone, as `grid_digest` of the score on the grid."""
    return grid_digest(quantise(score))


def grid_digest(score: Score) -> str:
    """The SHA-256 of the notes of every sounding track, by program.

    Titles, names, tempos and the order of tracks do not count, so that a re-export is the same music.

    Args:
        score: as `quantise` gives it.
    """
    tables = [
        bytes([track.program, track.is_drum])
        + track.notes[:, [START, DURATION, PITCH]].astype("<i4").tobytes()
        for track in score.tracks
        if len(track.notes)
    ]
    return hashlib.sha256(b"".join(hashlib.sha256(table).digest() for table in sorted(tables))).hexdigest()
