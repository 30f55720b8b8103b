"""How is a tune made: of motifs that come again, over the chords, in arches that end in a cadence?"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.house.dice import Dice
from model.house.form import Bar
from model.house.styles import FEELS
from model.house.theory import chord_pitches, ladder, nearest

Row = tuple[int, int, int, int]  # start, duration, pitch, velocity
PHRASE_BARS = 4
# Which motif each bar of a phrase has; the last one closes.
_SCHEMES = ("abac", "aabc", "abcd", "aabd", "abad", "aaac")
# How far above the middle of the range each bar of a phrase begins, in semitones.
_ARCHES = ((0, 3, 5, 0), (-2, 2, 4, -1), (4, 2, 0, -3), (0, 5, 3, 0), (2, -1, 4, 0), (-3, 0, 5, 2))
_MOVES = ((-3, 1), (-2, 3), (-1, 8), (0, 2), (1, 8), (2, 3), (3, 1), (4, 1))
_CALM_MOVES = ((-2, 2), (-1, 9), (0, 3), (1, 9), (2, 2))
_CALM = ("choral", "hymn", "lyrical", "vocal")


@dataclass(frozen=True)
class Voice:
    """What a tune is written for: scale, tonic, range, beat, and the feel of its rhythm."""

    scale: str
    tonic: int
    low: int
    high: int
    beat: int
    feel: str
    velocity: int


@dataclass(frozen=True)
class _Motif:
    """The rhythm of a bar, as starts and durations, and the way from note to note in steps of the scale."""

    rhythm: tuple[tuple[int, int], ...]
    moves: tuple[int, ...]


def write_tune(dice: Dice, bars: Sequence[Bar], voice: Voice, *, is_last: bool) -> list[Row]:
    """The tune over some bars: phrases of four bars, motifs that return, a close at each phrase's end."""
    scheme = dice.pick(_SCHEMES)
    arches = (dice.pick(_ARCHES), dice.pick(_ARCHES))
    rows: list[Row] = []
    before = (voice.low + voice.high) // 2
    for place in range(0, len(bars), PHRASE_BARS):
        phrase = bars[place : place + PHRASE_BARS]
        turn = place // PHRASE_BARS
        arch = arches[turn % 2]
        closing = place + PHRASE_BARS >= len(bars)
        for i, bar in enumerate(phrase):
            letter = scheme[i] if len(phrase) == PHRASE_BARS else scheme[i + PHRASE_BARS - len(phrase)]
            ends = i == len(phrase) - 1
            motif = _motif(dice.apart(letter, turn % 2 if ends else 0), voice, bar.steps, ends=ends)
            written = _bar(bar, motif, voice, before, (voice.low + voice.high) // 2 + arch[i])
            if ends and written:
                written[-1] = _closed(written[-1], bar, home=closing or is_last)
            rows += written
            before = written[-1][2] if written else before
    return rows


def _motif(dice: Dice, voice: Voice, steps: int, *, ends: bool) -> _Motif:
    feel = FEELS["compound" if voice.beat == 18 else voice.feel]
    room = steps - voice.beat * 2 if ends and steps >= 3 * voice.beat else steps
    rhythm = _rhythm(dice, feel, room)
    if ends and room < steps:
        rhythm.append((room, 2 * voice.beat - (voice.beat // 2 if dice.chance(60) else 0)))
    moves = tuple(dice.weighted(_CALM_MOVES if voice.feel in _CALM else _MOVES) for _ in rhythm)
    return _Motif(tuple(rhythm), moves)


def _rhythm(dice: Dice, feel: str, room: int) -> list[tuple[int, int]]:
    """Starts and durations that fill `room` steps with cells of a feel."""
    cells = [(cell, int(weight)) for cell, weight in (entry.split(":") for entry in feel.split())]
    rhythm: list[tuple[int, int]] = []
    at = 0
    while at < room:
        fitting = [(cell, weight) for cell, weight in cells if at + _length(cell) <= room]
        if not fitting:
            rhythm.append((at, room - at))
            break
        for part in dice.weighted(fitting).split("+"):
            length = int(part.lstrip("r"))
            if not part.startswith("r"):
                rhythm.append((at, length))
            at += length
    return rhythm


def _length(cell: str) -> int:
    return sum(int(part.lstrip("r")) for part in cell.split("+"))


def _bar(bar: Bar, motif: _Motif, voice: Voice, before: int, anchor: int) -> list[Row]:
    rows: list[Row] = []
    pitch = before
    for i, ((offset, duration), move) in enumerate(zip(motif.rhythm, motif.moves, strict=True)):
        chord = bar.chord_at(offset)
        steps = ladder(voice.scale, voice.tonic, chord, voice.low, voice.high)
        if i == 0:
            pitch = nearest(chord_pitches(chord, voice.low, voice.high), (2 * anchor + before) // 3)
        else:
            place = steps.index(nearest(steps, pitch)) + move
            if not 0 <= place < len(steps):
                place -= 2 * move
            pitch = steps[max(0, min(place, len(steps) - 1))]
            if offset % voice.beat == 0 and duration * 2 >= voice.beat:
                pitch = nearest(chord_pitches(chord, voice.low, voice.high), pitch)
        accent = 7 * (offset % voice.beat == 0) + 4 * (offset == 0)
        rows.append((bar.start + offset, duration, pitch, voice.velocity + accent))
    return rows


def _closed(row: Row, bar: Bar, *, home: bool) -> Row:
    """The last note of a phrase on the root of its chord, or on a tone that leaves it open."""
    start, duration, pitch, velocity = row
    chord = bar.chord_at(start - bar.start)
    wanted = {chord.root} if home else set(chord.pitch_classes[1:3])
    return start, duration, min(
        (p for p in range(pitch - 7, pitch + 8) if p % 12 in wanted), key=lambda p: (abs(p - pitch), p)
    ), velocity  # fmt: skip


def second_voice(
    tune: Sequence[Row], bars: Sequence[Bar], voice: Voice, steps_below: int, *, answers: bool
) -> list[Row]:
    """A voice that goes with a tune some steps of the scale below it, or answers where it is long."""
    starts = [bar.start for bar in bars]
    rows: list[Row] = []
    for start, duration, pitch, _ in tune:
        bar = bars[sum(1 for begin in starts if begin <= start) - 1]
        chord = bar.chord_at(start - bar.start)
        steps = ladder(voice.scale, voice.tonic, chord, voice.low - 12, voice.high + 12)
        place = max(steps.index(nearest(steps, pitch)) - steps_below, 0)
        if not answers:
            rows.append((start, duration, steps[place], voice.velocity))
        elif duration >= 2 * voice.beat:
            half = voice.beat // 2
            for offset, step in ((half, 1), (2 * half, 0), (3 * half, 2)):
                held = duration - offset if offset == 3 * half else half
                note = steps[min(place + step, len(steps) - 1)]
                rows.append((start + offset, held, note, voice.velocity))
    return rows
