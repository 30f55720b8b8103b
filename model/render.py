"""How does a score become sound: with which bank, how loud, and as which files?

Each track is rendered alone, so that more than 16 tracks are no problem and the stems sum to the mix. One
gain is then chosen for the mix and put on the stems too. The bank and its licence belong into a record.
"""

import importlib.util
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import soundfile
import symusic
from numpy.typing import NDArray

from model.errors import SoundBankError
from model.files import replacing, sha256_file
from model.midi import write_midi
from model.score import Score

SAMPLE_RATE = 44_100
LOUDNESS_DBFS = -18.0
PEAK_DBFS = -1.0
BLOCK_SECONDS = 0.4
GATE_DB = -10.0
BETTER_BANK = "apt-get install fluid-soundfont-gm (MIT), or name a bank in CONTRAFACT_SOUND_BANK"

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class SoundBank:
    """A sound bank with its licence; a `preview` bank is not meant for what is delivered."""

    path: Path
    name: str
    licence: str
    sha256: str
    preview: bool


@dataclass(frozen=True, eq=False)
class Rendered:
    """A score as sound, stereo, shape (2, samples), within plus and minus one; the stems sum to the mix.

    Stems are made one at a time when they are asked for: of a long piece for many they fill no memory.
    """

    mix: Audio
    sample_rate: int
    gain: np.float32
    sounding: Callable[[], Iterator[tuple[str, Audio]]]

    def stems(self) -> Iterator[tuple[str, Audio]]:
        """Each sounding track's name and sound, as long and as loud as it is in the mix."""
        for name, audio in self.sounding():
            yield name, np.pad(audio * self.gain, ((0, 0), (0, self.mix.shape[1] - audio.shape[1])))


class AudioFormat(StrEnum):
    """The forms in which sound is written."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"


# Path, name, licence, whether it is for previews only. Licences as Debian's copyright files state them.
_KNOWN = (
    ("/usr/share/sounds/sf3/MuseScore_General_Full.sf3", "MuseScore General", "MIT", False),
    ("/usr/share/sounds/sf3/MuseScore_General.sf3", "MuseScore General", "MIT", False),
    ("/usr/share/sounds/sf2/FluidR3_GM.sf2", "FluidR3 GM", "MIT", False),
    ("/usr/share/sounds/sf2/TimGM6mb.sf2", "TimGM6mb", "GPL-2.0-only", True),
)


def find_sound_bank(environment: Mapping[str, str] = os.environ) -> SoundBank:
    """The best bank on this machine: the one that is named, a free one of Debian's, or a preview.

    Args:
        environment: `CONTRAFACT_SOUND_BANK` may name a file, `CONTRAFACT_SOUND_BANK_LICENCE` its licence.

    Raises:
        SoundBankError: the named file is not there, or no bank is found.
    """
    named = environment.get("CONTRAFACT_SOUND_BANK")
    if named:
        licence = environment.get("CONTRAFACT_SOUND_BANK_LICENCE", "NOASSERTION")
        if not Path(named).is_file():
            raise SoundBankError(f"CONTRAFACT_SOUND_BANK names {named}, which is no file.")
        return _bank(Path(named), Path(named).stem, licence, preview=False)
    for path, name, licence, preview in (*_KNOWN, *_shipped()):
        if Path(path).is_file():
            return _bank(Path(path), name, licence, preview=preview)
    raise SoundBankError(f"There is no sound bank on this machine. Install one: {BETTER_BANK}.")


def _shipped() -> Iterator[tuple[str, str, str, bool]]:
    """The small bank inside the package pretty_midi, where that is installed."""
    found = importlib.util.find_spec("pretty_midi")
    if found is not None and found.origin is not None:
        bank = Path(found.origin).with_name("TimGM6mb.sf2")
        yield str(bank), "TimGM6mb (in pretty_midi)", "GPL-2.0-only", True


@lru_cache(maxsize=4)
def _digest(path: Path, size: int, changed_ns: int) -> str:  # noqa: ARG001 (part of the cache's key)
    return sha256_file(path)


def _bank(path: Path, name: str, licence: str, *, preview: bool) -> SoundBank:
    found = path.stat()
    return SoundBank(path, name, licence, _digest(path, found.st_size, found.st_mtime_ns), preview)


def render(score: Score, bank: SoundBank, sample_rate: int = SAMPLE_RATE) -> Rendered:
    """The score as sound, at one loudness and without clipping.

    The loudness is the mean power of the loud blocks of 400 ms (those within 10 dB of the mean of all that
    are not silent), brought to -18 dBFS, or as near as a peak of -1 dBFS allows.

    Raises:
        SoundBankError: the bank cannot be read.

    Source: block gating after ITU-R BS.1770-5, without its frequency weighting.
    """
    try:
        synthesizer = symusic.Synthesizer(str(bank.path), sample_rate)
    except (RuntimeError, ValueError) as error:
        raise SoundBankError(f"The sound bank {bank.path} cannot be read: {error}") from error
    alone = partial(_tracks, synthesizer, score)
    mix: Audio = np.zeros((2, 0), dtype=np.float32)
    for _, audio in alone():
        mix = np.pad(mix, ((0, 0), (0, max(audio.shape[1] - mix.shape[1], 0))))
        mix[:, : audio.shape[1]] += audio
    mix = mix if mix.shape[1] else np.zeros((2, sample_rate), dtype=np.float32)
    gain = np.float32(_gain(mix, sample_rate))
    mix *= gain
    return Rendered(mix, sample_rate, gain, alone)


def _tracks(synthesizer: symusic.Synthesizer, score: Score) -> Iterator[tuple[str, Audio]]:
    """Each sounding track alone."""
    for track in score.tracks:
        if len(track.notes):
            alone = Score(score.ticks_per_quarter, (track,), score.tempos, score.metres)
            yield track.name, _one(synthesizer, alone)


def _one(synthesizer: symusic.Synthesizer, score: Score) -> Audio:
    audio: Audio = synthesizer.render(symusic.Score.from_midi(write_midi(score)), True)
    return np.ascontiguousarray(audio, dtype=np.float32)


def _gain(mix: Audio, sample_rate: int) -> float:
    peak = float(np.abs(mix).max(initial=0.0))
    loudness = loudness_dbfs(mix, sample_rate)
    if peak == 0.0 or loudness is None:
        return 1.0
    wanted = 10 ** ((LOUDNESS_DBFS - loudness) / 20)
    return float(min(wanted, 10 ** (PEAK_DBFS / 20) / peak))


def loudness_dbfs(audio: Audio, sample_rate: int) -> float | None:
    """The gated mean power of the sound in dB below full scale; None for silence."""
    block = int(BLOCK_SECONDS * sample_rate)
    whole = audio[:, : max(audio.shape[1] // block, 1) * block]
    padded = np.pad(whole, ((0, 0), (0, -whole.shape[1] % block)))
    power = np.square(padded.astype(np.float64)).reshape(2, -1, block).mean(axis=(0, 2))
    heard = power[power > 1e-7]
    if not len(heard):
        return None
    loud = heard[heard >= heard.mean() * 10 ** (GATE_DB / 10)]
    return float(10 * np.log10(loud.mean()))


def write_audio(path: Path, audio: Audio, sample_rate: int, form: AudioFormat) -> None:
    """The sound as a file, 16 bits a sample where the form has bits; it appears whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(encode_audio(audio, sample_rate, form))


def encode_audio(audio: Audio, sample_rate: int, form: AudioFormat) -> bytes:
    """The bytes of the sound in one form; the same sound gives the same bytes."""
    buffer = io.BytesIO()
    subtype = "MPEG_LAYER_III" if form is AudioFormat.MP3 else "PCM_16"
    soundfile.write(buffer, audio.T, sample_rate, subtype=subtype, format=form.value.upper())
    return buffer.getvalue()
