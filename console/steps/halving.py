"""From a run to networks like it that learned from random halves of its works: more weights to ask.

An influence that several trainings agree on is less an accident of one. Each takes half of the run's steps.
"""

from collections.abc import Sequence

from console.home import Home
from console.progress import Advance
from console.steps.training import folder_of
from model.corpus import VerifiedCorpus
from model.training import train
from provenance.attribution.validation import halves
from provenance.composer_index import half_folder
from provenance.tables import Run

SEED = 10_007  # of the halves: not those that a validation trains on


def train_halves(
    home: Home, run: Run, corpus: VerifiedCorpus, works: Sequence[str], count: int, advance: Advance
) -> None:
    """The first `count` halves, by the run's recipe, kept beside its checkpoint; called again, it goes on."""
    for number, without in enumerate(halves(count, works, SEED)):
        train(
            corpus, half_folder(folder_of(home, run), number), preset=run.preset,
            steps=max(1, run.steps // 2), seed=run.seed + 1 + number, without=without,
        )  # fmt: skip
        advance(number + 1, count, "halves trained")
