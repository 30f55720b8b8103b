"""Who collects for whom, what is in dispute, and both on the lines of the money."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

APPEND_ONLY = {
    "mandate": ("id = NEW.id", "supersedes = NEW.supersedes"),
    "mandate_right": ('mandate_id = NEW.mandate_id AND "right" = NEW."right"',),
    "mandate_work": ("mandate_id = NEW.mandate_id AND work_id = NEW.work_id",),
    "dispute": ("id = NEW.id",),
    "dispute_party": ("dispute_id = NEW.dispute_id AND party_id = NEW.party_id",),
    "dispute_settlement": ("dispute_id = NEW.dispute_id",),
}
"""The tables whose rows never change, and when a new row would take the place of an old one."""

LINES = ("allocation", "restatement_delta")
NEW_COLUMNS = ("role", "on_behalf_of", "agreement")
RIGHTS = "\"right\" IN ('performing', 'mechanical', 'synchronisation')"


def upgrade() -> None:
    _create_mandate()
    _create_dispute()
    for table in LINES:
        for column in NEW_COLUMNS:
            # the same statement on both databases; SQLite adds a column without building the table anew
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
        op.create_index(f"ix_{table}_work_id", table, ["work_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_on_postgresql()
    else:
        _refuse_changes_on_sqlite()


def _refuse_changes_on_sqlite() -> None:
    for table, clashes in APPEND_ONLY.items():
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: add what is true now instead'); END"
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


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _term() -> list[sa.Column[Any]]:
    return [
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
    ]


def _key(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))


def _create_mandate() -> None:
    op.create_table(
        "mandate",
        _text("id"), _text("kind"), _text("owner_id"), _text("collector_id"), _text("scope"),
        _text("territory"), *_term(), sa.Column("commission_ppm", sa.Integer(), nullable=False),
        _text("reference"), _text("supersedes", nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False), _text("recorded_by"),
        sa.CheckConstraint(
            "\"kind\" IN ('administration', 'sub_publishing')", name=op.f("ck_mandate_kind_known")
        ),
        sa.CheckConstraint("\"scope\" IN ('all', 'listed')", name=op.f("ck_mandate_scope_known")),
        sa.CheckConstraint("owner_id <> collector_id", name=op.f("ck_mandate_two_parties")),
        sa.CheckConstraint(
            "commission_ppm BETWEEN 0 AND 1000000", name=op.f("ck_mandate_commission_ppm_in_range")
        ),
        sa.CheckConstraint("ends_on IS NULL OR ends_on > starts_on", name=op.f("ck_mandate_term_in_order")),
        sa.CheckConstraint("reference <> ''", name=op.f("ck_mandate_reference_named")),
        sa.CheckConstraint(
            "supersedes IS NULL OR supersedes <> id", name=op.f("ck_mandate_supersedes_another")
        ),
        _key("mandate", "owner_id", "party"), _key("mandate", "collector_id", "party"),
        _key("mandate", "supersedes", "mandate"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandate")),
        sa.UniqueConstraint("supersedes", name=op.f("uq_mandate_supersedes")),
    )  # fmt: skip
    for column in ("owner_id", "collector_id"):
        op.create_index(op.f(f"ix_mandate_{column}"), "mandate", [column], unique=False)
    op.create_table(
        "mandate_right",
        _text("mandate_id"), _text("right"),
        sa.CheckConstraint(RIGHTS, name=op.f("ck_mandate_right_right_known")),
        _key("mandate_right", "mandate_id", "mandate"),
        sa.PrimaryKeyConstraint("mandate_id", "right", name=op.f("pk_mandate_right")),
    )  # fmt: skip
    op.create_table(
        "mandate_work",
        _text("mandate_id"), _text("work_id"),
        _key("mandate_work", "mandate_id", "mandate"), _key("mandate_work", "work_id", "work"),
        sa.PrimaryKeyConstraint("mandate_id", "work_id", name=op.f("pk_mandate_work")),
    )  # fmt: skip
    op.create_index(op.f("ix_mandate_work_work_id"), "mandate_work", ["work_id"], unique=False)


def _create_dispute() -> None:
    op.create_table(
        "dispute",
        _text("id"), _text("work_id"), _text("right"),
        sa.Column("share_ppm", sa.Integer(), nullable=False), _text("territory"), *_term(), _text("reason"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False), _text("opened_by"),
        sa.CheckConstraint(RIGHTS, name=op.f("ck_dispute_right_known")),
        sa.CheckConstraint("share_ppm BETWEEN 1 AND 1000000", name=op.f("ck_dispute_share_ppm_in_range")),
        sa.CheckConstraint("ends_on IS NULL OR ends_on > starts_on", name=op.f("ck_dispute_term_in_order")),
        _key("dispute", "work_id", "work"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
    )  # fmt: skip
    op.create_index(op.f("ix_dispute_work_id"), "dispute", ["work_id"], unique=False)
    op.create_table(
        "dispute_party",
        _text("dispute_id"), _text("party_id"),
        _key("dispute_party", "dispute_id", "dispute"), _key("dispute_party", "party_id", "party"),
        sa.PrimaryKeyConstraint("dispute_id", "party_id", name=op.f("pk_dispute_party")),
    )  # fmt: skip
    op.create_table(
        "dispute_settlement",
        _text("dispute_id"), _text("outcome"),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False), _text("settled_by"),
        sa.CheckConstraint("outcome <> ''", name=op.f("ck_dispute_settlement_outcome_named")),
        _key("dispute_settlement", "dispute_id", "dispute"),
        sa.PrimaryKeyConstraint("dispute_id", name=op.f("pk_dispute_settlement")),
    )  # fmt: skip
