"""Who may approve, who approved what with which key, and was a period closed only when two had?

People are enrolled, and sign with keys of their own. All of it is records of the home: an enrolment, a
removal, and the sealed file that a person signed, which can be checked again by anyone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Finding
from console.home import Home
from provenance.canonical import read_canonical
from provenance.errors import ChainError, KeyFileError
from provenance.evidence.keys import PublicKey, SigningKey, personal_key
from provenance.evidence.records import append, fault_of, instant
from provenance.evidence.sealed import open_sealed, seal
from provenance.tables import Record
from royalties.approving import (
    Approver,
    Decision,
    Enrolment,
    Signed,
    Verdict,
    approvable,
    approvers_of,
    enrolment_fault,
    judge,
    person,
    subject_of,
)
from royalties.closing import find_closing
from royalties.digests import Json
from royalties.errors import ApprovalRefusedError, NotApprovedError
from royalties.periods import Period

ENROLLED = "approver"
APPROVAL = "approval"
APPROVAL_TYPE = "contrafact.approval/1"
CLOSING = "closing"


@dataclass(frozen=True)
class Approvals:
    """What was signed about a period, and what it comes to."""

    period: str
    subject: str
    approvable: dict[str, Json]
    closed: bool
    verdict: Verdict


def enrol(home: Home, name: str, public_key: Path) -> Approver:
    """A person who may approve from now on; the same person with the same key again changes nothing.

    Raises:
        KeyFileError: the file holds no Ed25519 public key.
        ApprovalRefusedError: the key is another person's or the home's, or the person has another one.
    """
    try:
        key = PublicKey.from_pem(public_key.read_text(encoding="ascii"))
    except UnicodeDecodeError as error:
        raise KeyFileError(f"The file {public_key} is no public key in PEM form.") from error
    if key.fingerprint == home.key.public.fingerprint:
        raise ApprovalRefusedError(
            f"{public_key} is the key of this home, which signs by itself: {name} needs a key of their own"
        )
    with home.session() as session, session.begin():
        before = enrolments_of(session, home.key.public)
        known = next((each for each in approvers_of(before) if each.key == key.fingerprint), None)
        if known is not None and person(known.name) == person(name):
            return known
        fault = enrolment_fault(before, name, key.fingerprint)
        if fault is not None:
            raise ApprovalRefusedError(f"{name} cannot be enrolled: {fault}")
        record = _note(session, home, name, key.fingerprint, key.pem, added=True)
        return Approver(name, key.fingerprint, record.sequence)


def remove(home: Home, name: str) -> Approver:
    """A person who may approve no longer; what they approved of open months does not count any more.

    Raises:
        ApprovalRefusedError: nobody of this name is enrolled.
    """
    with home.session() as session, session.begin():
        found = _enrolled(session, home.key.public, name)
        _note(session, home, found.name, found.key, "", added=False)
        return found


def approve(home: Home, period: Period, name: str, key_file: Path, decision: Decision, why: str) -> Signed:
    """What a person says of a period as it stands now, signed with their own key.

    Saying again what stands already changes nothing.

    Raises:
        NotFoundError: the period was not run.
        KeyFileError: the key cannot be used.
        ApprovalRefusedError: the person is not enrolled with this key, the period is closed, or a rejection
            gives no reason.
    """
    key = personal_key(key_file)
    with home.session() as session, session.begin():
        subject = subject_of(approvable(session, period))
        _check_may(session, home.key.public, period, name, key)
        if decision is Decision.REJECT and not why.strip():
            raise ApprovalRefusedError("a rejection needs its reason: add --why")
        verdict = verdict_of(session, home.key.public, period.name, subject)
        standing = _standing(verdict, subject, key.public.fingerprint, decision)
        if standing is not None:
            return standing
        now = datetime.now(UTC)
        body = {
            "home": home.key.public.fingerprint,
            "name": name,
            "period": period.name,
            "subject": subject,
            "decision": str(decision),
            "why": why,
            "signed_at": instant(now),
        }
        sealed = read_canonical(seal(APPROVAL_TYPE, body, key))
        record = append(
            session, home.key, kind=APPROVAL, subject_id=period.name, body=sealed, recorded_at=now
        )
        return signed_of(record)


def approvals_of(session: Session, home_key: PublicKey, period: Period) -> Approvals:
    """What was signed about a period, each signature checked again.

    Of a closed period: by who might approve when it was closed.

    Raises:
        NotFoundError: the period was not run.
        ChainError: a record of it was not signed by this home, or was changed since.
    """
    value = approvable(session, period)
    subject = subject_of(value)
    closed = [record.sequence for record in each_record(session, home_key, CLOSING, period.name)]
    verdict = verdict_of(session, home_key, period.name, subject, min(closed, default=None))
    return Approvals(period.name, subject, value, find_closing(session, period.name) is not None, verdict)


def check_approved(session: Session, home_key: PublicKey, period: Period) -> Approvals:
    """Passes if two people have approved what would be closed.

    Raises:
        NotApprovedError: they have not; it says who has, what does not count, and what is missing.
        ChainError: a record of it was not signed by this home, or was changed since.
    """
    found = approvals_of(session, home_key, period)
    if not found.verdict.approved:
        raise NotApprovedError(_refusal(found))
    return found


def verdict_of(
    session: Session, home_key: PublicKey, period: str, subject: str, until: int | None = None
) -> Verdict:
    """Whether a state of a period is approved, by the records before one of them or by all."""
    signed = [each for each in _each_signed(session, home_key) if until is None or each.sequence < until]
    enrolments = [each for each in enrolments_of(session, home_key) if until is None or each.sequence < until]
    return judge(period, subject, signed, enrolments)


def enrolments_of(session: Session, home_key: PublicKey) -> list[Enrolment]:
    """Who was enrolled and removed, in the order in which it happened."""
    found = []
    for record in each_record(session, home_key, ENROLLED):
        body = json.loads(record.body)
        found.append(Enrolment(record.sequence, body["name"], body["key"], bool(body["added"])))
    return found


def each_record(
    session: Session, home_key: PublicKey, kind: str, subject_id: str | None = None
) -> Iterator[Record]:
    """The records of a kind in their order, each checked by itself; that none is missing the doctor checks.

    Raises:
        ChainError: one was not signed by this home, or was changed since.
    """
    query = select(Record).where(Record.kind == kind).order_by(Record.sequence)
    if subject_id is not None:
        query = query.where(Record.subject_id == subject_id)
    for record in session.scalars(query):
        fault = fault_of(record, home_key)
        if fault is not None:
            raise ChainError(f"Record {record.sequence} ({kind} {record.subject_id}): {fault}.")
        yield record


def signed_of(record: Record) -> Signed:
    """What a record of an approval says, with what is wrong with its signature."""
    opened = open_sealed(record.body.encode("utf-8"), APPROVAL_TYPE, None)
    faults = "; ".join(check.detail for check in opened.checks if not check.ok)
    sealed = json.loads(record.body)
    body = sealed.get("body")
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    if not faults and said.get("home") != record.key_sha256:
        faults = "it was signed for another home"
    if not faults and record.subject_id != said.get("period"):
        faults = f"it was signed for {said.get('period')}"
    decision = said.get("decision")
    if not faults and decision not in set(Decision):
        faults = f"it says {decision!r}, which is no decision"
    return Signed(
        sequence=record.sequence,
        name=str(said.get("name", "")),
        key=opened.key.fingerprint if opened.key is not None else "",
        decision=Decision.REJECT if decision == Decision.REJECT else Decision.APPROVE,
        period=record.subject_id,
        subject=str(said.get("subject", "")),
        why=str(said.get("why", "")),
        signed_at=str(said.get("signed_at", "")),
        fault=faults,
    )


def audit_approvals(session: Session, home_key: PublicKey) -> Iterator[Finding]:
    """Approvals on record whose signatures do not hold.

    Raises:
        ChainError: a record of them was not signed by this home, or was changed since.
    """
    for signed in _each_signed(session, home_key):
        if signed.fault:
            where = f"approval of {signed.period}, record {signed.sequence}"
            yield Finding("APPROVAL_SIGNATURE", where, signed.fault)


def _each_signed(session: Session, home_key: PublicKey) -> list[Signed]:
    """Everything that was signed; the same bytes a second time say nothing new."""
    seen: set[str] = set()
    found = []
    for record in each_record(session, home_key, APPROVAL):
        if record.body_sha256 not in seen:
            seen.add(record.body_sha256)
            found.append(signed_of(record))
    return found


def _standing(verdict: Verdict, subject: str, key: str, decision: Decision) -> Signed | None:
    """What this key said already, if it still counts."""
    for each in verdict.judged:
        same = (each.signed.key, each.signed.subject, each.signed.decision) == (key, subject, decision)
        if each.counts and same and (decision is Decision.APPROVE or not verdict.by):
            return each.signed
    return None


def _check_may(session: Session, home_key: PublicKey, period: Period, name: str, key: SigningKey) -> None:
    if find_closing(session, period.name) is not None:
        raise ApprovalRefusedError(f"{period.name} is closed: what comes after it is a restatement")
    found = _enrolled(session, home_key, name)
    if found.key != key.public.fingerprint:
        raise ApprovalRefusedError(
            f"{found.name} is enrolled with the key {found.key[:16]}, and this is "
            f"{key.public.fingerprint[:16]}: nobody signs with another's key"
        )


def _enrolled(session: Session, home_key: PublicKey, name: str) -> Approver:
    approvers = approvers_of(enrolments_of(session, home_key))
    found = next((each for each in approvers if person(each.name) == person(name)), None)
    if found is None:
        known = ", ".join(each.name for each in approvers) or "nobody"
        raise ApprovalRefusedError(
            f"{name} is no approver; enrolled is {known} ('contrafact royalties approvers add' enrols people)"
        )
    return found


def _note(session: Session, home: Home, name: str, key: str, pem: str, *, added: bool) -> Record:
    now = datetime.now(UTC)
    body = {
        "type": "contrafact.approver/1",
        "name": name,
        "key": key,
        "public_key": pem,
        "added": added,
        "recorded_by": home.actor,
        "at": instant(now),  # so that who comes back is enrolled anew
    }
    return append(session, home.key, kind=ENROLLED, subject_id=key, body=body, recorded_at=now)


def _refusal(found: Approvals) -> str:
    by = ", ".join(found.verdict.by) or "nobody"
    lines = [f"{found.period} is not approved: approved by {by}; {found.verdict.missing}"]
    lines += [
        f"  {each.signed.decision} by {each.signed.name}, {each.signed.signed_at}: {each.because}"
        for each in found.verdict.judged
        if not each.counts
    ]
    command = f"contrafact royalties approve --period {found.period} --as NAME --key FILE"
    return "\n".join([*lines, f"  to approve: '{command}'"])
