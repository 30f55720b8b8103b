"""Do the files to listen to hold the bars that they are named after, and no others?"""

import pytest

from console.demo.where import Listening, bar_sources_of, bar_times_of, track_rows_of
from console.report.values import Cell
from console.steps.attributing import Attributed
from console.steps.originality import Similar
from console.steps.where import PartShares, SegmentShares, TrackShares
from model.analysis import find_bars
from model.evaluation.bars import piece_of_excerpts, score_of_piece
from model.events import Note
from model.midi import read_midi
from model.score import Score
from provenance.composer_index import Source
from tests.model.corpora import a_corpus
from tests.model.songs import an_excerpt

NOTHING = PartShares((), 0, 1_000_000)


def some_parts(work):
    return PartShares(((work, 600_000), ("work_2", 100_000)), 0, 300_000)


def an_attribution():
    segments = (SegmentShares(0, 4, some_parts("work_1")), SegmentShares(4, 6, NOTHING))
    track = TrackShares(0, "flute", 73, some_parts("work_3"), segments[1:])
    return Attributed("a", "gen_1", "m", (), 0, {}, segments, (track,), Similar((), 17), {})


@pytest.fixture
def listening(tmp_path):
    return Listening(a_corpus(tmp_path / "corpus"), [an_excerpt()], tmp_path)


def test_the_bars_of_the_piece_are_written_alone(listening):
    name = listening.here("gen_1", SegmentShares(4, 6, NOTHING))
    score = read_midi((listening.out / name).read_bytes())
    notes = an_excerpt().notes
    inside = (notes[:, Note.BAR] >= 4) & (notes[:, Note.BAR] < 6)
    assert score.num_notes == inside.sum() > 0
    assert max(note.max() for note in (track.notes[:, 0] for track in score.tracks)) < 2 * 3 * 12 * (
        score.ticks_per_quarter // 12
    )


def test_the_bars_of_the_work_are_those_of_the_example_that_is_named(listening):
    corpus = listening.corpus
    place = max(range(len(corpus)), key=lambda index: corpus[index].bar_start)
    example = corpus[place]
    source = Source(corpus.encoding_ids[place], example.bar_start, example.bar_end)
    assert example.bar_start > 0
    name = listening.there(source, "Kyrie")
    score = read_midi((listening.out / name).read_bytes())
    assert name.endswith(f"-bars-{example.bar_start + 1}-{example.bar_end}.mid")
    assert score.title == "Kyrie"
    assert score.num_notes == len(example.notes)
    with pytest.raises(ValueError, match="no example"):
        listening.there(Source(source.encoding_id, 0, 1), "Kyrie")


def test_a_bar_or_a_track_without_a_leading_work_says_so():
    names = {f"work_{i}": f"Title {i}" for i in range(4)}
    assert bar_sources_of(an_attribution(), 7, names) == ["Title 1"] * 4 + [None] * 3
    (row,) = track_rows_of(an_attribution(), names)
    assert (row.name, row.label, row.share_ppm) == ("Flute", "Title 3", 600_000)
    assert row.cells == [Cell(4, 6, None, 0)]


def test_bars_begin_at_their_time_in_minutes_and_seconds():
    score: Score = score_of_piece(piece_of_excerpts([an_excerpt()]))  # 3/4 at 96 beats a minute
    times = bar_times_of(score, find_bars(score))
    assert times[:4] == ["0:00", "0:01", "0:03", "0:05"]
