"""Does the migrated database itself refuse what may not be, on both databases?"""

import re

import pytest
from sqlalchemy import CheckConstraint, text
from sqlalchemy.exc import IntegrityError

from catalog.database import Base
from provenance.corpus.registry import Exclusion, record_corpus
from provenance.runs import record_index
from provenance.tables import ScoreBatch, ScoreQuarantine
from tests.provenance.builders import NOON, TEST_DIGEST, a_chain, a_corpus_folder, a_key, a_leaf

VIOLATIONS = {
    "corpus": [
        "purpose = 'sell'", "id = 'short'", "merkle_root = 'short'", "works = -1", "examples = -1",
        "events = -1",
    ],
    "corpus_work": ["origin = 'machine'", "examples = -1", "events = -1", "work_id = 'nobody'",
                    "encoding_id = 'nobody'"],
    "corpus_exclusion": ["corpus_id = 'none'", "work_id = 'nobody'"],
    "run": ["checkpoint_sha256 = 'short'", "steps = -1", "corpus_id = 'none'"],
    "run_exposure": ["events_seen = -1", "epochs_milli = -1", "run_id = 'none'", "work_id = 'nobody'"],
    "feature_index": ["digest = 'short'", "examples = -1", "run_id = 'none'"],
    "generation": ["midi_sha256 = 'short'", "run_id = 'none'", "parent_id = 'none'"],
    "rendering": ["id = 'short'", "generation_id = 'none'"],
    "attribution": ["id = 'short'", "unattributed_ppm = -1", "unattributed_ppm = 1000001",
                    "generation_id = 'none'"],
    "attribution_share": [
        "share_ppm = -1", "share_ppm = 1000001", "low_ppm = -1", "low_ppm = share_ppm + 1",
        "high_ppm = share_ppm - 1", "high_ppm = 1000001", "work_id = 'nobody'",
    ],
    "score_batch": ["id = 'short'", "file_sha256 = 'short'", "num_attributions = -1", "num_quarantined = -1"],
    "score_quarantine": ["row_number = 0", "batch_id = 'none'"],
    "record": [
        "sequence = 0", "digest = 'short'", "signature = 'short'", "previous_digest = ''", "body_sha256 = ''",
        "key_sha256 = ''",
    ],
}  # fmt: skip


@pytest.fixture
def filled(session, tmp_path):
    """A database with at least one row in each table."""
    chain = a_chain(session, tmp_path)
    record_index(
        session, a_key(), run_id=chain.run_id, directory="indexes/x", examples=8, digest_sha256=TEST_DIGEST,
        config={}, indexed_at=NOON,
    )  # fmt: skip
    _, manifest = a_corpus_folder(tmp_path / "corpora", [a_leaf("work_a")])
    excluded = [Exclusion("work_b", "", "NO_ENCODING", "no file")]
    record_corpus(session, a_key(), manifest=manifest, files=[], exclusions=excluded, built_at=NOON)
    session.add(
        ScoreBatch(
            id=TEST_DIGEST, provider="Acme", method="trak", version="2", file_name="shares.parquet",
            file_sha256=TEST_DIGEST, num_attributions=1, num_quarantined=1, imported_at=NOON,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        ScoreQuarantine(
            batch_id=TEST_DIGEST, row_number=1, code="INTERVAL", generation_id="gen_1", found="", expected=""
        )
    )
    session.commit()
    return session


def test_the_database_refuses_what_may_not_be(filled):
    hit = set()
    for table, changes in VIOLATIONS.items():
        assert filled.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() > 0
        for change in changes:
            with pytest.raises(IntegrityError) as refused, filled.begin_nested():
                filled.execute(text(f"UPDATE {table} SET {change}"))
            hit |= set(re.findall(r"ck_\w+", str(refused.value.orig)))
    declared = {
        str(constraint.name)
        for table in VIOLATIONS
        for constraint in Base.metadata.tables[table].constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert hit == declared
