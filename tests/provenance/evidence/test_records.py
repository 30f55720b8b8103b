"""Is the chain of records still what was written, and is that found out when it is not?"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from provenance.canonical import canonical, digest
from provenance.errors import CanonicalError, ChainError, KeyFileError
from provenance.evidence.records import append, envelope_of, records_about, verify_chain
from provenance.tables import Record
from tests.provenance.builders import NOON, a_key


def a_record(session, number=1, key=None, **more):
    values = {"kind": "test", "subject_id": f"thing_{number}", "body": {"number": number}, **more}
    return append(session, key or a_key(), **{"recorded_at": NOON, **values})


def three_records(session):
    return [a_record(session, number) for number in (1, 2, 3)]


def test_a_changed_body_is_found(session):
    three_records(session)
    session.execute(update(Record).where(Record.sequence == 2).values(body='{"number":7}'))
    with pytest.raises(ChainError, match=r"Record 2 \(test thing_2\): its body is not the one"):
        verify_chain(session, a_key().public)


def test_a_body_that_is_no_longer_canonical_is_found(session):
    three_records(session)
    session.execute(update(Record).where(Record.sequence == 2).values(body='{"number": 2}'))
    with pytest.raises(ChainError, match="Record 2"):
        verify_chain(session, a_key().public)


@pytest.mark.parametrize(
    "change",
    [{"kind": "other"}, {"subject_id": "thing_9"}, {"recorded_at": "2020-01-01T00:00:00.000000Z"}],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_envelope_is_found(session, change):
    three_records(session)
    session.execute(update(Record).where(Record.sequence == 3).values(**change))
    with pytest.raises(ChainError, match="Record 3"):
        verify_chain(session, a_key().public)


def test_a_changed_record_under_a_new_digest_is_found_by_its_signature(session):
    record = three_records(session)[2]
    record.body = canonical({"number": 9}).decode()
    record.body_sha256 = digest({"number": 9})
    record.digest = envelope_of(record).digest()
    session.flush()
    with pytest.raises(ChainError, match="signature"):
        verify_chain(session, a_key().public)


def test_a_removed_record_is_found(session):
    three_records(session)
    session.execute(delete(Record).where(Record.sequence == 2))
    with pytest.raises(ChainError, match="removed or put in"):
        verify_chain(session, a_key().public)


def test_a_removed_end_is_found_by_one_who_knows_the_newest_digest(session):
    three_records(session)
    head = verify_chain(session, a_key().public).head
    session.execute(delete(Record).where(Record.sequence == 3))
    assert verify_chain(session, a_key().public).records == 2
    with pytest.raises(ChainError, match="removed from the end"):
        verify_chain(session, a_key().public, expected_head=head)


def test_another_key_is_found(session):
    three_records(session)
    with pytest.raises(ChainError, match="names the key"):
        verify_chain(session, a_key(8).public)


def test_a_chain_is_not_continued_with_another_key(session):
    a_record(session)
    with pytest.raises(KeyFileError, match="Put the first one back"):
        a_record(session, 2, key=a_key(8))


def test_two_records_cannot_follow_the_same_one(session):
    second = three_records(session)[1]
    values = {**envelope_of(second).__dict__, "sequence": 9, "body": "{}", "digest": "a" * 64}
    session.add(Record(**values, signature="b" * 128))
    with pytest.raises(IntegrityError):
        session.flush()


def test_a_body_without_a_canonical_form_is_not_written(session):
    with pytest.raises(CanonicalError, match="RFC 8785"):
        a_record(session, body={"amount": 2**53})
    assert session.scalars(select(Record)).all() == []


def test_a_naive_instant_is_refused(session):
    with pytest.raises(ValueError, match="time zone"):
        a_record(session, recorded_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the fault


def test_two_writers_at_once_make_one_chain(engine):
    def write(number):
        with Session(engine) as session, session.begin():
            a_record(session, number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(12)))
    with Session(engine) as session:
        assert verify_chain(session, a_key().public).records == 12


def test_the_same_thing_is_written_down_once(session):
    first = a_record(session)
    again = a_record(session, recorded_at=NOON + timedelta(days=1))
    assert again.sequence == first.sequence
    assert len(records_about(session, ["thing_1"])) == 1


def test_an_honest_chain_holds_and_both_databases_give_the_same_digest(session):
    assert verify_chain(session, a_key().public).records == 0
    three_records(session)
    session.commit()
    state = verify_chain(session, a_key().public)
    assert state.records == 3
    assert state.head == "a83eee8a1a37e170af5d9c2879fd46c469ee6f8d88eeed9263952e096d0276ba"
