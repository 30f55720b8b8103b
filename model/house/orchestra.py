"""Who plays a piece, on what, in which register, and when do they come in?"""

from dataclasses import dataclass

from model.house.dice import Dice
from model.house.form import Frame
from model.instruments import Instrument, instrument

# Other instruments that may take a part.
_OTHERS: dict[str, tuple[str, ...]] = {
    "piano": ("piano", "bright piano", "electric piano"),
    "electric piano": ("electric piano", "electric piano 2", "clavinet"),
    "guitar": ("guitar", "nylon guitar"),
    "clean guitar": ("clean guitar", "jazz guitar", "muted guitar"),
    "synth pad": ("synth pad", "warm pad", "polysynth", "halo pad", "sweep pad"),
    "lead synth": ("lead synth", "square lead", "charang", "calliope"),
    "synth bass": ("synth bass", "synth bass 2"),
    "bass": ("bass", "fretless bass", "pick bass"),
    "strings": ("strings", "slow strings", "synth strings"),
    "organ": ("organ", "drawbar organ", "percussive organ"),
    "saxophone": ("saxophone", "alto saxophone"),
    "flute": ("flute", "recorder", "pan flute"),
    "voice": ("voice", "synth voice", "choir"),
}
_KEPT = ("classical_jazz",)
# From which energy on a role is heard.
_STARTS = {
    "L": 2,
    "K": 3,
    "S": 3,
    "C": 1,
    "G": 1,
    "P": 1,
    "B": 1,
    "D": 1,
    "X": 2,
    "R": 2,
    "A": 1,
    "T": 1,
    "V": 1,
    "U": 1,
}
_CAN_REST = "KSXPU"
# The middle of the window of a role in MIDI pitches, and its half width.
_WINDOWS = {
    "L": (72, 10), "K": (69, 12), "S": (66, 7), "C": (60, 7), "G": (53, 12), "P": (62, 8), "B": (38, 10),
    "V": (45, 9), "A": (65, 7), "T": (56, 7), "R": (62, 10), "U": (55, 8), "D": (60, 24), "X": (60, 24),
}  # fmt: skip
_LOW_LEADS = {"saxophone": 62, "trombone": 55, "choir": 69, "voice": 67, "synth voice": 67, "clarinet": 66}


@dataclass(frozen=True)
class Player:
    """One player: number, instrument, roles, register, and the patterns that they choose from."""

    number: int
    instrument: Instrument
    name: str
    roles: str
    window: tuple[int, int]
    patterns: tuple[str, ...]
    rank: int

    def pattern(self, dice: Dice, label: str) -> str:
        """The pattern for passages of a label; the empty string where none is needed."""
        return dice.apart("pattern", label).pick(self.patterns) if self.patterns else ""


def starts_at(role: str, *, has_intro: bool) -> int:
    """The least energy of a passage in which a role is heard; without an introduction the tune begins."""
    return 1 if role == "L" and not has_intro else _STARTS[role]


def hire(dice: Dice, frame: Frame) -> list[Player]:
    """The players of the genre's ensemble; one who can be spared sometimes stays at home."""
    players: list[Player] = []
    seconds = chords = 0
    for number, (name, roles) in enumerate(zip(frame.style.genre.ensemble, frame.style.roles, strict=True)):
        can_rest = len(frame.style.roles) > 3 and roles in _CAN_REST and len(players) >= 2
        if can_rest and dice.chance(15):
            continue
        players.append(_player(dice, frame, number, name, roles, seconds, chords))
        seconds += "K" in roles
        chords += "C" in roles
    return players


def _player(
    dice: Dice, frame: Frame, number: int, name: str, roles: str, seconds: int, chords: int
) -> Player:
    if frame.style.genre.family not in _KEPT and dice.chance(50):
        name = dice.pick(_OTHERS.get(name, (name,)))
    hand_drums = "X" in roles or (name == "percussion" and "D" in roles)
    found = instrument("drums" if hand_drums else name)
    assert found is not None, name
    label = "Percussion" if hand_drums else found.name.capitalize()
    patterns = _patterns(dice, frame, roles, chords)
    return Player(number, found, label, roles, _window(found, roles), patterns, seconds)


def _patterns(dice: Dice, frame: Frame, roles: str, chords: int) -> tuple[str, ...]:
    """Up to two of the style's patterns for the role, so that passages may differ and a piece is one."""
    style = frame.style
    lists = {
        "D": style.grooves,
        "X": style.hands,
        "B": style.bass,
        "V": style.bass,
        "C": style.chords[min(chords, len(style.chords) - 1)] if style.chords else (),
        "G": style.broken,
    }
    choices = next((lists[role] for role in roles if role in lists), ())
    if len(choices) < 2:
        return choices
    first = dice.pick(choices)
    return (first, first, dice.pick(choices))


def _window(found: Instrument, roles: str) -> tuple[int, int]:
    """The register of a part: the role's own, moved into what the instrument can play."""
    middle, half = _WINDOWS[roles[0] if "L" not in roles else "L"]
    middle = _LOW_LEADS.get(found.name, middle) if "L" in roles else middle
    low, high = max(found.low, middle - half), min(found.high, middle + half)
    if high - low < half:
        low = max(found.low, min(low, found.high - 2 * half))
        high = min(found.high, low + 2 * half)
    return low, high
