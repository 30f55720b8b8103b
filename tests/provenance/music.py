"""Short pieces as MIDI, each with notes of its own."""

import numpy as np

from model.midi import write_midi
from model.score import Score, Track


def a_score(seed: int, bars: int = 8, title: str = "") -> Score:
    """Two tracks in 4/4, a note on every beat."""
    random = np.random.default_rng(seed)
    tracks = []
    for name, program, low in (("Flute", 73, 60), ("Cello", 42, 40)):
        starts = 480 * np.arange(4 * bars)
        notes = np.stack(
            [starts, np.full(len(starts), 480), low + random.integers(0, 12, len(starts)),
             np.full(len(starts), 80)], axis=1,
        )  # fmt: skip
        tracks.append(Track(name, program, False, notes.astype(np.int32)))
    return Score(480, tuple(tracks), title=title)


def a_midi(seed: int, bars: int = 8, title: str = "") -> bytes:
    return write_midi(a_score(seed, bars, title))
