"""Where in a piece does it lean on which works, and on which bars of them?

A piece is asked phrase by phrase, and each phrase once more for every track that plays in it: of the notes of
that track alone, among all others. What a track leaned on is what its phrases leaned on together. Where every
bar is to be told apart, each phrase is also asked bar by bar, of one bar after those before it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from torch import Tensor

from model.events import Note
from model.excerpts import Excerpt
from model.instruments import of_program
from model.plan import Column, TrackPlan
from provenance.attribution.influences import QueryInfluences, Segment
from provenance.composer_index import CorpusExamples, Source, asking_matrices, matrices_of

QUERY_BARS = 4
NAMED_WORKS = 8  # of a segment or a track
NAMED_WORKS_OF_CELL = 3  # of one track in one phrase
SOURCES = 3  # works of a segment whose bars are named

Span = tuple[int, int, int]


class Unit(StrEnum):
    """Of which spans of bars it is said what they leaned on."""

    PHRASE = "phrase"
    BAR = "bar"


@dataclass(frozen=True)
class PartShares:
    """What a part of a piece leaned on: the strongest works, all others together, what nobody can be given.

    The three are the whole.
    """

    shares: tuple[tuple[str, int], ...]
    others_ppm: int
    unattributed_ppm: int

    @classmethod
    def of(cls, segment: Segment, most: int) -> "PartShares":
        """The shares of a part, of which at most so many are named."""
        named = tuple((str(owner), share_ppm) for owner, share_ppm in segment.shares[:most])
        others_ppm = sum(share_ppm for _, share_ppm in segment.shares[most:])
        return cls(named, others_ppm, segment.unattributed_ppm)

    def to_json(self) -> dict[str, Any]:
        """The shares as they are written down."""
        return {
            "shares": [[work, share_ppm] for work, share_ppm in self.shares],
            "others_ppm": self.others_ppm,
            "unattributed_ppm": self.unattributed_ppm,
        }


@dataclass(frozen=True)
class SegmentShares:
    """What bars `bar_start` up to `bar_end` leaned on, and the bars of the leading works that did most."""

    bar_start: int
    bar_end: int
    parts: PartShares
    sources: tuple[tuple[str, Source], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The segment as it is written down."""
        sources = [{"work_id": work, **asdict(source)} for work, source in self.sources]
        told = {"bar_start": self.bar_start, "bar_end": self.bar_end, **self.parts.to_json()}
        return {**told, "source_bars": sources} if sources else told


@dataclass(frozen=True)
class TrackShares:
    """What the notes of one track leaned on, as a whole and in each phrase in which it plays."""

    track: int
    name: str
    program: int
    parts: PartShares
    segments: tuple[SegmentShares, ...]

    def to_json(self) -> dict[str, Any]:
        """The track as it is written down."""
        named = {"track": self.track, "name": self.name, "program": self.program}
        segments = [segment.to_json() for segment in self.segments]
        return {**named, **self.parts.to_json(), "segments": segments}


@dataclass(frozen=True, eq=False)
class Questions:
    """What is asked about a piece: its phrases, then tracks in them, then bars of them.

    Args:
        cells: the phrase and the track of each question about a track that plays in it.
        bars: the phrase and the bar of each question about a bar; none where phrases are enough.
    """

    phrases: tuple[Excerpt, ...]
    cells: tuple[tuple[int, int], ...]
    bars: tuple[tuple[int, int], ...] = ()

    def matrices(self, max_events: int) -> list[Tensor]:
        """The questions as the model takes them."""
        found = [matrices_of(self.phrases, max_events)]
        for column, asked in ((Column.TRACK, self.cells), (Column.BAR, self.bars)):
            if asked:
                excerpts = [self.phrases[place] for place, _ in asked]
                values = [value for _, value in asked]
                found.append(asking_matrices(excerpts, column, values, max_events))
        return found

    @property
    def phrase_spans(self) -> list[Span]:
        """The question about each phrase, with its first bar and the one after its last."""
        return [(place, phrase.bar_start, phrase.bar_end) for place, phrase in enumerate(self.phrases)]

    @property
    def bar_spans(self) -> list[Span]:
        """The same for each bar that is asked about."""
        first = len(self.phrases) + len(self.cells)
        return [(first + place, bar, bar + 1) for place, (_, bar) in enumerate(self.bars)]


@dataclass(frozen=True)
class Where:
    """The phrases of a piece, its bars where they were asked about, and its tracks: what each leaned on."""

    phrases: tuple[SegmentShares, ...]
    bars: tuple[SegmentShares, ...]
    tracks: tuple[TrackShares, ...]


def questions_of(found: Sequence[Excerpt], by: Unit = Unit.PHRASE) -> Questions:
    """All that is asked about a piece."""
    phrases = phrases_of(found)
    cells = [
        (place, int(track))
        for place, phrase in enumerate(phrases)
        for track in np.unique(phrase.notes[:, Note.TRACK])
    ]
    if by is Unit.PHRASE:
        return Questions(tuple(phrases), tuple(cells))
    bars = [
        (place, bar)
        for place, phrase in enumerate(phrases)
        for bar in range(phrase.bar_start, phrase.bar_end)
    ]
    return Questions(tuple(phrases), tuple(cells), tuple(bars))


def phrases_of(found: Sequence[Excerpt]) -> list[Excerpt]:
    """The excerpts cut into spans of four bars, each of which is asked about by itself."""
    spans = []
    for excerpt in found:
        for start in range(excerpt.bar_start, excerpt.bar_end, QUERY_BARS):
            end = min(start + QUERY_BARS, excerpt.bar_end)
            first, last = np.searchsorted(excerpt.notes[:, Note.BAR], [start, end])
            if last > first:
                spans.append(Excerpt(excerpt.plan, start, end, excerpt.notes[first:last]))
    return spans


def where_of(asked: Questions, found: QueryInfluences, examples: CorpusExamples) -> Where:
    """The answers to all questions, put together by bars and by track."""
    phrases, bars = (
        tuple(_segment(found, examples, *span) for span in spans)
        for spans in (asked.phrase_spans, asked.bar_spans)
    )
    tracks = enumerate(asked.phrases[0].plan.tracks)
    return Where(phrases, bars, tuple(_track(asked, found, index, track) for index, track in tracks))


def bars_text(bar_start: int, bar_end: int) -> str:
    """Bars as people count them: from 1, the last one included."""
    return f"{bar_start + 1} to {bar_end}" if bar_end > bar_start + 1 else f"{bar_end}"


def _segment(
    found: QueryInfluences, examples: CorpusExamples, query: int, bar_start: int, bar_end: int
) -> SegmentShares:
    segment = found.segment([query])
    sources = tuple(
        (str(work), examples.source(found.leading_example(query, work)))
        for work, _ in segment.shares[:SOURCES]
    )
    return SegmentShares(bar_start, bar_end, PartShares.of(segment, NAMED_WORKS), sources)


def _track(asked: Questions, found: QueryInfluences, index: int, track: TrackPlan) -> TrackShares:
    places = [
        (len(asked.phrases) + place, asked.phrases[phrase])
        for place, (phrase, cell_track) in enumerate(asked.cells)
        if cell_track == index
    ]
    return TrackShares(
        index,
        "drums" if track.is_drum else of_program(track.program).name,
        track.program,
        PartShares.of(found.segment([query for query, _ in places]), NAMED_WORKS),
        tuple(
            SegmentShares(
                phrase.bar_start, phrase.bar_end, PartShares.of(found.segment([query]), NAMED_WORKS_OF_CELL)
            )
            for query, phrase in places
        ),
    )
