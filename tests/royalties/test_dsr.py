"""Is a sales report read as what it says, or refused where it disagrees with itself?"""

import gzip
import random
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from royalties import dsr_lines
from royalties.counting import count_usage
from royalties.dsr_columns import PROFILES
from royalties.dsr_lines import escape, split_cells
from royalties.dsr_reader import read_dsr
from royalties.tables import UsageBatch, UsageQuarantine, UsageTotalRow
from royalties.usage import UsageFormat, import_usage
from royalties.usage_files import UnusableFileError
from tests.royalties.builders import NOW, OCTOBER
from tests.royalties.dsr_files import (
    BASIC,
    BASIC_SINGLE,
    FINANCIAL,
    NET,
    ROYALTY,
    a_head,
    a_report,
    a_row,
    a_summary,
    a_use,
    cents,
    plain_report,
    slow_lines,
)

ALL = (BASIC, BASIC_SINGLE, ROYALTY, FINANCIAL)
USES = [("gen_1", 10, 1234), ("gen_2", 7, 1), ("gen_3", 0, 0), ("gen_1", 13, 765)]


@pytest.fixture
def session(sqlite_engines, tmp_path):
    for engine in sqlite_engines(tmp_path):
        with Session(engine) as opened:
            yield opened


@pytest.fixture
def bring_in(session, tmp_path):
    """Imports bytes as a sales report, and returns what became of it."""

    def import_bytes(data: bytes, name: str = "report.tsv"):
        path = tmp_path / name
        path.write_bytes(data)
        return import_usage(session, tmp_path / "usage", UsageFormat.DSR, path, imported_at=NOW)

    return import_bytes


def counted_in(session, period, currency):
    counted = count_usage(session, period, currency)
    return list(counted.totals), list(counted.batches)


def read(path, data: bytes):
    """The accepted lines and the refused ones."""
    path.write_bytes(data)
    chunks = list(read_dsr(path))
    accepted = [row for chunk in chunks for row in chunk.accepted.to_dicts()]
    return accepted, [row for chunk in chunks for row in chunk.refused.to_dicts()]


def faults_of(path, data: bytes) -> list[tuple[str, str]]:
    """Codes and messages of a report that is refused as a whole."""
    with pytest.raises(UnusableFileError) as refused:
        read(path, data)
    return [(finding.code, finding.message) for finding in refused.value.findings]


def seen(accepted) -> list[tuple[str, str, int, int]]:
    return [(row["line_id"], row["generation"], row["units"], row["revenue_minor"]) for row in accepted]


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile[0])
def test_a_report_of_each_profile_gives_its_lines(tmp_path, profile):
    data = plain_report(profile, USES)
    accepted, refused = read(tmp_path / "r.tsv", data)
    assert refused == []
    assert seen(accepted) == slow_lines(data)
    assert sum(row["revenue_minor"] for row in accepted) == 2000
    first = accepted[0]
    day = date(2026, 10, 5) if profile == FINANCIAL else date(2026, 10, 31)
    assert (first["territory"], first["service"], first["use_type"]) == ("DE", "Premium", "OnDemandStream")
    assert (first["used_on"], first["currency"]) == (day, "EUR")


some_uses = st.lists(
    st.tuples(st.sampled_from(["gen_1", "gen_2"]), st.integers(0, 10**6), st.integers(-(10**6), 10**9)),
    min_size=1, max_size=12,
).filter(lambda uses: sum(units for _, units, _ in uses) > 0)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(uses=some_uses, profile=st.sampled_from(ALL), part=st.sampled_from([64, 200, 1 << 24]))
def test_columns_in_parts_of_any_size_give_what_the_slow_reader_gives(tmp_path_factory, uses, profile, part):
    data = plain_report(profile, uses)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dsr_lines, "CHUNK_BYTES", part)
        accepted, refused = read(tmp_path_factory.mktemp("d") / "r.tsv", data)
    assert refused == []
    assert seen(accepted) == slow_lines(data)
    assert sum(row["revenue_minor"] for row in accepted) == sum(revenue for _, _, revenue in uses)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=12))
def test_amounts_finer_than_the_currency_come_to_the_rounded_sum(tmp_path_factory, thousandths):
    total = sum(thousandths)
    rounded = (2 * total + 1000) // 2000
    rows = [a_summary(ROYALTY, usages=len(thousandths), revenue=cents(rounded))]
    for number, each in enumerate(thousandths):
        amount = f"{'-' if each < 0 else ''}{abs(each) // 100_000}.{abs(each) % 100_000:05d}"
        rows += a_use(ROYALTY, number, units=1, amount=amount)
    data = a_report(ROYALTY, rows)
    accepted, _ = read(tmp_path_factory.mktemp("d") / "r.tsv", data)
    assert seen(accepted) == slow_lines(data)
    assert sum(row["revenue_minor"] for row in accepted) == rounded
    for row, each in zip(accepted, thousandths, strict=True):
        assert abs(row["revenue_minor"] * 1000 - each) < 1000


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",))), min_size=1))
def test_cells_are_escaped_so_that_they_come_back(cells):
    assert split_cells("\t".join(escape(cell) for cell in cells)) == cells


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile[0])
def test_a_report_is_imported_once(session, bring_in, profile):
    data = plain_report(profile, USES)
    report = bring_in(data)
    assert (report.lines, report.quarantined) == (4, 0)
    assert bring_in(data, "again.tsv").batch == report.batch
    totals, batches = counted_in(session, OCTOBER, "EUR")
    assert (sum(total.revenue_minor for total in totals), batches) == (2000, [report.batch])
    assert session.execute(select(UsageBatch.format)).scalar_one() == "dsr"


def test_a_transaction_that_comes_again_in_another_file_is_not_counted(session, bring_in):
    bring_in(plain_report(ROYALTY, USES))
    report = bring_in(plain_report(ROYALTY, USES[:2]))
    assert (report.lines, report.quarantined) == (0, 2)
    assert {finding.code for finding in report.findings if finding.severity == "error"} == {"DUPLICATE_LINE"}
    new = plain_report(ROYALTY, USES[:2]).replace(b"\tM1\t", b"\tM2\t")
    assert bring_in(new).lines == 2


def test_gzip_windows_line_ends_a_byte_order_mark_comments_and_empty_lines_do_no_harm(tmp_path):
    rows = [
        a_summary(BASIC, usages=10, revenue="1.00"),
        "#AS02.02\ta comment",
        "",
        *a_use(BASIC, 1, units=10),
    ]
    data = a_report(BASIC, rows)
    plain = seen(read(tmp_path / "r.tsv", data)[0])
    assert plain == [("M1:T1", "gen_1", 10, 100)]
    odd = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") + b"\r\n\r\n"
    assert seen(read(tmp_path / "r.tsv", odd)[0]) == plain
    assert seen(read(tmp_path / "r.tsv.gz", gzip.compress(odd))[0]) == plain
    assert faults_of(tmp_path / "r.tsv.gz", gzip.compress(data)[:-9])[0][0] == "DAMAGED_FILE"


def test_an_escaped_tab_or_bar_is_part_of_its_cell(tmp_path):
    block = {"BlockId": "B1"}
    title = "Black\\\tand\\|white\\\\"
    rows = [
        a_summary(BASIC, usages=1, revenue="1.00"),
        a_row(BASIC, "AS02.02", **block, ResourceReference="R1", DspResourceId="gen_1", Title=title),
        a_use(BASIC, 1, units=1)[1],
    ]
    assert seen(read(tmp_path / "r.tsv", a_report(BASIC, rows))[0]) == [("M1:T1", "gen_1", 1, 100)]


def test_our_namespace_names_a_generation_by_release_resource_or_label(tmp_path):
    one = {"BlockId": "B1"}
    release = {
        "ReleaseReference": "L1",
        "DspReleaseId": "x",
        "ProprietaryReleaseId": "x::1|contrafact::gen_9",
    }
    resource = {"ResourceReference": "R1", "DspResourceId": "theirs", "Title": "t"}
    other = {"ResourceReference": "R2", "DspResourceId": "contrafact::gen_8", "Title": "t"}
    used = {"ReleaseReference": "L2", "DspSubReleaseId": "y", "UsedResources": "R2"}
    many = {"ReleaseReference": "L3", "DspSubReleaseId": "y", "UsedResources": "R1|R2"}
    place = {"SummaryRecordId": "S1", "IsRoyaltyBearing": "true", "NumberOfStreams": 1}
    rows = [a_summary(BASIC, usages=4, revenue="4.00"), a_row(BASIC, "RE01", **one, **release)]
    rows += [a_row(BASIC, "AS02.02", **one, **each) for each in (resource, other)]
    rows += [a_row(BASIC, "RE02", **one, **each) for each in (used, many)]
    targets = [{"TransactedRelease": name} for name in ("L1", "L2", "L3")] + [{"TransactedResource": "R1"}]
    rows += [
        a_row(BASIC, "SU02", **one, **place, SalesTransactionId=f"T{number}", **target)
        for number, target in enumerate(targets)
    ]
    accepted, refused = read(tmp_path / "r.tsv", a_report(BASIC, rows))
    assert [row["generation"] for row in accepted] == ["gen_9", "gen_8", "theirs"]
    assert [(row["code"], row["line"]) for row in refused] == [("RESOURCE", 10)]
    of_label = plain_report(FINANCIAL, [("gen_1", 1, 100)]).replace(b"\tgen_1\t\t", b"\ttheirs\tgen_7\t")
    assert seen(read(tmp_path / "r.tsv", of_label)[0])[0][1] == "gen_7"


def test_a_release_of_one_resource_is_that_resource(tmp_path):
    block = {"BlockId": "B1"}
    rows = [
        a_summary(BASIC, usages=1, revenue="1.00"),
        a_row(BASIC, "RE01", **block, ReleaseReference="L1", DspReleaseId="x"),
        *a_use(BASIC, 1, units=1, TransactedResource="", TransactedRelease="L1"),
    ]
    assert seen(read(tmp_path / "r.tsv", a_report(BASIC, rows))[0]) == [("M1:T1", "gen_1", 1, 100)]


@pytest.mark.parametrize(
    ("change", "code", "cell"),
    [
        ({"generation": "no id at all"}, "GENERATION", "resource"),
        ({"TransactedResource": "R9"}, "RESOURCE", "R9"),
        ({"TransactedRelease": "R1"}, "RESOURCE", "resource"),
        ({"SalesTransactionId": ""}, "LINE_ID", "SalesTransactionId"),
    ],
)
def test_a_usage_that_cannot_be_counted_waits_with_its_part_of_the_revenue(
    session, bring_in, change, code, cell
):
    rows = [a_summary(BASIC, usages=10, revenue="10.00"), *a_use(BASIC, 1, units=4)]
    rows += a_use(BASIC, 2, **{"units": 6, **change})
    report = bring_in(a_report(BASIC, rows))
    assert (report.lines, report.quarantined) == (1, 1)
    assert session.execute(select(UsageTotalRow.revenue_minor)).scalar_one() == 400
    bad = session.execute(select(UsageQuarantine)).scalar_one()
    assert (bad.code, bad.line, bad.file_name) == (code, 6, "report.tsv")
    assert cell in bad.found


def test_a_territory_that_is_no_country_keeps_its_lines_waiting(bring_in):
    data = plain_report(FINANCIAL, USES).replace(b"\tDE\t", b"\tWorldwide\t")
    report = bring_in(data)
    assert (report.lines, report.quarantined) == (0, 4)
    assert "Territory of the summary" in report.findings[-1].message


def test_a_day_outside_the_report_waits(tmp_path):
    data = plain_report(FINANCIAL, USES).replace(b"2026-10-05", b"2026-11-05", 1)
    accepted, refused = read(tmp_path / "r.tsv", data)
    assert (len(accepted), [row["code"] for row in refused]) == (3, ["USED_ON"])


def test_a_resource_after_a_usage_of_its_block_is_refused(tmp_path):
    first, use = a_use(BASIC, 1, units=1)
    rows = [a_summary(BASIC, usages=1, revenue="1.00"), first, use, first.replace("R1", "R2")]
    for part in (64, 1 << 24):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dsr_lines, "CHUNK_BYTES", part)
            accepted, refused = read(tmp_path / "r.tsv", a_report(BASIC, rows))
        assert (len(accepted), [(row["code"], row["line"]) for row in refused]) == (1, [("ORDER", 5)])


REFUSED = [
    (BASIC, {"revenue": "10.001"}, {}, "SUMMARY", "whole amount"),
    (BASIC, {"usages": 11}, {}, "SUMMARY_SUM", "10 usages in its lines, 11 in the summary"),
    (BASIC, {"CommercialModel": "PayAsYouGoModel"}, {}, "SUMMARY", "financial profile"),
    (BASIC, {"CurrencyOfReporting": "EURO"}, {}, "SUMMARY", "ISO 4217"),
    (BASIC, {}, {"IsRoyaltyBearing": "false"}, "REVENUE", "bears no royalty"),
    (BASIC, {}, {"NumberOfStreams": "10.5"}, "SUMMARY_SUM", "0 usages"),
    (BASIC, {"usages": -10}, {"units": -10}, "REVENUE", "negative"),
    (BASIC, {"usages": 0}, {"units": 0}, "SUMMARY_SUM", "0.00 EUR in its lines, 10.00 EUR"),
    (ROYALTY, {"revenue": ""}, {}, "SUMMARY", "NetRevenue"),
    (ROYALTY, {"revenue": "10.01"}, {}, "SUMMARY_SUM", "10.00 EUR in its lines, 10.01 EUR"),
    (ROYALTY, {}, {"amount": "1O.00"}, "SUMMARY_SUM", "0.00 EUR in its lines"),
    (FINANCIAL, {"revenue": "9.99"}, {}, "SUMMARY_SUM", "10.00 EUR in its lines, 9.99 EUR"),
    (FINANCIAL, {"ReportingPeriodEndDate": "2026-11-30"}, {}, "SUMMARY", "not within"),
]


@pytest.mark.parametrize(("profile", "summary", "use", "code", "words"), REFUSED)
def test_a_report_whose_money_would_be_wrong_is_refused(tmp_path, profile, summary, use, code, words):
    rows = [a_summary(profile, **({"usages": 10, "revenue": "10.00"} | summary))]
    rows += a_use(profile, 1, **({"units": 10, "amount": "10.00"} | use))
    faults = faults_of(tmp_path / "r.tsv", a_report(profile, rows))
    assert code in {found for found, _ in faults}
    assert any(words in message for _, message in faults), faults


def test_a_refused_report_names_the_lines_that_are_bad_and_leaves_nothing(session, bring_in):
    data = plain_report(ROYALTY, USES).replace(b"\t10\t12.34", b"\tten\t12.34")
    report = bring_in(data)
    assert report.lines == 0
    assert [(finding.code, finding.where) for finding in report.findings] == [
        ("SUMMARY_SUM", "report.tsv:2"),
        ("UNITS", "report.tsv:4"),
    ]
    assert session.execute(select(UsageBatch)).first() is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Profile": "UgcProfile"}, "those that are read"),
        ({"ProfileVersion": "1.4"}, "those that are read"),
        ({"MessageVersion": "30"}, "dsrf/"),
        ({"MessageId": ""}, "MessageId"),
        ({"UsageStartDate": "2026-07-01"}, "one month"),
        ({"UsageEndDate": "2026-10-32"}, "calendar"),
        ({"UsageEndDate": "31.10.2026"}, "YYYY-MM-DD"),
        ({"FileNumber": 2}, "number 2 of 1"),
        ({"FileNumber": "one"}, "integer"),
    ],
)
def test_a_head_that_cannot_be_used_refuses_the_report(tmp_path, change, words):
    data = a_report(ROYALTY, [a_summary(ROYALTY, usages=0, revenue="0")], a_head(ROYALTY, **change))
    [(code, message)] = faults_of(tmp_path / "r.tsv", data)
    assert code == "HEAD"
    assert words in message


def test_a_month_may_be_written_without_days(tmp_path):
    head = a_head(BASIC, UsageStartDate="2026-10", UsageEndDate="2026-10")
    rows = [a_summary(BASIC, usages=1, revenue="1.00"), *a_use(BASIC, 1, units=1)]
    assert read(tmp_path / "r.tsv", a_report(BASIC, rows, head))[0][0]["used_on"] == date(2026, 10, 31)


def test_what_a_summary_allocates_goes_before_what_the_service_made(tmp_path):
    named = {
        "SummaryRecordId": "S1", "CommercialModel": "SubscriptionModel", "UseType": "OnDemandStream",
        "Territory": "DE", "ServiceDescription": "Premium", "Usages": 1000, "CurrencyOfReporting": "EUR",
        "NetRevenue": "5000.00", "AllocatedUsages": 10, "AllocatedNetRevenue": "50.00",
        "ContentCategory": "music",
    }  # fmt: skip
    rows = [a_row(BASIC, "SY02.02", **named), *a_use(BASIC, 1, units=10)]
    assert seen(read(tmp_path / "r.tsv", a_report(BASIC, rows))[0])[0][3] == 5000
    rows[0] = a_row(BASIC, "SY02.02", **(named | {"AllocatedUsages": ""}))
    assert faults_of(tmp_path / "r.tsv", a_report(BASIC, rows))[0][0] == "SUMMARY"


def test_the_revenue_of_a_whole_service_is_warned_of(bring_in):
    findings = bring_in(plain_report(BASIC, USES)).findings
    assert [(f.code, f.severity) for f in findings if f.severity != "info"] == [("NET_REVENUE", "warning")]
    assert bring_in(plain_report(FINANCIAL, USES)).findings[0].code == "FILE_NAME"


@pytest.mark.parametrize("code", ["SY04.01", "SY05.02"])
def test_summaries_whose_money_does_not_follow_usage_are_refused(tmp_path, code):
    rows = [a_row(BASIC, code, SummaryRecordId="S1"), *a_use(BASIC, 1, units=1)]
    assert "does not follow" in faults_of(tmp_path / "r.tsv", a_report(BASIC, rows))[0][1]


def test_summaries_come_first_and_once(tmp_path):
    summary, use = a_summary(BASIC, usages=1, revenue="1.00"), a_use(BASIC, 1, units=1)
    assert "follows" in faults_of(tmp_path / "r.tsv", a_report(BASIC, [*use, summary]))[0][1]
    assert "twice" in faults_of(tmp_path / "r.tsv", a_report(BASIC, [summary, summary, *use]))[0][1]


def test_a_report_that_is_cut_off_goes_on_or_counts_otherwise_is_refused(tmp_path):
    for profile in ALL:
        data = plain_report(profile, USES)
        foot = data.rindex(b"\n", 0, -1) + 1
        assert faults_of(tmp_path / "r.tsv", data[:foot])[0][0] == "NO_FOOT"
        assert faults_of(tmp_path / "r.tsv", data + data[:foot])[0][0] == "AFTER_FOOT"
        cells = data[foot:].decode().strip().split("\t")
        for place in range(1, len(cells)):
            for wrong in (int(cells[place]) + 1, int(cells[place]) - 1):
                bent = "\t".join([*cells[:place], str(wrong), *cells[place + 1 :]])
                codes = {
                    code for code, _ in faults_of(tmp_path / "r.tsv", data[:foot] + bent.encode() + b"\n")
                }
                assert codes == {"FOOT"}, bent


def test_the_number_in_the_file_name_is_that_of_the_head(tmp_path):
    name = "DSR_Us_Example_Premium_2026-10_DE_{}_20261102T000000.tsv"
    data = plain_report(BASIC, USES)
    assert len(read(tmp_path / name.format("1of1"), data)[0]) == 4
    assert faults_of(tmp_path / name.format("2of3"), data)[0][0] == "FILE_NUMBER"
    part = a_report(
        ROYALTY,
        [a_summary(ROYALTY, usages=1, revenue="1.00"), *a_use(ROYALTY, 1, units=1, amount="1.00")],
        a_head(ROYALTY, FileNumber=2, NumberOfFiles=3),
    )
    assert [code for code, _ in faults_of(tmp_path / name.format("2of3"), part)] == ["MISSING_FILE"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"\x00" * 50,
        b"HEAD",
        b"HEAD\t\t\t\t",
        b"\xff\xfe",
        b"#\n",
        b"\\",
        b"\t" * 100_000,
        b"\x1f\x8b",
    ],
)
def test_a_hostile_report_gives_findings_and_no_traceback(bring_in, data):
    report = bring_in(data)
    assert (report.lines, bool(report.findings)) == (0, True)


def test_a_line_that_is_too_long_or_of_no_known_type_waits(tmp_path):
    rows = [a_summary(ROYALTY, usages=10, revenue="1.00"), *a_use(ROYALTY, 1, units=10, amount="1.00")]
    rows += ["ZZ99\tB1\tx", "AS01\tB1" + "\tx" * 40_000, "AS01\tB1", "MW01.01\tB1\tends in \\"]
    accepted, refused = read(tmp_path / "r.tsv", a_report(ROYALTY, rows))
    assert len(accepted) == 1
    assert [row["code"] for row in refused] == ["RECORD_TYPE", "FIELDS", "FIELDS", "FIELDS"]


def test_text_that_is_no_utf_8_is_told_where_it_is_used(tmp_path):
    data = plain_report(FINANCIAL, USES).replace(b"gen_2", b"gen\xff2")
    accepted, refused = read(tmp_path / "r.tsv", data)
    assert (len(accepted), [row["code"] for row in refused]) == (3, ["GENERATION"])


def totals_of(report, session) -> tuple[int, int, int]:
    row = UsageTotalRow
    query = select(row.num_lines, row.units, row.revenue_minor).where(row.batch_id == report.batch)
    found = session.execute(query).all()
    return tuple(sum(each[place] for each in found) for place in range(3))  # type: ignore[return-value]


@pytest.mark.parametrize("profile", [ROYALTY, FINANCIAL], ids=lambda profile: profile[0])
def test_no_changed_byte_changes_what_is_counted_without_a_word(session, bring_in, profile):
    chance = random.Random(7)
    data = plain_report(profile, [(f"gen_{n}", 10 + n, 1234 + n) for n in range(6)])
    whole = totals_of(bring_in(data), session)
    session.rollback()
    for _ in range(200):
        bent = bytearray(data)
        bent[chance.randrange(len(bent))] = chance.randrange(256)
        report = bring_in(bytes(bent))
        if report.lines and totals_of(report, session) != whole:
            assert report.quarantined, bytes(bent)
        assert report.lines or report.findings
        session.rollback()


def test_the_profiles_have_the_cells_of_the_schemas():
    sizes = {
        (profile.name, code): (len(record.cells), record.num_required)
        for profile in PROFILES
        for code, record in profile.records.items()
    }
    assert sizes["FinancialReportingToRecordCompaniesProfileSRB", "SR08"] == (48, 48)
    assert sizes["FinancialReportingToRecordCompaniesProfileSRB", "SY10"] == (46, 46)
    assert sizes["RoyaltyReportingProfile", "LI01"] == (10, 10)
    assert sizes["BasicAudioProfile", "SU02"] == (10, 8)
    assert PROFILES[3].records["SR08"].at(NET) == 46
