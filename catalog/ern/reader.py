"""What does an ERN 4.3 NewReleaseMessage say of recordings, releases and deals?

Element names follow DDEX ERN 4.3; what is read of them is listed in docs/formats.md. Namespaces of elements
below the root are not looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.etree.ElementTree import Element

from catalog.database import derive_id
from catalog.ern.elements import CellFault, day, deal_terms, first, length_seconds, p_line, texts, title_of
from catalog.ern.records import Contributor, DealRecord, ReleaseRecord, SoundRecording
from catalog.ern.stream import Item, Message, UnusableMessageError
from catalog.findings import Finding, Severity
from catalog.identifiers import (
    parse_dpid,
    parse_grid,
    parse_gtin,
    parse_ipi_name_number,
    parse_isni,
    parse_isrc,
    parse_iswc,
)
from catalog.records import Fault, Place, RecordingRecord

NAMESPACE = re.compile(r"http://ddex\.net/xml/ern/43[0-9]?")
ROOT = "NewReleaseMessage"
WANTED = frozenset({"MessageHeader", "Party", "SoundRecording", "Release", "TrackRelease", "ReleaseDeal"})
MAX_IDENTIFIER = 200

Step = SoundRecording | ReleaseRecord | DealRecord | Fault | Finding


@dataclass(frozen=True, slots=True)
class _Party:
    """A party of the message's list of parties."""

    name: str
    ipi_name_number: str | None
    isni: str | None


@dataclass
class _State:
    """What the reader remembers between elements."""

    file_name: str
    sender: str = ""
    message_id: str = ""
    parties: dict[str, _Party] = field(default_factory=dict)

    def place(self, item: Item) -> Place:
        return Place(self.file_name, item.line, item.start, item.end)


def read_ern(stream: BinaryIO, file_name: str) -> Iterator[Step]:
    """The recordings, releases and deals of a message, and everything in it that could not be used."""
    message = Message(stream, WANTED)
    state = _State(file_name)
    try:
        for item in message.items():
            if not _is_ern(message.root):
                break
            if item.element is None:
                found = f"a {item.name} of {item.end - item.start} bytes"
                yield Fault("ELEMENT_TOO_LARGE", state.place(item), found, "at most a mebibyte")
            else:
                yield from _READERS[item.name](state, item.element, state.place(item))
    except UnusableMessageError as error:
        place = Place(file_name, error.line, error.byte, error.byte)
        yield Fault(error.code, place, error.found, error.expected)
        return
    if not _is_ern(message.root):
        namespace, name = message.root or ("", "no element")
        found = f"{name} of '{namespace[:MAX_IDENTIFIER]}'"
        yield Fault("NOT_ERN", Place(file_name), found, f"{ROOT} of http://ddex.net/xml/ern/43")
    elif message.passed_over:
        told = ", ".join(f"{count} {name}" for name, count in sorted(message.passed_over.items()))
        text = f"{told} were read and not kept: the catalogue takes sound recordings"
        yield Finding("RESOURCES_NOT_KEPT", file_name, text, Severity.INFO)


def _is_ern(root: tuple[str, str] | None) -> bool:
    return root is not None and root[1] == ROOT and NAMESPACE.fullmatch(root[0]) is not None


def _header(state: _State, element: Element, place: Place) -> Iterator[Step]:
    state.message_id = first(element, "MessageId") or ""
    sender = element.find("MessageSender")
    state.sender = "" if sender is None else first(sender, "PartyId") or ""
    if parse_dpid(state.sender) is None:
        message = f"the sender's PartyId '{state.sender}' is no DDEX party identifier"
        yield Finding("INVALID_DPID", str(place), message, Severity.WARNING)


def _party(state: _State, element: Element, place: Place) -> Iterator[Step]:
    reference, name = first(element, "PartyReference"), _party_name(element)
    if reference is None or name is None:
        yield Fault("MISSING_FIELD", place, "a party without reference or name", "both")
        return
    numbers: dict[str, str | None] = {}
    for tag, parse in (("IpiNameNumber", parse_ipi_name_number), ("ISNI", parse_isni)):
        text = first(element, f"PartyId/{tag}")
        numbers[tag] = None if text is None else parse(text)
        if text is not None and numbers[tag] is None:
            expected = "a number whose check digits agree"
            yield Fault("INVALID_IDENTIFIER", place, f"'{text}' as {tag} of {name}", expected)
    state.parties[reference] = _Party(name, numbers["IpiNameNumber"], numbers["ISNI"])


def _party_name(element: Element) -> str | None:
    return first(element, "PartyName/FullName") or first(element, "PartyName/FullNameAsciiTranscribed")


def _sound_recording(state: _State, element: Element, place: Place) -> Iterator[Step]:
    reference = first(element, "ResourceReference") or ""
    isrcs = list(dict.fromkeys(texts(element, ".//ResourceId/ISRC")))
    wrong = [isrc for isrc in isrcs if parse_isrc(isrc) is None]
    if wrong:
        yield Fault("INVALID_ISRC", place, f"'{wrong[0]}'", "an ISRC of ISO 3901")
        return
    ids = [
        (parse_isrc(isrc), derive_id("recording", "isrc", parse_isrc(isrc) or "")) for isrc in isrcs
    ] or _proprietary(state, element)
    if not ids:
        yield Fault("MISSING_FIELD", place, f"sound recording {reference} without identifier", "an ISRC")
        return
    seconds, released_on = None, None
    try:
        seconds = length_seconds(first(element, "Duration"))
        released_on = day(first(element, "FirstPublicationDate") or first(element, "OriginalReleaseDate"))
    except CellFault as error:
        yield Fault(error.code, place, error.found, error.expected)
    iswcs = list(dict.fromkeys(texts(element, ".//ISWC")))
    yield from (
        Fault("INVALID_ISWC", place, f"'{iswc}'", "an ISWC whose check digit agrees")
        for iswc in iswcs
        if parse_iswc(iswc) is None
    )
    contributors: list[Contributor] = []
    yield from _contributors(state, element, place, contributors)
    artist = first(element, "DisplayArtistName") or _artists(contributors)
    for isrc, recording_id in ids:
        yield SoundRecording(
            reference=reference,
            id=recording_id,
            recording=RecordingRecord(isrc, title_of(element), artist, None, released_on, seconds),
            p_line=p_line(element),
            contributors=tuple(contributors),
            iswcs=tuple(found for iswc in iswcs if (found := parse_iswc(iswc))),
            place=place,
        )


def _proprietary(state: _State, element: Element) -> list[tuple[str | None, str]]:
    """The sender's own number, where a recording has no ISRC."""
    for node in element.iterfind(".//ResourceId/ProprietaryId"):
        value = (node.text or "").strip()
        if value:
            owner = node.get("Namespace", state.sender)
            return [(None, derive_id("recording", "proprietary", owner, value))]
    return []


def _contributors(state: _State, element: Element, place: Place, found: list[Contributor]) -> Iterator[Fault]:
    """Display artists and contributors, each once in each role."""
    for tag, reference, role_tag in (
        ("DisplayArtist", "ArtistPartyReference", "DisplayArtistRole"),
        ("Contributor", "ContributorPartyReference", "Role"),
    ):
        for node in element.iterfind(tag):
            named = first(node, reference)
            party = state.parties.get(named or "")
            if party is None:
                name = _party_name(node)
                if name is None:
                    yield Fault("UNKNOWN_REFERENCE", place, f"{tag} '{named}'", "a party of the PartyList")
                    continue
                party = _Party(name, None, None)
            for role in _roles(node, role_tag) or ["(no role)"]:
                new = Contributor(party.name, role, party.ipi_name_number, party.isni)
                if new not in found:
                    found.append(new)


def _roles(node: Element, tag: str) -> list[str]:
    return [
        (role.get("UserDefinedValue") or role.text or "").strip() or "(no role)"
        for role in node.iterfind(tag)
    ]


def _artists(contributors: list[Contributor]) -> str | None:
    names = [item.name for item in contributors if item.role in ("MainArtist", "Artist")]
    return ", ".join(dict.fromkeys(names)) or None


def _release(state: _State, element: Element, place: Place) -> Iterator[Step]:
    reference = first(element, "ReleaseReference") or ""
    grid, icpn = first(element, "ReleaseId/GRid"), first(element, "ReleaseId/ICPN")
    if grid is not None and parse_grid(grid) is None:
        yield Fault("INVALID_IDENTIFIER", place, f"'{grid}' as GRid", "18 characters that check")
    if icpn is not None and parse_gtin(icpn) is None:
        yield Fault("INVALID_IDENTIFIER", place, f"'{icpn}' as ICPN", "a GTIN whose check digit agrees")
    released_on = None
    try:
        released_on = day(first(element, "OriginalReleaseDate") or first(element, "ReleaseDate"))
    except CellFault as error:
        yield Fault(error.code, place, error.found, error.expected)
    number = first(element, "ReleaseId/CatalogNumber")
    own = first(element, "ReleaseId/ProprietaryId")
    label = state.parties.get(first(element, "ReleaseLabelReference") or "")
    grid, icpn = parse_grid(grid or ""), parse_gtin(icpn or "")
    yield ReleaseRecord(
        reference=reference,
        id=_release_id(state, grid, icpn, own or number, reference),
        title=title_of(element) or "(untitled)",
        kind=first(element, "ReleaseType") or element.tag,
        artist=first(element, "DisplayArtistName"),
        label=None if label is None else label.name,
        icpn=icpn,
        grid=grid,
        catalogue_number=number,
        p_line=p_line(element),
        released_on=released_on,
        resources=tuple(dict.fromkeys(texts(element, ".//ReleaseResourceReference"))),
        place=place,
    )


def _release_id(state: _State, grid: str | None, icpn: str | None, own: str | None, reference: str) -> str:
    for kind, value in (("grid", grid), ("icpn", icpn)):
        if value is not None:
            return derive_id("release", kind, value)
    if own is not None:
        return derive_id("release", "own", state.sender, own)
    return derive_id("release", "message", state.sender, state.message_id, reference)


def _deals(_state: _State, element: Element, place: Place) -> Iterator[Step]:
    releases = tuple(dict.fromkeys(texts(element, "DealReleaseReference")))
    for terms in element.iterfind(".//DealTerms"):
        try:
            territory, periods = deal_terms(terms)
        except CellFault as error:
            yield Fault(error.code, place, error.found, error.expected)
            continue
        models = tuple(dict.fromkeys(texts(terms, ".//CommercialModelType")))
        uses = tuple(dict.fromkeys(texts(terms, ".//UseType")))
        for starts_on, ends_on in periods:
            yield DealRecord(releases, territory, starts_on, ends_on, models, uses, place)


_READERS = {
    "MessageHeader": _header,
    "Party": _party,
    "SoundRecording": _sound_recording,
    "Release": _release,
    "TrackRelease": _release,
    "ReleaseDeal": _deals,
}
