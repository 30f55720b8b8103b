"""Builders of small corpora on disk, with ways to damage them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.corpus import VerifiedCorpus, read_corpus
from model.examples import SCHEMA, table_of
from model.excerpts import cut
from model.genres import GENRE_SLUGS
from model.merkle import merkle_root
from tests.model.songs import a_plan, some_notes


def some_rows(works: int = 4) -> list[dict[str, Any]]:
    """Examples of made-up works, the odd ones human."""
    rows = []
    for work in range(works):
        plan = a_plan(work)
        found = cut(plan, some_notes(plan, work), 60)
        rows += table_of(
            found, work_id=f"work_{work}", encoding_id=f"{work:064x}", origin=("house", "human")[work % 2],
            grants=[f"grant_{work}"],
        ).to_pylist()  # fmt: skip
    return rows


def shard_of(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as a table of a shard."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def leaf_of(row: dict[str, Any]) -> bytes:
    """The leaf that clears a row."""
    leaf = {name: row[name] for name in ("encoding_id", "grants", "origin", "work_id")} | {
        "licence": "CC0-1.0"
    }
    return json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()


def write_corpus(
    parent: Path,
    rows: list[dict[str, Any]],
    *,
    leaves: list[bytes] | None = None,
    table: pa.Table | None = None,
    **changed: Any,
) -> Path:
    """A corpus folder under its digest; `changed` values replace those of a true manifest."""
    draft = parent / "draft"
    draft.mkdir(parents=True)
    pq.write_table(shard_of(rows) if table is None else table, draft / "shard-0000.parquet")
    lines = sorted({leaf_of(row) for row in rows}) if leaves is None else leaves
    (draft / "leaves.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    manifest = {
        "type": "contrafact.corpus/1", "grid": 12, "max_events": 512, "genres": list(GENRE_SLUGS),
        "shards": [
            {"name": "shard-0000.parquet", "sha256": digest(draft / "shard-0000.parquet"), "rows": len(rows)}
        ],
        "leaves": {"name": "leaves.jsonl", "sha256": digest(draft / "leaves.jsonl")},
        "merkle_root": merkle_root(lines).hex(), "examples": len(rows),
    }  # fmt: skip
    data = json.dumps(manifest | changed, sort_keys=True).encode()
    (draft / "manifest.json").write_bytes(data)
    return draft.rename(parent / hashlib.sha256(data).hexdigest())


def a_corpus(parent: Path, works: int = 4) -> VerifiedCorpus:
    """A verified corpus of made-up works."""
    return read_corpus(write_corpus(parent, some_rows(works)))


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
