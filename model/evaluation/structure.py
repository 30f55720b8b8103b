"""Does a piece come back to what it said, at the distances and lengths at which music does?

Shapes: B bars, S starts of a segment, F features.
"""

from collections.abc import Sequence

import numpy as np

from model.evaluation.bars import CELLS, BarPiece, Floats, cells_of, mean_or_nan, melody_of, unit_rows
from model.events import Ints, Note

QUARTERS = 4  # a bar's harmony is read in four parts, its rhythm in sixteen
RHYTHM_WEIGHT = 0.5
SAME_BAR = 0.8  # the cosine from which one bar is heard as a return of another
PENALTY = -2.0
MAX_DISTANCE = 32
LAGS = range(2, 9)
BANDS = {"short": (2, 3), "mid": (4, 7), "long": (8, 10_000)}
"""Bars of a segment, from the first number up to and with the second: motif, phrase, section. At two seconds
a bar these are about the 3 to 8, 8 to 15 and over 15 seconds of Wu and Yang."""


def bar_features(piece: BarPiece) -> Floats:
    """A bar as a vector (B, F): which pitch classes sound in each quarter of it, and where notes begin.

    Tracks are summed, so their order does not matter; a transposition turns every row alike.
    """
    chroma = np.zeros((piece.num_bars, QUARTERS * 12))
    onsets = np.zeros((piece.num_bars, CELLS))
    notes, pitched = piece.notes, piece.pitched
    quarter = QUARTERS * pitched[:, Note.POSITION] // piece.lengths_B[pitched[:, Note.BAR]]
    place = 12 * np.minimum(quarter, QUARTERS - 1) + pitched[:, Note.PITCH] % 12
    np.add.at(chroma, (pitched[:, Note.BAR], place), np.sqrt(pitched[:, Note.DURATION]))
    np.add.at(onsets, (notes[:, Note.BAR], cells_of(piece, notes)), 1.0)
    return np.concatenate([unit_rows(chroma), RHYTHM_WEIGHT * unit_rows(np.sqrt(onsets))], axis=1)


def self_similarity(piece: BarPiece) -> Floats:
    """The cosine of each bar with each (B, B)."""
    unit_BF = unit_rows(bar_features(piece))
    return unit_BF @ unit_BF.T


def structureness(piece: BarPiece) -> dict[str, float]:
    """The structureness indicator SI of each band: the fitness of the best segment of its lengths.

    Not a number where the piece has less than twice the shortest length of the band.

    Source: S.-L. Wu, Y.-H. Yang, "The Jazz Transformer on the front line" (ISMIR 2020), section 4.4, with
    segments counted in bars instead of seconds and bars compared by notes instead of audio.
    """
    fitness = fitness_by_length(self_similarity(piece))
    return {name: _best(fitness, *band) for name, band in BANDS.items()}


def _best(fitness: Floats, low: int, high: int) -> float:
    return float(fitness[low : high + 1].max()) if len(fitness) > low else float("nan")


def fitness_by_length(similarity_BB: Floats) -> Floats:
    """The fitness of the fittest segment of each length, from 0 up to half of the bars.

    Similarity below `SAME_BAR` is a penalty. In a matrix of bars a repetition runs along a diagonal, so the
    paths of a segment are windows of its length, and the best family of them is found exactly.

    Source: M. Müller, N. Jiang, P. Grosche, "A robust fitness measure for capturing repetitions in music
    recordings" (IEEE TASLP 21, 2013), equations 5 to 10.
    """
    num_bars = len(similarity_BB)
    scored_BB = np.where(similarity_BB >= SAME_BAR, (similarity_BB - SAME_BAR) / (1 - SAME_BAR), PENALTY)
    np.fill_diagonal(scored_BB, 1.0)
    fitness = np.zeros(num_bars // 2 + 1)
    window_SS = np.zeros((num_bars + 1, num_bars + 1))
    for length in range(1, len(fitness)):
        window_SS = window_SS[:-1, :-1] + scored_BB[length - 1 :, length - 1 :]
        fitness[length] = _fitness(window_SS, num_bars, length).max()
    return fitness


def _fitness(window_SS: Floats, num_bars: int, length: int) -> Floats:
    """The fitness (S,) of each segment of a length: the harmonic mean of how well its repetitions fit it and
    how much of the piece they cover, itself left out of both."""
    score, count = _best_family(window_SS, num_bars, length)
    fits = np.maximum(score - length, 0) / np.maximum(count * length, 1)
    covers = np.maximum(count * length - length, 0) / num_bars
    return np.asarray(2 * fits * covers / np.maximum(fits + covers, 1e-12))


def _best_family(window_SS: Floats, num_bars: int, length: int) -> tuple[Floats, Floats]:
    """For each segment the windows that do not overlap and score most in all: their score and number."""
    num_starts = len(window_SS)
    score, count = np.zeros((num_bars + 1, num_starts)), np.zeros((num_bars + 1, num_starts))
    for end in range(length, num_bars + 1):
        with_it = score[end - length] + window_SS[:, end - length]
        better = with_it > score[end - 1]
        score[end] = np.where(better, with_it, score[end - 1])
        count[end] = np.where(better, count[end - length] + 1, count[end - 1])
    return score[-1], count[-1]


def bar_similarity_curve(piece: BarPiece) -> Floats:
    """How much of their notes two bars share, by their distance: entry d - 1 for d bars.

    Shared is |a and b| / |a or b| over notes of one place in the bar, pitch, duration and instrument, as a
    mean over all pairs of bars at that distance that are not both empty.

    Source: B. Yu et al., "Museformer" (NeurIPS 2022), section 4.4, similarity distribution.
    """
    codes = piece.notes[:, [Note.POSITION, Note.PITCH, Note.DURATION]]
    instruments = np.array(piece.instruments, dtype=np.int32)[piece.notes[:, Note.TRACK], None]
    _, kind = np.unique(np.concatenate([codes, instruments], axis=1), axis=0, return_inverse=True)
    has = np.zeros((piece.num_bars, int(kind.max(initial=0)) + 1))
    has[piece.notes[:, Note.BAR], kind.ravel()] = 1.0
    both_BB, sizes = has @ has.T, has.sum(axis=1)
    either_BB = sizes[:, None] + sizes[None, :] - both_BB
    shared_BB = np.where(either_BB > 0, both_BB / np.maximum(either_BB, 1), np.nan)
    curve = np.full(MAX_DISTANCE, np.nan)
    for distance in range(1, min(MAX_DISTANCE, piece.num_bars - 1) + 1):
        curve[distance - 1] = mean_or_nan(np.diagonal(shared_BB, distance))
    return curve


def bar_similarity_error(curves: Floats, reference: Floats) -> float:
    """The mean over distances of how far the mean curves of two sets are apart, a piece a row.

    Source: Museformer (NeurIPS 2022), section 4.4, similarity error.
    """
    ours, theirs = mean_curve(curves), mean_curve(reference)
    return mean_or_nan(np.abs(ours - theirs))


def mean_curve(curves: Floats) -> Floats:
    """The mean curve of pieces; each distance over the pieces that are long enough for it."""
    return np.array([mean_or_nan(column) for column in curves.T])


def boundary_f1(found: Sequence[int], wanted: Sequence[int], tolerance_bars: int = 1) -> float:
    """The F-measure of section borders, the piece's beginning and end not counted.

    A border is found if one lies within the tolerance, and each may serve once. Borders lie on a line, so
    the greedy matching in order is a largest one. Not a number where no border was wanted.

    Source: D. Turnbull et al., "A supervised approach for detecting boundaries in music" (ISMIR 2007);
    `mir_eval.segment.detection` with `trim`.
    """
    if not wanted:
        return float("nan")
    ours, theirs = sorted(found), sorted(wanted)
    i = j = hits = 0
    while i < len(ours) and j < len(theirs):
        if abs(ours[i] - theirs[j]) <= tolerance_bars:
            hits, i, j = hits + 1, i + 1, j + 1
        elif ours[i] < theirs[j]:
            i += 1
        else:
            j += 1
    return 2 * hits / (len(ours) + len(theirs))


def form_f1(found_B: Sequence[str], wanted_B: Sequence[str]) -> float:
    """The F-measure of pairs of bars that have one label: the same form, whatever its parts are called.

    Source: M. Levy, M. Sandler, "Structural segmentation of musical audio by constrained clustering" (IEEE
    TASLP 16, 2008), pairwise F; `mir_eval.segment.pairwise` with bars as frames.
    """
    bars = min(len(found_B), len(wanted_B))
    ours, theirs = (np.array(labels[:bars]) for labels in (found_B, wanted_B))
    pairs = np.triu_indices(bars, 1)
    same_ours = (ours[:, None] == ours)[pairs]
    same_theirs = (theirs[:, None] == theirs)[pairs]
    agreed, in_all = int((same_ours & same_theirs).sum()), int(same_ours.sum() + same_theirs.sum())
    return 2 * agreed / in_all if in_all else float("nan")


def phrase_regularity(piece: BarPiece) -> float:
    """How regularly the tune comes to rest: the highest autocorrelation of its rests over two to eight bars.

    A bar's rest is the part of it from the tune's last onset on, one where it is silent. Phrases of one
    length give peaks at that distance. Not a number below 16 bars or where no bar rests more than another.
    """
    rest_B = rests_of(melody_of(piece), piece.lengths_B)
    if len(rest_B) < 2 * LAGS[-1] or rest_B.std() < 1e-9:
        return float("nan")
    rest_B = (rest_B - rest_B.mean()) / rest_B.std()
    return max(float((rest_B[lag:] * rest_B[:-lag]).mean()) for lag in LAGS)


def rests_of(melody: Ints, lengths_B: Ints) -> Floats:
    """The part of each bar (B,) that is left when its last note begins; 1 for a bar without one."""
    last = np.zeros(len(lengths_B))
    np.maximum.at(last, melody[:, Note.BAR], melody[:, Note.POSITION])
    rest: Floats = (lengths_B - last) / lengths_B
    return rest
