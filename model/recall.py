"""Which of the events that have been played should be heard again at this one?

Everything here is arithmetic on integers: the echo of an event in a related bar, and the last note of a
track.

Shapes: N songs, T events, Q events that ask, K events that are known, F columns, E related bars.
"""

from enum import IntEnum

import torch
import torch.nn.functional as F
from torch import Tensor

from model.events import BAR_MARK, MAX_TRACKS
from model.plan import Column

ECHO_BARS = (1, 2, 4)  # and the bar that the repeat pointer names
NOT_SAID = -1


class EchoState(IntEnum):
    """What there is to hear of a related bar."""

    NO_BAR = 0
    EVENT = 1
    BAR_OVER = 2


def order_of(events_NTF: Tensor) -> Tensor:
    """A number for each event that rises in the order of events; greatest for padding."""
    position = events_NTF[..., Column.POSITION]
    place = torch.where(position == BAR_MARK, 0, 1 + position)
    order = (events_NTF[..., Column.BAR].long() * 100 + place) * (MAX_TRACKS + 1)
    order = (order + 1 + events_NTF[..., Column.TRACK]) * 512 + 1 + events_NTF[..., Column.PITCH]
    return order.masked_fill(events_NTF[..., Column.KIND] == 0, torch.iinfo(torch.long).max)


def find_echoes(events_NQF: Tensor, past_NKF: Tensor, first_bar_N1: Tensor) -> tuple[Tensor, Tensor]:
    """The rows (N, Q, E) of the past in which each event has its echoes, and an `EchoState` for each.

    Args:
        past_NKF: events in order; those of the related bars and of the queries' own bars at least.
        first_bar_N1: the first bar of which anything is known.
    """
    order, past_order = order_of(events_NQF), order_of(past_NKF).contiguous()
    bar, source = events_NQF[..., Column.BAR].long(), events_NQF[..., Column.SOURCE].long()
    distances = [
        *(torch.full_like(bar, d) for d in ECHO_BARS),
        torch.where(source >= 0, bar - source, bar + 1),
    ]
    distance = torch.stack(distances, -1)
    target = bar[..., None] - distance
    wanted = order[..., None] - distance * (100 * (MAX_TRACKS + 1) * 512)
    row = torch.searchsorted(past_order, wanted.flatten(1).contiguous(), right=True)
    row = row.clamp(max=past_NKF.shape[1] - 1)
    bar_there = past_NKF[..., Column.BAR].long().gather(1, row).view_as(wanted)
    state = torch.where(bar_there == target, EchoState.EVENT, EchoState.BAR_OVER)
    return row.view_as(wanted), state.masked_fill(target < first_bar_N1[..., None], EchoState.NO_BAR)


def last_notes(events_NTF: Tensor) -> Tensor:
    """Pitch and duration codes (N, T, 2) of the note before each note in its own track, else NOT_SAID."""
    track = events_NTF[..., Column.TRACK]
    place = torch.arange(track.shape[1], device=track.device)
    slots = torch.arange(MAX_TRACKS, device=track.device)[:, None]
    latest = torch.where(track[:, None] == slots, place, -1).cummax(-1).values
    before = F.pad(latest[..., :-1], (1, 0), value=-1)
    row = before.gather(1, track.clamp(min=0)[:, None])[:, 0].masked_fill(track < 0, -1)
    codes = events_NTF[..., [Column.PITCH, Column.DURATION]]
    found = codes.gather(1, row.clamp(min=0)[..., None].expand(-1, -1, 2))
    return found.masked_fill((row < 0)[..., None], NOT_SAID)
