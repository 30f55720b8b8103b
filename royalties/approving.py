"""Have two people approved exactly what is about to be closed?

What is approved is a value: a period's run, its totals, its policy and the restatements posted in it, with
one digest. An approval counts for that digest only, so that one of an earlier state falls away by itself.
This file knows the rule; who signed what is checked where the signatures are.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import normalize

from sqlalchemy.orm import Session

from royalties.digests import Json, canonical_json
from royalties.periods import Period
from royalties.restating import policy_of
from royalties.runs import get_run
from royalties.statement_deltas import posted_in
from royalties.tables import RestatementRow

NEEDED = 2
"""How many people approve, each with a key of their own."""


class Decision(StrEnum):
    """What a person says of a period."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A person was made an approver with a key, or is none any more."""

    sequence: int
    name: str
    key: str
    added: bool


@dataclass(frozen=True, slots=True)
class Approver:
    """Who may approve, with which key, and since which record."""

    name: str
    key: str
    since: int


@dataclass(frozen=True, slots=True)
class Signed:
    """What a person signed; `fault` says what is wrong with the signature, if anything is."""

    sequence: int
    name: str
    key: str
    decision: Decision
    period: str
    subject: str
    why: str = ""
    signed_at: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether something that was signed counts, and why it does not."""

    signed: Signed
    counts: bool
    because: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a state is approved, by whom, and what is missing."""

    approved: bool
    by: tuple[str, ...]
    judged: tuple[Judged, ...]
    missing: str


def approvable(session: Session, period: Period) -> dict[str, Json]:
    """What the closing of a period would make final.

    Raises:
        NotFoundError: the period was not run.
    """
    run = get_run(session, period)
    return {
        "type": "contrafact.approvable/1",
        "period": period.name,
        "run": run.id,
        "run_digest": run.digest,
        "currency": run.currency,
        "policy": policy_of(run).digest,
        "gross_minor": str(run.gross_minor),
        "deductions_minor": str(run.deductions_minor),
        "provider_minor": str(run.provider_minor),
        "pool_minor": str(run.pool_minor),
        "allocated_minor": str(run.allocated_minor),
        "suspense_minor": str(run.suspense_minor),
        "restatements": [_restatement(each) for each in posted_in(session, period)],
    }


def subject_of(approvable: Mapping[str, Json]) -> str:
    """The digest that an approval names: the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(dict(approvable))).hexdigest()


def person(name: str) -> str:
    """The name as it is compared: whether two names are one person, whatever their case and spaces."""
    return " ".join(normalize("NFKC", name).casefold().split())


def approvers_of(enrolments: Iterable[Enrolment]) -> tuple[Approver, ...]:
    """Who may approve after all of these."""
    found: dict[str, Approver] = {}
    for each in sorted(enrolments, key=lambda each: each.sequence):
        if each.added:
            found[person(each.name)] = Approver(each.name, each.key, each.sequence)
        else:
            found.pop(person(each.name), None)
    return tuple(found[name] for name in sorted(found))


def enrolment_fault(enrolments: Sequence[Enrolment], name: str, key: str) -> str | None:
    """Why a person cannot be enrolled with a key; nothing, where they can.

    A key stays with the person whose it was, even after they were removed; a person has one key at a time.
    """
    mine = person(name)
    if not mine or not name.isprintable():
        return f"{name!r} is no name: 1 or more printable characters are expected"
    for each in enrolments:
        if each.key == key and person(each.name) != mine:
            return f"the key {key[:16]} is that of {each.name}: each person needs a key of their own"
    known = next((each for each in approvers_of(enrolments) if person(each.name) == mine), None)
    if known is not None and known.key != key:
        return (
            f"{known.name} is enrolled with the key {known.key[:16]}: remove them first, then add the new key"
        )
    return None


def judge(period: str, subject: str, signed: Iterable[Signed], enrolments: Sequence[Enrolment]) -> Verdict:
    """Whether the state with this digest is approved: two people, two keys, nobody who rejected it later.

    An approval counts while its person is an approver. A rejection by one who was an approver then takes back
    every approval before it, whatever state they were of, and stands even if its person is removed: from then
    on the period is to be approved anew.

    Args:
        signed: everything that was signed, about any period.
        enrolments: of everyone; of a closed period, those before it was closed.
    """
    mine = sorted((each for each in signed if each.period == period), key=lambda each: each.sequence)
    now = approvers_of(enrolments)
    objections = [(each, each.fault or _not_entitled(each, enrolments, now)) for each in mine]
    rejections = [each for each, fault in objections if each.decision is Decision.REJECT and not fault]
    last = rejections[-1] if rejections else None
    by: dict[str, str] = {}
    judged = []
    for each, fault in objections:
        because = fault or _outdated(each, subject, last)
        if not because and each.decision is Decision.APPROVE:
            if person(each.name) in map(person, by.values()) or each.key in by:
                because = f"{each.name} has approved it already: another person is needed"
            else:
                by[each.key] = each.name
        judged.append(Judged(each, not because, because))
    names = tuple(sorted(by.values()))
    return Verdict(len(names) >= NEEDED, names, tuple(judged), _missing(names, last))


def _not_entitled(each: Signed, enrolments: Sequence[Enrolment], now: Sequence[Approver]) -> str:
    """Why somebody may not say this; empty, if they may."""
    then = approvers_of(one for one in enrolments if one.sequence < each.sequence)
    if not any(_is(one, each) for one in then):
        return f"{each.name} was no approver with this key"
    still = next((one for one in now if _is(one, each)), None)
    if each.decision is Decision.APPROVE and (still is None or still.since > each.sequence):
        return f"{each.name} was removed since"
    return ""


def _is(approver: Approver, signed: Signed) -> bool:
    return approver.key == signed.key and person(approver.name) == person(signed.name)


def _outdated(each: Signed, subject: str, last: Signed | None) -> str:
    """What came after something that was rightly signed, so that it does not count; empty, if nothing did."""
    if each.decision is Decision.REJECT:
        return "" if each is last else "a later rejection stands in its place"
    if last is not None and each.sequence < last.sequence:
        return f"{last.name} rejected it later: {last.why}"
    if each.subject != subject:
        return "it is of an earlier state: what would be closed has changed since"
    return ""


def _missing(by: Sequence[str], last: Signed | None) -> str:
    lacking = NEEDED - len(by)
    if lacking <= 0:
        return ""
    people = "1 more person" if lacking == 1 and by else f"{lacking} people"
    said = f"{people} must approve, each with a key of their own"
    return said if last is None else f"{said}, since {last.name} rejected it ({last.why})"


def _restatement(row: RestatementRow) -> Json:
    return {
        "id": row.id,
        "digest": row.digest,
        "restates": row.restates,
        "policy": policy_of(row).digest,
        "gross_minor": str(row.gross_minor),
        "pool_minor": str(row.pool_minor),
    }
