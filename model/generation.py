"""How does a composer write a piece that is in form, in metre, in range and in key?

Nothing is mended afterwards: at each choice what cannot be is not on offer. A section that repeats another
takes its bars, read by the network as if it had chosen them. Where something else follows than the first
time, its last bar is composed anew: so a return is heard as one and still leads on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from model.checkpoint import load_checkpoint
from model.decoding import Decoder
from model.events import (
    BAR_MARK,
    DURATIONS,
    FIELD_SIZES,
    MAX_TRACKS,
    Field,
    Ints,
    Note,
    decode_notes,
    encode_notes,
    score_of,
)
from model.excerpts import Excerpt, cut
from model.instruments import Instrument
from model.network import Composer
from model.plan import (
    MARKER_FIELDS,
    Column,
    SongPlan,
    plan_rows,
    rows_of_fields,
)
from model.planning import plan_song
from model.prompt import Prompt
from model.sampling import sample
from model.score import Score
from model.worth import (
    NEVER,
    any_pitch,
    ending_worth,
    harmony_worth,
    pitch_range,
    position_worth,
    register_worth,
    tracks_open,
)

Progress = Callable[[int, int], None]
Floats = npt.NDArray[np.float64]

MAX_BAR_EVENTS = 256
BALANCE = 1.0  # nats for each e-fold by which a track is behind its planned number of notes
MAX_BALANCE = 3.0
TEMPERATURE = {
    Field.POSITION: 0.95, Field.TRACK: 1.0, Field.PITCH: 0.9, Field.DURATION: 0.9, Field.VELOCITY: 0.9,
}  # fmt: skip
TOP_P = 0.93


@dataclass(frozen=True, eq=False)
class Generated:
    """A piece with the plan that it fulfils, and as excerpts, which are encoded like examples of a corpus."""

    score: Score
    plan: SongPlan
    excerpts: list[Excerpt]
    num_events: int


@dataclass(frozen=True)
class Manner:
    """How a piece is written. Other ways than the usual one are for comparison.

    Attributes:
        guided: whether key, range, register and planned numbers of notes weigh on each choice. What can be
            written at all, and in which order, always does.
        repeats: whether a section that repeats another takes its bars.
    """

    guided: bool = True
    repeats: bool = True


USUAL = Manner()


def generate(
    source: Composer | Path,
    prompt: Prompt,
    *,
    seed: int = 0,
    manner: Manner = USUAL,
    progress: Progress | None = None,
) -> Generated:
    """A piece. The same composer, prompt, seed and manner give the same notes.

    Args:
        source: a composer, or the path of its checkpoint.
        progress: called after each bar with the bars written and all bars.

    Raises:
        PromptError: the prompt asks for what there is not.
        CheckpointError: the checkpoint cannot be read.
    """
    model = load_checkpoint(source)[0] if isinstance(source, Path) else source
    rng = np.random.default_rng(seed)
    with one_thread():
        plan, ensemble = plan_song(model, prompt, rng)
        notes = compose(model, plan, ensemble, rng, everything(plan), manner=manner, progress=progress)
    return generated(plan, notes, ensemble, model.config.max_events)


def generated(plan: SongPlan, notes: Ints, ensemble: tuple[Instrument, ...], max_events: int) -> Generated:
    """The piece of a plan and its notes."""
    title = f"{plan.genre.replace('_', ' ').capitalize()} in {plan.key}"
    parts = [(player.name.capitalize(), player.program, player.is_drum) for player in ensemble]
    score = score_of(notes, plan.metres, parts, plan.tempo_bpm, title)
    return Generated(score, plan, cut(plan, notes, max_events), len(notes) + plan.num_bars)


@dataclass(frozen=True, eq=False)
class Frame:
    """What of a piece is there already and stays, and where there is room for new notes.

    Attributes:
        kept: notes in event order; they come out as they are.
        free: (bars, tracks), True where notes may be composed.
    """

    kept: Ints
    free: npt.NDArray[np.bool_]


def everything(plan: SongPlan) -> Frame:
    """Nothing is there yet."""
    free = np.ones((plan.num_bars, len(plan.tracks)), dtype=bool)
    return Frame(np.zeros((0, len(Note)), dtype=np.int32), free)


def compose(
    model: Composer,
    plan: SongPlan,
    ensemble: tuple[Instrument, ...],
    rng: np.random.Generator,
    frame: Frame,
    *,
    manner: Manner = USUAL,
    progress: Progress | None = None,
) -> Ints:
    """The notes of a piece in event order: those that are kept, and new ones where there is room.

    Args:
        progress: called after each bar with the bars written and all bars.
    """
    writer = Writer(model, plan, ensemble, rng, frame, manner)
    last = int(np.flatnonzero(frame.free.any(axis=1))[-1])
    for bar in range(last + 1):
        writer.write_bar(bar)
        if progress is not None:
            progress(bar + 1, last + 1)
    notes = np.concatenate([frame.kept, _finished(writer.new_notes(), plan, ensemble)])
    order = np.lexsort(notes[:, [Note.PITCH, Note.TRACK, Note.POSITION, Note.BAR]].T)
    found: Ints = notes[order]
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread: for single events it is the fastest, and sums have one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Writer:
    """Writes a piece bar by bar."""

    def __init__(
        self,
        model: Composer,
        plan: SongPlan,
        ensemble: tuple[Instrument, ...],
        rng: np.random.Generator,
        frame: Frame,
        manner: Manner = USUAL,
    ) -> None:
        self.plan, self.ensemble, self.rng, self.free = plan, ensemble, rng, frame.free
        self.manner = manner
        self.decoder = Decoder(model, plan_rows(plan), plan.sources_of_bars)
        kept = encode_notes(frame.kept, [track.is_drum for track in plan.tracks], plan.tonic)
        self.kept = np.split(kept, np.searchsorted(frame.kept[:, Note.BAR], np.arange(1, plan.num_bars)))
        self.new: list[Ints] = []  # fields of the composed notes of each bar
        self.planned = np.array([2.0 ** (track.density - 3) for track in plan.tracks])
        self.due: Floats = np.zeros(len(ensemble))
        self.played: Floats = np.zeros(len(ensemble))
        self.ranges = [pitch_range(player, plan.tonic) for player in ensemble]
        self.possible = [pitch_range(any_pitch(player), plan.tonic) for player in ensemble]
        self.registers = [
            register_worth(*span) for span in zip(plan.tracks, ensemble, self.ranges, strict=True)
        ]
        self.worth = harmony_worth(plan.is_minor)

    def new_notes(self) -> Ints:
        """The notes composed so far."""
        bars = np.concatenate([np.full(len(f), bar) for bar, f in enumerate(self.new)])
        return decode_notes(np.concatenate(self.new), bars.astype(np.int32), self.plan.tonic)

    def write_bar(self, bar: int) -> None:
        """The next bar: kept, taken from the one that it repeats, or composed."""
        marker = rows_of_fields(self.plan, np.array([MARKER_FIELDS], np.int32), np.array([bar], np.int32))
        section = self.plan.sections[self.plan.sections_of_bars[bar]]
        wanted = self.planned * 2.0 ** ((section.energy - 3) / 3) * self.free[bar]
        self.due += wanted
        if self.free[bar].any() and not self._repeats(bar):
            self.decoder.read(marker)
            self.new.append(self._compose(marker[0], float(wanted.sum()), bar))
            return
        source = int(self.plan.sources_of_bars[bar])
        new = (
            self.new[source][self.free[bar][self.new[source][:, Field.TRACK]]]
            if self._repeats(bar)
            else (np.zeros((0, len(Field)), dtype=np.int32))
        )
        fields = _in_order(np.concatenate([self.kept[bar], new]))
        rows = rows_of_fields(self.plan, fields, np.full(len(fields), bar, dtype=np.int32))
        self.decoder.read(np.concatenate([marker, rows]))
        self.played += np.bincount(new[:, Field.TRACK], minlength=len(self.played))
        self.new.append(new)

    def _repeats(self, bar: int) -> bool:
        """Whether what is free in a bar is taken from one that was composed, and that it repeats.

        The last bar of a section that leads elsewhere than the first time is composed anew.
        """
        source = int(self.plan.sources_of_bars[bar])
        taken = self.manner.repeats and source >= 0 and not _leads_elsewhere(self.plan, bar)
        return taken and bool((self.free[source] >= self.free[bar]).all())

    def _compose(self, marker: Ints, wanted: float, bar: int) -> Ints:
        """The new notes of a bar; kept ones are read in their places, as if they had been chosen."""
        waiting = list(self.kept[bar])
        found: list[Ints] = []  # of the bar, kept and new
        new: list[Ints] = []
        row = marker.copy()
        while len(new) < MAX_BAR_EVENTS:
            event = self.next_event(row, found, len(new) / wanted, bar)
            comes_first = waiting and (event is None or _key(waiting[0]) < _key(event[FIELDS]))
            if comes_first:
                event = row.copy()
                event[Column.TIME] += waiting[0][Field.POSITION] - (found[-1][Field.POSITION] if found else 0)
                event[FIELDS] = waiting.pop(0)
            elif event is None:
                break
            else:
                new.append(event[FIELDS].copy())
                self.played[event[Column.TRACK]] += 1
            found.append(event[FIELDS].copy())
            row = event
            self.decoder.read(row[None])
        return np.array(new, dtype=np.int32).reshape(-1, len(Field))

    def next_event(
        self, row: Ints, found: list[Ints], fullness: float, bar: int, earliest: int = 0
    ) -> Ints | None:
        """The next note of the bar as an event row, or None where the bar is over.

        Args:
            fullness: the notes composed in this bar beside those that are planned.
            earliest: the first position of the bar at which a note may begin.
        """
        event = row.copy()
        event[Column.POSITION : Column.VELOCITY + 1] = -1
        here = found[-1] if found else None
        open_here = tracks_open(self.ensemble, found) & self._room(bar)
        worth = position_worth(row, here is not None, bool(open_here.any()))
        worth[: min(earliest, BAR_MARK)] = NEVER
        if self.manner.guided:
            worth[BAR_MARK] += ending_worth(fullness)
        position = self._choose(Field.POSITION, event, worth)
        if position >= BAR_MARK:
            return None
        bar_start = row[Column.TIME] - (here[Field.POSITION] if here is not None else 0)
        event[Column.POSITION], event[Column.TIME] = position, bar_start + position
        at_once = here is not None and position == here[Field.POSITION]
        event[Column.TRACK] = self._choose(Field.TRACK, event, self._track_worth(open_here, at_once, bar))
        above = -1
        if at_once and here is not None and event[Column.TRACK] == here[Field.TRACK]:
            above = int(here[Field.PITCH])
        event[Column.PITCH] = self._choose(Field.PITCH, event, self._pitch_worth(event, above))
        event[Column.DURATION] = self._choose(Field.DURATION, event, self._duration_worth(event))
        event[Column.VELOCITY] = self._choose(Field.VELOCITY, event, np.zeros(FIELD_SIZES[Field.VELOCITY]))
        return event

    def _choose(self, field: Field, event: Ints, worth: Floats) -> int:
        logits = self.decoder.logits(field, event).double().numpy() + worth
        return sample(logits, self.rng, temperature=TEMPERATURE[field], top_p=TOP_P)

    def _room(self, bar: int) -> npt.NDArray[np.bool_]:
        """The tracks that may be composed in a bar, of all 24."""
        return np.pad(self.free[bar], (0, MAX_TRACKS - len(self.ensemble)))

    def _track_worth(self, open_here: npt.NDArray[np.bool_], at_once: bool, bar: int) -> Floats:
        worth = np.full(MAX_TRACKS, NEVER)
        behind = BALANCE * np.log((self.due + 1) / (self.played + 1))
        worth[: len(behind)] = behind.clip(-MAX_BALANCE, MAX_BALANCE) if self.manner.guided else 0.0
        worth[~(open_here if at_once else self._room(bar))] = NEVER
        return worth

    def _pitch_worth(self, event: Ints, above: int) -> Floats:
        track = int(event[Column.TRACK])
        low, high = self.ranges[track] if self.manner.guided else self.possible[track]
        worth = np.zeros(FIELD_SIZES[Field.PITCH])
        if self.manner.guided:
            worth += self._taste(event)
        worth[: max(low, above + 1)] = NEVER
        worth[high + 1 :] = NEVER
        return worth

    def _taste(self, event: Ints) -> Floats:
        """What each pitch code is worth by key, chord and register."""
        late = 2 * event[Column.POSITION] >= event[Column.LENGTH]
        chord = event[Column.CHORD_B if late else Column.CHORD_A]
        taste: Floats = self.worth[chord] + self.registers[int(event[Column.TRACK])]
        return taste

    def _duration_worth(self, event: Ints) -> Floats:
        """No note outlasts its section."""
        if not self.manner.guided:
            return np.zeros(len(DURATIONS))
        section = self.plan.sections[event[Column.SECTION]]
        left = int(self.plan.bar_starts[section.bar_end]) - int(event[Column.TIME])
        return np.where(left >= DURATIONS, 0.0, NEVER).astype(np.float64)


FIELDS = slice(Column.POSITION, Column.VELOCITY + 1)


def _leads_elsewhere(plan: SongPlan, bar: int) -> bool:
    """Whether a bar ends a section, and what follows is not what followed the section that it repeats."""
    place = int(plan.sections_of_bars[bar])
    section = plan.sections[place]
    if section.bar_end != bar + 1 or section.repeats is None:
        return False
    ours, theirs = (plan.sections[i + 1 : i + 2] for i in (place, section.repeats))
    both_end = int(plan.sources_of_bars[bar]) + 1 == plan.sections[section.repeats].bar_end
    return not (both_end and ours and theirs and ours[0].label == theirs[0].label)


def _key(fields: Ints) -> tuple[int, ...]:
    """By what the notes of a bar are in order."""
    return tuple(fields[[Field.POSITION, Field.TRACK, Field.PITCH]].tolist())


def _in_order(fields: Ints) -> Ints:
    ordered: Ints = fields[np.lexsort(fields[:, [Field.PITCH, Field.TRACK, Field.POSITION]].T)]
    return ordered


def _finished(notes: Ints, plan: SongPlan, ensemble: tuple[Instrument, ...]) -> Ints:
    """The notes, each ending where its string, or its player's one voice, is needed for the next."""
    notes = notes.copy()
    start = plan.bar_starts[notes[:, Note.BAR]] + notes[:, Note.POSITION]
    one_voice = np.array([player.voices == 1 for player in ensemble])[notes[:, Note.TRACK]]
    string = np.where(one_voice, -1, notes[:, Note.PITCH])
    order = np.lexsort((start, string, notes[:, Note.TRACK]))
    track, string, start = notes[order, Note.TRACK], string[order], start[order]
    same = (track[1:] == track[:-1]) & (string[1:] == string[:-1])
    room = np.where(same, np.maximum(np.diff(start), 1), DURATIONS[-1])
    notes[order[:-1], Note.DURATION] = np.minimum(notes[order[:-1], Note.DURATION], room)
    return notes
