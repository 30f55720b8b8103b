"""In which tables lies who collects for whom, and what is in dispute?

Rows are only ever added, and triggers hold that: another mandate supersedes one by naming it, and a dispute
that is settled gets a row that says so. Territories and terms are as in `catalog.tables`.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.database import Base, Choice, UtcDateTime, one_of
from catalog.vocabulary import GrantScope, MandateKind, Right

APPEND_ONLY = (
    "mandate",
    "mandate_right",
    "mandate_work",
    "dispute",
    "dispute_party",
    "dispute_settlement",
)
"""The tables whose rows never change."""


class MandateRow(Base):
    """A party collects what belongs to another, and keeps a commission. `reference` names the agreement."""

    __tablename__ = "mandate"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[MandateKind] = mapped_column(Choice(MandateKind))
    owner_id: Mapped[str] = mapped_column(ForeignKey("party.id"), index=True)
    collector_id: Mapped[str] = mapped_column(ForeignKey("party.id"), index=True)
    scope: Mapped[GrantScope] = mapped_column(Choice(GrantScope))
    territory: Mapped[str] = mapped_column(Text)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    commission_ppm: Mapped[int]
    reference: Mapped[str] = mapped_column(Text)
    supersedes: Mapped[str | None] = mapped_column(ForeignKey("mandate.id"), unique=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        one_of("kind", MandateKind),
        one_of("scope", GrantScope),
        CheckConstraint("owner_id <> collector_id", name="two_parties"),
        CheckConstraint("commission_ppm BETWEEN 0 AND 1000000", name="commission_ppm_in_range"),
        CheckConstraint("ends_on IS NULL OR ends_on > starts_on", name="term_in_order"),
        CheckConstraint("reference <> ''", name="reference_named"),
        CheckConstraint("supersedes IS NULL OR supersedes <> id", name="supersedes_another"),
    )


class MandateRight(Base):
    """A right of which a mandate is."""

    __tablename__ = "mandate_right"
    mandate_id: Mapped[str] = mapped_column(ForeignKey("mandate.id"), primary_key=True)
    right: Mapped[Right] = mapped_column(Choice(Right), primary_key=True)
    __table_args__ = (one_of("right", Right),)


class MandateWork(Base):
    """A work that a mandate of scope `listed` covers."""

    __tablename__ = "mandate_work"
    mandate_id: Mapped[str] = mapped_column(ForeignKey("mandate.id"), primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), primary_key=True, index=True)


class DisputeRow(Base):
    """A part of one right in a work about which parties disagree, for a territory and a term of use."""

    __tablename__ = "dispute"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    work_id: Mapped[str] = mapped_column(ForeignKey("work.id"), index=True)
    right: Mapped[Right] = mapped_column(Choice(Right))
    share_ppm: Mapped[int]
    territory: Mapped[str] = mapped_column(Text)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        one_of("right", Right),
        CheckConstraint("share_ppm BETWEEN 1 AND 1000000", name="share_ppm_in_range"),
        CheckConstraint("ends_on IS NULL OR ends_on > starts_on", name="term_in_order"),
    )


class DisputeParty(Base):
    """A party to a dispute: of its share the disputed part is taken."""

    __tablename__ = "dispute_party"
    dispute_id: Mapped[str] = mapped_column(ForeignKey("dispute.id"), primary_key=True)
    party_id: Mapped[str] = mapped_column(ForeignKey("party.id"), primary_key=True)


class DisputeSettlement(Base):
    """A dispute that is over, and how it ended."""

    __tablename__ = "dispute_settlement"
    dispute_id: Mapped[str] = mapped_column(ForeignKey("dispute.id"), primary_key=True)
    outcome: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_by: Mapped[str] = mapped_column(Text)
    __table_args__ = (CheckConstraint("outcome <> ''", name="outcome_named"),)
