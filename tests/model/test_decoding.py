"""Writing event by event says what one pass over the whole says, in bounded memory."""

from itertools import pairwise

import numpy as np
import torch

from model.decoding import Decoder, events_of
from model.events import BAR_MARK, Field
from model.excerpts import encode_example
from model.plan import PLAN_ROWS, Column
from tests.model.songs import a_composer, an_excerpt


def stepwise(model, rows: np.ndarray, *, chunk: bool = False) -> list[list[torch.Tensor]]:
    decoder = Decoder(model, rows[:PLAN_ROWS], np.full(16, -1, dtype=np.int32))
    decoder.sources = np.arange(16, dtype=np.int32)  # forget nothing that a pointer may still name
    events = events_of(rows)
    said = []
    for event, following in zip(events, [*events[1:], events[-1]], strict=True):
        decoder.read(event[None])
        said.append([decoder.logits(field, following) for field in Field])
    return said[:-1]


def test_step_by_step_is_the_same_as_all_at_once():
    for start, end in ((0, 16), (5, 13)):
        model = a_composer()
        rows = encode_example(an_excerpt(3, start=start, end=end, per_bar=8), 160)
        with torch.no_grad():
            whole = model(torch.from_numpy(rows)[None]).fields
        for event, said in enumerate(stepwise(model, rows)):
            for field in Field:
                torch.testing.assert_close(said[field], whole[field][0, event + 1], atol=1e-9, rtol=1e-7)


def test_a_bar_may_be_read_in_one_go():
    model, rows = a_composer(), encode_example(an_excerpt(4), 160)
    events = events_of(rows)
    starts = [*np.flatnonzero(events[:, Column.POSITION] == BAR_MARK), len(events)]
    a, b = (Decoder(model, rows[:PLAN_ROWS], np.arange(16, dtype=np.int32)) for _ in range(2))
    for start, end in pairwise(starts):
        a.read(events[start:end])
        for event in events[start:end]:
            b.read(event[None])
        following = events[min(end, len(events) - 1)]
        for field in Field:
            torch.testing.assert_close(a.logits(field, following), b.logits(field, following))


def test_keys_of_bars_that_nothing_repeats_are_forgotten_after_thirty_two_bars():
    model = a_composer()
    template = events_of(encode_example(an_excerpt(5, start=0, end=1), 160))
    decoder = Decoder(model, encode_example(an_excerpt(5), 160)[:PLAN_ROWS], np.full(100, -1, dtype=np.int32))
    kept = []
    for bar in range(100):
        rows = template.copy()
        rows[:, Column.BAR], rows[:, Column.SOURCE] = bar, -1
        rows[:, Column.TIME] += 36 * bar
        decoder.read(rows)
        kept.append(decoder.num_kept_keys)
    assert kept[40] == kept[99] == 32 * len(template)


def test_whoever_comes_back_to_a_fork_goes_on_as_if_nothing_had_been_read_since():
    model, rows = a_composer(), encode_example(an_excerpt(3, per_bar=8), 160)
    events = events_of(rows)
    straight = stepwise(model, rows)
    decoder = Decoder(model, rows[:PLAN_ROWS], np.arange(16, dtype=np.int32))
    for place, (event, following) in enumerate(pairwise(events)):
        before = decoder.forked() if place else None
        decoder.read(event[None])
        if before is not None and place % 3 == 0:
            other = events[1].copy()
            other[Column.BAR : Column.LEFT + 1] = event[Column.BAR : Column.LEFT + 1]
            if event[Column.POSITION] < BAR_MARK:
                decoder = before.forked()
                decoder.read(other[None])  # something else is read, and dropped again
                decoder = before.forked()
                decoder.read(event[None])
        for field in Field:
            torch.testing.assert_close(
                decoder.logits(field, following), straight[place][field], atol=1e-9, rtol=1e-7
            )
