"""Pieces keep what was asked for: form, key, metre, range, tracks; and the same seed gives the same notes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.errors import PromptError
from model.events import MAX_TRACKS, Note, notes_of
from model.excerpts import encode_example
from model.generation import Generated, Manner, generate
from model.instruments import instrument
from model.midi import read_midi, write_midi
from model.network import Composer
from model.objective import attribution_logits
from model.plan import CHORD_QUALITIES, CHORD_TONES, PLAN_ROWS
from model.planning import SCALES
from model.prompt import Prompt
from model.score import GRID, note_digest
from tests.model.songs import TINY

QUARTET = Prompt(
    genre="baroque", instruments=("violin", "violin", "viola", "cello"), key="F# minor", metre=(3, 4),
    tempo_bpm=100, structure=tuple("AABA"), minutes=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def composer() -> Composer:
    torch.manual_seed(1)
    return Composer(TINY).eval()


@pytest.fixture(scope="module")
def piece(composer: Composer) -> Generated:
    return generate(composer, QUARTET, seed=3)


def notes(piece: Generated) -> np.ndarray:
    return notes_of(piece.score, piece.plan.bar_starts[:-1])


def test_the_same_seed_gives_the_same_notes_and_another_seed_others(composer: Composer, piece: Generated):
    assert note_digest(generate(composer, QUARTET, seed=3).score) == note_digest(piece.score)
    assert note_digest(generate(composer, QUARTET, seed=4).score) != note_digest(piece.score)


def test_the_number_of_threads_changes_no_note(composer: Composer, piece: Generated):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert note_digest(generate(composer, QUARTET, seed=3).score) == note_digest(piece.score)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_plan_keeps_what_was_asked_for(piece: Generated):
    plan = piece.plan
    assert (plan.genre, plan.key, plan.tempo_bpm, set(plan.metres)) == ("baroque", "F# minor", 100, {(3, 4)})
    assert [section.label for section in plan.sections] == list("AABA")
    assert [track.program for track in plan.tracks] == [40, 40, 41, 42]
    assert 20 <= plan.bar_starts[-1] / GRID * 60 / plan.tempo_bpm <= 45


def test_every_track_plays_inside_its_instruments_range(piece: Generated):
    for track, name in zip(piece.score.tracks, QUARTET.instruments, strict=True):
        player = instrument(name)
        assert player is not None
        assert len(track.notes) > 0
        assert player.low <= track.notes[:, 2].min() <= track.notes[:, 2].max() <= player.high


def test_pitches_are_in_the_key_or_in_the_chord(piece: Generated):
    table, plan = notes(piece), piece.plan
    late = 2 * table[:, Note.POSITION] >= 36
    codes = np.array(plan.chords).reshape(-1, 2)[table[:, Note.BAR], late.astype(int)]
    fits = []
    for pitch, code in zip(table[:, Note.PITCH], codes, strict=True):
        root, quality = divmod(int(code) - 1, len(CHORD_QUALITIES))
        tones = [(root + tone) % 12 for tone in CHORD_TONES[CHORD_QUALITIES[quality]]] if code else []
        fits.append((pitch - plan.tonic) % 12 in SCALES[True] or pitch % 12 in tones)
    assert np.mean(fits) > 0.97


def test_events_are_in_order_and_inside_their_bars(piece: Generated):
    table = notes(piece)
    assert (table[:, Note.POSITION] < 36).all()
    order = table[:, [Note.BAR, Note.POSITION, Note.TRACK, Note.PITCH]].tolist()
    assert order == sorted(order)
    assert len({tuple(row) for row in order}) == len(order)


def test_a_section_that_returns_has_the_bars_of_the_first_up_to_its_last(piece: Generated):
    table, first, second = notes(piece), piece.plan.sections[0], piece.plan.sections[1]

    def bar(number: int) -> list[list[int]]:
        return table[table[:, Note.BAR] == number][:, 1:4].tolist()

    for offset in range(first.bar_end - first.bar_start - 1):
        assert bar(first.bar_start + offset) == bar(second.bar_start + offset)


def test_a_return_that_leads_where_the_first_led_has_its_last_bar_too(composer: Composer):
    piece = generate(composer, replace(QUARTET, structure=tuple("ABAB")), seed=3)
    table, (a, _, again, _) = notes(piece), piece.plan.sections

    def bar(number: int) -> list[list[int]]:
        return table[table[:, Note.BAR] == number][:, 1:4].tolist()

    assert bar(a.bar_end - 1) == bar(again.bar_end - 1)
    assert bar(piece.plan.sections[1].bar_end - 1) != bar(piece.plan.sections[3].bar_end - 1)


def test_returns_have_the_chords_of_the_first(piece: Generated):
    chords = np.array(piece.plan.chords).reshape(-1, 2)
    first, last = piece.plan.sections[0], piece.plan.sections[3]
    length = first.bar_end - first.bar_start - 1
    np.testing.assert_array_equal(
        chords[first.bar_start : first.bar_start + length], chords[last.bar_start : last.bar_start + length]
    )


def test_an_instrument_of_one_voice_never_sounds_with_itself(composer: Composer):
    piece = generate(composer, Prompt(instruments=("flute", "trumpet"), minutes=0.3), seed=0)
    for track in piece.score.tracks:
        start, duration = track.notes[:, 0], track.notes[:, 1]
        assert (start[:-1] + duration[:-1] <= start[1:]).all()


def test_without_guidance_notes_leave_the_key_and_the_range_and_are_notes_all_the_same(composer: Composer):
    free = generate(composer, QUARTET, seed=3, manner=Manner(guided=False))
    found = notes(free)
    pitch = found[:, Note.PITCH]
    assert pitch.min() >= 0 and pitch.max() <= 127
    in_key = np.isin((pitch - free.plan.tonic) % 12, SCALES[free.plan.is_minor])
    assert in_key.mean() < 0.9
    violin = instrument("violin")
    assert violin is not None
    assert ((pitch < violin.low) | (pitch > violin.high))[found[:, Note.TRACK] == 0].any()
    assert read_midi(write_midi(free.score)).num_notes == free.score.num_notes


def test_without_repeats_a_section_that_returns_is_composed_anew(composer: Composer, piece: Generated):
    free = generate(composer, QUARTET, seed=3, manner=Manner(repeats=False))

    def bar(some: Generated, number: int) -> list[list[int]]:
        found = notes(some)
        return found[found[:, Note.BAR] == number, Note.POSITION : Note.PITCH + 1].tolist()

    second = piece.plan.sections[1].bar_start
    assert bar(piece, 0) == bar(piece, second)
    assert bar(free, 0) != bar(free, second)


def test_a_piece_goes_to_midi_and_back(piece: Generated):
    assert note_digest(read_midi(write_midi(piece.score))) == note_digest(piece.score)


def test_a_piece_is_a_query_in_the_form_of_the_examples(composer: Composer, piece: Generated):
    rows = torch.from_numpy(np.stack([encode_example(e, TINY.max_events) for e in piece.excerpts]))
    assert rows.shape[1] == PLAN_ROWS + TINY.max_events
    np.testing.assert_array_equal(np.concatenate([e.notes for e in piece.excerpts]), notes(piece))
    assert torch.isfinite(attribution_logits(composer, rows)).all()


def test_twenty_four_tracks_play_together(composer: Composer):
    names = ("drums", "piano", "flute", "violin", "cello", "trumpet") * 4
    piece = generate(composer, Prompt(instruments=names, minutes=0.2, tempo_bpm=120), seed=0)
    assert len(piece.score.tracks) == MAX_TRACKS
    assert sum(len(track.notes) > 0 for track in piece.score.tracks) >= 20


def test_progress_counts_the_bars(composer: Composer):
    seen: list[tuple[int, int]] = []
    prompt = Prompt(instruments=("flute",), minutes=0.2)
    piece = generate(composer, prompt, seed=0, progress=lambda done, bars: seen.append((done, bars)))
    assert seen == [(i + 1, piece.plan.num_bars) for i in range(piece.plan.num_bars)]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (Prompt(genre="grunge"), "grunge"),
        (Prompt(instruments=("kazoo",)), "kazoo"),
        (Prompt(key="H minor"), "H minor"),
        (Prompt(metre=(4, 3)), "4/3"),
        (Prompt(minutes=13), "13"),
        (Prompt(tempo_bpm=1000), "1000"),
        (Prompt(mood="purple"), "purple"),
        (Prompt(instruments=("piano",) * 25), "25 instruments"),
    ],
)
def test_what_there_is_not_is_refused_by_name(composer: Composer, prompt: Prompt, said: str):
    with pytest.raises(PromptError, match=said):
        generate(composer, prompt)
