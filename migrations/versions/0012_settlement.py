"""What becomes of a payee's account: terms, advances, settlements, and payments in the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

APPEND_ONLY = {
    "payee_terms": ("id = NEW.id", "payee_id = NEW.payee_id AND number = NEW.number"),
    "settlement": ("period = NEW.period AND payee_id = NEW.payee_id",),
    "account_movement": ("id = NEW.id",),
}
"""The tables whose rows never change, and when a new row would take the place of an old one."""

SUBJECT = (
    "CONSTRAINT ck_ledger_posting_subject CHECK ((run_id IS NULL) = "
    "(settles IS NOT NULL OR movement_id IS NOT NULL) AND (settles IS NULL OR movement_id IS NULL) "
    "AND (restatement_id IS NULL OR run_id IS NOT NULL))"
)


def upgrade() -> None:
    _create_payee_terms()
    _create_account_movement()
    _create_settlement()
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        op.execute("ALTER TABLE ledger_posting ALTER COLUMN run_id DROP NOT NULL")
    else:
        _let_a_posting_have_no_run_on_sqlite()
    op.execute(
        "ALTER TABLE ledger_posting ADD COLUMN settles TEXT "
        "CONSTRAINT fk_ledger_posting_settles_distribution_run REFERENCES distribution_run (period)"
    )
    # a constraint of the table may stand behind a column; SQLite tries it on the rows that are there
    op.execute(
        "ALTER TABLE ledger_posting ADD COLUMN movement_id TEXT "
        "CONSTRAINT fk_ledger_posting_movement_id_account_movement REFERENCES account_movement (id) "
        + SUBJECT
    )
    if is_postgresql:
        _refuse_changes_on_postgresql()
    else:
        _refuse_changes_on_sqlite()


def _let_a_posting_have_no_run_on_sqlite() -> None:
    """SQLite cannot alter a column, and making the table anew would break those that point at it.

    Source: sqlite.org/lang_altertable.html, section 7, on removing NOT NULL without changing what is stored.
    """
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    op.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'run_id TEXT NOT NULL', 'run_id TEXT') "
        "WHERE type = 'table' AND name = 'ledger_posting'"
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")


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
    op.execute(
        "CREATE TRIGGER settlement_refuses_closed BEFORE INSERT ON settlement "
        "WHEN EXISTS (SELECT 1 FROM period_close WHERE period = NEW.period) "
        "BEGIN SELECT RAISE(ABORT, 'settlement is append-only: this period is closed'); END"
    )


def _refuse_changes_on_postgresql() -> None:
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER settlement_refuses_closed BEFORE INSERT ON settlement "
        "FOR EACH ROW EXECUTE FUNCTION refuse_closed()"
    )


def _create_payee_terms() -> None:
    op.create_table(
        "payee_terms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_payee_terms_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payee_terms")),
        sa.UniqueConstraint("payee_id", "number", name=op.f("uq_payee_terms_payee_id_number")),
    )


def _create_account_movement() -> None:
    op.create_table(
        "account_movement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('advance', 'cost', 'payment', 'return')", name=op.f("ck_account_movement_kind")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_account_movement_amount")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_account_movement_currency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_movement")),
    )
    op.create_index("ix_account_movement_payee", "account_movement", ["payee_id"], unique=False)
    op.create_index("ix_account_movement_reference", "account_movement", ["reference"], unique=False)


def _create_settlement() -> None:
    amounts = (
        "opening", "earned", "restated", "recouped", "credited", "advance_before", "advance_after", "held",
        "held_protected", "released", "withheld", "payable", "carried", "carried_protected", "threshold",
    )  # fmt: skip
    op.create_table(
        "settlement",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("payee_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("terms_id", sa.Text(), nullable=True),
        sa.Column("residence", sa.Text(), nullable=False),
        *(sa.Column(f"{name}_minor", sa.BigInteger(), nullable=False) for name in amounts),
        sa.Column("release_in", sa.Text(), nullable=False),
        sa.Column("waited", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *_settlement_checks(),
        sa.ForeignKeyConstraint(
            ["period"], ["distribution_run.period"], name=op.f("fk_settlement_period_distribution_run")
        ),
        sa.ForeignKeyConstraint(
            ["terms_id"], ["payee_terms.id"], name=op.f("fk_settlement_terms_id_payee_terms")
        ),
        sa.PrimaryKeyConstraint("period", "payee_id", name=op.f("pk_settlement")),
    )
    op.create_index("ix_settlement_payee", "settlement", ["payee_id"], unique=False)


def _settlement_checks() -> list[sa.CheckConstraint]:
    checks = {
        "whole": (
            "opening_minor + earned_minor + restated_minor = recouped_minor + held_minor - released_minor "
            "+ withheld_minor + payable_minor + carried_minor"
        ),
        "positive": (
            "recouped_minor >= 0 AND credited_minor >= 0 AND held_minor >= 0 AND released_minor >= 0 "
            "AND withheld_minor >= 0 AND payable_minor >= 0"
        ),
        "protected": (
            "held_protected_minor BETWEEN 0 AND held_minor AND carried_protected_minor >= 0 "
            "AND (carried_protected_minor = 0 OR carried_protected_minor <= carried_minor)"
        ),
        "advance": "advance_after_minor >= 0 AND advance_before_minor >= advance_after_minor",
        "reason": (
            "reason IN ('', 'BELOW_THRESHOLD', 'NEGATIVE_BALANCE', 'SANCTIONS_HOLD', 'MISSING_PAYEE_DATA') "
            "AND (reason = '') = (carried_minor = 0) AND (reason = 'NEGATIVE_BALANCE') = (carried_minor < 0)"
        ),
        "waits": "(held_minor = 0) = (release_in = '') AND waited >= 0",
        "residence": "withheld_minor = 0 OR residence <> ''",
    }
    return [sa.CheckConstraint(text, name=op.f(f"ck_settlement_{name}")) for name, text in checks.items()]
