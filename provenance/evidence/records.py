"""What was written down here, in which order, and is it still what was written?

A record holds a body in canonical JSON. Its envelope names the body's digest and the digest of the record
before it; the envelope is digested and signed. Nothing can be changed, taken out or put in without the key.
Cutting off the newest records is seen only by one who knows the newest digest: publish it, or keep a bundle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from provenance.canonical import canonical, digest, read_canonical
from provenance.errors import CanonicalError, ChainError, KeyFileError
from provenance.evidence.keys import PublicKey, SigningKey
from provenance.tables import Record

RECORD_TYPE = "contrafact.record/1"
NOTHING_BEFORE = "0" * 64


@dataclass(frozen=True)
class Envelope:
    """What is signed of a record: everything but the body, which stands here as its digest."""

    sequence: int
    kind: str
    subject_id: str
    body_sha256: str
    previous_digest: str
    recorded_at: str
    key_sha256: str

    def to_json(self) -> dict[str, Any]:
        """The envelope as a JSON object."""
        return {"type": RECORD_TYPE, **self.__dict__}

    def digest(self) -> str:
        """The digest by which the next record names this one."""
        return digest(self.to_json())


@dataclass(frozen=True)
class ChainState:
    """A chain that held together: how many records there are, and the digest of the newest."""

    records: int
    head: str


def append(
    session: Session,
    key: SigningKey,
    *,
    kind: str,
    subject_id: str,
    body: Mapping[str, Any],
    recorded_at: datetime,
) -> Record:
    """The record of this body, at the end of the chain; or the one that says the same already.

    The record becomes part of the caller's transaction. No other transaction can append until it ends.

    Args:
        kind: what happened, such as `generation` or `attribution`.
        subject_id: what it is about.

    Raises:
        KeyFileError: the chain so far was signed by another key.
    """
    written = canonical(body)
    said = session.scalars(
        select(Record)
        .where(Record.subject_id == subject_id, Record.kind == kind, Record.body_sha256 == digest(body))
        .order_by(Record.sequence)
    ).first()
    if said is not None:
        return said
    _lock(session)
    last = session.scalars(select(Record).order_by(Record.sequence.desc()).limit(1)).first()
    if last is not None and last.key_sha256 != key.public.fingerprint:
        raise KeyFileError(
            f"The records of this home are signed by the key {last.key_sha256}, and its folder 'keys' now "
            f"holds {key.public.fingerprint}. Put the first one back from a copy."
        )
    envelope = Envelope(
        sequence=last.sequence + 1 if last else 1,
        kind=kind,
        subject_id=subject_id,
        body_sha256=digest(body),
        previous_digest=last.digest if last else NOTHING_BEFORE,
        recorded_at=instant(recorded_at),
        key_sha256=key.public.fingerprint,
    )
    record = Record(
        **envelope.__dict__,
        body=written.decode("utf-8"),
        digest=envelope.digest(),
        signature=key.sign(canonical(envelope.to_json())),
    )
    session.add(record)
    session.flush()
    return record


def envelope_of(record: Record) -> Envelope:
    """The signed part of a record."""
    return Envelope(
        record.sequence,
        record.kind,
        record.subject_id,
        record.body_sha256,
        record.previous_digest,
        record.recorded_at,
        record.key_sha256,
    )


def verify_chain(session: Session, key: PublicKey, expected_head: str | None = None) -> ChainState:
    """The state of the chain, after every record was checked.

    Raises:
        ChainError: a record was changed, removed, put in or signed by another key, or the newest is not the
            one that was expected.
    """
    rows = session.scalars(select(Record).order_by(Record.sequence).execution_options(yield_per=1000))
    state = verify_records(rows, key)
    if expected_head is not None and state.head != expected_head:
        raise ChainError(
            f"The newest of {state.records} records has digest {state.head}, expected {expected_head}: "
            "records were removed from the end, or added since."
        )
    return state


def verify_records(records: Iterable[Record], key: PublicKey) -> ChainState:
    """The state of the chain that these records make up from its beginning.

    Raises:
        ChainError: they do not make up one.
    """
    sequence, head = 0, NOTHING_BEFORE
    for record in records:
        sequence += 1
        if record.sequence != sequence or record.previous_digest != head:
            raise ChainError(
                f"Record {record.sequence} follows record {sequence - 1} but names {record.previous_digest} "
                f"as the one before it, not {head}: a record was removed or put in."
            )
        fault = fault_of(record, key)
        if fault is not None:
            raise ChainError(f"Record {record.sequence} ({record.kind} {record.subject_id}): {fault}.")
        head = record.digest
    return ChainState(sequence, head)


def fault_of(record: Record, key: PublicKey) -> str | None:
    """What is wrong with a record by itself; nothing, where its body, digest and signature agree."""
    envelope = envelope_of(record)
    try:
        body = read_canonical(record.body.encode("utf-8"))
    except CanonicalError as error:
        return f"its body was changed: {error}"
    if digest(body) != envelope.body_sha256:
        return "its body is not the one that was signed"
    if envelope.digest() != record.digest:
        return "its digest is not that of what it says"
    if envelope.key_sha256 != key.fingerprint:
        return f"it names the key {envelope.key_sha256}, expected {key.fingerprint}"
    if not key.verifies(record.signature, canonical(envelope.to_json())):
        return "its signature is not that of the key over what it says"
    return None


def records_about(session: Session, subject_ids: Iterable[str]) -> list[Record]:
    """The records about these subjects, in the order of the chain."""
    wanted = sorted(set(subject_ids))
    return list(
        session.scalars(select(Record).where(Record.subject_id.in_(wanted)).order_by(Record.sequence))
    )


def instant(moment: datetime) -> str:
    """An aware instant as RFC 3339 in UTC, always with microseconds."""
    if moment.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {moment!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _lock(session: Session) -> None:
    """PostgreSQL: nobody else appends in this transaction's time. SQLite: its writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text('LOCK TABLE "record" IN EXCLUSIVE MODE'))
