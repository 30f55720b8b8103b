"""What does a corpus state file by file, and how is one statement shown to be among all of them?

A leaf is one line of `leaves.jsonl`: canonical JSON that names a file, its work, licence, origin and the
grants that cleared it. Leaves are sorted by work, then file, so that two neighbours show that a work is not
there.

Source: RFC 6962, section 2.1 (the tree over the lines, without their line ends).
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from model.merkle import inclusion_proofs, merkle_root, verify_inclusion
from provenance.canonical import canonical, read_canonical
from provenance.errors import CanonicalError, ProofError

LEAVES_NAME = "leaves.jsonl"
MANIFEST_NAME = "manifest.json"
MANIFEST_TYPE = "contrafact.corpus/1"

Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Strict(BaseModel):
    """A value that was read from outside: nothing missing, nothing converted, nothing more than is known."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Leaf(Strict):
    """What a corpus states of one file."""

    encoding_id: Digest
    grants: list[str]
    licence: str
    origin: str
    work_id: str

    def entry(self) -> bytes:
        """The line, without its end."""
        return canonical(self.model_dump())


class LeafProof(Strict):
    """A leaf with its place and the digests that lead from it to the root."""

    leaf: Leaf
    index: int
    path: list[Digest]

    def holds(self, size: int, root: str) -> bool:
        """Whether the leaf is at its place under the root."""
        path = [bytes.fromhex(digest) for digest in self.path]
        return verify_inclusion(self.leaf.entry(), self.index, size, path, bytes.fromhex(root))


class LeavesFile(BaseModel):
    """The part of a manifest that is about the leaves."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    name: str
    sha256: Digest
    count: int


class Manifest(BaseModel):
    """The part of a manifest that proofs need. What else it says is held by its digest."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
    type: str
    purpose: str
    territory: str
    on: str
    merkle_root: Digest
    leaves: LeavesFile


def corpus_id_of(manifest: dict[str, Any]) -> str:
    """The name of the corpus with this manifest."""
    return hashlib.sha256(canonical(manifest)).hexdigest()


def corpus_record_body(manifest: dict[str, Any]) -> dict[str, Any]:
    """A corpus as its record names it; the id is the digest of the manifest, and so of everything."""
    named = ("type", "purpose", "territory", "on", "merkle_root", "works", "examples", "events")
    return {"corpus_id": corpus_id_of(manifest), **{name: manifest.get(name) for name in named}}


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a corpus, checked against the folder's name.

    Raises:
        ProofError: it cannot be read, or is not the one that the folder is named by.
    """
    path = directory / MANIFEST_NAME
    try:
        manifest = read_canonical(path.read_bytes())
    except OSError as error:
        raise ProofError(f"{path} cannot be read ({error.strerror}): build the corpus again.") from error
    except CanonicalError as error:
        raise ProofError(f"{path} was changed: {error} Build the corpus again.") from error
    if corpus_id_of(manifest) != directory.name:
        raise ProofError(f"{path} has digest {corpus_id_of(manifest)}: it is not that of this corpus.")
    return manifest


def read_leaves(directory: Path, manifest: dict[str, Any]) -> list[bytes]:
    """The leaves of a corpus, checked against its manifest, in their order.

    Raises:
        ProofError: they cannot be read, or are not those that the manifest states.
    """
    stated = Manifest.model_validate(manifest)
    path = directory / LEAVES_NAME
    try:
        entries = path.read_bytes().splitlines()
    except OSError as error:
        raise ProofError(f"{path} cannot be read ({error.strerror}): build the corpus again.") from error
    if len(entries) != stated.leaves.count or merkle_root(entries).hex() != stated.merkle_root:
        raise ProofError(f"{path} is not what the manifest states: build the corpus again.")
    return entries


def work_key(entry: bytes) -> bytes:
    """The work of a leaf: the key by which leaves are sorted."""
    work_id: str = json.loads(entry)["work_id"]
    return work_id.encode()


def proofs_of(entries: Sequence[bytes], work_ids: Iterable[str]) -> list[LeafProof]:
    """The proofs of all leaves of these works."""
    wanted = {work_id.encode() for work_id in work_ids}
    indices = [index for index, entry in enumerate(entries) if work_key(entry) in wanted]
    return [
        leaf_proof(entries[index], index, path)
        for index, path in zip(indices, inclusion_proofs(entries, indices), strict=True)
    ]


def leaf_proof(entry: bytes, index: int, path: Sequence[bytes]) -> LeafProof:
    """The proof of one leaf."""
    leaf = Leaf.model_validate_json(entry)
    return LeafProof(leaf=leaf, index=index, path=[digest.hex() for digest in path])
