"""Builders of small scores for the tests of music that comes in and goes out."""

from collections.abc import Sequence

from model.score import Metre, Score, Tempo, Track, notes_of


def a_track(
    rows: Sequence[Sequence[int]] = ((0, 480, 60, 80), (480, 480, 64, 80), (960, 960, 67, 90)),
    *,
    name: str = "Piano",
    program: int = 0,
    is_drum: bool = False,
) -> Track:
    """A track of rows of start, duration, pitch, velocity."""
    return Track(name, program, is_drum, notes_of(rows))


def a_score(*tracks: Track, ticks_per_quarter: int = 480, title: str = "A tune") -> Score:
    """A score in 4/4 at 96 beats a minute."""
    return Score(ticks_per_quarter, tracks or (a_track(),), (Tempo(0, 96_000),), (Metre(0, 4, 4),), title)
