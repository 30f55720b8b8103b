"""How is music written as integers that a network reads and writes?

One event is one note with five fields (position in the bar, track, pitch, duration, velocity), or a marker
that opens the next bar or ends the song. Events stand in bar-major order, inside a bar by position, track and
pitch, so that a piece can be written, and heard, from left to right.

Pitches are counted from the tonic of the song's key nearest to C: the same tune in two keys is the same
events, so nothing has to be learnt twelve times. The code is exact; durations above two quarters and
velocities are rounded to their tables.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from model.score import GRID, Metre, Score, Tempo, Track

Ints = npt.NDArray[np.int32]

MAX_TRACKS = 24
MAX_BAR_STEPS = 96  # a bar of 4/2; longer bars have no code
BAR_MARK = 96  # position codes 0..95 are grid steps of a bar
END_MARK = 97
PITCH_CODES = 140  # a pitch of 0..127, moved by at most 6 either way
DURATIONS: Ints = np.array(
    [*range(1, 25), 27, 30, 33, 36, 42, 48, 54, 60, 66, 72, 84, 96, 120, 144, 168, 192, 240, 288, 384],
    dtype=np.int32,
)
VELOCITY_STEP = 8


class Field(IntEnum):
    """The fields of an event in the order in which they are chosen."""

    POSITION = 0
    TRACK = 1
    PITCH = 2
    DURATION = 3
    VELOCITY = 4


FIELD_SIZES = (98, MAX_TRACKS, PITCH_CODES + 128, len(DURATIONS), 128 // VELOCITY_STEP)
MAX_FIELD_SIZE = max(FIELD_SIZES)


class Note(IntEnum):
    """The columns of a table of notes, in musical units."""

    BAR = 0
    POSITION = 1
    TRACK = 2
    PITCH = 3
    DURATION = 4
    VELOCITY = 5


def tonic_shift(tonic: int) -> int:
    """The semitones, -5 to 6, from C to the nearest pitch of a tonic's class."""
    return (tonic + 5) % 12 - 5


def encode_notes(notes: Ints, drums: Sequence[bool], tonic: int) -> Ints:
    """The field codes (n, 5) of a table of notes (n, 6).

    Args:
        notes: rows of bar, position, track, pitch, duration, velocity in grid steps and MIDI numbers.
        drums: for each track, whether it is a drum kit.
        tonic: pitch class of the song's key, 0 to 11.
    """
    kit = np.array([*drums, *[False] * (MAX_TRACKS - len(drums))])[notes[:, Note.TRACK]]
    pitch = notes[:, Note.PITCH]
    fields = np.empty((len(notes), len(Field)), dtype=np.int32)
    fields[:, Field.POSITION] = notes[:, Note.POSITION]
    fields[:, Field.TRACK] = notes[:, Note.TRACK]
    fields[:, Field.PITCH] = np.where(kit, pitch + PITCH_CODES, pitch - tonic_shift(tonic) + 6)
    fields[:, Field.DURATION] = duration_codes(notes[:, Note.DURATION])
    fields[:, Field.VELOCITY] = notes[:, Note.VELOCITY] // VELOCITY_STEP
    return fields


def decode_notes(fields: Ints, bars: Ints, tonic: int) -> Ints:
    """The table of notes (n, 6) of field codes (n, 5) whose bars are known."""
    code = fields[:, Field.PITCH]
    notes = np.empty((len(fields), len(Note)), dtype=np.int32)
    notes[:, Note.BAR] = bars
    notes[:, Note.POSITION] = fields[:, Field.POSITION]
    notes[:, Note.TRACK] = fields[:, Field.TRACK]
    notes[:, Note.PITCH] = np.where(code >= PITCH_CODES, code - PITCH_CODES, code - 6 + tonic_shift(tonic))
    notes[:, Note.DURATION] = DURATIONS[fields[:, Field.DURATION]]
    notes[:, Note.VELOCITY] = fields[:, Field.VELOCITY] * VELOCITY_STEP + VELOCITY_STEP // 2
    return notes


def duration_codes(durations: Ints) -> Ints:
    """The index of the nearest duration in the table, the shorter one at a tie."""
    middles = (DURATIONS[:-1] + DURATIONS[1:]) / 2
    codes: Ints = np.searchsorted(middles, durations, side="left").astype(np.int32)
    return codes


def notes_of(score: Score, bar_starts: Ints) -> Ints:
    """The table of notes of a score on the grid, in event order, without doubled notes.

    Of two notes of one track that begin together on one pitch the longer is kept. Notes before the first
    bar, and notes that begin later in a bar than its code reaches, are not in the table.

    Args:
        bar_starts: the first step of each bar, rising.
    """
    tables = [_track_notes(index, track, bar_starts) for index, track in enumerate(score.tracks)]
    notes = np.concatenate([np.empty((0, len(Note)), dtype=np.int32), *tables])
    longest_first = np.lexsort((-notes[:, Note.DURATION], *notes[:, [3, 2, 1, 0]].T))
    notes = notes[longest_first]
    same_as_previous = np.zeros(len(notes), dtype=bool)
    same_as_previous[1:] = (np.diff(notes[:, :4], axis=0) == 0).all(axis=1)
    keep = ~same_as_previous & (notes[:, Note.BAR] >= 0) & (notes[:, Note.POSITION] < MAX_BAR_STEPS)
    kept: Ints = notes[keep]
    return kept


def _track_notes(index: int, track: Track, bar_starts: Ints) -> Ints:
    start, duration, pitch, velocity = track.notes.T
    bar = np.searchsorted(bar_starts, start, side="right") - 1
    position = start - bar_starts[bar]
    length = np.maximum(duration, 1)
    return np.stack([bar, position, np.full_like(start, index), pitch, length, velocity], 1).astype(np.int32)


def fit_tracks(score: Score) -> Score:
    """The score with silent tracks left out and at most 24 tracks, no note lost.

    While there are too many, the two smallest tracks whose sounds are most alike (both drums or neither,
    nearest program) become one.
    """
    tracks = [track for track in score.tracks if len(track.notes)]
    while len(tracks) > MAX_TRACKS:
        small = min(range(len(tracks)), key=lambda i: (len(tracks[i].notes), i))
        tracks = _merged_into_nearest(tracks, small)
    return Score(score.ticks_per_quarter, tuple(tracks), score.tempos, score.metres, score.title)


def _merged_into_nearest(tracks: list[Track], small: int) -> list[Track]:
    def distance(other: int) -> tuple[bool, int, int, int]:
        a, b = tracks[small], tracks[other]
        return (a.is_drum != b.is_drum, abs(a.program - b.program), len(b.notes), other)

    near = min((i for i in range(len(tracks)) if i != small), key=distance)
    notes = np.concatenate([tracks[near].notes, tracks[small].notes])
    order = np.lexsort((notes[:, 3], notes[:, 1], notes[:, 2], notes[:, 0]))
    host = tracks[near]
    merged = Track(host.name, host.program, host.is_drum, notes[order])
    return [merged if i == near else track for i, track in enumerate(tracks) if i != small]


def bar_starts_of(metres: Sequence[tuple[int, int]]) -> Ints:
    """The first step of each bar, and after them the step at which the last one ends."""
    return np.concatenate([[0], np.cumsum([bar_steps(*metre) for metre in metres])]).astype(np.int32)


def bar_steps(numerator: int, denominator: int) -> int:
    """The length of a bar in grid steps."""
    return numerator * 4 * GRID // denominator


def score_of(
    notes: Ints,
    metres: Sequence[tuple[int, int]],
    tracks: Sequence[tuple[str, int, bool]],
    tempo_bpm: int,
    title: str,
) -> Score:
    """The score on the grid of a table of notes.

    Args:
        metres: numerator and denominator of every bar.
        tracks: name, program and whether it is a drum kit, of every track.
    """
    starts = bar_starts_of(metres)
    parts = []
    for index, (name, program, is_drum) in enumerate(tracks):
        own = notes[notes[:, Note.TRACK] == index]
        start = starts[own[:, Note.BAR]] + own[:, Note.POSITION]
        table = np.stack([start, own[:, Note.DURATION], own[:, Note.PITCH], own[:, Note.VELOCITY]], 1)
        order = np.lexsort((table[:, 3], table[:, 1], table[:, 2], table[:, 0]))
        parts.append(Track(name, program, is_drum, table[order].astype(np.int32)))
    changes = [i for i, metre in enumerate(metres) if i == 0 or metre != metres[i - 1]]
    metre_map = tuple(Metre(int(starts[i]), *metres[i]) for i in changes)
    return Score(GRID, tuple(parts), (Tempo(0, tempo_bpm * 1000),), metre_map, title)
