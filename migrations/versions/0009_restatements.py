"""Periods that are closed, and what was corrected of them later."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

APPEND_ONLY = {
    "period_close": ("period = NEW.period",),
    "restatement": (
        "id = NEW.id",
        "run_id = NEW.run_id AND number = NEW.number",
        "earlier_id = NEW.earlier_id",
    ),
    "restatement_delta": (
        "restatement_id = NEW.restatement_id AND line_no = NEW.line_no",
        "run_id = NEW.run_id AND run_line_no = NEW.run_line_no",
        "earlier_id = NEW.earlier_id AND earlier_line_no = NEW.earlier_line_no",
    ),
}
"""The tables whose rows never change, and when a new row would take the place of an old one."""

POSTED = ("ledger_posting", "restatement")
"""The tables whose rows belong to a period that must still be open."""


def upgrade() -> None:
    _create_period_close()
    _create_restatement()
    _create_restatement_delta()
    # the same statement on both databases; SQLite adds a column without building the table anew
    op.execute(
        "ALTER TABLE ledger_posting ADD COLUMN restatement_id TEXT "
        "CONSTRAINT fk_ledger_posting_restatement_id_restatement REFERENCES restatement (id)"
    )
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
    closed = "SELECT 1 FROM period_close WHERE period = NEW.period"
    for table in POSTED:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_closed BEFORE INSERT ON {table} WHEN EXISTS ({closed}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: this period is closed'); END"
        )


def _refuse_changes_on_postgresql() -> None:
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE FUNCTION refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM period_close WHERE period = NEW.period) THEN "
        "RAISE EXCEPTION '% is append-only: this period is closed', TG_TABLE_NAME; END IF; "
        "RETURN NEW; END $$"
    )
    for table in POSTED:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_closed BEFORE INSERT ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_closed()"
        )


def _create_period_close() -> None:
    op.create_table(
        "period_close",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("ledger_sequence", sa.BigInteger(), nullable=False),
        sa.Column("ledger_digest", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ledger_sequence >= 0", name=op.f("ck_period_close_sequence")),
        sa.CheckConstraint("length(ledger_digest) = 64", name=op.f("ck_period_close_digest")),
        sa.ForeignKeyConstraint(
            ["period"], ["distribution_run.period"], name=op.f("fk_period_close_period_distribution_run")
        ),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_period_close")),
    )


def _create_restatement() -> None:
    op.create_table(
        "restatement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("earlier_id", sa.Text(), nullable=True),
        sa.Column("restates", sa.Text(), nullable=False),
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
        sa.Column("restated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("restates < period", name=op.f("ck_restatement_later")),
        sa.CheckConstraint(
            "number >= 1 AND (number = 1) = (earlier_id IS NULL)", name=op.f("ck_restatement_number")
        ),
        sa.CheckConstraint(
            "gross_minor = deductions_minor + provider_minor + pool_minor", name=op.f("ck_restatement_gross")
        ),
        sa.CheckConstraint("pool_minor = allocated_minor + suspense_minor", name=op.f("ck_restatement_pool")),
        sa.CheckConstraint("gross_minor >= 0 AND pool_minor >= 0", name=op.f("ck_restatement_positive")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["distribution_run.id"], name=op.f("fk_restatement_run_id_distribution_run")
        ),
        sa.ForeignKeyConstraint(
            ["earlier_id"], ["restatement.id"], name=op.f("fk_restatement_earlier_id_restatement")
        ),
        sa.ForeignKeyConstraint(
            ["restates"], ["period_close.period"], name=op.f("fk_restatement_restates_period_close")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restatement")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_restatement_run_id_number")),
        sa.UniqueConstraint("earlier_id", name=op.f("uq_restatement_earlier_id")),
    )
    op.create_index("ix_restatement_period", "restatement", ["period"], unique=False)


def _create_restatement_delta() -> None:
    op.create_table("restatement_delta", *_delta_columns(), *_delta_checks(), *_delta_keys())
    op.create_index(
        "ix_restatement_delta_payee",
        "restatement_delta",
        ["restatement_id", "payee_kind", "payee_id"],
        unique=False,
    )


def _delta_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("restatement_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("run_line_no", sa.BigInteger(), nullable=True),
        sa.Column("earlier_id", sa.Text(), nullable=True),
        sa.Column("earlier_line_no", sa.BigInteger(), nullable=True),
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
        sa.Column("before_minor", sa.BigInteger(), nullable=False),
        sa.Column("after_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
    ]


def _delta_checks() -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(
            "payee_kind IN ('party', 'account', 'suspense')", name=op.f("ck_restatement_delta_payee_kind")
        ),
        sa.CheckConstraint(
            "(payee_kind = 'suspense') = (reason <> '')", name=op.f("ck_restatement_delta_reason")
        ),
        sa.CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name=op.f("ck_restatement_delta_share")),
        sa.CheckConstraint("basis >= 0 AND basis <= basis_total", name=op.f("ck_restatement_delta_basis")),
        sa.CheckConstraint(
            "amount_minor <> 0 AND amount_minor = after_minor - before_minor",
            name=op.f("ck_restatement_delta_amount"),
        ),
        sa.CheckConstraint(
            "before_minor >= 0 AND after_minor >= 0", name=op.f("ck_restatement_delta_positive")
        ),
        sa.CheckConstraint(
            "(run_id IS NULL) = (run_line_no IS NULL) AND (earlier_id IS NULL) = (earlier_line_no IS NULL) "
            "AND (run_id IS NULL OR earlier_id IS NULL)",
            name=op.f("ck_restatement_delta_supersedes"),
        ),
        sa.CheckConstraint(
            "before_minor = 0 OR run_id IS NOT NULL OR earlier_id IS NOT NULL",
            name=op.f("ck_restatement_delta_before"),
        ),
    ]


def _delta_keys() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["restatement_id"],
            ["restatement.id"],
            name=op.f("fk_restatement_delta_restatement_id_restatement"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "run_line_no"],
            ["allocation.run_id", "allocation.line_no"],
            name=op.f("fk_restatement_delta_allocation"),
        ),
        sa.ForeignKeyConstraint(
            ["earlier_id", "earlier_line_no"],
            ["restatement_delta.restatement_id", "restatement_delta.line_no"],
            name=op.f("fk_restatement_delta_earlier"),
        ),
        sa.PrimaryKeyConstraint("restatement_id", "line_no", name=op.f("pk_restatement_delta")),
        sa.UniqueConstraint("run_id", "run_line_no", name=op.f("uq_restatement_delta_run_id_run_line_no")),
        sa.UniqueConstraint(
            "earlier_id", "earlier_line_no", name=op.f("uq_restatement_delta_earlier_id_earlier_line_no")
        ),
    ]
