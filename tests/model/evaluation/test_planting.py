"""Is what is planted really the work's bars, and is a disguise one?"""

import numpy as np

from model.evaluation import planting
from model.evaluation.planting import COPIED_BARS, Copied, copies_of, cut_bars, disguised, plant
from model.events import Note
from model.instruments import DRUM_KIT
from tests.model.corpora import a_corpus
from tests.model.evaluation.pieces import a_piece, random_bars

CHANCE = 5


def some_copied(program=40):
    piece = a_piece(random_bars(COPIED_BARS, seed=1), program=program)
    return Copied("work_a", piece.notes, piece.metres, piece.instruments)


def pitches_of(planted, bars):
    notes = np.concatenate([excerpt.notes for excerpt in planted.excerpts])
    inside = (notes[:, Note.BAR] >= bars.start) & (notes[:, Note.BAR] < bars.stop)
    return notes[inside][:, Note.PITCH].tolist()


def test_the_copied_bars_stand_in_the_piece_note_for_note_and_the_piece_around_them():
    copied, around = some_copied(), a_piece(random_bars(12, seed=2))
    for seed in range(8):
        planted = plant(copied, around, np.random.default_rng(seed))
        end = planted.bar + COPIED_BARS
        assert planted.bar % 4 == 0
        assert pitches_of(planted, range(planted.bar, end)) == copied.notes[:, Note.PITCH].tolist()
        outside = pitches_of(planted, range(planted.bar)) + pitches_of(planted, range(end, 20))
        assert outside == around.notes[:, Note.PITCH].tolist()
        assert planted.has_copy(end - 1, end + 3)
        assert not planted.has_copy(end, end + 4)


def test_a_disguise_moves_every_pitch_as_far_and_changes_the_instrument_but_not_the_rhythm():
    copied = some_copied()
    other = disguised(copied, np.random.default_rng(CHANCE))
    moved = other.notes[:, Note.PITCH] - copied.notes[:, Note.PITCH]
    assert len(set(moved.tolist())) == 1 and moved[0] != 0
    assert other.instruments != copied.instruments
    columns = [Note.BAR, Note.POSITION, Note.DURATION]
    assert (other.notes[:, columns] == copied.notes[:, columns]).all()


def test_drums_are_not_transposed():
    drums = some_copied(program=DRUM_KIT)
    notes = np.concatenate([drums.notes, some_copied().notes + np.array([0, 0, 1, 0, 0, 0])])
    other = disguised(Copied("work_a", notes, drums.metres, (DRUM_KIT, 40)), np.random.default_rng(CHANCE))
    assert other.instruments[0] == DRUM_KIT
    own = notes[:, Note.TRACK] == 0
    assert (other.notes[own] == notes[own]).all()
    assert (other.notes[~own][:, Note.PITCH] != notes[~own][:, Note.PITCH]).all()


def test_copies_are_full_bars_of_the_works_asked_for_and_no_more_than_wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(planting, "COPIED_BARS", 4)  # every fifth bar of the made-up works is empty
    corpus = a_corpus(tmp_path, works=40)
    works = sorted(set(corpus.work_ids))[:5]
    found = list(copies_of(corpus, works, 3, np.random.default_rng(0)))
    assert len(found) == 3
    for copied in found:
        assert copied.work_id in works and len(copied.metres) == 4
        assert set(copied.notes[:, Note.BAR].tolist()) == set(range(4))
    assert list(copies_of(corpus, works, 0, np.random.default_rng(0))) == []


def test_bars_that_are_cut_out_are_counted_from_the_first():
    piece = a_piece(random_bars(12, seed=2))
    part = cut_bars(piece, 4, 8)
    assert part.num_bars == 4
    assert part.notes[:, Note.PITCH].tolist() == piece.notes[16:32, Note.PITCH].tolist()
    assert part.notes[0, Note.BAR] == 0
