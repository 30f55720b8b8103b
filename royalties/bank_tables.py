"""Which rows say what the bank received? They are only ever added to; triggers refuse anything else."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.database import Base, UtcDateTime

BANK_APPEND_ONLY = ("bank_batch", "bank_receipt", "bank_quarantine")
"""The tables whose rows never change."""


class BankBatch(Base):
    """A file of receipts that was read; `id` is the SHA-256 of its bytes."""

    __tablename__ = "bank_batch"
    __table_args__ = (
        CheckConstraint("length(id) = 64", name="id"),
        CheckConstraint("num_receipts >= 0 AND num_quarantined >= 0", name="counts"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    file_name: Mapped[str] = mapped_column(Text)
    num_receipts: Mapped[int] = mapped_column(BigInteger)
    num_quarantined: Mapped[int] = mapped_column(BigInteger)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BankReceipt(Base):
    """Money that a service paid for the usage of a month; below zero, money that went back."""

    __tablename__ = "bank_receipt"
    __table_args__ = (
        UniqueConstraint("service", "reference"),
        CheckConstraint("line > 0", name="line"),
        CheckConstraint("amount_minor <> 0", name="amount"),
        CheckConstraint("length(currency) = 3", name="currency"),
        CheckConstraint("length(period) = 7", name="period"),
        Index("ix_bank_receipt_period", "period"),
    )

    batch_id: Mapped[str] = mapped_column(ForeignKey("bank_batch.id"), primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    received_on: Mapped[date] = mapped_column(Date)
    service: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    period: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)


class BankQuarantine(Base):
    """A line that was refused: where it is, what was found there and what was expected."""

    __tablename__ = "bank_quarantine"
    __table_args__ = (CheckConstraint("line > 0", name="line"),)

    batch_id: Mapped[str] = mapped_column(ForeignKey("bank_batch.id"), primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    found: Mapped[str] = mapped_column(Text)
    expected: Mapped[str] = mapped_column(Text)
