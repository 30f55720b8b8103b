"""Usage in other currencies, with the rates that convert it, and usage of what was released elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

APPEND_ONLY = {
    "rate_batch": ("id = NEW.id", "number = NEW.number"),
    "exchange_rate": (
        "batch_id = NEW.batch_id AND currency_from = NEW.currency_from AND currency_to = NEW.currency_to "
        "AND kind = NEW.kind AND rate_on = NEW.rate_on",
    ),
    "rate_use": ("document_id = NEW.document_id AND number = NEW.number",),
    "run_usage": (
        "run_id = NEW.run_id AND reported_as = NEW.reported_as AND territory = NEW.territory "
        "AND service = NEW.service AND use_type = NEW.use_type AND used_on = NEW.used_on "
        "AND currency = NEW.currency",
    ),
    "release_batch": ("id = NEW.id", "number = NEW.number"),
    "released_generation": (
        "batch_id = NEW.batch_id AND reported_as = NEW.reported_as AND starts_on = NEW.starts_on",
    ),
}
"""The tables whose rows never change, and when a new row would take the place of an old one."""

RATE_KEY = ("batch_id", "currency_from", "currency_to", "kind", "rate_on")


def upgrade() -> None:
    for table, count in (("rate_batch", "num_rates"), ("release_batch", "num_releases")):
        _create_batch(table, count)
    _create_exchange_rate()
    _create_rate_use()
    _create_run_usage()
    _create_released_generation()
    if op.get_bind().dialect.name == "postgresql":
        for table in APPEND_ONLY:
            op.execute(
                f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
    else:
        _refuse_changes_on_sqlite()


def _refuse_changes_on_sqlite() -> None:
    for table, clashes in APPEND_ONLY.items():
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: add a new file instead'); END"
            )
        # INSERT OR REPLACE deletes the old row without firing the trigger above
        for number, clash in enumerate(clashes):
            taken = f"SELECT 1 FROM {table} WHERE {clash}"  # noqa: S608 - only the texts above
            op.execute(
                f"CREATE TRIGGER {table}_refuses_replace_{number} BEFORE INSERT ON {table} "
                f"WHEN EXISTS ({taken}) "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: this row is there already'); END"
            )


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _create_batch(table: str, count: str) -> None:
    op.create_table(
        table,
        *_text("id", "file_name"),
        *_numbers("number", count),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"number > 0 AND {count} > 0", name=op.f(f"ck_{table}_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("number", name=op.f(f"uq_{table}_number")),
    )


def _create_exchange_rate() -> None:
    op.create_table(
        "exchange_rate",
        *_text("batch_id", "currency_from", "currency_to", "kind", "source"),
        sa.Column("rate_on", sa.Date(), nullable=False),
        *_numbers("digits"),
        sa.Column("decimals", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('period_average', 'period_end', 'day')", name=op.f("ck_exchange_rate_kind")
        ),
        sa.CheckConstraint("currency_from <> currency_to", name=op.f("ck_exchange_rate_currencies")),
        sa.CheckConstraint("digits > 0 AND decimals BETWEEN 0 AND 12", name=op.f("ck_exchange_rate_rate")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["rate_batch.id"], name=op.f("fk_exchange_rate_batch_id_rate_batch")
        ),
        sa.PrimaryKeyConstraint(*RATE_KEY, name=op.f("pk_exchange_rate")),
    )
    op.create_index("ix_exchange_rate_currency_to", "exchange_rate", ["currency_to", "kind", "rate_on"])


def _create_rate_use() -> None:
    op.create_table(
        "rate_use",
        *_text("document_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("restatement_id", sa.Text(), nullable=True),
        *_text("batch_id", "currency_from", "currency_to", "kind"),
        sa.Column("rate_on", sa.Date(), nullable=False),
        *_numbers("original_minor", "converted_minor"),
        sa.CheckConstraint(
            "(run_id IS NULL) <> (restatement_id IS NULL) AND document_id = coalesce(run_id, restatement_id)",
            name=op.f("ck_rate_use_document"),
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_rate_use_number")),
        sa.ForeignKeyConstraint(
            list(RATE_KEY),
            [f"exchange_rate.{name}" for name in RATE_KEY],
            name=op.f("fk_rate_use_exchange_rate"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["distribution_run.id"], name=op.f("fk_rate_use_run_id_distribution_run")
        ),
        sa.ForeignKeyConstraint(
            ["restatement_id"], ["restatement.id"], name=op.f("fk_rate_use_restatement_id_restatement")
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("pk_rate_use")),
    )


def _create_run_usage() -> None:
    op.create_table(
        "run_usage",
        *_text("run_id", "reported_as", "territory", "service", "use_type"),
        sa.Column("used_on", sa.Date(), nullable=False),
        *_text("currency", "generation_id"),
        sa.Column("rate_number", sa.Integer(), nullable=True),
        *_numbers("units", "original_minor", "revenue_minor"),
        sa.CheckConstraint(
            "rate_number IS NOT NULL OR original_minor = revenue_minor", name=op.f("ck_run_usage_unconverted")
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_run_usage_currency")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["distribution_run.id"], name=op.f("fk_run_usage_run_id_distribution_run")
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "rate_number"],
            ["rate_use.document_id", "rate_use.number"],
            name=op.f("fk_run_usage_rate_use"),
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "reported_as", "territory", "service", "use_type", "used_on", "currency",
            name=op.f("pk_run_usage"),
        ),
    )  # fmt: skip
    op.create_index("ix_run_usage_generation_id", "run_usage", ["run_id", "generation_id"])


def _create_released_generation() -> None:
    op.create_table(
        "released_generation",
        *_text("batch_id", "reported_as"),
        sa.Column("starts_on", sa.Date(), nullable=False),
        *_text("generation_id", "title"),
        sa.CheckConstraint("reported_as <> generation_id", name=op.f("ck_released_generation_other")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["release_batch.id"], name=op.f("fk_released_generation_batch_id_release_batch")
        ),
        sa.PrimaryKeyConstraint("batch_id", "reported_as", "starts_on", name=op.f("pk_released_generation")),
    )
    op.create_index("ix_released_generation_reported_as", "released_generation", ["reported_as"])
