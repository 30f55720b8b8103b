"""Which instruments are there, how high and low do they play, and how many notes at once?

Source: General MIDI 1, sound set of 128 programs in 16 families of 8.
"""

from dataclasses import dataclass

DRUM_KIT = 128  # the number of the kit among the instruments, after the 128 programs


@dataclass(frozen=True)
class Instrument:
    """A sound with its range in MIDI pitches and the most notes that it plays together."""

    name: str
    program: int
    is_drum: bool
    low: int
    high: int
    voices: int


# Names of the 16 families with lowest and highest pitch and number of notes at once.
_FAMILIES = (
    ("piano", 28, 100, 8), ("chromatic percussion", 48, 96, 4), ("organ", 36, 96, 6), ("guitar", 40, 84, 6),
    ("bass", 26, 62, 1), ("strings", 36, 96, 2), ("ensemble", 36, 88, 6), ("brass", 40, 84, 1),
    ("reed", 42, 88, 1), ("pipe", 55, 96, 1), ("synth lead", 48, 96, 1), ("synth pad", 36, 88, 6),
    ("synth effects", 36, 96, 4), ("ethnic", 45, 88, 2), ("percussive", 40, 88, 2), ("sound effects", 36,
    96, 2),
)  # fmt: skip
# Programs whose range or number of voices is their own.
_RANGES = {
    40: (55, 96, 2), 41: (48, 84, 2), 42: (36, 76, 2), 43: (28, 60, 1), 45: (36, 88, 3), 46: (24, 100, 6),
    47: (36, 57, 1), 52: (40, 81, 4), 53: (48, 84, 1), 54: (48, 84, 1), 56: (54, 84, 1), 57: (40, 72, 1),
    58: (26, 58, 1), 59: (54, 84, 1), 60: (41, 77, 1), 61: (43, 84, 4), 62: (40, 84, 4), 63: (40, 84, 4),
    64: (54, 88, 1), 65: (49, 81, 1), 66: (44, 76, 1), 67: (36, 69, 1), 68: (58, 91, 1), 69: (52, 81, 1),
    70: (34, 72, 1), 71: (50, 91, 1), 72: (74, 105, 1), 73: (60, 96, 1), 21: (41, 89, 5), 22: (55, 89, 2),
    23: (41, 89, 4), 109: (58, 81, 1), 110: (55, 96, 2), 38: (26, 60, 1), 39: (26, 60, 1),
}  # fmt: skip
NAMES = (
    "piano", "bright piano", "electric grand", "honky-tonk piano", "electric piano", "electric piano 2",
    "harpsichord", "clavinet", "celesta", "glockenspiel", "music box", "vibraphone", "marimba", "xylophone",
    "bells", "dulcimer", "drawbar organ", "percussive organ", "organ", "church organ", "reed organ",
    "accordion",
    "harmonica", "bandoneon", "nylon guitar", "guitar", "jazz guitar", "clean guitar", "muted guitar",
    "overdriven guitar", "distortion guitar", "guitar harmonics", "acoustic bass", "bass", "pick bass",
    "fretless bass", "slap bass", "slap bass 2", "synth bass", "synth bass 2", "violin", "viola", "cello",
    "contrabass", "tremolo strings", "pizzicato", "harp", "timpani", "strings", "slow strings",
    "synth strings",
    "synth strings 2", "choir", "voice", "synth voice", "orchestra hit", "trumpet", "trombone", "tuba",
    "muted trumpet", "horn", "brass", "synth brass", "synth brass 2", "soprano saxophone", "alto saxophone",
    "saxophone", "baritone saxophone", "oboe", "english horn", "bassoon", "clarinet", "piccolo", "flute",
    "recorder", "pan flute", "bottle", "shakuhachi", "whistle", "ocarina", "square lead", "lead synth",
    "calliope", "chiff lead", "charang", "voice lead", "fifths lead", "bass and lead", "synth pad",
    "warm pad",
    "polysynth", "choir pad", "bowed pad", "metallic pad", "halo pad", "sweep pad", "rain", "soundtrack",
    "crystal", "atmosphere", "brightness", "goblins", "echoes", "sci-fi", "sitar", "banjo", "shamisen",
    "koto",
    "kalimba", "bagpipe", "fiddle", "shanai", "tinkle bell", "agogo", "steel drums", "woodblock",
    "percussion",
    "melodic tom", "synth drum", "reverse cymbal", "fret noise", "breath noise", "seashore", "bird tweet",
    "telephone", "helicopter", "applause", "gunshot",
)  # fmt: skip
ALIASES = {
    "drum": "drums", "drum kit": "drums", "double bass": "acoustic bass", "upright bass": "acoustic bass",
    "bass guitar": "bass", "electric bass": "bass", "electric guitar": "clean guitar",
    "steel guitar": "guitar",
    "acoustic guitar": "guitar", "classical guitar": "nylon guitar", "spanish guitar": "nylon guitar",
    "sax": "saxophone", "tenor saxophone": "saxophone", "alto sax": "alto saxophone",
    "tenor sax": "saxophone",
    "french horn": "horn", "string section": "strings", "vocals": "voice", "vocal": "voice",
    "singer": "voice",
    "soprano": "voice", "rhodes": "electric piano", "synth": "lead synth", "synthesizer": "lead synth",
    "pad": "synth pad", "pads": "synth pad", "lead": "lead synth", "keys": "electric piano",
    "vibes": "vibraphone",
    "tubular bells": "bells", "pipes": "bagpipe", "bagpipes": "bagpipe", "pipe organ": "church organ",
    "hammond": "organ", "brass section": "brass", "contra bass": "contrabass", "chorus voices": "choir",
    "grand piano": "piano", "upright piano": "honky-tonk piano", "tin whistle": "whistle",
    "squeezebox": "accordion",
}  # fmt: skip


def instrument(name: str) -> Instrument | None:
    """The instrument of a name or an alias, in the singular or the plural, or None."""
    wanted = ALIASES.get(name, name)
    if wanted == "drums":
        return Instrument("drums", 0, True, 35, 81, 6)
    for candidate in (wanted, wanted.removesuffix("s"), wanted.removesuffix("es")):
        candidate = ALIASES.get(candidate, candidate)
        if candidate in NAMES:
            return of_program(NAMES.index(candidate))
    return None


def of_program(program: int) -> Instrument:
    """The pitched instrument of a General MIDI program, 0 to 127."""
    _, low, high, voices = _FAMILIES[program // 8]
    low, high, voices = _RANGES.get(program, (low, high, voices))
    return Instrument(NAMES[program], program, False, low, high, voices)
