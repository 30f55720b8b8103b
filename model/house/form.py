"""Into which passages does a piece fall, how long are they, and which chords do they stand on?"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.house.dice import Dice
from model.house.progressions import PROGRESSIONS, bars_of
from model.house.styles import Style
from model.house.theory import Chord, chord_of
from model.score import GRID

MIN_SECONDS, MAX_SECONDS, WISHED_SECONDS = 45, 118, 80
_ENERGY = {"intro": 1, "outro": 1, "verse": 2, "chorus": 4, "bridge": 3, "A": 3, "B": 4, "C": 3, "D": 4}
_SHORT = ("intro", "outro")
BLUES_BARS = 12


@dataclass(frozen=True)
class Bar:
    """A bar in grid steps with the chords of its halves."""

    start: int
    steps: int
    chords: tuple[Chord, Chord]

    def chord_at(self, step: int) -> Chord:
        """The chord that sounds `step` steps into the bar."""
        return self.chords[2 * step >= self.steps]


@dataclass(frozen=True)
class Passage:
    """A section: its label, how often that came before, its bars, and how much is going on, 1 to 5."""

    label: str
    time: int
    bars: tuple[Bar, ...]
    energy: int
    is_last: bool


@dataclass(frozen=True)
class Frame:
    """What holds for the whole piece."""

    style: Style
    tonic: int
    is_minor: bool
    bpm: int

    @property
    def bar_steps(self) -> int:
        """Grid steps of a bar."""
        numerator, denominator = self.style.genre.metre
        return 4 * GRID * numerator // denominator

    @property
    def beat_steps(self) -> int:
        """Grid steps of what a listener taps: a dotted quarter in 6/8, else the metre's own unit."""
        numerator, denominator = self.style.genre.metre
        return 18 if denominator == 8 and numerator % 3 == 0 else 4 * GRID // denominator

    @property
    def scale(self) -> str:
        """The name of the scale of the tune."""
        return self.style.scale_minor if self.is_minor else self.style.scale_major

    def seconds(self, num_bars: int) -> float:
        """How long so many bars last."""
        return num_bars * self.bar_steps / GRID * 60 / self.bpm


def lengths(frame: Frame, labels: Sequence[str]) -> list[list[int]]:
    """Ways to give each passage its bars, the one nearest to the wished length first.

    Choruses of twelve bars stay so; else a passage has 4, 8 or 16 bars and what leads in or out half of it.
    """
    ways = [
        [BLUES_BARS if label == "blues" else unit // 2 if label in _SHORT else unit for label in labels]
        for unit in (4, 8, 16)
    ]
    ways = [way for way in ways if MIN_SECONDS <= frame.seconds(sum(way)) <= MAX_SECONDS] or ways[:1]
    return sorted(ways, key=lambda way: abs(frame.seconds(sum(way)) - WISHED_SECONDS))


def choose_labels(dice: Dice, frame: Frame) -> list[str]:
    """The labels of a form, gone through again where once is too short."""
    form = dice.pick(frame.style.forms).split()
    while "blues" in form and frame.seconds(BLUES_BARS * form.count("blues")) < MIN_SECONDS + 15:
        form.append("blues")
    core = [label for label in form if label not in _SHORT]
    while frame.seconds(16 * len(core)) < MIN_SECONDS:
        core += core
    return [*form[: form.index(core[0])], *core, *(["outro"] if form[-1] == "outro" else [])]


def lay_out(dice: Dice, frame: Frame, labels: Sequence[str], num_bars: Sequence[int]) -> list[Passage]:
    """The passages with their chords; passages of one label stand on the same ones."""
    own = _progressions(dice, frame, labels)
    passages: list[Passage] = []
    start = 0
    for place, (label, count) in enumerate(zip(labels, num_bars, strict=True)):
        is_last = place == len(labels) - 1
        chords = _chords(frame, own[label], count, is_last=is_last)
        bars = [Bar(start + i * frame.bar_steps, frame.bar_steps, pair) for i, pair in enumerate(chords)]
        time = list(labels[:place]).count(label)
        energy = (
            _ENERGY.get(label, 3) + (time > 0 and label not in _SHORT) - (place == 0 and label != "intro")
        )
        passages.append(Passage(label, time, tuple(bars), max(1, min(energy, 5)), is_last))
        start += count * frame.bar_steps
    return passages


def _progressions(dice: Dice, frame: Frame, labels: Sequence[str]) -> dict[str, str]:
    """A progression for each label, different ones as far as there are; outer passages take the first."""
    family = PROGRESSIONS[frame.style.progressions][frame.is_minor]
    left = list(family)
    own: dict[str, str] = {}
    for label in dict.fromkeys(label for label in labels if label not in _SHORT):
        if label == "blues":
            own[label] = dice.pick(PROGRESSIONS["blues"][frame.is_minor])
            continue
        left = left or list(family)
        own[label] = left.pop(dice.below(len(left)))
    first = next(iter(own.values()))
    return {**own, "intro": first, "outro": first}


def _chords(frame: Frame, progression: str, num_bars: int, *, is_last: bool) -> list[tuple[Chord, Chord]]:
    bars = bars_of(progression)
    filled = [bars[i % len(bars)] for i in range(num_bars)]
    if is_last:
        home = bars[0][0] if bars[0][0].lower().startswith("i") else ("i" if frame.is_minor else "I")
        filled[-1] = (home, home)
    pairs = [(chord_of(one, frame.tonic), chord_of(two, frame.tonic)) for one, two in filled]
    return [(one, one) if frame.bar_steps in (36, 60) else (one, two) for one, two in pairs]
