"""What is a piece built of: key, tempo, bars, phrases, sections that return, and chords?

Everything is found from the notes alone, the same each time, fast enough for every file of a corpus. It is a
reading, not the truth: the model's plans are learnt from it, and no right depends on it.

Shapes: N notes, H halves of bars, B bars, K keys, C chords.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import ModelError
from model.plan import CHORD_QUALITIES, CHORD_TONES
from model.score import DURATION, GRID, PITCH, START, Notes, Score
from model.sections import PHRASE_BARS, Section, find_sections, unit_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_BARS = 4096
BASS_WEIGHT = 0.35
_NAMES = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
# How well each pitch class fits a key on C, by listeners' ratings.
# Source: C. L. Krumhansl and E. J. Kessler, Psychological Review 89 (1982), probe-tone profiles.
_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


@dataclass(frozen=True)
class Bar:
    """One bar: where it starts on the grid, and its metre."""

    start_steps: int
    numerator: int
    denominator: int


@dataclass(frozen=True)
class Span:
    """Bars `bar_start` up to, and without, `bar_end`."""

    bar_start: int
    bar_end: int


@dataclass(frozen=True)
class Analysis:
    """A reading of a piece. `chords` has two codes a bar: 0 for none, else 1 + 10 x root + quality."""

    key: str
    tempo_bpm: int
    bars: tuple[Bar, ...]
    phrases: tuple[Span, ...]
    sections: tuple[Section, ...]
    chords: tuple[int, ...]


def analyse(score: Score) -> Analysis:
    """The reading of a score; the same score gives the same reading.

    Args:
        score: on the grid.

    Raises:
        ModelError: the score is not on the grid, has no notes, or more than 4,096 bars.
    """
    if score.ticks_per_quarter != GRID:
        raise ModelError(
            f"{score.ticks_per_quarter} steps to a quarter, not {GRID}: quantise the score first"
        )
    if not score.num_notes:
        raise ModelError("the score has no notes to read")
    bars = find_bars(score)
    starts = np.array([bar.start_steps for bar in bars] + [_bar_end(bars[-1])], dtype=np.int64)
    pitched = _joined([track.notes for track in score.tracks if not track.is_drum])
    halves = np.sort(np.concatenate([starts[:-1], (starts[:-1] + starts[1:]) // 2]))
    chroma_H12, bass_H = _chroma(pitched, np.append(halves, starts[-1]))
    sections = find_sections(_bar_features(score, starts, chroma_H12))
    return Analysis(
        key=find_key(chroma_H12.sum(axis=0)),
        tempo_bpm=_usual_tempo(score),
        bars=bars,
        phrases=tuple(_phrases(sections)),
        sections=sections,
        chords=find_chords(chroma_H12, bass_H),
    )


def find_bars(score: Score) -> tuple[Bar, ...]:
    """The bars from the first step to the end of the last note; a new metre begins a new bar."""
    bars: list[Bar] = []
    changes = sorted(
        {metre.start_ticks: metre for metre in score.metres}.values(), key=lambda m: m.start_ticks
    )
    end = max(score.end_ticks, 1)
    for index, metre in enumerate(changes):
        start = metre.start_ticks if index else 0
        stop = changes[index + 1].start_ticks if index + 1 < len(changes) else end
        while start < min(stop, end):
            bar = Bar(start, metre.numerator, metre.denominator)
            bars.append(bar)
            start = _bar_end(bar)
            if len(bars) > MAX_BARS:
                raise ModelError(f"the score has more than {MAX_BARS} bars, more than 12 minutes need")
    return tuple(bars)


def _bar_end(bar: Bar) -> int:
    return bar.start_steps + max(1, bar.numerator * 4 * GRID // bar.denominator)


def _usual_tempo(score: Score) -> int:
    """The tempo that holds longest, in whole beats a minute."""
    edges = [tempo.start_ticks for tempo in score.tempos[1:]] + [max(score.end_ticks, 1)]
    lasting: dict[int, int] = {}
    for tempo, end in zip(score.tempos, edges, strict=True):
        bpm = (tempo.bpm_milli + 500) // 1000
        lasting[bpm] = lasting.get(bpm, 0) + max(end - tempo.start_ticks, 0)
    return max(lasting, key=lambda bpm: (lasting[bpm], -bpm)) if lasting else 120


def _joined(tables: list[Notes]) -> Notes:
    return np.concatenate(tables) if tables else np.zeros((0, 4), np.int32)


def _chroma(notes: Notes, edges: Ints) -> tuple[Floats, Ints]:
    """How long each pitch class sounds between two edges (H, 12), and the lowest pitch there (H,), or 128."""
    chroma_H12 = np.zeros((len(edges) - 1, 12))
    bass_H = np.full(len(edges) - 1, 128, dtype=np.int64)
    if not len(notes):
        return chroma_H12, bass_H
    start = notes[:, START].astype(np.int64)
    end = np.minimum(start + notes[:, DURATION], edges[-1])
    first = np.searchsorted(edges, start, side="right") - 1
    last = np.maximum(np.searchsorted(edges, end, side="left"), first + 1)
    counts = last - first
    note = np.repeat(np.arange(len(notes)), counts)
    half = np.arange(len(note)) - np.repeat(np.cumsum(counts) - counts, counts) + first[note]
    inside = half < len(edges) - 1
    note, half = note[inside], half[inside]
    overlap = np.minimum(end[note], edges[half + 1]) - np.maximum(start[note], edges[half])
    np.add.at(chroma_H12, (half, notes[note, PITCH] % 12), np.maximum(overlap, 0))
    np.minimum.at(bass_H, half, notes[note, PITCH])
    return chroma_H12, bass_H


def find_key(chroma_12: Floats) -> str:
    """The key whose profile correlates best with the sounding time of each pitch class.

    Source: C. L. Krumhansl, Cognitive Foundations of Musical Pitch (1990), chapter 4.
    """
    if not chroma_12.any():
        return "C major"
    fit_K = np.round(_PROFILES_K12 @ _standard(chroma_12), 9)
    mode, tonic = _KEYS[int(np.argmax(fit_K))]  # the first of the best: major before minor, then by tonic
    return f"{_NAMES[mode][tonic]} {mode}"


def _standard(values_12: Floats) -> Floats:
    """The values about their mean, of length one: the product of two such rows is their correlation."""
    centred = values_12 - values_12.mean()
    scale = float(np.linalg.norm(centred))
    return np.asarray(centred / scale if scale else np.zeros(12))


_KEYS = [(mode, tonic) for mode in ("major", "minor") for tonic in range(12)]
_PROFILES_K12 = np.array([_standard(np.roll(np.array(_PROFILES[mode]), tonic)) for mode, tonic in _KEYS])


def find_chords(chroma_H12: Floats, bass_H: Ints) -> tuple[int, ...]:
    """The chord of each half bar: the one whose tones sound most and whose root is in the bass."""
    norms = np.linalg.norm(chroma_H12, axis=1, keepdims=True)
    fit = (chroma_H12 / np.where(norms > 0, norms, 1.0)) @ _TEMPLATES_C12.T
    fit += BASS_WEIGHT * (bass_H[:, None] % 12 == _ROOTS_C[None, :]) * (bass_H[:, None] < 128)
    best = np.argmax(np.round(fit, 9), axis=1)
    codes: list[int] = np.where(norms[:, 0] > 0, 1 + best, 0).tolist()
    return tuple(codes)


def _template(root: int, name: str) -> Floats:
    tones = [(root + tone) % 12 for tone in CHORD_TONES[name]]
    template = np.zeros(12)
    template[tones] = 1.0
    return template / np.linalg.norm(template)


_TEMPLATES_C12 = np.array([_template(root, name) for root in range(12) for name in CHORD_QUALITIES])
_ROOTS_C = np.repeat(np.arange(12), len(CHORD_QUALITIES))


def _bar_features(score: Score, starts: Ints, chroma_H12: Floats) -> Floats:
    """A bar as a vector (B, F): its chroma by half, where its notes begin, and which tracks play."""
    num_bars = len(starts) - 1
    chroma = chroma_H12.reshape(num_bars, 24)
    onsets, playing = np.zeros((num_bars, 16)), np.zeros((num_bars, len(score.tracks)))
    for index, track in enumerate(score.tracks):
        bar = np.searchsorted(starts, track.notes[:, START], side="right") - 1
        within = bar < num_bars
        bar, start = bar[within], track.notes[within, START]
        place = (start - starts[bar]) * 16 // np.maximum(starts[bar + 1] - starts[bar], 1)
        np.add.at(onsets, (bar, np.minimum(place, 15)), 1)
        np.add.at(playing, (bar, np.full(len(bar), index)), 1)
    parts = (1.0, unit_rows(chroma)), (0.5, unit_rows(np.sqrt(onsets))), (0.7, unit_rows(np.sqrt(playing)))
    return np.concatenate([weight * part for weight, part in parts], axis=1)


def _phrases(sections: tuple[Section, ...]) -> list[Span]:
    """Four bars each, within their section; a rest of fewer bars belongs to the phrase before it."""
    phrases: list[Span] = []
    for section in sections:
        count = max(1, (section.bar_end - section.bar_start) // PHRASE_BARS)
        starts = [section.bar_start + PHRASE_BARS * index for index in range(count)]
        ends = [*starts[1:], section.bar_end]
        phrases += [Span(start, end) for start, end in zip(starts, ends, strict=True)]
    return phrases
