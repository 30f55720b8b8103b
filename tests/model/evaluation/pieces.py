"""Builders of small pieces for the tests of the metrics."""

import numpy as np

from model.evaluation.bars import BarPiece
from model.events import Ints


def a_bar(bar: int, pitches: list[int], track: int = 0, duration: int = 12) -> list[list[int]]:
    """A bar of quarters."""
    return [[bar, 12 * place, track, pitch, duration, 64] for place, pitch in enumerate(pitches)]


def a_piece(bars: list[list[int]], *, program: int = 0, tempo: int = 100) -> BarPiece:
    """A piece of one track in 4/4 with up to four quarters a bar."""
    rows = [row for bar, pitches in enumerate(bars) for row in a_bar(bar, pitches)]
    notes: Ints = np.array(rows, dtype=np.int32).reshape(-1, 6)
    return BarPiece(notes, ((4, 4),) * len(bars), (program,), tempo)


def random_bars(count: int, seed: int = 0, *, low: int = 48, high: int = 84) -> list[list[int]]:
    """Bars of four random pitches each."""
    return np.random.default_rng(seed).integers(low, high, (count, 4)).tolist()


def aaba(unit: int = 8, seed: int = 0) -> BarPiece:
    """A piece whose sections of random bars return."""
    a, b = random_bars(unit, seed), random_bars(unit, seed + 1)
    return a_piece([*a, *a, *b, *a])
