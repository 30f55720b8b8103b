"""How is a corpus known to be the one that was cleared?

A corpus is a folder named by the SHA-256 of its manifest, which names the shards of examples and the leaves
of the works. `read_corpus` is the only way to a `VerifiedCorpus`, and the trainer takes nothing else.
"""

import hashlib
import json
import mmap
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import CorpusError
from model.events import MAX_TRACKS, Ints
from model.examples import SCHEMA, excerpt_at
from model.excerpts import Excerpt
from model.genres import GENRE_SLUGS
from model.merkle import merkle_root
from model.score import GRID

MANIFEST_TYPE = "contrafact.corpus/1"


class _Seal:
    """Held by this module alone, so that nothing else builds a `VerifiedCorpus`."""


_SEAL = _Seal()


class VerifiedCorpus:
    """A corpus of which every byte was checked against its manifest. Only `read_corpus` builds one."""

    def __init__(self, seal: object, corpus_id: str, manifest: Mapping[str, Any], table: pa.Table) -> None:
        if seal is not _SEAL:
            raise TypeError("a VerifiedCorpus is made by read_corpus alone, which verifies it")
        self.corpus_id = corpus_id
        self.manifest = manifest
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, index: int) -> Excerpt:
        return excerpt_at(self._table, index)

    def __iter__(self) -> Iterator[Excerpt]:
        return (self[index] for index in range(len(self)))

    def row(self, index: int) -> dict[str, Any]:
        """The row of one example."""
        row: dict[str, Any] = self._table.slice(index, 1).to_pylist()[0]
        return row

    @cached_property
    def example_ids(self) -> list[str]:
        """The id of each example."""
        return list(self._table.column("example_id").to_pylist())

    @cached_property
    def work_ids(self) -> list[str]:
        """The work of each example."""
        return list(self._table.column("work_id").to_pylist())

    @cached_property
    def encoding_ids(self) -> list[str]:
        """The encoding of each example."""
        return list(self._table.column("encoding_id").to_pylist())

    @cached_property
    def origins(self) -> list[str]:
        """Who made the work of each example: `human` or `house`."""
        return list(self._table.column("origin").to_pylist())

    @cached_property
    def num_notes(self) -> Ints:
        """The number of notes of each example."""
        lengths = pa.compute.list_value_length(self._table.column("notes"))
        return np.array(lengths.to_pylist(), dtype=np.int32)

    @cached_property
    def num_tracks(self) -> Ints:
        """The number of tracks of each example's piece."""
        lengths = pa.compute.list_value_length(self._table.column("tracks"))
        return np.array(lengths.to_pylist(), dtype=np.int32)

    @cached_property
    def notes_of_tracks(self) -> Ints:
        """The number of notes of each example by track (examples, 24)."""
        notes = self._table.column("notes").combine_chunks().flatten()
        track = np.asarray(notes.field("track"), dtype=np.int64)
        place = np.repeat(np.arange(len(self)), self.num_notes) * MAX_TRACKS + track
        counts = np.bincount(place, minlength=len(self) * MAX_TRACKS)
        return counts.reshape(-1, MAX_TRACKS).astype(np.int32)


def read_corpus(directory: Path) -> VerifiedCorpus:
    """The corpus of a folder, after everything about it was verified.

    Checked are: the manifest's digest is the folder's name; its genres are the model's; the digest of the
    leaves and of every shard; the Merkle root over the leaves; the schema and the number of rows; that every
    row's work and encoding, with its grants and origin, is a leaf.

    Raises:
        CorpusError: any of this is not so; the message names the file, what was found and what was expected.
    """
    manifest = _read_manifest(directory)
    _check_leaves(directory, manifest)
    if not manifest["shards"]:
        raise CorpusError(f"{directory}: the corpus has no shards; build one from works that are cleared")
    table = _checked_table(directory, manifest)
    if table.num_rows != manifest["examples"]:
        raise CorpusError(f"{directory}: {table.num_rows} examples, the manifest says {manifest['examples']}")
    return VerifiedCorpus(_SEAL, directory.name, manifest, table)


def _checked_table(directory: Path, manifest: Mapping[str, Any]) -> pa.Table:
    """All rows, each checked, in a file without a name: nobody can change it, and it fills no memory."""
    leaves = _Leaves(directory, manifest)
    with tempfile.TemporaryFile() as file:
        with pa.ipc.new_file(file, SCHEMA) as writer:
            for shard in manifest["shards"]:
                table = _read_shard(directory, shard)
                leaves.check(table)
                writer.write_table(table)
        leaves.check_end()
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror}); build the corpus again") from error


def _check_digest(path: Path, data: bytes, expected: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise CorpusError(_other_digest(path, found, expected))


def _other_digest(path: Path, found: str, expected: str) -> str:
    return f"{path} has SHA-256 {found}, expected {expected}: it is not what was cleared"


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / "manifest.json"
    data = _read_bytes(path)
    _check_digest(path, data, directory.name)
    try:
        manifest: dict[str, Any] = json.loads(data)
    except ValueError as error:
        raise CorpusError(f"{path} is not JSON: {error}") from error
    expected = {"type": MANIFEST_TYPE, "grid": GRID, "genres": list(GENRE_SLUGS)}
    for name, value in expected.items():
        if manifest.get(name) != value:
            raise CorpusError(f"{path}: {name} is {manifest.get(name)!r}, this model reads {value!r}")
    missing = {"shards", "leaves", "merkle_root", "examples", "max_events"} - manifest.keys()
    if missing:
        raise CorpusError(f"{path} lacks {', '.join(sorted(missing))}")
    return manifest


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror}); build the corpus again") from error


def _check_leaves(directory: Path, manifest: Mapping[str, Any]) -> None:
    """That the leaves are those of the manifest, by their digest and by their Merkle root."""
    path, stated = directory / manifest["leaves"]["name"], manifest["leaves"]["sha256"]
    digest = hashlib.sha256()

    def entries() -> Iterator[bytes]:
        for line in _lines(path):
            digest.update(line)
            yield line.removesuffix(b"\n")

    root = merkle_root(entries()).hex()
    if digest.hexdigest() != stated:
        raise CorpusError(_other_digest(path, digest.hexdigest(), stated))
    if root != manifest["merkle_root"]:
        raise CorpusError(f"{path} has the Merkle root {root}, the manifest says {manifest['merkle_root']}")


class _Leaves:
    """The leaves one after the other, beside the rows that they clear: both are in one order."""

    def __init__(self, directory: Path, manifest: Mapping[str, Any]) -> None:
        self.directory = directory
        self.path, self.stated = directory / manifest["leaves"]["name"], manifest["leaves"]["sha256"]
        self.digest = hashlib.sha256()
        self.lines = _lines(self.path)
        self.leaf: Mapping[str, Any] | None = None

    def check(self, table: pa.Table) -> None:
        """That every row's work and encoding, with its grants and origin, is the next leaf or the one before.

        Raises:
            CorpusError: one is not.
        """
        named = table.select(["example_id", "work_id", "encoding_id", "origin", "grants"])
        for row in named.to_pylist():
            leaf = self.leaf_of(row["work_id"], row["encoding_id"])
            if leaf is None:
                raise CorpusError(
                    f"{self.directory}: example {row['example_id']} is of work {row['work_id']} and encoding "
                    f"{row['encoding_id']}, which the manifest does not clear, or not in this order"
                )
            for name in ("origin", "grants"):
                if leaf[name] != row[name]:
                    raise CorpusError(
                        f"{self.directory}: example {row['example_id']} says {name} {row[name]!r}, "
                        f"its leaf {leaf[name]!r}"
                    )

    def leaf_of(self, work_id: str, encoding_id: str) -> Mapping[str, Any] | None:
        while self.leaf is None or (self.leaf["work_id"], self.leaf["encoding_id"]) != (work_id, encoding_id):
            line = next(self.lines, None)
            if line is None:
                return None
            self.digest.update(line)
            self.leaf = json.loads(line)
        return self.leaf

    def check_end(self) -> None:
        """That the leaves were still those of the manifest.

        Raises:
            CorpusError: they were changed meanwhile.
        """
        for line in self.lines:
            self.digest.update(line)
        if self.digest.hexdigest() != self.stated:
            raise CorpusError(_other_digest(self.path, self.digest.hexdigest(), self.stated))


def _read_shard(directory: Path, shard: Mapping[str, Any]) -> pa.Table:
    path = directory / shard["name"]
    data = _read_bytes(path)
    _check_digest(path, data, shard["sha256"])
    try:
        table = pq.read_table(pa.BufferReader(data))
    except pa.ArrowException as error:
        raise CorpusError(f"{path} is not Parquet: {error}") from error
    if not table.schema.equals(SCHEMA):
        raise CorpusError(f"{path} has another schema than the model reads:\n{table.schema}")
    if table.num_rows != shard["rows"]:
        raise CorpusError(f"{path} has {table.num_rows} rows, the manifest says {shard['rows']}")
    return table
