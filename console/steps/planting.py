"""Does influence name the work that a piece was copied from, also in another key and on other instruments?

Shapes: N examples, Q queries, W works, R rows, F columns.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from model.batches import kept_examples
from model.corpus import VerifiedCorpus
from model.editing import piece_of, reorchestrated, transposed
from model.errors import EditError
from model.events import Note
from model.excerpts import Excerpt
from provenance.attribution.attributor import Attributor
from provenance.composer_index import matrices_of

PLANTED_BARS = 8
INSTRUMENTS = ("flute", "violin")  # a copy plays on the first that the work does not
SEMITONES = (-4, -3, -2, 2, 3, 4)


def plant_copies(
    corpus: VerifiedCorpus, attributor: Attributor, max_events: int, count: int, seed: int
) -> dict[str, int]:
    """Of how many works a copy of eight bars names its work first, and the same bars disguised."""
    order = np.random.default_rng(seed).permutation(kept_examples(corpus))
    chosen = [int(i) for i in order if _is_long(corpus[int(i)])][:count]
    copies = [_first_bars(corpus[i]) for i in chosen]
    rng = np.random.default_rng(seed)
    disguised = [_disguised(copy, int(rng.choice(SEMITONES))) for copy in copies]
    return {
        "pieces": len(chosen), "bars": PLANTED_BARS,
        "copied": _named_first(corpus, attributor, chosen, matrices_of(copies, max_events)),
        "transposed_on_other_instruments": _named_first(
            corpus, attributor, chosen, matrices_of(disguised, max_events)
        ),
    }  # fmt: skip


def _is_long(excerpt: Excerpt) -> bool:
    return excerpt.bar_end - excerpt.bar_start >= PLANTED_BARS


def _first_bars(excerpt: Excerpt) -> Excerpt:
    end = excerpt.bar_start + PLANTED_BARS
    last = np.searchsorted(excerpt.notes[:, Note.BAR], end)
    return replace(excerpt, bar_end=end, notes=excerpt.notes[:last])


def _disguised(excerpt: Excerpt, semitones: int) -> Excerpt:
    """The excerpt in another key, each of its pitched tracks on an instrument that it was not written for."""
    try:
        piece = transposed(piece_of([excerpt]), semitones)
    except EditError:
        piece = transposed(piece_of([excerpt]), -semitones)
    for track, player in enumerate(piece.ensemble):
        if not player.is_drum:
            name = next(name for name in INSTRUMENTS if name != player.name)
            piece = reorchestrated(piece, track, name)
    return replace(excerpt, plan=piece.plan, notes=piece.notes)


def _named_first(
    corpus: VerifiedCorpus, attributor: Attributor, chosen: Sequence[int], rows_QRF: Tensor
) -> int:
    """Of how many queries the work that they were taken from has the largest influence of all works."""
    if not chosen:
        return 0
    scores_QN = attributor.score(rows_QRF)
    trained_on = [corpus.work_ids[i] for i in kept_examples(corpus)]
    works, place_N = np.unique(np.array(trained_on), return_inverse=True)
    by_work_QW = np.zeros((len(scores_QN), len(works)))
    np.add.at(by_work_QW.T, place_N, scores_QN.T)
    first = works[by_work_QW.argmax(1)]
    return sum(bool(work == corpus.work_ids[i]) for work, i in zip(first, chosen, strict=True))
