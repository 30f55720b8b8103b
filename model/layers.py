"""What are the parts that every level of the network is built from?

Shapes: N songs, T queries, K keys, D width, H heads, d width of a head, U units of one level.
"""

from copy import copy
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.attention import KeyValue, Mask, Sight


class Clock(NamedTuple):
    """The angles of musical time, cosine and sine (N, T, d / 2), by which queries and keys are turned."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def at(cls, steps_NT: Tensor, head_width: int, dtype: torch.dtype) -> "Clock":
        """The clock at times in grid steps, its hands turning once in 6 to 6,144 steps."""
        hands = torch.arange(head_width // 2, device=steps_NT.device, dtype=torch.float64)
        turns = 1 / (6.0 * 2.0 ** (10.0 * hands / max(len(hands) - 1, 1)))
        angle = 2 * torch.pi * ((steps_NT[..., None].double() * turns) % 1.0)
        return cls(angle.cos().to(dtype), angle.sin().to(dtype))

    def joined(self, other: "Clock") -> "Clock":
        """Both clocks, one after the other along time."""
        return Clock(torch.cat([self.cos, other.cos], 1), torch.cat([self.sin, other.sin], 1))

    def turn(self, x_NHTd: Tensor) -> Tensor:
        """The vectors turned by the clock's angles, pairwise. Source: Su et al. 2021 (RoFormer), eq. 34."""
        cos, sin = self.cos[:, None].to(x_NHTd.dtype), self.sin[:, None].to(x_NHTd.dtype)
        a, b = x_NHTd.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def split_heads(x_NTD: Tensor, heads: int) -> Tensor:
    """The vectors cut into heads, (N, H, T, d)."""
    return x_NTD.reshape(*x_NTD.shape[:-1], heads, -1).transpose(1, 2)


class Kept(Protocol):
    """Keys and values of earlier calls."""

    def joined(self, other: KeyValue) -> KeyValue:
        """Them and the new ones."""
        ...


class GrowingKeys:
    """Keys and values in a buffer to which one event after the other is added without copying the rest."""

    def __init__(self, first: KeyValue, room: int) -> None:
        self._first = first.key.shape[2]
        self._length = self._first
        self._key, self._value = (F.pad(x, (0, 0, 0, room)) for x in first)

    def joined(self, other: KeyValue) -> KeyValue:
        """All so far with the new ones, which are kept."""
        end = self._length + other.key.shape[2]
        if end > self._key.shape[2]:
            self._key, self._value = (F.pad(x, (0, 0, 0, end)) for x in (self._key, self._value))
        self._key[:, :, self._length : end] = other.key
        self._value[:, :, self._length : end] = other.value
        self._length = end
        return KeyValue(self._key[:, :, :end], self._value[:, :, :end])

    def added(self) -> KeyValue:
        """What was added to the first ones."""
        part = slice(self._first, self._length)
        return KeyValue(self._key[:, :, part].clone(), self._value[:, :, part].clone())

    def forked(self) -> "GrowingKeys":
        """The same keys, to go on from here. The buffer is shared: only one of the two may go on."""
        return copy(self)

    def __len__(self) -> int:
        return self._length


class Block(nn.Module):
    """A pre-norm transformer block that may look at more than its own sequence.

    Each linear map is called once a forward pass with the songs as first dimension, so that per-song
    gradients can be taken by hooks.
    """

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.keyvalue = nn.Linear(width, 2 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.norm_inner = nn.LayerNorm(width)
        self.widen = nn.Linear(width, expansion * width, bias=False)
        self.narrow = nn.Linear(expansion * width, width, bias=False)

    def split(self, x_NTD: Tensor) -> Tensor:
        """The vectors cut into heads, (N, H, T, d)."""
        return split_heads(x_NTD, self.heads)

    def keys(self, normed_NKD: Tensor, clock: Clock | None) -> KeyValue:
        """Keys and values of normed vectors."""
        key, value = self.keyvalue(normed_NKD).chunk(2, -1)
        key = self.split(key)
        return KeyValue(key if clock is None else clock.turn(key), self.split(value))

    def keys_of(self, x_NKD: Tensor, clock: Clock | None) -> KeyValue:
        """Keys and values to keep for later queries."""
        return self.keys(self.norm(x_NKD), clock)

    def forward(
        self,
        x_NTD: Tensor,
        clock: Clock | None,
        sight: Sight,
        *,
        others_NKD: Tensor | None = None,
        others_clock: Clock | None = None,
        kept: Kept | None = None,
    ) -> tuple[Tensor, KeyValue]:
        """The block's output, and the keys and values of its own sequence and `others`.

        Args:
            sight: which keys a query sees; they stand in the order kept, own, others.
            others_NKD: vectors that are seen but not advanced.
            kept: keys and values of earlier calls.
        """
        normed = self.norm(x_NTD if others_NKD is None else torch.cat([x_NTD, others_NKD], 1))
        both = clock if clock is None or others_clock is None else clock.joined(others_clock)
        own = self.keys(normed, both)
        query = self.split(self.query(normed[:, : x_NTD.shape[1]]))
        seen = own if kept is None else kept.joined(own)
        heard = sight.attend(query if clock is None else clock.turn(query), seen)
        x_NTD = x_NTD + self.mix(heard.transpose(1, 2).flatten(2))
        return x_NTD + self.narrow(F.gelu(self.widen(self.norm_inner(x_NTD)), approximate="tanh")), own


class Pool(nn.Module):
    """The summary of a unit: attention over its children, one learned question a head."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, heads, bias=False)
        self.value = nn.Linear(width, width, bias=False)

    def forward(self, children_NTD: Tensor, member_NUT: Tensor) -> Tensor:
        """The summaries (N, U, D); zero for a unit without children.

        Args:
            member_NUT: True where a child belongs to a unit.
        """
        normed = self.norm(children_NTD)
        value = split_heads(self.value(normed), self.heads)
        score = self.score(normed).transpose(1, 2)[:, :, None]
        score = score.masked_fill(~member_NUT[:, None], -1e9)
        weight = score.softmax(-1).to(value.dtype) * member_NUT[:, None]
        summary: Tensor = (weight @ value).transpose(1, 2).flatten(2)
        return summary


class Level(nn.Module):
    """Summaries of the units of one level: pooled from their children, then read in order."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.pool = Pool(width, heads)
        self.block = Block(width, heads, 1)
        self.norm = nn.LayerNorm(width)

    def forward(self, children_NKD: Tensor, member_NUK: Tensor, clock: Clock) -> Tensor:
        """The summaries (N, U, D); each has seen the units of its level up to itself."""
        x_NUD = self.pool(children_NKD, member_NUK)
        place = torch.arange(x_NUD.shape[1], device=x_NUD.device)
        read: Tensor = self.norm(self.block(x_NUD, clock, Mask((place[None] <= place[:, None])[None]))[0])
        return read

    def advance(self, children_1KD: Tensor, clock: Clock, kept: KeyValue) -> tuple[Tensor, KeyValue]:
        """The summary (1, 1, D) of one unit that closed after those whose keys are kept, and all keys."""
        mask = torch.ones(1, 1, children_1KD.shape[1], dtype=torch.bool, device=children_1KD.device)
        pooled = self.pool(children_1KD, mask)
        sees = torch.ones(1, 1, kept.key.shape[2] + 1, dtype=torch.bool, device=mask.device)
        x_1UD, own = self.block(pooled, clock, Mask(sees), kept=kept)
        return self.norm(x_1UD), kept.joined(own)


class PlanReading(nn.Module):
    """Every event asks the whole plan."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.keyvalue = nn.Linear(width, 2 * width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)

    def forward(self, x_NTD: Tensor, rows_NPD: Tensor, present_NP: Tensor) -> Tensor:
        """The answers (N, T, D)."""
        query, key, value = (
            split_heads(x, self.heads)
            for x in (self.query(self.norm(x_NTD)), *self.keyvalue(rows_NPD).chunk(2, -1))
        )
        heard = Mask(present_NP[:, None]).attend(query, KeyValue(key, value))
        answer: Tensor = self.mix(heard.transpose(1, 2).flatten(2))
        return answer


class FieldHead(nn.Module):
    """The logits of one field."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.norm_out = nn.LayerNorm(width)
        self.out = nn.Linear(width, size)

    def forward(self, z_NTM: Tensor) -> Tensor:
        """Logits (N, T, size)."""
        z_NTM = z_NTM + self.narrow(F.gelu(self.widen(self.norm(z_NTM)), approximate="tanh"))
        logits: Tensor = self.out(self.norm_out(z_NTM))
        return logits
