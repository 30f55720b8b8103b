"""Is a work in a corpus, or is it not, for one who has nothing but a file and the corpus's name?

The name of a corpus is in every checkpoint that was trained on it. A proof carries the manifest, whose digest
is that name, and the leaves of the work with their audit paths; or, for a work that is not there, the two
leaves between which it would stand.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.merkle import AbsenceProof, Neighbour, absence_proof, verify_absence
from provenance.corpus.leaves import (
    MANIFEST_TYPE,
    Digest,
    LeafProof,
    Manifest,
    Strict,
    corpus_id_of,
    leaf_proof,
    proofs_of,
    read_leaves,
    read_manifest,
    work_key,
)
from provenance.errors import ProofError
from provenance.evidence.keys import SigningKey
from provenance.evidence.sealed import open_sealed, seal
from provenance.evidence.verification import Check, Verification

PROOF_TYPE = "contrafact.proof/1"
MAX_PROOF_BYTES = 16 * 1024 * 1024


class ProofBody(Strict):
    """What a proof says, and by what it shows it."""

    corpus_id: Digest
    work_id: str
    included: bool
    manifest: dict[str, Any]
    leaves: list[LeafProof]
    below: LeafProof | None
    above: LeafProof | None


class _Seal:
    """Held by this module alone, so that nothing else builds a `VerifiedProof`."""


_SEAL = _Seal()


class VerifiedProof:
    """A proof of which everything was checked. Only `open_proof` builds one."""

    def __init__(self, seal: object, body: ProofBody, verification: Verification) -> None:
        if seal is not _SEAL:
            raise TypeError("a VerifiedProof is made by open_proof alone, which verifies it")
        self.corpus_id = body.corpus_id
        self.work_id = body.work_id
        self.included = body.included
        self.encoding_ids = tuple(proof.leaf.encoding_id for proof in body.leaves)
        self.verification = verification


def prove(directory: Path, work_id: str, key: SigningKey) -> bytes:
    """The proof that the work is in the corpus, or is not: one signed file.

    Args:
        directory: of the corpus, named by its id.

    Raises:
        ProofError: the corpus on disk is not the one that its name stands for.
    """
    manifest = read_manifest(directory)
    entries = read_leaves(directory, manifest)
    leaves = proofs_of(entries, [work_id])
    absence = None if leaves else _absence(entries, work_id)
    body = ProofBody(
        corpus_id=directory.name,
        work_id=work_id,
        included=bool(leaves),
        manifest=manifest,
        leaves=leaves,
        below=_leaf_of(absence.below) if absence else None,
        above=_leaf_of(absence.above) if absence else None,
    )
    return seal(PROOF_TYPE, body.model_dump(), key)


def verify_proof(
    data: bytes, expected_key: str | None = None, expected_corpus: str | None = None
) -> Verification:
    """What of the proof holds; nothing is read but the bytes.

    Args:
        expected_key: fingerprint of the key that must have signed.
        expected_corpus: the corpus that the proof must be about, as a checkpoint names it.
    """
    return _verify(data, expected_key, expected_corpus)[0]


def open_proof(
    data: bytes, expected_key: str | None = None, expected_corpus: str | None = None
) -> VerifiedProof:
    """What the proof shows.

    Raises:
        ProofError: any of it does not hold.
    """
    verification, body = _verify(data, expected_key, expected_corpus)
    if body is None or not verification.valid:
        faults = "; ".join(f"{check.name}: {check.detail}" for check in verification.failed)
        raise ProofError(f"The proof does not hold. {faults}.")
    return VerifiedProof(_SEAL, body, verification)


def _verify(
    data: bytes, expected_key: str | None, expected_corpus: str | None
) -> tuple[Verification, ProofBody | None]:
    opened = open_sealed(data, PROOF_TYPE, expected_key, MAX_PROOF_BYTES)
    if opened.body is None:
        return Verification(opened.checks), None
    try:
        body = ProofBody.model_validate(opened.body)
        manifest = Manifest.model_validate(body.manifest)
    except ValidationError as error:
        detail = f"{error.error_count()} things are not as in a proof, the first: {error.errors()[0]['msg']}"
        return Verification((*opened.checks, Check("structure", False, detail))), None
    checks = (*opened.checks, _check_corpus(body, manifest, expected_corpus), _check_work(body, manifest))
    return Verification(checks), body


def _check_corpus(body: ProofBody, manifest: Manifest, expected: str | None) -> Check:
    found = corpus_id_of(body.manifest)
    if manifest.type != MANIFEST_TYPE or found != body.corpus_id:
        return Check(
            "corpus", False, f"the manifest's digest is {found}, the proof is about {body.corpus_id}"
        )
    if expected is not None and found != expected:
        return Check("corpus", False, f"the proof is about {found}, expected {expected}")
    return Check("corpus", True, found)


def _check_work(body: ProofBody, manifest: Manifest) -> Check:
    holds = _presence_holds(body, manifest) if body.included else _absence_holds(body, manifest)
    name = "included" if body.included else "absent"
    where = f"work {body.work_id}, Merkle root {manifest.merkle_root}"
    return Check(name, holds, where if holds else f"not shown for {where}")


def _presence_holds(body: ProofBody, manifest: Manifest) -> bool:
    size, root = manifest.leaves.count, manifest.merkle_root
    if not body.leaves or body.below is not None or body.above is not None:
        return False
    return all(proof.leaf.work_id == body.work_id and proof.holds(size, root) for proof in body.leaves)


def _absence_holds(body: ProofBody, manifest: Manifest) -> bool:
    if body.leaves:
        return False
    proof = AbsenceProof(_neighbour_of(body.below), _neighbour_of(body.above))
    size, root = manifest.leaves.count, bytes.fromhex(manifest.merkle_root)
    return verify_absence(body.work_id.encode(), size, proof, root, key=work_key)


def _absence(entries: list[bytes], work_id: str) -> AbsenceProof:
    try:
        return absence_proof(entries, work_id.encode(), key=work_key)
    except ValueError as error:
        raise ProofError(f"No proof of absence for {work_id} can be made: {error}.") from error


def _leaf_of(neighbour: Neighbour | None) -> LeafProof | None:
    return leaf_proof(neighbour.entry, neighbour.index, neighbour.path) if neighbour else None


def _neighbour_of(proof: LeafProof | None) -> Neighbour | None:
    if proof is None:
        return None
    return Neighbour(proof.leaf.entry(), proof.index, tuple(bytes.fromhex(digest) for digest in proof.path))
