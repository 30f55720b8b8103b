"""How far is one set of music from another, as clouds of phrases in a space of plain features?

The embedding is named and made here, so a distance compares with no published one. A distance between small
samples is too large; it is printed with the number of phrases and with what is left when that number is
taken to infinity.

Shapes: W windows of eight bars, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.analysis import find_key
from model.evaluation.bars import CELLS, BarPiece, Floats, cells_of, melody_of
from model.events import Ints, Note
from model.plan import parse_key

EMBEDDING = "house-phrases-1"
WINDOW_BARS = 8
LEAPS = (1, 3, 5, 8)  # semitones at which another class of intervals begins
NUM_FEATURES = 12 + CELLS + 7 + len(LEAPS) + 2
SIZES = 6  # at how many sample sizes the distance is taken
DRAWS = 12  # and from how many samples of each


def embed(piece: BarPiece) -> Floats:
    """The windows of a piece (W, 41): eight bars each, the last one perhaps fewer; silent ones left out.

    Pitch classes above the tonic by duration (12), where in the bar notes begin (16), then notes a bar,
    notes that begin at once, mean and spread of pitch, mean duration, the part of the notes that are drums',
    sounding tracks (7), and the tune's intervals by size with how often it rises (6).
    """
    pitched = piece.pitched
    weights = np.bincount(pitched[:, Note.PITCH] % 12, pitched[:, Note.DURATION].astype(float), minlength=12)
    tonic = parse_key(find_key(weights.astype(float)))[0] if weights.sum() else 0
    melody, is_drum = melody_of(piece), piece.is_drum_N
    rows = []
    for start in range(0, piece.num_bars, WINDOW_BARS):
        inside = _between(piece.notes, start, start + WINDOW_BARS)
        if inside.any():
            bars = min(WINDOW_BARS, piece.num_bars - start)
            tune = melody[_between(melody, start, start + WINDOW_BARS)]
            rows.append(_features(piece, piece.notes[inside], is_drum[inside], tune, bars, tonic))
    return np.array(rows).reshape(-1, NUM_FEATURES)


def _between(notes: Ints, start: int, end: int) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (notes[:, Note.BAR] >= start) & (notes[:, Note.BAR] < end)
    return inside


def _features(
    piece: BarPiece,
    notes: Ints,
    drum_N: npt.NDArray[np.bool_],
    tune: Ints,
    bars: int,
    tonic: int,
) -> Floats:
    pitched = notes[~drum_N]
    pitch, duration = pitched[:, Note.PITCH], pitched[:, Note.DURATION]
    chroma = np.bincount((pitch - tonic) % 12, np.sqrt(duration), minlength=12)
    grid = np.bincount(cells_of(piece, notes), minlength=CELLS)
    onsets = len(np.unique(notes[:, : Note.POSITION + 1], axis=0))
    few = [
        np.log2(len(notes) / bars), len(notes) / onsets, pitch.mean() / 12 if len(pitch) else 5.0,
        pitch.std() / 12 if len(pitch) else 0.0, np.log2(duration).mean() if len(duration) else 0.0,
        drum_N.mean(), np.log2(len(np.unique(notes[:, Note.TRACK]))),
    ]  # fmt: skip
    steps = np.diff(tune[:, Note.PITCH])
    leaps = np.bincount(np.searchsorted(LEAPS, np.abs(steps), side="right"), minlength=len(LEAPS) + 1)
    rises = [(steps > 0).mean() if len(steps) else 0.5]
    return np.concatenate([_part(chroma), _part(grid), few, _part(leaps), rises])


def _part(counts: npt.NDArray[Any]) -> Floats:
    return np.asarray(counts / max(counts.sum(), 1e-9), dtype=np.float64)


@dataclass(frozen=True)
class Distance:
    """A Fréchet distance: as it is, at infinitely many windows, and the windows on each side."""

    distance: float
    at_infinity: float
    windows: int
    reference_windows: int

    def to_json(self) -> dict[str, float | int | str]:
        """The distance as JSON values, with the name of the embedding."""
        return {
            "embedding": EMBEDDING, "distance": self.distance, "at_infinity": self.at_infinity,
            "windows": self.windows, "reference_windows": self.reference_windows,
        }  # fmt: skip


def distance_of(pieces: Sequence[BarPiece], reference: Sequence[BarPiece], seed: int) -> Distance | None:
    """How far the pieces are from the reference; None where one side has too few windows to say.

    Features are scaled by the reference's spread. At infinity: distances of samples of several sizes from
    the whole reference, drawn without replacement, lie about on a line in one over the size.

    Source: M. J. Chong, D. Forsyth, "Effectively unbiased FID" (CVPR 2020), section 3; A. Gui et al.,
    "Adapting Fréchet audio distance for generative music evaluation" (ICASSP 2024).
    """
    ours, theirs = (_joined(some) for some in (pieces, reference))
    if min(len(ours), len(theirs)) < 2 * SIZES:
        return None
    centre, spread = theirs.mean(axis=0), np.maximum(theirs.std(axis=0), 1e-3)
    ours, theirs = (ours - centre) / spread, (theirs - centre) / spread
    rng = np.random.default_rng([seed, len(ours), len(theirs)])
    sizes = np.linspace(len(ours) / 3, len(ours), SIZES).astype(int)
    means = [
        np.mean([frechet(ours[rng.permutation(len(ours))[:size]], theirs) for _ in range(DRAWS)])
        for size in sizes
    ]
    _, at_infinity = np.polyfit(1 / sizes, means, 1)
    return Distance(round(frechet(ours, theirs), 4), round(float(at_infinity), 4), len(ours), len(theirs))


def _joined(pieces: Sequence[BarPiece]) -> Floats:
    return np.concatenate([np.zeros((0, NUM_FEATURES)), *(embed(p) for p in pieces)])


def frechet(ours_WF: Floats, theirs_WF: Floats) -> float:
    """The squared distance between the normal distributions that have the samples' means and covariances.

    Source: D. C. Dowson, B. V. Landau, "The Fréchet distance between multivariate normal distributions"
    (Journal of Multivariate Analysis 12, 1982), equation 4.
    """
    mean = ours_WF.mean(axis=0) - theirs_WF.mean(axis=0)
    a, b = (np.cov(x, rowvar=False) for x in (ours_WF, theirs_WF))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    return float(max(mean @ mean + np.trace(a) + np.trace(b) - 2 * both, 0.0))
