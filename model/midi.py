"""How does a Standard MIDI File become a score, and a score a file?

The reader is our own because files come from strangers: symusic 0.5.8 ends the process on some malformed ones
and takes truncated ones for whole. It is the same music as mido reads, and every refusal names the byte.

Source: Standard MIDI Files 1.0 (RP-001); MIDI port meta event 0x21 as sequencers write it.
"""

import struct
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from model.errors import MidiError
from model.score import DURATION, PITCH, START, VELOCITY, Metre, Score, Tempo, Track, notes_of

MAX_BYTES = 32 * 1024 * 1024
MAX_TICKS = 2**31 - 1
DRUM_CHANNEL = 9
MELODIC_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
TEXT, NAME, LYRIC, PORT, END, TEMPO, METRE = 0x01, 0x03, 0x05, 0x21, 0x2F, 0x51, 0x58
_NOTE_OFF, _NOTE_ON, _PROGRAM = 0x8, 0x9, 0xC
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_META_LENGTHS = {TEMPO: 3, METRE: 4, PORT: 1}

Voice = tuple[int, int]  # port and channel


@dataclass
class _Chunk:
    """What one MTrk chunk holds: notes by voice, program changes, and meta events."""

    name: str = ""
    notes: list[tuple[Voice, int, int, int, int]] = field(default_factory=list)
    programs: list[tuple[Voice, int, int]] = field(default_factory=list)
    tempos: list[Tempo] = field(default_factory=list)
    metres: list[Metre] = field(default_factory=list)
    lyrics: list[tuple[int, str]] = field(default_factory=list)


def read_midi(data: bytes) -> Score:
    """The score in a file of format 0 or 1.

    Every channel of every chunk that sounds becomes a track, and a new one from each change of program on.
    A note without an end ends with its chunk.

    Raises:
        MidiError: the bytes are no such file, are cut short, count time in frames, or are over 32 MiB.
    """
    if len(data) > MAX_BYTES:
        raise MidiError(f"the file has {len(data)} bytes; at most {MAX_BYTES} are read")
    ticks_per_quarter, spans = _chunk_spans(data)
    chunks = [_read_chunk(data, start, end) for start, end in spans]
    first = chunks[0]
    return Score(
        ticks_per_quarter,
        tuple(_tracks(chunks)),
        _tempo_map([tempo for chunk in chunks for tempo in chunk.tempos]),
        _metre_map([metre for chunk in chunks for metre in chunk.metres]),
        first.name if not first.notes else "",
        tuple(sorted(lyric for chunk in chunks for lyric in chunk.lyrics)),
    )


def _chunk_spans(data: bytes) -> tuple[int, list[tuple[int, int]]]:
    """Ticks to a quarter, and where the body of each track chunk begins and ends."""
    if data[:4] != b"MThd":
        raise MidiError(f"byte 0: a MIDI file begins with 'MThd', found {data[:4]!r}")
    if len(data) < 14:
        raise MidiError(f"byte {len(data)}: the header of 14 bytes is cut short")
    length, form, _, division = struct.unpack(">IHHH", data[4:14])
    if form > 1 or length < 6:
        raise MidiError(f"byte 8: format 0 or 1 is expected, found {form} in a header of {length} bytes")
    if division == 0 or division & 0x8000:
        raise MidiError(f"byte 12: ticks to a quarter note are expected, found division {division:#06x}")
    spans: list[tuple[int, int]] = []
    at = 8 + length
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        end = at + 8 + size
        if end > len(data):
            raise MidiError(f"byte {at}: a chunk {kind!r} of {size} bytes is cut short by the file's end")
        if kind == b"MTrk":
            spans.append((at + 8, end))
        at = end
    if not spans:
        raise MidiError("the file has no track")
    return division, spans


def _events(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, bytes]]:
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
    wanted = _META_LENGTHS.get(kind - 0x100)
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


def _read_chunk(data: bytes, start: int, end: int) -> _Chunk:
    chunk = _Chunk()
    port = tick = 0
    sounding: dict[tuple[Voice, int], deque[tuple[int, int]]] = defaultdict(deque)
    for tick, status, body in _events(data, start, end):
        if status >= 0x100:
            port = body[0] if status == 0x100 + PORT else port
            _read_meta(chunk, tick, status - 0x100, body)
            continue
        kind, voice = status >> 4, (port, status & 0xF)
        if kind == _NOTE_ON and body[1]:
            sounding[voice, body[0]].append((tick, body[1]))
        elif kind in (_NOTE_ON, _NOTE_OFF):
            if waiting := sounding[voice, body[0]]:
                began, velocity = waiting.popleft()
                chunk.notes.append((voice, began, max(tick - began, 1), body[0], velocity))
        elif kind == _PROGRAM:
            chunk.programs.append((voice, tick, body[0]))
    for (voice, pitch), waiting in sounding.items():
        chunk.notes.extend((voice, began, max(tick - began, 1), pitch, v) for began, v in waiting)
    return chunk


def _read_meta(chunk: _Chunk, tick: int, kind: int, body: bytes) -> None:
    if kind == NAME and not chunk.name:
        chunk.name = _text(body)
    elif kind == LYRIC:
        chunk.lyrics.append((tick, _text(body)))
    elif kind == TEMPO:
        micros = int.from_bytes(body[:3], "big")
        if not micros:
            raise MidiError(f"tick {tick}: a tempo of no time to a quarter note")
        chunk.tempos.append(Tempo(tick, (60_000_000_000 + micros // 2) // micros))
    elif kind == METRE:
        if not body[0] or body[1] > 7:
            raise MidiError(f"tick {tick}: no time signature is {body[0]} over 2 to the power {body[1]}")
        chunk.metres.append(Metre(tick, body[0], 1 << body[1]))


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8").strip("\0 ")
    except UnicodeDecodeError:
        return body.decode("latin-1").strip("\0 ")


def _tracks(chunks: Sequence[_Chunk]) -> Iterator[Track]:
    """The sounding tracks: by chunk, then by port, channel and program."""
    programs: dict[Voice, list[tuple[int, int]]] = defaultdict(list)
    for chunk in chunks:
        for voice, tick, program in chunk.programs:
            programs[voice].append((tick, program))
    changes = {voice: sorted(found, key=lambda change: change[0]) for voice, found in programs.items()}
    for chunk in chunks:
        tables: dict[tuple[Voice, int], list[tuple[int, int, int, int]]] = defaultdict(list)
        for voice, start, duration, pitch, velocity in chunk.notes:
            program = _program_at(changes.get(voice, []), start)
            tables[voice, program].append((start, duration, pitch, velocity))
        for (voice, program), rows in sorted(tables.items()):
            yield Track(chunk.name, program, voice[1] == DRUM_CHANNEL, notes_of(rows))


def _program_at(changes: Sequence[tuple[int, int]], tick: int) -> int:
    place = bisect_right(changes, tick, key=lambda change: change[0])
    return changes[place - 1][1] if place else 0


def _tempo_map(tempos: Sequence[Tempo]) -> tuple[Tempo, ...]:
    found = {tempo.start_ticks: tempo for tempo in sorted(tempos, key=lambda tempo: tempo.start_ticks)}
    return tuple({0: Tempo(0, 120_000), **found}.values())


def _metre_map(metres: Sequence[Metre]) -> tuple[Metre, ...]:
    found = {metre.start_ticks: metre for metre in sorted(metres, key=lambda metre: metre.start_ticks)}
    return tuple({0: Metre(0, 4, 4), **found}.values())


def write_midi(score: Score, text: Sequence[str] = ()) -> bytes:
    """The score as a file of format 1: the same score gives the same bytes.

    A chunk of tempos, metres, lyrics and `text`, then one for each track with its name and program. From the
    sixteenth pitched track on, and from the second kit on, tracks go to further ports.
    """
    chunks = [_conductor(score, text)]
    melodic = drums = 0
    for track in score.tracks:
        if track.is_drum:
            port, channel = drums, DRUM_CHANNEL
            drums += 1
        else:
            port, place = divmod(melodic, len(MELODIC_CHANNELS))
            channel = MELODIC_CHANNELS[place]
            melodic += 1
        chunks.append(_track_chunk(track, port, channel))
    header = b"MThd" + struct.pack(">IHHH", 6, 1, len(chunks), score.ticks_per_quarter)
    return header + b"".join(chunks)


def _conductor(score: Score, text: Sequence[str]) -> bytes:
    events = [(0, 0, _meta(NAME, score.title.encode()))] if score.title else []
    events += [(0, 1, _meta(TEXT, line.encode())) for line in text]
    for tempo in score.tempos:
        micros = min((60_000_000_000 + tempo.bpm_milli // 2) // tempo.bpm_milli, 0xFFFFFF)
        events.append((tempo.start_ticks, 2, _meta(TEMPO, micros.to_bytes(3, "big"))))
    for metre in score.metres:
        power = metre.denominator.bit_length() - 1
        events.append((metre.start_ticks, 3, _meta(METRE, bytes([metre.numerator, power, 24, 8]))))
    events += [(start, 4, _meta(LYRIC, line.encode())) for start, line in score.lyrics]
    return _chunk(sorted(events, key=lambda event: event[:2]))


def _track_chunk(track: Track, port: int, channel: int) -> bytes:
    head = _meta(PORT, bytes([port])) if port else b""
    events = [(0, 0, head)] if head else []
    if track.name:
        events.append((0, 0, _meta(NAME, track.name.encode())))
    events.append((0, 0, bytes([_PROGRAM << 4 | channel, track.program])))
    notes: list[tuple[int, int, int, bytes]] = []
    for row in track.notes.tolist():
        start, pitch = row[START], row[PITCH]
        notes.append((start, 1, pitch, bytes([_NOTE_ON << 4 | channel, pitch, row[VELOCITY]])))
        notes.append((start + row[DURATION], 0, pitch, bytes([_NOTE_OFF << 4 | channel, pitch, 64])))
    notes.sort()
    return _chunk(events + [(tick, order, message) for tick, order, _, message in notes])


def _chunk(events: Sequence[tuple[int, int, bytes]]) -> bytes:
    """A track chunk of events that are in order of time."""
    parts: list[bytes] = []
    now = 0
    for tick, _, message in events:
        parts += [_quantity(tick - now), message]
        now = tick
    body = b"".join(parts) + b"\0" + _meta(END, b"")
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _meta(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + _quantity(len(body)) + body


def _quantity(value: int) -> bytes:
    """A number as a variable-length quantity."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
