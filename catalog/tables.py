"""In which tables does the catalogue lie?

Shares are parts per million. Terms are half-open: `ends_on` is the first day that is no longer in the term.
Territories are texts as `catalog.territories` reads them ("WORLD -US"). A registration that a newer one
replaces is not deleted: its rows name the batch that superseded them, and an earlier state of a work's own
row is kept as a version. So the catalogue answers as of a day, and as it was known at an instant.
"""

import json
from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from catalog.database import Base, Choice, UtcDateTime, one_of
from catalog.vocabulary import (
    EncodingFormat,
    GrantScope,
    GrantSubject,
    IdentifierScheme,
    ImportFormat,
    Origin,
    PartyKind,
    PostTerm,
    Purpose,
    ReservationProtocol,
    Right,
    Role,
    ShareKind,
    SourceKind,
    TitleKind,
)

UNKNOWN_ACTOR = "(unknown)"
EVERY_PURPOSE = json.dumps([purpose.value for purpose in Purpose])


def _term() -> CheckConstraint:
    return CheckConstraint(
        "ends_on IS NULL OR starts_on IS NULL OR ends_on > starts_on", name="term_in_order"
    )


def _digest(column: str) -> CheckConstraint:
    return CheckConstraint(f"length({column}) = 64", name=f"{column}_is_sha256")


class ImportBatch(Base):
    """One import of one file or folder."""

    __tablename__ = "import_batch"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    format: Mapped[ImportFormat] = mapped_column(Choice(ImportFormat))
    file_name: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    bytes: Mapped[int] = mapped_column(BigInteger)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(Text, server_default=UNKNOWN_ACTOR)
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    findings: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    __table_args__ = (one_of("format", ImportFormat), _digest("digest"))


class Quarantine(Base):
    """A piece of a file that could not be used, with what was found and what was expected."""

    __tablename__ = "quarantine"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"), index=True)
    code: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    line: Mapped[int | None]
    byte_start: Mapped[int | None] = mapped_column(BigInteger)
    byte_end: Mapped[int | None] = mapped_column(BigInteger)
    found: Mapped[str] = mapped_column(Text)
    expected: Mapped[str] = mapped_column(Text)
    __table_args__ = (CheckConstraint("byte_end >= byte_start", name="bytes_in_order"),)


class Source(Base):
    """Where works or files came from, typed as the EU template asks."""

    __tablename__ = "source"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[SourceKind] = mapped_column(Choice(SourceKind))
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    acquired_from_on: Mapped[date | None]
    acquired_to_on: Mapped[date | None]
    __table_args__ = (
        one_of("kind", SourceKind),
        CheckConstraint("acquired_to_on >= acquired_from_on", name="acquired_in_order"),
    )


class Party(Base):
    """An interested party: a writer, a publisher, a performer."""

    __tablename__ = "party"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[PartyKind] = mapped_column(Choice(PartyKind))
    name: Mapped[str] = mapped_column(Text)
    ipi_name_number: Mapped[str | None] = mapped_column(Text, unique=True)
    ipi_base_number: Mapped[str | None] = mapped_column(Text, index=True)
    isni: Mapped[str | None] = mapped_column(Text)
    dpid: Mapped[str | None] = mapped_column(Text)
    territory: Mapped[str | None] = mapped_column(Text)
    died_year: Mapped[int | None]
    invented: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        one_of("kind", PartyKind),
        CheckConstraint("length(ipi_name_number) = 11", name="ipi_name_number_has_11_digits"),
    )


class PartyName(Base):
    """Another name under which a party with the same IPI name number was seen."""

    __tablename__ = "party_name"
    party_id: Mapped[str] = mapped_column(ForeignKey("party.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("import_batch.id"))


class _Described:
    """What a work's own row says."""

    title: Mapped[str] = mapped_column(Text)
    iswc: Mapped[str | None] = mapped_column(Text, index=True)
    origin: Mapped[Origin] = mapped_column(Choice(Origin))
    genre: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    public_domain_in: Mapped[str | None] = mapped_column(Text)
    public_domain_from_on: Mapped[date | None]
    public_domain_basis: Mapped[str | None] = mapped_column(Text)
    payable: Mapped[bool] = mapped_column(default=True)
    source_id: Mapped[str | None] = mapped_column(ForeignKey("source.id"))


class Work(_Described, Base):
    """A composition."""

    __tablename__ = "work"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"), index=True)
    __table_args__ = (
        one_of("origin", Origin),
        CheckConstraint("length(iswc) = 11", name="iswc_has_11_characters"),
        CheckConstraint(
            "public_domain_in IS NULL OR public_domain_basis IS NOT NULL", name="public_domain_has_a_basis"
        ),
    )

    @property
    def public_domain(self) -> bool:
        """Whether the work is on record as in the public domain somewhere."""
        return self.public_domain_in is not None


class WorkVersion(_Described, Base):
    """What a work's own row said until a batch changed it."""

    __tablename__ = "work_version"
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    superseded_by: Mapped[str] = mapped_column(ForeignKey("import_batch.id"), primary_key=True)
    __table_args__ = (one_of("origin", Origin),)


class WorkTitle(Base):
    """An alternative title."""

    __tablename__ = "work_title"
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    title: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[TitleKind] = mapped_column(Choice(TitleKind), primary_key=True)
    language: Mapped[str | None] = mapped_column(Text)
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("import_batch.id"))
    __table_args__ = (one_of("kind", TitleKind),)


class WorkIdentifier(Base):
    """A name that a work goes by elsewhere; for a submitter's number, the authority is the submitter."""

    __tablename__ = "work_identifier"
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    scheme: Mapped[IdentifierScheme] = mapped_column(Choice(IdentifierScheme), primary_key=True)
    authority: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text, primary_key=True)
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("import_batch.id"))
    __table_args__ = (
        one_of("scheme", IdentifierScheme),
        Index("ix_work_identifier_value", "value", "scheme"),
    )


class WorkCredit(Base):
    """Who made a work, or performs it, whether or not that party owns a share."""

    __tablename__ = "work_credit"
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    party_id: Mapped[str] = mapped_column(ForeignKey("party.id"), primary_key=True, index=True)
    role: Mapped[Role] = mapped_column(Choice(Role), primary_key=True)
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("import_batch.id"))
    __table_args__ = (one_of("role", Role),)


class Share(Base):
    """A part of one right in one work, for a territory and a term."""

    __tablename__ = "share"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"))
    party_id: Mapped[str] = mapped_column(ForeignKey("party.id"), index=True)
    role: Mapped[Role] = mapped_column(Choice(Role))
    kind: Mapped[ShareKind] = mapped_column(Choice(ShareKind))
    right: Mapped[Right | None] = mapped_column(Choice(Right))
    share_ppm: Mapped[int]
    territory: Mapped[str] = mapped_column(Text)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    controlled: Mapped[bool]
    chain: Mapped[int]
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"), index=True)
    superseded_by: Mapped[str | None] = mapped_column(ForeignKey("import_batch.id"))
    __table_args__ = (
        one_of("role", Role),
        one_of("kind", ShareKind),
        one_of("right", Right),
        CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name="share_ppm_in_range"),
        CheckConstraint("(kind = 'manuscript') = (\"right\" IS NULL)", name="right_unless_manuscript"),
        CheckConstraint("chain >= 0", name="chain_counts"),
        _term(),
        Index("ix_share_work_id", "work_id", "kind", "right"),
    )


class Representation(Base):
    """A publisher represents a writer for a work (CWR's PWR record)."""

    __tablename__ = "representation"
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True)
    writer_id: Mapped[str] = mapped_column(ForeignKey("party.id"), primary_key=True)
    publisher_id: Mapped[str] = mapped_column(ForeignKey("party.id"), primary_key=True)
    agreement_number: Mapped[str | None] = mapped_column(Text)
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("import_batch.id"))


class Recording(Base):
    """One performance that was fixed."""

    __tablename__ = "recording"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    isrc: Mapped[str | None] = mapped_column(Text, unique=True)
    title: Mapped[str | None] = mapped_column(Text)
    artist: Mapped[str | None] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)
    released_on: Mapped[date | None]
    length_seconds: Mapped[int | None]
    p_line: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        CheckConstraint("length(isrc) = 12", name="isrc_has_12_characters"),
        CheckConstraint("length_seconds >= 0", name="length_seconds_counts"),
    )


class RecordingWork(Base):
    """Which works a recording holds."""

    __tablename__ = "recording_work"
    recording_id: Mapped[str] = mapped_column(ForeignKey("recording.id"), primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True, index=True)


class Encoding(Base):
    """A file that holds a work as notes, and the terms of that file; its key is the SHA-256 of its bytes."""

    __tablename__ = "encoding"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), index=True)
    format: Mapped[EncodingFormat] = mapped_column(Choice(EncodingFormat))
    file_name: Mapped[str] = mapped_column(Text)
    bytes: Mapped[int] = mapped_column(BigInteger)
    licence: Mapped[str] = mapped_column(Text)
    licence_basis: Mapped[str | None] = mapped_column(Text)
    editor: Mapped[str | None] = mapped_column(Text)
    source_id: Mapped[str | None] = mapped_column(ForeignKey("source.id"))
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"), index=True)
    __table_args__ = (
        one_of("format", EncodingFormat),
        _digest("id"),
        CheckConstraint("bytes > 0", name="bytes_counts"),
    )


class Agreement(Base):
    """A document that a licensor signed. Files under `licence_ref` are licensed by it."""

    __tablename__ = "agreement"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    licensor_id: Mapped[str] = mapped_column(ForeignKey("party.id"), index=True)
    licence_ref: Mapped[str | None] = mapped_column(Text, index=True)
    document_sha256: Mapped[str | None] = mapped_column(Text)
    signed_on: Mapped[date]
    invented: Mapped[bool] = mapped_column(default=False)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(Text, server_default=UNKNOWN_ACTOR)
    __table_args__ = (
        _digest("document_sha256"),
        CheckConstraint("substr(licence_ref, 1, 11) = 'LicenseRef-'", name="licence_ref_is_spdx"),
    )


class Grant(Base):
    """What an agreement permits, and on which terms. Other terms are a new grant that supersedes this one.

    `models` are the models that may be trained, None for all; `overrides_reservations` holds the words of the
    contract by which it wins over an opt-out signal, None where it does not.
    """

    __tablename__ = "grant"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    agreement_id: Mapped[str] = mapped_column(ForeignKey("agreement.id"), index=True)
    licensor_id: Mapped[str] = mapped_column(ForeignKey("party.id"), index=True)
    subject: Mapped[GrantSubject] = mapped_column(Choice(GrantSubject))
    scope: Mapped[GrantScope] = mapped_column(Choice(GrantScope))
    for_represented: Mapped[bool] = mapped_column(default=False)
    territory: Mapped[str] = mapped_column(Text)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    models: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    post_term: Mapped[PostTerm | None] = mapped_column(Choice(PostTerm))
    rate_ppm: Mapped[int | None]
    advance_minor: Mapped[int | None] = mapped_column(BigInteger)
    minimum_guarantee_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(Text)
    most_favoured_nation: Mapped[bool] = mapped_column(server_default=false())
    notice_days: Mapped[int | None]
    overrides_reservations: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(Text, server_default=UNKNOWN_ACTOR)
    superseded_by: Mapped[str | None] = mapped_column(ForeignKey("grant.id"))
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        one_of("subject", GrantSubject),
        one_of("scope", GrantScope),
        one_of("post_term", PostTerm),
        _term(),
    )


class GrantPurpose(Base):
    """A purpose that a grant permits."""

    __tablename__ = "grant_purpose"
    grant_id: Mapped[str] = mapped_column(ForeignKey("grant.id"), primary_key=True)
    purpose: Mapped[Purpose] = mapped_column(Choice(Purpose), primary_key=True)
    __table_args__ = (one_of("purpose", Purpose),)


class GrantWork(Base):
    """A work that a grant of scope `listed` covers."""

    __tablename__ = "grant_work"
    grant_id: Mapped[str] = mapped_column(ForeignKey("grant.id"), primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True, index=True)


class Reservation(Base):
    """A signal that a right is withheld, as it was seen: for a work, a file, or all of a party's works."""

    __tablename__ = "reservation"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    work_id: Mapped[str | None] = mapped_column(ForeignKey("work.id"), index=True)
    encoding_id: Mapped[str | None] = mapped_column(ForeignKey("encoding.id"), index=True)
    party_id: Mapped[str | None] = mapped_column(ForeignKey("party.id"), index=True)
    protocol: Mapped[ReservationProtocol] = mapped_column(Choice(ReservationProtocol))
    signal: Mapped[str] = mapped_column(Text)
    signal_sha256: Mapped[str] = mapped_column(Text)
    seen_where: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    purposes: Mapped[list[str]] = mapped_column(JSON, server_default=EVERY_PURPOSE)
    recorded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(Text, server_default=UNKNOWN_ACTOR)
    lifted_on: Mapped[date | None]
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        one_of("protocol", ReservationProtocol),
        _digest("signal_sha256"),
        CheckConstraint(
            "(work_id IS NOT NULL AND encoding_id IS NULL AND party_id IS NULL)"
            " OR (work_id IS NULL AND encoding_id IS NOT NULL AND party_id IS NULL)"
            " OR (work_id IS NULL AND encoding_id IS NULL AND party_id IS NOT NULL)",
            name="names_one_thing",
        ),
    )


class Withdrawal(Base):
    """A work that its owners took back, from a day on; no contract overrides it."""

    __tablename__ = "withdrawal"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    effective_on: Mapped[date]
    document_sha256: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(Text)
    __table_args__ = (_digest("document_sha256"),)


class SearchEntry(Base):
    """What a work is found by: titles, names and identifiers, folded to plain lower-case letters."""

    __tablename__ = "search_entry"
    id: Mapped[int] = mapped_column(primary_key=True)  # SQLite's full-text index points at it
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), unique=True)
    titles: Mapped[str] = mapped_column(Text)
    names: Mapped[str] = mapped_column(Text)
    identifiers: Mapped[str] = mapped_column(Text)


class SearchWord(Base):
    """A word of titles and names, and in how many works it is: what a misspelt word is compared with."""

    __tablename__ = "search_word"
    word: Mapped[str] = mapped_column(
        Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True
    )
    num_works: Mapped[int]
    __table_args__ = (CheckConstraint("num_works >= 0", name="num_works_counts"),)
