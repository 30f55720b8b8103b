"""How is a piece changed here and left alone everywhere else?

What an edit does not name comes out as it was, note for note. Some edits only move what is there: another
key, another instrument, another order of sections. The others compose: the network reads what stays as if it
had chosen it, and writes where there is room.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.errors import EditError
from model.events import Ints, Note, bar_steps
from model.excerpts import Excerpt
from model.generation import Frame, Generated, compose, generated, one_thread
from model.instruments import Instrument, instrument, of_program
from model.network import Composer
from model.plan import (
    CHORD_QUALITIES,
    MAX_PHRASES,
    MAX_SECTIONS,
    TONICS,
    SectionPlan,
    SongPlan,
    TrackPlan,
    fit_spans,
    parse_key,
)
from model.planning import with_chords
from model.score import GRID

MAX_MINUTES = 12
PHRASE_BARS = 4
OCTAVE = 12

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece as the network writes one: its plan, and its notes in event order."""

    plan: SongPlan
    notes: Ints

    @property
    def ensemble(self) -> tuple[Instrument, ...]:
        """The instrument of each track."""
        return tuple(_player(track) for track in self.plan.tracks)

    def finished(self, max_events: int) -> Generated:
        """The piece as a score and as excerpts."""
        return generated(self.plan, self.notes, self.ensemble, max_events)


def piece_of(excerpts: Sequence[Excerpt]) -> Piece:
    """The piece that was cut into these excerpts.

    Raises:
        EditError: there are none.
    """
    if not excerpts:
        raise EditError("there is nothing of this piece to edit: no bar of it fits into an example")
    return Piece(excerpts[0].plan, np.concatenate([excerpt.notes for excerpt in excerpts]))


def _player(track: TrackPlan) -> Instrument:
    drums = instrument("drums")
    assert drums is not None
    return drums if track.is_drum else of_program(track.program)


def find_track(piece: Piece, name: str) -> int:
    """The index of a track by its number from 1, or by its instrument's name where only one track has it.

    Raises:
        EditError: no track, or more than one, is meant.
    """
    names = [player.name for player in piece.ensemble]
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    wanted = instrument(name.strip().lower())
    found = [i for i, player in enumerate(piece.ensemble) if wanted is not None and player == wanted]
    if len(found) != 1:
        listed = ", ".join(f"{i} {each}" for i, each in enumerate(names, start=1))
        raise EditError(f"'{name}' is {'several tracks' if found else 'no track'}; there are {listed}")
    return found[0]


def transposed(piece: Piece, semitones: int) -> Piece:
    """The piece so many semitones higher; drums stay.

    Raises:
        EditError: a note would leave the range of MIDI.
    """
    plan, notes = piece.plan, piece.notes.copy()
    pitched = ~np.array([track.is_drum for track in plan.tracks])[notes[:, Note.TRACK]]
    notes[pitched, Note.PITCH] += semitones
    if len(notes) and not ((notes[:, Note.PITCH] >= 0) & (notes[:, Note.PITCH] <= 127)).all():
        raise EditError(f"{semitones} semitones take some notes out of the range of MIDI: move it less far")
    mode = "minor" if plan.is_minor else "major"
    key = f"{TONICS[(plan.tonic + semitones) % 12]} {mode}"
    chords = tuple(_moved(code, semitones) for code in plan.chords)
    return Piece(replace(plan, key=key, chords=chords), _in_order(notes))


def semitones_to(piece: Piece, key: str) -> int:
    """The nearest way to another key of the same mode.

    Raises:
        EditError: it is no key, or of the other mode.
    """
    try:
        tonic, is_minor = parse_key(key)
    except ValueError as error:
        raise EditError(str(error)) from error
    if is_minor != piece.plan.is_minor:
        raise EditError(f"the piece is in {piece.plan.key}: moving it does not make it {key.split()[-1]}")
    return (tonic - piece.plan.tonic + 5) % 12 - 5


def _moved(code: int, semitones: int) -> int:
    """A chord's code with its root so many semitones higher; 0 is no chord."""
    if not code:
        return 0
    root, quality = divmod(code - 1, len(CHORD_QUALITIES))
    return 1 + (root + semitones) % 12 * len(CHORD_QUALITIES) + quality


def reorchestrated(piece: Piece, track: int, name: str) -> Piece:
    """The piece with another instrument on a track, its notes moved by octaves into the instrument's range.

    Raises:
        EditError: there is no such instrument, or a drum kit would play a tune.
    """
    player, before = instrument(name.strip().lower()), piece.ensemble[track]
    if player is None:
        raise EditError(f"'{name}' is no instrument that is known here")
    if player.is_drum != before.is_drum:
        raise EditError(f"{before.name} cannot become {player.name}: one of them is a drum kit")
    notes = piece.notes.copy()
    own = np.flatnonzero(notes[:, Note.TRACK] == track)
    notes[own, Note.PITCH] = _into_range(notes[own, Note.PITCH], player)
    tracks = list(piece.plan.tracks)
    tracks[track] = replace(tracks[track], program=player.program)
    return Piece(replace(piece.plan, tracks=tuple(tracks)), _in_order(notes))


def _into_range(pitch: Ints, player: Instrument) -> Ints:
    """The pitches moved by the octaves that leave fewest outside, and those each by its own."""
    if player.is_drum or not len(pitch):
        return pitch
    shifts = OCTAVE * np.arange(-6, 7)
    moved = pitch[None] + shifts[:, None]
    outside = ((moved < player.low) | (moved > player.high)).sum(1)
    best = min(range(len(shifts)), key=lambda i: (outside[i], abs(shifts[i])))
    found = moved[best]
    found = found + OCTAVE * np.ceil(np.maximum(player.low - found, 0) / OCTAVE).astype(found.dtype)
    inside: Ints = found - OCTAVE * np.ceil(np.maximum(found - player.high, 0) / OCTAVE).astype(found.dtype)
    return inside.astype(np.int32)


def reordered(piece: Piece, order: Sequence[int]) -> Piece:
    """The piece with its sections in another order; each may come several times, or not at all.

    Args:
        order: indices of sections.

    Raises:
        EditError: there is no such section, or the piece would be too long.
    """
    plan = piece.plan
    if not order or not all(0 <= index < len(plan.sections) for index in order):
        raise EditError(f"the sections are numbered 1 to {len(plan.sections)}: name some of them")
    old = [plan.sections[index] for index in order]
    bars = np.concatenate([np.arange(section.bar_start, section.bar_end) for section in old])
    sections = _sections_of(plan, order)
    parts: list[Ints] = []
    phrases: list[tuple[int, int]] = []
    for section, model in zip(sections, old, strict=True):
        later = section.bar_start - model.bar_start
        part = piece.notes[_between(piece.notes, model.bar_start, model.bar_end)].copy()
        part[:, Note.BAR] += later
        parts.append(part)
        inside = [span for span in plan.phrases if model.bar_start <= span[0] < model.bar_end]
        phrases += [(start + later, min(end, model.bar_end) + later) for start, end in inside]
    chords = np.array(plan.chords).reshape(-1, 2)[bars].flatten().tolist()
    found = replace(
        plan, metres=tuple(plan.metres[bar] for bar in bars), sections=tuple(sections),
        phrases=tuple(fit_spans(phrases, MAX_PHRASES)), chords=tuple(chords),
    )  # fmt: skip
    _check_length(found)
    return Piece(found, np.concatenate(parts))


def _sections_of(plan: SongPlan, order: Sequence[int]) -> list[SectionPlan]:
    """The sections in their new order; each repeats the first that came of the same music."""
    found: list[SectionPlan] = []
    first_of: dict[int, int] = {}
    for index in order:
        model = plan.sections[index]
        root = index if model.repeats is None else model.repeats
        start = found[-1].bar_end if found else 0
        length = model.bar_end - model.bar_start
        repeats = first_of.setdefault(root, len(found))
        found.append(
            SectionPlan(
                model.label, start, start + length, None if repeats == len(found) else repeats, model.energy
            )
        )
    return found


def continued(
    model: Composer, piece: Piece, num_bars: int, rng: np.random.Generator, progress: Progress | None = None
) -> Piece:
    """The piece with a new section of so many bars at its end.

    Raises:
        EditError: it would be too long.
    """
    plan = piece.plan
    before, last = plan.num_bars, plan.sections[-1]
    label = chr(ord("A") + len({section.label for section in plan.sections}) % 26)
    section = SectionPlan(label, before, before + num_bars, None, last.energy)
    starts = range(before, before + num_bars, PHRASE_BARS)
    phrases = [*plan.phrases, *((start, min(start + PHRASE_BARS, before + num_bars)) for start in starts)]
    longer = replace(
        plan, metres=plan.metres + (plan.metres[-1],) * num_bars, sections=(*plan.sections, section),
        phrases=tuple(fit_spans(phrases, MAX_PHRASES)), chords=plan.chords + (0,) * (2 * num_bars),
    )  # fmt: skip
    _check_length(longer)
    free = np.zeros((longer.num_bars, len(plan.tracks)), dtype=bool)
    free[before:] = True
    with one_thread():
        longer = with_chords(model, longer, rng, known=2 * before)
        notes = compose(model, longer, piece.ensemble, rng, Frame(piece.notes, free), progress=progress)
    return Piece(longer, notes)


def recomposed(
    model: Composer,
    piece: Piece,
    rng: np.random.Generator,
    *,
    bars: tuple[int, int] | None = None,
    track: int | None = None,
    progress: Progress | None = None,
) -> Piece:
    """The piece with some bars, or one track, or one track in some bars, composed anew.

    Args:
        bars: the first, and the one after the last; else all.
        track: its index; else every track.

    Raises:
        EditError: there are no such bars.
    """
    start, end = bars or (0, piece.plan.num_bars)
    if not 0 <= start < end <= piece.plan.num_bars:
        raise EditError(f"the piece has the bars 1 to {piece.plan.num_bars}: name bars among them, as 5-8")
    free = np.zeros((piece.plan.num_bars, len(piece.plan.tracks)), dtype=bool)
    free[start:end, slice(None) if track is None else track] = True
    kept = piece.notes[~free[piece.notes[:, Note.BAR], piece.notes[:, Note.TRACK]]]
    with one_thread():
        notes = compose(model, piece.plan, piece.ensemble, rng, Frame(kept, free), progress=progress)
    return Piece(piece.plan, notes)


def _between(notes: Ints, start: int, end: int) -> slice:
    first, last = np.searchsorted(notes[:, Note.BAR], [start, end])
    return slice(int(first), int(last))


def _in_order(notes: Ints) -> Ints:
    ordered: Ints = notes[np.lexsort(notes[:, [Note.PITCH, Note.TRACK, Note.POSITION, Note.BAR]].T)]
    return ordered


def _check_length(plan: SongPlan) -> None:
    steps = sum(bar_steps(*metre) for metre in plan.metres)
    minutes = steps / GRID / plan.tempo_bpm
    if minutes > MAX_MINUTES:
        raise EditError(f"the piece would last {minutes:.1f} minutes; {MAX_MINUTES} are the most")
    if len(plan.sections) > MAX_SECTIONS:
        raise EditError(f"the piece would have {len(plan.sections)} sections; {MAX_SECTIONS} are the most")
