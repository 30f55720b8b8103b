"""How surely is the same music known again, and how seldom is other music taken for it?

    python -m benchmarks.likeness [--pieces 600] [--works 100000]

House-composed pieces and the scores of the demonstration are copied with a change, and each copy is looked
for among all pieces of its half: candidates by their sketches, then `likeness` decides. Recall: copies whose
origin is found. Precision: of all that is taken for a copy's origin, what is. One half of the pieces is to
choose from which likeness on music is the same, the other half to measure it; and the look-up is timed among
many works, most of them made of hashes of these pieces and of others.

Retracked copies are the notes in another order: the tokens are of all tracks together, so that nothing else
of tracks can matter but drums, which take no part.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.likeness.fingerprint import SKETCH_SIZE, Notes, Tokens, tokens_of
from catalog.likeness.index import SketchIndex
from catalog.likeness.verdict import SAME, likeness
from console.demo.pieces import piece_bytes
from console.demo.sources import human_pieces
from model.genres import GENRE_SLUGS
from model.house import compose
from model.midi import read_midi
from model.notation import NotationReader, is_notation
from model.score import Score, quantise

LEAST_NOTES = 32
THRESHOLDS = tuple(round(0.40 + 0.02 * step, 2) for step in range(23))
CHANGED_PITCHES = (-7, -5, -3, -2, -1, 1, 2, 3, 4, 7)

Random = np.random.Generator
Change = Callable[[Notes, Random], Notes]


def notes_of(score: Score) -> Notes:
    """Onset, duration and pitch of every note that is not of a drum."""
    rows = [track.notes[:, :3] for track in quantise(score).tracks if not track.is_drum]
    return np.concatenate([np.zeros((0, 3), dtype=np.int32), *rows])


def transposed(notes: Notes, random: Random) -> Notes:
    return notes + np.array([0, 0, random.integers(-6, 7)], dtype=np.int32)


def retimed(notes: Notes, random: Random) -> Notes:
    """Another tempo, and every note a little early or late: up to a 24th of a quarter."""
    moved = notes.astype(np.int64) * np.array([10, 10, 1])
    moved[:, 0] += random.integers(-5, 6, len(moved))
    moved[:, :2] = moved[:, :2] * random.uniform(0.7, 1.4)
    return moved.astype(np.int32)


def regridded(notes: Notes, _random: Random) -> Notes:
    """Every onset on the nearest sixteenth."""
    moved = notes.copy()
    moved[:, 0] = (moved[:, 0] + 1) // 3 * 3
    return moved


def retracked(notes: Notes, random: Random) -> Notes:
    """Tracks merged, split and re-ordered: the same notes in another order."""
    return random.permutation(notes)


def cut(notes: Notes, random: Random) -> Notes:
    """Without the first or the last quarter."""
    if random.random() < 0.5:
        return notes[notes[:, 0] >= np.quantile(notes[:, 0], 0.25)]
    return notes[notes[:, 0] <= np.quantile(notes[:, 0], 0.75)]


def repitched(notes: Notes, random: Random) -> Notes:
    """One note in ten at another pitch."""
    changed = notes.copy()
    some = random.choice(len(changed), len(changed) // 10, replace=False)
    changed[some, 2] += random.choice(CHANGED_PITCHES, len(some)).astype(np.int32)
    return changed


def renoted(notes: Notes, random: Random) -> Notes:
    """One note in twenty gone, and as many new ones."""
    count = len(notes) // 20
    kept = np.delete(notes, random.choice(len(notes), count, replace=False), axis=0)
    new = kept[random.choice(len(kept), count)]
    new = new + np.stack([random.integers(1, 12, count), np.zeros(count), random.integers(-12, 13, count)], 1)
    return np.concatenate([kept, new.astype(np.int32)])


def all_at_once(notes: Notes, random: Random) -> Notes:
    """In another key, at another tempo, uneven, cut by a quarter and one note in ten changed."""
    return repitched(cut(transposed(retimed(notes, random), random), random), random)


CHANGES: tuple[Change, ...] = (
    transposed, retimed, regridded, retracked, cut, repitched, renoted, all_at_once,
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What one look-up gave: how like its own origin and how like others a copy is, and what it took."""

    own: float
    others: tuple[float, ...]
    seconds: float


def pieces(limit: int) -> list[Notes]:
    """Notes of the scores of the demonstration, and of house-composed pieces of every genre."""
    with NotationReader(2) as reader:
        scores = [_read(reader, piece.file_name, piece_bytes(piece)) for piece in human_pieces(limit // 2)]
    each = -(-limit // 2 // len(GENRE_SLUGS))
    scores += [compose(genre, index, 1).score for genre in GENRE_SLUGS for index in range(each)]
    found_notes = [notes_of(score) for score in scores]
    return [notes for notes in found_notes if len(notes) >= LEAST_NOTES]


def _read(reader: NotationReader, name: str, data: bytes) -> Score:
    return reader.read(name, data) if is_notation(name) else read_midi(data)


def look_ups(every: Sequence[Notes], change: Change) -> Iterator[Found]:
    """Every piece changed, looked for among all."""
    tokens = [tokens_of(notes) for notes in every]
    index = SketchIndex()
    for its in tokens:
        index.add(its.sketch.tolist())
    random = np.random.default_rng(CHANGES.index(change))
    for number, notes in enumerate(every):
        copy = change(notes, random)
        started = time.perf_counter()
        its = tokens_of(copy)
        like = {other: likeness(its, tokens[other]) for other in index.candidates(its.sketch.tolist())}
        seconds = time.perf_counter() - started
        yield Found(like.pop(number, 0.0), tuple(like.values()), seconds)


def measured(found: Sequence[Found], same: float) -> tuple[float, float]:
    """Recall and precision where music is the same from a likeness on."""
    right = sum(one.own >= same for one in found)
    wrong = sum(other >= same for one in found for other in one.others)
    return right / len(found), right / max(right + wrong, 1)


def row(name: str, found: Sequence[Found]) -> str:
    """One row of the table."""
    recall, precision = measured(found, SAME)
    each = 1000 * sum(one.seconds for one in found) / len(found)
    return f"| {name} | {recall:.3f} | {precision:.3f} | {each:.1f} |"


def choose(every: Sequence[Notes]) -> str:
    """The likenesses from which on recall and precision are reached for every single kind of change."""
    found = [list(look_ups(every, change)) for change in CHANGES[:-1]]
    good = [
        same
        for same in THRESHOLDS
        if all(
            recall >= 0.98 and precision >= 0.99 for recall, precision in (measured(f, same) for f in found)
        )
    ]
    return f"from {good[0]} to {good[-1]}" if good else "none"


def time_look_ups(every: Sequence[Tokens], num_works: int) -> str:
    """How long a look-up takes among very many works: candidates only, then with the verdicts."""
    random = np.random.default_rng(0)
    known = np.concatenate([its.sketch for its in every])
    index = SketchIndex()
    for its in every:
        index.add(its.sketch.tolist())
    for _ in range(num_works - len(every)):
        some = random.choice(known, SKETCH_SIZE // 2).tolist()
        index.add({*some, *random.integers(0, 1 << 62, SKETCH_SIZE // 2).tolist()})
    took, whole = [], []
    for its in every:
        started = time.perf_counter()
        candidates = index.candidates(its.sketch.tolist())
        took.append(1000 * (time.perf_counter() - started))
        for other in candidates:
            likeness(its, every[other % len(every)])
        whole.append(1000 * (time.perf_counter() - started))
    median, last = np.quantile(took, [0.5, 0.99])
    median_whole, last_whole = np.quantile(whole, [0.5, 0.99])
    return (
        f"among {num_works} works: candidates {median:.1f} ms, p99 {last:.1f} ms; "
        f"with verdicts {median_whole:.1f} ms, p99 {last_whole:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pieces", type=int, default=600)
    parser.add_argument("--works", type=int, default=100_000)
    arguments = parser.parse_args()
    every = pieces(arguments.pieces)
    started = time.perf_counter()
    tokens = [tokens_of(notes) for notes in every]
    each = 1000 * (time.perf_counter() - started) / len(every)
    print(f"{len(every)} pieces, {each:.1f} ms a fingerprint, sketches of {SKETCH_SIZE} hashes")
    print(f"first half: every figure is reached with a likeness {choose(every[::2])}; {SAME} is in use")
    print("second half:\n| change | recall | precision | ms a look-up |\n|---|---:|---:|---:|")
    for change in CHANGES:
        print(row(change.__name__.replace("_", " "), list(look_ups(every[1::2], change))), flush=True)
    print(time_look_ups(tokens, arguments.works))


if __name__ == "__main__":
    main()
