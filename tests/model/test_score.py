import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.files import replacing, sha256_file
from model.score import DURATION, GRID, START, Score, note_digest, notes_of, quantise
from tests.model.scores import a_score, a_track

ROWS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(1, 2000), st.integers(0, 127), st.integers(1, 127)),
    max_size=30,
)


def test_a_sixteenth_and_a_triplet_eighth_both_fall_on_the_grid():
    score = quantise(a_score(a_track([(120, 120, 60, 80), (160, 160, 62, 80)])))
    assert score.ticks_per_quarter == GRID
    assert score.tracks[0].notes[:, [START, DURATION]].tolist() == [[3, 3], [4, 4]]


def test_a_grace_note_keeps_one_step():
    assert quantise(a_score(a_track([(0, 3, 60, 80)]))).tracks[0].notes[0, DURATION] == 1


def test_two_notes_on_one_step_and_pitch_become_the_longer_and_louder():
    score = quantise(a_score(a_track([(0, 480, 60, 50), (2, 960, 60, 40)])))
    assert score.tracks[0].notes.tolist() == [[0, 24, 60, 40]]


@given(ROWS)
def test_quantising_twice_changes_nothing_more(rows):
    once = quantise(a_score(a_track(rows)))
    assert np.array_equal(quantise(once).tracks[0].notes, once.tracks[0].notes)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_in_which_notes_are_given_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert np.array_equal(notes_of(rows), notes_of(shuffled))


def test_a_re_export_under_another_name_is_the_same_music():
    piano, bass = a_track(), a_track([(0, 960, 36, 100)], name="Bass", program=32)
    finer = a_track([(0, 960, 60, 10), (960, 960, 64, 10), (1920, 1920, 67, 10)], name="Klavier")
    finer_bass = a_track([(0, 1920, 36, 64)], program=32)
    assert note_digest(a_score(piano, bass)) == note_digest(
        a_score(finer_bass, finer, ticks_per_quarter=960, title="Other")
    )


def test_one_other_pitch_is_other_music():
    assert note_digest(a_score(a_track([(0, 480, 60, 80)]))) != note_digest(
        a_score(a_track([(0, 480, 61, 80)]))
    )


def test_silence_has_no_notes_and_ends_at_once():
    score = Score(480, ())
    assert (score.num_notes, score.end_ticks) == (0, 0)


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path):
    path = tmp_path / "piece.mid"
    path.write_bytes(b"old")
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["piece.mid"]
    assert path.read_bytes() == b"old"


def test_a_written_file_has_its_bytes_and_digest(tmp_path):
    path = tmp_path / "deep" / "piece.mid"
    with replacing(path) as temporary:
        temporary.write_bytes(b"abc")
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
