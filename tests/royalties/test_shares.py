"""Is money divided along the chain so that nothing is lost, and is only what is in dispute frozen?"""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.disputes import Dispute
from catalog.mandates import Mandate
from catalog.vocabulary import MandateKind, Right
from royalties.chains import ClaimsBook, divide_chain
from royalties.digests import digest_rows
from royalties.entitlement import PayeeKind
from royalties.gathering import _digest_shares
from royalties.money import PPM
from royalties.shares import Part, read_shares, split_work, works_of
from tests.royalties.builders import OCTOBER, a_policy, a_total, shares_from, some_inputs
from tests.royalties.reference import rounded

RIGHT = Right.MECHANICAL
START = date(2026, 1, 1)
OCTOBER_5 = date(2026, 10, 5)


def a_mandate(owner="owner", collector="admin", commission_ppm=100_000, **more) -> Mandate:
    fields = {
        "id": f"mandate_{owner}_{collector}",
        "kind": MandateKind.ADMINISTRATION,
        "rights": frozenset(Right),
        "territory": "WORLD",
        "starts_on": START,
    }
    return Mandate(owner=owner, collector=collector, commission_ppm=commission_ppm, **(fields | more))


def a_dispute(*parties, share_ppm=250_000, number=1, **more) -> Dispute:
    fields = {"right": RIGHT, "territory": "WORLD", "starts_on": START}
    return Dispute(f"dispute_{number}", "work", tuple(parties), share_ppm, **(fields | more))


def claims(*held, territory="DE", on=OCTOBER_5):
    mandates = [each for each in held if isinstance(each, Mandate)]
    disputes = [each for each in held if isinstance(each, Dispute)]
    return ClaimsBook(RIGHT, mandates, disputes).at(territory, on)


def told(split) -> dict[tuple[str, str, str], int]:
    return {(part.payee.account, part.role, part.on_behalf_of): part.share_ppm for part in split}


CHAIN = (
    a_mandate(commission_ppm=100_000),
    a_mandate("admin", "sub", 200_000, kind=MandateKind.SUB_PUBLISHING),
)


def test_commissions_apply_one_after_the_other_at_source():
    """Of half a work the sub-publisher keeps a fifth (100,000), the administrator a tenth of the rest."""
    split = split_work("work", [("owner", 500_000), ("other", 500_000)], claims(*CHAIN))
    assert told(split) == {
        ("party:owner", "owner", ""): 360_000,
        ("party:admin", "administrator", "owner"): 40_000,
        ("party:sub", "sub_publisher", "owner"): 100_000,
        ("party:other", "", ""): 500_000,
    }
    assert {part.agreement for part in split if part.payee.id == "sub"} == {"mandate_admin_sub"}
    assert {part.agreement for part in split if part.payee.id == "owner"} == {"mandate_owner_admin"}


@pytest.mark.parametrize(
    ("territory", "on", "collectors"),
    [
        ("DE", date(2026, 10, 1), {"admin", "sub"}),
        ("DE", date(2026, 9, 30), {"admin"}),  # the sub-publisher begins in October
        ("SE", date(2026, 10, 1), {"admin"}),  # and is for Germany only
        ("US", date(2026, 10, 1), set()),  # nobody collects there
        ("DE", date(2027, 1, 1), set()),  # the first day that is no longer in the administrator's term
        ("EU", date(2026, 10, 1), {"admin"}),  # in all of it, not in a part
    ],
)
def test_day_and_territory_of_use_choose_the_agreement(territory, on, collectors):
    admin = a_mandate(territory="WORLD -US", ends_on=date(2027, 1, 1))
    sub = a_mandate("admin", "sub", territory="DE", starts_on=date(2026, 10, 1))
    split = split_work("work", [("owner", PPM)], claims(admin, sub, territory=territory, on=on))
    assert {part.payee.id for part in split if part.on_behalf_of} == collectors


def test_a_mandate_of_another_right_or_another_work_takes_nothing():
    performing = a_mandate(rights=frozenset({Right.PERFORMING}))
    elsewhere = a_mandate("other", "admin", works=frozenset({"another"}))
    split = split_work("work", [("owner", 500_000), ("other", 500_000)], claims(performing, elsewhere))
    assert {part.on_behalf_of for part in split} == {""}


def test_a_mandate_that_names_the_work_goes_before_one_for_all_works():
    split = split_work(
        "work",
        [("owner", PPM)],
        claims(a_mandate(), a_mandate("owner", "special", works=frozenset({"work"}))),
    )
    assert {part.payee.id for part in split} == {"owner", "special"}


def test_a_collector_keeps_its_own_share_apart_from_its_commissions():
    both = (a_mandate("a", "admin"), a_mandate("b", "admin", 200_000))
    split = split_work("work", [("a", 300_000), ("admin", 300_000), ("b", 400_000)], claims(*both))
    admin = {part.on_behalf_of: part.share_ppm for part in split if part.payee.id == "admin"}
    assert admin == {"": 300_000, "a": 30_000, "b": 80_000}


def test_a_commission_of_nothing_or_of_everything_leaves_no_empty_part():
    assert told(split_work("work", [("owner", PPM)], claims(a_mandate(commission_ppm=0)))) == {
        ("party:owner", "owner", ""): PPM
    }
    assert told(split_work("work", [("owner", PPM)], claims(a_mandate(commission_ppm=PPM)))) == {
        ("party:admin", "administrator", "owner"): PPM
    }


def test_mandates_in_a_circle_are_a_fault_of_the_caller():
    with pytest.raises(ValueError, match="lead back to owner"):
        split_work("work", [("owner", PPM)], claims(a_mandate(), a_mandate("admin", "owner")))


def test_only_what_is_in_dispute_is_frozen_and_the_rest_is_collected():
    split = split_work(
        "work",
        [("owner", 600_000), ("other", 400_000)],
        claims(*CHAIN, a_dispute("owner", share_ppm=100_000)),
    )
    assert told(split) == {
        ("party:owner", "owner", ""): 360_000,
        ("party:admin", "administrator", "owner"): 40_000,
        ("party:sub", "sub_publisher", "owner"): 100_000,
        ("party:other", "", ""): 400_000,
        ("suspense:DISPUTE:work", "", "owner"): 100_000,
    }
    assert split[-1].agreement == "dispute_1"


@pytest.mark.parametrize(
    ("parties", "share_ppm", "frozen"),
    [
        (("a", "b"), 100_000, {"a": 75_000, "b": 25_000}),  # of both, in proportion to what they have
        (("b", "nobody"), 100_000, {"b": 100_000}),  # who has nothing loses nothing
        (("b",), 900_000, {"b": 200_000}),  # never more than the parties have
        (("nobody",), 100_000, {}),
    ],
)
def test_a_dispute_freezes_of_what_its_parties_have(parties, share_ppm, frozen):
    split = split_work(
        "work", [("a", 600_000), ("b", 200_000)], claims(a_dispute(*parties, share_ppm=share_ppm))
    )
    held = {part.on_behalf_of: part.share_ppm for part in split if part.payee.reason == "DISPUTE"}
    assert held == frozen
    assert sum(part.share_ppm for part in split) == PPM
    assert told(split)["suspense:SHARE_GAP:work", "", ""] == 200_000


def test_two_disputes_never_freeze_a_share_twice():
    both = (a_dispute("a", share_ppm=400_000), a_dispute("a", share_ppm=400_000, number=2))
    split = split_work("work", [("a", 500_000), ("b", 500_000)], claims(*both))
    held = {part.agreement: part.share_ppm for part in split if part.payee.reason}
    assert held == {"dispute_1": 400_000, "dispute_2": 100_000}


def test_a_role_is_told_of_owners_and_not_of_who_collects():
    split = split_work(
        "work", [("owner", 500_000), ("other", 500_000)], claims(*CHAIN),
        {"owner": "original_publisher", "other": "composer", "admin": "lyricist"},
    )  # fmt: skip
    assert {part.payee.id: part.role for part in split} == {
        "owner": "original_publisher", "admin": "administrator", "sub": "sub_publisher", "other": "composer",
    }  # fmt: skip


PPMS = st.integers(0, PPM)
CHAINS = st.lists(PPMS, max_size=5)


def chain_from(commissions, owner="party_0"):
    parties = [owner, *(f"{owner}_collector_{place}" for place in range(len(commissions)))]
    return [
        a_mandate(giver, collector, commission)
        for giver, collector, commission in zip(parties, parties[1:], commissions, strict=False)
    ]


def slow_chain(share: Fraction, commissions: list[int]) -> list[Fraction]:
    """What each has exactly, the owner first: the money is handed from the last collector to the owner."""
    if not commissions:
        return [share]
    kept = share * Fraction(commissions[-1], PPM)
    return [*slow_chain(share - kept, commissions[:-1]), kept]


@given(PPMS, CHAINS)
def test_a_chain_of_any_length_conserves_and_equals_the_slow_one(share_ppm, commissions):
    parts = divide_chain(share_ppm, chain_from(commissions))
    exact = slow_chain(Fraction(share_ppm), commissions)
    assert sum(parts) == share_ppm
    assert parts == list(rounded(share_ppm, dict(enumerate(exact))).values())
    assert all(abs(part - value) < 1 for part, value in zip(parts, exact, strict=True))


SHARES = st.lists(
    st.tuples(st.sampled_from(["party_0", "party_1", "party_2"]), st.integers(0, 600_000)), max_size=4
)
DISPUTES = st.lists(
    st.builds(
        lambda parties, ppm: (sorted(parties), ppm),
        st.sets(st.sampled_from(["party_0", "party_1", "party_2", "stranger"]), min_size=1),
        st.integers(1, PPM),
    ),
    max_size=3,
)


@given(SHARES, CHAINS, CHAINS, DISPUTES)
def test_every_split_is_the_whole_work(shares, first, second, disputed):
    disputes = [a_dispute(*names, share_ppm=ppm, number=n) for n, (names, ppm) in enumerate(disputed)]
    held = claims(*chain_from(first), *chain_from(second, "party_1"), *disputes)
    split = split_work("work", shares, held)
    assert sum(part.share_ppm for part in split) == PPM
    assert all(part.share_ppm > 0 for part in split)
    assert len({part[:1] + part[2:] for part in split}) == len(split), "no two parts are the same but in ppm"

    plain = split_work("work", shares)
    frozen = [part for part in split if part.payee.reason == "DISPUTE"]
    for party in ("party_0", "party_1", "party_2"):
        own = sum(part.share_ppm for part in plain if part.payee.id == party)
        now = sum(
            part.share_ppm for part in split
            if part.on_behalf_of == party or (part.payee.id == party and not part.on_behalf_of)
        )  # fmt: skip
        assert now == own, "what is paid for an owner and what is frozen of it is what it owns"
    assert sum(part.share_ppm for part in frozen) <= sum(ppm for _, ppm in disputed)


@given(SHARES)
def test_without_mandates_and_disputes_a_split_is_what_it_was(shares):
    elsewhere = claims(a_mandate("stranger", "admin"), a_dispute("stranger"))
    split = split_work("work", shares, elsewhere)
    assert split == split_work("work", shares)
    assert all(part == Part(part.payee, part.share_ppm) for part in split)


def test_days_with_the_same_shares_and_mandates_are_one_epoch():
    usage = [a_total(day=day) for day in (1, 14, 15, 31)]
    inputs = some_inputs(mandates=(a_mandate("party_1", "admin", starts_on=date(2026, 10, 15)),))
    book = read_shares(usage, works_of(usage, inputs), a_policy(), OCTOBER, inputs)
    epochs = [book.epoch_of["DE", date(2026, 10, day)] for day in (1, 14, 15, 31)]
    assert epochs[0] == epochs[1] != epochs[2] == epochs[3]
    assert len(book.epochs) == 2


def book_of(**changes):
    usage = [a_total()]
    inputs = some_inputs(**changes)
    return read_shares(usage, works_of(usage, inputs), a_policy(), OCTOBER, inputs)


def test_the_digest_of_shares_tells_mandates_and_disputes_and_is_the_old_one_without_any():
    """The old one is spelled here as it was: work, account and ppm of each part."""
    plain = book_of()
    epoch = digest_rows(
        (work, payee.account, ppm)
        for work, split in sorted(plain.epochs[0].items())
        for payee, ppm, *_ in split
    )
    rows = [("DE", "2026-10-05", epoch), ("SE", "2026-10-31", epoch)]
    assert _digest_shares(plain) == digest_rows(rows)
    assert _digest_shares(book_of(roles_of=lambda *_: {"work_a": {"party_1": "composer"}})) == digest_rows(
        rows
    )
    free = a_mandate("party_1", commission_ppm=0)
    others = {
        _digest_shares(book_of(mandates=(free,))),
        _digest_shares(book_of(mandates=(a_mandate("party_1", id="another", commission_ppm=0),))),
        _digest_shares(book_of(mandates=(a_mandate("party_1"),))),
        _digest_shares(book_of(disputes=(Dispute("d", "work_a", ("party_1",), 1, RIGHT, "WORLD", START),))),
    }
    assert len(others | {digest_rows(rows)}) == 5


def test_an_overclaim_suspends_the_whole_work_whoever_collects():
    split = split_work("work", [("owner", PPM), ("other", 100_000)], claims(*CHAIN, a_dispute("owner")))
    assert [part.payee.account for part in split] == ["suspense:SHARE_OVERCLAIM:work"]
    assert split[0].payee.kind is PayeeKind.SUSPENSE


def test_roles_are_asked_once_for_the_right_that_is_divided():
    asked = []

    def roles_of(works, right):
        asked.append((tuple(works), right))
        return {}

    book_of(roles_of=roles_of, shares_on=shares_from({}))
    assert asked == [(("work_a", "work_b"), RIGHT)]
