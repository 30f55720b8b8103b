"""What societies answer to our registrations, and what labels say of recordings and releases (ERN)."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

FORMATS_BEFORE = "'cwr', 'csv', 'parquet', 'folder'"
FORMATS = f"{FORMATS_BEFORE}, 'ern'"
STATUSES = "'CO', 'DU', 'RA', 'AS', 'AC', 'SR', 'CR', 'RJ', 'NP', 'RC', 'NA', 'WA'"


def upgrade() -> None:
    permit_ern()
    op.execute("ALTER TABLE recording ADD COLUMN p_line TEXT")
    create_acknowledgement()
    create_release()
    create_of_recordings()
    create_release_deal()


def permit_ern() -> None:
    """SQLite cannot alter a constraint, and making the table anew would break those that point at it.

    Source: sqlite.org/lang_altertable.html, section 7, on constraints that do not change what is stored.
    """
    if op.get_bind().dialect.name == "postgresql":
        name = "ck_import_batch_format_known"
        op.execute(f"ALTER TABLE import_batch DROP CONSTRAINT {name}")
        op.execute(f'ALTER TABLE import_batch ADD CONSTRAINT {name} CHECK ("format" IN ({FORMATS}))')
        return
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    op.get_bind().exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'import_batch'",
        (FORMATS_BEFORE, FORMATS),
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")


def create_acknowledgement() -> None:
    op.create_table(
        "acknowledgement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("society", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("society_number", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("processed_on", sa.Date(), nullable=True),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.CheckConstraint(f'"status" IN ({STATUSES})', name=op.f("ck_acknowledgement_status_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgement")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_acknowledgement_work_id_work")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_acknowledgement_batch_id_import_batch")
        ),
    )
    op.create_index(op.f("ix_acknowledgement_work_id"), "acknowledgement", ["work_id"])


def create_release() -> None:
    op.create_table(
        "release",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("artist", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("icpn", sa.Text(), nullable=True),
        sa.Column("grid", sa.Text(), nullable=True),
        sa.Column("catalogue_number", sa.Text(), nullable=True),
        sa.Column("p_line", sa.Text(), nullable=True),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.CheckConstraint("length(grid) = 18", name=op.f("ck_release_grid_has_18_characters")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_release_batch_id_import_batch")
        ),
    )
    op.create_index(op.f("ix_release_icpn"), "release", ["icpn"])


def create_of_recordings() -> None:
    op.create_table(
        "release_recording",
        sa.Column("release_id", sa.Text(), nullable=False),
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release_id", "recording_id", name=op.f("pk_release_recording")),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.id"], name=op.f("fk_release_recording_release_id_release")
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"], name=op.f("fk_release_recording_recording_id_recording")
        ),
    )
    op.create_index(op.f("ix_release_recording_recording_id"), "release_recording", ["recording_id"])
    op.create_table(
        "recording_contributor",
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("ipi_name_number", sa.Text(), nullable=True),
        sa.Column("isni", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "name", "role", name=op.f("pk_recording_contributor")),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"], name=op.f("fk_recording_contributor_recording_id_recording")
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_recording_contributor_batch_id_import_batch")
        ),
    )


def create_release_deal() -> None:
    op.create_table(
        "release_deal",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("release_id", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("commercial_models", sa.JSON(), nullable=False),
        sa.Column("use_types", sa.JSON(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "ends_on IS NULL OR starts_on IS NULL OR ends_on > starts_on",
            name=op.f("ck_release_deal_term_in_order"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_deal")),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.id"], name=op.f("fk_release_deal_release_id_release")
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_release_deal_batch_id_import_batch")
        ),
    )
    op.create_index(op.f("ix_release_deal_release_id"), "release_deal", ["release_id"])
