"""The demonstration's whole chain on a handful of pieces: `python -m tests.console.tiny_chain FOLDER`."""

import sys
from pathlib import Path

from console.demo.chain import Chain, Size, run_chain
from console.demo.report import write_report
from console.home import Access, open_home
from console.settings import load_settings
from model.prompt import Prompt

SEED = 3
MINUTES = 0.4  # with less, every influence drowns in noise and there is no share to test
TINY = Size(
    genres=("hymn", "bossa_nova", "synthwave", "house"),
    house_pieces_per_genre=3,
    human_pieces=16,
    prompts=(
        Prompt(genre="hymn", key="G major", tempo_bpm=90, minutes=0.25),
        Prompt(genre="synthwave", key="A minor", tempo_bpm=120, minutes=0.25),
    ),
)


def run_tiny_chain(folder: Path) -> Chain:
    """The chain in a home in the folder, with its report."""
    settings = load_settings(folder / "home", {})
    with open_home(settings, Access.WRITE) as home:
        chain = run_chain(home, folder, MINUTES, SEED, TINY)
        write_report(home, chain, folder)
    return chain


def digests(chain: Chain) -> dict[str, object]:
    """What the chain is known by, from corpus to statement."""
    return {
        "corpus": chain.corpus.id,
        "run": chain.training.run,
        "generations": [piece.generation for piece in chain.pieces],
        "attributions": [found.attribution for found in chain.attributions],
        "distribution": (chain.run.run, chain.run.digest),
        "statements": {payee: written.statement for payee, written in chain.statements.items()},
    }


if __name__ == "__main__":
    run_tiny_chain(Path(sys.argv[1]))
