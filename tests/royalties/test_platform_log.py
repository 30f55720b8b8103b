"""Is what was generated here counted once a month, by the price list and to the cent?"""

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from royalties.counting import count_usage
from royalties.errors import NothingToDistributeError, PricesRefusedError
from royalties.platform_log import load_prices, usage_of
from royalties.usage import UsageFormat, import_usage
from tests.royalties.builders import NOW, OCTOBER

COMMON = 'service = "Example (invented)"\nuse_type = "Generation"\nterritory = "SE"\ncurrency = "EUR"\n'
OVER = date(2026, 11, 1)
MADE = {"gen_b": date(2026, 10, 31), "gen_a": date(2026, 10, 1), "gen_c": date(2026, 11, 1)}


def prices_of(folder, text):
    path = folder / "prices.toml"
    path.write_text(text)
    return load_prices(path)


def rows_of(data: bytes):
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_each_generation_of_the_month_is_a_line_at_its_price(tmp_path):
    rows = rows_of(usage_of(MADE, prices_of(tmp_path, COMMON + "price_minor = 25"), OCTOBER, OVER))
    assert [(row["line_id"], row["generation"], row["used_on"], row["revenue_minor"]) for row in rows] == [
        ("gen_a", "gen_a", "2026-10-01", "25"), ("gen_b", "gen_b", "2026-10-31", "25"),
    ]  # fmt: skip


@given(st.integers(0, 10**12), st.integers(1, 40))
def test_the_revenue_of_subscriptions_is_divided_to_the_unit(tmp_path_factory, total, number):
    prices = prices_of(tmp_path_factory.mktemp("p"), f"{COMMON}subscriptions_minor = {total}")
    rows = rows_of(usage_of({f"gen_{n}": OCTOBER.starts_on for n in range(number)}, prices, OCTOBER, OVER))
    amounts = [int(row["revenue_minor"]) for row in rows]
    assert sum(amounts) == total
    assert max(amounts) - min(amounts) <= 1


def test_the_file_is_taken_in_and_the_same_generations_are_the_same_file(session, tmp_path):
    prices = prices_of(tmp_path, COMMON + "price_minor = 25")
    path = tmp_path / "log.csv"
    for made in (MADE, dict(reversed(MADE.items()))):
        path.write_bytes(usage_of(made, prices, OCTOBER, OVER))
        report = import_usage(session, tmp_path / "usage", UsageFormat.CSV, path, imported_at=NOW)
        assert (report.lines, report.findings) == (2, ())
    assert [total.revenue_minor for total in count_usage(session, OCTOBER, "EUR").totals] == [25, 25]


@pytest.mark.parametrize(("made", "today"), [(MADE, date(2026, 10, 31)), ({}, OVER)])
def test_a_month_that_is_not_over_or_empty_is_refused(tmp_path, made, today):
    with pytest.raises(NothingToDistributeError, match="2026-10"):
        usage_of(made, prices_of(tmp_path, COMMON + "price_minor = 25"), OCTOBER, today)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (COMMON, ["AMOUNT"]),
        (COMMON + "price_minor = 1\nsubscriptions_minor = 1", ["AMOUNT"]),
        (COMMON + "price_minor = 0.5", ["WRONG_VALUE"]),
        (COMMON + "price_minor = -1", ["WRONG_VALUE"]),
        (COMMON + "price_minor = true", ["WRONG_VALUE"]),
        (COMMON.replace("SE", "Sweden") + "price_minor = 1\nmore = 2", ["UNKNOWN_FIELD", "WRONG_VALUE"]),
        ("currency = 5\nprice_minor = 1", ["MISSING_FIELD"] * 3 + ["WRONG_VALUE"]),
        ("currency = [1]\nprice_minor = 1", ["MISSING_FIELD"] * 3 + ["WRONG_VALUE"]),
        ("=", ["NO_TOML"]),
    ],
)
def test_every_fault_of_a_price_list_is_listed(tmp_path, text, codes):
    with pytest.raises(PricesRefusedError) as refused:
        prices_of(tmp_path, text)
    assert [finding.code for finding in refused.value.findings] == codes


def test_a_price_list_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PricesRefusedError, match="cannot be read"):
        load_prices(tmp_path / "none.toml")
