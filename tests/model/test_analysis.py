"""Is the form, the key and the harmony of a piece read from its notes as a musician would read it?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analysis import Bar, analyse, find_bars, find_chords, find_key
from model.errors import ModelError
from model.plan import CHORD_QUALITIES, parse_key
from model.score import GRID, Metre, Score, Tempo, Track, notes_of

BAR = 4 * GRID
TRIADS = {"C": (60, 64, 67), "Am": (57, 60, 64), "F": (53, 57, 60), "G": (55, 59, 62), "E": (52, 56, 59)}


def chords(names, start_bar=0, transposed=0):
    return [
        [(start_bar + bar) * BAR + beat * GRID, GRID, pitch + transposed, 90]
        for bar, name in enumerate(names)
        for beat in range(4)
        for pitch in TRIADS[name]
    ]


COMMON_TIME, ALLEGRO = (Metre(0, 4, 4),), (Tempo(0, 120_000),)


def a_score(rows, metres=COMMON_TIME, tempos=ALLEGRO):
    return Score(GRID, (Track("Piano", 0, False, notes_of(rows)),), tempos, metres)


VERSE = ["C", "Am", "F", "G", "C", "Am", "F", "C"]


def test_a_piece_of_triads_is_in_the_key_that_a_musician_hears():
    assert analyse(a_score(chords(VERSE))).key == "C major"
    assert analyse(a_score(chords(VERSE, transposed=3))).key == "Eb major"
    assert analyse(a_score(chords(["Am", "Am", "E", "Am", "F", "E", "Am", "Am"]))).key == "A minor"


@pytest.mark.parametrize("shift", range(12))
def test_transposing_a_piece_transposes_its_key_and_its_chords(shift):
    plain, moved = analyse(a_score(chords(VERSE))), analyse(a_score(chords(VERSE, transposed=shift)))
    assert (parse_key(moved.key)[0] - parse_key(plain.key)[0]) % 12 == shift
    roots = [((b - 1) // len(CHORD_QUALITIES) - (a - 1) // len(CHORD_QUALITIES)) % 12
             for a, b in zip(plain.chords, moved.chords, strict=True)]  # fmt: skip
    assert set(roots) == {shift}


def test_every_half_bar_has_the_chord_that_sounds_in_it():
    found = analyse(a_score(chords(["C", "G", "Am"]))).chords
    code = {name: 1 + len(CHORD_QUALITIES) * root for name, root in (("C", 0), ("G", 7), ("Am", 9))}
    minor = CHORD_QUALITIES.index("min")
    assert found == (code["C"], code["C"], code["G"], code["G"], code["Am"] + minor, code["Am"] + minor)


def test_silence_has_no_chord():
    assert find_chords(np.zeros((3, 12)), np.full(3, 128)) == (0, 0, 0)


def test_a_section_that_comes_back_has_the_same_letter_and_points_to_its_first():
    a, b = VERSE, ["E", "Am", "E", "Am", "E", "Am", "G", "G"]
    melody = [[(8 + bar) * BAR + 6 * step, 6, 76 + step % 3, 90] for bar in range(8) for step in range(8)]
    rows = chords(a) + chords(b, 8) + melody + chords(a, 16)
    sections = analyse(a_score(rows)).sections
    first = next(section for section in sections if section.bar_start == 0)
    back = next(section for section in sections if section.bar_start == 16)
    middle = next(section for section in sections if section.bar_start == 8)
    assert back.label == first.label
    assert back.repeats == sections.index(first)
    assert middle.label != first.label


def test_a_change_of_metre_begins_a_new_bar():
    score = a_score([[0, 12, 60, 90], [96, 60, 62, 90]], metres=(Metre(0, 4, 4), Metre(60, 3, 4)))
    assert find_bars(score) == (Bar(0, 4, 4), Bar(48, 4, 4), Bar(60, 3, 4), Bar(96, 3, 4), Bar(132, 3, 4))


def test_the_tempo_is_the_one_that_holds_longest():
    tempos = (Tempo(0, 60_000), Tempo(BAR, 90_400))
    assert analyse(a_score(chords(VERSE), tempos=tempos)).tempo_bpm == 90


def test_a_score_without_notes_or_off_the_grid_is_refused():
    with pytest.raises(ModelError, match="no notes"):
        analyse(a_score([]))
    with pytest.raises(ModelError, match="quantise"):
        analyse(Score(480, (Track("Piano", 0, False, notes_of([[0, 480, 60, 90]])),)))


def test_a_score_of_endless_bars_is_refused():
    with pytest.raises(ModelError, match="more than 4096 bars"):
        analyse(a_score([[10**8, 12, 60, 90]]))


def test_a_piece_of_drums_alone_has_bars_and_sections_but_no_chords():
    drums = Track("Drums", 0, True, notes_of([[step * GRID, 6, 36, 100] for step in range(32)]))
    found = analyse(Score(GRID, (drums,)))
    assert len(found.bars) == 8
    assert set(found.chords) == {0}


def test_a_key_without_any_sound_is_still_a_key():
    assert find_key(np.zeros(12)) == "C major"


notes = st.tuples(st.integers(0, 3000), st.integers(1, 200), st.integers(0, 127), st.integers(1, 127)).map(
    list
)
metres = st.sampled_from([(4, 4), (3, 4), (6, 8), (7, 8), (2, 2), (5, 4)])


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(notes, min_size=1, max_size=60), metre=metres)
def test_bars_phrases_and_sections_cover_every_piece_without_gap_or_overlap(rows, metre):
    score = a_score(rows, metres=(Metre(0, *metre),))
    found = analyse(score)
    last = found.bars[-1]
    assert last.start_steps < score.end_ticks <= last.start_steps + metre[0] * 4 * GRID // metre[1]
    for parts in (found.phrases, found.sections):
        assert [part.bar_start for part in parts] == [0, *[part.bar_end for part in parts[:-1]]]
        assert parts[-1].bar_end == len(found.bars)
        assert all(part.bar_start < part.bar_end for part in parts)
    assert all(phrase.bar_end - phrase.bar_start <= 8 for phrase in found.phrases)
    assert len(found.chords) == 2 * len(found.bars)
    assert found == analyse(score)
