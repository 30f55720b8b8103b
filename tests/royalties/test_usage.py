"""Does usage enter once and completely, and is every bad line named?"""

import gzip
from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.database import Base, open_engine
from royalties.counting import count_usage
from royalties.errors import CurrencyMismatchError, UsageStoreError
from royalties.money import EXPONENTS, parse_minor
from royalties.periods import parse_period
from royalties.tables import UsageBatch, UsageQuarantine, UsageTotalRow
from royalties.usage import UsageFormat, import_usage, lines_path
from royalties.usage_files import MAX_LINE_BYTES, read_csv
from tests.royalties.builders import FIELDS, NOW, OCTOBER, a_line, as_csv, as_frame


@pytest.fixture
def session(sqlite_engines, tmp_path):
    """One database is enough here; what depends on the database is in test_runs.py."""
    for engine in sqlite_engines(tmp_path):
        with Session(engine) as opened:
            yield opened


@pytest.fixture
def bring_in(session, tmp_path):
    """Imports bytes as a usage file, and returns the report."""

    def import_bytes(data: bytes, usage_format: str = "csv", name: str = "usage.csv"):
        path = tmp_path / name
        path.write_bytes(data)
        return import_usage(session, tmp_path / "usage", UsageFormat(usage_format), path, imported_at=NOW)

    return import_bytes


def parquet_bytes(frame: pl.DataFrame, tmp_path) -> bytes:
    path = tmp_path / "made.parquet"
    frame.write_parquet(path)
    return path.read_bytes()


def totals_of(session, period, currency):
    counted = count_usage(session, period, currency)
    return list(counted.totals), list(counted.batches)


def quarantine(session) -> list[tuple[int, str]]:
    rows = session.execute(select(UsageQuarantine.line, UsageQuarantine.code)).all()
    return sorted((line, code) for line, code in rows)


def test_an_optional_column_without_one_value_is_as_good_as_none(bring_in, tmp_path):
    frame = as_frame([a_line(1, listener=None, isrc=None)])
    assert str(frame.schema["listener"]) == "Null"
    report = bring_in(parquet_bytes(frame, tmp_path), "parquet", "usage.parquet")
    assert (report.lines, report.quarantined) == (1, 0)


def test_good_lines_are_counted_and_summed(session, bring_in):
    lines = [a_line(1), a_line(2, units=5, revenue_minor=-34), a_line(3, territory="SE")]
    report = bring_in(as_csv(lines))
    assert (report.lines, report.quarantined, report.findings) == (3, 0, ())
    totals, batches = totals_of(session, OCTOBER, "EUR")
    assert [(t.territory, t.units, t.revenue_minor) for t in totals] == [("DE", 15, 1200), ("SE", 10, 1234)]
    assert batches == [report.batch]


def test_the_same_file_twice_changes_nothing(session, bring_in):
    data = as_csv([a_line(1), a_line(2, territory="germany")])
    first = bring_in(data)
    assert bring_in(data, name="renamed.csv") == first
    assert len(session.execute(select(UsageTotalRow)).all()) == 1


def test_a_line_that_was_counted_before_is_not_counted_again(session, bring_in):
    bring_in(as_csv([a_line(1), a_line(2)]))
    report = bring_in(as_csv([a_line(2), a_line(3), a_line(3, units=99), a_line(1, service="Another")]))
    assert (report.lines, report.quarantined) == (2, 2)
    assert quarantine(session) == [(2, "DUPLICATE_LINE"), (4, "DUPLICATE_LINE")]
    totals, _ = totals_of(session, OCTOBER, "EUR")
    assert sum(total.units for total in totals) == 40


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"line_id": ""}, "LINE_ID"),
        ({"line_id": "x" * 201}, "LINE_ID"),
        ({"generation": "../etc/passwd"}, "GENERATION"),
        ({"generation": ""}, "GENERATION"),
        ({"territory": "Germany"}, "TERRITORY"),
        ({"territory": "de"}, "TERRITORY"),
        ({"service": ""}, "SERVICE"),
        ({"service": "tab\there"}, "SERVICE"),
        ({"use_type": "On Demand"}, "USE_TYPE"),
        ({"used_on": "2026-02-30"}, "USED_ON"),
        ({"used_on": "2026-10-5"}, "USED_ON"),
        ({"used_on": "05/10/2026"}, "USED_ON"),
        ({"units": "1.5"}, "UNITS"),
        ({"units": ""}, "UNITS"),
        ({"units": "9" * 30}, "UNITS"),
        ({"units": 10**12 + 1}, "UNITS"),
        ({"revenue_minor": "12.34"}, "REVENUE"),
        ({"revenue_minor": 10**15 + 1}, "REVENUE"),
        ({"revenue_minor": "NaN"}, "REVENUE"),
        ({"currency": "EURO"}, "CURRENCY"),
        ({"currency": ""}, "CURRENCY"),
    ],
)
def test_a_bad_field_puts_its_line_in_quarantine_with_place_and_reason(session, bring_in, change, code):
    report = bring_in(as_csv([a_line(1), a_line(2, **change), a_line(3)]))
    assert (report.lines, report.quarantined) == (2, 1)
    finding = report.findings[0]
    assert (finding.code, finding.where) == (code, "usage.csv:3")
    row = session.execute(select(UsageQuarantine)).scalar_one()
    assert (row.line, row.file_name) == (3, "usage.csv")
    assert "expected" in finding.message
    assert row.found
    assert row.expected


@pytest.mark.parametrize(
    ("revenue", "currency", "minor"),
    [
        ("12.34", "EUR", 1234),
        ("-0.5", "EUR", -50),
        ("7", "JPY", 7),
        ("0.007", "KWD", 7),
        ("12.345", "EUR", None),
        ("1.0", "JPY", None),
        ("1e3", "EUR", None),
        ("1,5", "EUR", None),
        ("", "EUR", None),
        ("-", "EUR", None),
    ],
)
def test_decimal_revenue_is_exact_or_refused(session, bring_in, revenue, currency, minor):
    columns = tuple("revenue" if name == "revenue_minor" else name for name in FIELDS)
    quoted = f'"{revenue}"' if "," in revenue else revenue
    report = bring_in(as_csv([a_line(1, revenue=quoted, currency=currency)], columns=columns))
    found = session.execute(select(UsageTotalRow.revenue_minor)).scalar()
    assert (found, report.quarantined) == (minor, 0 if minor is not None else 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"-?[0-9]{1,5}(\.[0-9]{1,5})?", fullmatch=True), st.sampled_from(sorted(EXPONENTS))
        ),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_decimal_revenue_is_read_as_the_slow_parser_reads_it(tmp_path_factory, cells):
    columns = tuple("revenue" if name == "revenue_minor" else name for name in FIELDS)
    lines = [a_line(i, revenue=text, currency=code) for i, (text, code) in enumerate(cells)]
    path = tmp_path_factory.mktemp("decimal") / "usage.csv"
    path.write_bytes(as_csv(lines, columns=columns))
    found = {row["line_id"]: row["revenue_minor"] for c in read_csv(path) for row in c.accepted.to_dicts()}
    expected = {}
    for number, (text, code) in enumerate(cells):
        try:
            expected[f"L{number}"] = parse_minor(text, code)
        except ValueError:
            continue
    assert found == expected


def test_lines_with_too_few_or_too_many_fields_are_named(session, bring_in):
    data = as_csv([a_line(1), a_line(2), a_line(3)]).decode().split("\n")
    data[2] = "L2,gen_1"
    data[3] += ",more"
    report = bring_in("\n".join(data).encode())
    assert report.lines == 1
    assert [finding.where for finding in report.findings] == ["usage.csv:3", "usage.csv:4"]
    assert "2 fields" in report.findings[0].message


def test_a_quoted_field_may_hold_commas_and_quotes(session, bring_in):
    report = bring_in(as_csv([a_line(1, service='"Radio ""X"", Berlin"'), a_line(2)]))
    assert report.lines == 2
    services = session.execute(select(UsageTotalRow.service)).scalars().all()
    assert sorted(services) == ["Example Stream", 'Radio "X", Berlin']


def test_an_open_quote_loses_its_own_line_only(session, bring_in):
    report = bring_in(as_csv([a_line(1), a_line(2, service='"open'), a_line(3)]))
    assert (report.lines, quarantine(session)) == (2, [(3, "FIELDS")])


def test_columns_may_come_in_any_order_with_windows_line_ends_and_a_byte_order_mark(bring_in):
    data = as_csv([a_line(1), a_line(2)], columns=tuple(reversed(FIELDS))).replace(b"\n", b"\r\n")
    assert bring_in(b"\xef\xbb\xbf" + data).lines == 2


def test_blank_lines_are_no_lines(bring_in):
    report = bring_in(as_csv([a_line(1)]) + b"\n\n" + as_csv([a_line(2)]).split(b"\n", 1)[1])
    assert (report.lines, report.quarantined) == (2, 0)


def test_an_unknown_column_is_remarked_on_and_ignored(bring_in):
    report = bring_in(as_csv([a_line(1, mood="blue")], columns=(*FIELDS, "mood")))
    assert report.lines == 1
    assert [(f.code, f.severity) for f in report.findings] == [("UNKNOWN_COLUMN", "warning")]


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        (FIELDS[:-1], "MISSING_COLUMN"),
        (tuple(name for name in FIELDS if name != "revenue_minor"), "AMOUNT_COLUMN"),
        ((*FIELDS, "revenue"), "AMOUNT_COLUMN"),
        ((*FIELDS, "units"), "DUPLICATE_COLUMN"),
    ],
)
def test_a_header_that_cannot_be_used_refuses_the_file(session, bring_in, columns, code):
    report = bring_in(as_csv([a_line(1, revenue="1.00")], columns=columns))
    assert (report.lines, [finding.code for finding in report.findings]) == (0, [code])
    assert session.execute(select(UsageBatch)).first() is None


def test_a_file_cut_off_in_a_line_says_so(bring_in):
    whole = as_csv([a_line(1), a_line(2)])
    report = bring_in(whole[:-3])
    assert report.lines == 1
    assert {finding.code for finding in report.findings} == {"NO_FINAL_NEWLINE", "CURRENCY"}


def test_compressed_csv_is_read_and_a_damaged_one_is_refused_whole(session, bring_in):
    packed = gzip.compress(as_csv([a_line(number) for number in range(500)]))
    assert bring_in(packed[:-30], name="torn.csv.gz").findings[0].code == "DAMAGED_FILE"
    assert session.execute(select(UsageBatch)).first() is None
    assert bring_in(packed, name="whole.csv.gz").lines == 500


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"\x00" * 100, b"PK\x03\x04garbage", bytes(range(256)) * 4, b"\x1f\x8bxx", b'"' * 5000],
)
def test_a_hostile_csv_gives_findings_and_no_traceback(bring_in, data):
    report = bring_in(data)
    assert report.lines == 0
    assert report.findings


def test_a_line_without_end_does_not_fill_the_memory(bring_in):
    report = bring_in(as_csv([a_line(1)]) + b"x" * (3 * MAX_LINE_BYTES) + b"\n" + b"," * 10)
    assert report.lines == 1
    assert [f.where for f in report.findings if f.code == "FIELDS"] == ["usage.csv:3", "usage.csv:4"]


def test_text_that_is_no_utf_8_is_quarantined(bring_in):
    report = bring_in(as_csv([a_line(1), a_line(2, service="M@sica")]).replace(b"@", b"\xfa"))
    assert (report.lines, report.findings[0].code) == (1, "SERVICE")


def test_a_missing_file_is_a_finding(session, tmp_path):
    report = import_usage(
        session, tmp_path / "usage", UsageFormat.CSV, tmp_path / "none.csv", imported_at=NOW
    )
    assert (report.batch, report.findings[0].code) == ("", "UNREADABLE_FILE")


def test_parquet_gives_the_totals_that_csv_gives(session, bring_in, tmp_path):
    lines = [
        a_line(number, units=number, used_on=f"2026-10-{number % 28 + 1:02}") for number in range(1, 200)
    ]
    bring_in(as_csv(lines))
    from_csv, _ = totals_of(session, OCTOBER, "EUR")
    renamed = as_frame([line | {"service": "Other"} for line in lines])
    report = bring_in(parquet_bytes(renamed, tmp_path), "parquet", "usage.parquet")
    assert report.lines == 199
    both, _ = totals_of(session, OCTOBER, "EUR")
    assert [total.units for total in both] == [2 * total.units for total in from_csv]


def test_parquet_may_hold_decimals_and_dictionaries(session, bring_in, tmp_path):
    frame = as_frame([a_line(1), a_line(2)]).with_columns(
        pl.Series("revenue", ["12.34", "1.5"]).cast(pl.Decimal(18, 6)), pl.col("service").cast(pl.Categorical)
    )
    report = bring_in(parquet_bytes(frame.drop("revenue_minor"), tmp_path), "parquet")
    assert report.lines == 2
    assert session.execute(select(UsageTotalRow.revenue_minor)).scalar_one() == 1384


def test_a_parquet_line_is_quarantined_by_its_row(session, bring_in, tmp_path):
    frame = as_frame([a_line(1), a_line(2, territory=None), a_line(3, units=None)])
    report = bring_in(parquet_bytes(frame, tmp_path), "parquet")
    assert (report.lines, quarantine(session)) == (1, [(2, "TERRITORY"), (3, "UNITS")])


def test_amounts_as_floats_are_refused(bring_in, tmp_path):
    frame = as_frame([a_line(1)]).with_columns(pl.col("revenue_minor").cast(pl.Float64))
    report = bring_in(parquet_bytes(frame, tmp_path), "parquet")
    assert (report.lines, report.findings[0].code) == (0, "COLUMN_TYPE")


@pytest.mark.parametrize("cut", [0, 4, 100, -1, -200])
def test_a_torn_parquet_file_is_refused_whole(session, bring_in, tmp_path, cut):
    data = parquet_bytes(as_frame([a_line(number) for number in range(100)]), tmp_path)
    report = bring_in(data[:cut], "parquet")
    assert (report.lines, report.findings[0].code) == (0, "DAMAGED_FILE")
    assert session.execute(select(UsageBatch)).first() is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10**6), value=st.integers(0, 255))
def test_any_changed_byte_of_a_parquet_file_gives_a_report(tmp_path_factory, position, value):
    folder = tmp_path_factory.mktemp("fuzz")
    data = bytearray(parquet_bytes(as_frame([a_line(number) for number in range(50)]), folder))
    data[position % len(data)] = value

    engine = open_engine("sqlite://")
    Base.metadata.create_all(engine)
    path = folder / "usage.parquet"
    path.write_bytes(bytes(data))
    with Session(engine) as session:
        report = import_usage(session, folder / "lines", UsageFormat.PARQUET, path, imported_at=NOW)
    assert report.lines <= 50
    engine.dispose()


def test_nothing_half_written_is_left_behind(bring_in, tmp_path):
    report = bring_in(as_csv([a_line(1)]))
    bring_in(b"broken", name="broken.csv")
    assert [path.name for path in (tmp_path / "usage").iterdir()] == [f"{report.batch}.parquet"]


def test_the_same_lines_are_kept_as_the_same_bytes(bring_in, session, tmp_path):
    report = bring_in(as_csv([a_line(number) for number in range(100)]))
    kept = lines_path(tmp_path / "usage", report.batch).read_bytes()
    session.rollback()
    bring_in(as_csv([a_line(number) for number in range(100)]))
    assert lines_path(tmp_path / "usage", report.batch).read_bytes() == kept


def test_missing_lines_of_an_earlier_batch_are_noticed(bring_in, tmp_path):
    report = bring_in(as_csv([a_line(1)]))
    lines_path(tmp_path / "usage", report.batch).unlink()
    with pytest.raises(UsageStoreError, match="missing"):
        bring_in(as_csv([a_line(2)]))


def test_only_the_days_of_the_period_are_read(session, bring_in):
    bring_in(
        as_csv(
            [
                a_line(1, used_on="2026-09-30"),
                a_line(2, used_on="2026-10-31"),
                a_line(3, used_on="2026-11-01"),
            ]
        )
    )
    totals, _ = totals_of(session, OCTOBER, "EUR")
    assert [total.used_on for total in totals] == [date(2026, 10, 31)]


def test_usage_in_another_currency_is_not_added_up(session, bring_in):
    bring_in(as_csv([a_line(1), a_line(2, currency="USD")]))
    with pytest.raises(CurrencyMismatchError, match="USD"):
        totals_of(session, OCTOBER, "EUR")


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "october", "0000-01", "2026-10-01", ""])
def test_a_text_that_is_no_month_is_no_period(text):
    with pytest.raises(ValueError, match="period"):
        parse_period(text)


def test_december_ends_where_january_begins():
    period = parse_period("2026-12")
    assert (period.last_day_on, period.ends_before_on) == (date(2026, 12, 31), date(2027, 1, 1))
