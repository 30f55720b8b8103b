"""What do harmony and rhythm say, apart from the notes, and how does each listen to the other?

Two causal stacks of half the network's width run beside the events, two steps a bar. The harmonic one reads
chord, chroma and bass; the rhythmic one reads metre and the grid of onsets. In each layer a stack sees its
own past and present and the other's past, one step late, so both are computed in parallel and stay causal.

Shapes: N songs, T events, U bars, S steps (two a bar), D width, s width of a stream, X features.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.attention import KeyValue, Mask, Sight
from model.events import BAR_MARK, PITCH_CODES
from model.layers import Block, Clock
from model.plan import MAX_PLACE, METRES, NUM_CHORDS, Column

BINS = 12  # of half a bar
DRUM_GROUPS = ((35, 36), (37, 38, 39, 40), (42, 44, 46))  # kick, snare, hat; every other one after them
NUM_HARMONY = 12 + 13  # chroma; bass class or none
NUM_RHYTHM = BINS * (2 + len(DRUM_GROUPS))


class Steps(NamedTuple):
    """What the streams read of each half bar."""

    harmony_NSX: Tensor
    rhythm_NSX: Tensor
    chord_NS: Tensor
    metre_NS: Tensor  # with the half of the bar: 2 x metre + half
    place_NS: Tensor  # with the bars left in the phrase: 16 x place + left
    time_NS: Tensor

    def between(self, start: int, end: int) -> "Steps":
        """The steps from `start` up to `end`."""
        return Steps(*(column[:, start:end] for column in self))

    def silenced(self, where_N: Tensor) -> "Steps":
        """The steps without what was played, in the songs where that is wanted."""
        heard = ~where_N[:, None, None]
        return self._replace(harmony_NSX=self.harmony_NSX * heard, rhythm_NSX=self.rhythm_NSX * heard)


def step_of(events_NTF: Tensor, first_bar_N1: Tensor) -> Tensor:
    """The half bar (N, T) in which each event stands, counted from the first bar given."""
    position, length = events_NTF[..., Column.POSITION], events_NTF[..., Column.LENGTH]
    second_half = (position < BAR_MARK) & (2 * position >= length)
    return 2 * (events_NTF[..., Column.BAR] - first_bar_N1) + second_half


def steps_of(events_NTF: Tensor, marker_NU: Tensor, dtype: torch.dtype) -> Steps:
    """What the streams read, from events whose bars' markers stand at the given rows.

    Args:
        events_NTF: event rows; where a song is shorter, rows of zeros.
        marker_NU: row of the marker of each bar.
    """
    first_bar = events_NTF[:, :1, Column.BAR]
    step = step_of(events_NTF, first_bar)
    note = (events_NTF[..., Column.POSITION] < BAR_MARK) & (events_NTF[..., Column.KIND] > 0)
    num_steps = 2 * marker_NU.shape[1]
    grid = torch.arange(num_steps, device=step.device)
    member = ((step[:, None] == grid[:, None]) & note[:, None]).to(dtype)
    chroma, rhythm = _note_features(events_NTF, note, dtype)
    bars = events_NTF.gather(1, marker_NU[..., None].expand(-1, -1, events_NTF.shape[2]))
    bars = bars.repeat_interleave(2, 1)
    half = (grid % 2).expand(bars.shape[0], -1)
    harmony = torch.cat([torch.log1p(member @ chroma), _bass(events_NTF, member)], -1)
    return Steps(
        harmony,
        torch.log1p(member @ rhythm),
        torch.where(half == 0, bars[..., Column.CHORD_A], bars[..., Column.CHORD_B]),
        2 * bars[..., Column.METRE] + half,
        MAX_PLACE * bars[..., Column.PLACE] + bars[..., Column.LEFT],
        bars[..., Column.TIME] + half * bars[..., Column.LENGTH] // 2,
    )


def _note_features(events_NTF: Tensor, note_NT: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    pitch, position = events_NTF[..., Column.PITCH], events_NTF[..., Column.POSITION]
    pitched = note_NT & (pitch < PITCH_CODES)
    chroma = F.one_hot((pitch - 6) % 12, 12).to(dtype) * pitched[..., None]
    drum = pitch - PITCH_CODES
    group = torch.where(pitched, 0, 1 + len(DRUM_GROUPS))
    for index, members in enumerate(DRUM_GROUPS):
        for member in members:
            group = torch.where(drum == member, 1 + index, group)
    half = events_NTF[..., Column.LENGTH].clamp(min=2) / 2
    into_half = torch.where(position >= half, position - half, position)
    bin_NT = (into_half * BINS / half).long().clamp(0, BINS - 1)
    return chroma, F.one_hot(group * BINS + bin_NT, NUM_RHYTHM).to(dtype) * note_NT[..., None]


def _bass(events_NTF: Tensor, member_NST: Tensor) -> Tensor:
    pitch = events_NTF[:, None, :, Column.PITCH]
    pitched = (member_NST > 0) & (pitch < PITCH_CODES)
    lowest = torch.where(pitched, pitch, PITCH_CODES).amin(-1)
    return F.one_hot(torch.where(lowest < PITCH_CODES, (lowest - 6) % 12, 12), 13).to(member_NST.dtype)


def sees_own(step_q: Tensor, step_k: Tensor, window: int) -> Tensor:
    """Which states of its own stream a step sees: itself and those before it, within the window."""
    return (step_k <= step_q) & (step_q - step_k < window)


def sees_other(step_q: Tensor, step_k: Tensor, window: int) -> Tensor:
    """Which states of the other stream a step sees: those before it, within the window."""
    return (step_k < step_q) & (step_q - step_k < window)


class StreamStates(NamedTuple):
    """The states of both streams (N, S, s)."""

    harmony: Tensor
    rhythm: Tensor


class StreamMemory(NamedTuple):
    """The keys and values that each layer of a stream keeps from earlier steps, its own and the other's."""

    harmony: tuple[KeyValue, ...]
    rhythm: tuple[KeyValue, ...]


class StreamBlock(nn.Module):
    """One layer of one stream: a block whose keys are its own states and the other's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.block = Block(width, heads, 2)
        self.other = nn.Linear(width, width, bias=False)

    def forward(self, own: Tensor, other: Tensor, clock: Clock, sight: Sight) -> Tensor:
        """The stream's next states."""
        state: Tensor = self.block(own, clock, sight, others_NKD=self.other(other), others_clock=clock)[0]
        return state

    def advance(
        self, own: Tensor, other: Tensor, clock: Clock, kept: KeyValue, window: int
    ) -> tuple[Tensor, KeyValue]:
        """The same for one step after those whose keys are kept, and the keys to keep from now on."""
        mask = torch.ones(1, 1, kept.key.shape[2] + 1, dtype=torch.bool, device=own.device)
        state, own_keys = self.block(own, clock, Mask(mask), kept=kept)
        kept = kept.joined(own_keys).joined(self.block.keys_of(self.other(other), clock))
        last = slice(-2 * (window - 1), None)
        return state, KeyValue(kept.key[:, :, last], kept.value[:, :, last])


class Streams(nn.Module):
    """The harmonic and the rhythmic stream, and what each expects to come next."""

    def __init__(self, width: int, song_width: int, heads: int, layers: int, window: int) -> None:
        super().__init__()
        self.heads, self.width, self.window = heads, width, window
        self.read_harmony = nn.Linear(NUM_HARMONY, width)
        self.read_rhythm = nn.Linear(NUM_RHYTHM, width)
        self.chord = nn.Embedding(NUM_CHORDS, width)
        self.metre = nn.Embedding(2 * (len(METRES) + 1), 2 * width)
        self.place = nn.Embedding(MAX_PLACE * MAX_PLACE, 2 * width)
        self.song = nn.Linear(song_width, 2 * width)
        self.harmony = nn.ModuleList([StreamBlock(width, heads) for _ in range(layers)])
        self.rhythm = nn.ModuleList([StreamBlock(width, heads) for _ in range(layers)])
        self.norm_harmony = nn.LayerNorm(width)
        self.norm_rhythm = nn.LayerNorm(width)
        self.next_chord = nn.Linear(width, NUM_CHORDS)
        self.next_onsets = nn.Linear(width, NUM_RHYTHM)

    def forward(self, steps: Steps, song_ND: Tensor) -> StreamStates:
        """The states after each step.

        Args:
            song_ND: what is said of the whole song, without its chords.
        """
        h, r = self._read(steps, song_ND)
        clock = Clock.at(steps.time_NS, self.width // self.heads, h.dtype)
        place = torch.arange(h.shape[1], device=h.device)
        query, key = place[:, None], place[None]
        sees = torch.cat([sees_own(query, key, self.window), sees_other(query, key, self.window)], 1)
        sight = Mask(sees[None])
        for harmonic, rhythmic in zip(self.harmony, self.rhythm, strict=True):
            h, r = harmonic(h, r, clock, sight), rhythmic(r, h, clock, sight)
        return StreamStates(self.norm_harmony(h), self.norm_rhythm(r))

    def advance(
        self, steps: Steps, song_ND: Tensor, memory: StreamMemory
    ) -> tuple[StreamStates, StreamMemory]:
        """The states after one further step, and the memory with that step in it."""
        h, r = self._read(steps, song_ND)
        clock = Clock.at(steps.time_NS, self.width // self.heads, h.dtype)
        kept_h, kept_r = [], []
        for i, (harmonic, rhythmic) in enumerate(zip(self.harmony, self.rhythm, strict=True)):
            assert isinstance(harmonic, StreamBlock) and isinstance(rhythmic, StreamBlock)
            (h, of_h), (r, of_r) = (
                harmonic.advance(h, r, clock, memory.harmony[i], self.window),
                rhythmic.advance(r, h, clock, memory.rhythm[i], self.window),
            )
            kept_h.append(of_h)
            kept_r.append(of_r)
        states = StreamStates(self.norm_harmony(h), self.norm_rhythm(r))
        return states, StreamMemory(tuple(kept_h), tuple(kept_r))

    def empty_memory(self) -> StreamMemory:
        """The memory before the first step."""
        weight = self.next_chord.weight
        nothing = weight.new_empty(1, self.heads, 0, self.width // self.heads)
        kept = tuple(KeyValue(nothing, nothing) for _ in self.harmony)
        return StreamMemory(kept, kept)

    def _read(self, steps: Steps, song_ND: Tensor) -> tuple[Tensor, Tensor]:
        common = self.metre(steps.metre_NS) + self.place(steps.place_NS) + self.song(song_ND)[:, None]
        for_harmony, for_rhythm = common.chunk(2, -1)
        harmony = self.read_harmony(steps.harmony_NSX) + self.chord(steps.chord_NS) + for_harmony
        return harmony, self.read_rhythm(steps.rhythm_NSX) + for_rhythm
