"""Which rows does the money consist of?

Usage arrives in batches, of which the database keeps the totals and the refused lines; the accepted lines
themselves lie in one Parquet file per batch. Runs, their allocations, the ledger, closings, restatements,
terms, settlements and what was paid are only ever added to: triggers refuse UPDATE and DELETE on them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    insert,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from catalog.database import Base, UtcDateTime

APPEND_ONLY = (
    "distribution_run",
    "run_generation",
    "allocation",
    "ledger_posting",
    "ledger_entry",
    "period_close",
    "restatement",
    "restatement_delta",
    "payee_terms",
    "settlement",
    "account_movement",
)
"""The tables whose rows never change."""


def add_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, object]]) -> None:
    """Inserts many rows at once, past the identity map, which has no use for them."""
    table = model.__table__
    assert isinstance(table, Table)
    if rows:
        session.execute(insert(table), rows)


class UsageBatch(Base):
    """A usage file that was read; `id` is the SHA-256 of its bytes."""

    __tablename__ = "usage_batch"
    __table_args__ = (
        CheckConstraint("format IN ('csv', 'parquet', 'dsr')", name="format"),
        CheckConstraint("num_lines >= 0 AND num_quarantined >= 0", name="counts"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    format: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    num_lines: Mapped[int] = mapped_column(BigInteger)
    num_quarantined: Mapped[int] = mapped_column(BigInteger)
    lines_sha256: Mapped[str] = mapped_column(Text)
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UsageTotalRow(Base):
    """What the accepted lines of a batch sum to, per generation, place, service, use, day and currency."""

    __tablename__ = "usage_total"
    __table_args__ = (
        CheckConstraint("num_lines > 0", name="num_lines"),
        CheckConstraint("length(currency) = 3", name="currency"),
        Index("ix_usage_total_used_on", "used_on"),
    )

    batch_id: Mapped[str] = mapped_column(ForeignKey("usage_batch.id"), primary_key=True)
    generation_id: Mapped[str] = mapped_column(Text, primary_key=True)
    territory: Mapped[str] = mapped_column(Text, primary_key=True)
    service: Mapped[str] = mapped_column(Text, primary_key=True)
    use_type: Mapped[str] = mapped_column(Text, primary_key=True)
    used_on: Mapped[date] = mapped_column(Date, primary_key=True)
    currency: Mapped[str] = mapped_column(Text, primary_key=True)
    num_lines: Mapped[int] = mapped_column(BigInteger)
    units: Mapped[int] = mapped_column(BigInteger)
    revenue_minor: Mapped[int] = mapped_column(BigInteger)


class UsageQuarantine(Base):
    """A line that was refused: where it is, what was found there and what was expected."""

    __tablename__ = "usage_quarantine"

    batch_id: Mapped[str] = mapped_column(ForeignKey("usage_batch.id"), primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    found: Mapped[str] = mapped_column(Text)
    expected: Mapped[str] = mapped_column(Text)


class DistributionRun(Base):
    """A period that was distributed; `id` derives from everything that went in, `digest` is what came out."""

    __tablename__ = "distribution_run"
    __table_args__ = (
        UniqueConstraint("period"),
        CheckConstraint("gross_minor = deductions_minor + provider_minor + pool_minor", name="gross"),
        CheckConstraint("pool_minor = allocated_minor + suspense_minor", name="pool"),
        CheckConstraint("gross_minor >= 0 AND pool_minor >= 0", name="positive"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    period: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    policy_source: Mapped[str] = mapped_column(Text)
    inputs: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    deductions_minor: Mapped[int] = mapped_column(BigInteger)
    provider_minor: Mapped[int] = mapped_column(BigInteger)
    pool_minor: Mapped[int] = mapped_column(BigInteger)
    allocated_minor: Mapped[int] = mapped_column(BigInteger)
    suspense_minor: Mapped[int] = mapped_column(BigInteger)
    num_parties: Mapped[int] = mapped_column(Integer)
    run_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RunGeneration(Base):
    """A generation that was used in a run's period, and the attribution that divided its money, if any."""

    __tablename__ = "run_generation"

    run_id: Mapped[str] = mapped_column(ForeignKey("distribution_run.id"), primary_key=True)
    generation_id: Mapped[str] = mapped_column(Text, primary_key=True)
    attribution_digest: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    reliability: Mapped[str] = mapped_column(Text)
    unattributed_ppm: Mapped[int] = mapped_column(Integer)
    units: Mapped[int] = mapped_column(BigInteger)
    revenue_minor: Mapped[int] = mapped_column(BigInteger)


class AllocationRow(Base):
    """One amount of a run, for one payee, out of one pot, for one reason."""

    __tablename__ = "allocation"
    __table_args__ = (
        CheckConstraint("payee_kind IN ('party', 'account', 'suspense')", name="payee_kind"),
        CheckConstraint("(payee_kind = 'suspense') = (reason <> '')", name="reason"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name="share"),
        CheckConstraint("basis >= 0 AND basis <= basis_total", name="basis"),
        Index("ix_allocation_payee", "run_id", "payee_kind", "payee_id"),
        Index("ix_allocation_work_id", "work_id"),
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("distribution_run.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    pot: Mapped[str] = mapped_column(Text)
    payee_kind: Mapped[str] = mapped_column(Text)
    payee_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    generation_id: Mapped[str] = mapped_column(Text)
    territory: Mapped[str] = mapped_column(Text)
    work_id: Mapped[str] = mapped_column(Text)
    share_ppm: Mapped[int] = mapped_column(Integer)
    basis: Mapped[int] = mapped_column(BigInteger)
    basis_total: Mapped[int] = mapped_column(BigInteger)
    evidence: Mapped[str] = mapped_column(Text)
    units: Mapped[int] = mapped_column(BigInteger)
    revenue_minor: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    role: Mapped[str] = mapped_column(Text, server_default="")
    on_behalf_of: Mapped[str] = mapped_column(Text, server_default="")
    agreement: Mapped[str] = mapped_column(Text, server_default="")


class LedgerPosting(Base):
    """Entries that belong together and sum to zero.

    Of a run, or of the restatement that corrects it; or of the settlement of a period (`settles`); or of an
    advance, a cost or a payment.
    """

    __tablename__ = "ledger_posting"
    __table_args__ = (
        CheckConstraint(
            "(run_id IS NULL) = (settles IS NOT NULL OR movement_id IS NOT NULL) "
            "AND (settles IS NULL OR movement_id IS NULL) AND (restatement_id IS NULL OR run_id IS NOT NULL)",
            name="subject",
        ),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("distribution_run.id"))
    restatement_id: Mapped[str | None] = mapped_column(ForeignKey("restatement.id"))
    settles: Mapped[str | None] = mapped_column(ForeignKey("distribution_run.period"))
    movement_id: Mapped[str | None] = mapped_column(ForeignKey("account_movement.id"))
    period: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    posted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LedgerEntry(Base):
    """What one posting does to one account; `digest` covers the entry and the digest before it."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("posting_id", "account"),
        CheckConstraint("amount_minor <> 0", name="amount"),
        CheckConstraint("sequence > 0", name="sequence"),
        CheckConstraint("length(currency) = 3", name="currency"),
        Index("ix_ledger_entry_account", "account"),
    )

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    posting_id: Mapped[str] = mapped_column(ForeignKey("ledger_posting.id"))
    account: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)


class PeriodClose(Base):
    """A period that is closed, and where the ledger stood then; nothing is posted in it from then on."""

    __tablename__ = "period_close"
    __table_args__ = (
        CheckConstraint("ledger_sequence >= 0", name="sequence"),
        CheckConstraint("length(ledger_digest) = 64", name="digest"),
    )

    period: Mapped[str] = mapped_column(ForeignKey("distribution_run.period"), primary_key=True)
    ledger_sequence: Mapped[int] = mapped_column(BigInteger)
    ledger_digest: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RestatementRow(Base):
    """A closed period computed anew: `restates` was, its deltas are posted in `period`.

    The amounts are those after it. Restatements of a run stand in a line, each naming the one before.
    """

    __tablename__ = "restatement"
    __table_args__ = (
        UniqueConstraint("run_id", "number"),
        UniqueConstraint("earlier_id"),
        CheckConstraint("restates < period", name="later"),
        CheckConstraint("number >= 1 AND (number = 1) = (earlier_id IS NULL)", name="number"),
        CheckConstraint("gross_minor = deductions_minor + provider_minor + pool_minor", name="gross"),
        CheckConstraint("pool_minor = allocated_minor + suspense_minor", name="pool"),
        CheckConstraint("gross_minor >= 0 AND pool_minor >= 0", name="positive"),
        Index("ix_restatement_period", "period"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("distribution_run.id"))
    number: Mapped[int] = mapped_column(Integer)
    earlier_id: Mapped[str | None] = mapped_column(ForeignKey("restatement.id"))
    restates: Mapped[str] = mapped_column(ForeignKey("period_close.period"))
    period: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    policy_source: Mapped[str] = mapped_column(Text)
    inputs: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    gross_minor: Mapped[int] = mapped_column(BigInteger)
    deductions_minor: Mapped[int] = mapped_column(BigInteger)
    provider_minor: Mapped[int] = mapped_column(BigInteger)
    pool_minor: Mapped[int] = mapped_column(BigInteger)
    allocated_minor: Mapped[int] = mapped_column(BigInteger)
    suspense_minor: Mapped[int] = mapped_column(BigInteger)
    restated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeltaRow(Base):
    """What a restatement changes of one amount. It supersedes an allocation, an earlier delta, or nothing."""

    __tablename__ = "restatement_delta"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "run_line_no"],
            ["allocation.run_id", "allocation.line_no"],
            name="fk_restatement_delta_allocation",
        ),
        ForeignKeyConstraint(
            ["earlier_id", "earlier_line_no"],
            ["restatement_delta.restatement_id", "restatement_delta.line_no"],
            name="fk_restatement_delta_earlier",
        ),
        UniqueConstraint("run_id", "run_line_no"),
        UniqueConstraint("earlier_id", "earlier_line_no"),
        CheckConstraint("payee_kind IN ('party', 'account', 'suspense')", name="payee_kind"),
        CheckConstraint("(payee_kind = 'suspense') = (reason <> '')", name="reason"),
        CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name="share"),
        CheckConstraint("basis >= 0 AND basis <= basis_total", name="basis"),
        CheckConstraint("amount_minor <> 0 AND amount_minor = after_minor - before_minor", name="amount"),
        CheckConstraint("before_minor >= 0 AND after_minor >= 0", name="positive"),
        CheckConstraint(
            "(run_id IS NULL) = (run_line_no IS NULL) AND (earlier_id IS NULL) = (earlier_line_no IS NULL) "
            "AND (run_id IS NULL OR earlier_id IS NULL)",
            name="supersedes",
        ),
        CheckConstraint("before_minor = 0 OR run_id IS NOT NULL OR earlier_id IS NOT NULL", name="before"),
        Index("ix_restatement_delta_payee", "restatement_id", "payee_kind", "payee_id"),
        Index("ix_restatement_delta_work_id", "work_id"),
    )

    restatement_id: Mapped[str] = mapped_column(ForeignKey("restatement.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    run_id: Mapped[str | None] = mapped_column(Text)
    run_line_no: Mapped[int | None] = mapped_column(BigInteger)
    earlier_id: Mapped[str | None] = mapped_column(Text)
    earlier_line_no: Mapped[int | None] = mapped_column(BigInteger)
    pot: Mapped[str] = mapped_column(Text)
    payee_kind: Mapped[str] = mapped_column(Text)
    payee_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    generation_id: Mapped[str] = mapped_column(Text)
    territory: Mapped[str] = mapped_column(Text)
    work_id: Mapped[str] = mapped_column(Text)
    share_ppm: Mapped[int] = mapped_column(Integer)
    basis: Mapped[int] = mapped_column(BigInteger)
    basis_total: Mapped[int] = mapped_column(BigInteger)
    evidence: Mapped[str] = mapped_column(Text)
    units: Mapped[int] = mapped_column(BigInteger)
    revenue_minor: Mapped[int] = mapped_column(BigInteger)
    before_minor: Mapped[int] = mapped_column(BigInteger)
    after_minor: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    role: Mapped[str] = mapped_column(Text, server_default="")
    on_behalf_of: Mapped[str] = mapped_column(Text, server_default="")
    agreement: Mapped[str] = mapped_column(Text, server_default="")


class PayeeTermsRow(Base):
    """The terms of a payee's account as they were recorded; those with the highest number count."""

    __tablename__ = "payee_terms"
    __table_args__ = (UniqueConstraint("payee_id", "number"), CheckConstraint("number >= 1", name="number"))

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    payee_id: Mapped[str] = mapped_column(Text)
    number: Mapped[int] = mapped_column(Integer)
    terms: Mapped[str] = mapped_column(Text)
    file_sha256: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AccountMovement(Base):
    """Money that went to a payee or came back outside a run: an advance, a cost, a payment, a return."""

    __tablename__ = "account_movement"
    __table_args__ = (
        CheckConstraint("kind IN ('advance', 'cost', 'payment', 'return')", name="kind"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("length(currency) = 3", name="currency"),
        Index("ix_account_movement_payee", "payee_id"),
        Index("ix_account_movement_reference", "reference"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    payee_id: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    happened_on: Mapped[date] = mapped_column(Date)
    contract: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SettlementRow(Base):
    """What became of a payee's account when a period was closed, to the unit.

    `recouped_minor` is what this payee's income paid off of its group's advances, `credited_minor` what was
    paid off of its own advance by whoever in the group. The parts called protected are of income that pays
    off no advance.
    """

    __tablename__ = "settlement"
    __table_args__ = (
        CheckConstraint(
            "opening_minor + earned_minor + restated_minor = recouped_minor + held_minor - released_minor "
            "+ withheld_minor + payable_minor + carried_minor",
            name="whole",
        ),
        CheckConstraint(
            "recouped_minor >= 0 AND credited_minor >= 0 AND held_minor >= 0 AND released_minor >= 0 "
            "AND withheld_minor >= 0 AND payable_minor >= 0",
            name="positive",
        ),
        CheckConstraint(
            "held_protected_minor BETWEEN 0 AND held_minor AND carried_protected_minor >= 0 "
            "AND (carried_protected_minor = 0 OR carried_protected_minor <= carried_minor)",
            name="protected",
        ),
        CheckConstraint(
            "advance_after_minor >= 0 AND advance_before_minor >= advance_after_minor", name="advance"
        ),
        CheckConstraint(
            "reason IN ('', 'BELOW_THRESHOLD', 'NEGATIVE_BALANCE', 'SANCTIONS_HOLD', 'MISSING_PAYEE_DATA') "
            "AND (reason = '') = (carried_minor = 0) AND (reason = 'NEGATIVE_BALANCE') = (carried_minor < 0)",
            name="reason",
        ),
        CheckConstraint("(held_minor = 0) = (release_in = '') AND waited >= 0", name="waits"),
        CheckConstraint("withheld_minor = 0 OR residence <> ''", name="residence"),
        Index("ix_settlement_payee", "payee_id"),
    )

    period: Mapped[str] = mapped_column(ForeignKey("distribution_run.period"), primary_key=True)
    payee_id: Mapped[str] = mapped_column(Text, primary_key=True)
    currency: Mapped[str] = mapped_column(Text)
    terms_id: Mapped[str | None] = mapped_column(ForeignKey("payee_terms.id"))
    residence: Mapped[str] = mapped_column(Text)
    opening_minor: Mapped[int] = mapped_column(BigInteger)
    earned_minor: Mapped[int] = mapped_column(BigInteger)
    restated_minor: Mapped[int] = mapped_column(BigInteger)
    recouped_minor: Mapped[int] = mapped_column(BigInteger)
    credited_minor: Mapped[int] = mapped_column(BigInteger)
    advance_before_minor: Mapped[int] = mapped_column(BigInteger)
    advance_after_minor: Mapped[int] = mapped_column(BigInteger)
    held_minor: Mapped[int] = mapped_column(BigInteger)
    held_protected_minor: Mapped[int] = mapped_column(BigInteger)
    release_in: Mapped[str] = mapped_column(Text)
    released_minor: Mapped[int] = mapped_column(BigInteger)
    withheld_minor: Mapped[int] = mapped_column(BigInteger)
    payable_minor: Mapped[int] = mapped_column(BigInteger)
    carried_minor: Mapped[int] = mapped_column(BigInteger)
    carried_protected_minor: Mapped[int] = mapped_column(BigInteger)
    threshold_minor: Mapped[int] = mapped_column(BigInteger)
    waited: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
