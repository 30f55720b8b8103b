"""May this work be used for this purpose, there, on that day, and if not, why not?

A pure function of values. A work is cleared only where
- **the composition** is in the public domain there, or every share of every right that the purpose needs is
  granted for the purpose, for all of the territory, on the day;
- at least one **encoding** of it is licensed for the purpose, by a public licence or by a grant;
- nothing reserves it for that purpose, unless the contracts that grant it say in words that they win over
  such signals;
- and it was not withdrawn: that no contract overrides.
More or wider grants never take a permission away, and fewer or narrower ones never give one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from catalog.licences import Refusal, is_contract, terms_of
from catalog.shares import in_term, is_whole, named, percent, totals
from catalog.territories import countries
from catalog.vocabulary import GrantSubject, Purpose, Right

NEEDED_RIGHTS: dict[Purpose, tuple[Right, ...]] = {
    Purpose.TRAIN: (Right.MECHANICAL,),
    Purpose.GENERATE: (Right.MECHANICAL,),
    Purpose.EVALUATE: (Right.MECHANICAL,),
    Purpose.DISTRIBUTE: (Right.PERFORMING, Right.MECHANICAL),
}


class ObjectionCode(StrEnum):
    """Why a work may not be used."""

    SHARE_GAP = "SHARE_GAP"
    SHARE_OVERCLAIM = "SHARE_OVERCLAIM"
    SHARE_UNGRANTED = "SHARE_UNGRANTED"
    SHARES_UNRELIABLE = "SHARES_UNRELIABLE"
    GRANT_NOT_STARTED = "GRANT_NOT_STARTED"
    GRANT_EXPIRED = "GRANT_EXPIRED"
    PURPOSE_NOT_GRANTED = "PURPOSE_NOT_GRANTED"
    TERRITORY_NOT_GRANTED = "TERRITORY_NOT_GRANTED"
    MODEL_NOT_GRANTED = "MODEL_NOT_GRANTED"
    NO_ENCODING = "NO_ENCODING"
    ENCODING_NONCOMMERCIAL = Refusal.NONCOMMERCIAL.value
    ENCODING_NO_DERIVATIVES = Refusal.NO_DERIVATIVES.value
    ENCODING_SHARE_ALIKE = Refusal.SHARE_ALIKE.value
    ENCODING_UNLICENSED = Refusal.UNLICENSED.value
    ENCODING_UNGRANTED = "ENCODING_UNGRANTED"
    RESERVED = "RESERVED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason: a code, a sentence, and the share's party, grant, file or reservation that it is about."""

    code: ObjectionCode
    message: str
    about: str

    def to_json(self) -> dict[str, str]:
        """The objection as a JSON object."""
        return {"code": self.code.value, "message": self.message, "about": self.about}


@dataclass(frozen=True, slots=True)
class ShareFact:
    """A part of a right, and who may speak for it beside its owner."""

    party_id: str
    party_name: str
    right: Right
    share_ppm: int
    territory: str = "WORLD"
    starts_on: date | None = None
    ends_on: date | None = None
    represented_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GrantFact:
    """What somebody permits for this work; `licence_ref` names the contract for files under that licence.

    `models`: the models that it is for, None for all.
    `overrides_reservations`: the contract says in words that it wins over opt-out signals.
    """

    grant_id: str
    licensor_id: str
    subject: GrantSubject
    purposes: frozenset[Purpose]
    territory: str
    starts_on: date
    ends_on: date | None = None
    for_represented: bool = False
    licence_ref: str | None = None
    overrides_reservations: bool = False
    models: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class EncodingFact:
    """A file of the work and its licence."""

    encoding_id: str
    licence: str
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class ReservationFact:
    """A signal that withholds the work (`encoding_id` None) or one file of it, for some purposes."""

    reservation_id: str
    protocol: str
    seen_on: date
    lifted_on: date | None = None
    encoding_id: str | None = None
    purposes: frozenset[Purpose] = frozenset(Purpose)


@dataclass(frozen=True, slots=True)
class WithdrawalFact:
    """The work was taken back from a day on."""

    withdrawal_id: str
    effective_on: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """Everything that the answer for one work depends on."""

    work_id: str
    title: str
    public_domain_in: str | None = None
    public_domain_from_on: date | None = None
    payable: bool = True
    shares: tuple[ShareFact, ...] = ()
    grants: tuple[GrantFact, ...] = ()
    encodings: tuple[EncodingFact, ...] = ()
    reservations: tuple[ReservationFact, ...] = ()
    withdrawals: tuple[WithdrawalFact, ...] = ()


@dataclass(frozen=True, slots=True)
class ClearedEncoding:
    """A file that may be used, and every grant, of the work and of the file, that says so."""

    encoding_id: str
    licence: str
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clearance:
    """The answer. `objections` is empty exactly where the work is cleared.

    `refused` names the files that may not be used of a work that is cleared through another file.
    """

    work_id: str
    cleared: bool
    objections: tuple[Objection, ...]
    grants: tuple[str, ...] = ()
    encodings: tuple[ClearedEncoding, ...] = ()
    refused: tuple[Objection, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Question:
    purpose: Purpose
    asked: frozenset[str]
    on: date
    model: str | None = None


@dataclass(frozen=True, slots=True)
class _Permission:
    """Which grants permit something, or what stands against it."""

    grants: frozenset[str] = frozenset()
    objections: tuple[Objection, ...] = ()


def clear(
    facts: WorkFacts, purpose: Purpose, territory: str, on: date, model: str | None = None
) -> Clearance:
    """The answer for one work.

    Args:
        facts: what is on record.
        purpose: what for.
        territory: where; the answer is yes only if it is yes in every country of it.
        on: the day of the use.
        model: for which model; without a name, grants for some models only do not count.

    Raises:
        UnknownTerritoryError: the territory, or one on record, is none.
    """
    question = _Question(purpose, countries(territory), on, model)
    composition = _composition(facts, question)
    reserved = () if _work_overrides(facts, question) else tuple(_reserved(facts, None, question))
    cleared: list[ClearedEncoding] = []
    refused: list[Objection] = []
    for encoding in facts.encodings:
        permission = _encoding(facts, encoding, question)
        if permission.objections:
            refused += permission.objections
        else:
            grants = tuple(sorted(composition.grants | permission.grants))
            cleared.append(ClearedEncoding(encoding.encoding_id, encoding.licence, grants))
    objections = [*_withdrawn(facts, question), *composition.objections, *reserved]
    if not facts.encodings:
        message = f"'{facts.title}' has no file: there is nothing to use"
        objections.append(Objection(ObjectionCode.NO_ENCODING, message, facts.work_id))
    if not cleared:
        objections += refused
    if objections:
        return Clearance(facts.work_id, False, tuple(objections))
    return Clearance(
        facts.work_id, True, (), tuple(sorted(composition.grants)), tuple(cleared), tuple(refused)
    )


def clear_all(
    facts: Iterable[WorkFacts], purpose: Purpose, territory: str, on: date, model: str | None = None
) -> list[Clearance]:
    """The answers for many works, in their order. Raises as `clear` does."""
    return [clear(work, purpose, territory, on, model) for work in facts]


def is_public_domain(facts: WorkFacts, territory: str, on: date) -> bool:
    """Whether the composition is in the public domain in all of the territory on the day."""
    if facts.public_domain_in is None:
        return False
    begun = facts.public_domain_from_on is None or facts.public_domain_from_on <= on
    return begun and countries(territory) <= countries(facts.public_domain_in)


def _composition(facts: WorkFacts, question: _Question) -> _Permission:
    free = frozenset[str]()
    if facts.public_domain_in is not None and in_term(facts.public_domain_from_on, None, question.on):
        free = countries(facts.public_domain_in)
    asked = question.asked - free
    if not asked:
        return _Permission()
    narrowed = replace(question, asked=asked)
    grants: set[str] = set()
    objections: list[Objection] = []
    if not facts.payable:
        message = f"the shares of '{facts.title}' came in wrong or unreadable; correct them first"
        objections.append(Objection(ObjectionCode.SHARES_UNRELIABLE, message, facts.work_id))
    for right in NEEDED_RIGHTS[question.purpose]:
        live = [
            share
            for share in facts.shares
            if share.right is right
            and share.share_ppm
            and in_term(share.starts_on, share.ends_on, question.on)
        ]
        objections += _sum_objections(facts, right, live, asked)
        for share in live:
            permission = _share(facts, share, narrowed)
            grants |= permission.grants
            objections += permission.objections
    return _Permission(frozenset(grants), tuple(dict.fromkeys(objections)))


def _sum_objections(
    facts: WorkFacts, right: Right, live: Sequence[ShareFact], asked: frozenset[str]
) -> Iterator[Objection]:
    sums = totals([(share.territory, share.share_ppm) for share in live], asked)
    for total, where in sorted(sums.items()):
        if not is_whole(total):
            gap = total < 1_000_000
            code = ObjectionCode.SHARE_GAP if gap else ObjectionCode.SHARE_OVERCLAIM
            message = f"{right} shares of '{facts.title}' sum to {percent(total)} in {named(where)}: " + (
                "somebody who must be asked is missing" if gap else "the claims contradict each other"
            )
            yield Objection(code, message, facts.work_id)


def _share(facts: WorkFacts, share: ShareFact, question: _Question) -> _Permission:
    """Whether those who may speak for a share grant it wherever it holds and is asked for."""
    needed = question.asked & countries(share.territory)
    speaking = [
        grant
        for grant in facts.grants
        if grant.subject is GrantSubject.COMPOSITION
        and (
            grant.licensor_id == share.party_id
            or (grant.for_represented and grant.licensor_id in share.represented_by)
        )
    ]
    what = f"the {share.right} share of {share.party_name} ({percent(share.share_ppm)})"
    if not speaking and needed:
        message = f"nobody has granted {what}"
        return _Permission(objections=(Objection(ObjectionCode.SHARE_UNGRANTED, message, share.party_id),))
    return _granted(speaking, replace(question, asked=needed), what)


def _work_overrides(facts: WorkFacts, question: _Question) -> bool:
    """Whether contracts that win over signals would by themselves permit the composition everywhere."""
    words = tuple(grant for grant in facts.grants if grant.overrides_reservations)
    if not facts.reservations or not words:
        return False
    alone = replace(facts, grants=words, public_domain_in=None)
    return not _composition(alone, question).objections


def _encoding(facts: WorkFacts, encoding: EncodingFact, question: _Question) -> _Permission:
    reserved = tuple(_reserved(facts, encoding.encoding_id, question))
    what = f"the file {encoding.file_name or encoding.encoding_id[:12]}"
    if is_contract(encoding.licence):
        speaking = [
            grant
            for grant in facts.grants
            if grant.subject is GrantSubject.ENCODING and grant.licence_ref == encoding.licence
        ]
        if not speaking:
            message = f"no grant on record permits anything with {what} under {encoding.licence}"
            objection = Objection(ObjectionCode.ENCODING_UNGRANTED, message, encoding.encoding_id)
            return _Permission(objections=(objection, *reserved))
        granted = _granted(speaking, question, what)
        words = [grant for grant in speaking if grant.overrides_reservations]
        if words and not _granted(words, question, what).objections:
            reserved = ()
        return _Permission(granted.grants, (*granted.objections, *reserved))
    terms = terms_of(encoding.licence)
    if question.purpose in terms.permits:
        return _Permission(objections=reserved)
    code = ObjectionCode((terms.refusal or Refusal.UNLICENSED).value)
    message = f"{what} is under {encoding.licence}, which does not permit to {question.purpose}"
    return _Permission(objections=(Objection(code, message, encoding.encoding_id), *reserved))


def _granted(grants: Sequence[GrantFact], question: _Question, what: str) -> _Permission:
    """The grants that together permit something in all countries asked about, or what is wrong with each."""
    in_force = [grant for grant in grants if _why_not(grant, question) is None]
    covered = frozenset[str]().union(*(countries(grant.territory) for grant in in_force))
    missing = question.asked - covered
    if not missing:
        used = [grant for grant in in_force if countries(grant.territory) & question.asked]
        return _Permission(frozenset(grant.grant_id for grant in used))
    objections = []
    for grant in grants:
        code = _why_not(grant, question) or ObjectionCode.TERRITORY_NOT_GRANTED
        message = f"{what}: {_sentence(code, grant, question, missing)}"
        objections.append(Objection(code, message, grant.grant_id))
    return _Permission(objections=tuple(objections))


def _why_not(grant: GrantFact, question: _Question) -> ObjectionCode | None:
    if question.purpose not in grant.purposes:
        return ObjectionCode.PURPOSE_NOT_GRANTED
    if grant.models is not None and question.model not in grant.models:
        return ObjectionCode.MODEL_NOT_GRANTED
    if question.on < grant.starts_on:
        return ObjectionCode.GRANT_NOT_STARTED
    if grant.ends_on is not None and question.on >= grant.ends_on:
        return ObjectionCode.GRANT_EXPIRED
    return None


def _sentence(code: ObjectionCode, grant: GrantFact, question: _Question, missing: frozenset[str]) -> str:
    if code is ObjectionCode.PURPOSE_NOT_GRANTED:
        purposes = ", ".join(sorted(grant.purposes)) or "nothing"
        return f"grant {grant.grant_id} permits to {purposes}, not to {question.purpose}"
    if code is ObjectionCode.MODEL_NOT_GRANTED:
        asked = f"model {question.model}" if question.model else "any model"
        return f"grant {grant.grant_id} is for {', '.join(sorted(grant.models or ()))}, not for {asked}"
    if code is ObjectionCode.GRANT_NOT_STARTED:
        return f"grant {grant.grant_id} begins on {grant.starts_on}, after {question.on}"
    if code is ObjectionCode.GRANT_EXPIRED:
        return f"grant {grant.grant_id} ended before {grant.ends_on}, and {question.on} was asked about"
    return f"grant {grant.grant_id} for {grant.territory} leaves out {named(missing)}"


def _reserved(facts: WorkFacts, encoding_id: str | None, question: _Question) -> Iterator[Objection]:
    for reservation in facts.reservations:
        in_force = in_term(reservation.seen_on, reservation.lifted_on, question.on)
        withheld = question.purpose in reservation.purposes
        if reservation.encoding_id == encoding_id and in_force and withheld:
            what = "the work" if encoding_id is None else f"the file {encoding_id[:12]}"
            message = f"{what} is reserved ({reservation.protocol}, seen on {reservation.seen_on})"
            yield Objection(ObjectionCode.RESERVED, message, reservation.reservation_id)


def _withdrawn(facts: WorkFacts, question: _Question) -> Iterator[Objection]:
    for withdrawal in facts.withdrawals:
        if withdrawal.effective_on <= question.on:
            message = f"'{facts.title}' was withdrawn from {withdrawal.effective_on} on: {withdrawal.reason}"
            yield Objection(ObjectionCode.WITHDRAWN, message, withdrawal.withdrawal_id)
