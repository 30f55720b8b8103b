"""Usage also comes as sales reports of DDEX."""

from alembic import op

revision = "0010"
down_revision = "0009"

FORMATS_BEFORE = "'csv', 'parquet'"
FORMATS = f"{FORMATS_BEFORE}, 'dsr'"


def upgrade() -> None:
    """SQLite cannot alter a constraint, and making the table anew would break those that point at it.

    Source: sqlite.org/lang_altertable.html, section 7, on constraints that do not change what is stored.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE usage_batch DROP CONSTRAINT ck_usage_batch_format")
        op.execute(
            f"ALTER TABLE usage_batch ADD CONSTRAINT ck_usage_batch_format CHECK (format IN ({FORMATS}))"
        )
        return
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    op.get_bind().exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'usage_batch'",
        (FORMATS_BEFORE, FORMATS),
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")
