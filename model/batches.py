"""Which examples does a run see, in which order, and how much of each work is that?

All of it follows from the corpus, the seed and the step, so that any process can work it out for itself.

Shapes: N examples, R rows of an example's matrix, F columns.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from model.corpus import VerifiedCorpus
from model.errors import TrainingError
from model.events import Ints
from model.excerpts import encode_example
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


def num_steps(corpus: VerifiedCorpus, preset: Preset, minutes: float) -> int:
    """How many steps fill some minutes at the preset's nominal rate."""
    events_per_step = preset.batch_examples * (1 + float(corpus.num_notes.mean()))
    return max(1, round(minutes * preset.events_per_minute / events_per_step))


def batches(examples: Ints, sizes: Ints, batch_examples: int, seed: int) -> Iterator[Ints]:
    """Batches of examples without end: every example once an epoch, in another order each time.

    Examples of like size come together, so that little is padding.

    Args:
        sizes: of every example of the corpus.
    """
    epoch = 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(examples)
        span = batch_examples * BUCKET_BATCHES
        buckets = [order[i : i + span] for i in range(0, len(order), span)]
        sorted_buckets = [bucket[np.argsort(sizes[bucket], kind="stable")] for bucket in buckets]
        cut = [b[i : i + batch_examples] for b in sorted_buckets for i in range(0, len(b), batch_examples)]
        for index in rng.permutation(len(cut)):
            yield cut[index].astype(np.int32)
        epoch += 1


def visits(corpus: VerifiedCorpus, preset: str, seed: int, steps: int) -> Ints:
    """How often each example of the corpus has been trained on after some steps."""
    counts = np.zeros(len(corpus), dtype=np.int32)
    examples, _ = split_examples(corpus)
    for batch in islice(
        batches(examples, corpus.num_notes, preset_named(preset).batch_examples, seed), steps
    ):
        counts[batch] += 1
    return counts


def matrices(corpus: VerifiedCorpus, batch: Ints, max_events: int) -> Tensor:
    """The matrices (N, R, F) of some examples."""
    return torch.from_numpy(np.stack([encode_example(corpus[int(i)], max_events) for i in batch]))


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


def exposure_table(corpus: VerifiedCorpus, counts: Ints) -> pa.Table:
    """How much of each encoding was trained on: events seen, and passes in thousandths.

    Args:
        counts: how often each example was trained on.
    """
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for i, (work, encoding) in enumerate(zip(corpus.work_ids, corpus.encoding_ids, strict=True)):
        events, of = seen.get((work, encoding), (0, 0))
        notes = int(corpus.num_notes[i])
        seen[work, encoding] = (events + notes * int(counts[i]), of + notes)
    rows = sorted((work, encoding, *numbers) for (work, encoding), numbers in seen.items())
    return pa.table(
        {
            "work_id": [row[0] for row in rows],
            "encoding_id": [row[1] for row in rows],
            "events_seen": pa.array([row[2] for row in rows], pa.int64()),
            "epochs_milli": pa.array([1000 * row[2] // max(row[3], 1) for row in rows], pa.int64()),
        }
    )
