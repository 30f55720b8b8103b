"""The plan is what was asked for, and usual where nothing was asked."""

import numpy as np
import pytest
import torch

from model.events import MAX_TRACKS
from model.genres import GENRES
from model.network import Composer
from model.plan import MAX_PHRASES, MAX_SECTIONS, parse_key, plan_rows
from model.planning import plan_song
from model.prompt import MOODS, Prompt
from model.score import GRID
from tests.model.songs import TINY


@pytest.fixture(scope="module")
def composer() -> Composer:
    torch.manual_seed(0)
    return Composer(TINY).eval()


def plan_of(composer: Composer, prompt: Prompt, seed: int = 0):
    return plan_song(composer, prompt, np.random.default_rng(seed))


def minutes_of(plan) -> float:
    return plan.bar_starts[-1] / GRID / plan.tempo_bpm


@pytest.mark.parametrize("genre", GENRES[::6], ids=lambda g: g.slug)
def test_every_genre_has_its_usual_plan(composer: Composer, genre):
    plan, ensemble = plan_of(composer, Prompt(genre=genre.slug, minutes=1.5))
    assert plan.genre == genre.slug
    assert genre.tempo_low <= plan.tempo_bpm <= genre.tempo_high
    assert len(ensemble) == len(genre.ensemble) == len(plan.tracks)
    assert minutes_of(plan) == pytest.approx(1.5, rel=0.25)


def test_a_plan_of_twelve_minutes_fits_the_rows_of_the_network(composer: Composer):
    plan, _ = plan_of(composer, Prompt(genre="pop", minutes=12, instruments=("piano",) * MAX_TRACKS))
    assert minutes_of(plan) == pytest.approx(12, rel=0.1)
    assert len(plan.sections) <= MAX_SECTIONS
    assert len(plan.phrases) <= MAX_PHRASES
    assert plan_rows(plan).min() >= 0


def test_so_does_one_at_a_tempo_that_makes_it_hundreds_of_bars(composer: Composer):
    prompt = Prompt(genre="drum_and_bass", tempo_bpm=174, minutes=12)
    plan, _ = plan_song(composer, prompt, np.random.default_rng(0))
    assert plan.num_bars > 4 * MAX_PHRASES
    assert len(plan.phrases) <= MAX_PHRASES
    assert plan.phrases[-1][1] == plan.num_bars
    plan_rows(plan)


def test_letters_of_a_form_are_kept_and_words_get_free_ones(composer: Composer):
    form = ("intro", "B", "A", "B", "outro")
    plan, _ = plan_of(composer, Prompt(structure=form, minutes=1))
    assert [s.label for s in plan.sections] == ["C", "B", "A", "B", "D"]
    assert [s.repeats for s in plan.sections] == [None, None, None, 1, None]


@pytest.mark.parametrize("mood", [m for m in MOODS if MOODS[m].minor is not None])
def test_a_mood_decides_the_mode_where_no_key_is_asked_for(composer: Composer, mood: str):
    plan, _ = plan_of(composer, Prompt(genre="pop", mood=mood, minutes=0.2))
    assert parse_key(plan.key)[1] == MOODS[mood].minor


def test_a_key_that_is_asked_for_outweighs_the_mood(composer: Composer):
    assert plan_of(composer, Prompt(mood="sad", key="Ab major", minutes=0.2))[0].key == "Ab major"


def test_a_song_begins_and_ends_on_its_tonic(composer: Composer):
    plan, _ = plan_of(composer, Prompt(key="D minor", minutes=0.5))
    assert {plan.chord_values[0, 0], plan.chord_values[-1, 1]} == {3}


def test_of_two_violins_the_first_plays_higher(composer: Composer):
    plan, _ = plan_of(composer, Prompt(instruments=("violin", "violin"), minutes=0.2))
    assert plan.tracks[0].register > plan.tracks[1].register
