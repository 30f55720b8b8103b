"""How does the composer turn a plan and the notes so far into the probabilities of the next note?

From top to bottom: the plan is encoded in both directions; events read it and the echoes of related bars; the
lower blocks attend note by note; closed bars, phrases and sections are summed up; the upper blocks see those
summaries too; two streams follow harmony and rhythm; the head chooses one field of the next event after the
other. No event sees its future: `attention.sees_events` and `attention.sees_units` are the only rules.

Shapes: N songs, R rows of a song's matrix, F columns, P plan rows, T events, D width, M width of the head,
U units of a level, K keys, S half bars, V values of a field.
"""

from dataclasses import dataclass, replace
from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.attention import NEVER, NOWHERE, Mask, Sight, View, sight_of
from model.events import BAR_MARK, FIELD_SIZES, MAX_TRACKS, PITCH_CODES, Field
from model.layers import Block, Clock, FieldHead, Level, PlanReading
from model.plan import (
    FIRST_PHRASE_ROW,
    FIRST_SECTION_ROW,
    FIRST_TRACK_ROW,
    MAX_PLACE,
    METRES,
    NUM_CHORDS,
    PLAN_ATTRIBUTES,
    PLAN_ROWS,
    PLANNING_COLUMN,
    SONG_ROW,
    Column,
    Kind,
)
from model.recall import ECHO_BARS, NOT_SAID, EchoState, find_echoes, last_notes
from model.streams import Streams, StreamStates, step_of, steps_of

IGNORED = -100  # a target that is not to be said
BEAT = 12
MAX_STEP = 48  # the longest step forward in a bar, and MAX_LEAP the widest leap, with a logit of their own
MAX_LEAP = 24


@dataclass(frozen=True)
class ComposerConfig:
    """The size of a composer.

    The last three leave parts of it out, so that what each does can be measured: levels of summaries (bars,
    phrases, sections), echoes of related bars, and what the head hears of the streams.
    """

    width: int = 128
    heads: int = 4
    lower_layers: int = 2
    upper_layers: int = 2
    plan_layers: int = 1
    expansion: int = 4
    head_width: int = 96
    stream_width: int = 64
    stream_layers: int = 2
    stream_window: int = 64
    far_bars: tuple[int, ...] = (1, 2, 4, 8, 12, 16, 24, 32)
    max_events: int = 512
    levels: int = 3
    echoes: bool = True
    heard_streams: bool = True


class Output(NamedTuple):
    """Logits of every event's fields, given the events before it and its own earlier fields.

    The first event has no past and logits of zero. `chord_NSV` and `onsets_NSX` are what the streams expect
    of each half bar, given those before it; `steps` is what came.
    """

    fields: tuple[Tensor, ...]  # one (N, T, V) a field
    chord_NSV: Tensor
    onsets_NSX: Tensor
    chord_NS: Tensor
    played_NSX: Tensor


class Plan(NamedTuple):
    """An encoded plan."""

    rows_NPD: Tensor
    present_NP: Tensor
    place_R: Tensor  # where each fixed plan row stands among the P present ones; -1 for the others
    song_ND: Tensor  # what is said of the song as a whole, before it is encoded with the rest

    def row(self, first: int, index_NT: Tensor) -> Tensor:
        """The vectors (N, T, D) of the rows `first + index`; zero where the index is negative."""
        place = self.place_R[first + index_NT.clamp(min=0)].masked_fill(index_NT < 0, NOT_SAID)
        rows = self.rows_NPD.gather(1, place.clamp(min=0)[..., None].expand(-1, -1, self.rows_NPD.shape[2]))
        return rows * (place >= 0)[..., None]


class Tracks(NamedTuple):
    """By what the head finds each of the 24 tracks, and which of them a plan does not have."""

    keys_N24M: Tensor
    absent_N24: Tensor


class Units(NamedTuple):
    """The bars, phrases and sections in which the events of a batch stand, numbered from 0 in each song."""

    bar_NT: Tensor
    phrase_NT: Tensor
    section_NT: Tensor
    marker_NU: Tensor  # row of each bar's marker
    bar_of_event_NUT: Tensor
    phrase_of_bar_NUU: Tensor
    section_of_phrase_NUU: Tensor

    @classmethod
    def of(cls, events_NTF: Tensor) -> "Units":
        """The units of event rows that begin with a bar's marker; padding belongs to none."""
        real = events_NTF[..., Column.KIND] > 0
        columns = (Column.BAR, Column.PHRASE, Column.SECTION)
        local = [(events_NTF[..., c] - events_NTF[:, :1, c]).masked_fill(~real, -1) for c in columns]
        bars, phrases, sections = (torch.arange(int(x.max()) + 1, device=real.device) for x in local)
        bar_of_event = local[0][:, None] == bars[:, None]
        is_marker = events_NTF[..., Column.POSITION] == BAR_MARK
        marker = (bar_of_event & is_marker[:, None]).to(torch.uint8).argmax(-1)
        exists = bar_of_event.any(-1)
        phrase_of_bar = local[1].gather(1, marker).masked_fill(~exists, -1)
        section_of_bar = local[2].gather(1, marker).masked_fill(~exists, -1)
        member = phrase_of_bar[:, None] == phrases[:, None]
        section_of_phrase = torch.where(member, section_of_bar[:, None], -1).amax(-1)
        in_section = section_of_phrase[:, None] == sections[:, None]
        return cls(local[0], local[1], local[2], marker, bar_of_event, member, in_section)


class PlanEncoder(nn.Module):
    """Reads the plan in both directions."""

    def __init__(self, config: ComposerConfig) -> None:
        super().__init__()
        sizes = [[size for _, size in PLAN_ATTRIBUTES[kind]] for kind in PLAN_ATTRIBUTES]
        starts = torch.zeros(len(Kind), max(map(len, sizes)), dtype=torch.long)
        count = 0
        for kind, row in zip(PLAN_ATTRIBUTES, sizes, strict=True):
            for i, size in enumerate(row):
                starts[kind, i] = count
                count += size
        self.starts: Tensor
        self.used: Tensor
        self.register_buffer("starts", starts, persistent=False)
        used = torch.tensor(
            [[i < len(PLAN_ATTRIBUTES.get(k, ())) for i in range(starts.shape[1])] for k in Kind]
        )
        self.register_buffer("used", used, persistent=False)
        self.attribute = nn.Embedding(count, config.width)
        self.kind = nn.Embedding(len(Kind), config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.heads, 2) for _ in range(config.plan_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, rows_NPF: Tensor) -> Plan:
        """The encoded plan. Rows that no song of the batch uses are left out."""
        kind_NP = rows_NPF[..., Column.KIND]
        present_P = (kind_NP > 0).any(0)
        place_R = torch.where(present_P, present_P.cumsum(0) - 1, NOT_SAID)
        kind_NP, rows_NPF = kind_NP[:, present_P], rows_NPF[:, present_P]
        values = rows_NPF[..., 1 : 1 + self.starts.shape[1]]
        vectors = self.attribute(self.starts[kind_NP] + values * self.used[kind_NP])
        vectors = (vectors * self.used[kind_NP][..., None]).sum(2)
        x_NPD = vectors + self.kind(kind_NP)
        sight = Mask((kind_NP > 0)[:, None])
        for block in self.blocks:
            x_NPD = block(x_NPD, None, sight)[0]
        return Plan(self.norm(x_NPD), kind_NP > 0, place_R, vectors[:, SONG_ROW])


class Reader(nn.Module):
    """Turns event rows into vectors: their own codes, their plan, and the echo of related bars.

    The echo of an event in a related bar is what came there next: for the event at beat two of this bar, the
    first event after beat two of the bar before. It lies in the past, and says how a repetition would go on.
    """

    def __init__(self, config: ComposerConfig) -> None:
        super().__init__()
        sizes = (
            FIELD_SIZES[Field.POSITION], BEAT, FIELD_SIZES[Field.PITCH], 13, FIELD_SIZES[Field.DURATION],
            FIELD_SIZES[Field.VELOCITY], len(METRES) + 1, NUM_CHORDS, NUM_CHORDS, MAX_PLACE, MAX_PLACE,
        )  # fmt: skip
        starts = torch.tensor([0, *sizes]).cumsum(0) + torch.arange(len(sizes) + 1)
        self.starts: Tensor
        self.register_buffer("starts", starts[:-1], persistent=False)
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)
        self.sizes: Tensor
        self.code = nn.Embedding(int(starts[-1]), config.width)
        self.echoes = config.echoes
        if config.echoes:
            self.echo_state = nn.Embedding(len(EchoState), config.width)
            self.echo = nn.Linear((len(ECHO_BARS) + 1) * config.width, config.width, bias=False)
        self.ask_plan = PlanReading(config.width, config.heads)

    def codes(self, events_NTF: Tensor, plan: Plan) -> Tensor:
        """The vectors of events by themselves."""
        column = {c: events_NTF[..., c] for c in Column}
        position, pitch = column[Column.POSITION], column[Column.PITCH]
        values = torch.stack(
            [
                position, beat_phase(position), pitch, pitch_class(pitch), column[Column.DURATION],
                column[Column.VELOCITY], column[Column.METRE], column[Column.CHORD_A], column[Column.CHORD_B],
                column[Column.PLACE], column[Column.LEFT],
            ],
            -1,
        )  # fmt: skip
        index = self.starts + torch.where(values < 0, self.sizes, values)
        codes: Tensor = self.code(index).sum(2)
        return codes + plan.row(FIRST_TRACK_ROW, column[Column.TRACK])

    def forward(
        self, codes_NTD: Tensor, events_NTF: Tensor, heard_NTED: Tensor, state_NTE: Tensor, plan: Plan
    ) -> Tensor:
        """The vectors with which the lower blocks begin.

        Args:
            heard_NTED: the codes of the echoes, where there are any.
            state_NTE: an `EchoState` each.
        """
        section = plan.row(FIRST_SECTION_ROW, events_NTF[..., Column.SECTION])
        phrase = plan.row(FIRST_PHRASE_ROW, events_NTF[..., Column.PHRASE])
        x_NTD: Tensor = codes_NTD + section + phrase
        if self.echoes:
            heard = heard_NTED * (state_NTE == EchoState.EVENT)[..., None] + self.echo_state(state_NTE)
            x_NTD = x_NTD + self.echo(heard.flatten(2))
        answer: Tensor = self.ask_plan(x_NTD, plan.rows_NPD, plan.present_NP)
        return x_NTD + answer


def beat_phase(position: Tensor) -> Tensor:
    """The step inside the beat, or NOT_SAID for a marker."""
    return torch.where(position < BAR_MARK, position % BEAT, NOT_SAID)


def pitch_class(pitch: Tensor) -> Tensor:
    """The class of a pitch code above the tonic, 12 for a drum, NOT_SAID for a marker."""
    named = torch.where(pitch < PITCH_CODES, (pitch - 6) % 12, 12)
    return torch.where(pitch < 0, NOT_SAID, named)


class Head(nn.Module):
    """Chooses the fields of an event one after the other, each knowing those before it.

    What the streams say enters through a gate for each field. A position is also told by its place in the
    beat and its distance from here, a pitch by its class and its distance from the last note of its track;
    the logits of these ways of saying it are summed.
    """

    CODES = (
        FIELD_SIZES[Field.POSITION], BEAT, NUM_CHORDS, FIELD_SIZES[Field.PITCH], FIELD_SIZES[Field.DURATION],
        FIELD_SIZES[Field.PITCH], 13, FIELD_SIZES[Field.DURATION],
    )  # fmt: skip
    # How many of the codes are known when a field is chosen.
    KNOWN = (0, 2, 5, 7, 8)

    def __init__(self, config: ComposerConfig) -> None:
        super().__init__()
        width = config.head_width
        starts = torch.tensor([0, *self.CODES]).cumsum(0) + torch.arange(len(self.CODES) + 1)
        self.starts: Tensor
        self.sizes: Tensor
        self.register_buffer("starts", starts[:-1], persistent=False)
        self.register_buffer("sizes", torch.tensor(self.CODES), persistent=False)
        self.norm = nn.LayerNorm(config.width)
        self.base = nn.Linear(config.width, len(Field) * width)
        self.heard_streams = config.heard_streams
        if config.heard_streams:
            self.gate = nn.Linear(config.width, 2 * len(Field))
            self.harmony = nn.Linear(config.stream_width, width, bias=False)
            self.rhythm = nn.Linear(config.stream_width, width, bias=False)
        self.track = nn.Linear(config.width, width, bias=False)
        self.code = nn.Embedding(int(starts[-1]), width)
        sizes = (
            FIELD_SIZES[Field.POSITION] + BEAT + MAX_STEP + 1, width,
            FIELD_SIZES[Field.PITCH] + 13 + 2 * MAX_LEAP + 1, FIELD_SIZES[Field.DURATION],
            FIELD_SIZES[Field.VELOCITY],
        )  # fmt: skip
        self.fields = nn.ModuleList(FieldHead(width, size) for size in sizes)

    def merge(self, x_NTD: Tensor, streams: StreamStates) -> Tensor:
        """What the fields start from (N, T, 5, M): the event's vector and, through gates, the streams."""
        normed = self.norm(x_NTD)
        base: Tensor = self.base(normed).view(*x_NTD.shape[:-1], len(Field), -1)
        if not self.heard_streams:
            return base
        gate = self.gate(normed).sigmoid().view(*x_NTD.shape[:-1], len(Field), 2)
        harmony, rhythm = self.harmony(streams.harmony), self.rhythm(streams.rhythm)
        merged: Tensor = base + gate[..., :1] * harmony[..., None, :] + gate[..., 1:] * rhythm[..., None, :]
        return merged

    def contexts(self, events_NTF: Tensor, last_NT2: Tensor, tracks_N24M: Tensor) -> list[Tensor]:
        """For each field what is known of its event (N, T, M) when it is chosen."""
        position, pitch = events_NTF[..., Column.POSITION], events_NTF[..., Column.PITCH]
        late = 2 * position >= events_NTF[..., Column.LENGTH]
        chord = torch.where(late, events_NTF[..., Column.CHORD_B], events_NTF[..., Column.CHORD_A])
        values = torch.stack(
            [
                position, beat_phase(position), chord, last_NT2[..., 0], last_NT2[..., 1],
                pitch, pitch_class(pitch), events_NTF[..., Column.DURATION],
            ],
            -1,
        )  # fmt: skip
        code = self.code(self.starts + torch.where(values < 0, self.sizes, values))
        track = events_NTF[..., Column.TRACK].clamp(min=0)[..., None].expand(-1, -1, tracks_N24M.shape[2])
        chosen = tracks_N24M.gather(1, track)
        sums = [code[..., a:b, :].sum(2) for a, b in zip((0, *self.KNOWN), self.KNOWN, strict=False)]
        contexts = [sums[0], sums[0] + sums[1]]
        contexts.append(contexts[-1] + sums[2] + chosen)
        contexts.append(contexts[-1] + sums[3])
        contexts.append(contexts[-1] + sums[4])
        return contexts

    def logits(
        self, field: Field, z_NTM: Tensor, here_NT: Tensor, last_NT2: Tensor, tracks: Tracks
    ) -> Tensor:
        """The logits (N, T, V) of one field."""
        raw: Tensor = self.fields[field](z_NTM)
        if field == Field.POSITION:
            return _position_logits(raw, here_NT)
        if field == Field.TRACK:
            alike = raw @ tracks.keys_N24M.transpose(1, 2) / raw.shape[-1] ** 0.5
            found: Tensor = alike.masked_fill(tracks.absent_N24[:, None], NEVER)
            return found
        return _pitch_logits(raw, last_NT2[..., 0]) if field == Field.PITCH else raw


def _position_logits(raw: Tensor, here_NT: Tensor) -> Tensor:
    size = FIELD_SIZES[Field.POSITION]
    table, phase, step = torch.split(raw, [size, BEAT, MAX_STEP + 1], -1)
    position = torch.arange(BAR_MARK, device=raw.device)
    distance = position - here_NT[..., None]
    by_step = step.gather(-1, distance.clamp(0, MAX_STEP)) * ((distance >= 0) & (distance <= MAX_STEP))
    return table + F.pad(phase[..., position % BEAT] + by_step, (0, size - BAR_MARK))


def _pitch_logits(raw: Tensor, last_NT: Tensor) -> Tensor:
    size = FIELD_SIZES[Field.PITCH]
    table, names, leap = torch.split(raw, [size, 13, 2 * MAX_LEAP + 1], -1)
    pitch = torch.arange(size, device=raw.device)
    leap_NTV = pitch - last_NT[..., None]
    told = (leap_NTV.abs() <= MAX_LEAP) & (last_NT >= 0)[..., None] & (last_NT < PITCH_CODES)[..., None]
    told = told & (pitch < PITCH_CODES)
    by_leap = leap.gather(-1, (leap_NTV + MAX_LEAP).clamp(0, 2 * MAX_LEAP)) * told
    return table + names[..., pitch_class(pitch)] + by_leap


class Composer(nn.Module):
    """The whole network. All its parameters sit in linear maps, embeddings and norms."""

    def __init__(self, config: ComposerConfig) -> None:
        super().__init__()
        self.config = config
        self.plan = PlanEncoder(config)
        self.reader = Reader(config)
        self.lower = nn.ModuleList(
            Block(config.width, config.heads, config.expansion) for _ in range(config.lower_layers)
        )
        self.levels = nn.ModuleList(Level(config.width, config.heads) for _ in range(config.levels))
        self.upper = nn.ModuleList(
            Block(config.width, config.heads, config.expansion) for _ in range(config.upper_layers)
        )
        self.streams = Streams(
            config.stream_width, config.width, config.heads, config.stream_layers, config.stream_window
        )
        self.head = Head(config)
        _initialise(self)

    @property
    def head_width(self) -> int:
        """The width of one attention head."""
        return self.config.width // self.config.heads

    def forward(self, rows_NRF: Tensor) -> Output:
        """The logits of every event of a batch of songs, each a matrix of plan rows and event rows."""
        rows_NRF = rows_NRF.long()
        plan = self.plan(rows_NRF[:, :PLAN_ROWS])
        events_NTF = rows_NRF[:, PLAN_ROWS : PLAN_ROWS + num_rows(rows_NRF)]
        units = Units.of(events_NTF)
        x_NTD = self._attend(events_NTF, units, plan)
        played = steps_of(events_NTF, units.marker_NU, x_NTD.dtype)
        steps = played.silenced(rows_NRF[:, SONG_ROW, PLANNING_COLUMN] == 1)
        states = self.streams(steps, plan.song_ND)
        heard = _heard(states, step_of(events_NTF, events_NTF[:, :1, Column.BAR])[:, :-1])
        fields = self._choose(x_NTD[:, :-1], heard, events_NTF, plan)
        shifted = StreamStates(states.harmony[:, :-1], states.rhythm[:, :-1])
        chord, onsets = self.streams.next_chord(shifted.harmony), self.streams.next_onsets(shifted.rhythm)
        known = torch.where(units.bar_of_event_NUT.any(-1).repeat_interleave(2, 1), steps.chord_NS, IGNORED)
        return Output(fields, chord, onsets, known[:, 1:], (played.rhythm_NSX > 0)[:, 1:])

    def _attend(self, events_NTF: Tensor, units: Units, plan: Plan) -> Tensor:
        codes = self.reader.codes(events_NTF, plan)
        row, state = find_echoes(events_NTF, events_NTF, events_NTF[:, :1, Column.BAR])
        width = codes.shape[2]
        heard = codes.gather(1, row.flatten(1)[..., None].expand(-1, -1, width)).view(*row.shape, width)
        x_NTD: Tensor = self.reader(codes, events_NTF, heard, state, plan)
        clock = Clock.at(events_NTF[..., Column.TIME], self.head_width, x_NTD.dtype)
        view = self._view(events_NTF, units)
        sight = self._sight(view)
        for block in self.lower:
            x_NTD = block(x_NTD, clock, sight)[0]
        summaries = summary_clock = None
        if self.levels:
            summaries, of_events, summary_clock = self._sum_up(x_NTD, events_NTF, units)
            sight = self._sight(replace(view, units=of_events))
        for block in self.upper:
            x_NTD = block(x_NTD, clock, sight, others_NKD=summaries, others_clock=summary_clock)[0]
        return x_NTD

    def _sight(self, view: View) -> Sight:
        return sight_of(view)

    def _view(self, events_NTF: Tensor, units: Units) -> View:
        bar_NT = events_NTF[..., Column.BAR].masked_fill(units.bar_NT < 0, NOWHERE)
        return View(bar_NT, events_NTF[..., Column.SOURCE], self.config.far_bars)

    def _sum_up(
        self, x_NTD: Tensor, events_NTF: Tensor, units: Units
    ) -> tuple[Tensor, tuple[tuple[Tensor, int], ...], Clock]:
        """The summaries of bars, phrases and sections, the units of each event, and the summaries' times."""
        time_NU = events_NTF[..., Column.TIME].gather(1, units.marker_NU)
        clocks, levels, counts = [], [], []
        members = (units.bar_of_event_NUT, units.phrase_of_bar_NUU, units.section_of_phrase_NUU)
        children = x_NTD
        for level, member in zip(self.levels, members, strict=False):
            if member is not members[0]:
                time_NU = torch.where(member, time_NU[:, None], 2**30).amin(-1)
            clocks.append(Clock.at(time_NU, self.head_width, x_NTD.dtype))
            children = level(children, member, clocks[-1])
            levels.append(children)
            counts.append(member.shape[1])
        of_events = zip((units.bar_NT, units.phrase_NT, units.section_NT), counts, strict=False)
        return torch.cat(levels, 1), tuple(of_events), reduce(Clock.joined, clocks)

    def _choose(
        self, x_NTD: Tensor, heard: StreamStates, events_NTF: Tensor, plan: Plan
    ) -> tuple[Tensor, ...]:
        """The logits of all fields of all events but the first, after a row of zeros for the first."""
        target, last = events_NTF[:, 1:], last_notes(events_NTF)[:, 1:]
        position = events_NTF[:, :-1, Column.POSITION]
        here = torch.where(position < BAR_MARK, position, 0)
        tracks = self.tracks_of(plan)
        merged = self.head.merge(x_NTD, heard)
        contexts = self.head.contexts(target, last, tracks.keys_N24M)
        fields = []
        for field, context in zip(Field, contexts, strict=True):
            logits = self.head.logits(field, merged[:, :, field] + context, here, last, tracks)
            fields.append(F.pad(logits, (0, 0, 1, 0)))
        return tuple(fields)

    def tracks_of(self, plan: Plan) -> Tracks:
        """The keys of the plan's tracks."""
        place = plan.place_R[FIRST_TRACK_ROW : FIRST_TRACK_ROW + MAX_TRACKS]
        present = plan.present_NP[:, place.clamp(min=0)] & (place >= 0)
        return Tracks(self.head.track(plan.rows_NPD[:, place.clamp(min=0)]), ~present)


def _heard(states: StreamStates, step_NT: Tensor) -> StreamStates:
    """For each event the states after the last half bar that closed before it; zeros before the first."""
    index = step_NT.clamp(min=0)[..., None]

    def before(state: Tensor) -> Tensor:
        return F.pad(state, (0, 0, 1, 0)).gather(1, index.expand(-1, -1, state.shape[2]))

    return StreamStates(before(states.harmony), before(states.rhythm))


def num_rows(rows_NRF: Tensor) -> int:
    """How many event rows the longest song of a batch has."""
    used = (rows_NRF[:, PLAN_ROWS:, Column.KIND] > 0).any(0)
    return int(used.sum())


def _initialise(model: Composer) -> None:
    """Small random weights; what is added to a residual starts close to nothing, so that all learn early."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            part = 0.05 if name.endswith(("mix", "narrow")) else 1.0
            nn.init.normal_(module.weight, std=part * module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1)
