"""What stays the same in music that was transposed, re-timed, cut, re-tracked or changed here and there?

The notes of all tracks are merged. At every onset the highest and the lowest note are kept; a token is four
notes of one of these two voices that follow each other (the second of two neighbours may be left out), told
by their intervals and by how the waits between them compare. It does not depend on key or tempo, and a
changed note spoils only the few tokens that it is in. A sketch of a piece is the 64 smallest hashes of its
tokens: pieces that share many tokens share many of them, so it finds candidates; `likeness` then decides.

The idea of tempo-free tokens of note events: Arzt, Böck and Widmer 2012, ISMIR, Fast identification of piece
and score position via symbolic fingerprinting. Bottom-k sketches: Broder 1997.

Shapes: N notes, I onsets of a voice, K tokens.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Notes = NDArray[np.int32]
Ints = NDArray[np.int64]

ONSET, DURATION, PITCH = 0, 1, 2
SKETCH_SIZE = 64
STEPS = tuple(product((1, 2), repeat=3))  # to the second, third and fourth note of a token
RATIO_STEPS = 2  # bins of the comparison of waits for each doubling
WIDEST_RATIO = 4  # in doublings
MAX_INTERVAL = 36
MAX_PAIRS = 64  # of places for one token: what is everywhere tells nothing
WINDOW = 32  # onsets that are looked for together
SAME = 0.55  # from this likeness on it is the same music; measured by `python -m benchmarks.likeness`
TOGETHER = 0.45  # of a short note (the first quartile): what begins within it belongs to one chord
DRIFT = 8  # onsets by which a window may slip


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of a piece: their hashes, and which onset of which voice each begins at, with its pitch."""

    hash_K: Ints
    place_K: Ints
    pitch_K: Ints
    num_places: int

    @property
    def sketch(self) -> Ints:
        """The smallest hashes, ascending; fewer than 64 where the piece is short."""
        return np.unique(self.hash_K)[:SKETCH_SIZE]


def music_digest(notes_N3: Notes) -> str:
    """A digest that no title, track, instrument, dynamics or transposition changes.

    Args:
        notes_N3: onset, duration and pitch of every note, in any order, on any grid.
    """
    rows = np.asarray(notes_N3, dtype=np.int64).reshape(-1, 3)
    if len(rows):
        rows = rows - np.array([rows[:, ONSET].min(), 0, rows[:, PITCH].min()])
        step = int(np.gcd.reduce(rows[:, : DURATION + 1], axis=None)) or 1
        rows = np.unique(rows // np.array([step, step, 1]), axis=0)
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def tokens_of(notes_N3: Notes) -> Tokens:
    """The tokens of all notes of a piece together.

    Args:
        notes_N3: onset, duration and pitch of every note, in any order.
    """
    voices = _outer_voices(np.asarray(notes_N3, dtype=np.int64).reshape(-1, 3))
    parts = [_voice_tokens(onset_I, pitch_I, number) for number, (onset_I, pitch_I) in enumerate(voices)]
    before = 0
    places = []
    for (onset_I, _), (_, place_K, _) in zip(voices, parts, strict=True):
        places.append(place_K + before)
        before += len(onset_I)
    return Tokens(
        np.concatenate([part[0] for part in parts]),
        np.concatenate(places),
        np.concatenate([part[2] for part in parts]),
        before,
    )


def likeness(a: Tokens, b: Tokens) -> float:
    """How much of the shorter piece is in the other, beside how much of it is in itself: about 0 to 1.

    The shorter one is cut into windows; a place of a window counts where a token that begins there stands in
    the other piece too, at the transposition and the distance that most of its window agree on.
    """
    if a.num_places > b.num_places:
        a, b = b, a
    own = _covered(a, a)
    return _covered(a, b) / own if own else 0.0


def _covered(a: Tokens, b: Tokens) -> int:
    """How many places of a piece are found again in another."""
    in_a, in_b = _pairs(a.hash_K, b.hash_K)
    place, shift = a.place_K[in_a], np.clip(b.pitch_K[in_b] - a.pitch_K[in_a], -128, 127)
    distance = b.place_K[in_b] - place
    window = place // WINDOW
    covered = np.zeros(a.num_places // WINDOW + 1, dtype=np.int64)
    for slip in (0, DRIFT // 2):
        agreed = (window * 256 + shift + 128) * (1 << 24) + (distance + (1 << 22) + slip) // DRIFT
        voters = np.unique(np.stack([agreed, place]), axis=1)
        votes, counts = np.unique(voters[0], return_counts=True)
        np.maximum.at(covered, votes >> 24 >> 8, counts)
    return int(covered.sum())


def _outer_voices(rows_N3: Ints) -> list[tuple[Ints, Ints]]:
    """Onsets and pitches of the highest and of the lowest note at every onset."""
    onset_I, first = _chords(rows_N3)
    highest = np.full(len(onset_I), np.iinfo(np.int64).min)
    lowest = np.full(len(onset_I), np.iinfo(np.int64).max)
    np.maximum.at(highest, first, rows_N3[:, PITCH])
    np.minimum.at(lowest, first, rows_N3[:, PITCH])
    return [(onset_I, highest), (onset_I, lowest)]


def _chords(rows_N3: Ints) -> tuple[Ints, Ints]:
    """The onset of every chord, and the chord of every note: what begins nearly together is one chord."""
    onset_I, of_note = np.unique(rows_N3[:, ONSET], return_inverse=True)
    if not len(onset_I):
        return onset_I, of_note
    near = int(TOGETHER * np.quantile(rows_N3[:, DURATION], 0.25))
    start, chord_I, starts = onset_I[0], np.zeros(len(onset_I), dtype=np.int64), [onset_I[0]]
    for i, onset in enumerate(onset_I.tolist()):
        if onset - start > near:
            start = onset
            starts.append(onset)
        chord_I[i] = len(starts) - 1
    return np.array(starts), chord_I[of_note]


def _voice_tokens(onset_I: Ints, pitch_I: Ints, voice: int) -> tuple[Ints, Ints, Ints]:
    """Hash, place and first pitch of every token of one voice."""
    hashes: list[Ints] = [np.zeros(0, dtype=np.int64)]
    places: list[Ints] = [np.zeros(0, dtype=np.int64)]
    for steps in STEPS:
        count = len(onset_I) - sum(steps)
        if count <= 0:
            continue
        at = np.cumsum((0, *steps))
        onset = [onset_I[k : k + count] for k in at]
        pitch = [pitch_I[k : k + count] for k in at]
        waits = [later - earlier for earlier, later in pairwise(onset)]
        words = [np.clip(later - pitch[0], -MAX_INTERVAL, MAX_INTERVAL) for later in pitch[1:]]
        words += [_compared(waits[0], waits[1]), _compared(waits[1], waits[2])]
        hashes.append(_hashed(words, voice))
        places.append(np.arange(count, dtype=np.int64))
    place_K = np.concatenate(places)
    return np.concatenate(hashes), place_K, pitch_I[place_K]


def _compared(before: Ints, after: Ints) -> Ints:
    """How two waits compare, in halves of a doubling."""
    doublings = np.log2(after.astype(np.float64)) - np.log2(before.astype(np.float64))
    bounded = np.clip(doublings, -WIDEST_RATIO, WIDEST_RATIO)
    compared: Ints = np.round(bounded * RATIO_STEPS).astype(np.int64)
    return compared


def _hashed(words: list[Ints], voice: int) -> Ints:
    """One positive number for each row of words, spread evenly (the finaliser of SplitMix64)."""
    packed: NDArray[np.uint64] = np.full(len(words[0]), voice + 1, dtype=np.uint64)
    for word in words:
        packed = packed * np.uint64(128) + (word + 64).astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        packed = (packed ^ (packed >> np.uint64(shift))) * np.uint64(factor)
    hashed: Ints = (packed >> np.uint64(1)).astype(np.int64)
    return hashed


def _pairs(a_K: Ints, b_K: Ints) -> tuple[Ints, Ints]:
    """All pairs of places in two lists that hold the same hash, but for hashes that are everywhere."""
    order_a, order_b = np.argsort(a_K, kind="stable"), np.argsort(b_K, kind="stable")
    hash_a, first_a, count_a = _runs(a_K[order_a])
    hash_b, first_b, count_b = _runs(b_K[order_b])
    _, at_a, at_b = np.intersect1d(hash_a, hash_b, assume_unique=True, return_indices=True)
    few = count_a[at_a] * count_b[at_b] <= MAX_PAIRS
    at_a, at_b = at_a[few], at_b[few]
    num = count_a[at_a] * count_b[at_b]
    within = np.arange(num.sum()) - np.repeat(np.cumsum(num) - num, num)
    wide = np.repeat(count_b[at_b], num)
    in_a = np.repeat(first_a[at_a], num) + within // np.maximum(wide, 1)
    in_b = np.repeat(first_b[at_b], num) + within % np.maximum(wide, 1)
    return order_a[in_a], order_b[in_b]


def _runs(sorted_K: Ints) -> tuple[Ints, Any, Any]:
    return np.unique(sorted_K, return_index=True, return_counts=True)
