"""Is it found out when a table no longer says what was written down?"""

import pytest
from sqlalchemy import text

from provenance.attributions import shares_of
from provenance.audit import audit_records
from provenance.errors import RecordConflictError
from provenance.tables import Attribution
from tests.provenance.builders import NOON, a_chain, a_key

CHANGES = {
    "UPDATE run SET steps = 7": "ROW_CHANGED",
    "UPDATE run_exposure SET events_seen = 7 WHERE work_id = 'work_a'": "ROW_CHANGED",
    "UPDATE generation SET seed = 7": "ROW_CHANGED",
    "UPDATE generation SET originality = '{\"flagged\": false}'": "ROW_CHANGED",
    "UPDATE rendering SET files = '{}'": "ROW_CHANGED",
    "DELETE FROM rendering": "ROW_MISSING",
    "UPDATE corpus SET territory = 'US'": "ROW_CHANGED",
    "UPDATE corpus SET works = 3": "CORPUS_CHANGED",
    "DELETE FROM corpus_work WHERE work_id = 'work_d'": "CORPUS_CHANGED",
    "UPDATE attribution SET unattributed_ppm = 7": "SHARES_CHANGED",
    "UPDATE attribution_share SET share_ppm = high_ppm WHERE work_id = 'work_a'": "SHARES_CHANGED",
    "UPDATE attribution_share SET influence = '9' WHERE work_id = 'work_a'": "SHARES_CHANGED",
    "DELETE FROM attribution_share WHERE work_id = 'work_b'": "SHARES_CHANGED",
    "UPDATE record SET kind = 'other' WHERE sequence = 1": "CHAIN",
}


def test_every_change_behind_the_records_is_found(session, tmp_path):
    a_chain(session, tmp_path)
    assert audit_records(session, a_key().public) == []
    for change, code in CHANGES.items():
        with session.begin_nested() as savepoint:
            session.execute(text(change))
            session.expire_all()
            assert code in {finding.code for finding in audit_records(session, a_key().public)}, change
            savepoint.rollback()
        session.expire_all()
    assert audit_records(session, a_key().public) == []


def test_a_row_that_was_never_written_down_is_found(session, tmp_path):
    chain = a_chain(session, tmp_path)
    body = {"shares": [], "method": "none", "unattributed_ppm": 1_000_000, "reliability": {}}
    session.add(
        Attribution(
            id="f" * 64, generation_id=chain.generation_id, method="none", unattributed_ppm=1_000_000,
            reliability={}, body=body, attributed_at=NOON,
        )
    )  # fmt: skip
    session.flush()
    assert {(f.code, f.where) for f in audit_records(session, a_key().public)} == {("ROW_CHANGED", "f" * 64)}


def test_nothing_is_paid_on_a_changed_attribution(session, tmp_path):
    chain = a_chain(session, tmp_path)
    assert [share.share_ppm for share in shares_of(session, chain.attribution_id)] == [300_000, 300_000]
    attribution = session.get(Attribution, chain.attribution_id)
    first, second = attribution.body["shares"]
    attribution.body = {
        **attribution.body,
        "shares": [{**first, "share_ppm": 600_000}, {**second, "share_ppm": 0}],
    }
    session.flush()
    with pytest.raises(RecordConflictError, match="Nothing is paid on it"):
        shares_of(session, chain.attribution_id)
