"""Which examples does a run see, in which order, and how much of each work is that?

All of it follows from the corpus, the seed and the step, so that any process can work it out for itself.

Shapes: N examples, R rows of an example's matrix, F columns.
"""

import hashlib
from collections.abc import Iterator, Set
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from model.corpus import VerifiedCorpus
from model.errors import TrainingError
from model.events import Ints
from model.excerpts import encode_example, without_track
from model.plan import (
    FIRST_SECTION_ROW,
    FIRST_TRACK_ROW,
    PLAN_ATTRIBUTES,
    PLANNING_COLUMN,
    SONG_ROW,
    Kind,
)
from model.presets import Preset, preset_named

HELD_OUT_PER_CENT = 5
MIN_WORKS_TO_HOLD_OUT = 20
UNSAID = 0.1  # how often an attribute of the song, or of a track or a section, is left unsaid
PLANNING = 0.15  # how often the streams go by the plan alone
BUCKET_BATCHES = 16
STAGES = (4, 12)  # in the first epoch pieces of up to so many tracks come first
DROPPED = 0.1  # how often a track is left out of an example
MIN_TRACKS_TO_DROP = 3


def split_examples(corpus: VerifiedCorpus) -> tuple[Ints, Ints]:
    """The examples to train on and those held out: all of about one work in twenty, chosen by digest.

    Raises:
        TrainingError: there is no example to train on.
    """
    works = sorted(set(corpus.work_ids), key=lambda work: hashlib.sha256(work.encode()).hexdigest())
    count = len(works) * HELD_OUT_PER_CENT // 100 if len(works) >= MIN_WORKS_TO_HOLD_OUT else 0
    out = set(works[len(works) - count :])
    is_out = np.array([work in out for work in corpus.work_ids], dtype=bool)
    if not len(corpus) or is_out.all():
        raise TrainingError(f"corpus {corpus.corpus_id} has no example to train on; clear more works")
    return np.flatnonzero(~is_out).astype(np.int32), np.flatnonzero(is_out).astype(np.int32)


def kept_examples(corpus: VerifiedCorpus, without: Set[str] = frozenset()) -> Ints:
    """The examples to train on but for those of some works.

    Raises:
        TrainingError: nothing is left.
    """
    examples, _ = split_examples(corpus)
    kept = np.array([corpus.work_ids[i] not in without for i in examples], dtype=bool)
    if not kept.any():
        raise TrainingError(f"without {len(without)} works corpus {corpus.corpus_id} has nothing to train on")
    left: Ints = examples[kept]
    return left


def num_steps(corpus: VerifiedCorpus, preset: Preset, minutes: float) -> int:
    """How many steps fill some minutes at the preset's nominal rate."""
    events_per_step = preset.batch_examples * (1 + float(corpus.num_notes.mean()))
    return max(1, round(minutes * preset.events_per_minute / events_per_step))


def batches(corpus: VerifiedCorpus, examples: Ints, batch_examples: int, seed: int) -> Iterator[Ints]:
    """Batches of examples without end: every example once an epoch, in another order each time.

    Examples of like size come together, so that little is padding. The first epoch goes from few tracks to
    many.

    Source: Bengio et al. 2009, Curriculum Learning (ICML 26), for the order of the first epoch.
    """
    epoch = 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        stage = (
            np.searchsorted(STAGES, corpus.num_tracks[examples]) if epoch == 0 else np.zeros(len(examples))
        )
        for some in np.unique(stage):
            order = rng.permutation(examples[stage == some])
            cut = _alike(order, corpus.num_notes, batch_examples)
            for index in rng.permutation(len(cut)):
                yield cut[index].astype(np.int32)
        epoch += 1


def _alike(order: Ints, sizes: Ints, batch_examples: int) -> list[Ints]:
    """The examples cut into batches of like size, near where they stand in the order."""
    span = batch_examples * BUCKET_BATCHES
    buckets = [order[i : i + span] for i in range(0, len(order), span)]
    sorted_buckets = [bucket[np.argsort(sizes[bucket], kind="stable")] for bucket in buckets]
    return [b[i : i + batch_examples] for b in sorted_buckets for i in range(0, len(b), batch_examples)]


def dropped_tracks(corpus: VerifiedCorpus, batch: Ints, seed: int, step: int) -> Ints:
    """For each example of a step's batch the track that is left out of it, or -1.

    Some parts of an arrangement, so that a model writes for ensembles that it has not met. No track is left
    out of a piece with less than three, nor one that alone has notes.
    """
    rng = np.random.default_rng([seed, step, len(STAGES)])
    tracks = corpus.num_tracks[batch]
    chosen = (rng.random(len(batch)) * tracks).astype(np.int32)
    alone = corpus.notes_of_tracks[batch, chosen] == corpus.num_notes[batch]
    drops = (rng.random(len(batch)) < DROPPED) & (tracks >= MIN_TRACKS_TO_DROP) & ~alone
    return np.where(drops, chosen, -1).astype(np.int32)


class Seen(NamedTuple):
    """How often each example of a corpus was trained on, and how many of its notes that is in all."""

    visits: Ints
    notes: npt.NDArray[np.int64]


def seen_in(
    corpus: VerifiedCorpus, preset: str, seed: int, steps: int, without: Set[str] = frozenset()
) -> Seen:
    """What has been seen of each example after some steps of a training without some works."""
    seen = Seen(np.zeros(len(corpus), dtype=np.int32), np.zeros(len(corpus), dtype=np.int64))
    examples = kept_examples(corpus, without)
    order = batches(corpus, examples, preset_named(preset).batch_examples, seed)
    for step, batch in enumerate(islice(order, steps)):
        dropped = dropped_tracks(corpus, batch, seed, step)
        left_out = np.where(dropped >= 0, corpus.notes_of_tracks[batch, dropped], 0)
        seen.visits[batch] += 1
        seen.notes[batch] += corpus.num_notes[batch] - left_out
    return seen


def matrices(corpus: VerifiedCorpus, batch: Ints, max_events: int, dropped: Ints | None = None) -> Tensor:
    """The matrices (N, R, F) of some examples.

    Args:
        dropped: the track that is left out of each, -1 for none.
    """
    excerpts = [corpus[int(index)] for index in batch]
    if dropped is not None:
        pairs = zip(excerpts, dropped.tolist(), strict=True)
        excerpts = [without_track(excerpt, track) if track >= 0 else excerpt for excerpt, track in pairs]
    return torch.from_numpy(np.stack([encode_example(excerpt, max_events) for excerpt in excerpts]))


def leave_unsaid(
    rows_NRF: Tensor, generator: torch.Generator, places_N: Ints | None = None, total: int | None = None
) -> Tensor:
    """The matrices with some attributes set to 'not said', so that prompts may leave them out.

    Args:
        places_N: where the examples stand in a batch of `total`, if they are a part of one: what is left
            unsaid of an example does not depend on which others come with it.
    """
    rows_NRF = rows_NRF.clone()
    places_N = np.arange(len(rows_NRF), dtype=np.int32) if places_N is None else places_N
    total = len(rows_NRF) if total is None else total
    place_N = torch.from_numpy(places_N).long()
    spans = {
        Kind.SONG: (SONG_ROW, SONG_ROW + 1, range(1, PLANNING_COLUMN)),
        Kind.TRACK: (FIRST_TRACK_ROW, FIRST_SECTION_ROW, range(3, 1 + len(PLAN_ATTRIBUTES[Kind.TRACK]))),
        Kind.SECTION: (FIRST_SECTION_ROW, FIRST_SECTION_ROW + 24, range(5, 6)),
    }
    for first, last, columns in spans.values():
        part = rows_NRF[:, first:last, columns.start : columns.stop]
        part *= torch.rand((total, *part.shape[1:]), generator=generator)[place_N] >= UNSAID
    planning = torch.rand(total, generator=generator)[place_N] < PLANNING
    rows_NRF[:, SONG_ROW, PLANNING_COLUMN] = planning.to(rows_NRF.dtype)
    return rows_NRF


def exposure_table(corpus: VerifiedCorpus, seen: Seen) -> pa.Table:
    """How much of each encoding was trained on: events seen, and passes in thousandths."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for i, names in enumerate(zip(corpus.work_ids, corpus.encoding_ids, strict=True)):
        events, of = found.get(names, (0, 0))
        found[names] = (events + int(seen.notes[i]), of + int(corpus.num_notes[i]))
    rows = sorted((work, encoding, *numbers) for (work, encoding), numbers in found.items())
    return pa.table(
        {
            "work_id": [row[0] for row in rows],
            "encoding_id": [row[1] for row in rows],
            "events_seen": pa.array([row[2] for row in rows], pa.int64()),
            "epochs_milli": pa.array([1000 * row[2] // max(row[3], 1) for row in rows], pa.int64()),
        }
    )
