"""What was trained on what, what influenced what, and the chain of records."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_corpus()
    create_record()
    create_run()
    create_corpus_exclusion()
    create_feature_index()
    create_generation()
    create_rendering()
    create_attribution()
    create_corpus_work()
    create_run_exposure()
    create_attribution_share()


def create_corpus() -> None:
    op.create_table(
        "corpus",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("cleared_on", sa.Date(), nullable=False),
        sa.Column("merkle_root", sa.Text(), nullable=False),
        sa.Column("works", sa.Integer(), nullable=False),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False),
        known("corpus", "purpose", "train generate evaluate distribute"),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_corpus_id_is_sha256")),
        sa.CheckConstraint("length(merkle_root) = 64", name=op.f("ck_corpus_merkle_root_is_sha256")),
        sa.CheckConstraint(
            "works >= 0 AND examples >= 0 AND events >= 0", name=op.f("ck_corpus_counts_are_counts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corpus")),
    )


def create_record() -> None:
    op.create_table(
        "record",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("previous_digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.CheckConstraint("length(body_sha256) = 64", name=op.f("ck_record_body_sha256_is_sha256")),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_record_digest_is_sha256")),
        sa.CheckConstraint("length(key_sha256) = 64", name=op.f("ck_record_key_sha256_is_sha256")),
        sa.CheckConstraint("length(previous_digest) = 64", name=op.f("ck_record_previous_digest_is_sha256")),
        sa.CheckConstraint("length(signature) = 128", name=op.f("ck_record_signature_is_ed25519")),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_record_sequence_counts_from_one")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_record")),
        sa.UniqueConstraint("digest", name=op.f("uq_record_digest")),
        sa.UniqueConstraint("previous_digest", name=op.f("uq_record_previous_digest")),
    )
    op.create_index("ix_record_subject_id", "record", ["subject_id", "kind"], unique=False)


def create_run() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("corpus_id", sa.Text(), nullable=False),
        sa.Column("checkpoint_sha256", sa.Text(), nullable=False),
        sa.Column("preset", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(checkpoint_sha256) = 64", name=op.f("ck_run_checkpoint_sha256_is_sha256")),
        sa.CheckConstraint("steps >= 0", name=op.f("ck_run_counts_are_counts")),
        sa.ForeignKeyConstraint(["corpus_id"], ["corpus.id"], name=op.f("fk_run_corpus_id_corpus")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("checkpoint_sha256", name=op.f("uq_run_checkpoint_sha256")),
    )
    op.create_index(op.f("ix_run_corpus_id"), "run", ["corpus_id"], unique=False)


def create_corpus_exclusion() -> None:
    op.create_table(
        "corpus_exclusion",
        sa.Column("corpus_id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("encoding_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["corpus_id"], ["corpus.id"], name=op.f("fk_corpus_exclusion_corpus_id_corpus")
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_corpus_exclusion_work_id_work")),
        sa.PrimaryKeyConstraint(
            "corpus_id", "work_id", "encoding_id", "code", name=op.f("pk_corpus_exclusion")
        ),
    )
    op.create_index("ix_corpus_exclusion_work_id", "corpus_exclusion", ["work_id"], unique=False)


def create_feature_index() -> None:
    op.create_table(
        "feature_index",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("indexed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("examples >= 0", name=op.f("ck_feature_index_counts_are_counts")),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_feature_index_digest_is_sha256")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_feature_index_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feature_index")),
    )
    op.create_index(op.f("ix_feature_index_run_id"), "feature_index", ["run_id"], unique=False)


def create_generation() -> None:
    op.create_table(
        "generation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("prompt", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("midi_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(midi_sha256) = 64", name=op.f("ck_generation_midi_sha256_is_sha256")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["generation.id"], name=op.f("fk_generation_parent_id_generation")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_generation_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation")),
    )
    op.create_index(op.f("ix_generation_parent_id"), "generation", ["parent_id"], unique=False)
    op.create_index(op.f("ix_generation_run_id"), "generation", ["run_id"], unique=False)


def create_rendering() -> None:
    op.create_table(
        "rendering",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("sound_bank", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("rendered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_rendering_id_is_sha256")),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generation.id"], name=op.f("fk_rendering_generation_id_generation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendering")),
    )
    op.create_index(op.f("ix_rendering_generation_id"), "rendering", ["generation_id"], unique=False)


def create_attribution() -> None:
    op.create_table(
        "attribution",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("unattributed_ppm", sa.Integer(), nullable=False),
        sa.Column("reliability", sa.JSON(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("attributed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_attribution_id_is_sha256")),
        sa.CheckConstraint(
            "unattributed_ppm BETWEEN 0 AND 1000000", name=op.f("ck_attribution_unattributed_ppm_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generation.id"], name=op.f("fk_attribution_generation_id_generation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribution")),
    )
    op.create_index(op.f("ix_attribution_generation_id"), "attribution", ["generation_id"], unique=False)


def create_corpus_work() -> None:
    op.create_table(
        "corpus_work",
        sa.Column("corpus_id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("encoding_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        known("corpus_work", "origin", "human house"),
        sa.CheckConstraint("examples >= 0 AND events >= 0", name=op.f("ck_corpus_work_counts_are_counts")),
        sa.ForeignKeyConstraint(["corpus_id"], ["corpus.id"], name=op.f("fk_corpus_work_corpus_id_corpus")),
        sa.ForeignKeyConstraint(
            ["encoding_id"], ["encoding.id"], name=op.f("fk_corpus_work_encoding_id_encoding")
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_corpus_work_work_id_work")),
        sa.PrimaryKeyConstraint("corpus_id", "work_id", "encoding_id", name=op.f("pk_corpus_work")),
    )
    op.create_index("ix_corpus_work_work_id", "corpus_work", ["work_id"], unique=False)


def create_run_exposure() -> None:
    op.create_table(
        "run_exposure",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("encoding_id", sa.Text(), nullable=False),
        sa.Column("events_seen", sa.BigInteger(), nullable=False),
        sa.Column("epochs_milli", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "events_seen >= 0 AND epochs_milli >= 0", name=op.f("ck_run_exposure_counts_are_counts")
        ),
        sa.ForeignKeyConstraint(
            ["encoding_id"], ["encoding.id"], name=op.f("fk_run_exposure_encoding_id_encoding")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_exposure_run_id_run")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_run_exposure_work_id_work")),
        sa.PrimaryKeyConstraint("run_id", "work_id", "encoding_id", name=op.f("pk_run_exposure")),
    )
    op.create_index("ix_run_exposure_work_id", "run_exposure", ["work_id"], unique=False)


def create_attribution_share() -> None:
    op.create_table(
        "attribution_share",
        sa.Column("attribution_id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("share_ppm", sa.Integer(), nullable=False),
        sa.Column("low_ppm", sa.Integer(), nullable=False),
        sa.Column("high_ppm", sa.Integer(), nullable=False),
        sa.Column("influence", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "low_ppm >= 0 AND low_ppm <= share_ppm AND share_ppm <= high_ppm AND high_ppm <= 1000000",
            name=op.f("ck_attribution_share_interval_holds_the_share"),
        ),
        sa.ForeignKeyConstraint(
            ["attribution_id"],
            ["attribution.id"],
            name=op.f("fk_attribution_share_attribution_id_attribution"),
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_attribution_share_work_id_work")),
        sa.PrimaryKeyConstraint("attribution_id", "work_id", name=op.f("pk_attribution_share")),
    )
    op.create_index("ix_attribution_share_work_id", "attribution_share", ["work_id"], unique=False)


def known(table: str, column: str, members: str) -> sa.CheckConstraint:
    """The constraint that a column holds one of the words."""
    listed = ", ".join(f"'{member}'" for member in members.split())
    return sa.CheckConstraint(f'"{column}" IN ({listed})', name=op.f(f"ck_{table}_{column}_known"))
