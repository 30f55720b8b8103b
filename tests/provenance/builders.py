"""Small whole chains on record: works, a corpus folder, a run, a generation, its attribution."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from catalog.database import derive_id
from catalog.files import FileStore, write_atomically
from catalog.tables import Encoding, ImportBatch, Source, Work
from catalog.vocabulary import EncodingFormat, ImportFormat, Origin, SourceKind
from model.genres import GENRE_SLUGS
from model.merkle import merkle_root
from provenance.attributions import AttributionValues, WorkShare, record_attribution
from provenance.canonical import canonical, digest
from provenance.corpus.leaves import LEAVES_NAME, MANIFEST_TYPE, Leaf, corpus_id_of
from provenance.corpus.registry import CorpusFile, record_corpus
from provenance.evidence.keys import SigningKey
from provenance.generations import GenerationValues, record_generation, record_rendering
from provenance.runs import Exposure, record_run

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
TEST_DIGEST = "5" * 64


def a_key(seed: int = 7) -> SigningKey:
    """A signing key that is the same in every test."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def a_batch(session) -> str:
    batch_id = derive_id("batch", "test")
    if session.get(ImportBatch, batch_id) is None:
        session.add(
            ImportBatch(
                id=batch_id, format=ImportFormat.FOLDER, file_name="test", digest=TEST_DIGEST, bytes=1,
                imported_at=NOON, counts={}, findings=[],
            )
        )  # fmt: skip
        session.flush()
    return batch_id


def a_source(session, name="An archive", kind=SourceKind.PUBLIC_DATASET, **more) -> str:
    source_id = derive_id("source", kind, name)
    if session.get(Source, source_id) is None:
        session.add(Source(id=source_id, kind=kind, name=name, **more))
        session.flush()
    return source_id


def a_work(session, work_id: str, *, origin=Origin.HUMAN, genre="baroque", source_id=None, **more) -> str:
    """A work in the public domain everywhere, without a file."""
    more = {"public_domain_in": "WORLD", "public_domain_basis": "composer died 1750", **more}
    session.add(
        Work(
            id=work_id, title=f"Title of {work_id}", origin=origin, genre=genre, source_id=source_id,
            batch_id=a_batch(session), **more,
        )
    )  # fmt: skip
    session.flush()
    return work_id


def an_encoding(
    session, store, work_id, data, *, licence="CC0-1.0", format=EncodingFormat.MIDI, source_id=None, name=None
) -> str:
    encoding_id = store.put(data)
    session.add(
        Encoding(
            id=encoding_id, work_id=work_id, format=format, file_name=name or f"{work_id}.mid",
            bytes=len(data), licence=licence, source_id=source_id, batch_id=a_batch(session),
        )
    )  # fmt: skip
    session.flush()
    return encoding_id


def a_leaf(work_id: str, encoding_id: str | None = None, origin="human") -> Leaf:
    encoding_id = encoding_id or digest(work_id)
    return Leaf(encoding_id=encoding_id, grants=[], licence="CC0-1.0", origin=origin, work_id=work_id)


def leaf_lines(leaves):
    """The lines of these leaves, in their order."""
    return [leaf.entry() for leaf in sorted(leaves, key=lambda leaf: (leaf.work_id, leaf.encoding_id))]


def a_corpus_folder(corpora: Path, leaves, lines=None, **more) -> tuple[str, dict]:
    """A corpus on disk without shards: enough for everything that is about proofs."""
    lines = leaf_lines(leaves) if lines is None else lines
    data = b"".join(line + b"\n" for line in lines)
    manifest = {
        "type": MANIFEST_TYPE, "purpose": "train", "territory": "EU", "on": "2026-10-01",
        "genres": list(GENRE_SLUGS), "grid": 12, "max_events": 512, "shards": [],
        "leaves": {"name": LEAVES_NAME, "sha256": hashlib.sha256(data).hexdigest(), "count": len(lines)},
        "merkle_root": merkle_root(lines).hex(), "works": len({leaf.work_id for leaf in leaves}),
        "examples": len(lines), "events": 100 * len(lines), "excluded": {},
        "works_by_origin": {"human": len(lines), "house": 0}, **more,
    }  # fmt: skip
    corpus_id = corpus_id_of(manifest)
    write_atomically(corpora / corpus_id / LEAVES_NAME, data)
    write_atomically(corpora / corpus_id / "manifest.json", canonical(manifest))
    return corpus_id, manifest


@dataclass
class Chain:
    key: SigningKey
    store: FileStore
    corpora: Path
    corpus_id: str
    run_id: str
    generation_id: str
    attribution_id: str
    works: list[str]


def an_attribution(generation_id, works, *, method="gradient", unattributed_ppm=400_000) -> AttributionValues:
    each, rest = divmod(1_000_000 - unattributed_ppm, len(works))
    shares = [
        WorkShare(work_id, each + (rest if place == 0 else 0), 0, 1_000_000, "0.25")
        for place, work_id in enumerate(works)
    ]
    return AttributionValues(
        generation_id, method, shares, unattributed_ppm, {"verdict": "reliable", "reason": "a test"},
        segments=[{"bar_start": 0, "bar_end": 4, "work_id": works[0], "share_ppm": each}],
    )  # fmt: skip


def a_chain(session, folder: Path, *, works=("work_a", "work_b", "work_c", "work_d"), seed=1) -> Chain:
    """Everything from works to an attribution, written down."""
    key, store, corpora = a_key(), FileStore(folder / "files"), folder / "corpora"
    files = {
        work_id: an_encoding(session, store, a_work(session, work_id), f"MThd {work_id}".encode())
        for work_id in works
    }
    leaves = [a_leaf(work_id, encoding_id) for work_id, encoding_id in files.items()]
    corpus_id, manifest = a_corpus_folder(corpora, leaves)
    record_corpus(
        session, key, manifest=manifest, exclusions=[], built_at=NOON,
        files=[CorpusFile(leaf.entry(), 2, 100) for leaf in leaves],
    )  # fmt: skip
    run = record_run(
        session, key, corpus_id=corpus_id, checkpoint_sha256=digest(f"checkpoint {seed}"), preset="lite",
        seed=seed, steps=100, loss=1.5, config={"parameters": 1_000_000},
        exposures=[Exposure(work_id, files[work_id], 300, 3000) for work_id in works], trained_at=NOON,
    )  # fmt: skip
    values = GenerationValues(
        run.id, None, {"genre": "baroque", "minutes": 0.5}, seed, store.put(b"MThd piece"),
        {"longest": None, "limit_notes": 20, "flagged": False},
    )  # fmt: skip
    generation = record_generation(session, key, values, NOON)
    record_rendering(
        session, key, generation_id=generation.id, sound_bank={"name": "A bank", "licence": "MIT"},
        files={"mix.wav": TEST_DIGEST}, rendered_at=NOON,
    )  # fmt: skip
    attribution = record_attribution(session, key, an_attribution(generation.id, works[:2]), NOON)
    session.commit()
    return Chain(key, store, corpora, corpus_id, run.id, generation.id, attribution.id, list(works))
