"""How surely is the same music known again, and how seldom is other music taken for it?

    python -m benchmarks.likeness [--pieces 300]

House-composed pieces and the scores of the demonstration are copied with a change, and each copy is looked
for among all pieces: candidates by their sketches, then `likeness` decides. Recall: copies whose origin is
found. Precision: of all that is taken for a copy's origin, what is. The settings were chosen on the first
scores and on house pieces of seed 0; the table is of other scores and of seed 1.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np

from catalog.likeness.fingerprint import SAME, SKETCH_SIZE, Notes, likeness, tokens_of
from console.demo.pieces import piece_bytes
from console.demo.sources import human_pieces
from model.genres import GENRE_SLUGS
from model.house import compose
from model.notation import NotationReader
from model.score import Score, quantise

LEAST_NOTES = 32
LEAST_SHARED = 4  # smallest hashes in common that make a candidate
MOST_CANDIDATES = 20
RANDOM = np.random.default_rng(0)


def notes_of(score: Score) -> Notes:
    """Onset, duration and pitch of every note that is not of a drum."""
    rows = [track.notes[:, :3] for track in quantise(score).tracks if not track.is_drum]
    return np.concatenate([np.zeros((0, 3), dtype=np.int32), *rows])


def transposed(notes: Notes) -> Notes:
    return notes + np.array([0, 0, RANDOM.integers(-6, 7)], dtype=np.int32)


def retimed(notes: Notes) -> Notes:
    """Another tempo, and every note a little early or late: up to a 24th of a quarter."""
    moved = notes.astype(np.int64) * np.array([10, 10, 1])
    moved[:, 0] += RANDOM.integers(-5, 6, len(moved))
    moved[:, :2] = moved[:, :2] * RANDOM.uniform(0.7, 1.4)
    return moved.astype(np.int32)


def regridded(notes: Notes) -> Notes:
    """Every onset on the nearest sixteenth."""
    moved = notes.copy()
    moved[:, 0] = (moved[:, 0] + 1) // 3 * 3
    return moved


def retracked(notes: Notes) -> Notes:
    """Tracks merged, split and re-ordered: the same notes in another order."""
    return RANDOM.permutation(notes)


def cut(notes: Notes) -> Notes:
    """Without the first or the last quarter."""
    if RANDOM.random() < 0.5:
        return notes[notes[:, 0] >= np.quantile(notes[:, 0], 0.25)]
    return notes[notes[:, 0] <= np.quantile(notes[:, 0], 0.75)]


def repitched(notes: Notes) -> Notes:
    """One note in ten at another pitch."""
    changed = notes.copy()
    some = RANDOM.choice(len(changed), len(changed) // 10, replace=False)
    changed[some, 2] += RANDOM.choice([-7, -5, -3, -2, -1, 1, 2, 3, 4, 7], len(some)).astype(np.int32)
    return changed


def renoted(notes: Notes) -> Notes:
    """One note in twenty gone, and as many new ones."""
    count = len(notes) // 20
    kept = np.delete(notes, RANDOM.choice(len(notes), count, replace=False), axis=0)
    new = kept[RANDOM.choice(len(kept), count)]
    new = new + np.stack([RANDOM.integers(1, 12, count), np.zeros(count), RANDOM.integers(-12, 13, count)], 1)
    return np.concatenate([kept, new.astype(np.int32)])


def all_at_once(notes: Notes) -> Notes:
    return repitched(cut(transposed(retimed(notes))))


CHANGES = (transposed, retimed, regridded, retracked, cut, repitched, renoted, all_at_once)


def pieces(limit: int) -> list[Notes]:
    """Notes of the scores that can be read, and of house-composed pieces of every genre."""
    with NotationReader(2) as reader:
        some = human_pieces()[-(limit // 2) :]
        found = reader.read_all([(p.file_name, piece_bytes(p)) for p in some])
        scores = [score for score in found if isinstance(score, Score)]
    each = -(-limit // 2 // len(GENRE_SLUGS))
    scores += [compose(genre, index, 1).score for genre in GENRE_SLUGS for index in range(each)]
    found_notes = [notes_of(score) for score in scores]
    return [notes for notes in found_notes if len(notes) >= LEAST_NOTES]


def measure(every: list[Notes], change: Callable[[Notes], Notes]) -> str:
    """One row of the table: every piece changed, looked for among all."""
    tokens = [tokens_of(notes) for notes in every]
    having: dict[int, list[int]] = defaultdict(list)
    for number, its in enumerate(tokens):
        for value in its.sketch.tolist():
            having[value].append(number)
    found = taken = seconds = 0.0
    for number, notes in enumerate(every):
        copy = change(notes)
        started = time.perf_counter()
        its = tokens_of(copy)
        shared = Counter(other for value in its.sketch.tolist() for other in having.get(value, ()))
        candidates = [o for o, count in shared.most_common(MOST_CANDIDATES) if count >= LEAST_SHARED]
        same = [other for other in candidates if likeness(its, tokens[other]) >= SAME]
        seconds += time.perf_counter() - started
        found += number in same
        taken += len(same)
    recall, precision = found / len(every), found / max(taken, 1)
    name = change.__name__.replace("_", " ")
    return f"| {name} | {recall:.3f} | {precision:.3f} | {1000 * seconds / len(every):.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pieces", type=int, default=300)
    every = pieces(parser.parse_args().pieces)
    started = time.perf_counter()
    for notes in every:
        tokens_of(notes)
    each = 1000 * (time.perf_counter() - started) / len(every)
    print(f"{len(every)} pieces, {each:.1f} ms a fingerprint, sketches of {SKETCH_SIZE} hashes, from {SAME}")
    print("| change | recall | precision | ms a look-up |")
    print("|---|---:|---:|---:|")
    for change in CHANGES:
        print(measure(every, change), flush=True)


if __name__ == "__main__":
    main()
