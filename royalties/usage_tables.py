"""Which rows hold what usage is converted by, and as what generations were released?

Files of rates and of releases are only ever added to, and so is what a run made of them: triggers refuse
UPDATE and DELETE.
"""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from catalog.database import Base, UtcDateTime

APPEND_ONLY = (
    "rate_batch",
    "exchange_rate",
    "rate_use",
    "run_usage",
    "release_batch",
    "released_generation",
)
"""The tables of this module: their rows never change."""


class RateBatch(Base):
    """A file of exchange rates; `id` is the SHA-256 of its bytes, `number` tells which is newer."""

    __tablename__ = "rate_batch"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("number > 0 AND num_rates > 0", name="counts"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    file_name: Mapped[str] = mapped_column(Text)
    num_rates: Mapped[int] = mapped_column(BigInteger)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ExchangeRateRow(Base):
    """One unit of `currency_from` is digits / 10^decimals units of `currency_to`, says `source`."""

    __tablename__ = "exchange_rate"
    __table_args__ = (
        CheckConstraint("kind IN ('period_average', 'period_end', 'day')", name="kind"),
        CheckConstraint("currency_from <> currency_to", name="currencies"),
        CheckConstraint("digits > 0 AND decimals BETWEEN 0 AND 12", name="rate"),
        Index("ix_exchange_rate_currency_to", "currency_to", "kind", "rate_on"),
    )

    batch_id: Mapped[str] = mapped_column(ForeignKey("rate_batch.id"), primary_key=True)
    currency_from: Mapped[str] = mapped_column(Text, primary_key=True)
    currency_to: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    rate_on: Mapped[date] = mapped_column(Date, primary_key=True)
    digits: Mapped[int] = mapped_column(BigInteger)
    decimals: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(Text)


class RateUseRow(Base):
    """A rate by which a run, or a restatement, converted usage; `document_id` names the one of the two."""

    __tablename__ = "rate_use"
    __table_args__ = (
        ForeignKeyConstraint(
            ["batch_id", "currency_from", "currency_to", "kind", "rate_on"],
            [
                f"exchange_rate.{name}"
                for name in ("batch_id", "currency_from", "currency_to", "kind", "rate_on")
            ],
            name="fk_rate_use_exchange_rate",
        ),
        CheckConstraint(
            "(run_id IS NULL) <> (restatement_id IS NULL) AND document_id = coalesce(run_id, restatement_id)",
            name="document",
        ),
        CheckConstraint("number > 0", name="number"),
    )

    document_id: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("distribution_run.id"))
    restatement_id: Mapped[str | None] = mapped_column(ForeignKey("restatement.id"))
    batch_id: Mapped[str] = mapped_column(Text)
    currency_from: Mapped[str] = mapped_column(Text)
    currency_to: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    rate_on: Mapped[date] = mapped_column(Date)
    original_minor: Mapped[int] = mapped_column(BigInteger)
    converted_minor: Mapped[int] = mapped_column(BigInteger)


class RunUsageRow(Base):
    """Usage that a run counted otherwise than it was reported: converted, or named by another id.

    `original_minor` is what was reported, in `currency`; `rate_number` is the rate in `rate_use`, if one was.
    """

    __tablename__ = "run_usage"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "rate_number"],
            ["rate_use.document_id", "rate_use.number"],
            name="fk_run_usage_rate_use",
        ),
        CheckConstraint("rate_number IS NOT NULL OR original_minor = revenue_minor", name="unconverted"),
        CheckConstraint("length(currency) = 3", name="currency"),
        Index("ix_run_usage_generation_id", "run_id", "generation_id"),
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("distribution_run.id"), primary_key=True)
    reported_as: Mapped[str] = mapped_column(Text, primary_key=True)
    territory: Mapped[str] = mapped_column(Text, primary_key=True)
    service: Mapped[str] = mapped_column(Text, primary_key=True)
    use_type: Mapped[str] = mapped_column(Text, primary_key=True)
    used_on: Mapped[date] = mapped_column(Date, primary_key=True)
    currency: Mapped[str] = mapped_column(Text, primary_key=True)
    generation_id: Mapped[str] = mapped_column(Text)
    rate_number: Mapped[int | None] = mapped_column(Integer)
    units: Mapped[int] = mapped_column(BigInteger)
    original_minor: Mapped[int] = mapped_column(BigInteger)
    revenue_minor: Mapped[int] = mapped_column(BigInteger)


class ReleaseBatch(Base):
    """A file that says as what generations were released; `number` tells which file is newer."""

    __tablename__ = "release_batch"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("number > 0 AND num_releases > 0", name="counts"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    file_name: Mapped[str] = mapped_column(Text)
    num_releases: Mapped[int] = mapped_column(BigInteger)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReleasedGeneration(Base):
    """What services report as `reported_as` (`isrc:` and an ISRC, or an id) is a generation from a day on."""

    __tablename__ = "released_generation"
    __table_args__ = (
        CheckConstraint("reported_as <> generation_id", name="other"),
        Index("ix_released_generation_reported_as", "reported_as"),
    )

    batch_id: Mapped[str] = mapped_column(ForeignKey("release_batch.id"), primary_key=True)
    reported_as: Mapped[str] = mapped_column(Text, primary_key=True)
    starts_on: Mapped[date] = mapped_column(Date, primary_key=True)
    generation_id: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
