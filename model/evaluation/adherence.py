"""Does a piece do what was asked? Each attribute by itself, read from the notes where notes can tell.

Tempo, metre and instruments stand in the file by construction; they are looked up there all the same.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from model.analysis import analyse
from model.evaluation.bars import BarPiece, score_of_piece
from model.evaluation.structure import boundary_f1, form_f1
from model.events import Ints, Note
from model.instruments import DRUM_KIT, instrument, of_program
from model.plan import SectionPlan, SongPlan, parse_key
from model.planning import SCALES
from model.prompt import MOODS, Prompt
from model.score import GRID
from model.sections import Section

T = TypeVar("T")
NAN = float("nan")
TEMPO_TOLERANCE = 0.02
LENGTH_TOLERANCE = 0.15


def adherence(prompt: Prompt, plan: SongPlan, piece: BarPiece) -> dict[str, float]:
    """For each attribute how far it is met, 0 to 1; not a number where it was not asked.

    - key, mode of a mood, tempo, length: 1 or 0. Length is met within 15 per cent.
    - metre: the part of the bars that have it.
    - instruments: F-measure of asked and sounding ones.
    - form: F-measure of pairs of bars with one label; borders: F-measure within a bar; both as the analysis
      of the notes finds them.
    - in_key, in_range: the part of the pitched notes in the scale of the planned key, and of all notes in
      what the instruments play.

    Args:
        plan: what was planned for the prompt.
    """
    found = analyse(score_of_piece(piece))
    minutes = int(piece.lengths_B.sum()) / GRID / piece.tempo_bpm
    return {
        "key": _asked(prompt.key, lambda key: float(parse_key(found.key) == parse_key(key))),
        "mood": _mood(prompt, found.key),
        "tempo": _asked(prompt.tempo_bpm, lambda tempo: _near(piece.tempo_bpm, tempo, TEMPO_TOLERANCE)),
        "metre": _asked(prompt.metre, lambda metre: float(np.mean([m == metre for m in piece.metres]))),
        "instruments": _asked(prompt.instruments, lambda names: _instruments(names, piece)),
        "form": _asked(prompt.structure, lambda _: form_f1(_labels(found.sections), _labels(plan.sections))),
        "borders": _asked(prompt.structure, lambda _: _borders(found.sections, plan.sections)),
        "length": _asked(prompt.minutes, lambda asked: _near(minutes, asked, LENGTH_TOLERANCE)),
        "in_key": in_key(piece, plan),
        "in_range": in_range(piece),
    }


def _asked(attribute: T | None, measured: Callable[[T], float]) -> float:
    return measured(attribute) if attribute else NAN


def _labels(sections: Sequence[Section | SectionPlan]) -> list[str]:
    """The label of each bar."""
    return [section.label for section in sections for _ in range(section.bar_start, section.bar_end)]


def _borders(found: Sequence[Section], planned: Sequence[SectionPlan]) -> float:
    ours, theirs = ([section.bar_start for section in some[1:]] for some in (found, planned))
    return boundary_f1(ours, theirs)


def in_key(piece: BarPiece, plan: SongPlan) -> float:
    """The part of the pitched notes that lie in the scale of the planned key."""
    pitches = piece.pitched[:, Note.PITCH]
    scale = (np.array(SCALES[plan.is_minor]) + plan.tonic) % 12
    return float(np.isin(pitches % 12, scale).mean()) if len(pitches) else NAN


def in_range(piece: BarPiece) -> float:
    """The part of the pitched notes that their instruments can play."""
    notes = piece.pitched
    if not len(notes):
        return NAN
    low, high = _ranges(piece.instruments)[notes[:, Note.TRACK]].T
    return float(((notes[:, Note.PITCH] >= low) & (notes[:, Note.PITCH] <= high)).mean())


def _ranges(instruments: tuple[int, ...]) -> Ints:
    players = [None if code == DRUM_KIT else of_program(code) for code in instruments]
    return np.array([(0, 127) if p is None else (p.low, p.high) for p in players], dtype=np.int32)


def _mood(prompt: Prompt, key: str) -> float:
    mood = MOODS.get(prompt.mood or "")
    if mood is None or mood.minor is None:
        return NAN
    return float(parse_key(key)[1] == mood.minor)


def _near(found: float, asked: float, tolerance: float) -> float:
    return float(abs(found / asked - 1) <= tolerance)


def _instruments(names: Sequence[str], piece: BarPiece) -> float:
    asked = [instrument(name) for name in names]
    wanted = Counter(DRUM_KIT if p.is_drum else p.program for p in asked if p is not None)
    sounding = Counter(piece.instruments[track] for track in np.unique(piece.notes[:, Note.TRACK]))
    common = sum((wanted & sounding).values())
    return 2 * common / (sum(wanted.values()) + sum(sounding.values()))
