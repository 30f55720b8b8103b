"""What did societies answer to our registrations, and what did labels say of recordings?

These tables hold what others told us about our works and recordings, as information: nothing here says who
owns a share, and no deal in it permits us anything.
"""

from datetime import date

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.database import Base, Choice, one_of
from catalog.vocabulary import AcknowledgementStatus


class Acknowledgement(Base):
    """A society's answer to the registration of a work (CWR's ACK record), with its messages."""

    __tablename__ = "acknowledgement"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), index=True)
    society: Mapped[str] = mapped_column(Text)
    status: Mapped[AcknowledgementStatus] = mapped_column(Choice(AcknowledgementStatus))
    society_number: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    processed_on: Mapped[date | None]
    messages: Mapped[list[str]] = mapped_column(JSON)
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"))
    __table_args__ = (one_of("status", AcknowledgementStatus),)


class Release(Base):
    """A product that holds recordings, as its label announced it."""

    __tablename__ = "release"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(Text)
    artist: Mapped[str | None] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)
    icpn: Mapped[str | None] = mapped_column(Text, index=True)
    grid: Mapped[str | None] = mapped_column(Text)
    catalogue_number: Mapped[str | None] = mapped_column(Text)
    p_line: Mapped[str | None] = mapped_column(Text)
    released_on: Mapped[date | None]
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"))
    __table_args__ = (CheckConstraint("length(grid) = 18", name="grid_has_18_characters"),)


class ReleaseRecording(Base):
    """Which recordings a release holds."""

    __tablename__ = "release_recording"
    release_id: Mapped[str] = mapped_column(ForeignKey("release.id"), primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recording.id"), primary_key=True, index=True)


class RecordingContributor(Base):
    """Who took part in a recording, and as what, in the words of the message."""

    __tablename__ = "recording_contributor"
    recording_id: Mapped[str] = mapped_column(ForeignKey("recording.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    role: Mapped[str] = mapped_column(Text, primary_key=True)
    ipi_name_number: Mapped[str | None] = mapped_column(Text)
    isni: Mapped[str | None] = mapped_column(Text)
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"))


class ReleaseDeal(Base):
    """Where, when and how a release may be used, as its label told the recipient of the message."""

    __tablename__ = "release_deal"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    release_id: Mapped[str] = mapped_column(ForeignKey("release.id"), index=True)
    territory: Mapped[str] = mapped_column(Text)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    commercial_models: Mapped[list[str]] = mapped_column(JSON)
    use_types: Mapped[list[str]] = mapped_column(JSON)
    batch_id: Mapped[str] = mapped_column(ForeignKey("import_batch.id"))
    __table_args__ = (
        CheckConstraint("ends_on IS NULL OR starts_on IS NULL OR ends_on > starts_on", name="term_in_order"),
    )
