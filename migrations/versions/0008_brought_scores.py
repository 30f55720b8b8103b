"""Shares that were computed elsewhere: the files that they came in, and the rows that were left out."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "score_batch",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("num_attributions", sa.BigInteger(), nullable=False),
        sa.Column("num_quarantined", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_score_batch_id_is_sha256")),
        sa.CheckConstraint("length(file_sha256) = 64", name=op.f("ck_score_batch_file_sha256_is_sha256")),
        sa.CheckConstraint(
            "num_attributions >= 0 AND num_quarantined >= 0", name=op.f("ck_score_batch_counts_are_counts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_batch")),
    )
    op.create_table(
        "score_quarantine",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.CheckConstraint("row_number >= 1", name=op.f("ck_score_quarantine_rows_count_from_one")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["score_batch.id"], name=op.f("fk_score_quarantine_batch_id_score_batch")
        ),
        sa.PrimaryKeyConstraint("batch_id", "row_number", "code", name=op.f("pk_score_quarantine")),
    )
