"""What was known when, on which terms, and what was taken back.

Columns are added by plain ALTER TABLE, which both databases know: SQLite could change more only by making a
table anew, and the tables that point at it would not permit that.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ACTOR = "TEXT DEFAULT '(unknown)' NOT NULL"
ADDED = (
    ("import_batch", "recorded_by", ACTOR),
    ("agreement", "recorded_by", ACTOR),
    ("grant", "models", "JSON"),
    (
        "grant",
        "post_term",
        "TEXT CONSTRAINT ck_grant_post_term_known CHECK (post_term IN ('models_stay', 'models_end'))",
    ),
    ("grant", "rate_ppm", "INTEGER"),
    ("grant", "advance_minor", "BIGINT"),
    ("grant", "minimum_guarantee_minor", "BIGINT"),
    ("grant", "currency", "TEXT"),
    ("grant", "most_favoured_nation", "BOOLEAN DEFAULT false NOT NULL"),
    ("grant", "notice_days", "INTEGER"),
    ("grant", "overrides_reservations", "TEXT"),
    ("grant", "recorded_by", ACTOR),
    ("grant", "superseded_by", 'TEXT CONSTRAINT fk_grant_superseded_by_grant REFERENCES "grant" (id)'),
    (
        "reservation",
        "purposes",
        """JSON DEFAULT '["train", "generate", "evaluate", "distribute"]' NOT NULL""",
    ),
    ("reservation", "recorded_by", ACTOR),
)
INSTANTS = (("grant", "superseded_at"), ("reservation", "recorded_at"), ("reservation", "lifted_at"))
OF_A_BATCH = ("work_title", "work_identifier", "work_credit", "representation")


def upgrade() -> None:
    for table, column, kind in ADDED:
        op.execute(f'ALTER TABLE "{table}" ADD COLUMN {column} {kind}')
    for table, column in INSTANTS:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE reservation SET recorded_at = seen_at")
    for table in OF_A_BATCH:
        name = f"fk_{table}_batch_id_import_batch"
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN batch_id TEXT CONSTRAINT {name} REFERENCES import_batch (id)"
        )
        op.execute(
            f"UPDATE {table} SET batch_id = (SELECT batch_id FROM work WHERE work.id = {table}.work_id)"  # noqa: S608
        )
    create_work_version()
    create_withdrawal()


def create_work_version() -> None:
    op.create_table(
        "work_version",
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("superseded_by", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("iswc", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("genre", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("public_domain_in", sa.Text(), nullable=True),
        sa.Column("public_domain_from_on", sa.Date(), nullable=True),
        sa.Column("public_domain_basis", sa.Text(), nullable=True),
        sa.Column("payable", sa.Boolean(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.CheckConstraint("\"origin\" IN ('human', 'house')", name=op.f("ck_work_version_origin_known")),
        sa.PrimaryKeyConstraint("work_id", "superseded_by", name=op.f("pk_work_version")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_work_version_work_id_work")),
        sa.ForeignKeyConstraint(
            ["superseded_by"], ["import_batch.id"], name=op.f("fk_work_version_superseded_by_import_batch")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_work_version_source_id_source")),
    )
    op.create_index(op.f("ix_work_version_iswc"), "work_version", ["iswc"])


def create_withdrawal() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("document_sha256", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "length(document_sha256) = 64", name=op.f("ck_withdrawal_document_sha256_is_sha256")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_withdrawal_work_id_work")),
    )
    op.create_index(op.f("ix_withdrawal_work_id"), "withdrawal", ["work_id"])
