"""From an attribution to what the report shows of it by bar and by track, and to files to listen to."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.files import write_atomically
from console.report.values import Cell, SourceRow, TrackRow
from console.steps.attributing import Attributed
from console.steps.where import SegmentShares, bars_text
from model.analysis import Bar
from model.corpus import VerifiedCorpus
from model.evaluation.bars import BarPiece, piece_of_excerpts, score_of_piece
from model.evaluation.planting import cut_bars
from model.excerpts import Excerpt
from model.midi import write_midi
from model.score import GRID, Score
from provenance.composer_index import Source

FOLDER = "listen"


@dataclass(frozen=True)
class Listening:
    """Where bars are written down as MIDI files, and what they are taken from."""

    corpus: VerifiedCorpus
    excerpts: Sequence[Excerpt]
    out: Path

    def here(self, generation: str, segment: SegmentShares) -> str:
        """The file of some bars of the generation."""
        piece = piece_of_excerpts(self.excerpts)
        return self._written(piece, generation, segment.bar_start, segment.bar_end, generation)

    def there(self, source: Source, title: str) -> str:
        """The file of some bars of a work, as the model saw them."""
        piece = piece_of_excerpts([_example_of(self.corpus, source)])
        return self._written(piece, source.encoding_id[:16], source.bar_start, source.bar_end, title)

    def _written(self, piece: BarPiece, name: str, start: int, end: int, title: str) -> str:
        path = self.out / FOLDER / f"{name}-bars-{start + 1}-{end}.mid"
        score = replace(score_of_piece(cut_bars(piece, start, end)), title=title)
        write_atomically(path, write_midi(score))
        return os.path.relpath(path, self.out)


def _example_of(corpus: VerifiedCorpus, source: Source) -> Excerpt:
    """The example that a source names."""
    for index, encoding in enumerate(corpus.encoding_ids):
        if encoding == source.encoding_id:
            example = corpus[index]
            if (example.bar_start, example.bar_end) == (source.bar_start, source.bar_end):
                return example
    raise ValueError(f"corpus {corpus.corpus_id} has no example of {source}")


def bar_sources_of(found: Attributed, num_bars: int, names: Mapping[str, str]) -> list[str | None]:
    """For each bar the work that it leaned on most."""
    sources: list[str | None] = [None] * num_bars
    for segment in found.segments:
        for bar in range(segment.bar_start, min(segment.bar_end, num_bars)):
            sources[bar] = _leading(segment.parts.shares, names)[0]
    return sources


def track_rows_of(found: Attributed, names: Mapping[str, str]) -> list[TrackRow]:
    """For each track the work that it leaned on most, as a whole and in each phrase in which it plays."""
    return [
        TrackRow(
            track.name.capitalize(),
            *_leading(track.parts.shares, names),
            [
                Cell(segment.bar_start, segment.bar_end, *_leading(segment.parts.shares, names))
                for segment in track.segments
            ],
        )
        for track in found.tracks
    ]


def source_rows_of(
    found: Attributed, names: Mapping[str, str], bar_times: Sequence[str], listening: Listening
) -> list[SourceRow]:
    """For each phrase with a leading work the bars of it that did most, and both to listen to.

    Args:
        bar_times: when each bar of the piece begins.
    """
    rows = []
    for segment in found.segments:
        for work, source in segment.sources[:1]:
            rows.append(
                SourceRow(
                    bars_text(segment.bar_start, segment.bar_end),
                    bar_times[segment.bar_start],
                    listening.here(found.generation, segment),
                    names[work],
                    segment.parts.shares[0][1],
                    bars_text(source.bar_start, source.bar_end),
                    listening.there(source, names[work]),
                )
            )
    return rows


def bar_times_of(score: Score, bars: Sequence[Bar]) -> list[str]:
    """When each bar of a generated piece begins, which has one tempo: minutes and seconds."""
    seconds = [bar.start_steps / GRID * 60_000 / score.tempos[0].bpm_milli for bar in bars]
    return [f"{int(second) // 60}:{int(second) % 60:02d}" for second in seconds]


def _leading(shares: Sequence[tuple[str, int]], names: Mapping[str, str]) -> tuple[str | None, int]:
    return (names[shares[0][0]], shares[0][1]) if shares else (None, 0)
