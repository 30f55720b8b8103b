"""How do cleared files become a corpus that can be verified?

The same plan gives the same bytes, and so the same corpus id, on any database. A corpus is written in a
folder of its own and gets its name when it is whole.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.files import FileStore, write_atomically
from catalog.vocabulary import Origin
from model.corpus import read_corpus
from model.errors import ModelError
from model.excerpts import MAX_EVENTS
from model.genres import GENRE_SLUGS
from model.merkle import merkle_root
from model.score import GRID
from provenance.canonical import canonical
from provenance.corpus.copies import Refused
from provenance.corpus.leaves import (
    LEAVES_NAME,
    MANIFEST_NAME,
    MANIFEST_TYPE,
    Leaf,
    corpus_id_of,
    leaf_lines,
)
from provenance.corpus.music import Apply, Converter, Music, digest_of, examples_of, tokens_of_file
from provenance.corpus.plan import CorpusPlan, merged
from provenance.corpus.readings import Readings, read_music
from provenance.corpus.registry import CorpusFile, Exclusion, count_excluded
from provenance.errors import CorpusBuildError

EXCLUDED_NAME = "excluded.jsonl"
ROWS_PER_SHARD = 4096
UNREADABLE = "UNREADABLE"
NO_EXAMPLE = "NO_EXAMPLE"
SAME_MUSIC_AS_REFUSED = "SAME_MUSIC_AS_REFUSED"
NEAR_COPY_OF_REFUSED = "NEAR_COPY_OF_REFUSED"
_STAGING = ".building"


@dataclass(frozen=True)
class BuiltCorpus:
    """A corpus on disk, and what is to be recorded about it."""

    id: str
    directory: Path
    manifest: dict[str, Any]
    files: tuple[CorpusFile, ...]
    exclusions: tuple[Exclusion, ...]


@dataclass
class _Staged:
    """What has been written so far."""

    directory: Path
    shards: list[dict[str, Any]] = field(default_factory=list)
    files: list[CorpusFile] = field(default_factory=list)
    exclusions: list[Exclusion] = field(default_factory=list)


def build_corpus(
    plan: CorpusPlan,
    *,
    store: FileStore,
    corpora: Path,
    converter: Converter,
    apply: Apply = map,
    readings: Path | None = None,
    max_events: int = MAX_EVENTS,
    progress: Callable[[int, int], None] | None = None,
) -> BuiltCorpus:
    """The corpus of a plan, in a folder of `corpora` that is named by the digest of its manifest.

    Left out, and said so, are files that cannot be read, files that give no example, and files whose music is
    that of a refused one (see `copies`): what may not be used may not come in under another name either.

    Args:
        store: holds the files.
        converter: reads what is not MIDI.
        apply: runs the work on each file, where it pays in other processes.
        readings: where it is kept what files gave, so that only new ones are read.
        progress: told how many of how many files are done.

    Raises:
        CorpusBuildError: nothing is left that could be trained on.
    """
    staged = _Staged(_fresh(corpora / _STAGING))
    total, told = len(plan.refused) + len(plan.cleared), progress or _quiet
    kept = Readings(readings, max_events=max_events)
    read = partial(
        read_music, store=store, converter=converter, apply=apply, max_events=max_events, readings=kept
    )
    themselves = {e.work_id for e in plan.exclusions if not e.encoding_id} - {f.work_id for f in plan.cleared}
    refused = Refused(lambda file: tokens_of_file(file, store, converter), frozenset(themselves), kept)
    refused.add(_counted(read(plan.refused, digest_of, whole=False), 0, total, told))
    musics = _counted(read(plan.cleared, examples_of, whole=True), len(plan.refused), total, told)
    _write_shards(staged, _accepted(staged, musics, refused))
    manifest = _write_statements(staged, plan, converter.name, max_events)
    directory = _publish(staged.directory, corpora / corpus_id_of(manifest))
    return BuiltCorpus(
        directory.name, directory, manifest, tuple(staged.files), tuple(sorted(staged.exclusions))
    )


def _accepted(staged: _Staged, musics: Iterable[Music], refused: Refused) -> Iterator[pa.Table]:
    """The tables of the files that go in; of each file it is noted what became of it."""
    for music in musics:
        file = music.file
        reason = _reason_against(music, refused)
        if reason is not None:
            staged.exclusions.append(Exclusion(file.work_id, file.encoding_id, *reason))
            continue
        leaf = Leaf(
            encoding_id=file.encoding_id, grants=sorted(file.grants), licence=file.licence,
            origin=file.origin.value, work_id=file.work_id,
        )  # fmt: skip
        assert music.table is not None
        staged.files.append(CorpusFile(leaf, music.table.num_rows, music.events))
        yield music.table


def _reason_against(music: Music, refused: Refused) -> tuple[str, str] | None:
    name = music.file.file_name
    if music.fault is not None or music.digest is None:
        return UNREADABLE, f"{name}: {music.fault}"
    other = refused.same(music)
    if other is not None:
        return SAME_MUSIC_AS_REFUSED, f"{name} has exactly the notes of a refused file of work {other}"
    near = refused.near(music)
    if near is not None:
        message = f"{name} is to {round(100 * near[1])} % the music of work {near[0]}, which is refused"
        return NEAR_COPY_OF_REFUSED, message
    if music.table is None or not music.table.num_rows:
        return NO_EXAMPLE, f"{name}: no bar of it fits into an example"
    return None


def _write_shards(staged: _Staged, tables: Iterable[pa.Table]) -> None:
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROWS_PER_SHARD:
            _write_shard(staged, waiting)
            waiting = []
    if waiting:
        _write_shard(staged, waiting)


def _write_shard(staged: _Staged, tables: Sequence[pa.Table]) -> None:
    name = f"shard-{len(staged.shards):05d}.parquet"
    table, sink = pa.concat_tables(tables).combine_chunks(), pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=1024, store_schema=True)
    data = sink.getvalue().to_pybytes()
    write_atomically(staged.directory / name, data)
    staged.shards.append({"name": name, "sha256": _sha256(data), "rows": table.num_rows})


def _write_statements(staged: _Staged, plan: CorpusPlan, converter: str, max_events: int) -> dict[str, Any]:
    """The leaves, the exclusions and the manifest, which is returned."""
    if not staged.files:
        counts = count_excluded(merged([*plan.exclusions, *staged.exclusions]))
        listed = ", ".join(f"{code} {count}" for code, count in counts.items()) or "no work at all"
        raise CorpusBuildError(
            f"No work of the catalogue can be used to {plan.order.purpose} in {plan.order.territory} on "
            f"{plan.order.on}: {listed}. 'contrafact catalog clear WORK' says more of one of them."
        )
    lines = leaf_lines(file.leaf for file in staged.files)
    staged.exclusions = list(merged([*plan.exclusions, *staged.exclusions]))
    leaves = _write_lines(staged.directory / LEAVES_NAME, lines)
    excluded = _write_lines(
        staged.directory / EXCLUDED_NAME, [canonical(e.__dict__) for e in staged.exclusions]
    )
    works = {file.leaf.work_id: file.leaf.origin for file in staged.files}
    order = plan.order
    manifest = {
        "type": MANIFEST_TYPE,
        "purpose": order.purpose.value,
        "territory": order.territory,
        "on": order.on.isoformat(),
        **({} if order.model is None else {"model": order.model}),
        **({} if order.known.at is None else {"known_at": order.known.at.isoformat()}),
        "genres": list(GENRE_SLUGS),
        "grid": GRID,
        "max_events": max_events,
        "converter": converter,
        "shards": staged.shards,
        "leaves": {"name": LEAVES_NAME, "sha256": leaves, "count": len(lines)},
        "merkle_root": merkle_root(lines).hex(),
        "works": len(works),
        "examples": sum(file.examples for file in staged.files),
        "events": sum(file.events for file in staged.files),
        "excluded": count_excluded([e for e in staged.exclusions if e.work_id not in works]),
        "exclusions": {"name": EXCLUDED_NAME, "sha256": excluded},
        "works_by_origin": {kind.value: list(works.values()).count(kind.value) for kind in Origin},
    }
    write_atomically(staged.directory / MANIFEST_NAME, canonical(manifest))
    return manifest


def _write_lines(path: Path, lines: Sequence[bytes]) -> str:
    data = b"".join(line + b"\n" for line in lines)
    write_atomically(path, data)
    return _sha256(data)


def _publish(staging: Path, final: Path) -> Path:
    """The folder under its final name; one that is there already stays where it verifies."""
    if final.exists():
        try:
            read_corpus(final)
        except ModelError:
            shutil.rmtree(final)
        else:
            shutil.rmtree(staging)
            return final
    staging.replace(final)
    return final


def _fresh(staging: Path) -> Path:
    """An empty folder; what a build that was killed left behind is gone."""
    if staging.exists():
        shutil.rmtree(staging)
    staging.mkdir(parents=True)
    return staging


def _counted(
    musics: Iterable[Music], done: int, total: int, told: Callable[[int, int], None]
) -> Iterator[Music]:
    for count, music in enumerate(musics, start=done + 1):
        told(count, total)
        yield music


def _quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
