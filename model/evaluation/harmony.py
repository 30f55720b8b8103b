"""Does the harmony go somewhere, and does the tune cross the bar line as tunes do?

Pitch-class entropy and scale consistency are what other papers print; shuffling bars cannot change them, so
they only tell generated from human. The others look across the bar line, which is where order is heard.

Shapes: N notes, B bars, H halves of bars.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from model.analysis import find_chords, find_key
from model.evaluation.bars import BarPiece, Floats, mean_or_nan, melody_of
from model.events import Ints, Note
from model.plan import CHORD_QUALITIES, parse_key

NUM_QUALITIES = len(CHORD_QUALITIES)
SMOOTHING = 0.1
NATURAL_MAJOR = (0, 2, 4, 5, 7, 9, 11)
HARMONIC_MINOR = (0, 2, 3, 5, 7, 8, 11)
# Radii of the circles of fifths, minor thirds and major thirds.
_CIRCLES = ((1.0, 7), (1.0, 3), (0.5, 4))


def pitch_class_entropy(piece: BarPiece) -> float:
    """The entropy in bits of the pitch classes of all pitched notes, each note once.

    Source: S.-L. Wu, Y.-H. Yang, "The Jazz Transformer on the front line" (ISMIR 2020), section 4.2, over
    the whole piece instead of one or four bars.
    """
    counts = np.bincount(piece.pitched[:, Note.PITCH] % 12, minlength=12)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) if len(shares) else float("nan")


def scale_consistency(piece: BarPiece) -> float:
    """The part of the pitched notes that lie in the major or harmonic minor scale that holds most of them.

    Source: O. Mogren, "C-RNN-GAN" (2016), scale consistency; as `muspy.scale_consistency`.
    """
    counts = np.bincount(piece.pitched[:, Note.PITCH] % 12, minlength=12)
    if not counts.sum():
        return float("nan")
    scales = (NATURAL_MAJOR, HARMONIC_MINOR)
    inside = [counts[(np.array(scale) + tonic) % 12].sum() for scale in scales for tonic in range(12)]
    return float(max(inside) / counts.sum())


def half_bar_chroma(piece: BarPiece) -> tuple[Floats, Ints]:
    """How long each pitch class sounds that begins in each half bar (H, 12), and the lowest pitch (H,).

    Notes count up to the end of their bar; 128 is no pitch.
    """
    notes = piece.pitched
    lengths = piece.lengths_B[notes[:, Note.BAR]]
    half = 2 * notes[:, Note.BAR] + (2 * notes[:, Note.POSITION] >= lengths)
    sounding = np.minimum(notes[:, Note.DURATION], lengths - notes[:, Note.POSITION])
    chroma_H12, bass_H = np.zeros((2 * piece.num_bars, 12)), np.full(2 * piece.num_bars, 128, dtype=np.int32)
    np.add.at(chroma_H12, (half, notes[:, Note.PITCH] % 12), np.maximum(sounding, 0))
    np.minimum.at(bass_H, half, notes[:, Note.PITCH])
    return chroma_H12, bass_H


def tonal_step(piece: BarPiece) -> float:
    """How far the harmony moves over a bar line: the mean distance of tonal centroids on both sides of it.

    Source: C. Harte, M. Sandler, M. Gasser, "Detecting harmonic change in musical audio" (2006), equation 1;
    as tonal distance in H.-W. Dong et al., "MuseGAN" (AAAI 2018), section 5.3.
    """
    chroma_H12, _ = half_bar_chroma(piece)
    before, after = chroma_H12[1:-1:2], chroma_H12[2::2]
    both = (before.sum(axis=1) > 0) & (after.sum(axis=1) > 0)
    steps = np.linalg.norm(_centroids(before[both]) - _centroids(after[both]), axis=1)
    return mean_or_nan(steps)


def _centroids(chroma_H12: Floats) -> Floats:
    """The chroma's place on the three circles (H, 6)."""
    pitch = np.arange(12)
    rows = [
        radius * wave(2 * np.pi * step * pitch / 12) for radius, step in _CIRCLES for wave in (np.sin, np.cos)
    ]
    total = chroma_H12.sum(axis=1, keepdims=True)
    return np.asarray(chroma_H12 @ np.array(rows).T / np.maximum(total, 1e-12))


def bar_line_leap(piece: BarPiece) -> float:
    """The mean interval in semitones that the tune moves over a bar line, up or down."""
    melody = melody_of(piece)
    crosses = np.diff(melody[:, Note.BAR]) == 1
    return mean_or_nan(np.abs(np.diff(melody[:, Note.PITCH]))[crosses])


def ends_on_tonic(piece: BarPiece) -> float:
    """One if the lowest pitch of the last half bar that sounds is the tonic of the key that is read."""
    chroma_H12, bass_H = half_bar_chroma(piece)
    sounding = np.flatnonzero(bass_H < 128)
    if not len(sounding):
        return float("nan")
    tonic, _ = parse_key(find_key(chroma_H12.sum(axis=0)))
    return float(bass_H[sounding[-1]] % 12 == tonic)


@dataclass(frozen=True, eq=False)
class ChordTable:
    """How likely each chord is after another in some music, over the bar line.

    `bits` (qualities, 12, qualities) is the surprise of a root motion and a quality after a quality. Only the
    motion of the root is counted, so no key has to be known.
    """

    bits: Floats


def chord_table(pieces: Iterable[BarPiece]) -> ChordTable:
    """The table of the chord changes over the bar lines of some pieces, smoothed so that all may happen."""
    counts = np.full((NUM_QUALITIES, 12, NUM_QUALITIES), SMOOTHING)
    for piece in pieces:
        np.add.at(counts, tuple(chord_changes(piece).T), 1.0)
    return ChordTable(-np.log2(counts / counts.sum(axis=(1, 2), keepdims=True)))


def chord_surprise(piece: BarPiece, table: ChordTable) -> float:
    """The mean surprise in bits of the chord changes over the bar lines, by a table from other music."""
    changes = chord_changes(piece)
    return mean_or_nan(table.bits[tuple(changes.T)]) if len(changes) else float("nan")


def chord_changes(piece: BarPiece) -> Ints:
    """Quality before the bar line, root motion over it, quality behind it (n, 3), where both halves sound."""
    codes_B2 = np.array(find_chords(*_typed(half_bar_chroma(piece))), dtype=np.int32).reshape(-1, 2)
    before, after = codes_B2[:-1, 1], codes_B2[1:, 0]
    both = (before > 0) & (after > 0)
    root_a, quality_a = np.divmod(before[both] - 1, NUM_QUALITIES)
    root_b, quality_b = np.divmod(after[both] - 1, NUM_QUALITIES)
    return np.stack([quality_a, (root_b - root_a) % 12, quality_b], axis=1).astype(np.int32)


def _typed(halves: tuple[Floats, Ints]) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    return halves[0], halves[1].astype(np.int64)
