"""Is a dispute on record from its opening to its end, and does it end for good?"""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from catalog.disputes import Claimed, disputes_of, open_dispute, read_disputes, settle_dispute
from catalog.errors import NotFoundError
from catalog.findings import Severity
from catalog.knowledge import Knowledge
from catalog.mandate_tables import APPEND_ONLY, DisputeRow
from catalog.vocabulary import Right
from catalog.works import find_work
from tests.catalog.builders import AT, PUBLISHER, WRITER, a_work, import_cwr

START = date(2026, 10, 1)
LATER = AT + timedelta(days=5)


@pytest.fixture
def catalogue(session, tmp_path):
    import_cwr(session, tmp_path, a_work())
    return session


def claimed(*parties, **more) -> Claimed:
    fields = {
        "work": "W1", "share_ppm": 250_000, "right": Right.MECHANICAL, "territory": "WORLD",
        "starts_on": START, "reason": "letter",
    }  # fmt: skip
    return Claimed(parties=parties or (WRITER.name,), **(fields | more))


def test_a_dispute_is_open_until_it_is_settled(catalogue):
    dispute, findings = open_dispute(catalogue, claimed(WRITER.name, PUBLISHER.name), opened_at=AT)
    assert findings == []
    assert read_disputes(catalogue) == [dispute]
    assert dispute.parties == tuple(sorted((WRITER.key(""), PUBLISHER.key(""))))
    assert open_dispute(catalogue, claimed(PUBLISHER.name, WRITER.name), opened_at=LATER) == (dispute, [])
    assert settle_dispute(catalogue, dispute.id, outcome="withdrawn", settled_at=LATER) == []
    assert settle_dispute(catalogue, dispute.id, outcome="withdrawn", settled_at=LATER) == []
    assert read_disputes(catalogue) == []
    [finding] = settle_dispute(catalogue, dispute.id, outcome="upheld", settled_at=LATER)
    assert (finding.code, "withdrawn" in finding.message) == ("DISPUTE_SETTLED", True)


def test_what_was_settled_can_be_disputed_anew(catalogue):
    first, _ = open_dispute(catalogue, claimed(), opened_at=AT)
    settle_dispute(catalogue, first.id, outcome="withdrawn", settled_at=LATER)
    second, findings = open_dispute(catalogue, claimed(), opened_at=LATER)
    assert (findings, second.id != first.id) == ([], True)
    assert read_disputes(catalogue) == [second]


def test_a_work_shows_its_disputes_as_they_were_known(catalogue):
    work = find_work(catalogue, "W1")
    dispute, _ = open_dispute(catalogue, claimed(), opened_at=AT, opened_by="me")
    settle_dispute(catalogue, dispute.id, outcome="withdrawn", settled_at=LATER)
    [shown] = disputes_of(catalogue, work)
    assert (shown["names"], shown["outcome"], shown["opened_by"]) == ([WRITER.name], "withdrawn", "me")
    [before] = disputes_of(catalogue, work, Knowledge(AT + timedelta(days=1)))
    assert (before["outcome"], before["settled_at"]) == (None, None)
    assert disputes_of(catalogue, work, Knowledge(AT - timedelta(days=1))) == []


def test_everything_wrong_with_a_dispute_is_told_and_nothing_is_on_record(catalogue):
    wrong = Claimed("W1", (), 0, Right.MECHANICAL, "WORLD", START, START)
    _, findings = open_dispute(catalogue, wrong, opened_at=AT)
    assert [finding.code for finding in findings] == ["DISPUTE_PARTIES", "DISPUTE_SHARE", "DISPUTE_TERM"]
    assert catalogue.query(DisputeRow).count() == 0
    with pytest.raises(NotFoundError):
        open_dispute(catalogue, claimed(work="W9"), opened_at=AT)
    with pytest.raises(NotFoundError):
        open_dispute(catalogue, claimed("NOBODY"), opened_at=AT)
    with pytest.raises(NotFoundError):
        settle_dispute(catalogue, "dispute_0", outcome="x", settled_at=AT)
    dispute, _ = open_dispute(catalogue, claimed(), opened_at=AT)
    assert [f.code for f in settle_dispute(catalogue, dispute.id, outcome=" ", settled_at=AT)] == [
        "DISPUTE_OUTCOME"
    ]


def test_a_dispute_over_more_than_the_parties_have_is_remarked_on_and_stands(catalogue):
    dispute, [finding] = open_dispute(catalogue, claimed(share_ppm=700_000), opened_at=AT)
    assert (finding.code, finding.severity) == ("DISPUTE_EXCEEDS_SHARES", Severity.WARNING)
    assert "50 %" in finding.message
    assert "70 %" in finding.message
    assert read_disputes(catalogue) == [dispute]


def test_the_database_refuses_to_change_a_dispute(catalogue):
    session = catalogue
    dispute, _ = open_dispute(session, claimed(), opened_at=AT)
    settle_dispute(session, dispute.id, outcome="withdrawn", settled_at=LATER)
    session.commit()
    tables = {"dispute": "id", "dispute_party": "dispute_id", "dispute_settlement": "dispute_id"}
    for table, column in tables.items():
        replacing = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
        if session.get_bind().dialect.name == "postgresql":
            replacing = f"TRUNCATE {table} CASCADE"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", replacing):
            with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
                session.execute(text(statement))
    assert set(APPEND_ONLY) >= set(tables)
