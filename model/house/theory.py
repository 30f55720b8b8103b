"""Which pitches do a key, a scale and a roman numeral mean, and how do chords lead into each other?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "freygish": (0, 1, 4, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor_pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole": (0, 2, 4, 6, 8, 10),
    "octatonic": (0, 2, 3, 5, 6, 8, 9, 11),
}
QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7), "m": (0, 3, 7), "o": (0, 3, 6), "+": (0, 4, 8), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10), "ø7": (0, 3, 6, 10), "o7": (0, 3, 6, 9), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9),
    "sus4": (0, 5, 7), "9": (0, 4, 7, 10, 14), "maj9": (0, 4, 7, 11, 14), "m9": (0, 3, 7, 10, 14),
    "5": (0, 7),
}  # fmt: skip
_DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_NUMERAL = re.compile(r"([b#]?)(VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)(.*)")


@dataclass(frozen=True)
class Chord:
    """A chord: the pitch class of its root and its tones above it in semitones."""

    root: int
    tones: tuple[int, ...]

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The pitch classes of its tones, the root first."""
        return tuple((self.root + tone) % 12 for tone in self.tones)


@cache
def chord_of(numeral: str, tonic: int) -> Chord:
    """The chord of a numeral such as `bVI`, `V7`, `iiø7` above a tonic; degrees are those of the major scale.

    Raises:
        ValueError: it is no such numeral.
    """
    match = _NUMERAL.fullmatch(numeral)
    if match is None:
        raise ValueError(f"{numeral!r} is no roman numeral with a quality of {sorted(QUALITIES)}")
    accidental, degree, quality = match.groups()
    if degree.islower() and quality in ("", "7", "6", "9"):
        quality = "m" + quality
    if quality not in QUALITIES:
        raise ValueError(f"{numeral!r}: the quality {quality!r} is none of {sorted(QUALITIES)}")
    shift = {"b": -1, "#": 1, "": 0}[accidental]
    return Chord((tonic + _DEGREES[degree.upper()] + shift) % 12, QUALITIES[quality])


def ladder(scale: str, tonic: int, chord: Chord, low: int, high: int) -> list[int]:
    """The pitches of a scale that go with a chord, rising from `low` to `high`.

    Tones of the chord that the scale lacks come in, and scale tones a semitone from those go.
    """
    own = {(tonic + step) % 12 for step in SCALES[scale]}
    foreign = set(chord.pitch_classes) - own
    clashing = {(pitch + side) % 12 for pitch in foreign for side in (1, 11)} - set(chord.pitch_classes)
    allowed = (own - clashing) | set(chord.pitch_classes)
    return [pitch for pitch in range(low, high + 1) if pitch % 12 in allowed]


def nearest(pitches: Sequence[int], target: int) -> int:
    """The pitch closest to a target; of two, the lower."""
    return min(pitches, key=lambda pitch: (abs(pitch - target), pitch))


def chord_pitches(chord: Chord, low: int, high: int) -> list[int]:
    """All pitches of a chord from `low` to `high`."""
    classes = set(chord.pitch_classes)
    return [pitch for pitch in range(low, high + 1) if pitch % 12 in classes]


def voicing(chord: Chord, count: int, centre: int, before: Sequence[int] = ()) -> list[int]:
    """`count` tones of a chord around a centre, each as near as can be to where the last chord stood."""
    classes = [*chord.pitch_classes[1:], chord.pitch_classes[0]]  # the root is the first that can be spared
    wanted = [classes[place % len(classes)] for place in range(count)]
    if len(classes) > count:
        wanted = sorted(classes[:count], key=classes.index)
    middle = round(sum(before) / len(before)) if before else centre
    middle += (centre > middle) - (centre < middle)
    found: list[int] = []
    for pitch_class in wanted:
        lowest = middle - 6 + (pitch_class - (middle - 6)) % 12
        while lowest in found:
            lowest += 12
        found.append(lowest)
    # Of two tones a semitone apart the upper goes an octave down: a seventh sounds softer than a second.
    return sorted({pitch - 12 if pitch - 1 in found else pitch for pitch in found})
