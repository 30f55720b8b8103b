"""What stays the same in music that was transposed, re-timed, cut, re-tracked or changed here and there?

The notes of all tracks are merged. At every onset the highest and the lowest note are kept; a token is four
notes of one of these two voices that follow each other (the second of two neighbours may be left out), told
by their intervals and by how the waits between them compare. It does not depend on key or tempo, and a
changed note spoils only the few tokens that it is in. A sketch of a piece is the 128 smallest hashes of its
tokens: pieces that share many tokens share many of them, so it finds candidates (`index`); `verdict` decides.

The idea of tempo-free tokens of note events: Arzt, Böck and Widmer 2012, ISMIR, Fast identification of piece
and score position via symbolic fingerprinting. Bottom-k sketches: Broder 1997.

Shapes: N notes, I chords (what begins together), P places of four chords, K tokens: one a place and voice,
U different tokens.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Notes = NDArray[np.int32]
Ints = NDArray[np.int64]

ONSET, DURATION, PITCH = 0, 1, 2
SKETCH_SIZE = 128
STEPS = tuple(product((1, 2), repeat=3))  # to the second, third and fourth note of a token
RATIO_STEPS = 2  # bins of the comparison of waits for each doubling
WIDEST_RATIO = 4  # in doublings
MAX_INTERVAL = 36
TOGETHER = 0.45  # of a short note (the first quartile): what begins within it belongs to one chord


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of a piece, and its notes.

    Attributes:
        hash_K: what each token is; the same in every key and at every tempo.
        chord_K: at which chord it begins.
        onset_K, span_K: when it begins, and until when its last note begins, in the piece's own ticks.
        pitch_K: the pitch that it begins with.
        onset_I: when each chord begins, ascending.
        notes_N3: onset, duration and pitch of every note.
    """

    hash_K: Ints
    chord_K: Ints
    onset_K: Ints
    span_K: Ints
    pitch_K: Ints
    onset_I: Ints
    notes_N3: Ints

    @property
    def sketch(self) -> Ints:
        """The smallest hashes, ascending; fewer than 128 where the piece is short."""
        return self.places.hash_U[:SKETCH_SIZE]

    @cached_property
    def places(self) -> "Places":
        """Where each of the different tokens stands."""
        order_K = np.argsort(self.hash_K, kind="stable")
        return Places(*np.unique(self.hash_K[order_K], return_index=True, return_counts=True), order_K)


class Places(NamedTuple):
    """The different tokens of a piece, ascending, and where they stand.

    The places of token u are `order_K[first_U[u] : first_U[u] + count_U[u]]`.
    """

    hash_U: Ints
    first_U: Ints
    count_U: Ints
    order_K: Ints


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
    rows_N3 = np.asarray(notes_N3, dtype=np.int64).reshape(-1, 3)
    onset_I, highest_I, lowest_I = _outer_voices(rows_N3)
    place_P4 = _places(len(onset_I))
    onset_P4 = onset_I[place_P4]
    rhythm_P2 = _compared(np.diff(onset_P4, axis=1))
    voices = [pitch_I[place_P4] for pitch_I in (highest_I, lowest_I)]
    return Tokens(
        np.concatenate([_hashed(pitch_P4, rhythm_P2, voice) for voice, pitch_P4 in enumerate(voices)]),
        np.tile(place_P4[:, 0], 2),
        np.tile(onset_P4[:, 0], 2),
        np.tile(onset_P4[:, 3] - onset_P4[:, 0], 2),
        np.concatenate([pitch_P4[:, 0] for pitch_P4 in voices]),
        onset_I,
        rows_N3,
    )


def _outer_voices(rows_N3: Ints) -> tuple[Ints, Ints, Ints]:
    """The onset of every chord, and its highest and lowest pitch."""
    onset_I, chord_N = _chords(rows_N3)
    highest_I = np.full(len(onset_I), np.iinfo(np.int64).min)
    lowest_I = np.full(len(onset_I), np.iinfo(np.int64).max)
    np.maximum.at(highest_I, chord_N, rows_N3[:, PITCH])
    np.minimum.at(lowest_I, chord_N, rows_N3[:, PITCH])
    return onset_I, highest_I, lowest_I


def _chords(rows_N3: Ints) -> tuple[Ints, Ints]:
    """The onset of every chord, and the chord of every note: what begins nearly together is one chord."""
    onset_I, of_note = np.unique(rows_N3[:, ONSET], return_inverse=True)
    if not len(onset_I):
        return onset_I, of_note
    near = int(TOGETHER * np.quantile(rows_N3[:, DURATION], 0.25))
    beyond_I = np.searchsorted(onset_I, onset_I + near, side="right").tolist()
    starts, place = [], 0
    while place < len(beyond_I):
        starts.append(place)
        place = beyond_I[place]
    chord_I = np.searchsorted(starts, np.arange(len(onset_I)), side="right") - 1
    return onset_I[starts], chord_I[of_note]


def _places(count: int) -> Ints:
    """The four chords (P, 4) of every token of a voice of so many chords, by the steps between them."""
    found = [np.arange(max(count - sum(steps), 0))[:, None] + np.cumsum((0, *steps))[None] for steps in STEPS]
    return np.concatenate(found)


def _compared(wait_P3: Ints) -> Ints:
    """How the waits between four chords compare (P, 2), in halves of a doubling."""
    doublings = np.diff(np.log2(wait_P3.astype(np.float64)), axis=1)
    bounded = np.clip(doublings, -WIDEST_RATIO, WIDEST_RATIO)
    compared: Ints = np.round(bounded * RATIO_STEPS).astype(np.int64)
    return compared


def _hashed(pitch_P4: Ints, rhythm_P2: Ints, voice: int) -> Ints:
    """One positive number for each token, spread evenly (the finaliser of SplitMix64)."""
    leap_P3 = np.clip(pitch_P4[:, 1:] - pitch_P4[:, :1], -MAX_INTERVAL, MAX_INTERVAL)
    packed: NDArray[np.uint64] = np.full(len(leap_P3), voice + 1, dtype=np.uint64)
    for word in (*leap_P3.T, *rhythm_P2.T):
        packed = packed * np.uint64(128) + (word + 64).astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        packed = (packed ^ (packed >> np.uint64(shift))) * np.uint64(factor)
    hashed: Ints = (packed >> np.uint64(1)).astype(np.int64)
    return hashed
