"""How much do works share by chance, and which copies are told from that?

    python -m benchmarks.originality_bench CORPUS_FOLDER [--works 300]

For works by people: the longest stretch that each shares with any other work. Then bars of each are taken
out, put into another key, and held against the corpus, all tracks or the first one alone: how many are
flagged?
"""

import argparse
import time
from pathlib import Path

import numpy as np

from model.corpus import VerifiedCorpus, read_corpus
from model.evaluation.bars import BarPiece
from model.evaluation.trial import in_order, pieces_of
from model.events import Note
from model.excerpts import Excerpt
from model.originality import Repertoire, lines_of, repertoire_of
from model.plan import SongPlan

QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)
COPIED_BARS = (4, 8, 16)


def a_copy(
    plan: SongPlan, piece: BarPiece, bars: int, rng: np.random.Generator, *, first_track: bool
) -> Excerpt:
    """Some bars from anywhere in a piece, in another key."""
    start = int(rng.integers(0, piece.num_bars - bars + 1))
    bar = piece.notes[:, Note.BAR]
    notes = piece.notes[(bar >= start) & (bar < start + bars)].copy()
    if first_track and len(notes):
        notes = notes[notes[:, Note.TRACK] == notes[:, Note.TRACK].min()]
    notes[:, Note.PITCH] += rng.integers(1, 7)
    return Excerpt(plan, start, start + bars, notes)


def show(corpus: VerifiedCorpus, repertoire: Repertoire, num_works: int) -> None:
    origin_of = dict(zip(corpus.work_ids, corpus.origins, strict=True))
    works = [work for work in in_order(set(corpus.work_ids)) if origin_of[work] == "human"][:num_works]
    pieces = pieces_of(corpus, works)
    shared, waits = [], []
    for work, plan, piece in pieces:
        lines = lines_of([Excerpt(plan, 0, piece.num_bars, piece.notes)])
        started = time.perf_counter()
        repeat = repertoire.longest(lines, without_work=work)
        waits.append(1000 * (time.perf_counter() - started))
        shared.append(0 if repeat is None else repeat.notes)
    print("| works | " + " | ".join(f"{q:.0%}" for q in QUANTILES) + " | beyond the limit |")
    print("|---:|" + "---:|" * (len(QUANTILES) + 1))
    told = " | ".join(f"{np.quantile(shared, q, method='higher'):.0f}" for q in QUANTILES)
    print(f"| {len(pieces)} | {told} | {np.mean(np.array(shared) > repertoire.limit_notes):.1%} |\n")
    print("| copied | all tracks | the first alone |\n|---|---:|---:|")
    rng = np.random.default_rng(0)
    for bars in COPIED_BARS:
        long = [(plan, piece) for _, plan, piece in pieces if piece.num_bars >= bars]
        found = [
            [repertoire.originality([a_copy(p, x, bars, rng, first_track=one)]).flagged for p, x in long]
            for one in (False, True)
        ]
        print(f"| {bars} bars of {len(long)} works | {np.mean(found[0]):.1%} | {np.mean(found[1]):.1%} |")
    print(f"\na whole work is compared in {np.median(waits):.1f} ms, at most {max(waits):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--works", type=int, default=300)
    args = parser.parse_args()
    corpus = read_corpus(args.corpus)
    started = time.perf_counter()
    repertoire = repertoire_of(corpus)
    print(
        f"{len(repertoire.names)} files, {len(repertoire.lines.token_T):,} notes in lines, made in "
        f"{time.perf_counter() - started:.1f} s; limit {repertoire.limit_notes} notes\n"
    )
    show(corpus, repertoire, args.works)


if __name__ == "__main__":
    main()
