"""What is each choice worth in nats, beside what the network expects, and what is not on offer at all?

Form, metre, range and key are kept by these numbers, while notes are chosen; nothing is mended afterwards.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from model.events import (
    BAR_MARK,
    END_MARK,
    FIELD_SIZES,
    MAX_TRACKS,
    PITCH_CODES,
    Field,
    Ints,
    tonic_shift,
)
from model.instruments import Instrument
from model.plan import CHORD_QUALITIES, CHORD_TONES, Column, TrackPlan
from model.planning import SCALES

Floats = npt.NDArray[np.float64]

NEVER = -1e9
FOREIGN = -5.0  # what a pitch outside key and chord is worth
OF_CHORD = 0.4
FULLNESS = 2.5  # against ending a bar that is still empty where notes are planned
REGISTER = 0.25  # for each semitone outside a track's register


def tracks_open(ensemble: tuple[Instrument, ...], found: list[Ints]) -> npt.NDArray[np.bool_]:
    """Which tracks may still begin a note at the position of the last one."""
    tracks = np.zeros(MAX_TRACKS, dtype=bool)
    if not found:
        return tracks
    last = found[-1]
    together = sum(
        1 for f in found if f[Field.POSITION] == last[Field.POSITION] and f[Field.TRACK] == last[Field.TRACK]
    )
    track = int(last[Field.TRACK])
    tracks[track + 1 : len(ensemble)] = True
    player = ensemble[track]
    top = PITCH_CODES + player.high if player.is_drum else player.high - 12
    tracks[track] = together < player.voices and last[Field.PITCH] < top
    return tracks


def position_worth(row: Ints, begun: bool, can_stay: bool) -> Floats:
    """Positions not before the last note and inside the bar, or the end of the bar."""
    worth = np.zeros(FIELD_SIZES[Field.POSITION])
    worth[END_MARK] = NEVER
    worth[row[Column.LENGTH] : BAR_MARK] = NEVER
    if begun:
        here = int(row[Column.POSITION])
        worth[: here + (0 if can_stay else 1)] = NEVER
    return worth


def ending_worth(fullness: float) -> float:
    """What ending a bar is worth in nats with a part of the planned notes in it."""
    return FULLNESS * (min(0.0, fullness / 0.6 - 1) + float(np.clip(fullness / 1.5 - 1, 0, 2)))


def any_pitch(player: Instrument) -> Instrument:
    """The instrument as if it played every pitch that there is."""
    return replace(player, low=0, high=127)


def pitch_range(player: Instrument, tonic: int) -> tuple[int, int]:
    """The lowest and the highest pitch code that an instrument plays in a key."""
    offset = PITCH_CODES if player.is_drum else 6 - tonic_shift(tonic)
    return player.low + offset, player.high + offset


def register_worth(track: TrackPlan, player: Instrument, span: tuple[int, int]) -> Floats:
    """What each pitch code is worth to a track: less, the farther it lies outside the planned register."""
    worth = np.zeros(FIELD_SIZES[Field.PITCH])
    if track.register:
        centre = span[0] + (track.register - 0.5) * 11 - player.low
        distance = np.abs(np.arange(len(worth)) - centre) - (player.high - player.low) / 5
        worth -= REGISTER * np.maximum(distance, 0)
    return worth


def harmony_worth(is_minor: bool) -> Floats:
    """For each chord value what each pitch code is worth: in the chord, in the key, or foreign to both."""
    classes = (np.arange(PITCH_CODES) - 6) % 12
    in_key = np.isin(classes, SCALES[is_minor])
    worth = np.zeros((2 + 12 * len(CHORD_QUALITIES), FIELD_SIZES[Field.PITCH]))
    worth[:, :PITCH_CODES] = np.where(in_key, 0.0, FOREIGN)
    for root in range(12):
        for quality, name in enumerate(CHORD_QUALITIES):
            tones = np.isin(classes, [(root + tone) % 12 for tone in CHORD_TONES[name]])
            row = worth[2 + root * len(CHORD_QUALITIES) + quality]
            row[:PITCH_CODES] = np.where(tones, OF_CHORD, row[:PITCH_CODES])
    return worth
