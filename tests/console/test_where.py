"""Are the parts of a piece asked whole and once, and do the bars that are named lie where they say?"""

from dataclasses import replace

import numpy as np
import pytest

from console.steps.where import NAMED_WORKS, PartShares, Unit, questions_of, where_of
from model.events import Note
from model.objective import IGNORED, attribution_targets
from provenance.attribution import QueryInfluences, Segment
from provenance.attribution.shares import Claimants
from provenance.composer_index import CorpusExamples
from royalties.money import PPM
from tests.model.corpora import a_corpus
from tests.model.songs import an_excerpt

LEADING = 5  # the example that is made to lead in every query


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return CorpusExamples(a_corpus(tmp_path_factory.mktemp("corpus"), works=40), 160)


def answers_to(asked, works, seed=0):
    """Influences that are noise, but for one example; as many null queries as the share's rules want."""
    rng = np.random.default_rng(seed)
    num_queries = len(asked.phrases) + len(asked.cells) + len(asked.bars)
    scores = rng.normal(size=(2, num_queries, len(works)))
    scores[:, :, LEADING] += 60 + np.arange(num_queries)
    nulls = rng.normal(size=(2, 16, len(works)))
    products = np.broadcast_to(np.eye(num_queries), (2, num_queries, num_queries))
    return QueryInfluences(scores, nulls, products, Claimants.of(works, works), None)


def found_in(excerpt, examples):
    asked = questions_of([excerpt])
    return asked, where_of(asked, answers_to(asked, examples.work_ids), examples)


def test_every_phrase_is_asked_and_every_track_of_it_that_plays():
    excerpt = an_excerpt(per_bar=3)
    asked = questions_of([excerpt])
    assert [(phrase.bar_start, phrase.bar_end) for phrase in asked.phrases] == [
        (0, 4), (4, 8), (8, 12), (12, 16),
    ]  # fmt: skip
    plays = {
        (place, track)
        for place, phrase in enumerate(asked.phrases)
        for track in range(4)
        if (phrase.notes[:, Note.TRACK] == track).any()
    }
    assert set(asked.cells) == plays
    assert len(asked.cells) == len(plays)


def test_a_cell_asks_for_the_notes_of_its_track_and_no_other():
    asked = questions_of([an_excerpt()])
    whole, cells = asked.matrices(160)
    for (phrase, track), rows in zip(asked.cells, cells, strict=True):
        notes = asked.phrases[phrase].notes
        targets = attribution_targets(rows[None]).view(-1, 5)
        assert (targets != IGNORED).all(1).sum() == (notes[:, Note.TRACK] == track).sum()
        assert (targets[:, 1] != IGNORED).sum() == (notes[:, Note.TRACK] == track).sum()
    assert len(whole) == len(asked.phrases)


def test_bar_by_bar_every_bar_of_every_phrase_is_asked_for_its_own_events():
    asked = questions_of([an_excerpt()], Unit.BAR)
    assert [bar for _, bar in asked.bars] == list(range(16))
    assert [span[1:] for span in asked.bar_spans] == [(bar, bar + 1) for bar in range(16)]
    whole, _, bars = asked.matrices(160)
    counts = [(attribution_targets(rows) != IGNORED).sum() for rows in (whole, bars)]
    assert counts[0] == counts[1]
    first_bars = attribution_targets(bars[:1]).view(-1, 5)
    notes = asked.phrases[0].notes
    assert (first_bars[:, 1] != IGNORED).sum() == (notes[:, Note.BAR] == 0).sum()


def test_bar_by_bar_phrases_and_tracks_are_as_before(examples):
    asked = questions_of([an_excerpt()], Unit.BAR)
    answers = answers_to(asked, examples.work_ids)
    where = where_of(asked, answers, examples)
    assert [(s.bar_start, s.bar_end) for s in where.bars] == [(bar, bar + 1) for bar in range(16)]
    first = len(asked.phrases) + len(asked.cells)
    assert where.bars[3].parts == PartShares.of(answers.segment([first + 3]), NAMED_WORKS)
    before = where_of(questions_of([an_excerpt()]), answers, examples)
    assert (where.phrases, where.tracks) == (before.phrases, before.tracks)
    assert before.bars == ()


def test_shares_others_and_the_unattributed_part_are_the_whole_of_every_part(examples):
    _, where = found_in(an_excerpt(), examples)
    cells = [segment for track in where.tracks for segment in track.segments]
    assert cells
    for part in [*where.phrases, *where.tracks, *cells]:
        told = part.parts
        assert sum(ppm for _, ppm in told.shares) + told.others_ppm + told.unattributed_ppm == PPM
        assert len(told.shares) <= NAMED_WORKS
        assert told.shares


def test_works_past_the_most_are_added_up_and_not_lost():
    segment = Segment(tuple((f"work {i}", 100_000 - i) for i in range(10)), 45)
    assert PartShares.of(segment, 8) == PartShares(segment.shares[:8], 199_983, 45)


def test_a_track_that_never_plays_leaned_on_nothing(examples):
    excerpt = an_excerpt()
    silent = np.array(excerpt.notes)
    silent[silent[:, Note.TRACK] == 2, Note.TRACK] = 1
    _, where = found_in(replace(excerpt, notes=silent), examples)
    assert where.tracks[2].parts == PartShares((), 0, PPM)
    assert where.tracks[2].segments == ()


def test_the_bars_named_are_those_of_the_leading_example_and_lie_in_its_work(examples):
    _, where = found_in(an_excerpt(), examples)
    leading = examples.work_ids[LEADING]
    for segment in where.phrases:
        assert [work for work, _ in segment.sources] == [work for work, _ in segment.parts.shares[:3]]
        assert segment.sources[0] == (leading, examples.source(LEADING))
        for work, source in segment.sources:
            own = [examples.source(i) for i, other in enumerate(examples.work_ids) if other == work]
            assert source in own
            assert 0 <= source.bar_start < source.bar_end <= 16


def test_what_a_track_leaned_on_is_what_its_phrases_leaned_on_together(examples):
    asked = questions_of([an_excerpt()])
    answers = answers_to(asked, examples.work_ids)
    where = where_of(asked, answers, examples)
    for track in where.tracks:
        queries = [len(asked.phrases) + i for i, cell in enumerate(asked.cells) if cell[1] == track.track]
        assert track.parts == PartShares.of(answers.segment(queries), NAMED_WORKS)
        spans = [(segment.bar_start, segment.bar_end) for segment in track.segments]
        phrases = [asked.phrases[place] for place, other in asked.cells if other == track.track]
        assert spans == [(phrase.bar_start, phrase.bar_end) for phrase in phrases]
