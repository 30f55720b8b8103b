from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.analysis import analyse
from model.genres import GENRE_SLUGS, GENRES
from model.house import HousePiece, compose
from model.house.dice import Dice
from model.house.parts import signs
from model.house.patterns import BASS, BROKEN, CHORDS, DRUMS, GROOVES
from model.house.progressions import PROGRESSIONS, bars_of
from model.house.styles import FEELS, ROLES, STYLES
from model.house.theory import QUALITIES, SCALES, Chord, chord_of, ladder, voicing
from model.house.titles import invent_title
from model.instruments import of_program
from model.midi import read_midi, write_midi
from model.plan import parse_key
from model.score import DURATION, GRID, PITCH, START, VELOCITY, note_digest, quantise

PIECES = {slug: compose(slug, 0, 1) for slug in GENRE_SLUGS}
EVERY = pytest.mark.parametrize("slug", GENRE_SLUGS)


def seconds(piece: HousePiece) -> float:
    return piece.score.end_ticks / piece.score.ticks_per_quarter * 60 / piece.tempo_bpm


@EVERY
def test_a_piece_has_the_length_and_the_ensemble_of_a_piece(slug):
    piece = PIECES[slug]
    assert 40 <= seconds(piece) <= 125
    assert 3 <= len(piece.score.tracks) <= 8
    assert 100 <= piece.score.num_notes <= 2500


@EVERY
def test_a_piece_is_in_the_tempo_metre_and_form_of_its_genre(slug):
    piece, genre = PIECES[slug], next(genre for genre in GENRES if genre.slug == slug)
    assert genre.tempo_low <= piece.tempo_bpm <= genre.tempo_high
    assert piece.metre == genre.metre
    assert (piece.score.metres[0].numerator, piece.score.metres[0].denominator) == genre.metre
    assert piece.structure[0].bar_start == 0
    assert all(a.bar_end == b.bar_start for a, b in zip(piece.structure, piece.structure[1:], strict=False))


@EVERY
def test_every_note_can_be_played_by_its_instrument(slug):
    for track in PIECES[slug].score.tracks:
        notes = track.notes
        assert notes[:, DURATION].min() >= 1
        assert notes[:, VELOCITY].min() >= 20
        assert len(set(notes[:, VELOCITY].tolist())) > 3, "a hand is never even"
        if not track.is_drum:
            can = of_program(track.program)
            assert can.low <= notes[:, PITCH].min() <= notes[:, PITCH].max() <= can.high


@EVERY
def test_no_pitch_of_a_track_sounds_twice_at_once(slug):
    for track in PIECES[slug].score.tracks:
        for pitch in np.unique(track.notes[:, PITCH]):
            own = track.notes[track.notes[:, PITCH] == pitch]
            assert np.all(own[:-1, START] + own[:-1, DURATION] <= own[1:, START])


@EVERY
def test_everything_falls_on_the_grid_of_the_model(slug):
    score = PIECES[slug].score
    unit = score.ticks_per_quarter // GRID
    assert all(np.all(track.notes[:, [START, DURATION]] % unit == 0) for track in score.tracks)


@EVERY
def test_a_piece_survives_the_way_through_a_midi_file(slug):
    score = PIECES[slug].score
    assert note_digest(read_midi(write_midi(score))) == note_digest(score)


def test_the_same_genre_number_and_seed_give_the_same_bytes():
    assert write_midi(compose("tango", 3, 9).score) == write_midi(compose("tango", 3, 9).score)


def test_pieces_of_a_genre_differ_by_number_and_by_seed():
    pieces = [compose("swing", index, seed) for index in range(5) for seed in range(2)]
    assert len({note_digest(piece.score) for piece in pieces}) == len({p.title for p in pieces}) == 10


def test_a_genre_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no genre"):
        compose("skiffle", 0, 1)


def test_no_two_titles_are_alike():
    titles = Counter(invent_title(genre, index, 5) for genre in GENRE_SLUGS for index in range(128))
    assert len(titles) == 48 * 128


def test_most_pieces_are_heard_in_the_key_that_they_were_written_in():
    heard = 0
    for piece in PIECES.values():
        tonic, is_minor = parse_key(piece.key)
        relative = ((tonic + 3) % 12, False) if is_minor else ((tonic + 9) % 12, True)
        heard += parse_key(analyse(quantise(piece.score)).key) in ((tonic, is_minor), relative)
    assert heard >= 40


def test_a_passage_that_returns_stands_on_the_same_bass():
    piece = compose("pop", 2, 1)
    choruses = [section for section in piece.structure if section.label == "chorus"]
    bass = next(track for track in piece.score.tracks if 32 <= track.program < 40)
    bar = 4 * piece.score.ticks_per_quarter

    def notes_in(section) -> list[list[int]]:
        start, end = section.bar_start * bar, (section.bar_end - 1) * bar
        inside = bass.notes[(bass.notes[:, START] >= start) & (bass.notes[:, START] < end)]
        return [[row[START] - start, row[PITCH]] for row in inside.tolist()]

    assert len(choruses) >= 2
    assert notes_in(choruses[0]) == notes_in(choruses[1]) != []


def test_a_piece_ends_on_its_tonic():
    for slug in ("pop", "hymn", "tango", "polka"):
        piece = compose(slug, 1, 1)
        last = max(section.bar_end for section in piece.structure) - 1
        start = last * 4 * piece.score.ticks_per_quarter * piece.metre[0] // piece.metre[1]
        ending = [
            row[PITCH]
            for track in piece.score.tracks
            if not track.is_drum
            for row in track.notes.tolist()
            if row[START] >= start
        ]
        assert min(ending) % 12 in {parse_key(piece.key)[0], (parse_key(piece.key)[0] + 7) % 12}


@EVERY
def test_the_tables_of_a_style_fit_its_metre(slug):
    style = STYLES[slug]
    steps = 4 * GRID * style.genre.metre[0] // style.genre.metre[1]
    assert len(style.roles) == len(style.genre.ensemble)
    assert set("".join(style.roles)) <= set(ROLES)
    patterns = [BASS[name] for name in style.bass] + [BROKEN[name] for name in style.broken]
    patterns += [CHORDS[name] for group in style.chords for name in group]
    for groove in (*style.grooves, *style.hands):
        for word in GROOVES[groove].split():
            assert word[0] in DRUMS
            patterns.append(word[2:])
    assert all(list(signs(pattern, steps)) for pattern in patterns)
    assert {style.scale_major, style.scale_minor} <= set(SCALES)
    assert style.feel in FEELS


def test_every_numeral_of_every_progression_is_a_chord():
    for family in PROGRESSIONS.values():
        for progression in (one for mode in family for one in mode):
            for pair in bars_of(progression):
                assert all(chord_of(numeral, 0).tones for numeral in pair)


def test_numerals_mean_what_they_say():
    assert chord_of("V7", 0) == Chord(7, (0, 4, 7, 10))
    assert chord_of("bVI", 9) == Chord(5, (0, 4, 7))
    assert chord_of("ii", 0) == Chord(2, (0, 3, 7))
    assert chord_of("iiø7", 0) == Chord(2, (0, 3, 6, 10))
    with pytest.raises(ValueError, match="no roman numeral"):
        chord_of("H7", 0)
    with pytest.raises(ValueError, match="quality"):
        chord_of("V13", 0)


def test_a_chord_brings_its_own_tones_into_the_scale():
    pitches = {pitch % 12 for pitch in ladder("minor", 9, chord_of("V7", 9), 48, 84)}
    assert 8 in pitches
    assert 7 not in pitches


@given(st.sampled_from(sorted(QUALITIES)), st.integers(0, 11), st.integers(2, 4), st.integers(45, 75))
def test_a_voicing_has_the_wanted_number_of_different_tones_near_its_centre(quality, root, count, centre):
    pitches = voicing(Chord(root, QUALITIES[quality]), count, centre)
    assert len(set(pitches)) == count
    assert all(abs(pitch - centre) <= 20 for pitch in pitches)


@given(st.integers(0, 2**32), st.integers(1, 50))
def test_dice_fall_within_their_bounds_and_the_same_twice(seed, count):
    one, two = Dice("x", seed), Dice("x", seed)
    throws = [one.below(count) for _ in range(20)]
    assert all(0 <= throw < count for throw in throws)
    assert throws == [two.below(count) for _ in range(20)]


def test_dice_set_apart_change_nothing_for_the_others():
    one, two = Dice(5), Dice(5)
    one.apart("drums").below(100)
    assert one.below(10**6) == two.below(10**6)
