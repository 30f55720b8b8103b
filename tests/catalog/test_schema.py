"""Is the migrated database what the models say, and does every constraint refuse what it forbids?"""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, inspect, select, text
from sqlalchemy.exc import IntegrityError

import migrations
from catalog.database import derive_id, for_reading, open_engine
from catalog.tables import Base, ImportBatch, Work
from migrations import NewerDatabaseError, is_current, upgrade
from migrations.metadata import whole_metadata

AT = datetime(2026, 10, 1, tzinfo=UTC)
ON = date(2026, 10, 1)
DIGEST = "0" * 64

# One valid row of every table, in the order in which foreign keys allow them to be inserted.
ROWS = {
    "import_batch": {
        "id": "b1", "format": "cwr", "file_name": "f", "digest": DIGEST, "bytes": 1, "imported_at": AT,
        "counts": {}, "findings": [],
    },
    "quarantine": {
        "id": "q1", "batch_id": "b1", "code": "X", "file_name": "f", "byte_start": 1, "byte_end": 2,
        "found": "", "expected": "",
    },
    "source": {"id": "s1", "kind": "other", "name": "n", "acquired_from_on": ON, "acquired_to_on": ON},
    "party": {"id": "p1", "kind": "writer", "name": "n", "ipi_name_number": "00014107338", "invented": False},
    "party_name": {"party_id": "p1", "name": "m", "batch_id": "b1"},
    "work": {
        "id": "w1", "title": "t", "iswc": "T0345246801", "origin": "human", "public_domain_in": "EU",
        "public_domain_basis": "old", "payable": True, "batch_id": "b1",
    },
    "work_version": {
        "work_id": "w1", "superseded_by": "b1", "title": "t", "origin": "human", "payable": True,
    },
    "work_title": {"work_id": "w1", "title": "u", "kind": "AT"},
    "work_identifier": {"work_id": "w1", "scheme": "iswc", "authority": "ISO", "value": "T0345246801"},
    "work_credit": {"work_id": "w1", "party_id": "p1", "role": "C"},
    "share": {
        "id": "h1", "work_id": "w1", "party_id": "p1", "role": "C", "kind": "ownership",
        "right": "performing", "share_ppm": 1, "territory": "WORLD", "controlled": True, "chain": 0,
        "batch_id": "b1", "starts_on": date(2026, 1, 1), "ends_on": date(2026, 1, 2),
    },
    "representation": {"work_id": "w1", "writer_id": "p1", "publisher_id": "p1"},
    "recording": {"id": "r1", "isrc": "USRC17607839", "length_seconds": 1},
    "recording_work": {"recording_id": "r1", "work_id": "w1"},
    "encoding": {
        "id": DIGEST, "work_id": "w1", "format": "midi", "file_name": "f", "bytes": 1, "licence": "CC0-1.0",
        "batch_id": "b1",
    },
    "agreement": {
        "id": "a1", "title": "t", "licensor_id": "p1", "licence_ref": "LicenseRef-X",
        "document_sha256": DIGEST, "signed_on": ON, "invented": False, "recorded_at": AT,
    },
    "grant": {
        "id": "g1", "agreement_id": "a1", "licensor_id": "p1", "subject": "composition", "scope": "all",
        "for_represented": False, "territory": "WORLD", "starts_on": ON, "ends_on": None, "recorded_at": AT,
    },
    "grant_purpose": {"grant_id": "g1", "purpose": "train"},
    "grant_work": {"grant_id": "g1", "work_id": "w1"},
    "reservation": {
        "id": "v1", "work_id": "w1", "protocol": "tdmrep", "signal": "1", "signal_sha256": DIGEST,
        "seen_where": "x", "seen_at": AT,
    },
    "withdrawal": {
        "id": "x1", "work_id": "w1", "reason": "r", "effective_on": ON, "document_sha256": DIGEST,
        "recorded_at": AT, "recorded_by": "me",
    },
    "acknowledgement": {
        "id": "k1", "work_id": "w1", "society": "052", "status": "AS", "messages": "[]", "batch_id": "b1",
    },
    "release": {"id": "l1", "title": "t", "grid": "A12425GABC1234002M", "batch_id": "b1"},
    "release_recording": {"release_id": "l1", "recording_id": "r1"},
    "recording_contributor": {"recording_id": "r1", "name": "n", "role": "Producer", "batch_id": "b1"},
    "release_deal": {
        "id": "d1", "release_id": "l1", "territory": "WORLD", "starts_on": ON, "ends_on": None,
        "commercial_models": "[]", "use_types": "[]", "batch_id": "b1",
    },
    "mandate": {
        "id": "m1", "kind": "administration", "owner_id": "p1", "collector_id": "p2", "scope": "all",
        "territory": "WORLD", "starts_on": ON, "ends_on": None, "commission_ppm": 1, "reference": "r",
        "supersedes": None, "recorded_at": AT, "recorded_by": "me",
    },
    "mandate_right": {"mandate_id": "m1", "right": "mechanical"},
    "mandate_work": {"mandate_id": "m1", "work_id": "w1"},
    "dispute": {
        "id": "i1", "work_id": "w1", "right": "mechanical", "share_ppm": 1, "territory": "WORLD",
        "starts_on": ON, "ends_on": None, "reason": "", "opened_at": AT, "opened_by": "me",
    },
    "dispute_party": {"dispute_id": "i1", "party_id": "p1"},
    "dispute_settlement": {"dispute_id": "i1", "outcome": "o", "settled_at": AT, "settled_by": "me"},
    "search_entry": {"id": 1, "work_id": "w1", "titles": "", "names": "", "identifiers": ""},
    "search_word": {"word": "w", "num_works": 1},
}  # fmt: skip

VIOLATIONS = [
    ("import_batch", "ck_import_batch_format_known", {"format": "xls"}),
    ("import_batch", "ck_import_batch_digest_is_sha256", {"digest": "short"}),
    ("quarantine", "ck_quarantine_bytes_in_order", {"byte_end": 0}),
    ("source", "ck_source_kind_known", {"kind": "found"}),
    ("source", "ck_source_acquired_in_order", {"acquired_to_on": date(2020, 1, 1)}),
    ("party", "ck_party_kind_known", {"kind": "robot"}),
    ("party", "ck_party_ipi_name_number_has_11_digits", {"ipi_name_number": "1"}),
    ("work", "ck_work_origin_known", {"origin": "alien"}),
    ("work", "ck_work_iswc_has_11_characters", {"iswc": "T"}),
    ("work", "ck_work_public_domain_has_a_basis", {"public_domain_basis": None}),
    ("work_version", "ck_work_version_origin_known", {"origin": "alien"}),
    ("work_title", "ck_work_title_kind_known", {"kind": "XX"}),
    ("work_identifier", "ck_work_identifier_scheme_known", {"scheme": "isbn"}),
    ("work_credit", "ck_work_credit_role_known", {"role": "ZZ"}),
    ("share", "ck_share_role_known", {"role": "ZZ"}),
    ("share", "ck_share_kind_known", {"kind": "gift"}),
    ("share", "ck_share_right_known", {"right": "moral"}),
    ("share", "ck_share_share_ppm_in_range", {"share_ppm": 1_000_001}),
    ("share", "ck_share_share_ppm_in_range", {"share_ppm": -1}),
    ("share", "ck_share_right_unless_manuscript", {"right": None}),
    ("share", "ck_share_right_unless_manuscript", {"kind": "manuscript"}),
    ("share", "ck_share_chain_counts", {"chain": -1}),
    ("share", "ck_share_term_in_order", {"ends_on": date(2026, 1, 1)}),
    ("recording", "ck_recording_isrc_has_12_characters", {"isrc": "US"}),
    ("recording", "ck_recording_length_seconds_counts", {"length_seconds": -1}),
    ("encoding", "ck_encoding_format_known", {"format": "mp3"}),
    ("encoding", "ck_encoding_id_is_sha256", {"id": "short"}),
    ("encoding", "ck_encoding_bytes_counts", {"bytes": 0}),
    ("agreement", "ck_agreement_document_sha256_is_sha256", {"document_sha256": "short"}),
    ("agreement", "ck_agreement_licence_ref_is_spdx", {"licence_ref": "House"}),
    ("grant", "ck_grant_subject_known", {"subject": "lyrics"}),
    ("grant", "ck_grant_scope_known", {"scope": "some"}),
    ("grant", "ck_grant_term_in_order", {"ends_on": ON}),
    ("grant", "ck_grant_post_term_known", {"post_term": "forever"}),
    ("grant_purpose", "ck_grant_purpose_purpose_known", {"purpose": "resell"}),
    ("reservation", "ck_reservation_protocol_known", {"protocol": "shout"}),
    ("reservation", "ck_reservation_signal_sha256_is_sha256", {"signal_sha256": "short"}),
    ("reservation", "ck_reservation_names_one_thing", {"work_id": None}),
    ("reservation", "ck_reservation_names_one_thing", {"party_id": "p1"}),
    ("acknowledgement", "ck_acknowledgement_status_known", {"status": "OK"}),
    ("release", "ck_release_grid_has_18_characters", {"grid": "short"}),
    ("release_deal", "ck_release_deal_term_in_order", {"ends_on": ON}),
    ("mandate", "ck_mandate_kind_known", {"kind": "theft"}),
    ("mandate", "ck_mandate_scope_known", {"scope": "some"}),
    ("mandate", "ck_mandate_two_parties", {"collector_id": "p1"}),
    ("mandate", "ck_mandate_commission_ppm_in_range", {"commission_ppm": 1_000_001}),
    ("mandate", "ck_mandate_commission_ppm_in_range", {"commission_ppm": -1}),
    ("mandate", "ck_mandate_term_in_order", {"ends_on": ON}),
    ("mandate", "ck_mandate_reference_named", {"reference": ""}),
    ("mandate", "ck_mandate_supersedes_another", {"supersedes": "m1"}),
    ("mandate_right", "ck_mandate_right_right_known", {"right": "moral"}),
    ("dispute", "ck_dispute_right_known", {"right": "moral"}),
    ("dispute", "ck_dispute_share_ppm_in_range", {"share_ppm": 0}),
    ("dispute", "ck_dispute_share_ppm_in_range", {"share_ppm": 1_000_001}),
    ("dispute", "ck_dispute_term_in_order", {"ends_on": ON}),
    ("dispute_settlement", "ck_dispute_settlement_outcome_named", {"outcome": ""}),
    ("search_word", "ck_search_word_num_works_counts", {"num_works": -1}),
    ("withdrawal", "ck_withdrawal_document_sha256_is_sha256", {"document_sha256": "short"}),
]


def insert(connection, table_name, **changed):
    """Insert a row past the models, as another program would; columns by their plain types."""
    row = {**ROWS[table_name], **changed}
    reflected = Base.metadata.tables[table_name]
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join(f":{name}" for name in row)
    bound = {}
    for name, value in row.items():
        kind = reflected.c[name].type
        processor = (
            None
            if isinstance(value, str)
            else kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        )
        bound[name] = processor(value) if processor is not None and value is not None else value
    connection.execute(text(f'INSERT INTO "{table_name}" ({names}) VALUES ({marks})'), bound)


def insert_before(connection, table_name):
    """The rows of the tables before one; a mandate needs a second party."""
    for name in ROWS:
        if name == "mandate":
            insert(connection, "party", id="p2", ipi_name_number=None)
        if name == table_name:
            return
        insert(connection, name)


def test_a_valid_row_of_every_table_is_accepted(engine):
    with engine.begin() as connection:
        insert_before(connection, "")
        assert connection.scalar(select(Work.title)) == "t"
        for name in ROWS:
            assert connection.scalar(text(f'SELECT count(*) FROM "{name}"')) > 0


@pytest.mark.parametrize(("table", "constraint", "changed"), VIOLATIONS, ids=lambda value: str(value)[:60])
def test_a_constraint_refuses_a_violating_row(engine, table, constraint, changed):
    with engine.begin() as connection:
        insert_before(connection, table)
    with engine.connect() as connection, pytest.raises(IntegrityError, match=constraint):
        insert(connection, table, **changed)


def test_every_constraint_of_the_catalogue_has_a_violating_row():
    named = {
        constraint.name
        for table in ROWS
        for constraint in Base.metadata.tables[table].constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert named == {constraint for _table, constraint, _changed in VIOLATIONS}


def test_every_table_of_the_catalogue_has_a_valid_row():
    own = {
        mapper.local_table.name
        for mapper in Base.registry.mappers
        if mapper.class_.__module__ in ("catalog.tables", "catalog.release_tables", "catalog.mandate_tables")
    }
    assert own == set(ROWS)


def test_two_works_cannot_have_the_same_key(engine):
    with engine.begin() as connection:
        insert_before(connection, "work_title")
    with engine.connect() as connection, pytest.raises(IntegrityError):
        insert(connection, "work")


def test_a_share_of_no_work_is_refused(engine):
    with engine.begin() as connection:
        insert_before(connection, "share")
    with engine.connect() as connection, pytest.raises(IntegrityError):
        insert(connection, "share", work_id="w2")


def not_search(_object, name, type_, _reflected, _compared):
    """All but what only one of the two databases has: SQLite's full-text index, PostgreSQL's words."""
    of_one = {"ix_search_entry_words"} if type_ == "index" else {"words"} if type_ == "column" else set()
    return name not in of_one and not (type_ == "table" and name.startswith("work_search"))


def test_the_migrated_schema_is_that_of_the_models(engine):
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": not_search}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, whole_metadata()) == []


def test_the_migrated_check_constraints_are_those_of_the_models(engine):
    """Alembic's comparison does not look at them."""
    with engine.connect() as connection:
        inspector = inspect(connection)
        for table in whole_metadata().sorted_tables:
            held = {constraint["name"] for constraint in inspector.get_check_constraints(table.name)}
            named = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
            assert held == named, table.name


def test_migrating_a_current_database_again_changes_nothing(engine):
    with engine.begin() as connection:
        insert_before(connection, "party_name")
    upgrade(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM party")) == 1


def test_a_database_of_a_newer_version_is_refused_and_not_touched(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'newer.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        before = connection.execute(text("SELECT sql FROM sqlite_master ORDER BY name")).all()
    for ask in (upgrade, is_current):
        with pytest.raises(NewerDatabaseError, match="9999"):
            ask(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT sql FROM sqlite_master ORDER BY name")).all() == before
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """The whole chain runs in one transaction, tables included."""
    engine = open_engine(f"sqlite:///{tmp_path / 'half.db'}")

    def fail(config, _target):
        with config.attributes["connection"] as connection:
            connection.execute(text("CREATE TABLE half (id TEXT)"))
            raise OSError("disk full")

    monkeypatch.setattr(migrations.command, "upgrade", fail)
    with pytest.raises(OSError, match="disk full"):
        upgrade(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()


def test_the_revisions_are_one_chain():
    script = ScriptDirectory.from_config(migrations.configuration())
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)
    assert len(script.get_heads()) == 1


def test_a_reader_of_sqlite_sees_the_last_commit_while_another_writes(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'two.db'}")
    upgrade(engine)
    with engine.begin() as writer:
        insert_before(writer, "party_name")
        with for_reading(engine).connect() as reader:
            assert reader.scalar(text("SELECT count(*) FROM party")) == 0
    with for_reading(engine).connect() as reader:
        assert reader.scalar(text("SELECT count(*) FROM party")) == 1
    engine.dispose()


def test_a_naive_instant_is_refused_and_an_aware_one_comes_back_in_utc(session):
    values = {
        **ROWS["import_batch"],
        "imported_at": datetime(2026, 10, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    }
    session.add(ImportBatch(**values))
    session.commit()
    assert session.get_one(ImportBatch, "b1").imported_at == datetime(2026, 10, 1, 0, tzinfo=UTC)
    assert session.get_one(ImportBatch, "b1").imported_at.tzinfo is UTC
    session.add(ImportBatch(**{**values, "id": "b2", "imported_at": datetime(2026, 10, 1)}))  # noqa: DTZ001
    with pytest.raises(Exception, match="time zone"):
        session.flush()


def test_an_id_follows_from_its_parts_and_their_borders():
    assert derive_id("work", "a", "b") == derive_id("work", "a", "b")
    assert derive_id("work", "a", "b") != derive_id("work", "ab")
    assert derive_id("work", "a").startswith("work_")
