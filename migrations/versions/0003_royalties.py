"""The money: usage, runs, allocations, and a ledger that is only added to."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

APPEND_ONLY = {
    "distribution_run": ("id = NEW.id", "period = NEW.period"),
    "run_generation": ("run_id = NEW.run_id AND generation_id = NEW.generation_id",),
    "allocation": ("run_id = NEW.run_id AND line_no = NEW.line_no",),
    "ledger_posting": ("id = NEW.id",),
    "ledger_entry": (
        "sequence = NEW.sequence",
        "posting_id = NEW.posting_id AND account = NEW.account",
    ),
}
"""The tables whose rows never change, and when a new row would take the place of an old one."""


def upgrade() -> None:
    _create_usage()
    _create_runs()
    _create_allocation()
    _create_ledger()
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_on_postgresql()
    else:
        _refuse_changes_on_sqlite()


def _refuse_changes_on_sqlite() -> None:
    for table, clashes in APPEND_ONLY.items():
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: post a correction instead'); END"
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
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% is append-only: post a correction instead', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _create_usage() -> None:
    op.create_table(
        "usage_batch",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("num_lines", sa.BigInteger(), nullable=False),
        sa.Column("num_quarantined", sa.BigInteger(), nullable=False),
        sa.Column("lines_sha256", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("format IN ('csv', 'parquet')", name=op.f("ck_usage_batch_format")),
        sa.CheckConstraint("num_lines >= 0 AND num_quarantined >= 0", name=op.f("ck_usage_batch_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_batch")),
    )
    op.create_table(
        "usage_quarantine",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["usage_batch.id"], name=op.f("fk_usage_quarantine_batch_id_usage_batch")
        ),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_usage_quarantine")),
    )
    op.create_table(
        "usage_total",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("use_type", sa.Text(), nullable=False),
        sa.Column("used_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("num_lines", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("revenue_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_usage_total_currency")),
        sa.CheckConstraint("num_lines > 0", name=op.f("ck_usage_total_num_lines")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["usage_batch.id"], name=op.f("fk_usage_total_batch_id_usage_batch")
        ),
        sa.PrimaryKeyConstraint(
            "batch_id",
            "generation_id",
            "territory",
            "service",
            "use_type",
            "used_on",
            "currency",
            name=op.f("pk_usage_total"),
        ),
    )
    op.create_index("ix_usage_total_used_on", "usage_total", ["used_on"], unique=False)


def _create_runs() -> None:
    op.create_table(
        "distribution_run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("policy_source", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("deductions_minor", sa.BigInteger(), nullable=False),
        sa.Column("provider_minor", sa.BigInteger(), nullable=False),
        sa.Column("pool_minor", sa.BigInteger(), nullable=False),
        sa.Column("allocated_minor", sa.BigInteger(), nullable=False),
        sa.Column("suspense_minor", sa.BigInteger(), nullable=False),
        sa.Column("num_parties", sa.Integer(), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "gross_minor = deductions_minor + provider_minor + pool_minor",
            name=op.f("ck_distribution_run_gross"),
        ),
        sa.CheckConstraint("gross_minor >= 0 AND pool_minor >= 0", name=op.f("ck_distribution_run_positive")),
        sa.CheckConstraint(
            "pool_minor = allocated_minor + suspense_minor", name=op.f("ck_distribution_run_pool")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution_run")),
        sa.UniqueConstraint("period", name=op.f("uq_distribution_run_period")),
    )
    op.create_table(
        "run_generation",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("attribution_digest", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("reliability", sa.Text(), nullable=False),
        sa.Column("unattributed_ppm", sa.Integer(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("revenue_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["distribution_run.id"], name=op.f("fk_run_generation_run_id_distribution_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "generation_id", name=op.f("pk_run_generation")),
    )


def _create_allocation() -> None:
    op.create_table(
        "allocation",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("pot", sa.Text(), nullable=False),
        sa.Column("payee_kind", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("share_ppm", sa.Integer(), nullable=False),
        sa.Column("basis", sa.BigInteger(), nullable=False),
        sa.Column("basis_total", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("revenue_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(payee_kind = 'suspense') = (reason <> '')", name=op.f("ck_allocation_reason")),
        sa.CheckConstraint(
            "payee_kind IN ('party', 'account', 'suspense')", name=op.f("ck_allocation_payee_kind")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_allocation_amount")),
        sa.CheckConstraint("basis >= 0 AND basis <= basis_total", name=op.f("ck_allocation_basis")),
        sa.CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name=op.f("ck_allocation_share")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["distribution_run.id"], name=op.f("fk_allocation_run_id_distribution_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "line_no", name=op.f("pk_allocation")),
    )
    op.create_index("ix_allocation_payee", "allocation", ["run_id", "payee_kind", "payee_id"], unique=False)


def _create_ledger() -> None:
    op.create_table(
        "ledger_posting",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["distribution_run.id"], name=op.f("fk_ledger_posting_run_id_distribution_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_posting")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("posting_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_ledger_entry_amount")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_ledger_entry_currency")),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_ledger_entry_sequence")),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["ledger_posting.id"], name=op.f("fk_ledger_entry_posting_id_ledger_posting")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("posting_id", "account", name=op.f("uq_ledger_entry_posting_id_account")),
    )
    op.create_index("ix_ledger_entry_account", "ledger_entry", ["account"], unique=False)
