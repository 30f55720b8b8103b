"""Is a copy named, by content and by influence? Bars of a work of the corpus, planted in a generated piece.

    python -m benchmarks.planted_copies HOME [--works 100] [--influence 30] [--seed 0]

The home needs a run with its corpus and index. Pieces by the run's model are the surroundings. Into one of
them eight bars from anywhere in a work are put where a phrase begins or ends, every track of them, once as
they are and once in another key and on other instruments. Then both are asked which work comes first: content
similarity, and influence, in the attribution of the whole piece and in that of the phrases with planted bars.
Works without eight bars in a row with pitched notes are left out. Intervals are Wilson's at 95 in 100.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from console.home import Access, Home, open_home
from console.progress import progress
from console.settings import load_settings
from console.steps.attributing import Opened, open_attributor, phrases_of
from console.steps.generating import checkpoint_of
from console.steps.originality import similar_works
from model.analysis import analyse
from model.corpus import VerifiedCorpus
from model.evaluation.bars import BarPiece, piece_of_excerpts, score_of_piece
from model.evaluation.listening import wilson
from model.evaluation.trial import in_order, pieces_of
from model.events import Ints, Note
from model.excerpts import Excerpt, excerpts
from model.generation import generate
from model.genres import GENRE_SLUGS
from model.instruments import DRUM_KIT
from model.prompt import Prompt
from provenance.tables import Run

COPIED_BARS = 8
SURROUNDINGS = 8
SURROUNDING_MINUTES = 0.5
PHRASE_BARS = 4
MAX_SEMITONES = 6


@dataclass(frozen=True, eq=False)
class Planted:
    """A piece with bars of a work in it: which work, the first of these bars, and the piece's excerpts."""

    work_id: str
    bar: int
    excerpts: list[Excerpt]


@dataclass(frozen=True, eq=False)
class Copied:
    """Bars of a work: their notes, counted from bar 0, their metres, and the instruments of their tracks."""

    work_id: str
    notes: Ints
    metres: tuple[tuple[int, int], ...]
    instruments: tuple[int, ...]


def copies_of(corpus: VerifiedCorpus, count: int, rng: np.random.Generator) -> Iterator[Copied]:
    """Eight bars of each of so many works, from anywhere in it where there are notes that have a pitch."""
    for work, _, piece in pieces_of(corpus, in_order(set(corpus.work_ids))):
        full = np.isin(np.arange(piece.num_bars), piece.pitched[:, Note.BAR])
        starts = np.flatnonzero(np.convolve(full, np.ones(COPIED_BARS, dtype=int), "valid") == COPIED_BARS)
        if piece.num_bars < COPIED_BARS or not len(starts):
            continue
        start = int(rng.choice(starts))
        bar = piece.notes[:, Note.BAR]
        notes = piece.notes[(bar >= start) & (bar < start + COPIED_BARS)].copy()
        notes[:, Note.BAR] -= start
        yield Copied(work, notes, piece.metres[start : start + COPIED_BARS], piece.instruments)
        count -= 1
        if not count:
            return


def disguised(copied: Copied, rng: np.random.Generator) -> Copied:
    """The bars in another key and on other instruments; drums stay as they are."""
    notes = copied.notes.copy()
    pitched = np.array(copied.instruments)[notes[:, Note.TRACK]] != DRUM_KIT
    up = int(rng.choice([step for step in range(-MAX_SEMITONES, MAX_SEMITONES + 1) if step]))
    moved = notes[pitched, Note.PITCH] + up
    notes[pitched, Note.PITCH] = moved if 0 <= moved.min() <= moved.max() <= 127 else moved - 2 * up
    instruments = tuple(DRUM_KIT if i == DRUM_KIT else int(rng.integers(0, 112)) for i in copied.instruments)
    return Copied(copied.work_id, notes, copied.metres, instruments)


def plant(copied: Copied, around: BarPiece, rng: np.random.Generator) -> Planted:
    """The piece with the bars before one of its phrases or behind the last, on tracks of their own."""
    at = PHRASE_BARS * int(rng.integers(0, around.num_bars // PHRASE_BARS + 1))
    before, after, inner = around.notes.copy(), around.notes.copy(), copied.notes.copy()
    before = before[before[:, Note.BAR] < at]
    after = after[after[:, Note.BAR] >= at]
    after[:, Note.BAR] += len(copied.metres)
    inner[:, Note.BAR] += at
    inner[:, Note.TRACK] += len(around.instruments)
    metres = (*around.metres[:at], *copied.metres, *around.metres[at:])
    notes = np.concatenate([before, inner, after])
    whole = BarPiece(notes, metres, (*around.instruments, *copied.instruments), around.tempo_bpm)
    score = score_of_piece(whole)
    return Planted(copied.work_id, at, excerpts(score, analyse(score)))


def surroundings(home: Home, run: Run, seed: int) -> list[BarPiece]:
    """Pieces by the run's model, of genres from all over the taxonomy."""
    found = []
    with progress("Composing what is around") as advance:
        for place in range(SURROUNDINGS):
            genre = GENRE_SLUGS[place * len(GENRE_SLUGS) // SURROUNDINGS]
            prompt = Prompt(genre=genre, minutes=SURROUNDING_MINUTES)
            found.append(
                piece_of_excerpts(generate(checkpoint_of(home, run), prompt, seed=seed + place).excerpts)
            )
            advance(place + 1, SURROUNDINGS, "pieces")
    return found


def first_by_content(home: Home, corpus_id: str, planted: Planted) -> str:
    """The work that content similarity names first; empty where it names none."""
    similar = similar_works(home, corpus_id, planted.excerpts).works
    return similar[0].work_id if similar else ""


def first_by_influence(opened: Opened, planted: Planted) -> tuple[str, str]:
    """The works with the largest share of the whole piece, and of the phrases that hold planted bars."""
    queries = phrases_of(planted.excerpts)
    result = opened.influence(queries)
    whole = max(result.shares, key=lambda share: share.share_ppm, default=None)
    within: Counter[str] = Counter()
    for query, segment in zip(queries, result.segments, strict=True):
        if query.bar_start < planted.bar + COPIED_BARS and query.bar_end > planted.bar:
            within.update({str(work): share_ppm for work, share_ppm in segment.shares})
    named = within.most_common(1)
    return str(whole.owner) if whole and whole.share_ppm else "", named[0][0] if named else ""


def show(what: str, hits: Sequence[bool]) -> None:
    low, high = wilson(sum(hits), len(hits))
    print(
        f"| {what} | {sum(hits)} of {len(hits)} | {np.mean(hits):.1%} | {low:.1%} to {high:.1%} |", flush=True
    )


def measure(home: Home, num_works: int, num_influence: int, seed: int) -> None:
    """Both kinds of copy, the same bars in the same surroundings, as a table."""
    opened = open_attributor(home, None)
    around = surroundings(home, opened.run, seed)
    rng = np.random.default_rng(seed)
    hits: dict[str, list[bool]] = {}
    with progress("Asking for copies") as advance:
        for place, copied in enumerate(copies_of(opened.corpus, num_works, rng)):
            for kind, bars in (("exact", copied), ("in another key, on others", disguised(copied, rng))):
                planted = plant(bars, around[place % len(around)], rng)
                content = first_by_content(home, opened.run.corpus_id, planted)
                hits.setdefault(f"{kind}, by content", []).append(content == copied.work_id)
                if place < num_influence:
                    whole, within = first_by_influence(opened, planted)
                    hits.setdefault(f"{kind}, by influence", []).append(whole == copied.work_id)
                    hits.setdefault(f"{kind}, by influence on its bars", []).append(within == copied.work_id)
            advance(place + 1, num_works, "works")
    print(f"{opened.run.id}, {len(set(opened.corpus.work_ids))} works, seed {seed}\n")
    print("| copy | named first | part | interval |\n|---|---:|---:|---:|")
    for what in sorted(hits):
        show(what, hits[what])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--works", type=int, default=100)
    parser.add_argument("--influence", type=int, default=30, help="of how many of them influence is taken")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with open_home(load_settings(asked.home, {}), Access.WRITE) as home:
        measure(home, asked.works, asked.influence, asked.seed)


if __name__ == "__main__":
    main()
