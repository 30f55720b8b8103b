"""A companion answers in time: planned ahead, never due in the past, planned anew when somebody plays."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.live import BEAT, Companion, Sound, answers
from model.network import Composer
from model.planning import plan_song
from model.prompt import Prompt
from tests.model.songs import TINY

BAND = Prompt(
    genre="folk", instruments=("flute", "piano", "bass"), key="D major", tempo_bpm=110,
    structure=tuple("AB"), minutes=0.3,
)  # fmt: skip
TUNE = [Sound(step, 6, 0, 62 + step % 5, 90) for step in range(0, 180, 9)]


@pytest.fixture(scope="module")
def composer() -> Composer:
    torch.manual_seed(1)
    return Composer(TINY).eval()


def a_companion(composer: Composer, seed: int = 3, **options) -> Companion:
    rng = np.random.default_rng(seed)
    plan, ensemble = plan_song(composer, BAND, np.random.default_rng(0))
    return Companion(composer, plan, ensemble, rng, **options)


def test_the_same_notes_at_the_same_times_give_the_same_answer(composer: Composer):
    one, two = (answers(a_companion(composer), TUNE, until_steps=200) for _ in range(2))
    assert one == two and len(one) > 5
    assert answers(a_companion(composer, 4), TUNE, until_steps=200) != one


def test_what_is_played_changes_the_answer_but_not_what_sounded_before(composer: Composer):
    silent = answers(a_companion(composer), [], until_steps=200)
    joined = answers(a_companion(composer), [Sound(60, 12, 0, 74, 100)], until_steps=200)
    before = [sound for sound in silent if sound.start_steps <= 60]
    assert before and [sound for sound in joined if sound.start_steps <= 60] == before
    assert silent != joined


def test_a_companion_leaves_the_player_s_track_alone(composer: Composer):
    found = answers(a_companion(composer), TUNE, until_steps=300)
    assert {sound.track for sound in found} <= {1, 2}
    assert {sound.track for sound in answers(a_companion(composer, lead=2), [], until_steps=300)} <= {0, 1}


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(50, 80)), max_size=12), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_notes_come_out_in_their_time_and_a_beat_ahead_is_always_known(composer: Composer, played, seed):
    companion = a_companion(composer, seed)
    waiting = [Sound(step, 3, 0, pitch, 80) for step, pitch in sorted(played)]
    sounded: list[int] = []
    for now in range(150):
        while waiting and waiting[0].start_steps <= now:
            companion.hear(waiting.pop(0))
        companion.plan_until(now + BEAT)
        assert companion.planned_until >= min(now + BEAT, companion.end_steps)
        due = companion.sounds_until(now)
        assert all(sound.start_steps == now for sound in due)
        sounded += [sound.start_steps for sound in due]
    assert sounded == sorted(sounded)


def test_only_what_is_not_yet_due_is_dropped(composer: Composer):
    companion = a_companion(composer)
    companion.plan_until(120)
    planned = [each.start_steps for each in companion._planned if each.sound is not None]
    dropped = companion.hear(Sound(50, 6, 0, 70, 90))
    left = [each.start_steps for each in companion._planned if each.sound is not None]
    assert left == [start for start in planned if start <= 50]
    assert dropped == len(planned) - len(left) > 0


def test_a_note_that_comes_too_late_is_heard_all_the_same(composer: Composer):
    companion = a_companion(composer)
    companion.plan_until(100)
    companion.sounds_until(100)
    companion.hear(Sound(10, 6, 0, 70, 90))
    companion.plan_until(140)
    assert all(sound.start_steps > 100 for sound in companion.sounds_until(140))


def test_the_piece_ends_where_its_plan_ends(composer: Composer):
    companion = a_companion(composer)
    companion.plan_until(10**6)
    found = companion.sounds_until(10**6)
    assert companion.planned_until == companion.end_steps
    assert found and max(sound.start_steps for sound in found) < companion.end_steps
    assert companion.hear(Sound(10**6, 6, 0, 70, 90)) == 0


def test_what_is_kept_does_not_grow_with_what_is_dropped(composer: Composer):
    companion = a_companion(composer)
    companion.plan_until(24)
    for step in range(24, 60):
        companion.hear(Sound(step, 2, 0, 60 + step % 12, 80))
        companion.plan_until(step + BEAT)
        companion.sounds_until(step)
        assert len(companion._planned) < 200
