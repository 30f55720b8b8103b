"""Does a score become sound: whole, not clipped, the same again, and with a bank whose licence is known?"""

import io

import numpy as np
import pytest
import soundfile

from model.errors import SoundBankError
from model.render import (
    PEAK_DBFS,
    AudioFormat,
    encode_audio,
    find_sound_bank,
    loudness_dbfs,
    render,
    write_audio,
)
from model.score import Score, Track, notes_of


def a_track(name="Piano", program=0, is_drum=False, pitch=60, num_notes=8):
    rows = [[480 * index, 400, pitch + index % 5, 100] for index in range(num_notes)]
    return Track(name, program, is_drum, notes_of(rows))


@pytest.fixture(scope="module")
def bank():
    return find_sound_bank({})


@pytest.fixture(scope="module")
def rendered(bank):
    return render(Score(480, (a_track(), a_track("Bass", 33, pitch=40), a_track("Drums", 0, True))), bank)


def test_the_bank_carries_its_licence_and_digest(bank):
    assert bank.licence != ""
    assert len(bank.sha256) == 64


def test_a_named_bank_that_is_missing_is_refused(tmp_path):
    with pytest.raises(SoundBankError, match="which is no file"):
        find_sound_bank({"CONTRAFACT_SOUND_BANK": str(tmp_path / "none.sf2")})


def test_a_bank_of_garbage_is_refused(tmp_path):
    path = tmp_path / "garbage.sf2"
    path.write_bytes(b"RIFF nothing")
    bank = find_sound_bank({"CONTRAFACT_SOUND_BANK": str(path)})
    with pytest.raises(SoundBankError, match="cannot be read"):
        render(Score(480, (a_track(),)), bank)


def test_the_sound_is_as_long_as_the_notes_and_never_clips(rendered):
    last_note_ends = (7 * 480 + 400) * rendered.sample_rate // (2 * 480)  # at 120 beats a minute
    assert rendered.mix.shape[1] >= last_note_ends  # how much longer it rings is the bank's affair
    peak = float(np.abs(rendered.mix).max())
    assert 0.05 < peak <= 10 ** (PEAK_DBFS / 20) + 1e-6


def test_the_stems_sum_to_the_mix(rendered):
    assert [name for name, _ in rendered.stems()] == ["Piano", "Bass", "Drums"]
    total = np.sum([audio for _, audio in rendered.stems()], axis=0)
    np.testing.assert_allclose(total, rendered.mix, atol=2e-6)


def test_the_same_score_sounds_the_same_again(bank, rendered):
    again = render(Score(480, (a_track(), a_track("Bass", 33, pitch=40), a_track("Drums", 0, True))), bank)
    assert np.array_equal(again.mix, rendered.mix)


def test_more_than_sixteen_tracks_all_sound(bank):
    tracks = tuple(a_track(f"Piano {index}", pitch=36 + index, num_notes=1) for index in range(20))
    stems = list(render(Score(480, tracks), bank).stems())
    assert len(stems) == 20
    assert all(np.abs(audio).max() > 1e-4 for _, audio in stems)


def test_a_score_without_notes_is_silence(bank):
    assert not render(Score(480, ()), bank).mix.any()


def test_quiet_and_loud_music_come_out_equally_loud(bank):
    soft = Track("Piano", 0, False, notes_of([[480 * i, 400, 60 + i % 7, 30] for i in range(16)]))
    hard = Track("Piano", 0, False, notes_of([[480 * i, 400, 60 + i % 7, 110] for i in range(16)]))
    levels = []
    for track in (soft, hard):
        rendered = render(Score(480, (track,)), bank)
        levels.append(loudness_dbfs(rendered.mix, rendered.sample_rate))
    assert abs(levels[0] - levels[1]) < 3.0


@pytest.mark.parametrize("form", list(AudioFormat))
def test_every_form_is_read_back_with_its_length(rendered, form):
    data = encode_audio(rendered.mix, rendered.sample_rate, form)
    assert data == encode_audio(rendered.mix, rendered.sample_rate, form)
    audio, sample_rate = soundfile.read(io.BytesIO(data))
    assert sample_rate == rendered.sample_rate
    assert abs(len(audio) - rendered.mix.shape[1]) < 4000


def test_a_file_appears_whole(tmp_path, rendered):
    write_audio(tmp_path / "mix.wav", rendered.mix, rendered.sample_rate, AudioFormat.WAV)
    assert [path.name for path in tmp_path.iterdir()] == ["mix.wav"]
