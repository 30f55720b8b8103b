"""Is an opt-out read as its protocol means it, the most restrictive reading first, and kept as seen?"""

import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from catalog.clearance import ObjectionCode, clear
from catalog.errors import GrantRefusedError, NotFoundError
from catalog.facts import load_facts
from catalog.grants import Terms
from catalog.reservations import Target, add_reservation, lift_reservation, read_signal
from catalog.tables import Grant, Reservation
from catalog.vocabulary import GrantSubject, Purpose, ReservationProtocol
from catalog.withdrawals import withdraw
from catalog.works import find_work
from tests.catalog.builders import AT, MIDI, ON, PUBLISHER, WRITER, a_grant, a_work, import_cwr, import_folder

NOTHING = ""
MINING = "evaluate train"
ALL = "distribute evaluate generate train"
RSL = '<rsl xmlns="https://rslstandard.org/rsl"><content url="/">{}</content></rsl>'
P = ReservationProtocol

SIGNALS = [
    (P.TDMREP, "1", MINING),
    (P.TDMREP, "0", NOTHING),
    (P.TDMREP, "TDM-Reservation: 1\r\nTDM-Policy: https://example.org/policy", MINING),
    (P.TDMREP, '<meta name="tdm-reservation" content="1">', MINING),
    (
        P.TDMREP,
        '[{"location": "/a", "tdm-reservation": 0}, {"location": "/b", "tdm-reservation": 1}]',
        MINING,
    ),
    (P.TDMREP, '{"tdm-reservation": 0}', NOTHING),
    (P.RSL, RSL.format('<license><permits type="usage">all</permits></license>'), NOTHING),
    (
        P.RSL,
        RSL.format('<license><permits type="usage">search</permits></license>'),
        "evaluate generate train",
    ),
    (P.RSL, RSL.format('<license><permits type="usage">ai-train, ai-input</permits></license>'), NOTHING),
    (P.RSL, RSL.format('<license><permits type="usage">train-ai</permits></license>'), "generate"),
    (P.RSL, RSL.format('<license><prohibits type="usage">ai-train</prohibits></license>'), MINING),
    (P.RSL, RSL.format('<license><permits type="geo">EU</permits></license>'), NOTHING),
    (
        P.RSL,
        RSL.format('<license><permits type="usage">all</permits><payment type="training"/></license>'),
        "evaluate generate train",
    ),
    (P.AIPREF, "Content-Usage: train-ai=n", MINING),
    (P.AIPREF, "Content-Usage: train-ai=y", NOTHING),
    (P.ROBOTS, "User-agent: *\nDisallow: /scores\n", MINING),
    (P.ROBOTS, "User-agent: *\nDisallow:\n", NOTHING),
    (P.CAWG, '{"entries": {"cawg.ai_generative_training": {"use": "notAllowed"}}}', MINING),
    (P.CAWG, '{"entries": {"cawg.data_mining": {"use": "constrained"}}}', MINING),
    (P.CAWG, '{"entries": {"cawg.ai_inference": {"use": "notAllowed"}}}', "generate"),
    (P.CAWG, '{"entries": {"cawg.ai_training": {"use": "allowed"}}}', NOTHING),
    (P.LETTER, "We do not want this.", ALL),
]


@pytest.mark.parametrize(("protocol", "text", "withheld"), SIGNALS)
def test_a_signal_withholds_what_its_protocol_says(protocol, text, withheld):
    signal = read_signal(protocol, text)
    assert signal.fault is None
    assert " ".join(sorted(signal.purposes)) == withheld


@pytest.mark.parametrize(
    ("protocol", "text"),
    [
        (P.TDMREP, "2"),
        (P.TDMREP, "[{]"),
        (P.RSL, "<rsl>"),
        (P.RSL, '<!DOCTYPE a [<!ENTITY b "c">]><rsl><license/></rsl>'),
        (P.RSL, "<rsl/>"),
        (P.CAWG, '{"entries": {"cawg.ai_training": {"use": "perhaps"}}}'),
        (P.CAWG, "[" * 100_000),
        (P.AIPREF, "hello"),
    ],
)
def test_a_signal_that_cannot_be_read_withholds_everything(protocol, text):
    signal = read_signal(protocol, text)
    assert signal.purposes == frozenset(Purpose)
    assert "could not be read" in signal.fault


@given(st.sampled_from(list(P)), st.text(max_size=200))
def test_no_text_makes_the_reading_fail(protocol, text):
    signal = read_signal(protocol, text)
    assert signal.fault is None or signal.purposes == frozenset(Purpose)


@pytest.fixture
def song(session, tmp_path):
    """A work with a free file, granted by everybody for everything."""
    import_cwr(session, tmp_path, a_work())
    rows = "file,licence,submitter,submitter_work_number,title\na.mid,CC0-1.0,00000000199,W1,SONG\n"
    import_folder(session, tmp_path, rows, a_mid=MIDI)
    for party in (WRITER, PUBLISHER):
        a_grant(session, party)
    return find_work(session, "W1")


def objections(session, work_id, purpose=Purpose.TRAIN, on=date(2026, 10, 2)):
    found = clear(load_facts(session, [work_id])[0], purpose, "EU", on)
    return [objection.code for objection in found.objections]


def reserve(session, target, text="1", protocol=P.TDMREP, **more):
    return add_reservation(
        session, target, protocol, text, seen_where="https://example.org", seen_at=AT, recorded_at=AT,
        recorded_by="me", **more,
    )  # fmt: skip


def test_a_reservation_withholds_its_purposes_only_and_until_it_is_lifted(session, song):
    assert objections(session, song) == []
    reservation, findings = reserve(session, Target(work_id=song))
    assert findings == []
    assert objections(session, song) == [ObjectionCode.RESERVED]
    assert objections(session, song, Purpose.GENERATE) == []
    lift_reservation(session, reservation, date(2026, 10, 3), AT)
    assert objections(session, song) == [ObjectionCode.RESERVED]
    assert objections(session, song, on=date(2026, 10, 3)) == []


def test_the_signal_is_kept_as_it_was_seen(session, song):
    text = "TDM-Reservation: 1\r\n"
    reservation, _ = reserve(session, Target(work_id=song), text)
    row = session.get_one(Reservation, reservation)
    assert (row.signal, row.seen_where) == (text, "https://example.org")
    assert row.signal_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_party_reserves_all_of_its_works_and_a_file_may_be_reserved_alone(session, song):
    reserve(session, Target(party_id=WRITER.key("")))
    assert objections(session, song) == [ObjectionCode.RESERVED]
    file = load_facts(session, [song])[0].encodings[0].encoding_id
    reserve(session, Target(encoding_id=file))
    assert objections(session, song) == [ObjectionCode.RESERVED, ObjectionCode.RESERVED]


def test_contracts_of_all_that_say_so_win_over_a_signal(session, song):
    reserve(session, Target(work_id=song))
    words = Terms(overrides_reservations="Section 4: this licence applies whatever signal is published.")
    a_grant(session, WRITER, terms=words)
    assert objections(session, song) == [ObjectionCode.RESERVED], (
        "the publisher's contract says nothing of it"
    )
    a_grant(session, PUBLISHER, terms=words)
    assert objections(session, song) == []


def test_no_contract_wins_over_a_withdrawal(session, song):
    words = Terms(overrides_reservations="whatever is said")
    for party in (WRITER, PUBLISHER):
        a_grant(session, party, terms=words)
    withdraw(session, song, reason="letter", effective_on=date(2026, 10, 5), recorded_at=AT, recorded_by="me")
    assert objections(session, song, on=date(2026, 10, 4)) == []
    for purpose in Purpose:
        assert ObjectionCode.WITHDRAWN in objections(session, song, purpose, date(2026, 10, 5))


def test_a_withdrawal_of_no_work_is_refused(session):
    with pytest.raises(NotFoundError):
        withdraw(session, "work_0", reason="", effective_on=ON, recorded_at=AT, recorded_by="me")


def test_new_terms_supersede_a_grant_which_stays_on_record(session, song):
    first = session.scalars(select(Grant.id).where(Grant.licensor_id == WRITER.key(""))).one()
    second = a_grant(session, WRITER, territory="US", supersedes=first)
    assert objections(session, song) == [ObjectionCode.TERRITORY_NOT_GRANTED]
    assert session.get_one(Grant, first).superseded_by == second
    with pytest.raises(GrantRefusedError, match="has been superseded by"):
        a_grant(session, WRITER, territory="FR", supersedes=first)


@pytest.mark.parametrize(
    "terms",
    [
        Terms(advance_minor=1),
        Terms(currency="euro"),
        Terms(rate_ppm=1_000_001),
        Terms(notice_days=-1),
        Terms(models=()),
    ],
)
def test_terms_that_make_no_sense_are_refused(session, song, terms):
    with pytest.raises(GrantRefusedError):
        a_grant(session, WRITER, terms=terms)


def test_a_file_under_a_contract_that_wins_over_signals_may_be_used(session, tmp_path):
    import_cwr(session, tmp_path, a_work())
    rows = "file,licence,submitter,submitter_work_number,title\na.mid,LicenseRef-Ed,00000000199,W1,SONG\n"
    import_folder(session, tmp_path, rows, a_mid=MIDI)
    for party in (WRITER, PUBLISHER):
        a_grant(session, party)
    work_id = find_work(session, "W1")
    file = load_facts(session, [work_id])[0].encodings[0].encoding_id
    of_file = {"licence_ref": "LicenseRef-Ed", "subject": GrantSubject.ENCODING}
    a_grant(session, PUBLISHER, **of_file)
    reserve(session, Target(encoding_id=file))
    assert objections(session, work_id) == [ObjectionCode.RESERVED]
    a_grant(session, PUBLISHER, **of_file, terms=Terms(overrides_reservations="section 9"))
    assert objections(session, work_id) == []
