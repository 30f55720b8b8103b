"""What is the network asked to say, and how far is it from saying it?

Shapes: N songs, R rows of a song's matrix, F columns, T events, V values, X onset features.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from model.attention import NEVER
from model.events import BAR_MARK, MAX_FIELD_SIZE, Field
from model.network import IGNORED, Composer, Output
from model.plan import PLAN_ROWS, Column

CHORD_WEIGHT = 0.2
ONSET_WEIGHT = 0.2


class Loss(NamedTuple):
    """Mean negative log-likelihoods in nats an event: of each field, of the chords, of the onset grid.

    A field's sum is divided by the number of all events that are predicted, markers too, so that the fields'
    sum is what one event costs.
    """

    fields: tuple[Tensor, ...]
    chord: Tensor
    onsets: Tensor

    @property
    def notes(self) -> Tensor:
        """The sum of the fields: nats an event."""
        return torch.stack(self.fields).sum()

    @property
    def total(self) -> Tensor:
        """What training lowers. Source: weights of the auxiliary losses as in the design, 0.2 each."""
        return self.notes + CHORD_WEIGHT * self.chord + ONSET_WEIGHT * self.onsets


class Counts(NamedTuple):
    """What a batch asks for: how many events, and how many half bars."""

    events: Tensor
    half_bars: Tensor


def counts_of(rows_NRF: Tensor) -> Counts:
    """What some songs ask for: every event and every half bar but a song's first."""
    events_NTF = rows_NRF[:, PLAN_ROWS:]
    bars = (events_NTF[..., Column.KIND] > 0) & (events_NTF[..., Column.POSITION] == BAR_MARK)
    half_bars = (2 * bars.sum(1) - 1).clamp(min=0).sum()
    return Counts((targets_of(events_NTF)[..., Field.POSITION] != IGNORED).sum(), half_bars)


def loss_of(output: Output, rows_NRF: Tensor, counts: Counts | None = None) -> Loss:
    """The loss of an output on the songs that it was computed from.

    Args:
        counts: what the whole batch asks for, where these songs are only a part of it.
    """
    targets = targets_of(rows_NRF[:, PLAN_ROWS : PLAN_ROWS + output.fields[0].shape[1]])
    events, steps = (count.clamp(min=1) for count in counts or counts_of(rows_NRF))
    fields = tuple(
        F.cross_entropy(logits.flatten(0, 1).float(), targets[..., i].flatten(), reduction="sum") / events
        for i, logits in enumerate(output.fields)
    )
    chord = F.cross_entropy(
        output.chord_NSV.flatten(0, 1).float(), output.chord_NS.flatten(), reduction="sum"
    )
    known = (output.chord_NS != IGNORED)[..., None]
    grid = F.binary_cross_entropy_with_logits(
        output.onsets_NSX.float(), output.played_NSX.float(), reduction="none"
    )
    return Loss(fields, chord / steps, (grid * known).sum() / steps / grid.shape[-1])


def attribution_logits(model: Composer, rows_NRF: Tensor) -> Tensor:
    """All logits as one sequence of fields (N, T x 5, V), padded with what cannot be."""
    output = model(rows_NRF[..., : len(Column)])
    padded = [F.pad(x, (0, MAX_FIELD_SIZE - x.shape[-1]), value=NEVER) for x in output.fields]
    flat = torch.stack(padded, 2).flatten(1, 2)
    length = (rows_NRF.shape[1] - PLAN_ROWS) * len(Field)
    return F.pad(flat, (0, 0, 0, length - flat.shape[1]))


def attribution_targets(rows_NRF: Tensor) -> Tensor:
    """What the logits of `attribution_logits` should have said (N, T x 5); -100 where nothing is to be said,
    or nothing is asked (see `asking_of`)."""
    events_NTF = rows_NRF[:, PLAN_ROWS:]
    targets_NTF = targets_of(events_NTF)
    if rows_NRF.shape[-1] > len(Column):
        targets_NTF = torch.where(events_NTF[..., len(Column), None] > 0, targets_NTF, IGNORED)
    return targets_NTF.flatten(1)


def asking_of(rows_NRF: Tensor, column: Column, value_N: Tensor) -> Tensor:
    """The songs with a column more, which says that only some events of each are asked about.

    All others are still read: a track is asked among the other tracks, a bar after the bars before it.

    Args:
        column: by which events are chosen: their track or their bar.
        value_N: the one that is asked about in each song.
    """
    asked_NR = rows_NRF[..., column] == value_N[:, None]
    return torch.cat([rows_NRF, asked_NR[..., None].to(rows_NRF.dtype)], -1)


def targets_of(events_NTF: Tensor) -> Tensor:
    """The fields (N, T, 5) to be predicted; -100 for the first event, for padding, for a marker's absent
    fields."""
    fields = events_NTF[..., Column.POSITION : Column.VELOCITY + 1].long()
    said = (events_NTF[..., Column.KIND] > 0)[..., None] & (fields >= 0)
    first = torch.arange(fields.shape[1], device=fields.device)[:, None] == 0
    return torch.where(said & ~first, fields, IGNORED)
