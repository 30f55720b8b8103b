"""How is a piece written one event at a time, at a cost and in a memory that do not grow with it?

The decoder keeps keys and values bar by bar. When a bar opens it gathers those of the bars that `sees_events`
lets it see, with the summaries of all closed units; an event then attends to that and to its own bar. Bars
that no later bar can see are forgotten. Step by step it says what one pass of the network over the whole
says.

Shapes as in `model.network`; there is one song.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from model.attention import KeyValue, Mask, seen_distances, sees_events
from model.events import BAR_MARK, MAX_TRACKS, Field, Ints
from model.layers import Block, Clock, GrowingKeys, Level
from model.network import Composer
from model.plan import PLAN_ROWS, Column
from model.recall import NOT_SAID, find_echoes
from model.streams import StreamStates, steps_of


@dataclass(frozen=True)
class _Bar:
    """What is kept of a closed bar: its events, their codes, keys and values of every layer."""

    events_1TF: Tensor
    codes_1TD: Tensor
    keys: tuple[KeyValue, ...]


class _Units:
    """The open unit of one level: its closed children, and the keys of the units that closed before it."""

    def __init__(self, level: Level, nothing: KeyValue) -> None:
        self.level = level
        self.kept = nothing
        self.children: list[Tensor] = []
        self.start_steps = 0

    def add(self, child_1KD: Tensor, start_steps: int) -> None:
        """Takes a closed child that began at a time."""
        if not self.children:
            self.start_steps = start_steps
        self.children.append(child_1KD)

    def forked(self) -> "_Units":
        """The same unit, to go on from here."""
        other = copy(self)
        other.children = list(self.children)
        return other

    def close(self, head_width: int) -> tuple[Tensor, Clock]:
        """The summary of the open unit, with its clock; the next one is open then."""
        children = torch.cat(self.children, 1)
        time = torch.tensor([[self.start_steps]], device=children.device)
        clock = Clock.at(time, head_width, children.dtype)
        summary, self.kept = self.level.advance(children, clock, self.kept)
        self.children = []
        return summary, clock


class Decoder:
    """Reads a song's events as they come and says what it expects next."""

    def __init__(self, model: Composer, plan_rows: Ints, sources_of_bars: Ints) -> None:
        """A decoder at the beginning of a song.

        Args:
            plan_rows: as `model.plan.plan_rows` gives them.
            sources_of_bars: for each bar the bar that it repeats, or -1: what must not be forgotten.
        """
        self.model, self.sources = model.eval(), sources_of_bars
        with torch.no_grad():
            self.plan = model.plan(torch.from_numpy(plan_rows)[None].long())
            self.tracks = model.tracks_of(self.plan)
        self._seen_distances = seen_distances(model.config.far_bars)
        self._lower_blocks, self._upper = _blocks(model.lower), _blocks(model.upper)
        weight = model.head.base.weight
        empty = weight.new_empty(1, model.config.heads, 0, model.head_width)
        self._nothing = KeyValue(empty, empty)
        self._bars: dict[int, _Bar] = {}
        self._levels = [_Units(level, self._nothing) for level in _levels(model)]
        self._summaries = [self._nothing for _ in model.upper]
        self._stream_memory = model.streams.empty_memory()
        width = model.config.stream_width
        self._heard = StreamStates(weight.new_zeros(1, 1, width), weight.new_zeros(1, 1, width))
        self._last_1TF = torch.full((MAX_TRACKS, 2), NOT_SAID)
        self._first_bar: int | None = None
        self._steps_heard = 0
        self._merged = weight.new_zeros(1, 1, len(Field), model.config.head_width)
        self._here = 0
        self._keys: list[GrowingKeys] = []
        self._past = self._events = torch.empty(1, 0, len(Column), dtype=torch.long)
        self._past_codes = self._codes = self._lower = weight.new_empty(1, 0, model.config.width)

    def forked(self) -> "Decoder":
        """The decoder as it stands, to come back to: a few references, and no key is copied.

        Of a decoder and its fork only one may go on reading; whoever comes back to a fork forks it again.
        """
        other = copy(self)
        other._levels = [units.forked() for units in self._levels]
        other._keys, other._bars = [keys.forked() for keys in self._keys], dict(self._bars)
        other._summaries, other._last_1TF = list(self._summaries), self._last_1TF.clone()
        return other

    @property
    def num_kept_keys(self) -> int:
        """How many events' keys are kept: bounded, however long the song."""
        return sum(bar.events_1TF.shape[1] for bar in self._bars.values())

    @torch.no_grad()
    def read(self, rows: Ints) -> None:
        """Takes the next events of a song.

        Args:
            rows: event rows of one bar; the first is the bar's marker where a bar begins.
        """
        events_1TF = torch.from_numpy(np.ascontiguousarray(rows))[None].long()
        if rows[0, Column.POSITION] == BAR_MARK:
            self._open_bar(events_1TF[0, 0])
        self._hear_first_half(events_1TF)
        x_1TD = self._attend(events_1TF)
        self._events = torch.cat([self._events, events_1TF], 1)
        self._merged = self.model.head.merge(x_1TD[:, -1:], self._heard)
        position = int(rows[-1, Column.POSITION])
        self._here = position if position < BAR_MARK else 0
        for row in rows:
            if row[Column.TRACK] >= 0:
                self._last_1TF[row[Column.TRACK]] = torch.from_numpy(row[[Column.PITCH, Column.DURATION]])

    @torch.no_grad()
    def logits(self, field: Field, row: Ints) -> Tensor:
        """The logits (V,) of a field of the next event.

        Args:
            row: the event's row, with its bar's plan and the fields before this one.
        """
        event_11F = torch.from_numpy(row)[None, None].long()
        last_112 = self._last_1TF[int(row[Column.TRACK])][None, None]
        context = self.model.head.contexts(event_11F, last_112, self.tracks.keys_N24M)[field]
        here = torch.tensor([[self._here]])
        z_11M = self._merged[:, :, field] + context
        return self.model.head.logits(field, z_11M, here, last_112, self.tracks)[0, 0]

    def _open_bar(self, marker_F: Tensor) -> None:
        bar, source = int(marker_F[Column.BAR]), int(marker_F[Column.SOURCE])
        if self._first_bar is None:
            self._first_bar = bar
        else:
            self._close_bar(marker_F)
        numbers = torch.tensor(sorted(self._bars), dtype=torch.long)
        sees = sees_events(
            torch.tensor(bar), torch.tensor(0), torch.tensor(source), numbers, torch.tensor(0),
            self._seen_distances,
        )  # fmt: skip
        seen = [self._bars[int(number)] for number in numbers[sees]]
        self._keys = []
        for layer in range(len(self.model.lower) + len(self.model.upper)):
            parts = [kept.keys[layer] for kept in seen]
            if layer >= len(self.model.lower):
                parts.append(self._summaries[layer - len(self.model.lower)])
            joined = KeyValue(*(torch.cat([self._nothing[i], *(p[i] for p in parts)], 2) for i in (0, 1)))
            self._keys.append(GrowingKeys(joined, 64))
        empty = marker_F.new_empty(1, 0, len(marker_F))
        self._past = torch.cat([empty, *(kept.events_1TF for kept in seen)], 1)
        no_codes = self._merged.new_empty(1, 0, self.model.config.width)
        self._past_codes = torch.cat([no_codes, *(kept.codes_1TD for kept in seen)], 1)
        self._events, self._codes, self._lower = empty, no_codes, no_codes
        self._steps_heard = 0

    def _attend(self, events_1TF: Tensor) -> Tensor:
        model = self.model
        codes = model.reader.codes(events_1TF, self.plan)
        self._codes = torch.cat([self._codes, codes], 1)
        past = torch.cat([self._past, self._events, events_1TF], 1)
        known = torch.cat([self._past_codes, self._codes], 1)
        row, state = find_echoes(events_1TF, past, torch.tensor([[self._first_bar]]))
        x_1TD: Tensor = model.reader(codes, events_1TF, known[:, row[0]], state, self.plan)
        clock = Clock.at(events_1TF[..., Column.TIME], model.head_width, x_1TD.dtype)
        count = events_1TF.shape[1]
        causal = torch.ones(1, count, count, dtype=torch.bool).tril()
        for layer, block in enumerate((*self._lower_blocks, *self._upper)):
            keys = self._keys[layer]
            mask = torch.cat([causal.new_ones(1, count, len(keys)), causal], -1)
            x_1TD, _ = block(x_1TD, clock, Mask(mask), kept=keys)
            if layer == len(model.lower) - 1:
                self._lower = torch.cat([self._lower, x_1TD], 1)
        return x_1TD

    def _hear_first_half(self, events_1TF: Tensor) -> None:
        """Lets the streams hear the bar's first half once an event stands in the second."""
        position, length = events_1TF[..., Column.POSITION], events_1TF[..., Column.LENGTH]
        late = (position < BAR_MARK) & (2 * position >= length)
        if self._steps_heard == 0 and late.any():
            self._hear(torch.cat([self._events, events_1TF], 1), 1)

    def _hear(self, events_1TF: Tensor, up_to: int) -> None:
        streams, dtype = self.model.streams, self._merged.dtype
        steps = steps_of(events_1TF, torch.zeros(1, 1, dtype=torch.long), dtype)
        for step in range(self._steps_heard, up_to):
            self._heard, self._stream_memory = streams.advance(
                steps.between(step, step + 1), self.plan.song_ND, self._stream_memory
            )
        self._steps_heard = up_to

    def _close_bar(self, next_marker_F: Tensor) -> None:
        """Keeps the bar, sums up what closes with it, and forgets what no later bar can see."""
        self._hear(self._events, 2)
        marker_F = self._events[0, 0]
        keys = tuple(keys.added() for keys in self._keys)
        self._bars[int(marker_F[Column.BAR])] = _Bar(self._events, self._codes, keys)
        closes = [True] + [bool(marker_F[c] != next_marker_F[c]) for c in (Column.PHRASE, Column.SECTION)]
        child, start = self._lower, int(marker_F[Column.TIME])
        for units, closing in zip(self._levels, closes, strict=False):
            units.add(child, start)
            if not closing:
                break
            child, clock = units.close(self.model.head_width)
            start = units.start_steps
            for layer, block in enumerate(self._upper):
                self._summaries[layer] = self._summaries[layer].joined(block.keys_of(child, clock))
        self._forget(int(next_marker_F[Column.BAR]))

    def _forget(self, bar: int) -> None:
        needed = set(self.sources[bar:].tolist()) | set(range(bar - max(self.model.config.far_bars), bar))
        self._bars = {number: kept for number, kept in self._bars.items() if number in needed}


def _blocks(modules: nn.ModuleList) -> list[Block]:
    return [module for module in modules if isinstance(module, Block)]


def _levels(model: Composer) -> list[Level]:
    return [level for level in model.levels if isinstance(level, Level)]


def events_of(rows: Ints) -> Ints:
    """The event rows of a song's matrix without its plan and padding."""
    events = rows[PLAN_ROWS:]
    return events[events[:, Column.KIND] > 0]
