"""Is there one chain for each use, and does a mandate stay on record as it was entered?"""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from catalog.errors import NotFoundError, UnknownTerritoryError
from catalog.knowledge import Knowledge
from catalog.mandate_register import Mandated, add_mandate, every_mandate, mandates_of, read_mandates
from catalog.mandate_tables import APPEND_ONLY, MandateRow
from catalog.mandates import Mandate, chain_of, mandate_faults
from catalog.tables import Party
from catalog.vocabulary import MandateKind, PartyKind, Right
from catalog.works import find_work
from tests.catalog.builders import AT, PUBLISHER, WRITER, a_work, import_cwr

START = date(2026, 1, 1)
MECHANICAL = frozenset({Right.MECHANICAL})


def a_mandate(owner="a", collector="b", **more) -> Mandate:
    fields = {
        "id": f"{owner}{collector}", "kind": MandateKind.ADMINISTRATION, "commission_ppm": 100_000,
        "rights": frozenset(Right), "territory": "WORLD", "starts_on": START, "reference": "Agreement",
    }  # fmt: skip
    return Mandate(owner=owner, collector=collector, **(fields | more))


def codes(mandate, *others):
    return [finding.code for finding in mandate_faults(mandate, others)]


@pytest.mark.parametrize(
    "other",
    [
        {"territory": "US"},
        {"rights": frozenset({Right.PERFORMING})},
        {"starts_on": date(2027, 1, 1)},
        {"works": frozenset({"w"})},  # by name beside all works: the name goes first
    ],
)
def test_mandates_for_other_uses_stand_side_by_side(other):
    mine = a_mandate(territory="EU", rights=MECHANICAL, ends_on=date(2027, 1, 1))
    assert codes(mine, a_mandate(collector="c", **other)) == []
    assert codes(mine, a_mandate(owner="c", collector="b")) == []


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ({}, {}),
        ({"territory": "DE"}, {"territory": "EU"}),
        ({"rights": MECHANICAL}, {"starts_on": date(2026, 6, 1)}),
        ({"works": frozenset({"v", "w"})}, {"works": frozenset({"w"})}),
        ({"ends_on": date(2026, 6, 2)}, {"starts_on": date(2026, 6, 1)}),
    ],
)
def test_two_mandates_of_a_party_for_the_same_use_are_refused(mine, other):
    [finding] = mandate_faults(a_mandate(**mine), [a_mandate(collector="c", **other)])
    assert (finding.code, finding.where) == ("MANDATE_OVERLAP", "ac")
    assert "'Agreement'" in finding.message


def test_a_circle_of_mandates_is_refused_and_its_way_is_told():
    chain = (a_mandate("b", "c"), a_mandate("c", "d"), a_mandate("d", "a", id="last"))
    [finding] = mandate_faults(a_mandate("a", "b"), chain)
    assert (finding.code, finding.where) == ("MANDATE_CYCLE", "last")
    assert "a -> b -> c -> d -> a" in finding.message


@pytest.mark.parametrize(
    "step",
    [{"territory": "US"}, {"rights": MECHANICAL}, {"starts_on": date(2027, 1, 1)}, {"works": frozenset()}],
)
def test_what_is_no_circle_for_any_one_use_is_none(step):
    mine = a_mandate(territory="EU", rights=frozenset({Right.PERFORMING}), ends_on=date(2027, 1, 1))
    assert codes(mine, a_mandate("b", "c", **step), a_mandate("c", "a")) == []


def test_everything_wrong_with_a_mandate_is_told_at_once():
    wrong = a_mandate(
        "a",
        "a",
        commission_ppm=1_000_001,
        ends_on=START,
        rights=frozenset(),
        works=frozenset(),
        reference=" ",
    )
    assert codes(wrong) == [
        "MANDATE_SELF", "MANDATE_COMMISSION", "MANDATE_TERM", "MANDATE_RIGHTS", "MANDATE_WORKS",
        "MANDATE_REFERENCE",
    ]  # fmt: skip
    assert codes(a_mandate(commission_ppm=-1)) == ["MANDATE_COMMISSION"]


PARTIES = st.sampled_from("abcd")
WORKS = st.one_of(st.none(), st.frozensets(st.sampled_from("vw"), min_size=1))
MANDATES = st.builds(
    a_mandate,
    PARTIES,
    PARTIES,
    territory=st.sampled_from(["WORLD", "EU", "DE", "WORLD -DE"]),
    rights=st.frozensets(st.sampled_from(list(Right)), min_size=1),
    starts_on=st.sampled_from([START, date(2026, 6, 1)]),
    ends_on=st.sampled_from([None, date(2026, 6, 1), date(2027, 1, 1)]),
    works=WORKS,
)


@settings(deadline=None)
@given(st.lists(MANDATES, max_size=8))
def test_of_mandates_that_stand_side_by_side_every_use_has_one_chain(entered):
    """However they were entered: `chain_of` ends, and no party has two mandates of one kind for a use."""
    standing: list[Mandate] = []
    numbers = count()
    for each in entered:
        mandate = Mandate(
            **{name: getattr(each, name) for name in Mandate.__slots__} | {"id": str(next(numbers))}
        )
        if not mandate_faults(mandate, standing):
            standing.append(mandate)
    for right in Right:
        for territory in ("DE", "SE", "US"):
            for on in (START, date(2026, 6, 1), date(2028, 1, 1)):
                held = [each for each in standing if each.is_for(right, territory) and each.runs_on(on)]
                for work in "vw":
                    for party in "abcd":
                        mine = [each for each in held if each.owner == party]
                        named = [each for each in mine if each.works is not None and work in each.works]
                        assert len(named) <= 1
                        assert len([each for each in mine if each.works is None]) <= 1
                    by_owner = {party: [e for e in held if e.owner == party] for party in "abcd"}
                    for party in "abcd":
                        chain = chain_of(work, party, by_owner)
                        givers = [party, *(each.collector for each in chain)]
                        assert len(set(givers)) == len(givers)


def a_collector(session, name="ADMIN LTD", ipi_name_number="00000000297"):
    party = Party(id=f"party_{name}", kind=PartyKind.PUBLISHER, name=name, ipi_name_number=None)
    session.add(party)
    session.flush()
    return party.id


def stated(**more) -> Mandated:
    fields = {
        "kind": MandateKind.ADMINISTRATION, "owner": PUBLISHER.name, "collector": "ADMIN LTD",
        "commission_ppm": 50_000, "reference": "Administration 2026", "territory": "world -us",
        "starts_on": START,
    }  # fmt: skip
    return Mandated(**(fields | more))


@pytest.fixture
def catalogue(session, tmp_path):
    import_cwr(session, tmp_path, a_work(), a_work("W2", "ANOTHER"))
    a_collector(session)
    a_collector(session, "SUB GMBH")
    return session


def test_a_mandate_is_recorded_by_names_and_read_as_it_was_entered(catalogue):
    works = ("W1",)
    mandate, findings = add_mandate(catalogue, stated(works=works), recorded_at=AT, recorded_by="me")
    assert findings == []
    assert read_mandates(catalogue) == [mandate]
    assert mandate.owner == PUBLISHER.key("")
    assert (mandate.territory, mandate.works) == ("WORLD -US", frozenset({find_work(catalogue, "W1")}))
    assert add_mandate(catalogue, stated(works=works), recorded_at=AT + timedelta(days=1)) == (mandate, [])
    assert catalogue.scalars(select(MandateRow.recorded_by)).all() == ["me"]


def test_a_refused_mandate_leaves_nothing_on_record(catalogue):
    first, _ = add_mandate(catalogue, stated(), recorded_at=AT)
    _, findings = add_mandate(catalogue, stated(territory="DE", commission_ppm=1), recorded_at=AT)
    assert [finding.code for finding in findings] == ["MANDATE_OVERLAP"]
    back = stated(owner="ADMIN LTD", collector=PUBLISHER.name)
    assert [finding.code for finding in add_mandate(catalogue, back, recorded_at=AT)[1]] == ["MANDATE_CYCLE"]
    assert read_mandates(catalogue) == [first]


def test_another_mandate_takes_the_place_of_one_that_stays_on_record(catalogue):
    first, _ = add_mandate(catalogue, stated(), recorded_at=AT)
    later = AT + timedelta(days=9)
    ended = stated(ends_on=date(2026, 11, 1), supersedes=first.id)
    second, findings = add_mandate(catalogue, ended, recorded_at=later)
    assert (findings, read_mandates(catalogue)) == ([], [second])
    assert every_mandate(catalogue) == {first.id: first, second.id: second}
    assert read_mandates(catalogue, Knowledge(AT + timedelta(days=1))) == [first]
    assert read_mandates(catalogue, Knowledge(AT - timedelta(days=1))) == []
    again = stated(commission_ppm=1, supersedes=first.id)
    for entered in (again, stated()):
        _, findings = add_mandate(catalogue, entered, recorded_at=later)
        assert "MANDATE_SUPERSEDED" in {finding.code for finding in findings}
    with pytest.raises(NotFoundError, match="mandate_0"):
        add_mandate(catalogue, stated(supersedes="mandate_0"), recorded_at=later)


def test_a_mandate_names_parties_works_and_territories_that_are_there(catalogue):
    with pytest.raises(NotFoundError, match="NOBODY"):
        add_mandate(catalogue, stated(collector="NOBODY"), recorded_at=AT)
    with pytest.raises(NotFoundError, match="W9"):
        add_mandate(catalogue, stated(works=["W9"]), recorded_at=AT)
    with pytest.raises(UnknownTerritoryError):
        add_mandate(catalogue, stated(territory="ATLANTIS"), recorded_at=AT)


def test_a_work_tells_of_its_whole_chain_and_of_no_other(catalogue):
    add_mandate(catalogue, stated(), recorded_at=AT)
    sub = stated(owner="ADMIN LTD", collector="SUB GMBH", territory="DE", kind=MandateKind.SUB_PUBLISHING)
    add_mandate(catalogue, sub, recorded_at=AT)
    add_mandate(catalogue, stated(owner=WRITER.name, works=["W2"]), recorded_at=AT)
    owners = [PUBLISHER.key(""), WRITER.key("")]
    shown = mandates_of(catalogue, find_work(catalogue, "W1"), owners)
    assert {(each["owner_name"], each["collector_name"], each["kind"]) for each in shown} == {
        (PUBLISHER.name, "ADMIN LTD", "administration"), ("ADMIN LTD", "SUB GMBH", "sub_publishing"),
    }  # fmt: skip
    assert (
        mandates_of(
            catalogue, find_work(catalogue, "W1"), owners, Knowledge(datetime(2020, 1, 1, tzinfo=UTC))
        )
        == []
    )


def test_the_database_refuses_to_change_what_was_recorded(catalogue):
    session = catalogue
    add_mandate(session, stated(works=["W1"]), recorded_at=AT)
    session.commit()
    columns = {"mandate_right": "mandate_id", "mandate_work": "mandate_id"}
    for table in ("mandate", "mandate_right", "mandate_work"):
        column = columns.get(table, "id")
        replacing = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
        if session.get_bind().dialect.name == "postgresql":
            replacing = f"TRUNCATE {table} CASCADE"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", replacing):
            with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
                session.execute(text(statement))
    assert set(APPEND_ONLY) >= {"mandate", "mandate_right", "mandate_work"}
