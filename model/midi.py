"""How does a Standard MIDI File become a score, and a score a file?

The reader is our own because files come from strangers: symusic 0.5.8 ends the process on some malformed ones
and takes truncated ones for whole. It is the same music as mido reads, and every refusal names the byte.

Source: Standard MIDI Files 1.0 (RP-001); MIDI port meta event 0x21 as sequencers write it.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from model.errors import MidiError
from model.midi_events import END, KEY, METRE, PORT, TEMPO, Events, Ints, Meta, read_events
from model.plan import fifths_of, parse_key
from model.score import DURATION, PITCH, START, VELOCITY, Metre, Score, Tempo, Track, sorted_notes

MAX_BYTES = 32 * 1024 * 1024
DRUM_CHANNEL = 9
MELODIC_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
CHANNELS, PITCHES = 16, 128
TEXT, NAME, LYRIC = 0x01, 0x03, 0x05
_NOTE_OFF, _NOTE_ON, _PROGRAM = 0x8, 0x9, 0xC
MOST_OF_A_KEY = 1 << 24  # messages: a file of 32 MiB has fewer
CHUNK, VOICE, BEGAN = 0, 1, 2  # columns of paired notes, before those of a track's


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
    events = read_events(data, spans)
    metas = _Metas(events.metas)
    voice_E = _voices(events)
    notes_N = _paired(events, voice_E)
    return Score(
        ticks_per_quarter,
        tuple(_tracks(notes_N, _programs(events, voice_E), metas.names)),
        _tempo_map(metas.tempos),
        _metre_map(metas.metres),
        metas.names.get(0, "") if not (notes_N[:, CHUNK] == 0).any() else "",
        tuple(sorted(metas.lyrics)),
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


class _Metas:
    """What the meta events of a file say."""

    def __init__(self, metas: Sequence[Meta]) -> None:
        self.names: dict[int, str] = {}  # of chunks
        self.lyrics: list[tuple[int, str]] = []
        self.tempos: list[Tempo] = []
        self.metres: list[Metre] = []
        for meta in metas:
            self._take(meta.chunk, meta.tick, meta.kind, meta.body)

    def _take(self, chunk: int, tick: int, kind: int, body: bytes) -> None:
        if kind == NAME and not self.names.get(chunk):
            self.names[chunk] = _text(body)
        elif kind == LYRIC:
            self.lyrics.append((tick, _text(body)))
        elif kind == TEMPO:
            micros = int.from_bytes(body[:3], "big")
            if not micros:
                raise MidiError(f"tick {tick}: a tempo of no time to a quarter note")
            self.tempos.append(Tempo(tick, (60_000_000_000 + micros // 2) // micros))
        elif kind == METRE:
            if not body[0] or body[1] > 7:
                raise MidiError(f"tick {tick}: no time signature is {body[0]} over 2 to the power {body[1]}")
            self.metres.append(Metre(tick, body[0], 1 << body[1]))


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8").strip("\0 ")
    except UnicodeDecodeError:
        return body.decode("latin-1").strip("\0 ")


def _voices(events: Events) -> Ints:
    """Of each message the voice, 16 x port + channel; a port holds from its meta event to the chunk's end."""
    port_E = np.zeros(len(events.tick_E), dtype=np.int64)
    for meta in events.metas:
        if meta.kind == PORT:
            later = np.arange(len(port_E)) >= meta.place
            port_E[later & (events.chunk_E == meta.chunk)] = meta.body[0]
    return port_E * CHANNELS + (events.status_E & 0xF)


def _paired(events: Events, voice_E: Ints) -> Ints:
    """The notes (N, 6): chunk, voice, start, duration, pitch, velocity.

    The first note of a pitch that began in a chunk and voice is the first that ends there.
    """
    kind_E = events.status_E >> 4
    is_on = (kind_E == _NOTE_ON) & (events.second_E > 0)
    is_note = is_on | (kind_E == _NOTE_ON) | (kind_E == _NOTE_OFF)
    key_E = (events.chunk_E.astype(np.int64) * 256 * CHANNELS + voice_E) * PITCHES + events.first_E
    order = np.flatnonzero(is_note)
    order = order[np.argsort(key_E[order], kind="stable")]
    key, on, tick = key_E[order], is_on[order], events.tick_E[order]
    ends = _ends_one(key, on)
    start, stop = np.flatnonzero(on), np.flatnonzero(ends)
    end = np.array(events.last_ticks, dtype=np.int64)[events.chunk_E[order[start]]]
    for_start, for_stop = (_numbered(key[place]) for place in (start, stop))
    place = np.searchsorted(for_start, for_stop)
    end[place] = tick[stop]
    first = order[start]
    return np.stack(
        [
            events.chunk_E[first], voice_E[first], events.tick_E[first],
            np.maximum(end - events.tick_E[first], 1), events.first_E[first], events.second_E[first],
        ],
        axis=1,
    ).astype(np.int64)  # fmt: skip


def _ends_one(key: Ints, on: Ints) -> Ints:
    """Which messages end a note: those that are no beginning, where one of their key still sounds.

    The number of notes that sound is the sum of +1 and -1 so far, less the least that it ever was below zero.
    """
    if not len(key):
        return np.zeros(0, dtype=bool)
    segment = np.cumsum(np.diff(key, prepend=key[0]) != 0)
    begins = np.flatnonzero(np.diff(segment, prepend=-1))
    total = np.cumsum(np.where(on, 1, -1))
    before = np.where(begins > 0, total[begins - 1], 0)
    sounding = total - before[segment]
    apart = 2 * len(key) + 2  # so that the least of one key says nothing of the next
    least = np.minimum.accumulate(np.minimum(sounding, 0) - apart * segment) + apart * segment
    least_before = np.concatenate([[0], least[:-1]])
    least_before[begins] = 0
    ends: Ints = ~on & (sounding >= least_before)
    return ends


def _numbered(key: Ints) -> Ints:
    """Ascending numbers for sorted keys: of those with the same key, one more for each that came before."""
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    within = np.arange(len(key)) - np.repeat(begins, np.diff(np.append(begins, len(key))))
    numbered: Ints = key * MOST_OF_A_KEY + within
    return numbered


def _programs(events: Events, voice_E: Ints) -> dict[int, tuple[Ints, Ints]]:
    """The ticks of each voice's changes of program, in order, and the programs."""
    changes = np.flatnonzero(events.status_E >> 4 == _PROGRAM)
    changes = changes[np.lexsort((events.tick_E[changes], voice_E[changes]))]
    found = {}
    for voice in np.unique(voice_E[changes]).tolist():
        own = changes[voice_E[changes] == voice]
        found[voice] = (events.tick_E[own], events.first_E[own])
    return found


def _tracks(
    notes_N: Ints, programs: Mapping[int, tuple[Ints, Ints]], names: Mapping[int, str]
) -> Iterator[Track]:
    """The sounding tracks: by chunk, then by port, channel and program."""
    program_N = np.zeros(len(notes_N), dtype=np.int64)
    for voice, (ticks, changed) in programs.items():
        own = np.flatnonzero(notes_N[:, VOICE] == voice)
        place = np.searchsorted(ticks, notes_N[own, BEGAN], side="right") - 1
        program_N[own] = np.where(place >= 0, changed[place], 0)
    track_N = (notes_N[:, CHUNK] * 256 * CHANNELS + notes_N[:, VOICE]) * PITCHES + program_N
    order = np.argsort(track_N, kind="stable")
    borders = np.flatnonzero(np.diff(track_N[order], prepend=-1))
    for own in np.split(order, borders[1:]) if len(order) else ():
        chunk, voice = notes_N[own[0], [CHUNK, VOICE]].tolist()
        table = sorted_notes(notes_N[own, BEGAN:].astype(np.int32))
        yield Track(names.get(chunk, ""), int(program_N[own[0]]), voice % CHANNELS == DRUM_CHANNEL, table)


def _tempo_map(tempos: Sequence[Tempo]) -> tuple[Tempo, ...]:
    found = {tempo.start_ticks: tempo for tempo in sorted(tempos, key=lambda tempo: tempo.start_ticks)}
    return tuple({0: Tempo(0, 120_000), **found}.values())


def _metre_map(metres: Sequence[Metre]) -> tuple[Metre, ...]:
    found = {metre.start_ticks: metre for metre in sorted(metres, key=lambda metre: metre.start_ticks)}
    return tuple({0: Metre(0, 4, 4), **found}.values())


def write_midi(score: Score, text: Sequence[str] = (), key: str | None = None) -> bytes:
    """The score as a file of format 1: the same score gives the same bytes.

    A chunk of tempos, metres, the key where it is known, lyrics and `text`, then one for each track with its
    name and program. From the sixteenth pitched track on, and from the second kit on, tracks go to further
    ports.
    """
    chunks = [_conductor(score, text, key)]
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


def _conductor(score: Score, text: Sequence[str], key: str | None) -> bytes:
    events = [(0, 0, _meta(NAME, score.title.encode()))] if score.title else []
    events += [(0, 1, _meta(TEXT, line.encode())) for line in text]
    for tempo in score.tempos:
        micros = min((60_000_000_000 + tempo.bpm_milli // 2) // tempo.bpm_milli, 0xFFFFFF)
        events.append((tempo.start_ticks, 2, _meta(TEMPO, micros.to_bytes(3, "big"))))
    if key is not None:
        signature = struct.pack(">bB", fifths_of(key), parse_key(key)[1])
        events.append((0, 3, _meta(KEY, signature)))
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
