"""How are works written as a CWR 2.2 file?

CWR holds upper-case ASCII, titles of 60 characters, and shares as hundredths of a per cent. What has more is
rounded so that a right still sums to the same hundredths as before (largest remainder).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from catalog.cwr.fields import PPM_PER_UNIT, Value, encode
from catalog.cwr.reader import RIGHT_FIELDS
from catalog.identifiers import format_ipi_base_number
from catalog.records import UNKNOWN_NAME, PartyRecord, WorkRecord
from catalog.territories import to_tis
from catalog.text import ascii_upper
from catalog.vocabulary import PUBLISHER_ROLES, IdentifierScheme, Right, Role, ShareKind


@dataclass(frozen=True)
class Sender:
    """Who sends the file."""

    name: str
    ipi_name_number: str


@dataclass
class _Party:
    """A party of one work with all its shares."""

    party: PartyRecord
    role: Role
    controlled: bool
    chain: int
    ownership: dict[Right, int] = field(default_factory=dict)
    collection: dict[str, dict[Right, int]] = field(default_factory=dict)


Line = tuple[str, dict[str, Value]]
MAX_NUMBER = 14


def write_cwr(works: Iterable[WorkRecord], sender: Sender, created_at: datetime) -> bytes:
    """The works as a CWR 2.2 file; as `stream_cwr`."""
    return b"".join(stream_cwr(works, sender, created_at))


def stream_cwr(works: Iterable[WorkRecord], sender: Sender, created_at: datetime) -> Iterator[bytes]:
    """The works as the lines of a CWR 2.2 file, one NWR transaction each, in the order given.

    Args:
        works: each with a submitter's number of at most 14 characters.
        sender: whose file it is.
        created_at: an aware instant; it is written in UTC to the second.

    Raises:
        ValueError: a work has no submitter's number, or one that CWR cannot hold.
    """
    numbers: dict[str, str] = {}
    transactions, records = 0, 2
    yield _ended(_header(sender, created_at))
    group: dict[str, Value] = {
        "transaction_type": "NWR", "group_id": 1, "version": "02.20", "batch_request_id": 1
    }  # fmt: skip
    yield _ended(encode("GRH", group))
    for work in works:
        for sequence, (record_type, values) in enumerate(_transaction(work, numbers)):
            prefix: dict[str, Value] = {"transaction_seq": transactions, "record_seq": sequence}
            yield _ended(encode(record_type, prefix | values))
            records += 1
        transactions += 1
    counts: dict[str, Value] = {"transaction_count": transactions, "record_count": records}
    yield _ended(encode("GRT", {"group_id": 1, **counts}))
    yield _ended(encode("TRL", {"group_count": 1, **counts, "record_count": records + 2}))


def _ended(record: str) -> bytes:
    return (record + "\r\n").encode("ascii")


def _header(sender: Sender, created_at: datetime) -> str:
    # A number of eleven digits takes the place of the sender type too, where nine do not hold it.
    number = sender.ipi_name_number.zfill(11)
    utc = created_at.astimezone(UTC)
    return encode(
        "HDR",
        {
            "sender_type": "PB" if number.startswith("00") else number[:2],
            "sender_id": number[2:],
            "sender_name": sender.name,
            "edi_standard": "01.10",
            "creation_date": utc.date(),
            "creation_time": utc.hour * 3600 + utc.minute * 60 + utc.second,
            "transmission_date": utc.date(),
            "version": "2.2",
            "revision": 2,
            "software_package": "CONTRAFACT",
        },
    )


def _transaction(work: WorkRecord, numbers: dict[str, str]) -> Iterator[Line]:
    if work.number is None:
        raise ValueError(f"'{work.title}' has no submitter's number, without which CWR cannot register it")
    if ascii_upper(work.number) != work.number or len(work.number) > MAX_NUMBER:
        raise ValueError(
            f"the number '{work.number}' of '{work.title}' is no {MAX_NUMBER} capitals and digits"
        )
    yield _work(work)
    parties = _parties(work)
    publishers = [party for party in parties if party.role in PUBLISHER_ROLES]
    writers = [party for party in parties if party.role not in PUBLISHER_ROLES]
    for party in sorted(publishers, key=lambda party: (not party.controlled, party.chain)):
        yield from _publisher(party, numbers)
    for party in sorted(writers, key=lambda party: not party.controlled):
        yield from _writer(party, numbers)
        yield from _representations(work, party, numbers)
    yield from _titles(work)
    yield from _performers(work)
    yield from _recordings(work)
    for name in work.identifiers:
        if name.scheme is IdentifierScheme.SOCIETY:
            yield (
                "XRF",
                {
                    "org_code": name.authority,
                    "identifier": name.value,
                    "identifier_type": "W",
                    "validity": "Y",
                },
            )


def _work(work: WorkRecord) -> Line:
    return (
        "NWR",
        {
            "work_title": work.title,
            "language": work.language,
            "submitter_work_no": work.number,
            "iswc": work.iswc,
            "distribution_category": "POP",
            "recorded_indicator": "Y" if work.recordings else "U",
            "version_type": "ORI",
        },
    )


def _parties(work: WorkRecord) -> list[_Party]:
    found: dict[tuple[PartyRecord, Role, int], _Party] = {}
    rounded = _in_hundredths(work)
    for share, rounded_ppm in zip(work.shares, rounded, strict=True):
        if share.kind is ShareKind.MANUSCRIPT or share.right is None:
            continue
        key = (share.party, share.role, share.chain)
        party = found.setdefault(key, _Party(share.party, share.role, share.controlled, share.chain))
        if share.kind is ShareKind.OWNERSHIP:
            party.ownership[share.right] = party.ownership.get(share.right, 0) + rounded_ppm
        else:
            party.collection.setdefault(share.territory, {})[share.right] = rounded_ppm
    return list(found.values())


def _in_hundredths(work: WorkRecord) -> list[int]:
    """Each share as a multiple of 100 ppm; what each right sums to is kept as far as that allows."""
    rounded = [share.share_ppm // PPM_PER_UNIT * PPM_PER_UNIT for share in work.shares]
    for right in Right:
        owned = [
            place
            for place, share in enumerate(work.shares)
            if share.kind is ShareKind.OWNERSHIP and share.right is right
        ]
        whole = sum(work.shares[place].share_ppm for place in owned) // PPM_PER_UNIT * PPM_PER_UNIT
        missing = (whole - sum(rounded[place] for place in owned)) // PPM_PER_UNIT
        owned.sort(key=lambda place: (-(work.shares[place].share_ppm % PPM_PER_UNIT), place))
        for place in owned[:missing]:
            rounded[place] += PPM_PER_UNIT
    return rounded


def _publisher(party: _Party, numbers: dict[str, str]) -> Iterator[Line]:
    unknown = party.party.name == UNKNOWN_NAME
    values: dict[str, Value] = {
        "publisher_seq": party.chain,
        "publisher_name": None if unknown else party.party.name,
        "unknown": "Y" if unknown and not party.controlled else None,
        **_common(party, numbers),
    }
    yield ("SPU" if party.controlled else "OPU"), values
    yield from _territories(party, numbers, "SPT" if party.controlled else "OPT")


def _writer(party: _Party, numbers: dict[str, str]) -> Iterator[Line]:
    unknown = party.party.name == UNKNOWN_NAME
    last, _comma, first = ("", "", "") if unknown else party.party.name.partition(", ")
    values: dict[str, Value] = {
        "last_name": last or None,
        "first_name": first or None,
        "unknown": "Y" if unknown else None,
        **_common(party, numbers),
    }
    yield ("SWR" if party.controlled else "OWR"), values
    yield from _territories(party, numbers, "SWT" if party.controlled else "OWT")


def _common(party: _Party, numbers: dict[str, str]) -> dict[str, Value]:
    base = party.party.ipi_base_number
    return {
        "ip_no": _number_of(party.party, numbers),
        "role": party.role,
        "ipi_name_no": party.party.ipi_name_number,
        "ipi_base_no": None if base is None else format_ipi_base_number(base),
        **{f"{short}_ownership": party.ownership.get(right, 0) for right, short in RIGHT_FIELDS},
    }


def _territories(party: _Party, numbers: dict[str, str], record_type: str) -> Iterator[Line]:
    sequence = 0
    for territory, amounts in party.collection.items():
        for sign, tis in to_tis(territory):
            sequence += 1
            given = {
                f"{short}_collection": amounts.get(right, 0) if sign == "I" else 0
                for right, short in RIGHT_FIELDS
            }
            yield (
                record_type,
                {
                    "ip_no": _number_of(party.party, numbers),
                    **given,
                    "incl_excl": sign,
                    "tis_code": tis,
                    "sequence": sequence,
                },
            )


def _representations(work: WorkRecord, party: _Party, numbers: dict[str, str]) -> Iterator[Line]:
    for link in work.representations:
        if party.controlled and link.writer == party.party:
            yield (
                "PWR",
                {
                    "publisher_ip_no": _number_of(link.publisher, numbers),
                    "publisher_name": link.publisher.name,
                    "submitter_agreement_no": link.agreement_number,
                    "writer_ip_no": _number_of(link.writer, numbers),
                    "publisher_seq": _chain_of(work, link.publisher),
                },
            )


def _chain_of(work: WorkRecord, publisher: PartyRecord) -> int:
    return next((share.chain for share in work.shares if share.party == publisher), 0)


def _titles(work: WorkRecord) -> Iterator[Line]:
    for title in work.titles:
        yield "ALT", {"title": title.title, "title_type": title.kind, "language": title.language}


def _performers(work: WorkRecord) -> Iterator[Line]:
    for party, role in work.credits:
        if role is Role.PERFORMER:
            last, _comma, first = party.name.partition(", ")
            number = party.ipi_name_number
            yield "PER", {"last_name": last, "first_name": first or None, "ipi_name_no": number}


def _recordings(work: WorkRecord) -> Iterator[Line]:
    for recording in work.recordings:
        yield (
            "REC",
            {
                "first_release_date": recording.released_on,
                "duration": recording.length_seconds,
                "isrc": recording.isrc,
                "recording_title": recording.title,
                "display_artist": recording.artist,
                "record_label": recording.label,
            },
        )


def _number_of(party: PartyRecord, numbers: dict[str, str]) -> str:
    """The party's number within this file, the same for every work."""
    key = party.ipi_name_number or f"{party.kind}\x1f{party.name}"
    return numbers.setdefault(key, f"{len(numbers) + 1:09d}")
