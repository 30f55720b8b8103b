"""Is usage in another currency converted once, directly, exactly, and with its rate beside it?"""

import json
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from royalties.converting import convert_exact, round_together
from royalties.counting import count_usage
from royalties.errors import CurrencyMismatchError, MissingRateError, PeriodAlreadyRunError
from royalties.explaining import explain_line
from royalties.ledger import check_ledger
from royalties.money import EXPONENTS
from royalties.rates import (
    MAX_AGE_DAYS,
    Rate,
    RateBook,
    RateKind,
    import_rates,
    parse_rates,
    read_rates,
)
from royalties.restating import RatesAsOf
from royalties.runs import get_run
from royalties.statement_files import StatementFormat, render_statement, statement_json
from royalties.statements import Names, list_payees, make_statement
from royalties.tables import RestatementRow
from royalties.usage_kept import read_rate_uses
from royalties.usage_tables import RateBatch, RunUsageRow
from tests.royalties.builders import (
    NOW,
    OCTOBER,
    a_line,
    a_policy,
    bring_in,
    close,
    restated,
    run,
)

HEADER = "from,to,rate,date,source,kind"
ON = date(2026, 10, 5)
AVERAGE = RateKind.PERIOD_AVERAGE
POLICY = a_policy(rates="period_average")


def rates_csv(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def bring_rates(session, folder, *rows, name="rates.csv"):
    path = folder / name
    path.write_bytes(rates_csv(*rows))
    return import_rates(session, path, imported_at=NOW)


def a_rate(digits=92, decimals=2, currency_from="USD", currency_to="EUR", on=ON, kind=AVERAGE) -> Rate:
    return Rate(currency_from, currency_to, kind, on, digits, decimals, "Bank")


USD = "USD,EUR,0.9213,2026-10-31,Example Bank (invented),period_average"
JPY = "JPY,EUR,0.00571,2026-10-31,Example Bank (invented),period_average"
MIXED = [
    a_line(1, generation="gen_1", revenue_minor=10_000),
    a_line(2, generation="gen_1", revenue_minor=1_001, currency="USD"),
    a_line(3, generation="gen_2", revenue_minor=333, currency="USD", territory="US"),
    a_line(4, generation="gen_3", revenue_minor=777, currency="JPY", territory="JP"),
    a_line(5, generation="gen_1", revenue_minor=-100, currency="USD", service="Other"),
]


def test_a_file_of_rates_is_read_as_exact_numbers():
    rates, findings = parse_rates(rates_csv(USD, JPY, "USD,EUR,1,2026-10-05,ECB,day"), "r.csv")
    assert findings == []
    assert [(rate.digits, rate.decimals, rate.text) for rate in rates] == [
        (9213, 4, "0.9213"), (571, 5, "0.00571"), (1, 0, "1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("USX,EUR,0.9,2026-10-31,ECB,day", "FROM"),
        ("USD,USD,1,2026-10-31,ECB,day", "TO"),
        ("USD,EUR,0,2026-10-31,ECB,day", "RATE"),
        ("USD,EUR,-1,2026-10-31,ECB,day", "RATE"),
        ("USD,EUR,9e-1,2026-10-31,ECB,day", "RATE"),
        ("USD,EUR,123456789.1234567891,2026-10-31,ECB,day", "RATE"),
        ("USD,EUR,0.9,2026-10-32,ECB,day", "DATE"),
        ("USD,EUR,0.9,20261031,ECB,day", "DATE"),
        ("USD,EUR,0.9,2026-10-31,,day", "SOURCE"),
        ("USD,EUR,0.9,2026-10-31,ECB,weekly", "KIND"),
        ("USD,EUR,0.9,2026-10-31,ECB", "FIELDS"),
        ("USD,EUR,0.93,2026-10-01,Other,period_average", "DUPLICATE_RATE"),
    ],
)
def test_a_file_with_a_fault_is_refused_whole_and_the_place_is_named(session, tmp_path, row, code):
    report = bring_rates(session, tmp_path, USD, row, JPY)
    assert (report.rates, [finding.code for finding in report.findings]) == (0, [code])
    assert report.findings[0].where == "rates.csv:3"
    assert session.scalars(select(RateBatch)).all() == []


@pytest.mark.parametrize("data", [b"", b"from,to\n", b"\xff\xfe", HEADER.encode(), b'"' * 99])
def test_a_file_that_is_no_table_of_rates_gives_findings(data):
    rates, findings = parse_rates(data, "r.csv")
    assert rates == []
    assert findings


def test_the_same_file_twice_is_one_file(session, tmp_path):
    first = bring_rates(session, tmp_path, USD)
    assert bring_rates(session, tmp_path, USD, name="again.csv") == first
    assert session.scalar(select(RateBatch.number)) == 1


def test_a_later_file_says_a_rate_anew_and_what_was_known_before_stays(session, tmp_path):
    bring_rates(session, tmp_path, USD)
    bring_rates(session, tmp_path, USD.replace("0.9213", "0.95"), JPY)
    newest = read_rates(session, OCTOBER, "EUR", AVERAGE)
    assert newest.find("USD", ON).text == "0.95"
    before = read_rates(session, OCTOBER, "EUR", AVERAGE, known=1)
    assert before.find("USD", ON).text == "0.9213"
    assert before.find("JPY", ON).text == "0.00571"  # the first file that says it


def test_a_rate_is_never_taken_the_other_way_round_or_over_a_third_currency():
    rates = [a_rate(currency_from="EUR", currency_to="USD"), a_rate(currency_from="USD", currency_to="SEK"),
             a_rate(currency_from="SEK", currency_to="EUR"), a_rate(kind=RateKind.DAY)]  # fmt: skip
    book = RateBook.of("EUR", AVERAGE, 1, [(1, rate) for rate in rates])
    assert book.find("USD", ON) is None
    assert book.find("SEK", ON) is not None


def test_a_daily_rate_holds_over_a_weekend_and_no_longer_than_a_week():
    friday, monday = (
        a_rate(90, 2, on=ON, kind=RateKind.DAY),
        a_rate(91, 2, on=ON + timedelta(days=3), kind=RateKind.DAY),
    )
    book = RateBook.of("EUR", RateKind.DAY, 1, [(1, friday), (1, monday)])
    assert book.find("USD", ON + timedelta(days=2)) == friday
    assert book.find("USD", ON + timedelta(days=3)) == monday
    assert book.find("USD", ON + timedelta(days=3 + MAX_AGE_DAYS)) == monday
    assert book.find("USD", ON + timedelta(days=4 + MAX_AGE_DAYS)) is None
    assert book.find("USD", ON - timedelta(days=1)) is None


amounts = st.dictionaries(
    st.integers(0, 99),
    st.tuples(st.integers(-(10**9), 10**9), st.integers(1, 10**9), st.integers(0, 12)),
    min_size=1, max_size=12,
)  # fmt: skip
currencies = st.sampled_from(["USD", "JPY", "KWD", "CLF"])


def rounded(value: Fraction) -> int:
    """Half away from zero, the slow way."""
    size = abs(value) + Fraction(1, 2)
    return (1 if value >= 0 else -1) * (size.numerator // size.denominator)


@given(amounts, currencies, st.sampled_from(["EUR", "VND", "TND"]))
def test_converted_amounts_come_to_the_rounded_exact_sum(table, source, target):
    scale = Fraction(10 ** EXPONENTS[target], 10 ** EXPONENTS[source])
    exact = {
        key: convert_exact(minor, a_rate(digits, decimals, source, target))
        for key, (minor, digits, decimals) in table.items()
    }
    slow = {
        key: minor * Fraction(digits, 10**decimals) * scale
        for key, (minor, digits, decimals) in table.items()
    }
    parts = round_together(exact)
    assert sum(parts.values()) == rounded(sum(slow.values()))
    assert all(abs(part - slow[key]) < 1 for key, part in parts.items())


@given(amounts)
def test_the_reversal_of_converted_amounts_is_their_exact_negative(table):
    def parts(sign):
        return round_together({k: convert_exact(sign * m, a_rate(d, e)) for k, (m, d, e) in table.items()})

    assert parts(-1) == {key: -part for key, part in parts(1).items()}


@given(amounts, st.randoms())
def test_the_order_of_amounts_does_not_matter(table, chance):
    exact = {key: convert_exact(m, a_rate(d, e)) for key, (m, d, e) in table.items()}
    keys = list(exact)
    chance.shuffle(keys)
    assert round_together({key: exact[key] for key in keys}) == round_together(exact)


def test_a_policy_without_rates_refuses_other_currencies_and_says_what_is_missing(session, tmp_path):
    bring_in(session, tmp_path, MIXED)
    bring_rates(session, tmp_path, USD, JPY)
    with pytest.raises(CurrencyMismatchError, match=r"names no rates.*JPY/EUR, USD/EUR"):
        run(session)


def test_every_missing_rate_is_named(session, tmp_path):
    bring_in(session, tmp_path, [*MIXED, a_line(9, currency="GBP")])
    bring_rates(session, tmp_path, USD)
    with pytest.raises(MissingRateError) as refused:
        run(session, policy=POLICY)
    assert [finding.message for finding in refused.value.findings] == [
        "no rate GBP/EUR of kind period_average for 2026-10",
        "no rate JPY/EUR of kind period_average for 2026-10",
    ]


@pytest.fixture
def converted(session, tmp_path):
    """A session in which October, partly in dollars and yen, was run in euros."""
    bring_rates(session, tmp_path, USD, JPY)
    bring_in(session, tmp_path, MIXED)
    report = run(session, policy=POLICY)
    session.commit()
    return report


def test_usage_is_converted_once_and_both_amounts_stay(session, converted):
    # 12.34 USD x 0.9213 = 11.368842, 777 JPY x 0.00571 = 4.43667
    uses = {use.rate.currency_from: use for use in read_rate_uses(session, converted.run)}
    assert {code: (use.original_minor, use.converted_minor) for code, use in uses.items()} == {
        "USD": (1234, 1137), "JPY": (777, 444),
    }  # fmt: skip
    assert converted.gross_minor == 10_000 + 1137 + 444
    kept = session.scalars(select(RunUsageRow).order_by(RunUsageRow.original_minor)).all()
    assert [(row.original_minor, row.revenue_minor) for row in kept] == [
        (-100, -92), (333, 307), (777, 444), (1001, 922),
    ]  # fmt: skip
    assert {use.rate.source for use in uses.values()} == {"Example Bank (invented)"}
    assert check_ledger(session) == []


def test_running_again_finds_the_run_and_other_rates_are_another_input(session, tmp_path, converted):
    bring_rates(session, tmp_path, "GBP,EUR,1.1,2026-10-31,Bank,period_average")
    assert run(session, policy=POLICY) == converted
    bring_rates(session, tmp_path, USD.replace("0.9213", "0.5"))
    with pytest.raises(PeriodAlreadyRunError) as refused:
        run(session, policy=POLICY)
    assert set(refused.value.changed) == {"usage", "rates"}


def test_a_statement_shows_the_original_and_its_rate(session, converted):
    statements = [make_statement(session, OCTOBER, each, Names()) for each in list_payees(session, OCTOBER)]
    party = next(each for each in statements if each.payee == "party_1")
    value = statement_json(party)
    rates = {rate["from"]: rate for rate in value["rates"]}
    assert (rates["USD"]["rate"], rates["USD"]["date"]) == ("0.9213", "2026-10-31")
    [line] = [each for each in value["usage"] if each.get("original", {}).get("revenue") == "10.01"]
    assert (line["revenue"], line["original"]["rates"]) == ("9.22", [rates["USD"]["number"]])
    plain = [each for each in value["usage"] if "original" not in each]
    assert [each["revenue"] for each in plain] == ["100.00"]
    assert b"10.01 USD" in render_statement(party, StatementFormat.HTML)
    assert render_statement(party, StatementFormat.PDF).startswith(b"%PDF")
    first = next(each.line_no for each in party.lines if each.generation == "gen_1")
    path = "\n".join(explain_line(party, first))
    assert "Of it, Example Stream reported 10.01 USD, converted to 9.22 EUR by USD/EUR 0.9213 (average of "
    assert "USD/EUR 0.9213 (average of 2026-10, Example Bank (invented))" in path
    assert sum(each.earned_minor for each in statements) == converted.pool_minor


def test_a_statement_without_conversion_has_neither_rates_nor_originals(session, tmp_path):
    bring_in(session, tmp_path, MIXED[:1])
    run(session, policy=POLICY)
    value = statement_json(make_statement(session, OCTOBER, "party_1", Names()))
    assert "rates" not in value
    assert all("original" not in line for line in value["usage"])
    assert "rates" not in json.loads(get_run(session, OCTOBER).inputs)


def test_a_restatement_keeps_the_rates_by_which_the_month_was_stated(session, tmp_path, converted):
    close(session)
    bring_rates(session, tmp_path, USD.replace("0.9213", "0.5"))
    assert restated(session, policy=POLICY).deltas == ()
    bring_in(session, tmp_path, [a_line(50, revenue_minor=100_000, currency="USD")], "late.csv")
    late = restated(session, policy=POLICY)
    [row] = session.scalars(select(RestatementRow)).all()
    # (12.34 + 1000.00) x 0.9213
    assert row.gross_minor == 10_000 + 93_267 + 444
    uses = {use.rate.text for use in read_rate_uses(session, late.restatement)}
    assert uses == {"0.9213", "0.00571"}
    statement = make_statement(session, OCTOBER.following, "party_1", Names())
    assert {each["rate"] for each in statement_json(statement)["restated_rates"][late.restatement]} == uses
    assert "Usage in other currencies was converted by JPY/EUR 0.00571" in "\n".join(
        explain_line(statement, 1)
    )


def test_new_rates_are_posted_as_deltas_where_they_are_asked_for_and_back_again(session, tmp_path, converted):
    close(session)
    bring_rates(session, tmp_path, USD.replace("0.9213", "0.5"))
    report = restated(session, policy=POLICY, rates=RatesAsOf.NOW)
    assert set(report.changed) == {"usage", "rates"}
    assert (
        report.pool_minor - report.earlier_pool_minor == sum(each.amount_minor for each in report.deltas) < 0
    )
    assert restated(session, policy=POLICY).deltas == ()
    bring_rates(session, tmp_path, f"{USD}\n", name="back.csv")
    back = restated(session, policy=POLICY, rates=RatesAsOf.NOW)
    assert back.pool_minor == converted.pool_minor
    assert sum(each.amount_minor for each in back.deltas) == -sum(each.amount_minor for each in report.deltas)
    assert check_ledger(session) == []


def test_a_currency_that_is_new_in_a_restatement_takes_the_first_rate_that_was_said(session, tmp_path):
    bring_rates(session, tmp_path, USD)
    bring_in(session, tmp_path, MIXED[:2])
    run(session, policy=POLICY)
    close(session)
    bring_in(session, tmp_path, MIXED[3:4], "yen.csv")
    with pytest.raises(MissingRateError, match="JPY/EUR"):
        restated(session, policy=POLICY)
    bring_rates(session, tmp_path, JPY)
    assert restated(session, policy=POLICY).deltas
    bring_rates(session, tmp_path, JPY.replace("0.00571", "0.9"))
    assert restated(session, policy=POLICY).deltas == ()


def test_the_day_of_use_decides_where_the_policy_says_so(session, tmp_path):
    rows = [f"USD,EUR,0.{digits},2026-10-{day:02},Bank,day" for day, digits in ((5, 90), (6, 80))]
    bring_rates(session, tmp_path, *rows)
    lines = [a_line(day, used_on=f"2026-10-{day:02}", revenue_minor=1000, currency="USD") for day in (5, 6)]
    bring_in(session, tmp_path, lines)
    book = read_rates(session, OCTOBER, "EUR", RateKind.DAY)
    assert [total.revenue_minor for total in count_usage(session, OCTOBER, "EUR", book).totals] == [900, 800]
