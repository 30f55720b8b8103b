"""What does a person ask for, and which of their words were understood?"""

import re
from dataclasses import dataclass, field, replace

from model.errors import PromptError
from model.events import MAX_TRACKS
from model.genres import GENRE_SLUGS
from model.instruments import ALIASES, NAMES, instrument
from model.plan import METRES, parse_key

MAX_MINUTES = 12.0


@dataclass(frozen=True)
class Mood:
    """What a mood asks of a piece: mode, tempo in per cent of the usual, more or fewer notes."""

    minor: bool | None
    tempo_percent: int
    energy: int


MOODS: dict[str, Mood] = {
    "happy": Mood(False, 110, 1), "joyful": Mood(False, 112, 1), "cheerful": Mood(False, 108, 1),
    "bright": Mood(False, 105, 0), "playful": Mood(False, 110, 0), "uplifting": Mood(False, 106, 1),
    "triumphant": Mood(False, 100, 1), "epic": Mood(True, 95, 1),
    "tender": Mood(False, 82, -1), "peaceful": Mood(False, 80, -1), "calm": Mood(False, 80, -1),
    "relaxing": Mood(False, 80, -1), "dreamy": Mood(False, 82, -1), "warm": Mood(False, 92, 0),
    "nostalgic": Mood(True, 88, 0), "melancholic": Mood(True, 82, -1), "sad": Mood(True, 78, -1),
    "dark": Mood(True, 92, 0), "mysterious": Mood(True, 88, -1), "tense": Mood(True, 108, 1),
    "angry": Mood(True, 115, 1), "aggressive": Mood(True, 115, 1), "energetic": Mood(None, 112, 1),
    "driving": Mood(None, 108, 1), "solemn": Mood(True, 80, 0), "gentle": Mood(False, 85, -1),
}  # fmt: skip
SECTIONS = (
    "intro",
    "verse",
    "prechorus",
    "chorus",
    "bridge",
    "solo",
    "breakdown",
    "drop",
    "interlude",
    "outro",
)
_GENRE_WORDS = {
    "drum and bass": "drum_and_bass", "dnb": "drum_and_bass", "r&b": "rnb", "hiphop": "hip_hop",
    "rap": "hip_hop",
    "bossa": "bossa_nova", "cool jazz": "cool_jazz", "jazz": "swing", "big band": "big_band",
    "indie": "indie_rock",
    "edm": "house", "lofi": "downtempo", "lo-fi": "downtempo", "retro wave": "synthwave",
    "synth wave": "synthwave",
    "singer-songwriter": "singer_songwriter", "irish": "celtic", "metal": "hard_rock", "chorale": "hymn",
    "minimal": "minimalism", "orchestral": "romantic", "choral": "sacred", "waltz": "romantic",
}  # fmt: skip
_TEMPO_WORDS = {
    "slow": 70, "largo": 50, "adagio": 66, "andante": 84, "moderate": 104, "moderato": 108, "allegretto": 116,
    "allegro": 132, "fast": 144, "vivace": 160, "presto": 176, "upbeat": 124, "midtempo": 100,
}  # fmt: skip
_SILENT = frozenset({
    "a", "an", "the", "and", "with", "of", "for", "in", "at", "on", "to", "by", "some", "piece", "song",
    "track", "tune", "music", "arrangement", "key", "tempo", "time", "feel", "style", "like", "please",
    "make", "me", "write", "compose", "that", "is", "it", "bpm", "minute", "minutes", "min", "long", "mood",
    "featuring", "form", "structure", "about", "around", "using", "played",
})  # fmt: skip


@dataclass(frozen=True)
class Prompt:
    """What is asked for; what is None or empty is the composer's choice.

    `structure` names sections in order: letters, or words such as verse and chorus.
    """

    genre: str | None = None
    mood: str | None = None
    instruments: tuple[str, ...] = ()
    tempo_bpm: int | None = None
    key: str | None = None
    metre: tuple[int, int] | None = None
    structure: tuple[str, ...] = ()
    minutes: float | None = None


def check_prompt(prompt: Prompt) -> None:
    """Nothing, if all that is asked for can be given.

    Raises:
        PromptError: something cannot; the message names all of it and what there is instead.
    """
    faults = []
    if prompt.genre is not None and prompt.genre not in GENRE_SLUGS:
        faults.append(f"no genre {prompt.genre!r}; there are {', '.join(GENRE_SLUGS)}")
    if prompt.mood is not None and prompt.mood not in MOODS:
        faults.append(f"no mood {prompt.mood!r}; there are {', '.join(MOODS)}")
    unknown = [name for name in prompt.instruments if instrument(name) is None]
    if unknown:
        faults.append(
            f"no instrument {', '.join(unknown)}; General MIDI names are known, such as piano or violin"
        )
    if len(prompt.instruments) > MAX_TRACKS:
        faults.append(f"{len(prompt.instruments)} instruments, at most {MAX_TRACKS} play together")
    if prompt.tempo_bpm is not None and not 20 <= prompt.tempo_bpm <= 300:
        faults.append(f"tempo {prompt.tempo_bpm}, expected 20 to 300 beats a minute")
    if prompt.metre is not None and prompt.metre not in METRES:
        faults.append(f"metre {prompt.metre[0]}/{prompt.metre[1]}, which the grid does not have")
    if prompt.minutes is not None and not 0 < prompt.minutes <= MAX_MINUTES:
        faults.append(f"{prompt.minutes} minutes, expected more than 0 and at most {MAX_MINUTES:g}")
    faults += _key_faults(prompt.key)
    if faults:
        raise PromptError("; ".join(faults))


def _key_faults(key: str | None) -> list[str]:
    if key is None:
        return []
    try:
        parse_key(key)
    except ValueError as error:
        return [str(error)]
    return []


@dataclass
class _Sentence:
    """A sentence from which what was understood is taken out, part by part."""

    text: str
    prompt: Prompt = field(default_factory=Prompt)

    def take(self, pattern: str, flags: int = re.IGNORECASE) -> re.Match[str] | None:
        """The first match, which is then no longer in the text."""
        match = re.search(pattern, self.text, flags)
        if match:
            self.text = f"{self.text[: match.start()]} , {self.text[match.end() :]}"
        return match


def parse_prompt(text: str) -> tuple[Prompt, tuple[str, ...]]:
    """What a sentence asks for, and the words of it that were not understood.

    `A sad folk waltz in E minor for fiddle and guitar, AABA, 90 bpm, 2 minutes`.
    """
    sentence = _Sentence(text.replace("♯", "#").replace("♭", "b"))
    for part in (_take_numbers, _take_key, _take_structure, _take_names):
        part(sentence)
    words = re.findall(r"[\w&#'/-]+", sentence.text)
    unknown = [word for word in words if word.lower() not in _SILENT]
    return sentence.prompt, tuple(unknown)


def _take_numbers(sentence: _Sentence) -> None:
    if match := sentence.take(r"(\d+(?:\.\d+)?)[\s-]*(min(?:ute)?s?|seconds?|secs?)\b"):
        amount = float(match[1]) / (1 if match[2].lower().startswith("m") else 60)
        sentence.prompt = replace(sentence.prompt, minutes=amount)
    if match := sentence.take(r"(\d{2,3})\s*bpm\b") or sentence.take(r"\btempo\s*(?:of\s*)?(\d{2,3})\b"):
        sentence.prompt = replace(sentence.prompt, tempo_bpm=int(match[1]))
    if match := sentence.take(r"\b(\d{1,2})/(\d{1,2})\b"):
        sentence.prompt = replace(sentence.prompt, metre=(int(match[1]), int(match[2])))
    elif re.search(r"\bwaltz\b", sentence.text, re.IGNORECASE):
        sentence.prompt = replace(sentence.prompt, metre=(3, 4))


def _take_key(sentence: _Sentence) -> None:
    match = sentence.take(r"\b([A-Ga-g])\s*(#|b|[\s-]flat|[\s-]sharp)?\s*(major|minor|maj|min)\b")
    if match:
        accidental = {"": "", "#": "#", "b": "b"}.get((match[2] or "").strip(" -"), "")
        accidental = "b" if match[2] and "flat" in match[2].lower() else accidental
        accidental = "#" if match[2] and "sharp" in match[2].lower() else accidental
        mode = "minor" if match[3].lower().startswith("min") else "major"
        sentence.prompt = replace(sentence.prompt, key=f"{match[1].upper()}{accidental} {mode}")


def _take_structure(sentence: _Sentence) -> None:
    words = "|".join(SECTIONS)
    if match := sentence.take(rf"\b(?:{words})s?(?:[\s,>-]+(?:{words})s?)+\b"):
        found = re.findall(words, match[0].lower())
        sentence.prompt = replace(sentence.prompt, structure=tuple(found))
    elif match := sentence.take(r"\b[A-H]{3,16}\b", 0) or sentence.take(r"\b[A-H](?:[ -][A-H])+\b", 0):
        sentence.prompt = replace(sentence.prompt, structure=tuple(re.findall("[A-H]", match[0])))


def _take_names(sentence: _Sentence) -> None:
    genres = {**{slug.replace("_", " "): slug for slug in GENRE_SLUGS}, **_GENRE_WORDS}
    names = {name: name for name in (*NAMES, *ALIASES, "drums")}
    # The longest name first, so that a bass guitar is not a bass and a guitar.
    first = _first_of(sentence, {word: word for word in MOODS})
    tempo = None if sentence.prompt.tempo_bpm else _first_of(sentence, {word: word for word in _TEMPO_WORDS})
    genre = _first_of(sentence, genres)
    found = []
    while (name := _first_of(sentence, names)) is not None:
        found.append(name)
    sentence.prompt = replace(
        sentence.prompt,
        mood=first,
        genre=genre,
        instruments=tuple(found),
        tempo_bpm=_TEMPO_WORDS[tempo] if tempo else sentence.prompt.tempo_bpm,
    )


def _first_of(sentence: _Sentence, names: dict[str, str]) -> str | None:
    ordered = sorted(names, key=len, reverse=True)
    pattern = rf"\b({'|'.join(re.escape(name) for name in ordered)})(?:e?s)?\b"
    match = sentence.take(pattern)
    return names[match[1].lower()] if match else None
