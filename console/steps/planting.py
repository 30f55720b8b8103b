"""Is the work named first that a part of a piece was copied from, by content and by influence?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from console.home import Home
from console.steps.indexing import Opened
from console.steps.originality import similar_works
from console.steps.where import phrases_of
from model.batches import kept_examples
from model.evaluation.bars import BarPiece
from model.evaluation.planting import Planted, copies_of, disguised, plant
from model.evaluation.trial import in_order
from provenance.composer_index import matrices_of

EXACT, DISGUISED = "exact", "in another key, on others"


@dataclass(frozen=True)
class Named:
    """Whether the copied work came first by content, by influence, and by influence on the copy's phrases.

    The last two are None where influence was not asked.
    """

    kind: str
    content: bool
    influence: bool | None
    phrases: bool | None


def ask_for_copies(
    home: Home, opened: Opened, around: Sequence[BarPiece], *, count: int, num_influence: int, seed: int
) -> Iterator[Named]:
    """Two answers for each of so many works that the run saw: of its bars as they are, and disguised.

    Args:
        around: pieces to plant the bars in, taken in turn.
        num_influence: for how many of the works influence is asked too.
    """
    corpus, rng = opened.corpus, np.random.default_rng(seed)
    works = in_order({corpus.work_ids[i] for i in kept_examples(corpus)})
    for place, copied in enumerate(copies_of(corpus, works, count, rng)):
        for kind, bars in ((EXACT, copied), (DISGUISED, disguised(copied, rng))):
            planted = plant(bars, around[place % len(around)], rng)
            content = _first_by_content(home, opened.run.corpus_id, planted) == copied.work_id
            influence = phrases = None
            if place < num_influence:
                whole, within = _first_by_influence(opened, planted)
                influence, phrases = whole == copied.work_id, within == copied.work_id
            yield Named(kind, content, influence, phrases)


def _first_by_content(home: Home, corpus_id: str, planted: Planted) -> str:
    """The work that content similarity names first; empty where it names none."""
    similar = similar_works(home, corpus_id, planted.excerpts).works
    return similar[0].work_id if similar else ""


def _first_by_influence(opened: Opened, planted: Planted) -> tuple[str, str]:
    """The works with the largest share of the whole piece, and of the phrases that hold planted bars."""
    phrases = phrases_of(planted.excerpts)
    found = opened.influences(matrices_of(phrases, opened.max_events))
    whole = found.segment(range(len(phrases))).shares
    within: Counter[str] = Counter()
    for place, phrase in enumerate(phrases):
        if planted.has_copy(phrase.bar_start, phrase.bar_end):
            within.update({str(work): share_ppm for work, share_ppm in found.segment([place]).shares})
    named = within.most_common(1)
    return str(whole[0][0]) if whole else "", named[0][0] if named else ""
