"""Is each listener's money divided by what that listener used, to the millionth of a minor unit?"""

from datetime import date
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from royalties.counting import count_usage
from royalties.errors import MoneyRangeError, UsageStoreError
from royalties.listening import MICRO, divide_listeners
from royalties.rates import RateKind, read_rates
from royalties.usage import UsageFormat, import_usage, lines_path
from tests.royalties.builders import FIELDS, NOW, OCTOBER, a_line, as_csv
from tests.royalties.test_rates import USD, bring_rates

COLUMNS = (*FIELDS, "listener")
SCHEMA = {
    "generation": pl.String, "territory": pl.String, "used_on": pl.Date, "service": pl.String,
    "currency": pl.String, "units": pl.Int64, "revenue_minor": pl.Int64, "listener": pl.String,
}  # fmt: skip


def bring_in(session, folder, lines, columns=COLUMNS, name="usage.csv"):
    path = folder / name
    path.write_bytes(as_csv(lines, columns=columns))
    return import_usage(session, folder / "usage", UsageFormat.CSV, path, imported_at=NOW)


def slow(lines):
    """The exact money of each (generation, territory, day, currency), a listener at a time."""
    groups = {}
    for line in lines:
        key = (line["generation"], line["territory"], line["used_on"])
        uses = groups.setdefault((line["service"], line["listener"], line["currency"]), {})
        entry = uses.setdefault(key, [0, 0])
        entry[0] += line["units"]
        entry[1] += line["revenue_minor"]
    exact = {}
    for (_, _, currency), uses in groups.items():
        units, money = (sum(entry[at] for entry in uses.values()) for at in (0, 1))
        fair = units > 0 and all(entry[0] >= 0 for entry in uses.values())
        for key, entry in uses.items():
            share = Fraction(money * entry[0], units) if fair else Fraction(entry[1])
            exact[*key, currency] = exact.get((*key, currency), Fraction(0)) + share * MICRO
    return exact, len(groups)


some_lines = st.lists(
    st.fixed_dictionaries(
        {
            "generation": st.sampled_from(["gen_1", "gen_2", "gen_3"]),
            "territory": st.sampled_from(["DE", "SE"]),
            "used_on": st.sampled_from([date(2026, 10, 5), date(2026, 10, 6)]),
            "service": st.sampled_from(["a", "b"]),
            "currency": st.sampled_from(["EUR", "USD"]),
            "units": st.integers(-2, 9),
            "revenue_minor": st.integers(-100, 10**12),
            "listener": st.sampled_from([None, "", "l1", "l2"]),
        }
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(some_lines, st.randoms())
def test_the_fast_way_gives_what_the_slow_one_gives_whatever_the_order(lines, chance):
    exact, num_listeners = slow(lines)
    found = divide_listeners(pl.LazyFrame(lines, schema=SCHEMA))
    parts = {(row[0], row[1], row[2], row[3]): row[4] for row in found.iter_rows()}
    assert parts.keys() == exact.keys()
    assert sum(parts.values()) == MICRO * sum(line["revenue_minor"] for line in lines)
    assert all(abs(parts[key] - exact[key]) < num_listeners for key in parts)
    shuffled = list(lines)
    chance.shuffle(shuffled)
    assert divide_listeners(pl.LazyFrame(shuffled, schema=SCHEMA)).equals(found)


@settings(max_examples=60, deadline=None)
@given(some_lines)
def test_the_reversal_is_the_exact_negative(lines):
    opposite = [line | {"revenue_minor": -line["revenue_minor"]} for line in lines]
    there, back = (divide_listeners(pl.LazyFrame(each, schema=SCHEMA)) for each in (lines, opposite))
    assert there.with_columns(pl.col("micro") * -1).equals(back)


def test_a_heavy_listener_does_not_take_the_money_of_a_light_one(session, tmp_path):
    lines = [
        a_line(1, generation="gen_1", units=1, revenue_minor=1000, listener="light"),
        a_line(2, generation="gen_2", units=99, revenue_minor=1000, listener="heavy"),
        a_line(3, generation="gen_1", units=1, revenue_minor=0, listener="heavy"),
    ]
    bring_in(session, tmp_path, lines)
    plain = count_usage(session, OCTOBER, "EUR").totals
    counted = count_usage(session, OCTOBER, "EUR", listeners_in=tmp_path / "usage").totals
    assert [total.listened_micro for total in plain] == [0, 0]
    assert [(total.generation, total.listened_micro) for total in counted] == [
        ("gen_1", (1000 + 10) * MICRO), ("gen_2", 990 * MICRO),
    ]  # fmt: skip


def test_lines_that_name_no_listener_are_one_listener_of_their_service(session, tmp_path):
    lines = [
        a_line(1, generation="gen_1", units=1, revenue_minor=300, listener=""),
        a_line(2, generation="gen_2", units=2, revenue_minor=0, listener=""),
        a_line(3, generation="gen_2", units=1, revenue_minor=50, listener="", service="Other"),
    ]
    bring_in(session, tmp_path, lines)
    found = count_usage(session, OCTOBER, "EUR", listeners_in=tmp_path / "usage").totals
    assert [total.listened_micro for total in found] == [100 * MICRO, 250 * MICRO]


def test_thirds_of_a_listener_come_to_the_whole_by_largest_remainder(session, tmp_path):
    lines = [a_line(n, generation=f"gen_{n}", units=1, revenue_minor=0, listener="l") for n in (1, 2, 3)]
    lines[0]["revenue_minor"] = 1
    bring_in(session, tmp_path, lines)
    found = count_usage(session, OCTOBER, "EUR", listeners_in=tmp_path / "usage").totals
    assert [total.listened_micro for total in found] == [333_334, 333_333, 333_333]


def test_a_listener_who_paid_in_another_currency_is_converted_by_the_same_rate(session, tmp_path):
    bring_rates(session, tmp_path, USD)
    lines = [
        a_line(1, generation="gen_1", units=1, revenue_minor=1000, currency="USD", listener="l"),
        a_line(2, generation="gen_2", units=1, revenue_minor=0, currency="USD", listener="l"),
    ]
    bring_in(session, tmp_path, lines)
    book = read_rates(session, OCTOBER, "EUR", RateKind.PERIOD_AVERAGE)
    found = count_usage(session, OCTOBER, "EUR", book, tmp_path / "usage").totals
    assert [total.listened_micro for total in found] == [460_650_000, 460_650_000]
    assert [total.revenue_minor for total in found] == [921, 0]


@pytest.mark.parametrize("listener", ["x" * 201, "tab\there"])
def test_a_listener_that_is_no_pseudonym_is_quarantined(session, tmp_path, listener):
    report = bring_in(session, tmp_path, [a_line(1, listener=listener), a_line(2, listener="ok")])
    assert (report.lines, report.findings[0].code) == (1, "LISTENER")


def test_a_listener_is_kept_with_the_line_and_not_in_the_totals(session, tmp_path):
    report = bring_in(session, tmp_path, [a_line(n, listener=f"l{n}") for n in (1, 2)])
    kept = pl.read_parquet(lines_path(tmp_path / "usage", report.batch))
    assert kept["listener"].to_list() == ["l1", "l2"]
    assert len(count_usage(session, OCTOBER, "EUR").totals) == 1


def test_batches_of_before_there_were_listeners_are_read(session, tmp_path):
    report = bring_in(session, tmp_path, [a_line(1)], FIELDS)
    path = lines_path(tmp_path / "usage", report.batch)
    pl.read_parquet(path).drop("listener").write_parquet(path)
    bring_in(session, tmp_path, [a_line(2, listener="l")], name="new.csv")
    [total] = count_usage(session, OCTOBER, "EUR", listeners_in=tmp_path / "usage").totals
    assert total.listened_micro == 2 * 1234 * MICRO


def test_missing_lines_are_noticed_and_what_does_not_fit_is_refused(session, tmp_path):
    report = bring_in(session, tmp_path, [a_line(1, listener="l")])
    lines_path(tmp_path / "usage", report.batch).unlink()
    with pytest.raises(UsageStoreError, match="missing"):
        count_usage(session, OCTOBER, "EUR", listeners_in=tmp_path / "usage")
    line = {
        "generation": "g", "territory": "DE", "used_on": date(2026, 10, 1), "service": "s",
        "currency": "EUR", "units": 2**62, "revenue_minor": 2**60, "listener": None,
    }  # fmt: skip
    with pytest.raises(MoneyRangeError, match="128 bits"):
        divide_listeners(pl.LazyFrame([line], schema=SCHEMA))
