"""What music is in a file, and which examples does it give?

Scores that are not MIDI are converted once and kept as MIDI, by the converter's name and the digest of the
file, so that a corpus is the same whether it was converted now or long ago.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from catalog.errors import CatalogError
from catalog.files import FileStore, write_atomically
from catalog.likeness.fingerprint import Notes, music_digest, tokens_of
from catalog.vocabulary import EncodingFormat
from model.analysis import analyse
from model.errors import ModelError, NotationError
from model.examples import table_of
from model.excerpts import MAX_EVENTS, excerpts
from model.midi import read_midi, write_midi
from model.score import DURATION, PITCH, START, Score, grid_digest, quantise
from provenance.corpus.plan import PlannedFile

READ_AT_ONCE = 64

R = TypeVar("R")

ReadNotation = Callable[[Iterable[tuple[str, bytes]]], Iterable[Score | NotationError]]


@dataclass(frozen=True)
class Converter:
    """How scores that are not MIDI are read: by what, in which version, and where what it gave is kept."""

    name: str
    read_all: ReadNotation
    cache: Path

    def kept(self, encoding_id: str) -> Path:
        """Where the MIDI of a file is kept."""
        return self.cache / self.name / encoding_id[:2] / f"{encoding_id}.mid"


@dataclass(frozen=True)
class Job:
    """A file to be looked at; `fault` says why its bytes are not there."""

    file: PlannedFile
    midi: bytes | None
    fault: str | None = None
    max_events: int = 512


class Apply(Protocol):
    """`map`, or the `map` of a pool of processes: the results in the order of the jobs."""

    def __call__(self, function: Callable[[Job], R], jobs: Iterable[Job], /) -> Iterable[R]:
        """The results."""


@dataclass(frozen=True, eq=False)
class Music:
    """What a file holds: a digest and a sketch of its notes, or a fault; of a cleared file its examples.

    `tune` is a digest that is the same in every key and at every tempo, for a file with pitched notes.
    `notes` are onset, duration and pitch of what is not drums, where the file has just been read.
    """

    file: PlannedFile
    digest: str | None = None
    fault: str | None = None
    table: pa.Table | None = None
    events: int = 0
    sketch: tuple[int, ...] = ()
    tune: str | None = None
    notes: Notes | None = None


def jobs_of(
    files: Sequence[PlannedFile], store: FileStore, converter: Converter, max_events: int
) -> Iterator[Job]:
    """The files with their MIDI, in their order; what is not kept yet is converted and then kept."""
    for start in range(0, len(files), READ_AT_ONCE):
        some = files[start : start + READ_AT_ONCE]
        found = {file.encoding_id: _found(file, store, converter, max_events) for file in some}
        missing = [file for file in some if found[file.encoding_id] is None]
        found.update(_converted(missing, store, converter, max_events))
        yield from (job for job in found.values() if job is not None)


def examples_of(job: Job) -> Music:
    """The examples of a cleared file, or why there are none. Can run in another process."""
    music, score = _looked_at(job)
    if score is None:
        return music
    try:
        found = excerpts(score, analyse(score), job.file.genre, job.max_events)
    except ModelError as error:
        return replace(music, fault=str(error))
    table = table_of(
        found, work_id=job.file.work_id, encoding_id=job.file.encoding_id, origin=job.file.origin.value,
        grants=job.file.grants,
    )  # fmt: skip
    events = sum(excerpt.num_events for excerpt in found)
    return replace(music, table=table, events=events)


def digest_of(job: Job) -> Music:
    """The digest of the notes of a file, or why there is none. Can run in another process."""
    return _looked_at(job)[0]


def notes_of_file(file: PlannedFile, store: FileStore, converter: Converter) -> Notes:
    """Onset, duration and pitch of what is not drums in a file, for its likeness; none if it is gone."""
    notes = digest_of(next(jobs_of([file], store, converter, MAX_EVENTS))).notes
    return np.zeros((0, 3), dtype=np.int32) if notes is None else notes


def _pitched(score: Score) -> Notes:
    """Onset, duration and pitch of every note that is not of a drum."""
    rows = [track.notes[:, [START, DURATION, PITCH]] for track in score.tracks if not track.is_drum]
    return np.concatenate([np.zeros((0, 3), dtype=np.int32), *rows])


def _looked_at(job: Job) -> tuple[Music, Score | None]:
    if job.midi is None:
        return Music(job.file, fault=job.fault), None
    try:
        score = quantise(read_midi(job.midi))
    except ModelError as error:
        return Music(job.file, fault=str(error)), None
    if not score.num_notes:
        return Music(job.file, fault="there is not one note in it"), None
    notes = _pitched(score)
    sketch = tuple(tokens_of(notes).sketch.tolist())
    tune = music_digest(notes) if len(notes) else None
    return Music(job.file, grid_digest(score), sketch=sketch, tune=tune, notes=notes), score


def _found(file: PlannedFile, store: FileStore, converter: Converter, max_events: int) -> Job | None:
    kept = converter.kept(file.encoding_id)
    try:
        if file.format is EncodingFormat.MIDI:
            return Job(file, store.read(file.encoding_id), None, max_events)
    except CatalogError as error:
        return Job(file, None, str(error))
    return Job(file, kept.read_bytes(), None, max_events) if kept.is_file() else None


def _converted(
    files: Sequence[PlannedFile], store: FileStore, converter: Converter, max_events: int
) -> dict[str, Job]:
    found, readable = {}, []
    for file in files:
        try:
            readable.append((file, store.read(file.encoding_id)))
        except CatalogError as error:
            found[file.encoding_id] = Job(file, None, str(error))
    scores = converter.read_all([(file.file_name, data) for file, data in readable])
    for (file, _), score in zip(readable, scores, strict=True):
        if isinstance(score, NotationError):
            found[file.encoding_id] = Job(file, None, str(score))
            continue
        midi = write_midi(score)
        write_atomically(converter.kept(file.encoding_id), midi)
        found[file.encoding_id] = Job(file, midi, None, max_events)
    return found
