"""Is a copy named, by content and by influence? Bars of a work of the corpus, planted in a generated piece.

    python -m benchmarks.planted_copies HOME [--works 100] [--influence 30] [--seed 0]

The home needs a run with its corpus and index. Pieces by the run's model are the surroundings. Into one of
them eight bars from anywhere in a work that the run saw are put where a phrase begins or ends, every track of
them, once as they are and once in another key and on other instruments. Both are asked which work comes
first: content similarity, and influence, in the attribution of the whole piece and in that of phrases with
planted bars. Works without eight bars in a row with pitched notes are left out. Intervals are Wilson's at 95
in 100.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from console.home import Access, Home, open_home
from console.progress import progress
from console.settings import load_settings
from console.steps.generating import checkpoint_of
from console.steps.indexing import open_attributor
from console.steps.planting import ask_for_copies
from model.evaluation.bars import BarPiece, piece_of_excerpts
from model.evaluation.listening import wilson
from model.generation import generate
from model.genres import GENRE_SLUGS
from model.prompt import Prompt
from provenance.tables import Run

SURROUNDINGS = 8
SURROUNDING_MINUTES = 0.5


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


def show(what: str, hits: Sequence[bool]) -> None:
    low, high = wilson(sum(hits), len(hits))
    print(
        f"| {what} | {sum(hits)} of {len(hits)} | {np.mean(hits):.1%} | {low:.1%} to {high:.1%} |", flush=True
    )


def measure(home: Home, num_works: int, num_influence: int, seed: int) -> None:
    """Both kinds of copy, the same bars in the same surroundings, as a table."""
    opened = open_attributor(home, None)
    around = surroundings(home, opened.run, seed)
    hits: dict[str, list[bool]] = {}
    asked = ask_for_copies(home, opened, around, count=num_works, num_influence=num_influence, seed=seed)
    with progress("Asking for copies") as advance:
        for place, named in enumerate(asked):
            told = {
                "by content": named.content,
                "by influence": named.influence,
                "by influence on its bars": named.phrases,
            }
            for how, hit in told.items():
                if hit is not None:
                    hits.setdefault(f"{named.kind}, {how}", []).append(hit)
            advance(place + 1, 2 * num_works, "copies")
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
