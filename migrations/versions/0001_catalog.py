"""The catalogue."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_import_batch()
    create_party()
    create_recording()
    create_source()
    create_agreement()
    create_party_name()
    create_quarantine()
    create_work()
    create_encoding()
    create_grant()
    create_recording_work()
    create_representation()
    create_search_entry()
    create_share()
    create_work_credit()
    create_work_identifier()
    create_work_title()
    create_grant_purpose()
    create_grant_work()
    create_reservation()
    if op.get_context().dialect.name == "sqlite":
        create_full_text_index()


def create_import_batch() -> None:
    op.create_table(
        "import_batch",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        known("import_batch", "format", "cwr csv parquet folder"),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_import_batch_digest_is_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batch")),
    )


def create_party() -> None:
    op.create_table(
        "party",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ipi_name_number", sa.Text(), nullable=True),
        sa.Column("ipi_base_number", sa.Text(), nullable=True),
        sa.Column("isni", sa.Text(), nullable=True),
        sa.Column("dpid", sa.Text(), nullable=True),
        sa.Column("territory", sa.Text(), nullable=True),
        sa.Column("died_year", sa.Integer(), nullable=True),
        sa.Column("invented", sa.Boolean(), nullable=False),
        known("party", "kind", "writer publisher performer other"),
        sa.CheckConstraint(
            "length(ipi_name_number) = 11", name=op.f("ck_party_ipi_name_number_has_11_digits")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party")),
        sa.UniqueConstraint("ipi_name_number", name=op.f("uq_party_ipi_name_number")),
    )
    op.create_index(op.f("ix_party_ipi_base_number"), "party", ["ipi_base_number"], unique=False)


def create_recording() -> None:
    op.create_table(
        "recording",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("isrc", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("artist", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("length_seconds", sa.Integer(), nullable=True),
        sa.CheckConstraint("length(isrc) = 12", name=op.f("ck_recording_isrc_has_12_characters")),
        sa.CheckConstraint("length_seconds >= 0", name=op.f("ck_recording_length_seconds_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("isrc", name=op.f("uq_recording_isrc")),
    )


def create_source() -> None:
    op.create_table(
        "source",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("acquired_from_on", sa.Date(), nullable=True),
        sa.Column("acquired_to_on", sa.Date(), nullable=True),
        known(
            "source",
            "kind",
            "public_dataset commercial_licence other_third_party crawled user_data synthetic other",
        ),
        sa.CheckConstraint("acquired_to_on >= acquired_from_on", name=op.f("ck_source_acquired_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
    )


def create_agreement() -> None:
    op.create_table(
        "agreement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("licensor_id", sa.Text(), nullable=False),
        sa.Column("licence_ref", sa.Text(), nullable=True),
        sa.Column("document_sha256", sa.Text(), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("invented", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "substr(licence_ref, 1, 11) = 'LicenseRef-'", name=op.f("ck_agreement_licence_ref_is_spdx")
        ),
        sa.CheckConstraint(
            "length(document_sha256) = 64", name=op.f("ck_agreement_document_sha256_is_sha256")
        ),
        sa.ForeignKeyConstraint(["licensor_id"], ["party.id"], name=op.f("fk_agreement_licensor_id_party")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement")),
    )
    op.create_index(op.f("ix_agreement_licence_ref"), "agreement", ["licence_ref"], unique=False)
    op.create_index(op.f("ix_agreement_licensor_id"), "agreement", ["licensor_id"], unique=False)


def create_party_name() -> None:
    op.create_table(
        "party_name",
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_party_name_batch_id_import_batch")
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_party_name_party_id_party")),
        sa.PrimaryKeyConstraint("party_id", "name", name=op.f("pk_party_name")),
    )


def create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("byte_start", sa.BigInteger(), nullable=True),
        sa.Column("byte_end", sa.BigInteger(), nullable=True),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.CheckConstraint("byte_end >= byte_start", name=op.f("ck_quarantine_bytes_in_order")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_quarantine_batch_id_import_batch")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_batch_id"), "quarantine", ["batch_id"], unique=False)


def create_work() -> None:
    op.create_table(
        "work",
        sa.Column("id", sa.Text(), nullable=False),
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
        sa.Column("batch_id", sa.Text(), nullable=False),
        known("work", "origin", "human house"),
        sa.CheckConstraint("length(iswc) = 11", name=op.f("ck_work_iswc_has_11_characters")),
        sa.CheckConstraint(
            "public_domain_in IS NULL OR public_domain_basis IS NOT NULL",
            name=op.f("ck_work_public_domain_has_a_basis"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_work_batch_id_import_batch")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_work_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
    )
    op.create_index(op.f("ix_work_batch_id"), "work", ["batch_id"], unique=False)
    op.create_index(op.f("ix_work_iswc"), "work", ["iswc"], unique=False)


def create_encoding() -> None:
    op.create_table(
        "encoding",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("licence_basis", sa.Text(), nullable=True),
        sa.Column("editor", sa.Text(), nullable=True),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.Text(), nullable=False),
        known("encoding", "format", "midi musicxml humdrum abc"),
        sa.CheckConstraint("bytes > 0", name=op.f("ck_encoding_bytes_counts")),
        sa.CheckConstraint("length(id) = 64", name=op.f("ck_encoding_id_is_sha256")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_encoding_batch_id_import_batch")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_encoding_source_id_source")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_encoding_work_id_work")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encoding")),
    )
    op.create_index(op.f("ix_encoding_batch_id"), "encoding", ["batch_id"], unique=False)
    op.create_index(op.f("ix_encoding_work_id"), "encoding", ["work_id"], unique=False)


def create_grant() -> None:
    op.create_table(
        "grant",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("licensor_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("for_represented", sa.Boolean(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        known("grant", "scope", "all listed"),
        known("grant", "subject", "composition encoding"),
        sa.CheckConstraint(
            "ends_on IS NULL OR starts_on IS NULL OR ends_on > starts_on", name=op.f("ck_grant_term_in_order")
        ),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreement.id"], name=op.f("fk_grant_agreement_id_agreement")
        ),
        sa.ForeignKeyConstraint(["licensor_id"], ["party.id"], name=op.f("fk_grant_licensor_id_party")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant")),
    )
    op.create_index(op.f("ix_grant_agreement_id"), "grant", ["agreement_id"], unique=False)
    op.create_index(op.f("ix_grant_licensor_id"), "grant", ["licensor_id"], unique=False)


def create_recording_work() -> None:
    op.create_table(
        "recording_work",
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"], name=op.f("fk_recording_work_recording_id_recording")
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_recording_work_work_id_work")),
        sa.PrimaryKeyConstraint("recording_id", "work_id", name=op.f("pk_recording_work")),
    )
    op.create_index(op.f("ix_recording_work_work_id"), "recording_work", ["work_id"], unique=False)


def create_representation() -> None:
    op.create_table(
        "representation",
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("writer_id", sa.Text(), nullable=False),
        sa.Column("publisher_id", sa.Text(), nullable=False),
        sa.Column("agreement_number", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["publisher_id"], ["party.id"], name=op.f("fk_representation_publisher_id_party")
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_representation_work_id_work")),
        sa.ForeignKeyConstraint(["writer_id"], ["party.id"], name=op.f("fk_representation_writer_id_party")),
        sa.PrimaryKeyConstraint("work_id", "writer_id", "publisher_id", name=op.f("pk_representation")),
    )


def create_search_entry() -> None:
    op.create_table(
        "search_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("titles", sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("identifiers", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_search_entry_work_id_work")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_entry")),
        sa.UniqueConstraint("work_id", name=op.f("uq_search_entry_work_id")),
    )


def create_share() -> None:
    op.create_table(
        "share",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("right", sa.Text(), nullable=True),
        sa.Column("share_ppm", sa.Integer(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("controlled", sa.Boolean(), nullable=False),
        sa.Column("chain", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("superseded_by", sa.Text(), nullable=True),
        known("share", "kind", "ownership collection manuscript"),
        known("share", "right", "performing mechanical synchronisation"),
        known("share", "role", "C A CA AR AD TR SR SA PA E AM SE ES AQ PER"),
        sa.CheckConstraint(
            "(kind = 'manuscript') = (\"right\" IS NULL)", name=op.f("ck_share_right_unless_manuscript")
        ),
        sa.CheckConstraint("chain >= 0", name=op.f("ck_share_chain_counts")),
        sa.CheckConstraint(
            "ends_on IS NULL OR starts_on IS NULL OR ends_on > starts_on", name=op.f("ck_share_term_in_order")
        ),
        sa.CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name=op.f("ck_share_share_ppm_in_range")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_share_batch_id_import_batch")
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_share_party_id_party")),
        sa.ForeignKeyConstraint(
            ["superseded_by"], ["import_batch.id"], name=op.f("fk_share_superseded_by_import_batch")
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_share_work_id_work")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share")),
    )
    op.create_index(op.f("ix_share_batch_id"), "share", ["batch_id"], unique=False)
    op.create_index(op.f("ix_share_party_id"), "share", ["party_id"], unique=False)
    op.create_index("ix_share_work_id", "share", ["work_id", "kind", "right"], unique=False)


def create_work_credit() -> None:
    op.create_table(
        "work_credit",
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        known("work_credit", "role", "C A CA AR AD TR SR SA PA E AM SE ES AQ PER"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_work_credit_party_id_party")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_work_credit_work_id_work")),
        sa.PrimaryKeyConstraint("work_id", "party_id", "role", name=op.f("pk_work_credit")),
    )
    op.create_index(op.f("ix_work_credit_party_id"), "work_credit", ["party_id"], unique=False)


def create_work_identifier() -> None:
    op.create_table(
        "work_identifier",
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        known("work_identifier", "scheme", "submitter iswc society"),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_work_identifier_work_id_work")),
        sa.PrimaryKeyConstraint("work_id", "scheme", "authority", "value", name=op.f("pk_work_identifier")),
    )
    op.create_index("ix_work_identifier_value", "work_identifier", ["value", "scheme"], unique=False)


def create_work_title() -> None:
    op.create_table(
        "work_title",
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        known("work_title", "kind", "AT TE FT IT OT TT PT RT ET OL AL"),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_work_title_work_id_work")),
        sa.PrimaryKeyConstraint("work_id", "title", "kind", name=op.f("pk_work_title")),
    )


def create_grant_purpose() -> None:
    op.create_table(
        "grant_purpose",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        known("grant_purpose", "purpose", "train generate evaluate distribute"),
        sa.ForeignKeyConstraint(["grant_id"], ["grant.id"], name=op.f("fk_grant_purpose_grant_id_grant")),
        sa.PrimaryKeyConstraint("grant_id", "purpose", name=op.f("pk_grant_purpose")),
    )


def create_grant_work() -> None:
    op.create_table(
        "grant_work",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grant.id"], name=op.f("fk_grant_work_grant_id_grant")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_grant_work_work_id_work")),
        sa.PrimaryKeyConstraint("grant_id", "work_id", name=op.f("pk_grant_work")),
    )
    op.create_index(op.f("ix_grant_work_work_id"), "grant_work", ["work_id"], unique=False)


def create_reservation() -> None:
    op.create_table(
        "reservation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=True),
        sa.Column("encoding_id", sa.Text(), nullable=True),
        sa.Column("party_id", sa.Text(), nullable=True),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("signal_sha256", sa.Text(), nullable=False),
        sa.Column("seen_where", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_on", sa.Date(), nullable=True),
        known("reservation", "protocol", "tdmrep rsl robots aipref cawg letter"),
        sa.CheckConstraint(
            "(work_id IS NOT NULL AND encoding_id IS NULL AND party_id IS NULL)"
            " OR (work_id IS NULL AND encoding_id IS NOT NULL AND party_id IS NULL)"
            " OR (work_id IS NULL AND encoding_id IS NULL AND party_id IS NOT NULL)",
            name=op.f("ck_reservation_names_one_thing"),
        ),
        sa.CheckConstraint("length(signal_sha256) = 64", name=op.f("ck_reservation_signal_sha256_is_sha256")),
        sa.ForeignKeyConstraint(
            ["encoding_id"], ["encoding.id"], name=op.f("fk_reservation_encoding_id_encoding")
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_reservation_party_id_party")),
        sa.ForeignKeyConstraint(["work_id"], ["work.id"], name=op.f("fk_reservation_work_id_work")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
    )
    op.create_index(op.f("ix_reservation_encoding_id"), "reservation", ["encoding_id"], unique=False)
    op.create_index(op.f("ix_reservation_party_id"), "reservation", ["party_id"], unique=False)
    op.create_index(op.f("ix_reservation_work_id"), "reservation", ["work_id"], unique=False)


def known(table: str, column: str, members: str) -> sa.CheckConstraint:
    """The constraint that a column holds one of the words."""
    listed = ", ".join(f"'{member}'" for member in members.split())
    return sa.CheckConstraint(f'"{column}" IN ({listed})', name=op.f(f"ck_{table}_{column}_known"))


def create_full_text_index() -> None:
    """SQLite: FTS5 over search_entry, kept in step by triggers. PostgreSQL needs no table for it."""
    op.execute(
        "CREATE VIRTUAL TABLE work_search USING fts5(titles, names, identifiers, content='search_entry',"
        " content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
    )
    columns = "titles, names, identifiers"
    added = "new.id, new.titles, new.names, new.identifiers"
    removed = "old.id, old.titles, old.names, old.identifiers"
    insert = f"INSERT INTO work_search(rowid, {columns}) VALUES ({added});"  # noqa: S608 - constants
    delete = f"INSERT INTO work_search(work_search, rowid, {columns}) VALUES ('delete', {removed});"  # noqa: S608
    for name, moment, body in (
        ("added", "INSERT", insert),
        ("removed", "DELETE", delete),
        ("changed", "UPDATE", delete + insert),
    ):
        op.execute(f"CREATE TRIGGER search_entry_{name} AFTER {moment} ON search_entry BEGIN {body} END")
