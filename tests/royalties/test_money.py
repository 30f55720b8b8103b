"""Is nothing lost and nothing invented when money is divided?"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from royalties.errors import CurrencyMismatchError, MoneyRangeError
from royalties.money import EXPONENTS, Money, allocate, allocate_minor, format_minor, in_range, parse_minor

WEIGHTS = st.dictionaries(st.text(max_size=3), st.integers(0, 10**30), min_size=1, max_size=30).filter(
    lambda weights: sum(weights.values()) > 0
)
TOTALS = st.integers(-(10**18), 10**18)


@pytest.mark.parametrize(
    ("total", "num", "parts"),
    [
        (10_000, 3, [3334, 3333, 3333]),
        (5, 3, [2, 2, 1]),
        (100, 7, [15, 15, 14, 14, 14, 14, 14]),
        (-10_000, 3, [-3334, -3333, -3333]),
    ],
)
def test_the_published_rounding_vectors_come_out(total, num, parts):
    weights = {f"party_{index}": 1 for index in range(num)}
    assert list(allocate_minor(total, weights).values()) == parts


@given(TOTALS, WEIGHTS)
def test_the_parts_sum_to_the_whole(total, weights):
    assert sum(allocate_minor(total, weights).values()) == total


@given(TOTALS, WEIGHTS)
def test_no_part_is_a_whole_unit_away_from_the_exact_one(total, weights):
    whole = sum(weights.values())
    for key, part in allocate_minor(total, weights).items():
        assert abs(part * whole - total * weights[key]) < whole


@given(TOTALS, WEIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_the_weights_does_not_matter(total, weights, shuffler):
    items = list(weights.items())
    shuffler.shuffle(items)
    assert list(allocate_minor(total, dict(items)).items()) == list(allocate_minor(total, weights).items())


@given(TOTALS, WEIGHTS)
def test_a_reversal_is_the_exact_negative(total, weights):
    forward, back = allocate_minor(total, weights), allocate_minor(-total, weights)
    assert {key: -part for key, part in forward.items()} == back


@given(TOTALS, WEIGHTS)
def test_a_weight_of_zero_gets_nothing(total, weights):
    parts = allocate_minor(total, weights)
    assert all(parts[key] == 0 for key, weight in weights.items() if weight == 0)


def test_ties_go_to_the_smaller_key_whatever_the_order():
    keys = ["party_c", "party_a", "party_b"]
    random.Random(1).shuffle(keys)
    assert allocate_minor(1, dict.fromkeys(keys, 1)) == {"party_a": 1, "party_b": 0, "party_c": 0}


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 2, "b": -1}])
def test_weights_without_meaning_are_refused(weights):
    with pytest.raises(ValueError):
        allocate_minor(100, weights)


def test_an_amount_is_divided_in_its_own_currency():
    assert allocate(Money(1000, "EUR"), {"a": 1, "b": 1, "c": 1}) == {
        "a": Money(334, "EUR"),
        "b": Money(333, "EUR"),
        "c": Money(333, "EUR"),
    }


def test_two_currencies_do_not_add():
    with pytest.raises(CurrencyMismatchError, match="USD"):
        Money(1, "EUR") + Money(1, "USD")


def test_amounts_of_one_currency_add_and_subtract():
    assert Money(500, "EUR") - Money(720, "EUR") + Money(20, "EUR") == Money(-200, "EUR")


@pytest.mark.parametrize("amount", [1.0, True, "1"])
def test_an_amount_is_an_integer_and_nothing_like_one(amount):
    with pytest.raises(TypeError):
        Money(amount, "EUR")


def test_a_currency_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="XYZ"):
        Money(1, "XYZ")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1234, "EUR", "12.34"),
        (-5, "EUR", "-0.05"),
        (1234, "JPY", "1234"),
        (7, "KWD", "0.007"),
        (1, "CLF", "0.0001"),
    ],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(amount, currency, text):
    assert format_minor(amount, currency) == text
    assert parse_minor(text, currency) == amount


@given(st.integers(-(10**20), 10**20), st.sampled_from(sorted(EXPONENTS)))
def test_an_amount_survives_being_written_and_read(amount, currency):
    assert parse_minor(format_minor(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("text", "currency"),
    [("12.345", "EUR"), ("1.0", "JPY"), ("1e3", "EUR"), ("", "EUR"), ("1,5", "EUR"), ("٣", "EUR")],
)
def test_a_text_that_is_no_exact_amount_is_refused(text, currency):
    with pytest.raises(ValueError):
        parse_minor(text, currency)


def test_an_amount_that_the_database_cannot_hold_is_refused():
    assert in_range(2**63 - 1) == 2**63 - 1
    with pytest.raises(MoneyRangeError):
        in_range(2**63)
