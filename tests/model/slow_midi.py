"""The slow obvious reader of MIDI files, event by event and note by note: what the fast one is checked by."""

from bisect import bisect_right
from collections import defaultdict, deque

from model.midi import DRUM_CHANNEL, _chunk_spans, _Metas, _metre_map, _tempo_map
from model.midi_events import PORT, Meta, _each
from model.score import Score, Track, notes_of


def read_slowly(data):
    ticks, spans = _chunk_spans(data)
    notes, programs, metas = [], defaultdict(list), []
    for chunk, (start, end) in enumerate(spans):
        notes.append(_read_chunk(data, start, end, chunk, programs, metas))
    told = _Metas(metas)
    title = told.names.get(0, "") if not notes[0] else ""
    tracks = tuple(_tracks(notes, programs, told.names))
    return Score(
        ticks, tracks, _tempo_map(told.tempos), _metre_map(told.metres), title, tuple(sorted(told.lyrics))
    )


def _read_chunk(data, start, end, chunk, programs, metas):
    port = tick = 0
    notes, sounding = [], defaultdict(deque)
    for tick, status, body in _each(data, start, end):
        if status >= 0x100:
            port = body[0] if status == 0x100 + PORT else port
            metas.append(Meta(chunk, tick, status - 0x100, body, 0))
            continue
        kind, voice = status >> 4, (port, status & 0xF)
        if kind == 0x9 and body[1]:
            sounding[voice, body[0]].append((tick, body[1]))
        elif kind in (0x8, 0x9):
            if waiting := sounding[voice, body[0]]:
                began, velocity = waiting.popleft()
                notes.append((voice, began, max(tick - began, 1), body[0], velocity))
        elif kind == 0xC:
            programs[voice].append((tick, body[0]))
    for (voice, pitch), waiting in sounding.items():
        notes.extend((voice, began, max(tick - began, 1), pitch, v) for began, v in waiting)
    return notes


def _tracks(chunks, programs, names):
    changes = {voice: sorted(found, key=lambda change: change[0]) for voice, found in programs.items()}
    for chunk, notes in enumerate(chunks):
        tables = defaultdict(list)
        for voice, start, duration, pitch, velocity in notes:
            of_voice = changes.get(voice, [])
            place = bisect_right(of_voice, start, key=lambda change: change[0])
            program = of_voice[place - 1][1] if place else 0
            tables[voice, program].append((start, duration, pitch, velocity))
        for (voice, program), rows in sorted(tables.items()):
            yield Track(names.get(chunk, ""), program, voice[1] == DRUM_CHANNEL, notes_of(rows))
