"""What is known of a song before its first note, and how does a network read it?

The plan of a song is made of discrete symbols: genre, key, tempo, metre of every bar, the tracks, sections
with the section that each repeats, phrases, two chords a bar. In training it is derived from the score; in
generation it is chosen before any note. Because it holds nothing but what was decided earlier, a network may
read all of it, forwards and backwards, and stay causal in the notes.

One song becomes one integer matrix: plan rows in fixed places, then event rows (`Column` names the columns).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from model.events import (
    BAR_MARK,
    END_MARK,
    MAX_TRACKS,
    Field,
    Ints,
    Note,
    bar_starts_of,
    encode_notes,
)
from model.genres import FAMILIES, GENRES, family_value, genre_value

MAX_SECTIONS = 24
MAX_PHRASES = 96
MAX_PLACE = 16
CHORD_TONES: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "dom7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10), "hdim7": (0, 3, 6, 10), "dim7": (0, 3, 6, 9), "sus4": (0,
    5, 7),
}  # fmt: skip
CHORD_QUALITIES = tuple(CHORD_TONES)
NUM_CHORDS = 2 + 12 * len(CHORD_QUALITIES)  # 0 unknown, 1 none, then root above the tonic x quality
METRES = (
    (4, 4), (3, 4), (2, 4), (6, 8), (2, 2), (3, 8), (9, 8), (12, 8), (3, 2), (6, 4), (5, 4), (7, 8),
    (1, 4), (4, 2), (4, 8), (5, 8), (2, 8), (7, 4), (1, 2), (3, 16), (6, 16), (1, 8), (9, 4), (12, 4),
)  # fmt: skip
TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# Sharps, or minus the flats, of the major and the minor keys from C up.
_FIFTHS = {
    False: (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5),
    True: (-3, 4, -1, -6, 1, -4, 3, -2, 5, 0, -5, 2),
}
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class Kind(IntEnum):
    """What a row of the matrix describes."""

    PAD = 0
    SONG = 1
    TRACK = 2
    SECTION = 3
    PHRASE = 4
    EVENT = 5


class Column(IntEnum):
    """Columns of an event row. A plan row keeps its attributes in the columns from 1 on.

    From METRE on a row says what the plan holds of the event's bar: known before the bar begins. SOURCE is
    the bar that it repeats, PLACE its place in its phrase, LEFT the bars that still follow in the phrase.
    Bars, phrases and sections are numbered, and TIME counts grid steps, from the beginning of the song.
    """

    KIND = 0
    POSITION = 1
    TRACK = 2
    PITCH = 3
    DURATION = 4
    VELOCITY = 5
    BAR = 6
    PHRASE = 7
    SECTION = 8
    TIME = 9
    METRE = 10
    LENGTH = 11
    CHORD_A = 12
    CHORD_B = 13
    SOURCE = 14
    PLACE = 15
    LEFT = 16


PLAN_ATTRIBUTES: dict[Kind, tuple[tuple[str, int], ...]] = {
    Kind.SONG: (
        ("genre", len(GENRES) + 1),
        ("family", len(FAMILIES) + 1),
        ("tonic", 13),
        ("mode", 3),
        ("tempo", 17),
        ("metre", len(METRES) + 1),
        ("tracks", MAX_TRACKS + 1),
        ("bars", 11),
        ("planning", 2),  # 1: the streams are to go by the plan alone, no note is known yet
    ),
    Kind.TRACK: (("slot", MAX_TRACKS + 1), ("instrument", 130), ("register", 13), ("density", 9)),
    Kind.SECTION: (
        ("place", MAX_SECTIONS + 1),
        ("label", 27),
        ("bars", 33),
        ("repeats", MAX_SECTIONS + 1),
        ("energy", 6),
    ),
    Kind.PHRASE: (("place", 17), ("bars", 17), ("opening", NUM_CHORDS), ("cadence", NUM_CHORDS)),
}
"""Attributes of each kind of plan row with the number of their values; 0 is always 'not said'."""

SONG_ROW = 0
PLANNING_COLUMN = len(PLAN_ATTRIBUTES[Kind.SONG])
FIRST_TRACK_ROW = 1
FIRST_SECTION_ROW = FIRST_TRACK_ROW + MAX_TRACKS
FIRST_PHRASE_ROW = FIRST_SECTION_ROW + MAX_SECTIONS
PLAN_ROWS = FIRST_PHRASE_ROW + MAX_PHRASES


@dataclass(frozen=True)
class TrackPlan:
    """One track: its sound, and how high and how densely it plays (0: not said)."""

    program: int
    is_drum: bool
    register: int = 0
    density: int = 0


@dataclass(frozen=True)
class SectionPlan:
    """Bars `bar_start` up to `bar_end` with the index of the earlier section that they repeat."""

    label: str
    bar_start: int
    bar_end: int
    repeats: int | None = None
    energy: int = 0


@dataclass(frozen=True)
class SongPlan:
    """All that is decided before the notes.

    `genre` and `family` are names out of `model.genres`, or empty where they are not known. `metres` has
    numerator and denominator of every bar, `chords` two codes a bar: 0 for none, else 1 + root x number of
    qualities + quality.
    """

    genre: str
    family: str
    key: str
    tempo_bpm: int
    metres: tuple[tuple[int, int], ...]
    tracks: tuple[TrackPlan, ...]
    sections: tuple[SectionPlan, ...]
    phrases: tuple[tuple[int, int], ...]
    chords: tuple[int, ...]

    @property
    def num_bars(self) -> int:
        """Number of bars of the song."""
        return len(self.metres)

    @property
    def tonic(self) -> int:
        """Pitch class of the key's tonic."""
        return parse_key(self.key)[0]

    @property
    def is_minor(self) -> bool:
        """Whether the key is a minor one."""
        return parse_key(self.key)[1]

    @cached_property
    def bar_starts(self) -> Ints:
        """The first step of each bar and the end of the last."""
        return bar_starts_of(self.metres)

    @cached_property
    def sections_of_bars(self) -> Ints:
        """The index of each bar's section."""
        return _owners([section.bar_start for section in self.sections], self.num_bars)

    @cached_property
    def phrases_of_bars(self) -> Ints:
        """The index of each bar's phrase."""
        return _owners([start for start, _ in self.phrases], self.num_bars)

    @cached_property
    def sources_of_bars(self) -> Ints:
        """For each bar the earlier bar that it repeats, or -1: the repeat pointer."""
        sources = np.full(self.num_bars, -1, dtype=np.int32)
        for section in self.sections:
            if section.repeats is None:
                continue
            model = self.sections[section.repeats]
            length = min(section.bar_end - section.bar_start, model.bar_end - model.bar_start)
            bars = np.arange(length)
            sources[section.bar_start + bars] = model.bar_start + bars
        return sources

    @cached_property
    def chord_values(self) -> Ints:
        """The chords of each bar (num_bars, 2) as the network reads them, roots above the tonic."""
        codes = np.array(self.chords, dtype=np.int32).reshape(-1, 2)
        root, quality = np.divmod(codes - 1, len(CHORD_QUALITIES))
        relative = 2 + (root - self.tonic) % 12 * len(CHORD_QUALITIES) + quality
        return np.where(codes == 0, 1, relative).astype(np.int32)


def chord_code(value: int, tonic: int) -> int:
    """The code in a plan of a chord value that the network wrote."""
    if value < 2:
        return 0
    root, quality = divmod(value - 2, len(CHORD_QUALITIES))
    return 1 + (root + tonic) % 12 * len(CHORD_QUALITIES) + quality


def parse_key(key: str) -> tuple[int, bool]:
    """Pitch class of the tonic, and whether the mode is minor, of a name like `Eb major` or `F# minor`.

    Raises:
        ValueError: the name is not a letter, accidentals and a mode.
    """
    name, _, mode = key.strip().partition(" ")
    if not name or name[0].upper() not in _PITCH_CLASSES or mode not in ("major", "minor"):
        raise ValueError(f"key {key!r} is not of the form 'Eb major'")
    accidentals = name[1:].replace("♯", "#").replace("♭", "b").replace("-", "b")
    if accidentals.strip("#b"):
        raise ValueError(f"key {key!r}: {name[1:]!r} is not made of # and b")
    pitch = _PITCH_CLASSES[name[0].upper()] + accidentals.count("#") - accidentals.count("b")
    return pitch % 12, mode == "minor"


def fifths_of(key: str) -> int:
    """The sharps of a key, or minus its flats.

    Raises:
        ValueError: as `parse_key`.
    """
    tonic, is_minor = parse_key(key)
    return _FIFTHS[is_minor][tonic]


def fit_spans(spans: Sequence[tuple[int, int]], limit: int) -> list[tuple[int, int]]:
    """The spans with neighbours joined in pairs until there are no more than `limit`."""
    joined = list(spans)
    while len(joined) > limit:
        joined = [(pair[0][0], pair[-1][1]) for pair in (joined[i : i + 2] for i in range(0, len(joined), 2))]
    return joined


def fit_sections(sections: Sequence[SectionPlan]) -> tuple[SectionPlan, ...]:
    """The sections, joined without their repeat pointers if there are more than the plan has rows for."""
    if len(sections) <= MAX_SECTIONS:
        return tuple(sections)
    spans = fit_spans([(s.bar_start, s.bar_end) for s in sections], MAX_SECTIONS)
    return tuple(SectionPlan(chr(65 + i % 26), start, end) for i, (start, end) in enumerate(spans))


def plan_rows(plan: SongPlan) -> Ints:
    """The plan as rows in their fixed places: song, tracks, sections, phrases."""
    rows = np.zeros((PLAN_ROWS, len(Column)), dtype=np.int32)
    rows[SONG_ROW, : len(PLAN_ATTRIBUTES[Kind.SONG]) + 1] = [Kind.SONG, *_song_values(plan)]
    for i, track in enumerate(plan.tracks):
        instrument = 1 + (128 if track.is_drum else track.program)
        rows[FIRST_TRACK_ROW + i, :5] = [Kind.TRACK, 1 + i, instrument, track.register, track.density]
    for i, section in enumerate(plan.sections):
        rows[FIRST_SECTION_ROW + i, :6] = [Kind.SECTION, *_section_values(i, section)]
    for i, (start, end) in enumerate(plan.phrases):
        rows[FIRST_PHRASE_ROW + i, :5] = [Kind.PHRASE, *_phrase_values(plan, start, end)]
    return rows


def event_rows(plan: SongPlan, notes: Ints, bar_start: int, bar_end: int) -> Ints:
    """The event rows of bars `bar_start` up to `bar_end`: a marker and the notes of every bar.

    The last bar of the song is followed by the end marker.

    Args:
        notes: the notes of these bars in event order; bars counted from the beginning of the song.
    """
    bars = np.arange(bar_start, bar_end, dtype=np.int32)
    place = np.searchsorted(notes[:, Note.BAR], bars)
    bar_of_row = np.insert(notes[:, Note.BAR], place, bars)
    fields = np.insert(
        encode_notes(notes, [t.is_drum for t in plan.tracks], plan.tonic), place, MARKER_FIELDS, axis=0
    )
    if bar_end == plan.num_bars:
        bar_of_row = np.append(bar_of_row, bar_end - 1)
        fields = np.concatenate([fields, [[END_MARK, -1, -1, -1, -1]]])
    return rows_of_fields(plan, fields.astype(np.int32), bar_of_row.astype(np.int32))


MARKER_FIELDS = (BAR_MARK, -1, -1, -1, -1)
"""The fields of a bar's marker: where a marker has no value there is -1."""


def rows_of_fields(plan: SongPlan, fields: Ints, bars: Ints) -> Ints:
    """Event rows of field codes (n, 5) and the bars (n,) that they stand in."""
    rows = np.empty((len(fields), len(Column)), dtype=np.int32)
    rows[:, Column.KIND] = Kind.EVENT
    rows[:, Column.POSITION : Column.VELOCITY + 1] = fields
    rows[:, Column.BAR] = bars
    rows[:, Column.PHRASE] = plan.phrases_of_bars[bars]
    rows[:, Column.SECTION] = plan.sections_of_bars[bars]
    position = fields[:, Field.POSITION]
    lengths = np.diff(plan.bar_starts)[bars]
    offset = np.where(position == END_MARK, lengths, np.where(position == BAR_MARK, 0, position))
    rows[:, Column.TIME] = plan.bar_starts[bars] + offset
    rows[:, Column.METRE] = np.array([metre_value(metre) for metre in plan.metres])[bars]
    rows[:, Column.LENGTH] = lengths
    rows[:, Column.CHORD_A : Column.CHORD_B + 1] = plan.chord_values[bars]
    rows[:, Column.SOURCE] = plan.sources_of_bars[bars]
    spans = np.array(plan.phrases, dtype=np.int32)[rows[:, Column.PHRASE]]
    rows[:, Column.PLACE] = np.minimum(bars - spans[:, 0], MAX_PLACE - 1)
    rows[:, Column.LEFT] = np.clip(spans[:, 1] - 1 - bars, 0, MAX_PLACE - 1)
    return rows


def metre_value(metre: tuple[int, int]) -> int:
    """The metre as an attribute: 0 for one outside the table."""
    return 1 + METRES.index(metre) if metre in METRES else 0


def tempo_value(tempo_bpm: int) -> int:
    """The tempo as an attribute: sixteen steps of a sixth of an octave up from 40 beats a minute."""
    return int(np.clip(1 + round(6 * np.log2(max(tempo_bpm, 1) / 40)), 1, 16))


def _song_values(plan: SongPlan) -> list[int]:
    usual = max(sorted(set(plan.metres)), key=plan.metres.count)
    return [
        genre_value(plan.genre),
        family_value(plan.family),
        1 + plan.tonic,
        1 + plan.is_minor,
        tempo_value(plan.tempo_bpm),
        metre_value(usual),
        len(plan.tracks),
        int(np.clip(1 + np.log2(plan.num_bars), 1, 10)),
        0,
    ]


def _section_values(index: int, section: SectionPlan) -> list[int]:
    label = 1 + (ord(section.label[:1].upper() or "A") - 65) % 26
    repeats = 0 if section.repeats is None else 1 + section.repeats
    return [1 + index, label, min(section.bar_end - section.bar_start, 32), repeats, section.energy]


def _phrase_values(plan: SongPlan, start: int, end: int) -> list[int]:
    section = plan.sections[plan.sections_of_bars[start]]
    place = 1 + min((start - section.bar_start) // 4, 15)
    chords = plan.chord_values
    return [place, min(end - start, 16), int(chords[start, 0]), int(chords[end - 1, 1])]


def _owners(starts: Sequence[int], num_bars: int) -> Ints:
    owners = np.searchsorted(np.array(starts), np.arange(num_bars), side="right") - 1
    return np.maximum(owners, 0).astype(np.int32)
