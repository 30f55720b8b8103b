"""Which one file lets a stranger check a generation, with no database and no network?

`provenance.evidence.bundle_body` says what is in it, `provenance.evidence.bundle_checks` what must hold.
"""

import base64
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.files import FileStore
from catalog.tables import Work
from provenance.attributions import find_attribution
from provenance.canonical import read_canonical
from provenance.corpus.leaves import proofs_of, read_leaves, read_manifest
from provenance.errors import BundleError
from provenance.evidence.bundle_body import (
    BUNDLE_TYPE,
    MAX_BUNDLE_BYTES,
    MIDI_NAME,
    BundleBody,
    Named,
    RecordLine,
)
from provenance.evidence.bundle_checks import check_body
from provenance.evidence.keys import PublicKey, SigningKey
from provenance.evidence.records import fault_of, records_about
from provenance.evidence.sealed import open_sealed, seal
from provenance.evidence.verification import Check, Verification
from provenance.generations import find_generation, generation_values, rendering_body, renderings_of
from provenance.runs import find_run, run_values
from provenance.tables import Record

RECORD_KINDS = ("corpus", "run", "generation", "rendering", "attribution")


class _Seal:
    """Held by this module alone, so that nothing else builds a `VerifiedBundle`."""


_SEAL = _Seal()


class VerifiedBundle:
    """A bundle of which everything was checked. Only `open_bundle` builds one."""

    def __init__(self, seal: object, body: BundleBody, key: PublicKey, verification: Verification) -> None:
        if seal is not _SEAL:
            raise TypeError("a VerifiedBundle is made by open_bundle alone, which verifies it")
        self.body = body
        self.key = key
        self.verification = verification

    @property
    def midi(self) -> bytes:
        """The piece."""
        return base64.b64decode(self.body.files[MIDI_NAME])


def export_bundle(
    session: Session,
    key: SigningKey,
    *,
    generation_id: str,
    store: FileStore,
    corpora: Path,
    method: str | None = None,
) -> bytes:
    """The bundle of a generation and its newest attribution: one signed file in canonical JSON.

    The same records give the same bytes.

    Args:
        store: holds the generation's MIDI under its digest.
        corpora: the folder whose folders are named by corpus ids.
        method: by which attribution method, where there are several.

    Raises:
        NotRecordedError: the generation or its attribution is not on record.
        BundleError: a record was changed, or one is missing.
        ProofError: the corpus on disk is not the one on record.
    """
    generation = find_generation(session, generation_id)
    attribution = find_attribution(session, generation_id, method)
    run = find_run(session, generation.run_id)
    works = [share["work_id"] for share in attribution.body["shares"]]
    directory = corpora / run.corpus_id
    manifest = read_manifest(directory)
    body = BundleBody(
        generation=Named(id=generation.id, body=generation_values(generation).body()),
        files={MIDI_NAME: encoded(store.read(generation.midi_sha256))},
        renderings=[
            rendering_body(generation.id, rendering.sound_bank, rendering.files)
            for rendering in renderings_of(session, generation.id)
        ],
        attribution=Named(id=attribution.id, body=attribution.body),
        run=Named(id=run.id, body=run_values(session, run).body()),
        corpus=Named(id=run.corpus_id, body=manifest),
        leaves=proofs_of(read_leaves(directory, manifest), works),
        titles=_titles(session, works),
        records=_records(session, key, [run.corpus_id, run.id, generation.id, attribution.id]),
    )
    data = seal(BUNDLE_TYPE, body.model_dump(), key)
    failed = verify_bundle(data, key.public.fingerprint).failed
    if failed:
        raise BundleError(
            f"What is on record about {generation_id} does not agree: {failed[0].name}: {failed[0].detail}. "
            "A record or a row was changed; nothing is exported."
        )
    return data


def verify_bundle(data: bytes, expected_key: str | None = None) -> Verification:
    """What of the bundle holds; nothing is read but the bytes.

    Args:
        expected_key: fingerprint of the key that must have signed; without it, the check `signer` names the
            one that did.
    """
    return _verify(data, expected_key)[0]


def open_bundle(data: bytes, expected_key: str | None = None) -> VerifiedBundle:
    """What the bundle says, after everything was checked.

    Raises:
        BundleError: any of it does not hold.
    """
    verification, body, key = _verify(data, expected_key)
    if body is None or key is None or not verification.valid:
        faults = "; ".join(f"{check.name}: {check.detail}" for check in verification.failed)
        raise BundleError(f"The bundle does not hold. {faults}.")
    return VerifiedBundle(_SEAL, body, key, verification)


def _verify(
    data: bytes, expected_key: str | None
) -> tuple[Verification, BundleBody | None, PublicKey | None]:
    opened = open_sealed(data, BUNDLE_TYPE, expected_key, MAX_BUNDLE_BYTES)
    if opened.body is None or opened.key is None:
        return Verification(opened.checks), None, None
    try:
        body = BundleBody.model_validate(opened.body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        detail = f"{error.error_count()} things are not as in a bundle, the first at {where}: {first['msg']}"
        return Verification((*opened.checks, Check("structure", False, detail))), None, None
    return Verification((*opened.checks, *check_body(body, opened.key))), body, opened.key


def encoded(data: bytes) -> str:
    """Bytes as text in base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def _titles(session: Session, work_ids: list[str]) -> dict[str, str]:
    rows = session.execute(select(Work.id, Work.title).where(Work.id.in_(work_ids)).order_by(Work.id))
    return {work_id: title for work_id, title in rows}


def _records(session: Session, key: SigningKey, subjects: list[str]) -> list[RecordLine]:
    records = [r for r in records_about(session, subjects) if r.kind in RECORD_KINDS]
    for record in records:
        fault = fault_of(record, key.public)
        if fault is not None:
            raise BundleError(f"Record {record.sequence} ({record.kind} {record.subject_id}): {fault}.")
    missing = set(subjects) - {record.subject_id for record in records}
    if missing:
        raise BundleError(f"Nothing was written down about {', '.join(sorted(missing))}.")
    return [_line(record) for record in records]


def _line(record: Record) -> RecordLine:
    return RecordLine(
        sequence=record.sequence,
        kind=record.kind,
        subject_id=record.subject_id,
        body=read_canonical(record.body.encode("utf-8")),
        previous_digest=record.previous_digest,
        recorded_at=record.recorded_at,
        digest=record.digest,
        signature=record.signature,
    )
