"""Does clearance say yes only where everybody said yes, and tell every reason where it says no?"""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.clearance import (
    NEEDED_RIGHTS,
    EncodingFact,
    GrantFact,
    ObjectionCode,
    ReservationFact,
    ShareFact,
    WithdrawalFact,
    WorkFacts,
    clear,
    clear_all,
    is_public_domain,
)
from catalog.licences import LICENCES, terms_of
from catalog.territories import countries
from catalog.vocabulary import GrantSubject, Purpose, Right

ON = date(2026, 10, 1)
DAY = timedelta(days=1)
EVERYTHING = frozenset(Purpose)
FREE_FILE = EncodingFact("f" * 64, "CC0-1.0", "a.mid")


def a_share(party, share_ppm, right=Right.MECHANICAL, **more):
    return ShareFact(party, party.upper(), right, share_ppm, **more)


def a_grant(licensor, grant_id=None, **more):
    values = {
        "subject": GrantSubject.COMPOSITION,
        "purposes": EVERYTHING,
        "territory": "WORLD",
        "starts_on": date(2026, 1, 1),
    }
    return GrantFact(grant_id or f"grant_{licensor}", licensor, **{**values, **more})


def facts(**more):
    """A work of two halves, both granted, with a free file."""
    values = {
        "shares": (
            a_share("ann", 500_000),
            a_share("bob", 500_000),
            a_share("ann", 500_000, Right.PERFORMING),
            a_share("bob", 500_000, Right.PERFORMING),
        ),
        "grants": (a_grant("ann"), a_grant("bob")),
        "encodings": (FREE_FILE,),
    }
    return WorkFacts("work_1", "Song", **{**values, **more})


def answer(known, purpose=Purpose.TRAIN, territory="EU", on=ON):
    return clear(known, purpose, territory, on)


def codes(known, **question):
    return [objection.code for objection in answer(known, **question).objections]


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_work_that_everybody_granted_is_cleared_and_names_the_grants(purpose):
    found = answer(facts(), purpose)
    assert found.cleared
    assert found.grants == ("grant_ann", "grant_bob")
    assert found.encodings[0].encoding_id == FREE_FILE.encoding_id


def test_a_share_that_nobody_granted_is_named():
    found = answer(facts(grants=(a_grant("ann"),)))
    assert [(o.code, o.about) for o in found.objections] == [(ObjectionCode.SHARE_UNGRANTED, "bob")]
    assert "50 %" in found.objections[0].message


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (a_grant("bob", starts_on=ON + DAY), ObjectionCode.GRANT_NOT_STARTED),
        (a_grant("bob", ends_on=ON), ObjectionCode.GRANT_EXPIRED),
        (a_grant("bob", purposes=frozenset({Purpose.EVALUATE})), ObjectionCode.PURPOSE_NOT_GRANTED),
        (a_grant("bob", territory="EU -DE"), ObjectionCode.TERRITORY_NOT_GRANTED),
    ],
)
def test_a_grant_that_does_not_reach_is_named_with_the_reason(grant, code):
    found = answer(facts(grants=(a_grant("ann"), grant)))
    assert [(o.code, o.about) for o in found.objections] == [(code, "grant_bob")]


def test_a_grant_for_named_models_counts_for_those_only():
    known = facts(grants=(a_grant("ann"), a_grant("bob", models=frozenset({"composer-1"}))))
    assert clear(known, Purpose.TRAIN, "EU", ON, "composer-1").cleared
    for model in (None, "composer-2"):
        found = clear(known, Purpose.TRAIN, "EU", ON, model)
        assert [o.code for o in found.objections] == [ObjectionCode.MODEL_NOT_GRANTED]


def test_a_grant_holds_on_its_first_day_and_no_longer_on_its_end():
    grant = a_grant("bob", starts_on=ON, ends_on=ON + DAY)
    known = facts(grants=(a_grant("ann"), grant))
    assert answer(known, on=ON).cleared
    assert not answer(known, on=ON + DAY).cleared
    assert not answer(known, on=ON - DAY).cleared


def test_two_grants_may_cover_a_territory_together():
    halves = (a_grant("bob", "g1", territory="EU -DE"), a_grant("bob", "g2", territory="DE"))
    assert answer(facts(grants=(a_grant("ann"), *halves))).grants == ("g1", "g2", "grant_ann")


def test_a_missing_share_is_a_gap_even_if_all_others_granted():
    known = facts(shares=(a_share("ann", 500_000), a_share("bob", 499_000)))
    assert codes(known) == [ObjectionCode.SHARE_GAP]
    assert codes(facts(shares=())) == [ObjectionCode.SHARE_GAP]


def test_shares_over_the_whole_contradict_each_other():
    known = facts(shares=(a_share("ann", 500_000), a_share("bob", 600_000)))
    assert codes(known) == [ObjectionCode.SHARE_OVERCLAIM]


def test_six_hundredths_of_a_point_are_within_the_tolerance():
    known = facts(shares=(a_share("ann", 500_000), a_share("bob", 499_400)))
    assert answer(known).cleared


def test_distributing_needs_the_performing_right_too():
    known = facts(shares=(a_share("ann", 500_000), a_share("bob", 500_000)))
    assert answer(known, Purpose.TRAIN).cleared
    assert codes(known, purpose=Purpose.DISTRIBUTE) == [ObjectionCode.SHARE_GAP]


def test_a_share_elsewhere_or_at_another_time_need_not_be_granted():
    shares = (
        a_share("ann", 1_000_000, territory="EU"),
        a_share("eve", 1_000_000, territory="US"),
        a_share("dan", 1_000_000, ends_on=ON),
    )
    known = facts(shares=shares, grants=(a_grant("ann"),))
    assert answer(known, territory="EU").cleared
    assert codes(known, territory="US") == [ObjectionCode.SHARE_UNGRANTED]


def test_a_publisher_may_grant_for_the_writers_it_represents_if_the_grant_says_so():
    shares = (a_share("ann", 500_000, represented_by=frozenset({"pub"})), a_share("pub", 500_000))
    assert codes(facts(shares=shares, grants=(a_grant("pub"),))) == [ObjectionCode.SHARE_UNGRANTED]
    assert answer(facts(shares=shares, grants=(a_grant("pub", for_represented=True),))).cleared


def test_a_work_in_the_public_domain_needs_no_grant_there_and_then():
    known = facts(shares=(), grants=(), public_domain_in="EU", public_domain_from_on=ON)
    assert answer(known).cleared
    assert is_public_domain(known, "DE", ON)
    assert not is_public_domain(known, "WORLD", ON)
    assert codes(known, territory="WORLD") == [ObjectionCode.SHARE_GAP]
    assert codes(known, on=ON - DAY) == [ObjectionCode.SHARE_GAP]


def test_a_work_whose_shares_are_unreliable_is_not_cleared():
    assert codes(facts(payable=False)) == [ObjectionCode.SHARES_UNRELIABLE]


def test_a_work_without_a_file_is_not_cleared():
    assert codes(facts(encodings=())) == [ObjectionCode.NO_ENCODING]


@pytest.mark.parametrize(
    ("licence", "code"),
    [
        ("CC-BY-NC-4.0", ObjectionCode.ENCODING_NONCOMMERCIAL),
        ("CC-BY-NC-SA-3.0", ObjectionCode.ENCODING_NONCOMMERCIAL),
        ("CC-BY-ND-4.0", ObjectionCode.ENCODING_NO_DERIVATIVES),
        ("CC-BY-SA-4.0", ObjectionCode.ENCODING_SHARE_ALIKE),
        ("GPL-3.0-or-later", ObjectionCode.ENCODING_SHARE_ALIKE),
        ("NOASSERTION", ObjectionCode.ENCODING_UNLICENSED),
        ("free for all", ObjectionCode.ENCODING_UNLICENSED),
        ("LicenseRef-House", ObjectionCode.ENCODING_UNGRANTED),
    ],
)
def test_a_file_whose_licence_does_not_permit_it_is_refused(licence, code):
    known = facts(encodings=(EncodingFact("a" * 64, licence),))
    assert codes(known) == [code]


def test_a_file_under_a_contract_is_cleared_by_the_grant_of_that_contract():
    grant = a_grant("pub", subject=GrantSubject.ENCODING, licence_ref="LicenseRef-House")
    known = facts(
        encodings=(EncodingFact("a" * 64, "LicenseRef-House"),),
        grants=(a_grant("ann"), a_grant("bob"), grant),
    )
    assert answer(known).encodings[0].grants == ("grant_ann", "grant_bob", "grant_pub")
    other = replace(known, encodings=(EncodingFact("a" * 64, "LicenseRef-Other"),))
    assert codes(other) == [ObjectionCode.ENCODING_UNGRANTED]


def test_a_grant_of_the_file_does_not_grant_the_composition():
    grant = a_grant("bob", subject=GrantSubject.ENCODING, licence_ref="LicenseRef-House")
    assert codes(facts(grants=(a_grant("ann"), grant))) == [ObjectionCode.SHARE_UNGRANTED]


def test_one_good_file_is_enough_and_the_refused_one_is_told():
    known = facts(encodings=(FREE_FILE, EncodingFact("a" * 64, "CC-BY-NC-4.0")))
    found = answer(known)
    assert found.cleared and len(found.encodings) == 1
    assert [objection.code for objection in found.refused] == [ObjectionCode.ENCODING_NONCOMMERCIAL]


def test_a_reservation_of_the_work_refuses_it_from_the_day_it_was_seen_until_it_is_lifted():
    reservation = ReservationFact("r1", "tdmrep", ON, ON + 2 * DAY)
    known = facts(reservations=(reservation,))
    assert codes(known) == [ObjectionCode.RESERVED]
    assert answer(known, on=ON - DAY).cleared
    assert answer(known, on=ON + 2 * DAY).cleared


def test_a_reservation_of_one_file_leaves_the_other():
    other = EncodingFact("a" * 64, "CC0-1.0")
    reservation = ReservationFact("r1", "cawg", ON, None, FREE_FILE.encoding_id)
    found = answer(facts(encodings=(FREE_FILE, other), reservations=(reservation,)))
    assert found.cleared
    assert [encoding.encoding_id for encoding in found.encodings] == [other.encoding_id]
    assert codes(facts(reservations=(reservation,))) == [ObjectionCode.RESERVED]


def test_every_objection_is_told_at_once():
    known = facts(
        grants=(a_grant("ann", ends_on=ON),),
        encodings=(EncodingFact("a" * 64, "NOASSERTION"),),
        reservations=(ReservationFact("r1", "robots", ON),),
    )
    assert set(codes(known)) == {
        ObjectionCode.GRANT_EXPIRED,
        ObjectionCode.SHARE_UNGRANTED,
        ObjectionCode.ENCODING_UNLICENSED,
        ObjectionCode.RESERVED,
    }


def test_no_public_licence_that_is_refused_lacks_a_reason():
    for licence in LICENCES:
        terms = terms_of(licence)
        assert terms.permits == EVERYTHING or terms.refusal is not None


TERRITORIES = ["WORLD", "EU", "DE", "US", "EU -DE", "WORLD -US", "DE +FR"]
PARTIES = ["ann", "bob", "eve"]
LICENCE_TEXTS = ["CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "LicenseRef-House", "NOASSERTION"]
days = st.integers(-3, 3).map(lambda n: ON + n * DAY)
terms = st.tuples(st.none() | days, st.none() | days)


@st.composite
def grants(draw, number=0):
    starts_on = draw(days)
    ends_on = draw(st.none() | st.integers(1, 5).map(lambda n: starts_on + n * DAY))
    subject = draw(st.sampled_from(GrantSubject))
    return GrantFact(
        f"g{number}",
        draw(st.sampled_from([*PARTIES, "pub"])),
        subject,
        frozenset(draw(st.sets(st.sampled_from(Purpose)))),
        draw(st.sampled_from(TERRITORIES)),
        starts_on,
        ends_on,
        draw(st.booleans()),
        draw(st.sampled_from([None, "LicenseRef-House"])),
        draw(st.booleans()),
        draw(st.sampled_from([None, None, frozenset({"m1"}), frozenset({"m1", "m2"})])),
    )


@st.composite
def works(draw):
    owners = draw(st.lists(st.sampled_from(PARTIES), min_size=1, max_size=3, unique=True))
    parts = {1: [1_000_000], 2: [500_000, 500_000], 3: [300_000, 300_000, 400_000]}[len(owners)]
    shares = [
        ShareFact(
            owner,
            owner,
            right,
            part,
            draw(st.sampled_from(["WORLD", "WORLD", "EU"])),
            represented_by=draw(st.sampled_from([frozenset(), frozenset({"pub"})])),
        )
        for right in (Right.MECHANICAL, Right.PERFORMING)
        for owner, part in zip(owners, parts, strict=True)
    ]
    given_grants = [draw(grants(number)) for number in range(draw(st.integers(0, 5)))]
    licences = draw(st.lists(st.sampled_from(LICENCE_TEXTS), max_size=2))
    encodings = tuple(EncodingFact(str(n) * 64, licence) for n, licence in enumerate(licences))
    reservations = draw(st.lists(st.tuples(days, st.sets(st.sampled_from(Purpose))), max_size=1))
    withdrawn = draw(st.none() | st.none() | days)
    return WorkFacts(
        "work_1",
        "Song",
        draw(st.sampled_from([None, None, "EU", "WORLD"])),
        draw(st.none() | days),
        draw(st.sampled_from([True, True, True, False])),
        tuple(shares),
        tuple(given_grants),
        encodings,
        tuple(
            ReservationFact("r", "robots", seen, purposes=frozenset(withheld))
            for seen, withheld in reservations
        ),
        () if withdrawn is None else (WithdrawalFact("x", withdrawn),),
    )


questions = st.tuples(
    st.sampled_from(Purpose), st.sampled_from(TERRITORIES), days, st.sampled_from([None, "m1", "m2"])
)


@st.composite
def widenings(draw, grant):
    """The grant with more of something: purposes, countries, days."""
    return replace(
        grant,
        purposes=grant.purposes | draw(st.sets(st.sampled_from(Purpose))),
        territory=draw(st.sampled_from([grant.territory, f"{grant.territory} +US +DE", "WORLD"])),
        starts_on=grant.starts_on - draw(st.integers(0, 3)) * DAY,
        ends_on=draw(st.sampled_from([None, grant.ends_on and grant.ends_on + DAY, grant.ends_on])),
        for_represented=grant.for_represented or draw(st.booleans()),
        models=None if grant.models is None or draw(st.booleans()) else grant.models | {"m2"},
        overrides_reservations=grant.overrides_reservations or draw(st.booleans()),
    )


@given(works(), questions, st.data())
@settings(max_examples=150, deadline=None)
def test_widening_grants_never_takes_a_permission_away(known, question, data):
    wider = tuple(data.draw(widenings(grant)) for grant in known.grants)
    more = (data.draw(grants(9)),) if data.draw(st.booleans()) else ()
    before, after = clear(known, *question), clear(replace(known, grants=wider + more), *question)
    assert after.cleared or not before.cleared
    assert {e.encoding_id for e in before.encodings} <= {e.encoding_id for e in after.encodings}


@given(works(), questions, st.data())
@settings(max_examples=80, deadline=None)
def test_taking_grants_away_never_gives_a_permission(known, question, data):
    kept = tuple(grant for grant in known.grants if data.draw(st.booleans()))
    before, after = clear(known, *question), clear(replace(known, grants=kept), *question)
    assert before.cleared or not after.cleared


@given(works(), questions, days)
@settings(max_examples=80, deadline=None)
def test_a_reservation_never_gives_a_permission(known, question, seen_on):
    reserved = (*known.reservations, ReservationFact("r9", "letter", seen_on))
    assert (
        clear(known, *question).cleared or not clear(replace(known, reservations=reserved), *question).cleared
    )


@given(works(), st.sampled_from(Purpose), days)
@settings(max_examples=80, deadline=None)
def test_what_is_cleared_for_a_territory_is_cleared_for_every_part_of_it(known, purpose, on):
    for wide in TERRITORIES:
        if clear(known, purpose, wide, on).cleared:
            for narrow in TERRITORIES:
                if countries(narrow) <= countries(wide):
                    assert clear(known, purpose, narrow, on).cleared


def slowly_cleared(known, purpose, territory, on, model):
    """The rule country by country and share by share, as plainly as it can be written."""

    def granted(grant, country):
        ended = grant.ends_on is not None and on >= grant.ends_on
        return (
            purpose in grant.purposes
            and (grant.models is None or model in grant.models)
            and grant.starts_on <= on
            and not ended
            and country in countries(grant.territory)
        )

    def composition_free(country, grants=known.grants, public_domain_in=known.public_domain_in):
        begun = known.public_domain_from_on is None or known.public_domain_from_on <= on
        if public_domain_in and begun and country in countries(public_domain_in):
            return True
        if not known.payable:
            return False
        for right in NEEDED_RIGHTS[purpose]:
            owned = [s for s in known.shares if s.right is right and country in countries(s.territory)]
            if abs(sum(share.share_ppm for share in owned) - 1_000_000) > 600:
                return False
            for share in owned:
                if not any(
                    granted(grant, country)
                    and grant.subject is GrantSubject.COMPOSITION
                    and (
                        grant.licensor_id == share.party_id
                        or (grant.for_represented and grant.licensor_id in share.represented_by)
                    )
                    for grant in grants
                ):
                    return False
        return True

    def file_free(encoding, country):
        if encoding.licence.startswith("LicenseRef-"):
            return any(
                granted(grant, country)
                and grant.subject is GrantSubject.ENCODING
                and grant.licence_ref == encoding.licence
                for grant in known.grants
            )
        return purpose in terms_of(encoding.licence).permits

    asked = countries(territory)
    if any(withdrawal.effective_on <= on for withdrawal in known.withdrawals):
        return False
    if any(r.seen_on <= on and purpose in r.purposes for r in known.reservations):
        winning = [grant for grant in known.grants if grant.overrides_reservations]
        if not winning or not all(composition_free(country, winning, None) for country in asked):
            return False
    files = [e for e in known.encodings if all(file_free(e, country) for country in asked)]
    return bool(files) and all(composition_free(country) for country in asked)


@given(works(), questions)
@settings(max_examples=150, deadline=None)
def test_the_answer_is_that_of_the_rule_applied_country_by_country(known, question):
    found = clear(known, *question)
    assert found.cleared == slowly_cleared(known, *question)
    assert found.cleared == (not found.objections)
    assert clear_all([known], *question) == [found]
