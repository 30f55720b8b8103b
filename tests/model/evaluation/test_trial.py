"""A composer is asked for what the held-out pieces are, and each attribute is measured by itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.errors import ModelError
from model.evaluation.adherence import adherence
from model.evaluation.prompts import bars_in, prompt_of, with_mood
from model.evaluation.statistics import estimate, gap, separation
from model.evaluation.trial import ask_for, put_to_the_test
from model.events import Note
from model.plan import SectionPlan, SongPlan, TrackPlan
from model.prompt import Prompt, check_prompt
from tests.model.corpora import a_corpus
from tests.model.evaluation.pieces import a_piece
from tests.model.songs import a_composer, a_plan

SCALE = [[60, 62, 64, 65], [67, 69, 71, 72], [72, 71, 69, 67], [64, 62, 60, 60]]
OTHER = [[67, 65, 67, 64], [69, 67, 69, 65], [71, 69, 71, 67], [72, 60, 60, 60]]
PLAN = SongPlan(
    "folk", "world", "C major", 100, ((4, 4),) * 32, (TrackPlan(0, False),),
    (SectionPlan("A", 0, 8), SectionPlan("B", 8, 16), SectionPlan("A", 16, 24, 0),
     SectionPlan("A", 24, 32, 0)),
    ((0, 4),), (0,) * 64,
)  # fmt: skip
PROMPT = Prompt(
    genre="folk", instruments=("piano",), tempo_bpm=100, key="C major", metre=(4, 4),
    structure=tuple("ABAA"), minutes=1.28,
)  # fmt: skip


def met(prompt: Prompt, **changed) -> dict[str, float]:
    a, b = SCALE * 2, OTHER * 2
    return adherence(prompt, PLAN, replace(a_piece([*a, *b, *a, *a]), **changed))


def test_a_piece_that_does_what_was_asked_meets_all_of_it():
    found = met(PROMPT)
    assert {
        found[name] for name in ("key", "tempo", "metre", "instruments", "length", "in_key", "in_range")
    } == {1.0}
    assert found["form"] > 0.4


@pytest.mark.parametrize(
    ("attribute", "prompt", "value"),
    [
        ("key", replace(PROMPT, key="F# minor"), 0.0),
        ("tempo", replace(PROMPT, tempo_bpm=110), 0.0),
        ("metre", replace(PROMPT, metre=(3, 4)), 0.0),
        ("instruments", replace(PROMPT, instruments=("piano", "violin")), 2 / 3),
        ("instruments", replace(PROMPT, instruments=("violin",)), 0.0),
        ("length", replace(PROMPT, minutes=2.0), 0.0),
        ("mood", replace(PROMPT, key=None, mood="sad"), 0.0),
        ("mood", replace(PROMPT, key=None, mood="happy"), 1.0),
    ],
)
def test_what_was_not_done_is_told_by_its_own_attribute(attribute, prompt, value):
    assert met(prompt)[attribute] == pytest.approx(value)


def test_notes_out_of_key_and_out_of_range_are_counted():
    piece = a_piece([[60, 61, 62, 127]] * 16)
    found = adherence(PROMPT, PLAN, piece)
    assert (found["in_key"], found["in_range"]) == (0.75, 0.75)


def test_what_was_not_asked_is_not_measured():
    found = met(Prompt(genre="folk"))
    assert all(np.isnan(found[name]) for name in ("key", "mood", "tempo", "metre", "form", "length"))


def test_the_prompt_of_a_plan_can_be_asked_and_says_what_the_plan_says():
    plan = a_plan()
    prompt = prompt_of(plan, 12)
    check_prompt(prompt)
    assert (prompt.key, prompt.metre, prompt.structure) == ("E minor", (3, 4), tuple("AABA"))
    assert prompt.minutes == pytest.approx(16 * 3 / 96)
    check_prompt(with_mood(prompt, 3))
    assert with_mood(prompt, 3).key is None


def test_only_bars_that_begin_in_time_are_asked_for():
    assert bars_in(a_plan(), 12) == 16
    assert bars_in(a_plan(), 9 / 96) == 3


def test_the_same_trial_gives_the_same_numbers_and_every_column(tmp_path: Path):
    corpus, model = a_corpus(tmp_path, works=8), a_composer().float()
    works = sorted(set(corpus.work_ids))[:3]
    seen: list[tuple[int, int]] = []

    def trial(**options):
        return put_to_the_test(model, corpus, works, count=2, max_minutes=1, **options)

    found = trial(progress=lambda done, total: seen.append((done, total)))
    assert found == trial()
    assert found != trial(seed=1)
    assert seen == [(i, 4) for i in range(1, 5)]
    assert set(found["columns"]) == {"held_out", "shuffled", "generated"}
    assert set(found["adherence"]) == {"constrained", "unconstrained"}
    assert found["adherence"]["constrained"]["in_range"]["mean"] == 1.0
    assert found["adherence"]["unconstrained"]["in_range"]["mean"] < 1.0
    assert found["columns"]["generated"]["notes_per_bar"]["n"] == 2


def test_works_that_are_too_short_are_refused_with_the_reason(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    with pytest.raises(ModelError, match="none has 16 bars"):
        ask_for(corpus, sorted(set(corpus.work_ids)), 4, 0.05)


def test_a_mean_has_its_interval_and_what_is_unknown_is_left_out():
    found = estimate([1.0, 2.0, 3.0, float("nan")], 0)
    assert (found.mean, found.n) == (2.0, 3)
    assert found.low is not None and found.high is not None and found.low < 2.0 < found.high
    assert estimate([float("nan")], 0).mean is None


def test_a_gap_is_between_means_and_has_no_sign():
    assert gap([1.0, 1.0], [3.0, 3.0], 0).mean == gap([3.0, 3.0], [1.0, 1.0], 0).mean == 2.0


def test_music_is_told_from_its_shuffled_bars_only_where_it_differs():
    assert separation([1.0, 1.1, 1.2], [0.1, 0.2, 0.1], 0).separates
    assert not separation([0.1, 0.9, 0.5], [0.2, 0.8, 0.5], 0).separates


def test_every_note_of_an_excerpt_is_in_the_piece_that_is_asked_for(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    asked = ask_for(corpus, sorted(set(corpus.work_ids)), 4, 12)
    first = asked[0]
    own = [i for i, work in enumerate(corpus.work_ids) if work == first.work_id]
    assert len(first.held_out.notes) == int(corpus.num_notes[own].sum())
    assert (np.diff(first.held_out.notes[:, Note.BAR]) >= 0).all()
