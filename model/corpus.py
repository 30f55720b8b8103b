"""How are pieces kept as training examples, and how is a corpus known to be the one that was cleared?

One row of a Parquet shard is one example: bars of a piece with up to 512 events, the plan of the whole piece,
and the work and encoding that it was taken from. A corpus is a folder named by the SHA-256 of its manifest.
`read_corpus` is the only way to a `VerifiedCorpus`, and the trainer takes nothing else.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from model.analysis import Analysis
from model.errors import CorpusError
from model.events import MAX_BAR_STEPS, Ints, Note, bar_steps, fit_tracks, notes_of
from model.genres import GENRE_SLUGS, family_of
from model.merkle import merkle_root
from model.plan import (
    MAX_PHRASES,
    PLAN_ROWS,
    Column,
    SectionPlan,
    SongPlan,
    TrackPlan,
    event_rows,
    fit_sections,
    fit_spans,
    plan_rows,
)
from model.score import GRID, Score

Counts = npt.NDArray[np.integer[Any]]

MAX_EVENTS = 512
MANIFEST_TYPE = "contrafact.corpus/1"

_TRACK = pa.struct(
    [("program", pa.uint8()), ("drum", pa.bool_()), ("register", pa.uint8()), ("density", pa.uint8())]
)
_SECTION = pa.struct(
    [
        ("label", pa.string()),
        ("bar_start", pa.int32()),
        ("bar_end", pa.int32()),
        ("repeats", pa.int32()),
        ("energy", pa.uint8()),
    ]
)
_PHRASE = pa.struct([("bar_start", pa.int32()), ("bar_end", pa.int32())])
_BAR = pa.struct([("numerator", pa.uint8()), ("denominator", pa.uint8())])
_NOTE = pa.struct(
    [
        ("bar", pa.int32()),
        ("position", pa.int16()),
        ("track", pa.uint8()),
        ("pitch", pa.uint8()),
        ("duration", pa.int16()),
        ("velocity", pa.uint8()),
    ]
)
SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("work_id", pa.string()),
        ("encoding_id", pa.string()),
        ("origin", pa.string()),
        ("grants", pa.list_(pa.string())),
        ("genre", pa.string()),
        ("family", pa.string()),
        ("key", pa.string()),
        ("tempo_bpm", pa.int32()),
        ("metre", pa.string()),
        ("tracks", pa.list_(_TRACK)),
        ("sections", pa.list_(_SECTION)),
        ("phrases", pa.list_(_PHRASE)),
        ("chords", pa.list_(pa.uint8())),
        ("num_bars_song", pa.int32()),
        ("bar_start", pa.int32()),
        ("bar_end", pa.int32()),
        ("bars", pa.list_(_BAR)),
        ("notes", pa.list_(_NOTE)),
    ]
)
"""A shard. Plan columns (tracks to chords, bars) tell of the whole piece, two chords a bar; `notes` holds the
notes of bars `bar_start` up to `bar_end`, bars counted from the beginning of the piece; `repeats` is the
index of the earlier section, or null."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Bars `bar_start` up to `bar_end` of a piece: the plan of the whole and the notes of these bars."""

    plan: SongPlan
    bar_start: int
    bar_end: int
    notes: Ints

    @property
    def num_events(self) -> int:
        """Number of events, markers among them."""
        return len(self.notes) + self.bar_end - self.bar_start + (self.bar_end == self.plan.num_bars)


def excerpts(
    score: Score, analysis: Analysis, genre: str = "", max_events: int = MAX_EVENTS
) -> list[Excerpt]:
    """The excerpts of a piece, of about equal size, none with more than `max_events` events.

    A bar that is too long to be written (over 8 quarters) or too full is in no excerpt. Excerpts without a
    note are left out, so a piece without notes gives none.

    Args:
        score: on the grid.
        analysis: of this score.
        genre: a slug out of `model.genres`, or empty.
    """
    score = fit_tracks(score)
    starts = np.array([bar.start_steps for bar in analysis.bars], dtype=np.int32)
    notes = notes_of(score, starts)
    plan = plan_of(score, analysis, notes, genre)
    return cut(plan, notes, max_events)


def cut(plan: SongPlan, notes: Ints, max_events: int = MAX_EVENTS) -> list[Excerpt]:
    """The excerpts of a piece whose plan and notes are known."""
    sizes = 1 + np.bincount(notes[:, Note.BAR], minlength=plan.num_bars)
    sizes[-1] += 1
    lengths = np.array([bar_steps(*metre) for metre in plan.metres])
    readable = (sizes <= max_events) & (lengths <= MAX_BAR_STEPS)
    spans = [span for run in _runs(readable) for span in _shares(sizes, run, max_events)]
    found = []
    for start, end in spans:
        first, last = np.searchsorted(notes[:, Note.BAR], [start, end])
        if last > first:
            found.append(Excerpt(plan, start, end, notes[first:last]))
    return found


def _runs(wanted: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wanted.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _shares(sizes: Counts, run: tuple[int, int], max_events: int) -> list[tuple[int, int]]:
    """The bars of a run cut into as few pieces as fit, about equally large."""
    sums = np.concatenate([[0], np.cumsum(sizes[run[0] : run[1]])])
    for count in range(-(-int(sums[-1]) // max_events), len(sums)):
        aims = sums[-1] * np.arange(count + 1) / count
        edges = sorted({int(np.abs(sums - aim).argmin()) for aim in aims})
        if np.diff(sums[edges]).max() <= max_events:
            break
    else:
        edges = list(range(len(sums)))  # bar by bar, which fits
    return [(run[0] + start, run[0] + end) for start, end in pairwise(edges)]


def plan_of(score: Score, analysis: Analysis, notes: Ints, genre: str) -> SongPlan:
    """The plan that a score fulfils, as its analysis shows it.

    Args:
        notes: the score's notes in event order.
    """
    metres = tuple((bar.numerator, bar.denominator) for bar in analysis.bars)
    counts = np.bincount(notes[:, Note.BAR], minlength=len(metres))
    sections = [
        SectionPlan(s.label, s.bar_start, s.bar_end, s.repeats, _energy(counts, s.bar_start, s.bar_end))
        for s in analysis.sections
    ]
    phrases = fit_spans([(span.bar_start, span.bar_end) for span in analysis.phrases], MAX_PHRASES)
    tracks = tuple(
        _track_plan(notes[notes[:, Note.TRACK] == index], track.program, track.is_drum, len(metres))
        for index, track in enumerate(score.tracks)
    )
    chords = tuple(int(code) for code in analysis.chords)
    return SongPlan(
        genre, family_of(genre), analysis.key, analysis.tempo_bpm, metres, tracks, fit_sections(sections),
        tuple(phrases), chords,
    )  # fmt: skip


def _energy(counts: Counts, start: int, end: int) -> int:
    """One to five: how many notes a section's bars have beside the piece's; three is as many."""
    mean = counts.mean()
    return int(np.clip(round(3 + 2 * np.log2(max(counts[start:end].mean(), 0.1) / max(mean, 0.1))), 1, 5))


def _track_plan(notes: Ints, program: int, is_drum: bool, num_bars: int) -> TrackPlan:
    density = int(np.clip(round(3 + np.log2(max(len(notes) / num_bars, 1e-3))), 1, 8))
    register = 0 if is_drum or not len(notes) else int(np.clip(1 + notes[:, Note.PITCH].mean() // 11, 1, 12))
    return TrackPlan(program, is_drum, register, density)


def encode_example(excerpt: Excerpt, max_events: int = MAX_EVENTS) -> Ints:
    """The excerpt as the one matrix that the network takes: plan rows, event rows, rows of zeros.

    Returns:
        An array (PLAN_ROWS + max_events, number of columns).
    """
    rows = np.zeros((PLAN_ROWS + max_events, len(Column)), dtype=np.int32)
    events = event_rows(excerpt.plan, excerpt.notes, excerpt.bar_start, excerpt.bar_end)
    rows[:PLAN_ROWS] = plan_rows(excerpt.plan)
    rows[PLAN_ROWS : PLAN_ROWS + len(events)] = events
    return rows


def rows_of(
    found: Sequence[Excerpt], *, work_id: str, encoding_id: str, origin: str, grants: Sequence[str]
) -> list[dict[str, Any]]:
    """The excerpts of one encoding as rows of a shard.

    Args:
        origin: `human` or `house`.
        grants: ids of the grants under which the work was cleared.
    """
    named = {"work_id": work_id, "encoding_id": encoding_id, "origin": origin, "grants": sorted(grants)}
    return [
        {"example_id": f"{work_id}/{encoding_id[:12]}/{index:04d}", **named, **_row_of(excerpt)}
        for index, excerpt in enumerate(found)
    ]


def _row_of(excerpt: Excerpt) -> dict[str, Any]:
    plan = excerpt.plan
    usual = max(sorted(set(plan.metres)), key=plan.metres.count)
    return {
        "genre": plan.genre,
        "family": plan.family,
        "key": plan.key,
        "tempo_bpm": plan.tempo_bpm,
        "metre": f"{usual[0]}/{usual[1]}",
        "tracks": [
            {"program": t.program, "drum": t.is_drum, "register": t.register, "density": t.density}
            for t in plan.tracks
        ],
        "sections": [
            {
                "label": s.label,
                "bar_start": s.bar_start,
                "bar_end": s.bar_end,
                "repeats": s.repeats,
                "energy": s.energy,
            }
            for s in plan.sections
        ],
        "phrases": [{"bar_start": start, "bar_end": end} for start, end in plan.phrases],
        "chords": list(plan.chords),
        "num_bars_song": plan.num_bars,
        "bar_start": excerpt.bar_start,
        "bar_end": excerpt.bar_end,
        "bars": [{"numerator": n, "denominator": d} for n, d in plan.metres],
        "notes": [dict(zip(_NOTE.names, map(int, note), strict=True)) for note in excerpt.notes],
    }


def excerpt_of(row: Mapping[str, Any]) -> Excerpt:
    """The excerpt of a row of a shard."""
    plan = SongPlan(
        row["genre"],
        row["family"],
        row["key"],
        row["tempo_bpm"],
        tuple((bar["numerator"], bar["denominator"]) for bar in row["bars"]),
        tuple(TrackPlan(t["program"], t["drum"], t["register"], t["density"]) for t in row["tracks"]),
        tuple(
            SectionPlan(s["label"], s["bar_start"], s["bar_end"], s["repeats"], s["energy"])
            for s in row["sections"]
        ),
        tuple((p["bar_start"], p["bar_end"]) for p in row["phrases"]),
        tuple(row["chords"]),
    )
    notes = np.array([[note[name] for name in _NOTE.names] for note in row["notes"]], dtype=np.int32)
    return Excerpt(plan, row["bar_start"], row["bar_end"], notes.reshape(-1, len(Note)))


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows as a table of a shard, ready to be written as Parquet."""
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


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
        return excerpt_of(self.row(index))

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
    def num_notes(self) -> Ints:
        """The number of notes of each example."""
        lengths = pa.compute.list_value_length(self._table.column("notes"))
        return np.array(lengths.to_pylist(), dtype=np.int32)


def read_corpus(directory: Path) -> VerifiedCorpus:
    """The corpus of a folder, after everything about it was verified.

    Checked are: the manifest's digest is the folder's name; its genres are the model's; the digest of the
    leaves and of every shard; the Merkle root over the leaves; the schema and the number of rows; that every
    row's work and encoding, with its grants and origin, is a leaf.

    Raises:
        CorpusError: any of this is not so; the message names the file, what was found and what was expected.
    """
    manifest = _read_manifest(directory)
    leaves = _read_leaves(directory, manifest)
    tables = [_read_shard(directory, shard) for shard in manifest["shards"]]
    if not tables:
        raise CorpusError(f"{directory}: the corpus has no shards; build one from works that are cleared")
    table = pa.concat_tables(tables)
    _check_rows(directory, table, leaves)
    if table.num_rows != manifest["examples"]:
        raise CorpusError(f"{directory}: {table.num_rows} examples, the manifest says {manifest['examples']}")
    return VerifiedCorpus(_SEAL, directory.name, manifest, table)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror}); build the corpus again") from error


def _check_digest(path: Path, data: bytes, expected: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise CorpusError(f"{path} has SHA-256 {found}, expected {expected}: it is not what was cleared")


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


def _read_leaves(directory: Path, manifest: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    path = directory / manifest["leaves"]["name"]
    data = _read_bytes(path)
    _check_digest(path, data, manifest["leaves"]["sha256"])
    lines = data.splitlines()
    root = merkle_root(lines).hex()
    if root != manifest["merkle_root"]:
        raise CorpusError(f"{path} has the Merkle root {root}, the manifest says {manifest['merkle_root']}")
    leaves = [json.loads(line) for line in lines]
    return {(leaf["work_id"], leaf["encoding_id"]): leaf for leaf in leaves}


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


def _check_rows(
    directory: Path, table: pa.Table, leaves: Mapping[tuple[str, str], Mapping[str, Any]]
) -> None:
    named = table.select(["example_id", "work_id", "encoding_id", "origin", "grants"]).to_pylist()
    for row in named:
        leaf = leaves.get((row["work_id"], row["encoding_id"]))
        if leaf is None:
            raise CorpusError(
                f"{directory}: example {row['example_id']} is of work {row['work_id']} and encoding "
                f"{row['encoding_id']}, which the manifest does not clear"
            )
        for name in ("origin", "grants"):
            if leaf[name] != row[name]:
                raise CorpusError(
                    f"{directory}: example {row['example_id']} says {name} {row[name]!r}, "
                    f"its leaf {leaf[name]!r}"
                )
