"""How does a prompt become the plan of a song?

Form, key, tempo, metre and tracks follow the prompt, and where it is silent what is usual in the genre.
Chords come from the network's harmonic stream, which goes by the plan alone here; a section that repeats
another has its chords.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from model.events import MAX_TRACKS, bar_steps
from model.genres import GENRES, Genre
from model.instruments import Instrument, instrument
from model.network import Composer
from model.plan import (
    CHORD_QUALITIES,
    CHORD_TONES,
    MAX_PHRASES,
    MAX_PLACE,
    MAX_SECTIONS,
    NUM_CHORDS,
    PLAN_ROWS,
    PLANNING_COLUMN,
    SONG_ROW,
    TONICS,
    SectionPlan,
    SongPlan,
    TrackPlan,
    chord_code,
    fit_spans,
    metre_value,
    plan_rows,
)
from model.prompt import MOODS, Mood, Prompt, check_prompt
from model.sampling import sample
from model.score import GRID
from model.streams import NUM_HARMONY, NUM_RHYTHM, Steps

Floats = npt.NDArray[np.float64]

DEFAULT_MINUTES = 1.0
MAX_SECTION_BARS = 24
SECTION_BARS = (1, 2, *range(4, 42, 2))
STAY = 1.0  # nats for keeping the chord in the second half of a bar
MOVE = 0.35  # nats against keeping it over the bar line, for each half bar that it has lasted
SCALES = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 10)}
_ENERGY = {"intro": 2, "outro": 2, "verse": 3, "prechorus": 3, "chorus": 4, "drop": 5, "bridge": 3, "solo": 4,
           "breakdown": 2, "interlude": 2}  # fmt: skip
_SHORT = ("intro", "outro", "interlude", "prechorus", "breakdown")
_PLAIN = Mood(None, 100, 0)


def plan_song(
    model: Composer, prompt: Prompt, rng: np.random.Generator
) -> tuple[SongPlan, tuple[Instrument, ...]]:
    """The plan that a prompt asks for, and the instrument of each track.

    Raises:
        PromptError: the prompt asks for what there is not.
    """
    check_prompt(prompt)
    genre = next((g for g in GENRES if g.slug == prompt.genre), None)
    usual = genre or GENRES[int(rng.integers(len(GENRES)))]
    mood = MOODS.get(prompt.mood or "", _PLAIN)
    tempo = prompt.tempo_bpm or _tempo(usual, mood)
    metre = prompt.metre or usual.metre
    key = prompt.key or _key(usual, mood, rng)
    sections = _sections(prompt.structure or tuple(usual.form.split()), tempo, metre, prompt.minutes, mood)
    ensemble = _ensemble(prompt.instruments or usual.ensemble)
    num_bars = sections[-1].bar_end
    phrases = [
        (start, min(start + 4, section.bar_end))
        for section in sections
        for start in range(section.bar_start, section.bar_end, 4)
    ]
    bare = SongPlan(
        usual.slug, usual.family, key, tempo, (metre,) * num_bars, _tracks(ensemble, mood), sections,
        tuple(fit_spans(phrases, MAX_PHRASES)), (0,) * (2 * num_bars),
    )  # fmt: skip
    return with_chords(model, bare, rng), ensemble


def _tempo(genre: Genre, mood: Mood) -> int:
    return (genre.tempo_low + genre.tempo_high) * mood.tempo_percent // 200


def _key(genre: Genre, mood: Mood, rng: np.random.Generator) -> str:
    minor = bool(rng.integers(100) < genre.minor_percent) if mood.minor is None else mood.minor
    return f"{TONICS[int(rng.integers(12))]} {'minor' if minor else 'major'}"


def _ensemble(names: tuple[str, ...]) -> tuple[Instrument, ...]:
    found = [instrument(name) for name in names[:MAX_TRACKS]]
    return tuple(item for item in found if item is not None)


def _tracks(ensemble: tuple[Instrument, ...], mood: Mood) -> tuple[TrackPlan, ...]:
    """The tracks; of several alike the first plays highest."""
    tracks = []
    for index, player in enumerate(ensemble):
        alike = [i for i, other in enumerate(ensemble) if other == player]
        low, high = player.low, player.high
        part = (alike.index(index) + 0.5) / len(alike)
        centre = high - (high - low) * (0.3 + 0.5 * part)
        register = 0 if player.is_drum else int(np.clip(1 + centre // 11, 1, 12))
        density = 6 if player.is_drum else 5 if player.voices < 4 or player.high < 64 else 4
        tracks.append(TrackPlan(player.program, player.is_drum, register, int(density + mood.energy)))
    return tuple(tracks)


def _sections(
    form: tuple[str, ...], tempo: int, metre: tuple[int, int], minutes: float | None, mood: Mood
) -> tuple[SectionPlan, ...]:
    """The sections of a form that last about the minutes asked for, in whole phrases of four bars."""
    wanted = (minutes or DEFAULT_MINUTES) * tempo * GRID / bar_steps(*metre)
    rounds = max(1, min(MAX_SECTIONS // len(form), round(wanted / (len(form) * MAX_SECTION_BARS) + 0.3)))
    names = [name.lower() if len(name) > 1 else name.upper() for name in form * rounds]
    unit = min(SECTION_BARS, key=lambda bars: (_misfit(names, bars, wanted), bars))
    letters = _letters(names)
    sections: list[SectionPlan] = []
    for name in names:
        start = sections[-1].bar_end if sections else 0
        first = names.index(name)
        energy = int(np.clip(_ENERGY.get(name, 3 + (name == "B")) + mood.energy, 1, 5))
        sections.append(
            SectionPlan(
                letters[name], start, start + _length(name, unit),
                None if first == len(sections) else first, energy,
            )
        )  # fmt: skip
    return tuple(sections)


def _letters(names: Sequence[str]) -> dict[str, str]:
    """The label of each section: a letter stands for itself, a word for the next letter that is free."""
    free = iter(sorted(set("ABCDEFGHIJKLMNOPQRSTUVWXYZ") - {name for name in names if len(name) == 1}))
    return {name: name if len(name) == 1 else next(free) for name in dict.fromkeys(names)}


def _length(name: str, unit: int) -> int:
    """The bars of a section where a full one has `unit`."""
    return max(1, unit // 2) if name in _SHORT else unit


def _misfit(names: Sequence[str], unit: int, wanted: float) -> float:
    """How far a form is from a length; a section that is not made of phrases of four bars counts as worse."""
    return abs(sum(_length(name, unit) for name in names) / wanted - 1) + (0.06 if unit % 4 else 0)


def with_chords(model: Composer, plan: SongPlan, rng: np.random.Generator, *, known: int = 0) -> SongPlan:
    """The plan with chords that the harmonic stream expects, those of repeated bars repeated.

    Args:
        known: how many chords of the plan's beginning stay.
    """
    values = plan.chord_values.flatten().astype(np.int64)
    rows = plan_rows(plan)
    rows[SONG_ROW, PLANNING_COLUMN] = 1
    with torch.no_grad():
        song_ND = model.plan(torch.from_numpy(rows[:PLAN_ROWS])[None].long()).song_ND
        memory, logits = model.streams.empty_memory(), None
        for step in range(len(values)):
            if step >= known:
                values[step] = _chord(plan, values, step, logits, rng)
            states, memory = model.streams.advance(
                _silent_step(model, plan, step, values[step]), song_ND, memory
            )
            logits = model.streams.next_chord(states.harmony)[0, 0].double().numpy()
    new = tuple(chord_code(int(value), plan.tonic) for value in values[known:])
    chords = plan.chords[:known] + new
    return SongPlan(
        plan.genre, plan.family, plan.key, plan.tempo_bpm, plan.metres, plan.tracks, plan.sections,
        plan.phrases, chords,
    )  # fmt: skip


def _chord(
    plan: SongPlan,
    values: npt.NDArray[np.int64],
    step: int,
    logits: Floats | None,
    rng: np.random.Generator,
) -> int:
    bar, half = divmod(step, 2)
    source = int(plan.sources_of_bars[bar])
    tonic = 2 + CHORD_QUALITIES.index("min" if plan.is_minor else "maj")
    if logits is None or bar == plan.num_bars - 1:
        return tonic
    if source >= 0:
        return int(values[2 * source + half])
    bias = _chord_bias(plan.is_minor)
    before = values[max(0, step - 8) : step][::-1]
    same = int(
        np.argmax(np.append(before != before[0], True))
    )  # half bars of the last chord without a change
    bias[before[0]] += STAY if half else -MOVE * same
    return sample(logits + bias, rng, temperature=1.0, top_p=0.92)


def _chord_bias(is_minor: bool) -> Floats:
    """Chords outside the key are rare, and 'not said' is no chord."""
    scale = {*SCALES[is_minor], *([11] if is_minor else [])}
    bias = np.full(NUM_CHORDS, -3.0)
    bias[:2] = -1e9
    for root in range(12):
        for quality, name in enumerate(CHORD_QUALITIES):
            if all((root + tone) % 12 in scale for tone in CHORD_TONES[name]):
                bias[2 + root * len(CHORD_QUALITIES) + quality] = (
                    0 if name not in ("aug", "dim7", "sus4") else -1
                )
    return bias


def _silent_step(model: Composer, plan: SongPlan, step: int, chord: int) -> Steps:
    bar, half = divmod(step, 2)
    start, end = plan.phrases[plan.phrases_of_bars[bar]]
    place, left = min(bar - start, MAX_PLACE - 1), min(end - 1 - bar, MAX_PLACE - 1)
    length = bar_steps(*plan.metres[bar])
    zeros = model.head.base.weight.new_zeros
    return Steps(
        zeros(1, 1, NUM_HARMONY),
        zeros(1, 1, NUM_RHYTHM),
        torch.tensor([[chord]]),
        torch.tensor([[2 * metre_value(plan.metres[bar]) + half]]),
        torch.tensor([[MAX_PLACE * place + left]]),
        torch.tensor([[int(plan.bar_starts[bar]) + half * length // 2]]),
    )
