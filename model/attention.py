"""Which keys may a query see, and how does it hear them at a cost that fits the length?

`sees_events` and `sees_units` are the only rules. Three ways to attend follow from them and agree to
rounding: a mask of all pairs where these are few; each bar's keys gathered, where they are many, so that the
cost is linear in the length; FlexAttention on a GPU.

Shapes: N songs, T events, K keys, H heads, d width of a head; C bars at a time, Q their events, L levels,
U units of all levels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

NEVER = -1e4  # the score of what cannot be
NOWHERE = 2**30  # the bar of padding: later than every other
MASKED_EVENTS = 1024  # up to here a mask of all pairs is the fastest on a CPU
CELLS = 1 << 21  # scores of one head that are held at once

Rows = npt.NDArray[np.int64]


def seen_distances(far_bars: Sequence[int], device: torch.device | None = None) -> Tensor:
    """For each distance in bars whether it is seen; the last entry stands for all that are farther."""
    seen = torch.zeros(max(far_bars) + 2, dtype=torch.bool)
    seen[list(far_bars)] = True
    return seen.to(device)


def sees_events(
    bar_q: Tensor, order_q: Tensor, source_q: Tensor, bar_k: Tensor, order_k: Tensor, seen_distances: Tensor
) -> Tensor:
    """Which event keys an event may see: the one rule for training and for decoding.

    Its own bar up to itself, the bars at the given distances before it, and the bar that the repeat pointer
    of its own bar names. The arguments broadcast against each other.

    Args:
        bar_q: bar of the query, and bar_k of the key, counted from anywhere.
        order_q: place of the query, and order_k of the key, in the order of events.
        source_q: bar that the query's bar repeats, negative where there is none.
        seen_distances: as the function of this name gives them.
    """
    distance = bar_q - bar_k
    related = seen_distances[distance.clamp(0, len(seen_distances) - 1)]
    earlier = related | ((bar_k == source_q) & (distance > 0))
    return earlier | ((distance == 0) & (order_k <= order_q))


def sees_units(unit_q: Tensor, unit_k: Tensor) -> Tensor:
    """Which summaries an event may see: those of units that closed before the event's own unit began."""
    return unit_k < unit_q


class KeyValue(NamedTuple):
    """Keys and values (N, H, K, d) of one attention layer."""

    key: Tensor
    value: Tensor

    def joined(self, other: "KeyValue") -> "KeyValue":
        """Both, one after the other along the keys."""
        return KeyValue(torch.cat([self.key, other.key], 2), torch.cat([self.value, other.value], 2))


class Sight(Protocol):
    """What some queries see of some keys."""

    def attend(self, query_NHTd: Tensor, seen: KeyValue) -> Tensor:
        """What the queries hear (N, H, T, d)."""
        ...


class Mask:
    """All pairs, those that are seen True in `sees_NTK`; N and T may be 1 for all alike."""

    def __init__(self, sees_NTK: Tensor) -> None:
        self.sees_NTK = sees_NTK
        self._worth: Tensor | None = None

    def attend(self, query_NHTd: Tensor, seen: KeyValue) -> Tensor:
        """What the queries hear.

        On a CPU in bfloat16 plain products that add what cannot be seen take half the time of the fused
        kernel with a mask.
        """
        query = query_NHTd
        if query.dtype != torch.bfloat16 or query.device.type != "cpu":
            return F.scaled_dot_product_attention(query, *seen, attn_mask=self.sees_NTK[:, None])
        query_MTd = (query * query.shape[-1] ** -0.5).flatten(0, 1)
        score = torch.baddbmm(self._worth_of(query), query_MTd, seen.key.flatten(0, 1).transpose(1, 2))
        weight = score.softmax(-1).to(query.dtype)
        return torch.bmm(weight, seen.value.flatten(0, 1)).view(query.shape)

    def _worth_of(self, query_NHTd: Tensor) -> Tensor:
        """Nothing for what is seen, much below for what is not, for every song and head; kept."""
        if self._worth is None:
            worth = torch.where(self.sees_NTK, 0.0, NEVER).to(query_NHTd.dtype)
            self._worth = worth[:, None].expand(*query_NHTd.shape[:2], -1, -1).flatten(0, 1)
        return self._worth


@dataclass(frozen=True)
class View:
    """What the rules ask of the events of a batch, and which summaries there are beside them.

    Attributes:
        bar_NT: bar of each event, NOWHERE for padding.
        source_NT: bar that the event's bar repeats, negative where there is none.
        far_bars: distances in bars.
        units: for each level whose summaries are keys, in their order, the unit of each event (N, T), -1 for
            padding, and how many units the level has.
    """

    bar_NT: Tensor
    source_NT: Tensor
    far_bars: tuple[int, ...]
    units: tuple[tuple[Tensor, int], ...] = ()

    @property
    def num_events(self) -> int:
        """How many rows a song has, padding among them."""
        return self.bar_NT.shape[1]

    @property
    def num_keys(self) -> int:
        """How many keys a song has: its events, then the units of each level."""
        return self.num_events + sum(count for _, count in self.units)

    @cached_property
    def seen_distances(self) -> Tensor:
        """The distances as the rule takes them."""
        return seen_distances(self.far_bars, self.bar_NT.device)

    @cached_property
    def _unit_LNT(self) -> Tensor:
        return torch.stack([unit_NT for unit_NT, _ in self.units])

    @cached_property
    def _level_and_number_U(self) -> tuple[Tensor, Tensor]:
        counts = torch.tensor([count for _, count in self.units])
        level = torch.arange(len(counts)).repeat_interleave(counts)
        number = torch.arange(len(level)) - (counts.cumsum(0) - counts)[level]
        return level.to(self.bar_NT.device), number.to(self.bar_NT.device)

    def sees(self, song: Tensor, query: Tensor, key: Tensor) -> Tensor:
        """Whether an event sees a key of its song; indices that broadcast against each other."""
        bar, source = self.bar_NT, self.source_NT
        row = key.clamp(max=self.num_events - 1)
        event = sees_events(
            bar[song, query], query, source[song, query], bar[song, row], row, self.seen_distances
        )
        if not self.units:
            return event
        level_U, number_U = self._level_and_number_U
        unit = (key - self.num_events).clamp(min=0)
        closed = sees_units(self._unit_LNT[level_U[unit], song, query], number_U[unit])
        return torch.where(key < self.num_events, event, closed)

    def mask(self) -> Tensor:
        """The same for all pairs (N, T, K)."""
        place, bar, source = (
            torch.arange(self.num_events, device=self.bar_NT.device),
            self.bar_NT,
            self.source_NT,
        )
        event = sees_events(
            bar[:, :, None], place[:, None], source[:, :, None], bar[:, None], place, self.seen_distances
        )
        closed = [
            sees_units(unit_NT[:, :, None], torch.arange(count, device=place.device))
            for unit_NT, count in self.units
        ]
        return torch.cat([event, *closed], -1)


def sight_of(view: View) -> Sight:
    """The way to attend that is fast where the events lie and for as many as there are."""
    if view.bar_NT.is_cuda:
        return Flexible(view)
    return Mask(view.mask()) if view.num_events <= MASKED_EVENTS else Gathered(view)


class Flexible:
    """FlexAttention: on a GPU one compiled kernel that leaves out blocks of which nothing is seen.

    On a CPU it runs forward only and holds all scores, which is good enough to compare with.

    Source: Dong et al. 2024, Flex Attention (arXiv 2412.05496).
    """

    def __init__(self, view: View) -> None:
        on_gpu = view.bar_NT.is_cuda
        self._attention = torch.compile(flex_attention, dynamic=True) if on_gpu else flex_attention
        self._mask = create_block_mask(
            lambda song, _head, query, key: view.sees(song, query, key),
            view.bar_NT.shape[0], None, view.num_events, view.num_keys, device=view.bar_NT.device,
        )  # fmt: skip

    def attend(self, query_NHTd: Tensor, seen: KeyValue) -> Tensor:
        """What the queries hear."""
        heard: Tensor = self._attention(query_NHTd, *seen, block_mask=self._mask)
        return heard


class _Bars(NamedTuple):
    """Some bars of like size: their events and keys as rows of all songs, and who sees which.

    A bar with fewer events repeats its last one; `real_CQ` tells which are none.
    """

    query_CQ: Tensor
    real_CQ: Tensor
    key_CK: Tensor
    sees_CQK: Tensor


class Gathered:
    """Each bar with the keys that its events see and no others. Padding hears nothing."""

    def __init__(self, view: View) -> None:
        self._parts = [_bars(view, part) for part in _parts(list(_spans(view)))]

    def attend(self, query_NHTd: Tensor, seen: KeyValue) -> Tensor:
        """What the queries hear."""
        query, key, value = (x.transpose(1, 2).flatten(0, 1) for x in (query_NHTd, *seen))
        heard = torch.zeros_like(query)
        for part in self._parts:
            own, keys, values = (
                x[rows].transpose(1, 2)
                for x, rows in ((query, part.query_CQ), (key, part.key_CK), (value, part.key_CK))
            )
            found = F.scaled_dot_product_attention(own, keys, values, attn_mask=part.sees_CQK[:, None])
            heard[part.query_CQ[part.real_CQ]] = found.transpose(1, 2)[part.real_CQ]
        songs, _, events, _ = query_NHTd.shape
        return heard.view(songs, events, *heard.shape[1:]).transpose(1, 2)


class _Span(NamedTuple):
    """A bar of a song: its first row and the one after its last, and the keys that its last event sees.

    Earlier events of a bar see no others.
    """

    song: int
    start: int
    end: int
    keys: Rows


def _spans(view: View) -> Iterator[_Span]:
    for song, bar_T in enumerate(view.bar_NT):
        edges = torch.cat([torch.ones(1, dtype=torch.bool), bar_T.diff() != 0]).nonzero()[:, 0]
        starts = edges[bar_T[edges] != NOWHERE]
        ends = torch.cat([edges[1:], torch.tensor([len(bar_T)])])[: len(starts)]
        bars, sources = bar_T[starts], view.source_NT[song, starts]
        related_BB = sees_events(
            bars[:, None], ends[:, None], sources[:, None], bars, starts, view.seen_distances
        ).numpy()
        units = torch.arange(view.num_events, view.num_keys)
        closed_BU = view.sees(torch.tensor(song), starts[:, None], units).numpy()
        spans = list(zip(starts.tolist(), ends.tolist(), strict=True))
        for place, (start, end) in enumerate(spans):
            events = [np.arange(*spans[other]) for other in np.flatnonzero(related_BB[place])]
            keys = [*events, view.num_events + np.flatnonzero(closed_BU[place])]
            yield _Span(song, start, end, np.concatenate(keys))


def _parts(spans: list[_Span]) -> Iterator[list[_Span]]:
    """Bars of like size together, as many as make no more than `CELLS` scores."""
    part: list[_Span] = []
    for span in sorted(spans, key=lambda s: (len(s.keys), s.end - s.start)):
        longest = max(s.end - s.start for s in (*part, span))
        if part and (len(part) + 1) * longest * len(span.keys) > CELLS:
            yield part
            part = []
        part.append(span)
    if part:
        yield part


def _bars(view: View, spans: list[_Span]) -> _Bars:
    song_C1 = torch.tensor([[span.song] for span in spans])
    longest = max(span.end - span.start for span in spans)
    start_C1 = torch.tensor([[span.start] for span in spans])
    last_C1 = torch.tensor([[span.end - 1] for span in spans])
    row_CQ = start_C1 + torch.arange(longest)
    query_CQ = row_CQ.minimum(last_C1)
    most = max(len(span.keys) for span in spans)
    padded = np.full((len(spans), most), -1)
    for place, span in enumerate(spans):
        padded[place, : len(span.keys)] = span.keys
    key_CK = torch.from_numpy(padded)
    sees = view.sees(song_C1[..., None], query_CQ[..., None], key_CK.clamp(min=0)[:, None])
    return _Bars(
        song_C1 * view.num_events + query_CQ,
        row_CQ <= last_C1,
        song_C1 * view.num_keys + key_CK.clamp(min=0),
        sees & (key_CK >= 0)[:, None],
    )
