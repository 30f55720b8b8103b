"""Builders of small made-up songs for the tests of the network."""

from pathlib import Path

import numpy as np
import torch

from model.events import Ints
from model.excerpts import Excerpt, encode_example
from model.network import Composer, ComposerConfig
from model.plan import CHORD_QUALITIES, SectionPlan, SongPlan, TrackPlan

TINY = ComposerConfig(
    width=32, heads=2, head_width=32, stream_width=16, expansion=2, max_events=160, stream_window=6
)


def a_plan(seed: int = 0, *, bars: int = 16, tracks: int = 4, key: str = "E minor") -> SongPlan:
    """An AABA-like plan of four sections in 3/4 with drums in the first track."""
    rng = np.random.default_rng(seed)
    quarter = bars // 4
    sections = (
        SectionPlan("A", 0, quarter, None, 2),
        SectionPlan("A", quarter, 2 * quarter, 0, 3),
        SectionPlan("B", 2 * quarter, 3 * quarter, None, 4),
        SectionPlan("A", 3 * quarter, bars, 0, 3),
    )
    programs = rng.integers(0, 128, tracks)
    return SongPlan(
        "baroque", "classical_jazz", key, 96, ((3, 4),) * bars,
        tuple(TrackPlan(int(p), i == 0, 0 if i == 0 else 6, 4) for i, p in enumerate(programs)),
        sections, tuple((start, start + 2) for start in range(0, bars, 2)),
        tuple(int(c) for c in rng.integers(0, 1 + 12 * len(CHORD_QUALITIES), 2 * bars)),
    )  # fmt: skip


def some_notes(
    plan: SongPlan, seed: int = 0, *, per_bar: int = 6, start: int = 0, end: int | None = None
) -> Ints:
    """Notes at random, in event order, about `per_bar` in each bar; every fifth bar is empty."""
    rng = np.random.default_rng(seed)
    bars = [bar for bar in range(start, plan.num_bars if end is None else end) if bar % 5 != 3]
    drawn = {
        (bar, int(rng.integers(0, 36)), int(rng.integers(0, len(plan.tracks))), int(rng.integers(40, 80)))
        for bar in bars
        for _ in range(per_bar)
    }
    where = np.array(sorted(drawn), dtype=np.int32)
    rest = np.stack([rng.integers(1, 25, len(where)), 8 * rng.integers(4, 15, len(where)) + 4], 1)
    return np.concatenate([where, rest], 1).astype(np.int32)


def an_excerpt(seed: int = 0, *, start: int = 0, end: int | None = None, per_bar: int = 6) -> Excerpt:
    """An excerpt of a made-up song."""
    plan = a_plan(seed)
    end = plan.num_bars if end is None else end
    return Excerpt(plan, start, end, some_notes(plan, seed, per_bar=per_bar, start=start, end=end))


def a_matrix(seed: int = 0, *, start: int = 0, end: int | None = None, max_events: int = 160) -> torch.Tensor:
    """The matrix (R, F) of a made-up excerpt."""
    return torch.from_numpy(encode_example(an_excerpt(seed, start=start, end=end), max_events))


def a_composer(seed: int = 0, config: ComposerConfig = TINY) -> Composer:
    """A small composer of random weights in double precision."""
    torch.manual_seed(seed)
    return Composer(config).double().eval()


def fresh(path: Path) -> Path:
    """The directory, made."""
    path.mkdir(parents=True)
    return path
