"""How are examples kept as rows of a Parquet shard?

One row is one example: bars of a piece, the plan of the whole piece, and the work and encoding that it was
taken from. Notes go to and from Arrow as columns of numbers; nothing is made for each of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from model.events import Note
from model.excerpts import Excerpt
from model.genres import family_of
from model.plan import SectionPlan, SongPlan, TrackPlan

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


PLAN_COLUMNS = (
    "key",
    "tempo_bpm",
    "metre",
    "tracks",
    "sections",
    "phrases",
    "chords",
    "num_bars_song",
    "bars",
)
NAMING_COLUMNS = ("example_id", "work_id", "encoding_id", "origin", "grants", "genre", "family")
UNNAMED = pa.schema([field for field in SCHEMA if field.name not in NAMING_COLUMNS])
"""What follows from the notes alone, whosesoever they are."""


def table_of(
    found: Sequence[Excerpt], *, work_id: str, encoding_id: str, origin: str, grants: Sequence[str]
) -> pa.Table:
    """The excerpts of one encoding, whose plan they share, as a table of a shard. Arguments as of `named`."""
    genre = found[0].plan.genre if found else ""
    return named(
        _unnamed(found), work_id=work_id, encoding_id=encoding_id, origin=origin, grants=grants, genre=genre
    )


def named(
    rows: pa.Table, *, work_id: str, encoding_id: str, origin: str, grants: Sequence[str], genre: str
) -> pa.Table:
    """The rows of one encoding, in their order, with what they are called.

    Args:
        rows: of the schema `UNNAMED`.
        origin: `human` or `house`.
        grants: ids of the grants under which the work was cleared.
        genre: a slug out of `model.genres`, or empty.
    """
    same = {
        "work_id": work_id, "encoding_id": encoding_id, "origin": origin, "grants": sorted(grants),
        "genre": genre, "family": family_of(genre),
    }  # fmt: skip
    count = rows.num_rows
    columns = {name: pa.array([value] * count, SCHEMA.field(name).type) for name, value in same.items()}
    ids = [f"{work_id}/{encoding_id[:12]}/{index:04d}" for index in range(count)]
    columns["example_id"] = pa.array(ids, pa.string())
    columns |= {name: rows.column(name) for name in UNNAMED.names}
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def _unnamed(found: Sequence[Excerpt]) -> pa.Table:
    if not found:
        return UNNAMED.empty_table()
    plan = pa.schema([SCHEMA.field(name) for name in PLAN_COLUMNS])
    once = pa.Table.from_pylist([_plan_row(found[0].plan)], schema=plan)
    columns = {name: once.column(name).take(np.zeros(len(found), dtype=np.int64)) for name in PLAN_COLUMNS}
    columns["bar_start"] = [excerpt.bar_start for excerpt in found]
    columns["bar_end"] = [excerpt.bar_end for excerpt in found]
    columns["notes"] = _notes_column(found)
    return pa.table({name: columns[name] for name in UNNAMED.names}, schema=UNNAMED)


def _notes_column(found: Sequence[Excerpt]) -> pa.ListArray:
    notes = np.concatenate([excerpt.notes for excerpt in found])
    offsets = np.cumsum([0, *(len(excerpt.notes) for excerpt in found)], dtype=np.int32)
    values = [
        pa.array(notes[:, place].astype(field.type.to_pandas_dtype())) for place, field in enumerate(_NOTE)
    ]
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(values, fields=list(_NOTE)))


def _plan_row(plan: SongPlan) -> dict[str, Any]:
    usual = max(sorted(set(plan.metres)), key=plan.metres.count)
    return {
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
        "bars": [{"numerator": n, "denominator": d} for n, d in plan.metres],
    }


def excerpt_at(table: pa.Table, index: int) -> Excerpt:
    """The excerpt of one row of a table of `table_of`."""
    one = table.slice(index, 1)
    row = one.select(["genre", "family", *PLAN_COLUMNS, "bar_start", "bar_end"]).to_pylist()[0]
    notes = one.column("notes").combine_chunks().flatten()
    columns = [np.asarray(column, dtype=np.int32) for column in notes.flatten()]
    table_NF = np.stack(columns, axis=1).reshape(-1, len(Note))
    return Excerpt(_plan_of(row), row["bar_start"], row["bar_end"], table_NF)


def _plan_of(row: Mapping[str, Any]) -> SongPlan:
    return SongPlan(
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
