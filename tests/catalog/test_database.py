"""Do rows come back from either database as they were given, however they are written?"""

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from catalog.database import insert_missing, upsert
from catalog.tables import Party, Recording, Reservation, SearchEntry, Work
from catalog.vocabulary import PartyKind, Purpose, ReservationProtocol
from tests.catalog.builders import AT, a_work, import_cwr

PARTY = {"id": "party_1", "kind": PartyKind.WRITER, "name": "Stein, Anna", "ipi_name_number": None}


def test_a_column_with_a_default_of_its_own_may_be_left_out(session):
    insert_missing(session, Party, [PARTY])
    assert session.scalars(select(Party)).one().invented is False


def test_days_and_numbers_and_nothing_come_back(session):
    day = date(2020, 2, 29)
    rows = [
        {"id": "recording_1", "isrc": None, "title": "Ä", "released_on": day, "length_seconds": 185},
        {"id": "recording_2", "isrc": None, "title": None, "released_on": None, "length_seconds": None},
    ]
    insert_missing(session, Recording, rows)
    found = session.scalars(select(Recording).order_by(Recording.id)).all()
    assert [(r.title, r.released_on, r.length_seconds) for r in found] == [
        ("Ä", day, 185),
        (None, None, None),
    ]


def test_instants_and_lists_come_back(session):
    insert_missing(session, Party, [PARTY])
    row = {
        "id": "reservation_1",
        "party_id": "party_1",
        "protocol": ReservationProtocol.LETTER,
        "signal": "no",
        "signal_sha256": "0" * 64,
        "seen_where": "here",
        "seen_at": AT,
        "purposes": [Purpose.TRAIN],
    }
    insert_missing(session, Reservation, [row])
    found = session.scalars(select(Reservation)).one()
    assert (found.seen_at, found.purposes, found.protocol) == (AT, ["train"], row["protocol"])


def test_a_row_that_is_there_stays_and_another_goes_in(session):
    insert_missing(session, Party, [PARTY])
    insert_missing(session, Party, [{**PARTY, "name": "Other"}, {**PARTY, "id": "party_2"}])
    names = session.execute(select(Party.id, Party.name).order_by(Party.id)).all()
    assert [tuple(row) for row in names] == [("party_1", "Stein, Anna"), ("party_2", "Stein, Anna")]


def test_a_text_that_is_no_member_of_its_enumeration_is_refused(session):
    with pytest.raises((ValueError, StatementError), match="nobody"):
        insert_missing(session, Party, [{**PARTY, "kind": "nobody"}])


def test_a_row_that_is_there_is_changed_by_an_upsert(session, tmp_path):
    import_cwr(session, tmp_path, a_work())
    work_id = session.scalars(select(Work.id)).one()
    row = {"work_id": work_id, "titles": "new", "names": "", "identifiers": ""}
    upsert(session, SearchEntry, "work_id", [row])
    assert session.scalars(select(SearchEntry.titles)).one() == "new"
