"""An edit changes what it names and nothing else, and the same seed gives the same piece."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.editing import (
    Piece,
    continued,
    find_track,
    piece_of,
    recomposed,
    reorchestrated,
    reordered,
    semitones_to,
    transposed,
)
from model.errors import EditError
from model.events import Note
from model.generation import generate
from model.instruments import instrument
from model.midi import read_midi, write_midi
from model.network import Composer
from model.planning import SCALES
from model.prompt import Prompt
from tests.model.songs import TINY

BAND = Prompt(
    genre="folk", instruments=("piano", "bass", "drums", "violin"), key="D major", tempo_bpm=110,
    structure=tuple("ABA"), minutes=0.4,
)  # fmt: skip


@pytest.fixture(scope="module")
def composer() -> Composer:
    torch.manual_seed(1)
    return Composer(TINY).eval()


@pytest.fixture(scope="module")
def piece(composer: Composer) -> Piece:
    return piece_of(generate(composer, BAND, seed=5).excerpts)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b)


def rows(notes: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(row) for row in notes.tolist()}


def test_a_generation_is_read_back_to_the_bytes_of_its_midi(composer: Composer):
    made = generate(composer, BAND, seed=5)
    again = piece_of(made.excerpts).finished(TINY.max_events)
    assert write_midi(again.score) == write_midi(made.score)
    assert again.num_events == made.num_events


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_bars_that_are_not_named_stay_note_for_note(composer: Composer, piece: Piece, data):
    start = data.draw(st.integers(0, piece.plan.num_bars - 1))
    end = data.draw(st.integers(start + 1, min(start + 4, piece.plan.num_bars)))
    rng = np.random.default_rng(data.draw(st.integers(0, 5)))
    after = recomposed(composer, piece, rng, bars=(start, end))
    outside = [(n[:, Note.BAR] < start) | (n[:, Note.BAR] >= end) for n in (piece.notes, after.notes)]
    assert same(piece.notes[outside[0]], after.notes[outside[1]])
    assert after.plan == piece.plan
    assert same(after.notes, after.notes[np.lexsort(after.notes[:, [3, 2, 1, 0]].T)])


@pytest.mark.parametrize("track", [0, 1, 2, 3])
def test_the_other_tracks_stay_and_the_track_is_new_and_in_its_range(composer: Composer, piece, track: int):
    after = recomposed(composer, piece, np.random.default_rng(1), track=track)
    others = [n[:, Note.TRACK] != track for n in (piece.notes, after.notes)]
    assert same(piece.notes[others[0]], after.notes[others[1]])
    own = after.notes[~others[1]]
    player = piece.ensemble[track]
    assert len(own) and not same(own, piece.notes[~others[0]])
    assert (own[:, Note.PITCH] >= player.low).all() and (own[:, Note.PITCH] <= player.high).all()


def test_one_track_in_some_bars_leaves_the_rest_of_that_track_too(composer: Composer, piece: Piece):
    after = recomposed(composer, piece, np.random.default_rng(1), track=0, bars=(2, 4))
    changed = rows(piece.notes) ^ rows(after.notes)
    assert changed and {row[Note.TRACK] for row in changed} == {0}
    assert {row[Note.BAR] for row in changed} <= {2, 3}


def test_a_track_that_returns_is_composed_once(composer: Composer, piece: Piece):
    after = recomposed(composer, piece, np.random.default_rng(1), track=1)
    sources = piece.plan.sources_of_bars
    last = {section.bar_end - 1 for section in piece.plan.sections}
    compared = 0
    for bar in np.flatnonzero(sources >= 0):
        if bar not in last:
            here, there = (
                after.notes[(after.notes[:, Note.BAR] == b) & (after.notes[:, Note.TRACK] == 1)]
                for b in (bar, sources[bar])
            )
            assert same(here[:, [1, 3]], there[:, [1, 3]])
            compared += len(here)
    assert compared


def test_a_continued_piece_begins_as_it_was_and_goes_on_in_its_key(composer: Composer, piece: Piece):
    after = continued(composer, piece, 4, np.random.default_rng(2))
    before = piece.plan.num_bars
    assert same(after.notes[after.notes[:, Note.BAR] < before], piece.notes)
    new = after.notes[after.notes[:, Note.BAR] >= before]
    assert after.plan.num_bars == before + 4 and len(new)
    assert after.plan.chords[: 2 * before] == piece.plan.chords
    assert after.plan.sections[:-1] == piece.plan.sections
    scale = [(after.plan.tonic + step) % 12 for step in SCALES[False]]
    assert np.isin(new[new[:, Note.TRACK] == 1][:, Note.PITCH] % 12, scale).mean() > 0.8


def test_the_same_seed_edits_alike_and_another_does_not(composer: Composer, piece: Piece):
    one, two, other = (
        recomposed(composer, piece, np.random.default_rng(seed), bars=(1, 5)).notes for seed in (7, 7, 8)
    )
    assert same(one, two)
    assert not same(one, other)


@given(st.integers(-5, 6))
@settings(max_examples=12, deadline=None)
def test_moving_there_and_back_changes_nothing_and_drums_never_move(piece: Piece, semitones: int):
    moved = transposed(piece, semitones)
    back = transposed(moved, -semitones)
    assert same(back.notes, piece.notes)
    assert (back.plan.chords, back.plan.tonic) == (piece.plan.chords, piece.plan.tonic)
    drums = [n[n[:, Note.TRACK] == 2] for n in (piece.notes, moved.notes)]
    assert len(drums[0]) and same(*drums)
    assert len(moved.notes) == len(piece.notes)
    assert moved.plan.tonic == (piece.plan.tonic + semitones) % 12


def test_a_key_is_reached_the_nearest_way(piece: Piece):
    assert semitones_to(piece, "C major") == -2
    assert transposed(piece, semitones_to(piece, "Bb major")).plan.key == "Bb major"
    with pytest.raises(EditError, match="does not make it minor"):
        semitones_to(piece, "B minor")
    with pytest.raises(EditError, match="is not of the form"):
        semitones_to(piece, "H major")
    with pytest.raises(EditError, match="range of MIDI"):
        transposed(piece, 100)


def test_another_instrument_plays_the_same_notes_by_octaves_in_its_range(piece: Piece):
    after = reorchestrated(piece, 3, "cello")
    cello = instrument("cello")
    own, was = (n[n[:, Note.TRACK] == 3] for n in (after.notes, piece.notes))
    assert cello is not None and len(own) == len(was) > 0
    assert (own[:, Note.PITCH] >= cello.low).all() and (own[:, Note.PITCH] <= cello.high).all()
    assert sorted((own[:, Note.PITCH] % 12).tolist()) == sorted((was[:, Note.PITCH] % 12).tolist())
    others = [n[n[:, Note.TRACK] != 3] for n in (after.notes, piece.notes)]
    assert same(*others)
    assert after.finished(512).score.tracks[3].program == cello.program
    with pytest.raises(EditError, match="drum kit"):
        reorchestrated(piece, 2, "cello")
    with pytest.raises(EditError, match="no instrument"):
        reorchestrated(piece, 0, "theremin of doom")


def test_sections_in_another_order_are_the_same_sections(piece: Piece):
    after = reordered(piece, [1, 0, 0, 1])
    plan = piece.plan
    for section, index in zip(after.plan.sections, [1, 0, 0, 1], strict=True):
        model = plan.sections[index]
        here = after.notes[(after.notes[:, 0] >= section.bar_start) & (after.notes[:, 0] < section.bar_end)]
        there = piece.notes[(piece.notes[:, 0] >= model.bar_start) & (piece.notes[:, 0] < model.bar_end)]
        assert same(here[:, 1:], there[:, 1:])
        assert section.label == model.label
    assert [section.repeats for section in after.plan.sections] == [None, None, 1, 0]
    assert same(reordered(piece, range(len(plan.sections))).notes, piece.notes)
    assert reordered(piece, range(len(plan.sections))).plan == plan


@pytest.mark.parametrize("order", [[], [9], [0] * 25])
def test_an_order_that_is_none_is_refused(piece: Piece, order: list[int]):
    with pytest.raises(EditError):
        reordered(piece, order)


def test_no_piece_becomes_longer_than_twelve_minutes(composer: Composer, piece: Piece):
    with pytest.raises(EditError, match="12 are the most"):
        continued(composer, piece, 500, np.random.default_rng(0))


@pytest.mark.parametrize("bars", [(0, 0), (3, 2), (0, 999), (-1, 2)])
def test_bars_that_are_not_there_are_refused(composer: Composer, piece: Piece, bars: tuple[int, int]):
    with pytest.raises(EditError, match="bars 1 to"):
        recomposed(composer, piece, np.random.default_rng(0), bars=bars)


def test_a_track_is_found_by_number_and_by_name(piece: Piece):
    assert [find_track(piece, name) for name in ("1", "Violin", "drums", "bass")] == [0, 3, 2, 1]
    with pytest.raises(EditError, match="1 piano, 2 bass, 3 drums, 4 violin"):
        find_track(piece, "oboe")


def test_an_edited_piece_can_be_edited_and_played(composer: Composer, piece: Piece):
    after = reordered(transposed(continued(composer, piece, 4, np.random.default_rng(0)), 1), [3, 0])
    again = recomposed(
        composer, piece_of(after.finished(160).excerpts), np.random.default_rng(0), bars=(0, 2)
    )
    assert read_midi(write_midi(again.finished(160).score)).num_notes == len(again.notes)
