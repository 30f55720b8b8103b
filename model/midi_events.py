"""Which events are in the track chunks of a MIDI file, and when?

They are looked for twice over. `_walk` goes from event to event and names the byte at which a file is wrong.
`_jump` asks of every byte at once where the next event would be if one began here, and follows all chains by
doubling their length; it is some ten times as fast, and gives up where anything is unusual.

Source: Standard MIDI Files 1.0 (RP-001). Pointer jumping: J. C. Wyllie, The Complexity of Parallel
Computations (1979).

Shapes: B bytes of a file, S states (a byte, and how many data bytes the running status takes), E events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import MidiError

MAX_TICKS = 2**31 - 1
PORT, END, TEMPO, METRE, KEY = 0x21, 0x2F, 0x51, 0x58, 0x59
META_LENGTHS = {TEMPO: 3, METRE: 4, PORT: 1}
MOST_BYTES = 1 << 19  # of a file whose bytes are all looked at at once: some 150 bytes of memory for each
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SIZES = np.array([_DATA_BYTES.get(kind, 0) for kind in range(16)], dtype=np.int32)
_LAYERS = 3  # no running status, one of one data byte, one of two
_ROOM = 8  # zeros behind the file, so that every byte has some after it

Ints = NDArray[np.signedinteger[Any]]
Bools = NDArray[np.bool_]
Span = tuple[int, int]


@dataclass(frozen=True)
class Meta:
    """A meta event: its chunk, its tick, its type, its body, and how many messages came before it."""

    chunk: int
    tick: int
    kind: int
    body: bytes
    place: int


@dataclass(frozen=True, eq=False)
class Events:
    """Channel messages in the order of the file, meta events, and the last tick of each chunk.

    `status_E` is the whole status byte; `second_E` is 0 where a message has one data byte only.
    """

    chunk_E: Ints
    tick_E: Ints
    status_E: Ints
    first_E: Ints
    second_E: Ints
    metas: tuple[Meta, ...]
    last_ticks: tuple[int, ...]


def read_events(data: bytes, spans: Sequence[Span]) -> Events:
    """The events of the chunks whose bodies lie in the given bytes.

    Raises:
        MidiError: the bytes are no events; the message names the byte.
    """
    found = _jump(data, spans) if len(data) <= MOST_BYTES else None
    return _walk(data, spans) if found is None else found


def _walk(data: bytes, spans: Sequence[Span]) -> Events:
    rows: list[tuple[int, int, int, int, int]] = []
    metas, last_ticks = [], []
    for chunk, (start, end) in enumerate(spans):
        tick = 0
        for tick, status, body in _each(data, start, end):
            if status >= 0x100:
                metas.append(Meta(chunk, tick, status - 0x100, body, len(rows)))
            elif status < 0xF0:
                rows.append((chunk, tick, status, body[0], body[1] if len(body) > 1 else 0))
        last_ticks.append(tick)
    table_E5 = np.array(rows, dtype=np.int64).reshape(-1, 5)
    chunk_E, tick_E, status_E, first_E, second_E = (table_E5[:, column] for column in range(5))
    return Events(chunk_E, tick_E, status_E, first_E, second_E, tuple(metas), tuple(last_ticks))


def _each(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """The events of a chunk: tick, status (or 0x100 + type of a meta event), data bytes."""
    tick = 0
    running = 0
    try:
        while at < end:
            delta, at = _variable(data, at)
            tick += delta
            if tick > MAX_TICKS:
                raise MidiError(f"byte {at}: time runs past {MAX_TICKS} ticks")
            status = data[at]
            if status >= 0xF0:
                running = 0
                at, kind, size = _long_event(data, at, status)
                body = data[at : at + size]
                at += size
                if at > end:
                    raise MidiError(f"byte {at - size}: an event of {size} bytes runs past its chunk")
                yield tick, kind, body
                if kind == 0x100 + END:
                    return
                continue
            if status >= 0x80:
                running = status
                at += 1
            elif not running:
                raise MidiError(f"byte {at}: a data byte {status:#04x} where a status byte is expected")
            size = _DATA_BYTES[running >> 4]
            body = data[at : at + size]
            at += size
            if at > end or max(body) > 0x7F:
                raise MidiError(f"byte {at - size}: {size} data bytes are expected, found {body.hex(' ')}")
            yield tick, running, body
    except IndexError as error:
        raise MidiError(f"byte {at}: the file ends inside an event") from error


def _long_event(data: bytes, at: int, status: int) -> tuple[int, int, int]:
    """Where the body of a meta or system-exclusive event begins, what it is, and its length."""
    if status == 0xFF:
        kind = 0x100 + data[at + 1]
        size, at = _variable(data, at + 2)
    elif status in (0xF0, 0xF7):
        kind = status
        size, at = _variable(data, at + 1)
    else:
        raise MidiError(f"byte {at}: status {status:#04x} does not occur in files")
    wanted = META_LENGTHS.get(kind - 0x100)
    if wanted is not None and size < wanted:
        raise MidiError(f"byte {at}: meta event {kind - 0x100:#04x} has {size} bytes instead of {wanted}")
    return at, kind, size


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length quantity and where the next byte is."""
    value = 0
    for place in range(4):
        byte = data[at + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    raise MidiError(f"byte {at}: a variable-length quantity of more than four bytes")


class _Bytes:
    """What every byte of a file would mean if an event began there."""

    def __init__(self, data: bytes) -> None:
        self.num = len(data)
        self.raw_B = np.frombuffer(data + bytes(_ROOM), dtype=np.uint8).astype(np.int32)
        self.value_B, self.length_B = self._quantities()
        at = np.arange(self.num, dtype=np.int32)
        self.body_B = self._inside(at + self.length_B[: self.num])
        self.status_B = self.raw_B[self.body_B]

    def _inside(self, at: Ints) -> Ints:
        return np.minimum(at, self.num)

    def _quantities(self) -> tuple[Ints, Ints]:
        """The variable-length quantity that begins at each byte, and its length, 0 for none of four bytes."""
        count = self.num + 4
        value, length = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
        so_far: Ints = np.zeros(count, dtype=np.int32)
        going = np.ones(count, dtype=bool)
        for place in range(4):
            byte = self.raw_B[place : place + count]
            so_far = (so_far << 7) | (byte & 0x7F)
            ends = going & (byte < 0x80)
            value[ends], length[ends] = so_far[ends], place + 1
            going &= byte >= 0x80
        return value, length

    def next_states(self, end_B: Ints) -> Ints:
        """From each state to the next: `stop` at the end of a chunk, `bad` where `_walk` has to say why.

        Args:
            end_B: where the chunk of each byte ends.
        """
        stop, bad = _LAYERS * self.num, _LAYERS * self.num + 1
        size_B = _SIZES[self.status_B >> 4]
        is_long, has_status = self.status_B >= 0xF0, self.status_B >= 0x80
        long_after, long_valid, long_ends = self._long_events()
        states = []
        for layer in range(_LAYERS):
            size = np.where(has_status, size_B, layer)
            after = np.where(is_long, long_after, self.body_B + has_status + size)
            valid = np.where(is_long, long_valid, (size > 0) & self._are_data(self.body_B + has_status, size))
            valid &= (self.length_B[: self.num] > 0) & (after <= end_B)
            ends = (after == end_B) | (is_long & long_ends)
            following = np.where(ends, stop, size * self.num + after)
            states.append(np.where(valid, following, bad))
        found: Ints = np.concatenate([*states, np.array([stop, bad])]).astype(np.int32)
        return found

    def _are_data(self, at: Ints, size: Ints) -> Bools:
        """Whether as many bytes as a message takes are data bytes."""
        first, second = self.raw_B[self._inside(at)], self.raw_B[self._inside(at) + 1]
        found: Bools = (first < 0x80) & ((second < 0x80) | (size < 2))
        return found

    def _long_events(self) -> tuple[Ints, Bools, Bools]:
        """Where meta and system-exclusive events end, whether they are any, and whether they end a chunk."""
        is_meta = self.status_B == 0xFF
        kind = np.where(is_meta, self.raw_B[self.body_B + 1], -1)
        at = np.minimum(self.body_B + 1 + is_meta, self.num + 3)
        size = self.value_B[at]
        valid = (is_meta | (self.status_B == 0xF0) | (self.status_B == 0xF7)) & (self.length_B[at] > 0)
        for name, least in META_LENGTHS.items():
            valid &= (kind != name) | (size >= least)
        return at + self.length_B[at] + size, valid, kind == END


def _jump(data: bytes, spans: Sequence[Span]) -> Events | None:
    """As `_walk`, or None where a file is not plainly right."""
    of = _Bytes(data)
    end_B = np.zeros(of.num, dtype=np.int32)
    for start, end in spans:
        end_B[start:end] = end
    begins = np.array([start for start, end in spans if end > start], dtype=np.int32)
    state_E = _chained(of.next_states(end_B), begins, of.num)
    return None if state_E is None else _gathered(data, of, state_E, spans)


def _chained(next_S: Ints, begins: Ints, num_bytes: int) -> Ints | None:
    """All states of the chains, in the order of their bytes; None where one goes bad."""
    stop = _LAYERS * num_bytes
    found, jump_S = begins, next_S
    while len(new := jump_S[found]):
        if (new > stop).any():
            return None
        new = new[new < stop]
        if not len(new):
            break
        found = np.concatenate([found, new])
        jump_S = jump_S[jump_S]
    return found[np.argsort(found % max(num_bytes, 1), kind="stable")]


def _gathered(data: bytes, of: _Bytes, state_E: Ints, spans: Sequence[Span]) -> Events | None:
    """The events whose states are known; None where time runs too far."""
    at_E, layer_E = state_E % max(of.num, 1), state_E // max(of.num, 1)
    chunk_E = np.searchsorted([start for start, _ in spans], at_E, side="right") - 1
    delta_E, body_E, status_E = of.value_B[at_E], of.body_B[at_E], of.status_B[at_E]
    first_of_chunk = np.flatnonzero(np.diff(chunk_E, prepend=-1))
    total_E = np.cumsum(delta_E, dtype=np.int64)
    before = (total_E - delta_E)[first_of_chunk]
    tick_E = total_E - np.repeat(before, np.diff(np.append(first_of_chunk, len(at_E))))
    if len(tick_E) and tick_E.max() > MAX_TICKS:
        return None
    running_E = status_E < 0x80
    place_E = np.arange(len(at_E))
    last_status_E = np.maximum.accumulate(np.where(running_E, 0, place_E))
    whole_E, is_long = status_E[last_status_E], status_E >= 0xF0
    size_E = np.where(running_E, layer_E, _SIZES[status_E >> 4])
    data_E = body_E + ~running_E
    second_E = np.where(size_E == 2, of.raw_B[np.minimum(data_E + 1, of.num)], 0)
    message_E: Ints = np.cumsum(~is_long) - ~is_long
    metas = [
        _meta_at(data, int(body_E[e]), int(chunk_E[e]), int(tick_E[e]), int(message_E[e]))
        for e in np.flatnonzero(status_E == 0xFF)
    ]
    last_ticks = [0] * len(spans)
    for e in np.append(first_of_chunk[1:], len(at_E)) - 1 if len(at_E) else ():
        last_ticks[chunk_E[e]] = int(tick_E[e])
    kept = ~is_long
    first_E = of.raw_B[np.minimum(data_E, of.num)]
    return Events(
        chunk_E[kept], tick_E[kept], whole_E[kept], first_E[kept], second_E[kept], tuple(metas),
        tuple(last_ticks),
    )  # fmt: skip


def _meta_at(data: bytes, body: int, chunk: int, tick: int, place: int) -> Meta:
    size, at = _variable(data, body + 2)
    return Meta(chunk, tick, data[body + 1], data[at : at + size], place)
