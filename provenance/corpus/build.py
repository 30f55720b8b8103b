"""How do cleared files become a corpus that can be verified?

The same plan gives the same bytes, and so the same corpus id, on any database. A corpus is written in a
folder of its own and gets its name when it is whole.
"""

import hashlib
import heapq
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
from model.files import replacing
from model.genres import GENRE_SLUGS
from model.merkle import merkle_root
from model.score import GRID
from provenance.canonical import canonical
from provenance.corpus.copies import Refused, Verdicts
from provenance.corpus.leaves import (
    LEAVES_NAME,
    MANIFEST_NAME,
    MANIFEST_TYPE,
    Leaf,
    corpus_id_of,
)
from provenance.corpus.music import Apply, Converter, Music, digest_of, examples_of, notes_of_file
from provenance.corpus.plan import CorpusPlan, merged
from provenance.corpus.readings import Readings, read_music
from provenance.corpus.registry import CorpusFile, Exclusion, count_excluded
from provenance.errors import CorpusBuildError

EXCLUDED_NAME = "excluded.jsonl"
WORKS_PER_SHARD = 512  # about: a shard ends after a work whose id says so, whatever works come before it
MOST_ROWS = 16_384  # of a shard, wherever it would end
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
    earlier: Mapping[str, Path] = field(default_factory=dict)  # shards of earlier corpora by their digest
    shards: list[dict[str, Any]] = field(default_factory=list)
    files: list[CorpusFile] = field(default_factory=list)
    works: dict[str, str] = field(default_factory=dict)  # with their origin
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
    staged = _Staged(_fresh(corpora / _STAGING), _shards_by_digest(corpora))
    total, told = len(plan.refused) + len(plan.cleared), progress or _quiet
    kept = Readings(readings, max_events=max_events)
    read = partial(
        read_music, store=store, converter=converter, apply=apply, max_events=max_events, readings=kept
    )
    themselves = {e.work_id for e in plan.exclusions if not e.encoding_id} - {f.work_id for f in plan.cleared}
    verdicts = Verdicts(lambda file: notes_of_file(file, store, converter), kept)
    refused = Refused(verdicts, frozenset(themselves))
    refused.add(_counted(read(plan.refused, digest_of, whole=False), 0, total, told))
    musics = _counted(read(plan.cleared, examples_of, whole=True), len(plan.refused), total, told)
    _write_shards(staged, _accepted(staged, musics, refused))
    manifest = _write_statements(staged, plan, converter.name, max_events)
    directory = _publish(staged.directory, corpora / corpus_id_of(manifest))
    return BuiltCorpus(directory.name, directory, manifest, tuple(staged.files), tuple(staged.exclusions))


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
        staged.files.append(CorpusFile(leaf.entry(), music.table.num_rows, music.events))
        staged.works[file.work_id] = file.origin.value
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
    num_rows = 0
    for table in tables:
        work_id = table.column("work_id")[0].as_py()
        if waiting and waiting[-1].column("work_id")[0].as_py() != work_id and _ends_shard(waiting, num_rows):
            _write_shard(staged, waiting)
            waiting, num_rows = [], 0
        waiting.append(table)
        num_rows += table.num_rows
    if waiting:
        _write_shard(staged, waiting)


def _ends_shard(tables: Sequence[pa.Table], num_rows: int) -> bool:
    """Whether a shard ends with the last of these; where, follows from the work, and not from its place.

    So a work that comes or goes changes one shard, and the others are the same files as before.
    """
    last = tables[-1].column("work_id")[0].as_py().encode()
    place = int.from_bytes(hashlib.sha256(last).digest()[:4], "big")
    return place % WORKS_PER_SHARD == 0 or num_rows >= MOST_ROWS


def _write_shard(staged: _Staged, tables: Sequence[pa.Table]) -> None:
    name = f"shard-{len(staged.shards):05d}.parquet"
    table, sink = pa.concat_tables(tables).combine_chunks(), pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=1024, store_schema=True)
    data = sink.getvalue().to_pybytes()
    digest = _sha256(data)
    earlier = staged.earlier.get(digest)
    if earlier is None or not _linked(earlier, staged.directory / name, digest):
        write_atomically(staged.directory / name, data)
    staged.shards.append({"name": name, "sha256": digest, "rows": table.num_rows})


def _shards_by_digest(corpora: Path) -> dict[str, Path]:
    """Where the shards of the corpora that are there already lie; folders that are none are passed over."""
    found = {}
    for path in sorted(corpora.glob(f"[0-9a-f]*/{MANIFEST_NAME}")):
        try:
            shards = json.loads(path.read_bytes())["shards"]
            found.update({shard["sha256"]: path.parent / Path(shard["name"]).name for shard in shards})
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _linked(earlier: Path, path: Path, digest: str) -> bool:
    """Whether the shard of an earlier corpus is whole and could be given this name too."""
    try:
        if _sha256(earlier.read_bytes()) != digest:
            return False
        path.hardlink_to(earlier)
    except OSError:
        return False
    return True


def _write_statements(staged: _Staged, plan: CorpusPlan, converter: str, max_events: int) -> dict[str, Any]:
    """The leaves, the exclusions and the manifest, which is returned."""
    if not staged.files:
        counts = count_excluded([*plan.exclusions, *staged.exclusions])
        listed = ", ".join(f"{code} {count}" for code, count in counts.items()) or "no work at all"
        raise CorpusBuildError(
            f"No work of the catalogue can be used to {plan.order.purpose} in {plan.order.territory} on "
            f"{plan.order.on}: {listed}. 'contrafact catalog clear WORK' says more of one of them."
        )
    leaves = _write_lines(staged.directory / LEAVES_NAME, (file.line for file in staged.files))
    staged.exclusions = list(merged(heapq.merge(plan.exclusions, sorted(staged.exclusions))))
    excluded = _write_lines(
        staged.directory / EXCLUDED_NAME, (canonical(asdict(e)) for e in staged.exclusions)
    )
    origins = Counter(staged.works.values())
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
        "leaves": {"name": LEAVES_NAME, "sha256": leaves, "count": len(staged.files)},
        "merkle_root": merkle_root(file.line for file in staged.files).hex(),
        "works": len(staged.works),
        "examples": sum(file.examples for file in staged.files),
        "events": sum(file.events for file in staged.files),
        "excluded": count_excluded(e for e in staged.exclusions if e.work_id not in staged.works),
        "exclusions": {"name": EXCLUDED_NAME, "sha256": excluded},
        "works_by_origin": {kind.value: origins[kind.value] for kind in Origin},
    }
    write_atomically(staged.directory / MANIFEST_NAME, canonical(manifest))
    return manifest


def _write_lines(path: Path, lines: Iterable[bytes]) -> str:
    """The digest of the file, which is there whole or not at all."""
    digest = hashlib.sha256()
    with replacing(path) as temporary, temporary.open("wb") as file:
        for line in lines:
            digest.update(line + b"\n")
            file.write(line + b"\n")
    return digest.hexdigest()


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
