"""From a generation to another one: changed where it was asked, and nowhere else."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from console.home import Home
from console.progress import Advance
from console.steps.generating import Piece as Written
from console.steps.generating import checkpoint_of, midi_of, read_excerpts, write_piece
from console.steps.originality import OnRepeat
from model.checkpoint import load_checkpoint
from model.editing import (
    Piece,
    continued,
    find_track,
    piece_of,
    recomposed,
    reorchestrated,
    reordered,
    semitones_to,
    transposed,
)
from model.errors import EditError
from model.excerpts import MAX_EVENTS
from model.network import Composer
from provenance.generations import find_generation
from provenance.runs import find_run


class EditKind(StrEnum):
    """What can be done to a piece."""

    CONTINUE = "continue"
    INFILL = "infill"
    TRACK = "track"
    REPLACE = "replace"
    TRANSPOSE = "transpose"
    ORDER = "order"


COMPOSES = (EditKind.CONTINUE, EditKind.INFILL, EditKind.TRACK)


@dataclass(frozen=True)
class Edit:
    """One change: its kind with what it is about, as it was written, and for a track the bars."""

    kind: EditKind
    about: str
    bars: str | None = None

    def to_json(self) -> dict[str, str]:
        """The change as it is written down."""
        told = {"edit": self.kind.value, "about": self.about}
        return told if self.bars is None else {**told, "bars": self.bars}


def edit_piece(
    home: Home,
    generation_id: str,
    edit: Edit,
    seed: int,
    advance: Advance,
    on_repeat: OnRepeat = OnRepeat.RECORD,
) -> Written:
    """A generation whose parent is the one that was edited; the same edit and seed give the same piece.

    Raises:
        TooAlikeError: the new piece repeats a work, and such pieces are to be refused.
        EditError: the piece has not what the edit is about, or its files are not those on record.
    """
    with home.session() as session:
        parent = find_generation(session, generation_id)
        run = find_run(session, parent.run_id)
    before = piece_of(read_excerpts(home, generation_id))
    midi = midi_of(before.finished(MAX_EVENTS), run.id)
    if hashlib.sha256(midi).hexdigest() != parent.midi_sha256:
        raise EditError(f"the notes of {generation_id} are not those of the MIDI on record: nothing was done")
    model = load_checkpoint(checkpoint_of(home, run))[0] if edit.kind in COMPOSES else None
    max_events = MAX_EVENTS if model is None else model.config.max_events
    after = _changed(before, edit, model, seed, advance)
    return write_piece(home, run, generation_id, edit.to_json(), seed, after.finished(max_events), on_repeat)


def _changed(piece: Piece, edit: Edit, model: Composer | None, seed: int, advance: Advance) -> Piece:
    if model is None:
        return _rearranged(piece, edit)
    rng = np.random.default_rng(seed)

    def progress(done: int, total: int) -> None:
        advance(done, total, "bars")

    if edit.kind is EditKind.CONTINUE:
        return continued(model, piece, _count(edit.about), rng, progress)
    if edit.kind is EditKind.INFILL:
        return recomposed(model, piece, rng, bars=_bars(edit.about), progress=progress)
    bars = None if edit.bars is None else _bars(edit.bars)
    return recomposed(model, piece, rng, bars=bars, track=find_track(piece, edit.about), progress=progress)


def _rearranged(piece: Piece, edit: Edit) -> Piece:
    if edit.kind is EditKind.REPLACE:
        track, equals, name = edit.about.partition("=")
        if not equals:
            raise EditError(f"'{edit.about}' names no track and instrument: write it as bass=cello")
        return reorchestrated(piece, find_track(piece, track), name)
    if edit.kind is EditKind.TRANSPOSE:
        text = edit.about.strip()
        is_number = text.lstrip("+-").isdecimal()
        return transposed(piece, int(text) if is_number else semitones_to(piece, text))
    return reordered(piece, _order(piece, edit.about))


def _order(piece: Piece, text: str) -> list[int]:
    """Indices of sections, by number from 1 or by label; a label means the first section that has it."""
    labels = [section.label for section in piece.plan.sections]
    found = []
    for word in text.replace(",", " ").split():
        if word.isdecimal():
            found.append(int(word) - 1)
        elif word in labels:
            found.append(labels.index(word))
        else:
            raise EditError(f"'{word}' is no section here: there are {' '.join(labels)}")
    return found


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise EditError(f"'{text}' is no number of bars")
    return int(text)


def _bars(text: str) -> tuple[int, int]:
    """The first bar and the one after the last, from 0, of bars counted from 1, as in 9-16."""
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()) or int(first) < 1:
        raise EditError(f"'{text}' are no bars: write them as 9-16")
    return int(first) - 1, int(last or first)
