"""How does a composer play along with somebody, in time?

It plans ahead. Notes are composed before they are due, at least a beat of them; when the player plays, what
is planned and not yet due is dropped, the network goes back to where that was not yet written, reads what was
played as if it had chosen it, and plans anew. So the wait for an answer is that for one event, not for a bar.

There is no clock here: time is told in steps of the grid, and the same notes at the same times give the same
answer.
"""

from collections import deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.decoding import Decoder
from model.events import Field, Ints, Note, decode_notes, encode_notes
from model.generation import FIELDS, Frame, Writer
from model.instruments import Instrument
from model.network import Composer
from model.plan import MARKER_FIELDS, Column, SongPlan, rows_of_fields
from model.score import GRID

Floats = npt.NDArray[np.float64]

BEAT = GRID  # steps
MOST_IN_A_BAR = 64  # notes that are composed in one bar; a player will not wait for more


@dataclass(frozen=True)
class Sound:
    """A note: when it begins and how long it lasts, in steps from the beginning, of which track, how high and
    how loud."""

    start_steps: int
    duration_steps: int
    track: int
    pitch: int
    velocity: int


@dataclass
class _State:
    """How far the music is written."""

    decoder: Decoder
    played: Floats
    due: Floats
    bar: int = -1
    row: Ints | None = None
    last: tuple[int, ...] = ()
    found: tuple[Ints, ...] = ()
    count: int = 0

    def forked(self) -> "_State":
        other = copy(self)
        other.decoder = self.decoder.forked()
        other.played, other.due = self.played.copy(), self.due.copy()
        return other


@dataclass(frozen=True, eq=False)
class _Planned:
    """A note, or the beginning of a bar, that was written ahead, and the state before it."""

    start_steps: int
    sound: Sound | None
    before: _State


class Companion:
    """Plays the tracks of a plan but one, along with somebody who plays that one."""

    def __init__(
        self,
        model: Composer,
        plan: SongPlan,
        ensemble: tuple[Instrument, ...],
        rng: np.random.Generator,
        *,
        lead: int = 0,
    ) -> None:
        """A companion at the beginning of the piece.

        Args:
            lead: the track that the player plays.
        """
        self.plan, self.lead = plan, lead
        free = np.ones((plan.num_bars, len(plan.tracks)), dtype=bool)
        free[:, lead] = False
        self._writer = Writer(model, plan, ensemble, rng, Frame(np.zeros((0, len(Note)), np.int32), free))
        self._state = _State(self._writer.decoder, self._writer.played, self._writer.due)
        self._planned: deque[_Planned] = deque()
        self._over = False
        self._sounded = -1  # up to when everything was played

    @property
    def end_steps(self) -> int:
        """When the piece ends."""
        return int(self.plan.bar_starts[-1])

    @property
    def planned_until(self) -> int:
        """Up to when everything that will sound is known, if nobody plays."""
        if self._over:
            return self.end_steps
        state = self._state
        if state.row is None:
            return 0
        return int(self.plan.bar_starts[state.bar]) + (int(state.last[0]) if state.last else 0)

    def plan_until(self, until_steps: int) -> int:
        """Writes ahead until everything before that time is known; how many notes were written."""
        count = 0
        while not self._over and self.planned_until < until_steps:
            count += self.plan_one()
        return count

    def plan_one(self) -> int:
        """Writes one note ahead, or goes into the next bar: how many notes that were."""
        before = self._state.forked()
        self._attend(self._state)
        event = self._next_event()
        if event is None:
            self._open(self._state.bar + 1)
            start = int(self.plan.bar_starts[min(self._state.bar, self.plan.num_bars)])
            self._planned.append(_Planned(start, None, before))
            return 0
        self._read(event)
        self._state.played[event[Column.TRACK]] += 1
        sound = self._sound(event)
        self._planned.append(_Planned(sound.start_steps, sound, before))
        return 1

    def hear(self, sound: Sound) -> int:
        """Takes a note of the player; how many notes that were planned are dropped for it.

        A note that comes earlier than what was already played is heard right after that.
        """
        kept = [each for each in self._planned if each.start_steps <= sound.start_steps]
        dropped = [each for each in self._planned if each.start_steps > sound.start_steps]
        if dropped:
            self._state, self._over = dropped[0].before.forked(), False
        self._planned = deque(kept)
        self._attend(self._state)
        bar = int(np.searchsorted(self.plan.bar_starts, sound.start_steps, side="right")) - 1
        if self._over or bar >= self.plan.num_bars:
            return len(dropped)
        while self._state.bar < bar:
            self._open(self._state.bar + 1)
        position = max(0, sound.start_steps - int(self.plan.bar_starts[self._state.bar]))
        if self._state.last >= (position, self.lead, 0):
            position = self._state.last[0] + 1
        if position < self._length():
            self._read(self._heard(sound, position))
        return sum(each.sound is not None for each in dropped)

    def sounds_until(self, now_steps: int) -> list[Sound]:
        """The notes that are due by now; they are played then, and nothing takes them back."""
        due = []
        self._sounded = max(self._sounded, now_steps)
        while self._planned and self._planned[0].start_steps <= now_steps:
            sound = self._planned.popleft().sound
            if sound is not None:
                due.append(sound)
        return due

    def _attend(self, state: _State) -> None:
        """Lets the writer go on from a state."""
        self._writer.decoder, self._writer.played, self._writer.due = state.decoder, state.played, state.due

    def _length(self) -> int:
        return int(np.diff(self.plan.bar_starts)[self._state.bar])

    def _open(self, bar: int) -> None:
        state = self._state
        if bar >= self.plan.num_bars:
            self._over = True
            return
        marker = rows_of_fields(self.plan, np.array([MARKER_FIELDS], np.int32), np.array([bar], np.int32))
        state.due = state.due + self._wanted(bar)
        state.decoder.read(marker)
        state.bar, state.row, state.last, state.found, state.count = bar, marker[0], (), (), 0

    def _wanted(self, bar: int) -> Floats:
        section = self.plan.sections[self.plan.sections_of_bars[bar]]
        return np.asarray(self._writer.planned * 2.0 ** ((section.energy - 3) / 3) * self._writer.free[bar])

    def _next_event(self) -> Ints | None:
        state = self._state
        if state.row is None or state.count >= MOST_IN_A_BAR:
            return None
        fullness = state.count / max(float(self._wanted(state.bar).sum()), 0.1)
        earliest = max(0, self._sounded + 1 - int(self.plan.bar_starts[state.bar]))
        return self._writer.next_event(state.row, list(state.found), fullness, state.bar, earliest)

    def _read(self, event: Ints) -> None:
        state = self._state
        fields = event[FIELDS].copy()
        state.decoder.read(event[None])
        state.row, state.found = event, (*state.found, fields)
        state.last = tuple(fields[[Field.POSITION, Field.TRACK, Field.PITCH]].tolist())
        state.count += int(fields[Field.TRACK] != self.lead)

    def _heard(self, sound: Sound, position: int) -> Ints:
        """The event of a note of the player."""
        note = [self._state.bar, position, self.lead, sound.pitch, sound.duration_steps, sound.velocity]
        drums = [track.is_drum for track in self.plan.tracks]
        fields = encode_notes(np.array([note], dtype=np.int32), drums, self.plan.tonic)
        row: Ints = rows_of_fields(self.plan, fields, np.array([self._state.bar], dtype=np.int32))[0]
        return row

    def _sound(self, event: Ints) -> Sound:
        bar = np.array([event[Column.BAR]], dtype=np.int32)
        note = decode_notes(event[FIELDS][None], bar, self.plan.tonic)[0]
        return Sound(
            int(event[Column.TIME]), int(note[Note.DURATION]), int(note[Note.TRACK]), int(note[Note.PITCH]),
            int(note[Note.VELOCITY]),
        )  # fmt: skip


def answers(
    companion: Companion, played: Sequence[Sound], *, until_steps: int, ahead_steps: int = BEAT
) -> list[Sound]:
    """What a companion plays to notes whose times are known, as it would have in time.

    Args:
        until_steps: when it ends.
        ahead_steps: how far it plans ahead.
    """
    found: list[Sound] = []
    waiting = deque(sorted(played, key=lambda sound: sound.start_steps))
    for now in range(until_steps):
        companion.plan_until(now + ahead_steps)
        while waiting and waiting[0].start_steps <= now:
            companion.hear(waiting.popleft())
            companion.plan_until(now + ahead_steps)
        found += companion.sounds_until(now)
    return found
