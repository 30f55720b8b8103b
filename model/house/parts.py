"""How does each player turn chords into notes: bass, struck, broken and held chords, inner voices, kit?

Every function returns rows of start, duration, pitch and velocity in grid steps for the bars it is given.
"""

from collections.abc import Iterator, Sequence

from model.house.dice import Dice
from model.house.form import Bar, Passage
from model.house.melody import Row, Voice
from model.house.patterns import DRUMS, GROOVES
from model.house.theory import Chord, chord_pitches, ladder, nearest, voicing

_BASS_STEPS = {"5": 7, "8": 12, "6": 9}
_HITS = {"X": 22, "x": 8, "o": -22}
_SPARSE_LETTERS = "ZAJOM"


def signs(pattern: str, steps: int) -> Iterator[tuple[int, int, str]]:
    """Each struck sign of a bar's pattern with its start and its length in steps, holds counted in."""
    unit = steps // len(pattern)
    if unit * len(pattern) != steps:
        raise ValueError(f"pattern {pattern!r} does not divide a bar of {steps} steps")
    for place, sign in enumerate(pattern):
        if sign in ".-":
            continue
        held = place + 1
        while held < len(pattern) and pattern[held] == "-":
            held += 1
        yield place * unit, (held - place) * unit, sign


def write_bass(bars: Sequence[Bar], following: Chord, pattern: str, low: int, velocity: int) -> list[Row]:
    """A bass line: the pattern's degrees of each chord, low, and a step towards the next root at `a`."""
    rows: list[Row] = []
    for i, bar in enumerate(bars):
        after = bars[i + 1].chords[0] if i + 1 < len(bars) else following
        for start, length, sign in signs(pattern, bar.steps):
            chord = bar.chord_at(start)
            root = low + (chord.root - low) % 12
            pitch = root + _above(chord, sign)
            if sign == "a":
                goal = low + (after.root - low) % 12
                pitch = goal - 1 if goal > root else goal + 1 if goal < root else root + chord.tones[-1] % 12
            elif sign in "58" and pitch > low + 19:
                pitch -= 12
            rows.append((bar.start + start, length, pitch, velocity + 6 * (start == 0)))
    return rows


def _above(chord: Chord, sign: str) -> int:
    if sign == "5":
        return next((tone for tone in chord.tones if 6 <= tone <= 8), 7)
    if sign == "3":
        return chord.tones[1] if len(chord.tones) > 2 else 0
    if sign == "7":
        return chord.tones[3] if len(chord.tones) > 3 else 10 if chord.tones[1] == 3 else 9
    return _BASS_STEPS.get(sign, 0)


def write_chords(bars: Sequence[Bar], pattern: str, count: int, centre: int, velocity: int) -> list[Row]:
    """Struck chords, each voiced near the one before."""
    rows: list[Row] = []
    before: list[int] = []
    now: Chord | None = None
    for bar in bars:
        for start, length, sign in signs(pattern, bar.steps):
            chord = bar.chord_at(start)
            if chord != now:
                before, now = voicing(chord, count, centre, before), chord
            loud = velocity + _HITS.get(sign, 0) // 2
            rows += [(bar.start + start, length, pitch, loud) for pitch in before]
    return rows


def write_broken(bars: Sequence[Bar], pattern: str, low: int, velocity: int) -> list[Row]:
    """Broken chords: the pattern's numbers count the tones of the chord upwards from `low`."""
    rows: list[Row] = []
    for bar in bars:
        for start, length, sign in signs(pattern, bar.steps):
            pitches = chord_pitches(bar.chord_at(start), low, low + 36)
            accent = 8 * (start == 0) + 3 * (sign == "1")
            rows.append((bar.start + start, length, pitches[int(sign) - 1], velocity + accent))
    return rows


def write_held(bars: Sequence[Bar], count: int, centre: int, velocity: int) -> list[Row]:
    """Held chords: a new one only where the chord changes, at the latest after two bars."""
    rows: list[Row] = []
    before: list[int] = []
    halves = [(bar.start + i * bar.steps // 2, bar.steps // 2, bar.chords[i]) for bar in bars for i in (0, 1)]
    place = 0
    while place < len(halves):
        start, length, chord = halves[place]
        last = place + 1
        while last < len(halves) and last < place + 4 and halves[last][2] == chord:
            length += halves[last][1]
            last += 1
        before = voicing(chord, count, centre, before)
        rows += [(start, length, pitch, velocity) for pitch in before]
        place = last
    return rows


def write_inner(dice: Dice, bars: Sequence[Bar], voice: Voice, *, upper: bool) -> list[Row]:
    """An inner voice: a tone of each chord close to the last one, sometimes with a passing tone."""
    rows: list[Row] = []
    middle = (voice.low + voice.high) // 2
    before = middle + (3 if upper else -3)
    for bar in bars:
        count = 4 if bar.steps >= 96 else 2
        length = bar.steps // count
        for part in range(count):
            start = bar.start + part * length
            chord = bar.chord_at(part * length)
            goal = nearest(chord_pitches(chord, voice.low, voice.high), (5 * before + middle) // 6)
            quarter = length // 2
            if rows and goal == before and dice.chance(55) and part:
                rows[-1] = (rows[-1][0], rows[-1][1] + length, goal, rows[-1][3])
            elif dice.chance(30) and quarter >= 6:
                steps = ladder(voice.scale, voice.tonic, chord, voice.low, voice.high)
                place = steps.index(nearest(steps, goal)) + dice.pick((-1, 1))
                passing = steps[max(0, min(place, len(steps) - 1))]
                rows.append((start, quarter, goal, voice.velocity))
                rows.append((start + quarter, length - quarter, passing, voice.velocity - 4))
            else:
                rows.append((start, length, goal, voice.velocity))
            before = goal
    return rows


def write_riff(dice: Dice, bars: Sequence[Bar], voice: Voice, rhythm: Sequence[tuple[int, int]]) -> list[Row]:
    """One bar of a figure over and over, moved with the chords."""
    places = [dice.pick((0, 0, 1, 2, 3, 4, 2)) for _ in rhythm]
    rows: list[Row] = []
    middle = (voice.low + voice.high) // 2
    for bar in bars:
        for (start, length), place in zip(rhythm, places, strict=True):
            steps = ladder(voice.scale, voice.tonic, bar.chord_at(start), middle - 12, middle + 24)
            root = next(i for i, p in enumerate(steps) if p % 12 == bar.chord_at(start).root)
            pitch = steps[min(root + place, len(steps) - 1)]
            rows.append((bar.start + start, length, pitch, voice.velocity + 6 * (start % voice.beat == 0)))
    return rows


def write_stabs(bars: Sequence[Bar], pattern: str, centre: int, velocity: int) -> list[Row]:
    """Short chords in every other bar."""
    rows = write_chords(bars[1::2], pattern, 3, centre, velocity)
    return [(start, min(length, 6), pitch, loud) for start, length, pitch, loud in rows]


def write_drone(bars: Sequence[Bar], tonic: int, low: int, velocity: int) -> list[Row]:
    """The tonic, and the fifth over it, held for four bars at a time."""
    root = low + (tonic - low) % 12
    return [
        (group[0].start, sum(bar.steps for bar in group), pitch, velocity)
        for group in (bars[i : i + 4] for i in range(0, len(bars), 4))
        for pitch in (root, root + 7)
    ]


def write_drums(dice: Dice, passage: Passage, groove: str, velocity: int) -> list[Row]:
    """The groove, thinner where little is going on, with a cymbal at the beginning and a fill at the end."""
    lines = [(word[0], word[2:]) for word in GROOVES[groove].split()]
    if passage.energy <= 2:
        thin = [line for line in lines if line[0] not in _SPARSE_LETTERS]
        lines = thin or lines
    extra = dice.apart(passage.label)
    ghost = (extra.pick(lines)[0], extra.below(16)) if extra.chance(70) else None
    rows: list[Row] = []
    for i, bar in enumerate(passage.bars):
        fills = i == len(passage.bars) - 1 and len(passage.bars) >= 4 and passage.energy >= 2
        until = bar.steps // 2 if fills else bar.steps
        for letter, pattern in lines:
            for start, _, sign in signs(pattern, bar.steps):
                if start < until:
                    rows.append((bar.start + start, 3, DRUMS[letter], velocity + _HITS[sign]))
        if ghost and i % 2 and not fills:
            at = ghost[1] * bar.steps // 16 // 3 * 3
            rows.append((bar.start + at, 3, DRUMS[ghost[0]], velocity - 26))
        if fills:
            rows += _fill(dice.apart(passage.label, passage.time), bar, velocity)
    if passage.energy >= 3 and not any(letter in "VcD" for letter, _ in lines):
        rows.append((passage.bars[0].start, 12, DRUMS["Z"], velocity + 10))
    return rows


def _fill(dice: Dice, bar: Bar, velocity: int) -> list[Row]:
    """Hits in the second half of a bar that grow louder."""
    kinds = dice.pick(("SSSS", "SNMF", "SSNF", "RSRS", "NMFF"))
    unit = 3 if bar.steps % 24 == 0 else 6
    count = bar.steps // 2 // unit
    rows: list[Row] = []
    for i in range(count):
        if i and not dice.chance(75):
            continue
        letter = kinds[i * len(kinds) // count]
        rows.append((bar.start + bar.steps // 2 + i * unit, 3, DRUMS[letter], velocity - 8 + 20 * i // count))
    return rows
