"""How does a score become sheet music that any notation program opens?

Notes that sound together and end together become chords; what overlaps goes into voices of its own; a note
is tied over bar lines and cut into values that can be written. What is read back has the same notes at the
same times; velocities are not written.

Source: MusicXML 4.0 (W3C Community Group report), written by music21.
"""

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from model.analysis import Bar, find_bars
from model.midi import CHANNELS, DRUM_CHANNEL, MELODIC_CHANNELS
from model.plan import fifths_of
from model.score import DURATION, GRID, PITCH, START, Score, Track

# Lengths in grid steps that one note value, plain, dotted or of a triplet, can say; the longest first.
TRIPLETS = frozenset((16, 8, 4, 2, 1))
VALUES = (72, 48, 36, 24, 18, 16, 12, 9, 8, 6, 4, 3, 2, 1)
MIDDLE_C = 60
SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "D-", "D", "E-", "E", "F", "G-", "G", "A-", "A", "B-", "B")
Element: TypeAlias = Any  # music21 has no types
_UNSTEADY = re.compile(rb"<encoding-date>[^<]*</encoding-date>|<!DOCTYPE[^>]*>")
_CHANNEL = re.compile(rb"(\d+)</midi-channel>")
_SOFTWARE = re.compile(rb"<software>[^<]*</software>")


@dataclass(frozen=True)
class Sound:
    """Pitches that sound together from a step on; none for a rest.

    Attributes:
        held: whether they have sounded before.
        sounds_on: whether they go on sounding after.
    """

    start: int
    length: int
    pitches: tuple[int, ...]
    held: bool = False
    sounds_on: bool = False


def write_musicxml(score: Score, *, key: str | None = None, text: str = "") -> bytes:
    """The score as MusicXML; the same score gives the same bytes.

    A minute of a small band takes half a second; twelve minutes of 24 parts took 80 seconds.

    Args:
        score: on the grid.
        key: such as `Eb major`, where it is known.
        text: a remark about where the piece came from.
    """
    fifths = None if key is None else fifths_of(key)
    # Half a second to import, which nothing else needs.
    writer = _Writer(importlib.import_module("music21"), score, find_bars(score), fifths)
    exporter = writer.music21.musicxml.m21ToXml.ScoreExporter(writer.score_of(text), makeNotation=False)
    exporter.parse()
    data: bytes = exporter.asBytes()
    data = _CHANNEL.sub(lambda found: b"%d</midi-channel>" % (1 + (int(found[1]) - 1) % CHANNELS), data)
    return _SOFTWARE.sub(b"<software>Contrafact</software>", _UNSTEADY.sub(b"", data), count=1)


@dataclass(frozen=True)
class _Writer:
    """A score on its way into music21's objects."""

    music21: Element
    score: Score
    bars: Sequence[Bar]
    fifths: int | None

    def score_of(self, text: str) -> Element:
        whole = self.music21.stream.Score(id="score")
        title = self.score.title or "Untitled"
        whole.insert(0, self.music21.metadata.Metadata(title=title, composer="Contrafact", copyright=text))
        for index, track in enumerate(self.score.tracks):
            whole.insert(0, self.part_of(track, index))
        return whole

    def part_of(self, track: Track, index: int) -> Element:
        part = self.music21.stream.Part(id=f"P{index + 1}")
        part.partName = track.name or f"Track {index + 1}"
        part.insert(0, self.instrument_of(track, index))
        voices = voices_of(track)
        before = None
        for number, bar in enumerate(self.bars, start=1):
            measure = self.music21.stream.Measure(number=number)
            metre = f"{bar.numerator}/{bar.denominator}"
            if metre != before:
                measure.insert(0, self.music21.meter.TimeSignature(metre))
            if before is None:
                measure.insert(0, self.clef_of(track))
            if before is None and self.fifths is not None and not track.is_drum:
                measure.insert(0, self.music21.key.KeySignature(self.fifths))
            if index == 0:
                self.insert_tempos(measure, bar)
            self.fill(measure, voices, bar)
            part.append(measure)
            before = metre
        part.makeAccidentals(inPlace=True, cautionaryNotImmediateRepeat=False)
        part.makeBeams(inPlace=True)
        return part

    def instrument_of(self, track: Track, index: int) -> Element:
        instrument = self.music21.instrument.Instrument(track.name or f"Track {index + 1}")
        instrument.midiProgram = track.program
        # A channel of its own for each, or music21 complains; they are brought back to sixteen at the end.
        port, place = divmod(index, len(MELODIC_CHANNELS))
        own = DRUM_CHANNEL if track.is_drum else MELODIC_CHANNELS[place]
        instrument.midiChannel = CHANNELS * (index if track.is_drum else port) + own
        instrument.instrumentId, instrument.partId = f"I{index + 1}", f"P{index + 1}"
        return instrument

    def clef_of(self, track: Track) -> Element:
        if track.is_drum:
            return self.music21.clef.PercussionClef()
        is_high = not len(track.notes) or track.notes[:, PITCH].mean() >= MIDDLE_C
        return self.music21.clef.TrebleClef() if is_high else self.music21.clef.BassClef()

    def insert_tempos(self, measure: Element, bar: Bar) -> None:
        for tempo in self.score.tempos:
            if bar.start_steps <= tempo.start_ticks < bar.start_steps + _length(bar):
                mark = self.music21.tempo.MetronomeMark(number=tempo.bpm_milli / 1000)
                measure.insert(Fraction(tempo.start_ticks - bar.start_steps, GRID), mark)

    def fill(self, measure: Element, voices: Sequence[Sequence[Sound]], bar: Bar) -> None:
        """The sounds of a bar in it, each voice without a gap."""
        inside = [list(_of_bar(voice, bar.start_steps, _length(bar))) for voice in voices]
        inside = [voice for voice in inside if any(sound.pitches for sound in voice)]
        if not inside:
            measure.insert(0, self.music21.note.Rest(quarterLength=Fraction(_length(bar), GRID)))
        for number, sounds in enumerate(inside, start=1):
            target = measure if len(inside) == 1 else self.music21.stream.Voice(id=str(number))
            for sound, bracket in zip(sounds, _brackets(sounds), strict=True):
                place = Fraction(sound.start - bar.start_steps, GRID)
                target.insert(place, self.written(sound, bracket))
            if target is not measure:
                measure.insert(0, target)

    def written(self, sound: Sound, bracket: str | None) -> Element:
        length = Fraction(sound.length, GRID)
        names = [_name(pitch, flats=(self.fifths or 0) < 0) for pitch in sound.pitches]
        if not names:
            found = self.music21.note.Rest(quarterLength=length)
        elif len(names) > 1:
            found = self.music21.chord.Chord(names, quarterLength=length)
        else:
            found = self.music21.note.Note(names[0], quarterLength=length)
        if sound.held or sound.sounds_on:
            kind = "continue" if sound.held and sound.sounds_on else "stop" if sound.held else "start"
            found.tie = self.music21.tie.Tie(kind)
        if bracket is not None:
            found.duration.tuplets[0].type = bracket
        return found


def _name(pitch: int, *, flats: bool) -> str:
    """The pitch as music21 writes it: a flat is a minus sign."""
    return f"{(FLATS if flats else SHARPS)[pitch % 12]}{pitch // 12 - 1}"


def _length(bar: Bar) -> int:
    return bar.numerator * 4 * GRID // bar.denominator


def _brackets(sounds: Sequence[Sound]) -> list[str | None]:
    """Where a triplet begins and ends: as soon as its sounds make a length that needs none."""
    found: list[str | None] = [None] * len(sounds)
    first, total = 0, 0
    for place, sound in enumerate(sounds):
        if sound.length not in TRIPLETS:
            total = 0
            continue
        first, total = (place if total == 0 else first), total + sound.length
        follows = place + 1 < len(sounds) and sounds[place + 1].length in TRIPLETS
        if total % 3 == 0 or not follows:
            found[first], found[place] = "start", "stop"
            if first == place:
                found[place] = "startStop"
            total = 0
    return found


def voices_of(track: Track) -> list[list[Sound]]:
    """The notes of a track as voices in which nothing overlaps, the first voice the fullest."""
    together: dict[tuple[int, int], list[int]] = {}
    for start, duration, pitch in track.notes[:, [START, DURATION, PITCH]].tolist():
        together.setdefault((start, duration), []).append(pitch)
    voices: list[list[Sound]] = []
    for (start, duration), pitches in sorted(together.items()):
        sound = Sound(start, duration, tuple(sorted(set(pitches))))
        free = next((voice for voice in voices if voice[-1].start + voice[-1].length <= start), None)
        if free is None:
            voices.append([sound])
        else:
            free.append(sound)
    return voices


def _of_bar(voice: Sequence[Sound], start: int, length: int) -> Iterator[Sound]:
    """What a voice sounds in a bar, with rests between, all in values that can be written."""
    here, end = start, start + length
    for sound in voice:
        if sound.start + sound.length <= start or sound.start >= end:
            continue
        first, last = max(sound.start, start), min(sound.start + sound.length, end)
        yield from _in_values(Sound(here, first - here, ()))
        cut = Sound(first, last - first, sound.pitches, sound.start < start, sound.start + sound.length > end)
        yield from _in_values(cut)
        here = last
    yield from _in_values(Sound(here, end - here, ()))


def _in_values(sound: Sound) -> Iterator[Sound]:
    """A sound cut into lengths that can be written, each tied to the next."""
    start, end = sound.start, sound.start + sound.length
    while start < end:
        value = next(value for value in VALUES if value <= end - start)
        held, sounds_on = sound.held or start > sound.start, sound.sounds_on or start + value < end
        yield Sound(start, value, sound.pitches, held, sounds_on)
        start += value
