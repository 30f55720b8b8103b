"""How is a piece cut into examples, and what does the network see of one?

Shapes: T events, F columns.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from model.analysis import Analysis
from model.events import MAX_BAR_STEPS, Ints, Note, bar_steps, fit_tracks, notes_of
from model.genres import family_of
from model.plan import (
    MAX_PHRASES,
    PLAN_ROWS,
    Column,
    SectionPlan,
    SongPlan,
    TrackPlan,
    event_rows,
    fit_sections,
    fit_spans,
    plan_rows,
)
from model.score import Score

Counts = npt.NDArray[np.integer[Any]]

MAX_EVENTS = 512


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Bars `bar_start` up to `bar_end` of a piece: the plan of the whole and the notes of these bars."""

    plan: SongPlan
    bar_start: int
    bar_end: int
    notes: Ints

    @property
    def num_events(self) -> int:
        """Number of events, markers among them."""
        return len(self.notes) + self.bar_end - self.bar_start + (self.bar_end == self.plan.num_bars)


def excerpts(
    score: Score, analysis: Analysis, genre: str = "", max_events: int = MAX_EVENTS
) -> list[Excerpt]:
    """The excerpts of a piece, of about equal size, none with more than `max_events` events.

    A bar that is too long to be written (over 8 quarters) or too full is in no excerpt. Excerpts without a
    note are left out, so a piece without notes gives none.

    Args:
        score: on the grid.
        analysis: of this score.
        genre: a slug out of `model.genres`, or empty.
    """
    score = fit_tracks(score)
    starts = np.array([bar.start_steps for bar in analysis.bars], dtype=np.int32)
    notes = notes_of(score, starts)
    plan = plan_of(score, analysis, notes, genre)
    return cut(plan, notes, max_events)


def cut(plan: SongPlan, notes: Ints, max_events: int = MAX_EVENTS) -> list[Excerpt]:
    """The excerpts of a piece whose plan and notes are known."""
    sizes = 1 + np.bincount(notes[:, Note.BAR], minlength=plan.num_bars)
    sizes[-1] += 1
    lengths = np.array([bar_steps(*metre) for metre in plan.metres])
    readable = (sizes <= max_events) & (lengths <= MAX_BAR_STEPS)
    spans = [span for run in _runs(readable) for span in _shares(sizes, run, max_events)]
    found = []
    for start, end in spans:
        first, last = np.searchsorted(notes[:, Note.BAR], [start, end])
        if last > first:
            found.append(Excerpt(plan, start, end, notes[first:last]))
    return found


def _runs(wanted: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wanted.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _shares(sizes: Counts, run: tuple[int, int], max_events: int) -> list[tuple[int, int]]:
    """The bars of a run cut into as few pieces as fit, about equally large."""
    sums = np.concatenate([[0], np.cumsum(sizes[run[0] : run[1]])])
    for count in range(-(-int(sums[-1]) // max_events), len(sums)):
        aims = sums[-1] * np.arange(count + 1) / count
        edges = sorted({int(np.abs(sums - aim).argmin()) for aim in aims})
        if np.diff(sums[edges]).max() <= max_events:
            break
    else:
        edges = list(range(len(sums)))  # bar by bar, which fits
    return [(run[0] + start, run[0] + end) for start, end in pairwise(edges)]


def plan_of(score: Score, analysis: Analysis, notes: Ints, genre: str) -> SongPlan:
    """The plan that a score fulfils, as its analysis shows it.

    Args:
        notes: the score's notes in event order.
    """
    metres = tuple((bar.numerator, bar.denominator) for bar in analysis.bars)
    counts = np.bincount(notes[:, Note.BAR], minlength=len(metres))
    sections = [
        SectionPlan(s.label, s.bar_start, s.bar_end, s.repeats, _energy(counts, s.bar_start, s.bar_end))
        for s in analysis.sections
    ]
    phrases = fit_spans([(span.bar_start, span.bar_end) for span in analysis.phrases], MAX_PHRASES)
    tracks = tuple(
        _track_plan(notes[notes[:, Note.TRACK] == index], track.program, track.is_drum, len(metres))
        for index, track in enumerate(score.tracks)
    )
    chords = tuple(int(code) for code in analysis.chords)
    return SongPlan(
        genre, family_of(genre), analysis.key, analysis.tempo_bpm, metres, tracks, fit_sections(sections),
        tuple(phrases), chords,
    )  # fmt: skip


def _energy(counts: Counts, start: int, end: int) -> int:
    """One to five: how many notes a section's bars have beside the piece's; three is as many."""
    mean = counts.mean()
    return int(np.clip(round(3 + 2 * np.log2(max(counts[start:end].mean(), 0.1) / max(mean, 0.1))), 1, 5))


def _track_plan(notes: Ints, program: int, is_drum: bool, num_bars: int) -> TrackPlan:
    density = int(np.clip(round(3 + np.log2(max(len(notes) / num_bars, 1e-3))), 1, 8))
    register = 0 if is_drum or not len(notes) else int(np.clip(1 + notes[:, Note.PITCH].mean() // 11, 1, 12))
    return TrackPlan(program, is_drum, register, density)


def without_track(excerpt: Excerpt, track: int) -> Excerpt:
    """The excerpt as if the piece had one track less."""
    plan = excerpt.plan
    others = tuple(other for place, other in enumerate(plan.tracks) if place != track)
    notes = excerpt.notes[excerpt.notes[:, Note.TRACK] != track]
    notes[:, Note.TRACK] -= notes[:, Note.TRACK] > track
    return replace(excerpt, plan=replace(plan, tracks=others), notes=notes)


def encode_example(excerpt: Excerpt, max_events: int = MAX_EVENTS) -> Ints:
    """The excerpt as the one matrix that the network takes: plan rows, event rows, rows of zeros.

    Returns:
        An array (PLAN_ROWS + max_events, number of columns).
    """
    rows = np.zeros((PLAN_ROWS + max_events, len(Column)), dtype=np.int32)
    events = event_rows(excerpt.plan, excerpt.notes, excerpt.bar_start, excerpt.bar_end)
    rows[:PLAN_ROWS] = plan_rows(excerpt.plan)
    rows[PLAN_ROWS : PLAN_ROWS + len(events)] = events
    return rows
