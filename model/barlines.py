"""Where do the bars of a notated score begin once it is MIDI, and how are pick-ups and cut bars made whole?

A time signature in MIDI begins a bar and says nothing of an upbeat. So the upbeat's bar is filled up before
it, two parts of a bar around a repeat sign become one bar, a bar of another length gets its own metre, and
music without barlines is counted out in bars of its metre.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.score import START, Metre, Score, Tempo, Track

_SLACK_TICKS = 2  # what rounding may take from a bar


@dataclass(frozen=True)
class _Bar:
    """A bar as written, `start` and `length`, and as it shall be: `room`, with `lead` before its notes."""

    start: int
    length: int
    room: int
    lead: int
    numerator: int
    denominator: int


def barred(score: Score, starts_quarters: Sequence[float]) -> Score:
    """The score with every bar where its metres say.

    Args:
        starts_quarters: where each bar begins and the last one ends, in quarters; empty leaves all.
    """
    if len(starts_quarters) < 2:
        return score
    edges = sorted({round(quarter * score.ticks_per_quarter) for quarter in starts_quarters})
    bars = _bars(score, edges)
    froms = np.array([bar.start for bar in bars])
    rooms = np.array([bar.room for bar in bars])
    leads = np.array([bar.lead for bar in bars])
    shifts = np.concatenate([[0], np.cumsum(rooms)[:-1]]) + leads - froms

    def moved(ticks: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> list[int]:
        where = np.maximum(np.searchsorted(froms, ticks, side="right") - 1, 0)
        return [int(tick) for tick in ticks + shifts[where]]

    tempos = [
        Tempo(max(new, 0) if tempo.start_ticks else 0, tempo.bpm_milli)
        for tempo, new in zip(
            score.tempos, moved(np.array([t.start_ticks for t in score.tempos])), strict=True
        )
    ]
    tracks = tuple(
        replace(track, notes=_shifted(track, moved(track.notes[:, START]))) for track in score.tracks
    )
    return replace(score, tracks=tracks, tempos=tuple(tempos), metres=_metres(bars))


def _shifted(track: Track, starts: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    notes = track.notes.copy()
    notes[:, START] = starts
    return notes


def _bars(score: Score, edges: Sequence[int]) -> list[_Bar]:
    written = list(zip(edges, np.diff(edges).tolist(), strict=False))
    bars: list[_Bar] = []
    place = 0
    while place < len(written):
        start, length = written[place]
        metre = next(m for m in reversed(score.metres) if m.start_ticks <= start or m.start_ticks == 0)
        whole = 4 * score.ticks_per_quarter * metre.numerator // metre.denominator
        following = written[place + 1][1] if place + 1 < len(written) else 0
        if abs(length - whole) <= _SLACK_TICKS or (
            length < whole and place == len(written) - 1 and place > 0
        ):
            bars.append(_Bar(start, length, whole, 0, metre.numerator, metre.denominator))
        elif length < whole and place == 0 and following == whole:
            bars.append(_Bar(start, length, whole, whole - length, metre.numerator, metre.denominator))
        elif length < whole and place and length + following == whole:
            bars.append(_Bar(start, whole, whole, 0, metre.numerator, metre.denominator))
            place += 1
        else:
            wholes = length // whole if length >= 2 * whole else 0  # without barlines bars are counted out
            bars += [
                _Bar(start + i * whole, whole, whole, 0, metre.numerator, metre.denominator)
                for i in range(wholes)
            ]
            if rest := length - wholes * whole:
                bars.append(_irregular(start + wholes * whole, rest, score.ticks_per_quarter))
        place += 1
    return bars


def _irregular(start: int, length: int, quarter: int) -> _Bar:
    """A bar in the coarsest metre that holds it: quarters, else eighths, else sixteenths rounded up."""
    for denominator in (4, 8, 16):
        beat = 4 * quarter // denominator
        if length % beat == 0 or denominator == 16:
            numerator = max(-(-length // beat), 1)
            return _Bar(start, length, numerator * beat, 0, numerator, denominator)
    raise AssertionError("the last denominator always fits")


def _metres(bars: Sequence[_Bar]) -> tuple[Metre, ...]:
    metres: list[Metre] = []
    now = 0
    for bar in bars:
        if not metres or (metres[-1].numerator, metres[-1].denominator) != (bar.numerator, bar.denominator):
            metres.append(Metre(now, bar.numerator, bar.denominator))
        now += bar.room
    return tuple(metres)
