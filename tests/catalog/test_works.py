"""Do grants, facts, search, display, shares and audit say what is on record?"""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select, update

from catalog.audit import audit
from catalog.clearance import ObjectionCode, clear_all
from catalog.errors import GrantRefusedError, NotFoundError, UnknownTerritoryError
from catalog.facts import load_facts
from catalog.findings import Severity
from catalog.grants import add_agreement, add_grant, find_party
from catalog.records import PartyRecord, RecordingRecord, TitleRecord
from catalog.search import index_works, search
from catalog.shares import owners_on, shares_on, unpayable
from catalog.tables import Encoding, Grant, Party, Reservation, SearchEntry, SearchWord, Work
from catalog.vocabulary import (
    GrantSubject,
    PartyKind,
    Purpose,
    ReservationProtocol,
    Right,
    Role,
    ShareKind,
)
from catalog.works import find_work
from tests.catalog.builders import (
    AT,
    MIDI,
    ON,
    PUBLISHER,
    WRITER,
    a_grant,
    a_share,
    a_work,
    import_cwr,
    import_folder,
    work_shown,
)

FILES = (
    "file,licence,licence_basis,submitter_work_number\n"
    "a.mid,LicenseRef-House,,W1\n"
    "b.mid,LicenseRef-House,,W2\n"
    "c.mid,CC0-1.0,stated,W3\n"
)


@pytest.fixture
def house(session, tmp_path):
    """Three works of one writer and one publisher, with files; W3's is free."""
    works = [a_work("W1", "FIRST"), a_work("W2", "SECOND"), a_work("W3", "THIRD")]
    import_cwr(session, tmp_path, *works, invented=True)
    import_folder(session, tmp_path, FILES, a_mid=MIDI, b_mid=MIDI + b"b", c_mid=MIDI + b"c")
    return session


def cleared(session, **question):
    values = {"purpose": Purpose.TRAIN, "territory": "EU", "on": ON, **question}
    return {answer.work_id: answer for answer in clear_all(load_facts(session), **values)}


def number(session, work_id):
    return next(n["value"] for n in work_shown(session, work_id)["identifiers"] if n["scheme"] == "submitter")


def test_grants_on_record_clear_the_works_they_reach(house):
    a_grant(house, WRITER)
    a_grant(house, PUBLISHER)
    file_grant = a_grant(
        house,
        replace(PUBLISHER, name="TESTLING VERLAG"),
        licence_ref="LicenseRef-House",
        subject=GrantSubject.ENCODING,
        work_ids=[find_work(house, "W1")],
    )
    answers = {number(house, work_id): answer for work_id, answer in cleared(house).items()}
    assert {name for name, answer in answers.items() if answer.cleared} == {"W1", "W3"}
    assert file_grant in answers["W1"].encodings[0].grants
    assert file_grant not in answers["W3"].encodings[0].grants
    assert [o.code for o in answers["W2"].objections] == [ObjectionCode.ENCODING_UNGRANTED]


def test_facts_of_some_works_are_those_of_all(house):
    a_grant(house, WRITER)
    a_grant(house, PUBLISHER, for_represented=True, work_ids=[find_work(house, "W2")])
    everything = load_facts(house)
    assert [facts.work_id for facts in everything] == sorted(facts.work_id for facts in everything)
    for facts in everything:
        assert load_facts(house, [facts.work_id]) == [facts]
    with pytest.raises(NotFoundError, match="work_0"):
        load_facts(house, ["work_0"])


def test_superseded_shares_are_no_facts(house, tmp_path):
    shares = (a_share(WRITER, Role.COMPOSER, Right.PERFORMING, 1_000_000),)
    import_cwr(house, tmp_path, a_work("W1", "FIRST", shares=shares), name="new.V22")
    facts = load_facts(house, [find_work(house, "W1")])[0]
    assert [share.share_ppm for share in facts.shares] == [1_000_000]


@pytest.mark.parametrize("whose", ["work", "file", "party"])
def test_a_reservation_reaches_the_works_it_is_about(house, whose):
    work_id = find_work(house, "W3")
    target = {
        "work": {"work_id": work_id},
        "file": {"encoding_id": house.scalar(select(Encoding.id).where(Encoding.work_id == work_id))},
        "party": {"party_id": WRITER.key("")},
    }[whose]
    house.add(
        Reservation(
            id="v1",
            protocol=ReservationProtocol.LETTER,
            signal="no",
            signal_sha256="0" * 64,
            seen_where="post",
            seen_at=AT,
            **target,
        )
    )
    house.flush()
    reserved = {facts.work_id for facts in load_facts(house) if facts.reservations}
    assert (len(reserved), work_id in reserved) == ((3, True) if whose == "party" else (1, True))
    assert work_shown(house, "W3")["reservations"][0]["signal"] == "no"
    assert "WORK_RESERVED" in audit(house, ON).by_code


def test_entering_the_same_grant_twice_is_one_grant(house):
    assert a_grant(house, WRITER) == a_grant(house, WRITER)
    assert len(house.scalars(select(Grant)).all()) == 1


def agreement(session, **more):
    values = {"title": "A", "licensor_id": WRITER.key(""), "signed_on": ON, "recorded_at": AT}
    return add_agreement(session, **{**values, **more})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"purposes": []}, GrantRefusedError),
        ({"ends_on": ON}, GrantRefusedError),
        ({"work_ids": []}, GrantRefusedError),
        ({"subject": GrantSubject.ENCODING}, GrantRefusedError),
        ({"territory": "ATLANTIS"}, UnknownTerritoryError),
        ({"work_ids": ["work_0"]}, NotFoundError),
        ({"agreement_id": "agreement_0"}, NotFoundError),
    ],
)
def test_a_grant_that_contradicts_itself_or_the_record_is_refused(house, changed, error):
    values = {
        "agreement_id": agreement(house),
        "purposes": [Purpose.TRAIN],
        "territory": "EU",
        "starts_on": ON,
        "recorded_at": AT,
    }
    with pytest.raises(error):
        add_grant(house, **{**values, **changed})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"licensor_id": "party_0"}, NotFoundError),
        ({"licence_ref": "House"}, GrantRefusedError),
        ({"document_sha256": "short"}, GrantRefusedError),
    ],
)
def test_an_agreement_of_nobody_or_with_malformed_names_is_refused(house, changed, error):
    with pytest.raises(error):
        agreement(house, **changed)


def test_a_party_is_found_by_number_name_or_id(house):
    assert find_party(house, "00014107338") == WRITER.key("")
    assert find_party(house, "STEIN, ANNA") == WRITER.key("")
    assert find_party(house, WRITER.key("")) == WRITER.key("")
    house.add(Party(id="party_0", kind=PartyKind.WRITER, name="Unnumbered"))
    house.flush()
    with pytest.raises(NotFoundError):
        find_party(house, "Nobody")


def test_a_work_is_shown_whole(house):
    a_grant(house, WRITER)
    shown = work_shown(house, "W1")
    assert shown["title"] == "FIRST"
    assert {share["share_ppm"] for share in shown["shares"]} == {500_000}
    assert shown["grants"][0]["licensor_name"] == "STEIN, ANNA"
    assert shown["grants"][0]["purposes"] == sorted(Purpose)
    assert shown["files"][0]["licence"] == "LicenseRef-House"
    assert all(maker["invented"] for maker in shown["makers"])
    with pytest.raises(NotFoundError):
        work_shown(house, "W9")


@pytest.fixture
def music(session, tmp_path):
    import_cwr(
        session,
        tmp_path,
        a_work(
            "CF-17",
            "BOLERO TRISTE",
            iswc="T0345246801",
            titles=(TitleRecord("SAD BOLERO"),),
            recordings=(RecordingRecord("USRC17607839", "TAKE 1"),),
        ),
        a_work("CF-18", "TRISTESSE"),
    )
    rows = "file,licence,title,composer,composer_died\na.mid,CC0-1.0,Étude in E,Frédéric Chopin,1849\n"
    import_folder(session, tmp_path, rows, a_mid=MIDI)
    return session


FOUND = {
    "bolero": ["BOLERO TRISTE"],
    "BÓLERO": ["BOLERO TRISTE"],
    "sad": ["BOLERO TRISTE"],
    "etude chopin": ["Étude in E"],
    "frederic": ["Étude in E"],
    "T-034.524.680-1": ["BOLERO TRISTE"],
    "USRC17607839": ["BOLERO TRISTE"],
    "cf-17": ["BOLERO TRISTE"],
    "bole": ["BOLERO TRISTE"],
    "chopin bolero": [],
    "": [],
    "'); DROP TABLE work; --": [],
    '" OR * NEAR(': [],
}


def test_a_work_is_found_by_title_name_and_identifier_whatever_the_accents(music):
    assert {text: [hit.title for hit in search(music, text)] for text in FOUND} == FOUND


def test_an_ipi_number_finds_the_works_of_that_party_and_the_limit_holds(music):
    assert {hit.title for hit in search(music, "00014107338")} == {"BOLERO TRISTE", "TRISTESSE"}
    assert len(search(music, "trist", limit=1)) == 1
    assert search(music, "bolero")[0].to_json()["names"] == ["STEIN, ANNA", "TESTLING VERLAG"]


def test_a_title_that_begins_with_the_word_is_found_after_it_was_changed(music, tmp_path):
    import_cwr(music, tmp_path, a_work("CF-18", "NOCTURNE"), name="new.V22")
    assert [hit.title for hit in search(music, "nocturne")] == ["NOCTURNE"]
    assert [hit.title for hit in search(music, "tristesse")] == ["NOCTURNE"]


def words_of(session):
    return dict(session.execute(select(SearchWord.word, SearchWord.num_works)).all())


def test_words_are_counted_by_works_and_forgotten_with_the_last_one(music, tmp_path):
    before = words_of(music)
    assert (before["bolero"], before["triste"], before["tristesse"], before["stein"]) == (1, 1, 1, 2)
    index_works(music, list(music.scalars(select(Work.id))))
    assert words_of(music) == before
    entry = music.scalars(select(SearchEntry).where(SearchEntry.titles == "tristesse")).one()
    music.execute(update(Work).where(Work.id == entry.work_id).values(title="BOLERO"))
    index_works(music, [entry.work_id])
    assert words_of(music)["bolero"] == 2
    assert "tristesse" not in words_of(music)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tristese", "TRISTESSE"),
        ("trsitesse", "TRISTESSE"),
        ("fredreic", "Étude in E"),
        ("boleor", "BOLERO TRISTE"),
        ("bolero trsite", "BOLERO TRISTE"),
    ],
)
def test_a_slip_of_the_finger_finds_the_work_that_was_meant(music, typed, meant):
    assert meant in [hit.title for hit in search(music, typed)]


@pytest.mark.parametrize(
    "typed", ["nxcxxrne", "xyz", "nt", '"NEAR(', "titles:bolero*", "a'; DROP TABLE work;--"]
)
def test_what_is_like_nothing_finds_nothing_and_breaks_nothing(music, typed):
    assert search(music, typed) == [] or "bolero" in typed
    assert search(music, "bolero")


def test_shares_on_a_day_and_in_a_territory_are_those_in_force_there(session, tmp_path):
    other = PartyRecord("US MUSIC", PartyKind.PUBLISHER, "00052210040")
    collected = replace(
        a_share(other, Role.SUB_PUBLISHER, Right.PERFORMING, 300_000, chain=1),
        kind=ShareKind.COLLECTION,
        territory="US",
    )
    import_cwr(session, tmp_path, a_work("W1", shares=(*a_work().shares, collected)))
    work_id = find_work(session, "W1")
    owned = shares_on(session, [work_id, "work_0"], Right.PERFORMING, ON, "DE")
    assert owned == {
        work_id: sorted([(WRITER.key(""), 500_000), (PUBLISHER.key(""), 500_000)]),
        "work_0": [],
    }
    in_us = shares_on(session, [work_id], Right.PERFORMING, ON, "US", ShareKind.COLLECTION)
    assert in_us == {work_id: [(other.key(""), 300_000)]}
    assert shares_on(session, [work_id], Right.PERFORMING, ON, "DE", ShareKind.COLLECTION) == {work_id: []}


def test_works_with_wrong_shares_are_named_unpayable(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"), a_work("W2", shares=a_work().shares[:1]))
    ids = [find_work(session, name) for name in ("W1", "W2")]
    assert unpayable(session, ids) == {ids[1]}
    owners = owners_on(session, ids, Right.PERFORMING, ON, "DE")
    assert owners == {ids[0]: shares_on(session, ids, Right.PERFORMING, ON, "DE")[ids[0]], ids[1]: []}


def test_the_audit_of_a_clean_catalogue_has_no_errors(house):
    a_grant(house, WRITER)
    a_grant(house, PUBLISHER, licence_ref="LicenseRef-House", subject=GrantSubject.ENCODING)
    report = audit(house, ON)
    assert report.findings == ()
    assert (report.counts["works"], report.counts["grants"], report.counts["encodings"]) == (3, 2, 3)
    assert report.counts["works_human"] == 3


def test_the_audit_finds_everything_that_is_wrong(session, tmp_path):
    renamed = replace(WRITER, name="STONE, ANN")
    twin = replace(PUBLISHER, ipi_name_number="00052210040")
    gap = a_work("W1", "GAP", shares=a_work().shares[:3])
    named = a_work(
        "W2", "NAMED", shares=tuple(replace(s, party=renamed) for s in a_work().shares[2:]), credits=()
    )
    twins = a_work(
        "W3", "TWINS", shares=(a_share(twin, Role.ORIGINAL_PUBLISHER, Right.PERFORMING, 1_000_000),)
    )
    import_cwr(
        session,
        tmp_path,
        gap,
        replace(named, representations=()),
        replace(twins, credits=(), representations=()),
    )
    rows = (
        "file,licence,licence_basis,title\n"
        "a.mid,CC-BY-NC-4.0,stated,Air\nb.mid,CC0-1.0,stated,Air\nc.mid,LicenseRef-Gone,,Bee\n"
    )
    import_folder(session, tmp_path, rows, a_mid=MIDI, b_mid=MIDI, c_mid=MIDI + b"c")
    a_grant(session, WRITER, ends_on=date(2026, 9, 1))
    a_grant(session, PUBLISHER, ends_on=date(2026, 11, 1))
    agreement(session, title="Oral")
    session.scalars(select(Work).where(Work.title == "TWINS")).one().iswc = "T0000000002"
    session.flush()
    report = audit(session, ON)
    assert set(report.by_code) == {
        "AGREEMENT_WITHOUT_DOCUMENT",
        "ENCODING_CONFLICT",
        "GRANT_ENDS_SOON",
        "GRANT_EXPIRED",
        "INVALID_IDENTIFIER",
        "LICENCE_REFUSES",
        "LICENCE_WITHOUT_AGREEMENT",
        "QUARANTINE",
        "SEVERAL_NAMES",
        "SEVERAL_NUMBERS",
        "SHARE_GAP",
        "WORK_UNPAYABLE",
        "WORK_WITHOUT_FILE",
        "WORK_WITHOUT_OWNER",
    }
    severities = [finding.severity for finding in report.findings]
    assert severities == sorted(severities, key=list(Severity).index)
