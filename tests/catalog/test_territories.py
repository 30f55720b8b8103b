"""Does a territory mean the countries that its terms add up to, in order?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import UnknownGenreError, UnknownTerritoryError
from catalog.findings import Finding, Severity
from catalog.shares import percent, totals
from catalog.taxonomy import FAMILIES, GENRES, family_of, is_genre
from catalog.territories import canonical, countries, covers, from_tis, to_tis
from catalog.text import ascii_upper, fold

TERMS = ["WORLD", "EU", "2EU", "2NA", "DE", "FR", "US", "CA", "CH", "JP"]
expressions = st.builds(
    lambda first, rest: " ".join([first, *rest]),
    st.sampled_from(TERMS),
    st.lists(st.tuples(st.sampled_from("+-"), st.sampled_from(TERMS)).map("".join), max_size=4),
)


def test_the_european_union_has_27_members_and_is_not_geographical_europe():
    assert len(countries("EU")) == 27
    assert "CH" in countries("2EU") and "CH" not in countries("EU")
    assert countries("EU") < countries("WORLD")


def test_the_last_term_that_names_a_country_decides():
    assert "US" not in countries("WORLD -US")
    assert "US" in countries("WORLD -2NA +US")
    assert "US" not in countries("US +2NA -US")
    assert covers("WORLD -US", "EU") and not covers("WORLD -US", "2NA")


def test_numbers_and_everyday_names_are_written_in_one_way():
    assert canonical("2136") == canonical("world") == canonical("2WL") == "WORLD"
    assert canonical("eu +0756") == "EU +CH"
    assert canonical("-US") == "WORLD -US"


@pytest.mark.parametrize("text", ["", "XX", "EU -EU", "9999", "+", "DE, FR"])
def test_what_is_no_territory_is_refused(text):
    with pytest.raises(UnknownTerritoryError):
        countries(text)


@given(expressions)
def test_a_territory_round_trips_through_cwr_and_through_its_canonical_form(text):
    try:
        meant = countries(text)
    except UnknownTerritoryError:
        return
    assert countries(canonical(text)) == meant
    assert countries(from_tis(to_tis(text))) == meant
    assert canonical(canonical(text)) == canonical(text)


@given(st.lists(st.tuples(st.sampled_from(["WORLD", "EU", "DE", "US"]), st.integers(0, 10**6)), max_size=5))
def test_totals_are_what_a_country_by_country_sum_gives(parts):
    asked = countries("EU") | {"US"}
    found = totals(parts, asked)
    assert frozenset().union(*found.values()) == asked
    for total, where in found.items():
        for country in where:
            assert total == sum(ppm for territory, ppm in parts if country in countries(territory))


def test_there_are_48_genres_in_four_families_of_twelve():
    assert len(GENRES) == len({genre.slug for genre in GENRES}) == 48
    assert [sum(genre.family is family for genre in GENRES) for family in FAMILIES] == [12] * 4
    assert family_of("tango") == "world" and is_genre("idm")
    with pytest.raises(UnknownGenreError, match="tangos"):
        family_of("tangos")


def test_spellings_of_one_name_fold_to_the_same():
    assert fold("  Fr\u00e9d\u00e9ric   CHOPIN ") == fold("frederic chopin") == "frederic chopin"
    assert fold("Stra\u00dfe \u0141\u00f3d\u017a") == "strasse lodz"
    assert ascii_upper("Łódź’s Æther — 日") == "LODZ'S AETHER - ?"


def test_a_share_is_told_as_a_percentage_without_rounding():
    assert [percent(n) for n in (375_000, 1_000_000, 1, 0)] == ["37.5 %", "100 %", "0.0001 %", "0 %"]


def test_a_finding_round_trips_through_json():
    finding = Finding("X", "file:1", "message", Severity.WARNING)
    assert Finding.from_json(finding.to_json()) == finding
