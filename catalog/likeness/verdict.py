"""Is one piece the music of the other?

Tokens that two pieces share vote, window by window, for a transposition and a place; how their lengths
compare tells the tempo. The notes of the window are then laid over the other piece, and those count
that find a note of that pitch at that time. A groove and a progression belong to many pieces, and often make
up most of the notes: so each third of the register has to be found again by itself, and the worst decides.

Shapes: N notes of the shorter piece, W windows of it, P pairs of places with the same token, I chords.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.likeness.fingerprint import ONSET, PITCH, Ints, Places, Tokens

Floats = NDArray[np.float64]

SAME = 0.76  # from this likeness on it is the same music: the middle of what `benchmarks.likeness` allows
WINDOW = 32  # chords that are looked for together
MAX_PAIRS = 64  # of places for one token: what is everywhere tells nothing
LEAST_PAIRS = 4
LEAST_TOKENS = 0.06  # of the different tokens of the piece with fewer: what shares less is no copy
TEMPO_BINS = 16  # of the comparison of two tokens' lengths, for each doubling
NEAR = 0.5  # of the usual wait between chords: by how much a note may be early or late
REGISTERS = 3
LEAST_NOTES = 8  # of a register that is judged by itself
PITCH_UNIT = 1 << 44  # one pitch and one time in one number
LAST_TICK = float(1 << 42)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Places with the same token: in which window, how much higher, and how much later in the other piece."""

    window_P: Ints
    shift_P: Ints
    later_P: Floats


def likeness(a: Tokens, b: Tokens) -> float:
    """How much of the piece with fewer notes is in the other, from 0 to 1."""
    if len(a.notes_N3) > len(b.notes_N3):
        a, b = b, a
    in_a, in_b = _same_tokens(a.places, b.places)
    if len(in_a) < LEAST_PAIRS:
        return 0.0
    doublings = np.log2(b.span_K[in_b] / a.span_K[in_a])
    usual = _most_usual(doublings)
    in_a, in_b = in_a[usual], in_b[usual]
    tempo = 2.0 ** float(np.median(doublings[usual]))
    pairs = _Pairs(
        a.chord_K[in_a] // WINDOW,
        b.pitch_K[in_b] - a.pitch_K[in_a],
        b.onset_K[in_b] - tempo * a.onset_K[in_a],
    )
    return _worst_register(a, b, tempo, pairs)


def _same_tokens(a: Places, b: Places) -> tuple[Ints, Ints]:
    """All pairs of places in two pieces with the same token, but for tokens that are everywhere.

    None where the pieces share too few tokens; most candidates end here, at a tenth of the cost.
    """
    at_b = np.minimum(np.searchsorted(b.hash_U, a.hash_U), len(b.hash_U) - 1)
    at_a = np.flatnonzero(b.hash_U[at_b] == a.hash_U) if len(b.hash_U) else np.zeros(0, dtype=np.int64)
    if len(at_a) < max(1, LEAST_TOKENS * min(len(a.hash_U), len(b.hash_U))):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    at_b = at_b[at_a]
    few = a.count_U[at_a] * b.count_U[at_b] <= MAX_PAIRS
    at_a, at_b = at_a[few], at_b[few]
    num = a.count_U[at_a] * b.count_U[at_b]
    within = np.arange(num.sum()) - np.repeat(np.cumsum(num) - num, num)
    wide = np.repeat(b.count_U[at_b], num)
    in_a = np.repeat(a.first_U[at_a], num) + within // np.maximum(wide, 1)
    in_b = np.repeat(b.first_U[at_b], num) + within % np.maximum(wide, 1)
    return a.order_K[in_a], b.order_K[in_b]


def _most_usual(doublings_P: Floats) -> NDArray[np.bool_]:
    """Which values lie where most of them lie."""
    bin_P = np.round(doublings_P * TEMPO_BINS).astype(np.int64)
    bins, counts = np.unique(bin_P, return_counts=True)
    around = [counts[np.abs(bins - middle) <= 1].sum() for middle in bins]
    usual: NDArray[np.bool_] = np.abs(bin_P - bins[int(np.argmax(around))]) <= 1
    return usual


def _worst_register(a: Tokens, b: Tokens, tempo: float, pairs: _Pairs) -> float:
    """The least share of the notes of a register, and of all, that is found again."""
    num_windows = len(a.onset_I) // WINDOW + 1
    chord_N = np.searchsorted(a.onset_I, a.notes_N3[:, ONSET], side="right") - 1
    window_N = np.maximum(chord_N, 0) // WINDOW
    pitch_N = a.notes_N3[:, PITCH]
    cuts = np.quantile(pitch_N, np.arange(1, REGISTERS) / REGISTERS)
    register_N = np.searchsorted(cuts, pitch_N, side="left")
    cell_N = register_N * num_windows + window_N
    wait = max(float(np.median(np.diff(b.onset_I))), 1.0)
    found_RW = np.zeros((REGISTERS, num_windows))
    for shift_W, later_W, voted_W in _places(pairs, num_windows, 2 * wait):
        hit_N = _hits(a, b, tempo, shift_W[window_N], later_W[window_N], NEAR * wait) & voted_W[window_N]
        hits_RW = np.bincount(cell_N, hit_N, REGISTERS * num_windows).reshape(REGISTERS, num_windows)
        better_W = hits_RW.sum(axis=0) > found_RW.sum(axis=0)
        found_RW[:, better_W] = hits_RW[:, better_W]
    found_R, size_R = found_RW.sum(axis=1), np.bincount(register_N, minlength=REGISTERS)
    judged = size_R >= LEAST_NOTES
    shares = found_R[judged] / size_R[judged]
    return float(min([found_R.sum() / len(pitch_N), *shares.tolist()]))


def _places(
    pairs: _Pairs, num_windows: int, width: float
) -> Iterator[tuple[Ints, Floats, NDArray[np.bool_]]]:
    """Where each window could lie: where most of its tokens say, and where most tokens of the piece say."""
    whole_P = np.zeros_like(pairs.window_P)
    for slip in (0.0, 0.5):
        bin_P = np.floor((pairs.later_P - pairs.later_P.min()) / width + slip).astype(np.int64)
        yield _elected(pairs, pairs.window_P, bin_P, num_windows)
        shift, later, _ = _elected(pairs, whole_P, bin_P, 1)
        yield np.repeat(shift, num_windows), np.repeat(later, num_windows), np.ones(num_windows, dtype=bool)


def _elected(
    pairs: _Pairs, window_P: Ints, bin_P: Ints, num_windows: int
) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """The transposition and the middle distance that most pairs of each window name; if any do."""
    order = np.lexsort((pairs.later_P, bin_P, pairs.shift_P, window_P))
    keys = np.stack([window_P, pairs.shift_P, bin_P])[:, order]
    begins = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)])
    votes = np.diff(np.r_[begins, len(order)])
    middle = order[begins + votes // 2]
    ranked = np.lexsort((votes, window_P[middle]))
    winners = middle[ranked]  # the last of each window has most votes
    shift_W, later_W = np.zeros(num_windows, dtype=np.int64), np.zeros(num_windows)
    voted_W = np.zeros(num_windows, dtype=bool)
    last = winners[np.flatnonzero(np.diff(np.r_[window_P[winners], -1]))]
    shift_W[window_P[last]], later_W[window_P[last]] = pairs.shift_P[last], pairs.later_P[last]
    voted_W[window_P[last]] = True
    return shift_W, later_W, voted_W


def _hits(
    a: Tokens, b: Tokens, tempo: float, shift_N: Ints, later_N: Floats, near: float
) -> NDArray[np.bool_]:
    """Which notes find one of their pitch at their time."""
    there = np.sort(b.notes_N3[:, PITCH] * PITCH_UNIT + b.notes_N3[:, ONSET])
    time_N = np.clip(a.notes_N3[:, ONSET] * tempo + later_N, -LAST_TICK, LAST_TICK)
    wanted_N = (a.notes_N3[:, PITCH] + shift_N) * PITCH_UNIT + np.round(time_N).astype(np.int64)
    after_N = np.searchsorted(there, wanted_N)
    above_N = np.abs(there[np.minimum(after_N, len(there) - 1)] - wanted_N)
    below_N = np.abs(there[np.maximum(after_N - 1, 0)] - wanted_N)
    hits: NDArray[np.bool_] = np.minimum(above_N, below_N) <= near
    return hits
