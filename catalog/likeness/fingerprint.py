"""What stays the same in music that was transposed, re-timed, cut, re-tracked or changed here and there?

The notes of all tracks are merged. At every onset the highest and the lowest note are kept; a token is four
notes of one of these two voices that follow each other (the second of two neighbours may be left out), told
by their intervals and by how the waits between them compare. It does not depend on key or tempo, and a
changed note spoils only the few tokens that it is in. A sketch of a piece is the 128 smallest hashes of its
tokens: pieces that share many tokens share many of them, so it finds candidates (`index`); `verdict` decides.

The idea of tempo-free tokens of note events: Arzt, Böck and Widmer 2012, ISMIR, Fast identification of piece
and score position via symbolic fingerprinting. Bottom-k sketches: Broder 1997.

Shapes: N notes, I chords (what begins together), K tokens.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise, product

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
    rows_N3 = np.asarray(notes_N3, dtype=np.int64).reshape(-1, 3)
    onset_I, highest_I, lowest_I = _outer_voices(rows_N3)
    parts = [_voice_tokens(onset_I, pitch_I, voice) for voice, pitch_I in enumerate((highest_I, lowest_I))]
    hash_K, chord_K, last_K, pitch_K = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    onset_K = onset_I[chord_K]
    return Tokens(hash_K, chord_K, onset_K, onset_I[last_K] - onset_K, pitch_K, onset_I, rows_N3)


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
    start, chord_I, starts = onset_I[0], np.zeros(len(onset_I), dtype=np.int64), [onset_I[0]]
    for i, onset in enumerate(onset_I.tolist()):
        if onset - start > near:
            start = onset
            starts.append(onset)
        chord_I[i] = len(starts) - 1
    return np.array(starts), chord_I[of_note]


def _voice_tokens(onset_I: Ints, pitch_I: Ints, voice: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Hash, first chord, last chord and first pitch of every token of one voice."""
    hashes: list[Ints] = [np.zeros(0, dtype=np.int64)]
    firsts: list[Ints] = [np.zeros(0, dtype=np.int64)]
    lasts: list[Ints] = [np.zeros(0, dtype=np.int64)]
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
        firsts.append(np.arange(count, dtype=np.int64))
        lasts.append(firsts[-1] + sum(steps))
    first_K = np.concatenate(firsts)
    return np.concatenate(hashes), first_K, np.concatenate(lasts), pitch_I[first_K]


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
