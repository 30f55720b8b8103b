"""What does a CWR file say about works, parties and shares?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from catalog.cwr.acknowledgement import read_answer
from catalog.cwr.fields import Record
from catalog.cwr.layouts import SHARE_RECORDS
from catalog.cwr.transactions import Answer, Transaction, read_transactions
from catalog.errors import UnknownTerritoryError
from catalog.identifiers import parse_ipi_base_number, parse_ipi_name_number, parse_isrc, parse_iswc
from catalog.records import (
    UNKNOWN_NAME,
    Fault,
    IdentifierRecord,
    PartyRecord,
    Read,
    RecordingRecord,
    RepresentationRecord,
    ShareRecord,
    TitleRecord,
    WorkRecord,
)
from catalog.territories import from_tis
from catalog.vocabulary import (
    PUBLISHER_ROLES,
    IdentifierScheme,
    Origin,
    PartyKind,
    Right,
    Role,
    ShareKind,
    TitleKind,
)

RIGHT_FIELDS = (
    (Right.PERFORMING, "pr"),
    (Right.MECHANICAL, "mr"),
    (Right.SYNCHRONISATION, "sr"),
)


class RecordError(ValueError):
    """A record cannot be used; the reader turns it into a fault."""

    def __init__(self, code: str, found: str, expected: str) -> None:
        super().__init__(code)
        self.code = code
        self.found = found
        self.expected = expected


@dataclass(frozen=True)
class _Claim:
    """A party within a transaction, with what its record says beside the shares."""

    party: PartyRecord
    role: Role
    controlled: bool
    chain: int


@dataclass
class _Draft:
    """The work as far as its records were read."""

    transaction: Transaction
    claims: dict[str, _Claim] = field(default_factory=dict)
    last_writer: _Claim | None = None
    territories: dict[str, list[tuple[str, str, tuple[int, int, int]]]] = field(default_factory=dict)
    titles: list[TitleRecord] = field(default_factory=list)
    identifiers: list[IdentifierRecord] = field(default_factory=list)
    credits: list[tuple[PartyRecord, Role]] = field(default_factory=list)
    shares: list[ShareRecord] = field(default_factory=list)
    representations: list[RepresentationRecord] = field(default_factory=list)
    recordings: list[RecordingRecord] = field(default_factory=list)


def read_cwr(stream: BinaryIO, file_name: str, origin: Origin = Origin.HUMAN) -> Iterator[Read]:
    """The works and answers of a CWR 2.1 or 2.2 file, and everything in it that could not be used.

    The file does not say who wrote the works, so `origin` does.
    """
    for step in read_transactions(stream, file_name):
        if isinstance(step, Transaction):
            yield from _work(step, origin)
        elif isinstance(step, Answer):
            yield Read.of(read_answer(step))
        else:
            yield Read.of(step)


def _work(transaction: Transaction, origin: Origin) -> Iterator[Read]:
    draft = _Draft(transaction)
    complete = transaction.complete
    for record in transaction.records:
        try:
            _HANDLERS[record.type](draft, record)
        except RecordError as error:
            complete = complete and record.type not in SHARE_RECORDS
            yield Read.of(Fault(error.code, record.place, error.found, error.expected))
    for ip_no in draft.territories:
        try:
            draft.shares += _collections(draft.claims[ip_no], draft.territories[ip_no])
        except UnknownTerritoryError as error:
            complete = False
            place = transaction.header.place
            yield Read.of(Fault("INVALID_TERRITORY", place, str(error), "CISAC TIS codes"))
    header = transaction.header
    title, number, iswc = header.text("work_title"), header.text("submitter_work_no"), header.text("iswc")
    if title is None or number is None:
        missing = "work title" if title is None else "submitter's work number"
        yield Read.of(Fault("MISSING_FIELD", header.place, f"no {missing}", "a title and a number"))
        return
    checked = None if iswc is None else parse_iswc(iswc)
    if iswc is not None and checked is None:
        yield Read.of(Fault("INVALID_ISWC", header.place, f"'{iswc}'", "an ISWC whose check digit agrees"))
    yield Read(work=_finished(draft, title, number, checked, origin, complete=complete))


def _finished(
    draft: _Draft, title: str, number: str, iswc: str | None, origin: Origin, *, complete: bool
) -> WorkRecord:
    header = draft.transaction.header
    return WorkRecord(
        title=title,
        submitter=draft.transaction.sender,
        number=number,
        iswc=iswc,
        origin=origin,
        language=header.text("language"),
        titles=tuple(draft.titles),
        identifiers=tuple(draft.identifiers),
        credits=tuple(draft.credits),
        shares=tuple(draft.shares),
        representations=tuple(draft.representations),
        recordings=tuple(draft.recordings),
        complete=complete,
        place=header.place,
    )


def _publisher(draft: _Draft, record: Record) -> None:
    name = record.text("publisher_name")
    controlled = record.type == "SPU"
    role = _role(record, Role.ORIGINAL_PUBLISHER)
    if role not in PUBLISHER_ROLES:
        raise RecordError("INVALID_CODE", f"publisher type '{role}'", "E, AM, SE, ES or AQ")
    party = _party(draft, record, name, PartyKind.PUBLISHER, controlled=controlled)
    _claim(draft, record, _Claim(party, role, controlled, record.number("publisher_seq")))


def _writer(draft: _Draft, record: Record) -> None:
    controlled = record.type == "SWR"
    role = _role(record, None if controlled else Role.COMPOSER_AUTHOR)
    if role in PUBLISHER_ROLES or role is Role.PERFORMER:
        raise RecordError(
            "INVALID_CODE", f"writer designation '{role}'", "C, A, CA, AR, AD, TR, SR, SA or PA"
        )
    party = _party(draft, record, _person(record), PartyKind.WRITER, controlled=controlled)
    claim = _Claim(party, role, controlled, 0)
    _claim(draft, record, claim)
    draft.last_writer = claim


def _claim(draft: _Draft, record: Record, claim: _Claim) -> None:
    draft.credits.append((claim.party, claim.role))
    ip_no = record.text("ip_no")
    if ip_no is not None:
        draft.claims[ip_no] = claim
    amounts = [(right, record.number(f"{short}_ownership")) for right, short in RIGHT_FIELDS]
    if not any(amount for _right, amount in amounts):
        amounts = amounts[:1]  # a party that owns nothing is still a party to the work
    else:
        amounts = [(right, amount) for right, amount in amounts if amount]
    for right, amount in amounts:
        draft.shares.append(_share(claim, ShareKind.OWNERSHIP, right, amount, "WORLD"))


def _share(claim: _Claim, kind: ShareKind, right: Right, share_ppm: int, territory: str) -> ShareRecord:
    return ShareRecord(
        claim.party,
        claim.role,
        kind,
        right,
        share_ppm,
        territory,
        controlled=claim.controlled,
        chain=claim.chain,
    )


def _territory(draft: _Draft, record: Record) -> None:
    ip_no = record.text("ip_no") or ""
    if ip_no not in draft.claims:
        raise RecordError("UNKNOWN_PARTY", f"interested party number '{ip_no}'", "one of a record above")
    sign, tis = record.text("incl_excl"), record.text("tis_code")
    if sign not in ("I", "E") or tis is None:
        raise RecordError("INVALID_TERRITORY", f"'{sign}' and '{tis}'", "I or E, and a TIS code")
    amounts = (record.number("pr_collection"), record.number("mr_collection"), record.number("sr_collection"))
    draft.territories.setdefault(ip_no, []).append((sign, tis, amounts))


def _collections(claim: _Claim, lines: list[tuple[str, str, tuple[int, int, int]]]) -> list[ShareRecord]:
    """Included territories with equal shares are one; an exclusion belongs to what is above it."""
    groups: list[tuple[tuple[int, int, int], list[tuple[str, str]]]] = []
    for sign, tis, amounts in lines:
        if groups and (sign == "E" or groups[-1][0] == amounts):
            groups[-1][1].append((sign, tis))
        else:
            groups.append((amounts, [(sign, tis)]))
    return [
        _share(claim, ShareKind.COLLECTION, right, amount, from_tis(codes))
        for amounts, codes in groups
        for (right, _short), amount in zip(RIGHT_FIELDS, amounts, strict=True)
        if amount
    ]


def _representation(draft: _Draft, record: Record) -> None:
    publisher = draft.claims.get(record.text("publisher_ip_no") or "")
    writer_ip_no = record.text("writer_ip_no")
    writer = draft.last_writer if writer_ip_no is None else draft.claims.get(writer_ip_no)
    if publisher is None or writer is None:
        found = f"publisher '{record.text('publisher_ip_no')}' and writer '{writer_ip_no}'"
        raise RecordError("UNKNOWN_PARTY", found, "a publisher and a writer of records above")
    agreement = record.text("submitter_agreement_no")
    draft.representations.append(RepresentationRecord(writer.party, publisher.party, agreement))


def _title(draft: _Draft, record: Record) -> None:
    title = record.text("title")
    if title is None:
        raise RecordError("MISSING_FIELD", "no title", "an alternative title")
    try:
        kind = TitleKind(record.text("title_type") or "AT")
    except ValueError:
        raise RecordError("INVALID_CODE", f"'{record.text('title_type')}'", "a title type of CWR") from None
    draft.titles.append(TitleRecord(title, kind, record.text("language")))


def _performer(draft: _Draft, record: Record) -> None:
    name = _person(record)
    party = _party(draft, record, name, PartyKind.PERFORMER, controlled=True)
    draft.credits.append((party, Role.PERFORMER))


def _recording(draft: _Draft, record: Record) -> None:
    isrc = record.text("isrc")
    if isrc is not None and parse_isrc(isrc) is None:
        raise RecordError("INVALID_ISRC", f"'{isrc}'", "an ISRC of ISO 3901")
    recording = RecordingRecord(
        isrc=None if isrc is None else parse_isrc(isrc),
        title=record.text("recording_title"),
        artist=record.text("display_artist"),
        label=record.text("record_label") or record.text("album_label"),
        released_on=record.day("first_release_date"),
        length_seconds=record.number("duration") or None,
    )
    if recording != RecordingRecord():
        draft.recordings.append(recording)


def _reference(draft: _Draft, record: Record) -> None:
    authority, value = record.text("org_code"), record.text("identifier")
    if authority is None or value is None:
        raise RecordError("MISSING_FIELD", "no organisation or number", "both")
    if record.text("identifier_type") == "W" and record.text("validity") != "N":
        draft.identifiers.append(IdentifierRecord(IdentifierScheme.SOCIETY, authority, value))


def _person(record: Record) -> str | None:
    last, first = record.text("last_name"), record.text("first_name")
    return f"{last}, {first}" if last and first else last or first


def _role(record: Record, default: Role | None) -> Role:
    text = record.text("role")
    if text is None and default is not None:
        return default
    role = _ROLES.get(text or "")
    if role is None:
        raise RecordError("INVALID_CODE", f"role '{text}'", "a role of CWR")
    return role


def _party(
    draft: _Draft, record: Record, name: str | None, kind: PartyKind, *, controlled: bool
) -> PartyRecord:
    if name is None and controlled:
        _check_numbers(record.text("ipi_name_no"), record.text("ipi_base_no"))
        raise RecordError("MISSING_FIELD", "no name", "the name of a controlled party")
    numbers = record.text("ipi_name_no"), record.text("ipi_base_no")
    return _known_party(name or UNKNOWN_NAME, kind, *numbers, draft.transaction.sender)


@lru_cache(maxsize=1 << 14)
def _known_party(
    name: str, kind: PartyKind, number: str | None, base: str | None, authority: str
) -> PartyRecord:
    """The party that a record names; kept, because most parties come with many works."""
    return PartyRecord(name, kind, *_check_numbers(number, base), authority=authority)


def _check_numbers(number: str | None, base: str | None) -> tuple[str | None, str | None]:
    """The IPI name number and base number as the catalogue keeps them; zeros are no number."""
    name_number = None if number is None or not number.strip("0") else parse_ipi_name_number(number)
    if name_number is None and number is not None and number.strip("0"):
        raise RecordError("INVALID_IPI", f"'{number}'", "an IPI name number whose check digits agree")
    base_number = None if base is None else parse_ipi_base_number(base)
    if base_number is None and base is not None:
        raise RecordError("INVALID_IPI", f"'{base}'", "an IPI base number whose check digit agrees")
    return name_number, base_number


_ROLES = {role.value: role for role in Role}
_HANDLERS: dict[str, Callable[[_Draft, Record], None]] = {
    **dict.fromkeys(("SPU", "OPU"), _publisher),
    **dict.fromkeys(("SWR", "OWR"), _writer),
    **dict.fromkeys(("SPT", "OPT", "SWT", "OWT"), _territory),
    "PWR": _representation,
    "ALT": _title,
    "PER": _performer,
    "REC": _recording,
    "XRF": _reference,
}
