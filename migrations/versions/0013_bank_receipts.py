"""What the bank received, for comparing it with what services reported."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

APPEND_ONLY = {
    "bank_batch": ("id = NEW.id",),
    "bank_receipt": (
        "batch_id = NEW.batch_id AND line = NEW.line",
        "service = NEW.service AND reference = NEW.reference",
    ),
    "bank_quarantine": ("batch_id = NEW.batch_id AND line = NEW.line",),
}
"""The tables whose rows never change, and when a new row would take the place of an old one."""


def upgrade() -> None:
    _create_batch()
    _create_receipt()
    _create_quarantine()
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_on_postgresql()
    else:
        _refuse_changes_on_sqlite()


def _refuse_changes_on_sqlite() -> None:
    for table, clashes in APPEND_ONLY.items():
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: enter a correction instead'); END"
            )
        # INSERT OR REPLACE deletes the old row without firing the trigger above
        for number, clash in enumerate(clashes):
            taken = f"SELECT 1 FROM {table} WHERE {clash}"  # noqa: S608 - only the texts above
            op.execute(
                f"CREATE TRIGGER {table}_refuses_replace_{number} BEFORE INSERT ON {table} "
                f"WHEN EXISTS ({taken}) "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: this row is there already'); END"
            )


def _refuse_changes_on_postgresql() -> None:
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _create_batch() -> None:
    op.create_table(
        "bank_batch",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("num_receipts", sa.BigInteger(), nullable=False),
        sa.Column("num_quarantined", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_bank_batch_id")),
        sa.CheckConstraint("num_receipts >= 0 AND num_quarantined >= 0", name=op.f("ck_bank_batch_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_batch")),
    )


def _create_receipt() -> None:
    op.create_table(
        "bank_receipt",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint("line > 0", name=op.f("ck_bank_receipt_line")),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_bank_receipt_amount")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_bank_receipt_currency")),
        sa.CheckConstraint("length(period) = 7", name=op.f("ck_bank_receipt_period")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["bank_batch.id"], name=op.f("fk_bank_receipt_batch_id_bank_batch")
        ),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_bank_receipt")),
        sa.UniqueConstraint("service", "reference", name=op.f("uq_bank_receipt_service_reference")),
    )
    op.create_index("ix_bank_receipt_period", "bank_receipt", ["period"], unique=False)


def _create_quarantine() -> None:
    op.create_table(
        "bank_quarantine",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.CheckConstraint("line > 0", name=op.f("ck_bank_quarantine_line")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["bank_batch.id"], name=op.f("fk_bank_quarantine_batch_id_bank_batch")
        ),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_bank_quarantine")),
    )
