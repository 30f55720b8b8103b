"""What did a file give when it was read before?

What is in a file follows from its bytes and from the program that reads them, not from who owns it. So it
is kept under the digest of the MIDI that was read, and a corpus or an audit reads only what is new. The same
holds of how like two pieces are. An entry that is damaged, or of another version, is as good as none.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from catalog.files import FileStore
from model.examples import UNNAMED, named
from provenance.corpus.music import Apply, Converter, Job, Music, jobs_of
from provenance.corpus.plan import PlannedFile

READING = 2  # one more whenever the same bytes would give something else
AT_ONCE = 1_024
_KEY = b"contrafact.reading"
_DIGEST_BYTES = 32


class Readings:
    """What files gave, in a folder of the home; with no folder nothing is kept."""

    def __init__(self, folder: Path | None, *, max_events: int) -> None:
        self._folder = None if folder is None else folder / f"{READING}-{max_events}"

    def find(self, job: Job, *, whole: bool) -> Music | None:
        """What the file of a job gave.

        Args:
            whole: with its examples, and not only with what tells its music from other music.
        """
        payload = self._read(_name_of(job))
        return None if payload is None else _music_of(payload, job.file, whole=whole)

    def keep(self, job: Job, music: Music) -> None:
        """Keeps what the file of a job gave."""
        self._write(_name_of(job), _payload_of(music))

    def likenesses(self, digest: str) -> dict[str, float]:
        """How like other music, by its digest, the music of a digest was found to be."""
        payload = self._read(f"{digest}.json")
        found: dict[str, float] = {} if payload is None else json.loads(payload)
        return found

    def keep_likenesses(self, digest: str, found: Mapping[str, float]) -> None:
        """Keeps how like other music the music of a digest is."""
        self._write(f"{digest}.json", json.dumps(found, sort_keys=True).encode())

    def _read(self, name: str | None) -> bytes | None:
        if self._folder is None or name is None:
            return None
        try:
            data = (self._folder / name[:2] / name).read_bytes()
        except FileNotFoundError:
            return None
        payload = data[_DIGEST_BYTES:]
        return payload if hashlib.sha256(payload).digest() == data[:_DIGEST_BYTES] else None

    def _write(self, name: str | None, payload: bytes) -> None:
        """Not forced to the disk: what a power cut spoils is read again."""
        if self._folder is None or name is None:
            return
        path = self._folder / name[:2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{name}.{os.getpid()}.tmp")
        temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
        temporary.replace(path)


def read_music(
    files: Sequence[PlannedFile],
    read: Callable[[Job], Music],
    *,
    store: FileStore,
    converter: Converter,
    apply: Apply,
    readings: Readings,
    max_events: int,
    whole: bool,
) -> Iterator[Music]:
    """What is in the files, in their order: found where it was read before, else read and kept.

    Args:
        read: `examples_of`, or `digest_of` where the examples are not wanted.
        apply: runs the reading, where it pays in other processes.
        whole: whether the examples are wanted.
    """
    for start in range(0, len(files), AT_ONCE):
        jobs = list(jobs_of(files[start : start + AT_ONCE], store, converter, max_events))
        known = [readings.find(job, whole=whole) for job in jobs]
        fresh = iter(apply(read, [job for job, found in zip(jobs, known, strict=True) if found is None]))
        for job, found in zip(jobs, known, strict=True):
            if found is None:
                found = next(fresh)
                readings.keep(job, found)
            yield found


def _name_of(job: Job) -> str | None:
    return None if job.midi is None else f"{hashlib.sha256(job.midi).hexdigest()}.arrow"


def _payload_of(music: Music) -> bytes:
    rows = None if music.table is None else music.table.select(UNNAMED.names)
    told = {
        "digest": music.digest, "fault": music.fault, "events": music.events, "sketch": list(music.sketch),
        "tune": music.tune,
        "whole": rows is not None,
    }  # fmt: skip
    rows = UNNAMED.empty_table() if rows is None else rows
    sink = pa.BufferOutputStream()
    table = rows.combine_chunks().replace_schema_metadata({_KEY: json.dumps(told, sort_keys=True)})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _music_of(payload: bytes, file: PlannedFile, *, whole: bool) -> Music | None:
    table = pa.ipc.open_stream(payload).read_all()
    told = json.loads(table.schema.metadata[_KEY])
    known = {"sketch": tuple(told["sketch"]), "tune": told["tune"]}
    if not whole or told["fault"] is not None:
        return Music(file, told["digest"], told["fault"], **known)
    if not told["whole"]:
        return None
    rows = named(
        table.replace_schema_metadata(None), work_id=file.work_id, encoding_id=file.encoding_id,
        origin=file.origin.value, grants=file.grants, genre=file.genre,
    )  # fmt: skip
    return Music(file, told["digest"], None, rows, told["events"], **known)
