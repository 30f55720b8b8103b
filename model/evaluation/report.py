"""What do all metrics say of some generated pieces, beside the held-out ones that were asked for again?

Three columns: music that the model has never seen, the same with its bars shuffled, and what was generated
from prompts that say of the held-out pieces what a person could say. All are cut to one length, piece
by piece. Every number is a mean over pieces with its 95 per cent interval.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.evaluation.bars import BarPiece, Floats, first_bars
from model.evaluation.frechet import distance_of, embed
from model.evaluation.groove import groove_similarity, phrase_groove
from model.evaluation.harmony import (
    ChordTable,
    bar_line_leap,
    chord_surprise,
    ends_on_tonic,
    pitch_class_entropy,
    scale_consistency,
    tonal_step,
)
from model.evaluation.shuffling import shuffle_bars
from model.evaluation.statistics import UNKNOWN, Estimate, estimate, gap, resamples, separation
from model.evaluation.structure import (
    bar_similarity_curve,
    bar_similarity_error,
    phrase_regularity,
    structureness,
)

SHUFFLES = 3
MIN_WORKS_OF_GENRE = 5

Values = dict[str, list[float]]
_METRICS: dict[str, Callable[[BarPiece], float]] = {
    "pitch_class_entropy": pitch_class_entropy,
    "scale_consistency": scale_consistency,
    "tonal_step": tonal_step,
    "bar_line_leap": bar_line_leap,
    "ends_on_tonic": ends_on_tonic,
    "groove": groove_similarity,
    "phrase_groove": phrase_groove,
    "phrase_regularity": phrase_regularity,
    "notes_per_bar": lambda piece: len(piece.notes) / piece.num_bars,
}


@dataclass(frozen=True, eq=False)
class Reference:
    """What is known of the music that was trained on: its chords, and its phrases by genre."""

    chords: ChordTable
    genres: Mapping[str, Sequence[BarPiece]]


def same_length(held_out: BarPiece, generated: BarPiece) -> tuple[BarPiece, BarPiece]:
    """Both up to the bar at which the shorter one ends."""
    bars = min(held_out.num_bars, generated.num_bars)
    return first_bars(held_out, bars), first_bars(generated, bars)


def values_of(pieces: Sequence[BarPiece], chords: ChordTable) -> Values:
    """Every metric of every piece, in the order of the pieces."""
    found: Values = {}
    for piece in pieces:
        one = {name: metric(piece) for name, metric in _METRICS.items()}
        one |= {f"structure_{band}": value for band, value in structureness(piece).items()}
        one["chord_surprise"] = chord_surprise(piece, chords)
        for name, value in one.items():
            found.setdefault(name, []).append(value)
    return found


def compare(
    held_out: Sequence[BarPiece], generated: Sequence[BarPiece], reference: Reference, seed: int
) -> dict[str, Any]:
    """All that is measured on the notes of pairs of pieces; JSON values.

    Args:
        held_out: of one length with the generated piece at the same place.
    """
    shuffled = [[shuffle_bars(piece, seed + draw) for draw in range(SHUFFLES)] for piece in held_out]
    columns = {
        "held_out": values_of(held_out, reference.chords),
        "shuffled": _averaged([values_of(draws, reference.chords) for draws in shuffled]),
        "generated": values_of(generated, reference.chords),
    }
    first_shuffles = [draws[0] for draws in shuffled]
    return {
        "pieces": len(generated),
        "columns": {
            column: {name: estimate(row, seed).to_json() for name, row in values.items()}
            for column, values in columns.items()
        },
        "distance_from_held_out": {
            name: gap(row, columns["held_out"][name], seed).to_json()
            for name, row in columns["generated"].items()
        },
        "told_apart_from_shuffled": [
            name
            for name, row in columns["held_out"].items()
            if separation(row, columns["shuffled"][name], seed).separates
        ],
        "bar_similarity_error": {
            "held_out": half_against_half(held_out, seed).to_json(),
            "shuffled": similarity_error(first_shuffles, held_out, seed).to_json(),
            "generated": similarity_error(generated, held_out, seed).to_json(),
        },
        "frechet": {
            name: None if (found := distance_of(pieces, held_out, seed)) is None else found.to_json()
            for name, pieces in (("shuffled", first_shuffles), ("generated", generated))
        },
    }


def _averaged(draws: Sequence[Values]) -> Values:
    """Of each piece the mean over its shuffles."""
    return {name: [float(np.mean(one[name])) for one in draws] for name in draws[0]}


def similarity_error(pieces: Sequence[BarPiece], held_out: Sequence[BarPiece], seed: int) -> Estimate:
    """The bar similarity error of pieces against the held-out ones at the same places."""
    ours, theirs = (np.stack([bar_similarity_curve(p) for p in some]) for some in (pieces, held_out))
    errors = [bar_similarity_error(ours[draw], theirs[draw]) for draw in resamples(len(ours), seed)[:400]]
    return _estimate(bar_similarity_error(ours, theirs), errors, len(ours))


def half_against_half(held_out: Sequence[BarPiece], seed: int) -> Estimate:
    """The error of one half of the held-out pieces against the other: what chance alone gives."""
    curves = np.stack([bar_similarity_curve(piece) for piece in held_out])
    if len(curves) < 4:
        return UNKNOWN
    rng = np.random.default_rng([seed, len(curves)])
    errors = []
    for _ in range(200):
        order = rng.permutation(len(curves))
        half = len(order) // 2
        errors.append(bar_similarity_error(curves[order[:half]], curves[order[half:]]))
    return _estimate(float(np.nanmean(errors)), errors, len(curves))


def _estimate(mean: float, errors: Sequence[float], n: int) -> Estimate:
    if np.isnan(mean):
        return UNKNOWN
    low, high = np.nanpercentile(errors, [2.5, 97.5])
    return Estimate(round(mean, 6), round(float(low), 6), round(float(high), 6), n)


def genre_told(pieces: Sequence[BarPiece], genres: Sequence[str | None], reference: Reference) -> list[float]:
    """Whether each piece's phrases lie nearest to those of its own genre: 1 or 0.

    Not a number for a piece of no genre, or of one of which the reference has too few works.
    """
    known = {g: some for g, some in reference.genres.items() if len(some) >= MIN_WORKS_OF_GENRE}
    if len(known) < 2:
        return [float("nan")] * len(pieces)
    clouds = {genre: np.stack([_centre(piece) for piece in some]) for genre, some in known.items()}
    everything = np.concatenate(list(clouds.values()))
    spread = np.maximum(everything.std(axis=0), 1e-3)
    centres = {genre: cloud.mean(axis=0) for genre, cloud in clouds.items()}
    found = []
    for piece, genre in zip(pieces, genres, strict=True):
        if genre not in known:
            found.append(float("nan"))
            continue
        here = _centre(piece)
        nearest = min(centres, key=lambda name: float((((here - centres[name]) / spread) ** 2).sum()))
        found.append(float(nearest == genre))
    return found


def _centre(piece: BarPiece) -> Floats:
    return np.asarray(embed(piece).mean(axis=0))
