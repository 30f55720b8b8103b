"""Is every unit of an account accounted for, and recouped, held, taxed and carried by the terms?"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from royalties.settlement import Account, Income, Waiting, settle
from royalties.terms import Hold, IncomeRule, PayeeData, Terms

PPM = 1_000_000


def settled(*accounts, threshold_minor=0):
    return settle(list(accounts), currency="EUR", threshold_minor=threshold_minor)


def an_account(earned_minor=0, payee="p", **changes):
    terms = {name: changes.pop(name) for name in list(changes) if name in Terms.__slots__}
    protected_minor = changes.pop("protected_minor", 0)
    return Account(
        payee, Terms(payee, currency="EUR", **terms), earned=Income(earned_minor, protected_minor), **changes
    )


def test_an_advance_is_paid_off_by_what_is_earned_and_the_rest_is_paid():
    """Section 4.6: start 0, advance 1000.00, earnings 400.00 / 700.00 / 250.00 in three periods."""
    advance_minor, paid = 1000_00, []
    for earned_minor in (400_00, 700_00, 250_00):
        s = settled(an_account(earned_minor, advance_minor=advance_minor))["p"]
        paid.append(s.payable_minor)
        advance_minor = s.advance_after_minor
    assert paid == [0, 100_00, 250_00]
    assert advance_minor == 0


def test_income_that_is_not_recoupable_is_paid_past_the_balance():
    s = settled(an_account(1000, protected_minor=300, advance_minor=10_000))["p"]
    assert (s.recouped_minor, s.payable_minor, s.carried_minor) == (700, 300, 0)


def test_rules_name_income_by_pot_right_and_role():
    rules = (IncomeRule("training"), IncomeRule(right="performing"), IncomeRule(role="composer"))
    terms = Terms("p", not_recoupable=rules)
    assert not terms.is_recoupable("output", "mechanical", "composer")
    assert terms.is_recoupable("output", "mechanical", "publisher")
    assert not terms.is_recoupable("training", "mechanical")
    assert not terms.is_recoupable("output", "performing")
    assert terms.is_recoupable("output", "mechanical")


def test_a_group_has_one_balance_and_each_pays_off_its_own_first():
    one = an_account(500, "a", advance_minor=200, cross_collateral="house")
    two = an_account(900, "b", advance_minor=1_000, cross_collateral="house")
    alone = an_account(900, "c", advance_minor=0)
    s = settled(one, two, alone)
    assert [(x.recouped_minor, x.credited_minor, x.payable_minor) for x in s.values()] == [
        (300, 200, 200),
        (900, 1_000, 0),
        (0, 0, 900),
    ]
    assert {(x.advance_before_minor, x.advance_after_minor) for x in (s["a"], s["b"])} == {(1_200, 0)}
    assert settled(alone, two, one) == s


def test_what_pays_off_the_others_is_in_proportion():
    owing = an_account(0, "z", advance_minor=100, cross_collateral="house")
    earning = [an_account(minor, name, cross_collateral="house") for name, minor in (("a", 300), ("b", 100))]
    s = settled(owing, *earning)
    assert [s[name].recouped_minor for name in "abz"] == [75, 25, 0]
    assert s["z"].credited_minor == 100


def test_a_reserve_is_held_of_what_is_earned_and_comes_back_whole():
    s = settled(an_account(1_005, reserve_ppm=100_000, release_after_periods=2))["p"]
    assert (s.held_minor, s.payable_minor) == (100, 905)
    s = settled(an_account(0, due=Income(100)))["p"]
    assert (s.released_minor, s.payable_minor) == (100, 100)


def test_tax_is_withheld_of_what_is_paid_out_and_of_nothing_else():
    terms = {"withholding_ppm": 150_000, "residence": "US", "withholding_basis": "x"}
    s = settled(an_account(1_001, **terms))["p"]
    assert (s.gross_minor, s.withheld_minor, s.payable_minor) == (1_001, 150, 851)
    s = settled(an_account(1_001, **terms), threshold_minor=2_000)["p"]
    assert (s.withheld_minor, s.payable_minor, s.carried_minor) == (0, 0, 1_001)


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (an_account(99), Waiting.BELOW_THRESHOLD),
        (an_account(99, opening=Income(-100)), Waiting.NEGATIVE_BALANCE),
        (an_account(99, hold=Hold.SANCTIONS), Waiting.SANCTIONS_HOLD),
        (an_account(500, payee_data=PayeeData.MISSING), Waiting.MISSING_PAYEE_DATA),
        (an_account(99, opening=Income(-99), hold=Hold.SANCTIONS), Waiting.NOTHING),
        (an_account(100), Waiting.NOTHING),
        (an_account(99, threshold_minor=99), Waiting.NOTHING),
        (an_account(100, threshold_minor=101), Waiting.BELOW_THRESHOLD),
    ],
)
def test_what_waits_says_why(account, reason):
    s = settled(account, threshold_minor=100)["p"]
    assert s.reason is reason
    assert (s.carried_minor == 0) == (reason is Waiting.NOTHING)


def test_what_waits_below_the_threshold_is_paid_when_it_has_waited_enough():
    carried_minor, waited, paid = 0, 0, []
    for _ in range(4):
        account = an_account(10, opening=Income(carried_minor), waited=waited, pay_out_after_periods=2)
        s = settled(account, threshold_minor=1_000)["p"]
        carried_minor, waited = s.carried_minor, s.waited
        paid.append(s.payable_minor)
    assert paid == [0, 0, 30, 0]


def test_a_threshold_that_was_agreed_in_another_currency_does_not_count():
    terms = Terms("p", currency="USD", threshold_minor=0)
    s = settled(Account("p", terms, earned=Income(5)), threshold_minor=10)["p"]
    assert (s.reason, s.threshold_minor) == (Waiting.BELOW_THRESHOLD, 10)


def test_carried_income_that_is_not_recoupable_stays_so():
    first = settled(an_account(300, protected_minor=200), threshold_minor=1_000)["p"]
    assert (first.carried_minor, first.carried_protected_minor) == (300, 200)
    opening = Income(first.carried_minor, first.carried_protected_minor)
    second = settled(an_account(0, opening=opening, advance_minor=10_000))["p"]
    assert (second.recouped_minor, second.payable_minor) == (100, 200)


amounts = st.integers(0, 2_000)


@st.composite
def accounts(draw):
    """Up to five accounts in up to two groups, with every term."""
    made = []
    for number in range(draw(st.integers(1, 5))):
        earned = draw(amounts)
        due = draw(amounts)
        opening, restated = draw(st.integers(-2_000, 2_000)), draw(st.integers(-2_000, 2_000))
        made.append(
            an_account(
                earned, f"p{number}", protected_minor=draw(st.integers(0, earned)),
                opening=Income(opening, draw(st.integers(0, max(opening, 0)))),
                restated=Income(restated, draw(st.integers(-500, 500))),
                due=Income(due, draw(st.integers(0, due))),
                advance_minor=draw(amounts), waited=draw(st.integers(0, 3)),
                cross_collateral=draw(st.sampled_from(["", "g", "h"])),
                reserve_ppm=draw(st.sampled_from([0, 1, 333_333, PPM])), release_after_periods=1,
                withholding_ppm=draw(st.sampled_from([0, 150_000, 333_333, PPM])),
                threshold_minor=draw(st.sampled_from([None, 0, 700])),
                pay_out_after_periods=draw(st.integers(0, 3)),
                hold=draw(st.sampled_from(list(Hold))), payee_data=draw(st.sampled_from(list(PayeeData))),
            )
        )  # fmt: skip
    return made


def slowly(all_accounts, threshold_minor):
    """The slow reference: walks over accounts, and pays off advances one unit after the other."""
    left, owed, result = {}, {}, {}
    for a in all_accounts:
        keep = Fraction(a.terms.reserve_ppm, PPM)
        held = int(a.earned.total_minor * keep), int(a.earned.protected_minor * keep)
        parts = (a.opening, a.earned, a.restated, a.due)
        total = sum(part.total_minor for part in parts) - held[0]
        free = sum(part.total_minor - part.protected_minor for part in parts) - (held[0] - held[1])
        left[a.payee] = sorted((0, free, max(total, 0)))[1]
        owed[a.payee] = a.advance_minor
        result[a.payee] = {"total": total, "held": held[0], "recouped": 0, "credited": 0}
    for a in all_accounts:
        while left[a.payee] and owed[a.payee]:
            left[a.payee] -= 1
            owed[a.payee] -= 1
            result[a.payee]["recouped"] += 1
            result[a.payee]["credited"] += 1
    for group in ("g", "h"):
        names = [a.payee for a in all_accounts if a.terms.cross_collateral == group]
        shared = min(sum(left[name] for name in names), sum(owed[name] for name in names))
        for column, sizes in (("recouped", left), ("credited", owed)):
            whole = sum(sizes[name] for name in names)
            exact = {name: Fraction(shared * sizes[name], whole or 1) for name in names}
            rounded = {name: int(part) for name, part in exact.items()}
            by_rest = sorted(names, key=lambda name: (rounded[name] - exact[name], name))
            for name in by_rest[: shared - sum(rounded.values())]:
                rounded[name] += 1
            for name in names:
                result[name][column] += rounded[name]
    for a in all_accounts:
        found = result[a.payee]
        rest = found["total"] - found["recouped"]
        t = a.terms
        limit = threshold_minor if t.threshold_minor is None else t.threshold_minor
        enough = rest >= limit or 0 < t.pay_out_after_periods <= a.waited
        pays = rest > 0 and not t.hold and t.payee_data is PayeeData.COMPLETE and enough
        found["withheld"] = int(Fraction(rest * t.withholding_ppm, PPM)) if pays else 0
        found["payable"] = rest - found["withheld"] if pays else 0
        found["carried"] = 0 if pays else rest
    return result


@given(accounts(), st.integers(0, 1_000))
def test_every_unit_is_accounted_for_as_a_slow_walk_has_it(made, threshold_minor):
    found = settled(*made, threshold_minor=threshold_minor)
    expected = slowly(made, threshold_minor)
    for account in made:
        s = found[account.payee]
        assert s.opening_minor + s.earned_minor + s.restated_minor == (
            s.recouped_minor + s.held_minor - s.released_minor + s.withheld_minor + s.payable_minor
            + s.carried_minor
        )  # fmt: skip
        told = {name: getattr(s, f"{name}_minor") for name in expected[account.payee] if name != "total"}
        assert told == {name: minor for name, minor in expected[account.payee].items() if name != "total"}
        assert min(told["recouped"], told["credited"], told["withheld"], told["payable"]) >= 0
        assert s.credited_minor <= account.advance_minor
        assert 0 <= s.carried_protected_minor <= max(s.carried_minor, 0)
    assert sum(s.recouped_minor for s in found.values()) == sum(s.credited_minor for s in found.values())
    assert settled(*made[::-1], threshold_minor=threshold_minor) == found
