"""What must hold among the values of a bundle, whoever signed it?"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from provenance.attributions import ATTRIBUTION_TYPE, WHOLE_PPM, attribution_record_body
from provenance.canonical import canonical, digest
from provenance.corpus.leaves import (
    MANIFEST_TYPE,
    LeafProof,
    Manifest,
    Strict,
    corpus_id_of,
    corpus_record_body,
)
from provenance.evidence.bundle_body import MIDI_NAME, BundleBody, RecordLine
from provenance.evidence.keys import PublicKey
from provenance.evidence.records import Envelope
from provenance.evidence.verification import Check
from provenance.generations import GENERATION_TYPE, RENDERING_TYPE
from provenance.runs import RUN_TYPE, run_id


class GenerationBody(Strict):
    """A generation as it is written down."""

    type: str
    run_id: str
    parent_id: str | None
    prompt: dict[str, Any]
    seed: int
    midi_sha256: str
    originality: dict[str, Any] | None = None


class RunBody(Strict):
    """A run as it is written down."""

    type: str
    id: str
    corpus_id: str
    checkpoint_sha256: str
    preset: str
    seed: int
    steps: int
    loss: float | None
    config: dict[str, Any]
    exposure_sha256: str


class ShareBody(Strict):
    """A share as it is written down."""

    work_id: str
    share_ppm: int
    low_ppm: int
    high_ppm: int
    influence: str


class AttributionBody(Strict):
    """An attribution as it is written down."""

    type: str
    generation_id: str
    method: str
    shares: list[ShareBody]
    unattributed_ppm: int
    reliability: dict[str, Any]
    segments: list[dict[str, Any]]
    details: dict[str, Any]


class RenderingBody(Strict):
    """A rendering as it is written down."""

    type: str
    generation_id: str
    sound_bank: dict[str, Any]
    files: dict[str, str]


class _FaultError(Exception):
    """A check does not hold; the text says why. Never leaves this module."""


def check_body(body: BundleBody, key: PublicKey) -> list[Check]:
    """All checks of a bundle's values, each made whether or not the others hold."""
    checks: tuple[tuple[str, Callable[[BundleBody], str]], ...] = (
        ("generation", _generation),
        ("files", _files),
        ("renderings", _renderings),
        ("attribution", _attribution),
        ("run", _run),
        ("corpus", _corpus),
        ("works in the corpus", _leaves),
        ("records", lambda body: _records(body, key)),
        ("written down", _written_down),
    )
    return [_made(name, check, body) for name, check in checks]


def _made(name: str, check: Callable[[BundleBody], str], body: BundleBody) -> Check:
    try:
        return Check(name, True, check(body))
    except _FaultError as fault:
        return Check(name, False, str(fault))
    except ValidationError as error:
        return Check(name, False, f"not as it is written down: {error.errors()[0]['msg']}")


def _must(holds: bool, fault: str) -> None:
    if not holds:
        raise _FaultError(fault)


def _generation(body: BundleBody) -> str:
    made = GenerationBody.model_validate(body.generation.body)
    _must(made.type == GENERATION_TYPE, f"its type is {made.type}, expected {GENERATION_TYPE}")
    follows = f"gen_{digest(body.generation.body)[:16]}"
    _must(body.generation.id == follows, f"it is called {body.generation.id}, its values give {follows}")
    return follows


def _files(body: BundleBody) -> str:
    _must(set(body.files) == {MIDI_NAME}, f"there must be one file, {MIDI_NAME}")
    try:
        data = base64.b64decode(body.files[MIDI_NAME], validate=True)
    except binascii.Error as error:
        raise _FaultError(f"{MIDI_NAME} is not base64: {error}") from error
    _must(base64.b64encode(data).decode() == body.files[MIDI_NAME], f"{MIDI_NAME} is not in plain base64")
    found, stated = hashlib.sha256(data).hexdigest(), body.generation.body.get("midi_sha256")
    _must(found == stated, f"{MIDI_NAME} has digest {found}, the generation states {stated}")
    return f"{MIDI_NAME}, {len(data)} bytes, SHA-256 {found}"


def _renderings(body: BundleBody) -> str:
    for value in body.renderings:
        rendering = RenderingBody.model_validate(value)
        _must(rendering.type == RENDERING_TYPE, f"a rendering has type {rendering.type}")
        _must(rendering.generation_id == body.generation.id, f"a rendering is of {rendering.generation_id}")
    return f"{len(body.renderings)} renderings; their audio is named by digest and not in this file"


def _attribution(body: BundleBody) -> str:
    said = AttributionBody.model_validate(body.attribution.body)
    found = digest(body.attribution.body)
    _must(said.type == ATTRIBUTION_TYPE, f"its type is {said.type}, expected {ATTRIBUTION_TYPE}")
    _must(found == body.attribution.id, f"it is called {body.attribution.id}, its digest is {found}")
    _must(said.generation_id == body.generation.id, f"it is about {said.generation_id}")
    total = sum(share.share_ppm for share in said.shares) + said.unattributed_ppm
    _must(total == WHOLE_PPM, f"shares and the unattributed part sum to {total} ppm, not {WHOLE_PPM}")
    _must(said.unattributed_ppm >= 0, "the unattributed part is negative")
    works = [share.work_id for share in said.shares]
    _must(len(set(works)) == len(works), "a work has two shares")
    for share in said.shares:
        in_order = 0 <= share.low_ppm <= share.share_ppm <= share.high_ppm <= WHOLE_PPM
        _must(in_order, f"the share of {share.work_id} is outside its interval")
    return f"{len(works)} works, {said.unattributed_ppm} ppm unattributed, method {said.method}"


def _run(body: BundleBody) -> str:
    run = RunBody.model_validate(body.run.body)
    _must(run.type == RUN_TYPE, f"its type is {run.type}, expected {RUN_TYPE}")
    follows = run_id(run.checkpoint_sha256)
    _must(body.run.id == run.id == follows, f"it is called {body.run.id}, its checkpoint gives {follows}")
    of_generation = body.generation.body.get("run_id")
    _must(of_generation == run.id, f"the generation is of {of_generation}, this is {run.id}")
    return f"{run.id}, checkpoint {run.checkpoint_sha256}"


def _corpus(body: BundleBody) -> str:
    manifest, found = Manifest.model_validate(body.corpus.body), corpus_id_of(body.corpus.body)
    _must(manifest.type == MANIFEST_TYPE, f"its type is {manifest.type}, expected {MANIFEST_TYPE}")
    _must(found == body.corpus.id, f"it is called {body.corpus.id}, its manifest's digest is {found}")
    of_run = body.run.body.get("corpus_id")
    _must(of_run == found, f"the run was trained on {of_run}, this is {found}")
    return f"{found}, Merkle root {manifest.merkle_root}"


def _leaves(body: BundleBody) -> str:
    manifest = Manifest.model_validate(body.corpus.body)
    said = AttributionBody.model_validate(body.attribution.body)
    for proof in body.leaves:
        _must(_holds(proof, manifest), f"file {proof.leaf.encoding_id} is not shown to be in the corpus")
    shown = {proof.leaf.work_id for proof in body.leaves}
    missing = {share.work_id for share in said.shares} - shown
    _must(not missing, f"not shown to be in the corpus: {', '.join(sorted(missing))}")
    return f"{len(shown)} works, {len(body.leaves)} files, each under the Merkle root"


def _holds(proof: LeafProof, manifest: Manifest) -> bool:
    return proof.holds(manifest.leaves.count, manifest.merkle_root)


def _records(body: BundleBody, key: PublicKey) -> str:
    _must(bool(body.records), "there are none")
    previous: RecordLine | None = None
    for record in body.records:
        _check_record(record, key)
        if previous is not None:
            _must(record.sequence > previous.sequence, f"record {record.sequence} is out of order")
            follows = record.sequence > previous.sequence + 1 or record.previous_digest == previous.digest
            _must(follows, f"record {record.sequence} does not name the one before it")
        previous = record
    numbers = ", ".join(str(record.sequence) for record in body.records)
    return f"records {numbers} of the chain, each signed by {key.fingerprint}"


def _check_record(record: RecordLine, key: PublicKey) -> None:
    envelope = Envelope(
        record.sequence, record.kind, record.subject_id, digest(record.body), record.previous_digest,
        record.recorded_at, key.fingerprint,
    )  # fmt: skip
    where = f"record {record.sequence}"
    _must(envelope.digest() == record.digest, f"{where}: its digest is not that of what it says")
    signed = key.verifies(record.signature, canonical(envelope.to_json()))
    _must(signed, f"{where}: its signature is not that of the bundle's key over what it says")


def _written_down(body: BundleBody) -> str:
    """Each part of the bundle is what was written down about it when it came to be."""
    attribution = attribution_record_body(body.attribution.id, body.generation.id)
    expected = [
        ("corpus", body.corpus.id, corpus_record_body(body.corpus.body)),
        ("run", body.run.id, body.run.body),
        ("generation", body.generation.id, body.generation.body),
        ("attribution", body.attribution.id, attribution),
        *(("rendering", body.generation.id, rendering) for rendering in body.renderings),
    ]
    said = [(record.kind, record.subject_id, record.body) for record in body.records]
    for part in expected:
        _must(part in said, f"no record says this of the {part[0]} {part[1]}")
    for record in said:
        _must(record in expected, f"a record about {record[1]} says something else than this bundle")
    return "corpus, run, generation, renderings and attribution are as they were recorded"
