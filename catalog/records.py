"""What does a file say about works, before any database is asked?"""

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Self

from catalog.database import derive_id
from catalog.findings import Finding, Severity
from catalog.text import fold
from catalog.vocabulary import (
    AcknowledgementStatus,
    IdentifierScheme,
    Origin,
    PartyKind,
    Right,
    Role,
    ShareKind,
    SourceKind,
    TitleKind,
)

UNKNOWN_NAME = "(unknown)"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands: line from 1, bytes from 0, the end not included."""

    file_name: str
    line: int | None = None
    byte_start: int | None = None
    byte_end: int | None = None

    def __str__(self) -> str:
        return self.file_name if self.line is None else f"{self.file_name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A piece of a file that cannot be used; it is kept in quarantine."""

    code: str
    place: Place
    found: str
    expected: str

    def finding(self) -> Finding:
        """The fault as a finding for the user."""
        message = f"found {self.found}; expected {self.expected}. It was put into quarantine."
        return Finding(self.code, str(self.place), message, Severity.ERROR)


@lru_cache(maxsize=1 << 14)
def _party_id(ipi_name_number: str) -> str:
    return derive_id("party", "ipi", ipi_name_number)


@dataclass(frozen=True, slots=True)
class PartyRecord:
    """An interested party as a file names it.

    A party without an IPI name number is told apart by its name within one `authority` (who submitted it).
    """

    name: str
    kind: PartyKind
    ipi_name_number: str | None = None
    ipi_base_number: str | None = None
    isni: str | None = None
    died_year: int | None = None
    authority: str = ""

    def key(self, work_id: str) -> str:
        """The party's id; an unknown party is one of its own in every work."""
        if self.ipi_name_number is not None:
            return _party_id(self.ipi_name_number)
        if self.name == UNKNOWN_NAME:
            return derive_id("party", "unknown", self.kind, work_id)
        return derive_id("party", "name", self.authority, self.kind, fold(self.name) or self.name)


@dataclass(frozen=True, slots=True)
class ShareRecord:
    """A share as a file states it."""

    party: PartyRecord
    role: Role
    kind: ShareKind
    right: Right | None
    share_ppm: int
    territory: str = "WORLD"
    starts_on: date | None = None
    ends_on: date | None = None
    controlled: bool = False
    chain: int = 0


@dataclass(frozen=True, slots=True)
class TitleRecord:
    """An alternative title."""

    title: str
    kind: TitleKind = TitleKind.ALTERNATIVE
    language: str | None = None


@dataclass(frozen=True, slots=True)
class IdentifierRecord:
    """A name of the work elsewhere."""

    scheme: IdentifierScheme
    authority: str
    value: str


@dataclass(frozen=True, slots=True)
class RepresentationRecord:
    """A writer and the publisher that represents them for this work."""

    writer: PartyRecord
    publisher: PartyRecord
    agreement_number: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording of the work."""

    isrc: str | None = None
    title: str | None = None
    artist: str | None = None
    label: str | None = None
    released_on: date | None = None
    length_seconds: int | None = None

    def key(self, work_id: str) -> str:
        """The recording's id: by its ISRC, else by what is said of it."""
        if self.isrc is not None:
            return derive_id("recording", "isrc", self.isrc)
        said = (self.title, self.artist, self.label, self.released_on, self.length_seconds)
        return derive_id("recording", "work", work_id, *(str(value) for value in said))


@dataclass(frozen=True, slots=True)
class PublicDomainRecord:
    """Where and since when a work is in the public domain, and why we think so."""

    territory: str
    basis: str
    from_on: date | None = None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """Where works or files came from."""

    kind: SourceKind
    name: str
    url: str | None = None
    description: str | None = None
    acquired_from_on: date | None = None
    acquired_to_on: date | None = None

    @property
    def id(self) -> str:
        """The source's id."""
        return derive_id("source", self.kind, self.name)


@dataclass(frozen=True, slots=True)
class WorkRecord:
    """A work as a file describes it. `submitter` and `number` are whose number of the work it is.

    `distinct` tells apart works of one source that have no number and no ISWC, whatever their titles.
    """

    title: str
    submitter: str = ""
    number: str | None = None
    iswc: str | None = None
    language: str | None = None
    origin: Origin = Origin.HUMAN
    genre: str | None = None
    public_domain: PublicDomainRecord | None = None
    source: SourceRecord | None = None
    titles: tuple[TitleRecord, ...] = ()
    identifiers: tuple[IdentifierRecord, ...] = ()
    credits: tuple[tuple[PartyRecord, Role], ...] = ()
    shares: tuple[ShareRecord, ...] = ()
    representations: tuple[RepresentationRecord, ...] = ()
    recordings: tuple[RecordingRecord, ...] = ()
    work_id: str | None = None  # where the catalogue's own work is meant
    complete: bool = True  # False where a line about its shares could not be read
    distinct: str = ""
    place: Place = field(default_factory=lambda: Place("(made here)"))

    @property
    def names(self) -> tuple[IdentifierRecord, ...]:
        """Every identifier: the submitter's number, the ISWC, and the others."""
        own = []
        if self.number is not None:
            own.append(IdentifierRecord(IdentifierScheme.SUBMITTER, self.submitter, self.number))
        if self.iswc is not None:
            own.append(IdentifierRecord(IdentifierScheme.ISWC, "ISO", self.iswc))
        return (*own, *self.identifiers)

    def new_id(self) -> str:
        """The id that the work gets where the catalogue does not know it yet."""
        if self.number is not None:
            return derive_id("work", "submitter", self.submitter, self.number)
        if self.iswc is not None:
            return derive_id("work", "iswc", self.iswc)
        writers = sorted(fold(party.name) for party, _role in self.credits)
        return derive_id("work", "title", self.submitter, fold(self.title), self.distinct, *writers)

    def shares_of(self, kind: ShareKind, right: Right | None) -> tuple[ShareRecord, ...]:
        """The shares of one kind and right."""
        return tuple(share for share in self.shares if share.kind is kind and share.right is right)


@dataclass(frozen=True, slots=True)
class AcknowledgementRecord:
    """A society's answer to the registration of a work under a submitter's number."""

    society: str
    number: str
    title: str | None
    status: AcknowledgementStatus
    society_number: str | None
    processed_on: date | None
    messages: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Read:
    """One step of reading a file: a work, a society's answer, a fault, or a remark."""

    work: WorkRecord | None = None
    fault: Fault | None = None
    finding: Finding | None = None
    acknowledgement: AcknowledgementRecord | None = None

    @classmethod
    def of(cls, value: "WorkRecord | AcknowledgementRecord | Fault | Finding") -> Self:
        """The step that yields this value."""
        if isinstance(value, WorkRecord):
            return cls(work=value)
        if isinstance(value, AcknowledgementRecord):
            return cls(acknowledgement=value)
        return cls(fault=value) if isinstance(value, Fault) else cls(finding=value)
