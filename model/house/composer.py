"""How does a genre, a number and a seed become a whole piece for several instruments?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.house.dice import Dice
from model.house.form import Bar, Frame, Passage, choose_labels, lay_out, lengths
from model.house.melody import Row, Voice, second_voice, write_tune
from model.house.orchestra import Player, hire, starts_at
from model.house.parts import (
    write_bass,
    write_broken,
    write_chords,
    write_drone,
    write_drums,
    write_held,
    write_inner,
    write_riff,
    write_stabs,
)
from model.house.patterns import BASS, BROKEN, CHORDS
from model.house.styles import STYLES
from model.house.theory import Chord
from model.house.titles import invent_title
from model.plan import TONICS
from model.score import GRID, Metre, Score, Tempo, Track, notes_of

TICKS_PER_QUARTER = 480
MAX_NOTES = 2_500
_SWUNG = {"8": {6: 8, 3: 4, 9: 10}, "16": {3: 4, 9: 10}, "-": {}}
_STABS = {48: ("horn", "horn_two", "stab", "horn_swing"), 24: ("stride", "march")}


@dataclass(frozen=True)
class HouseSection:
    """A part of the form: its name and its bars, `bar_start` up to `bar_end`."""

    label: str
    bar_start: int
    bar_end: int


@dataclass(frozen=True)
class _Stage:
    """One player in one piece, and of how many notes their chords are."""

    dice: Dice
    frame: Frame
    player: Player
    voices: int


@dataclass(frozen=True, eq=False)
class HousePiece:
    """A piece of the house composer and what it was meant to be."""

    score: Score
    title: str
    genre: str
    key: str
    tempo_bpm: int
    metre: tuple[int, int]
    structure: tuple[HouseSection, ...]


def compose(genre: str, index: int, seed: int) -> HousePiece:
    """The piece of a genre with a number; the same three give the same piece.

    Raises:
        ValueError: the genre is none of the 48.
    """
    if genre not in STYLES:
        raise ValueError(f"{genre!r} is no genre here; there are {', '.join(STYLES)}")
    dice = Dice("house", genre, index, seed)
    frame = _frame(dice.apart("frame"), genre)
    labels = choose_labels(dice.apart("form"), frame)
    passages, tracks = _that_fits(dice, frame, labels)
    title = invent_title(genre, index, seed)
    tempos = (Tempo(0, 1000 * frame.bpm),)
    metres = (Metre(0, *frame.style.genre.metre),)
    score = Score(TICKS_PER_QUARTER, tuple(tracks), tempos, metres, title)
    key = f"{TONICS[frame.tonic]} {'minor' if frame.is_minor else 'major'}"
    metre = frame.style.genre.metre
    return HousePiece(score, title, genre, key, frame.bpm, metre, _structure(frame, passages))


def _that_fits(dice: Dice, frame: Frame, labels: Sequence[str]) -> tuple[list[Passage], list[Track]]:
    """The piece at the length nearest to the wished one that has few enough notes.

    Where none has, chords become thinner, and then the last passage goes.
    """
    for voices in (4, 3, 2):
        for bars in lengths(frame, labels):
            passages = lay_out(dice.apart("chords"), frame, labels, bars)
            tracks = _tracks(dice, frame, passages, voices)
            if sum(len(track.notes) for track in tracks) <= MAX_NOTES:
                return passages, tracks
    if len(labels) == 1:
        return passages, tracks
    return _that_fits(dice, frame, labels[:-1])


def _frame(dice: Dice, genre: str) -> Frame:
    style = STYLES[genre]
    is_minor = dice.chance(style.genre.minor_percent)
    return Frame(style, dice.below(12), is_minor, dice.between(style.genre.tempo_low, style.genre.tempo_high))


def _structure(frame: Frame, passages: Sequence[Passage]) -> tuple[HouseSection, ...]:
    return tuple(
        HouseSection(
            passage.label,
            passage.bars[0].start // frame.bar_steps,
            passage.bars[-1].start // frame.bar_steps + 1,
        )
        for passage in passages
    )


def _tracks(dice: Dice, frame: Frame, passages: Sequence[Passage], voices: int) -> list[Track]:
    """One track for each player who has something to play."""
    players = hire(dice.apart("players"), frame)
    lead = next((player for player in players if "L" in player.roles), players[0])
    tunes = [_tune(dice, frame, passage, lead) for passage in passages]
    has_intro = passages[0].label == "intro"
    tracks = []
    for player in players:
        stage = _Stage(dice, frame, player, min(player.instrument.voices, voices))
        rows: list[Row] = []
        for place, (passage, tune) in enumerate(zip(passages, tunes, strict=True)):
            following = passages[min(place + 1, len(passages) - 1)].bars[0].chords[0]
            louder = 4 * (passage.energy - 3)
            for role in player.roles:
                if passage.energy >= starts_at(role, has_intro=has_intro):
                    played = _play(stage, role, passage, following, tune)
                    rows += [(start, length, pitch, loud + louder) for start, length, pitch, loud in played]
        table = _finished(stage, _ended(rows, passages[-1].bars[-1], keep="L" in player.roles))
        if table:
            is_drum = player.instrument.is_drum
            tracks.append(Track(player.name, player.instrument.program, is_drum, notes_of(table)))
    return tracks


def _ended(rows: Sequence[Row], last: Bar, *, keep: bool) -> list[Row]:
    """The rows with one held stroke in the last bar; the tune may come to its end there."""
    if keep:
        return list(rows)
    before = [row for row in rows if row[0] < last.start]
    stroke = [(start, last.steps, pitch, loud) for start, _, pitch, loud in rows if start == last.start]
    return before + stroke


def _voice(frame: Frame, player: Player, velocity: int) -> Voice:
    low, high = player.window
    return Voice(frame.scale, frame.tonic, low, high, frame.beat_steps, frame.style.feel, velocity)


def _tune(dice: Dice, frame: Frame, passage: Passage, lead: Player) -> list[Row]:
    """The tune of a passage; when it comes again its second half may be sung another way."""
    voice = _voice(frame, lead, 88)
    own = dice.apart("tune", passage.label)
    tune = write_tune(own, passage.bars, voice, is_last=passage.is_last)
    if passage.time and dice.apart("again", passage.label, passage.time).chance(50):
        other = write_tune(own.apart(passage.time), passage.bars, voice, is_last=passage.is_last)
        half = passage.bars[len(passage.bars) // 2].start
        tune = [row for row in tune if row[0] < half] + [row for row in other if row[0] >= half]
        tune = [(s, min(d, half - s) if s < half else d, p, v) for s, d, p, v in tune]
    return tune


def _play(stage: _Stage, role: str, passage: Passage, following: Chord, tune: list[Row]) -> list[Row]:
    """What one player does in one passage in one of their roles."""
    frame, player, bars = stage.frame, stage.player, passage.bars
    dice = stage.dice.apart(role, player.number, passage.label)
    low, high = player.window
    middle = (low + high) // 2
    pattern = player.pattern(dice, passage.label)
    match role:
        case "L":
            return tune
        case "D" | "X":
            return write_drums(stage.dice.apart("kit", player.number), passage, pattern, 88)
        case "B" | "V":
            return write_bass(bars, following, BASS[pattern], low, 86)
        case "C":
            return write_chords(bars, CHORDS[pattern], stage.voices, middle, 68)
        case "G":
            return write_broken(bars, BROKEN[pattern], low, 66)
        case "P":
            return write_held(bars, max(2, stage.voices - 1), middle, 60)
        case "U":
            return write_drone(bars, frame.tonic, low, 56)
        case "S":
            return write_stabs(bars, CHORDS[dice.pick(_STABS[frame.bar_steps])], middle, 84)
        case "K":
            answers = dice.chance(40) and passage.energy <= 3
            below = 2 + 3 * (player.rank % 2)
            return second_voice(tune, bars, _voice(frame, player, 74), below, answers=answers)
        case "R":
            rhythm = _riff_rhythm(dice, frame, player, passage)
            return write_riff(dice, bars, _voice(frame, player, 78), rhythm)
        case _:
            return write_inner(dice, bars, _voice(frame, player, 74), upper=role == "A")


def _riff_rhythm(dice: Dice, frame: Frame, player: Player, passage: Passage) -> list[tuple[int, int]]:
    """Starts and lengths in the first bar of some tune, counted from the bar."""
    first = passage.bars[:1]
    rows = write_tune(dice, first, replace(_voice(frame, player, 78), feel="phase"), is_last=False)
    return [(start - first[0].start, length) for start, length, _, _ in rows]


def _finished(stage: _Stage, rows: Sequence[Row]) -> list[list[int]]:
    """Rows in ticks: within the instrument's range, swung, with a human hand, no pitch sounding twice."""
    dice, instrument = stage.dice.apart("hand", stage.player.number), stage.player.instrument
    unit = TICKS_PER_QUARTER // GRID
    shift = _SWUNG[stage.frame.style.swing]
    sounding: dict[int, list[int]] = {}
    table: list[list[int]] = []
    for start, length, pitch, loud in sorted(rows):
        end = start + length
        begins = start - start % GRID + shift.get(start % GRID, start % GRID)
        ends = end - end % GRID + shift.get(end % GRID, end % GRID)
        note = pitch if instrument.is_drum else _folded(pitch, instrument.low, instrument.high)
        velocity = max(1, min(loud + dice.between(-5, 5), 127))
        row = [begins * unit, max(ends - begins, 1) * unit, note, velocity]
        before = sounding.get(note)
        if before is not None and before[0] == row[0]:
            continue
        if before is not None and before[0] + before[1] > row[0]:
            before[1] = row[0] - before[0]
        sounding[note] = row
        table.append(row)
    return table


def _folded(pitch: int, low: int, high: int) -> int:
    """The pitch moved by octaves into a range."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch
