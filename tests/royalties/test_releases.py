"""Is usage that names an ISRC that of the generation behind it, and never lost where nobody knows it?"""

import pytest

from catalog.identifiers import parse_isrc
from royalties.counting import count_usage
from royalties.ledger import balances, check_ledger
from royalties.releases import import_releases, parse_releases, unmapped_isrcs
from royalties.statement_files import statement_json
from royalties.statements import Names, make_statement
from royalties.usage import UsageFormat, import_usage
from royalties.usage_lines import isrc_prefixes
from tests.royalties.builders import FIELDS, NOW, OCTOBER, a_line, as_csv, bring_in, close, restated, run
from tests.royalties.dsr_files import BASIC, BASIC_SINGLE, FINANCIAL, a_report, a_row, a_summary, a_use
from tests.royalties.test_dsr import read

ISRC = "SEAAA2600001"
NAMED = f"isrc:{ISRC}"
GENERATIONS = {"gen_1", "gen_2", "gen_3"}
COLUMNS = (*(name for name in FIELDS if name != "generation"), "isrc")


def bring_releases(session, folder, *rows, name="releases.csv"):
    path = folder / name
    path.write_text("\n".join(["isrc,proprietary_id,generation,from,title", *rows, ""]))
    return import_releases(session, path, GENERATIONS, imported_at=NOW)


def totals(session):
    return [(each.generation, each.revenue_minor) for each in count_usage(session, OCTOBER, "EUR").totals]


def test_the_isrcs_of_usage_begin_as_those_of_the_catalogue_do():
    for pair in ("SE", "US", "XX", "ZZ", "QM", "AA"):
        assert (pair in isrc_prefixes()) == (parse_isrc(f"{pair}AAA2600001") is not None)
    assert 0 < len(isrc_prefixes()) < 26 * 26


def test_a_line_may_name_an_isrc_instead_of_a_generation(session, tmp_path):
    path = tmp_path / "usage.csv"
    lines = [
        a_line(1, isrc="se-aaa-26-00001"),
        a_line(2, isrc="SE"),
        a_line(3, isrc=""),
        a_line(4, isrc=ISRC),
    ]
    path.write_bytes(as_csv(lines, columns=COLUMNS))
    report = import_usage(session, tmp_path / "usage", UsageFormat.CSV, path, imported_at=NOW)
    assert (report.lines, [finding.code for finding in report.findings]) == (2, ["ISRC", "GENERATION"])
    assert totals(session) == [(NAMED, 2468)]
    [told] = unmapped_isrcs(session, report.batch)
    assert (told.where, told.message[:7]) == (ISRC, "2 lines")


def test_a_generation_goes_before_an_isrc(session, tmp_path):
    path = tmp_path / "usage.csv"
    path.write_bytes(as_csv([a_line(1, isrc="nonsense")], columns=(*FIELDS, "isrc")))
    assert import_usage(session, tmp_path / "u", UsageFormat.CSV, path, imported_at=NOW).lines == 1
    assert totals(session) == [("gen_1", 1234)]


@pytest.mark.parametrize("name", ["isrc:SE", "isrc:se-aaa-26-00001", "isrc:00AAA2600001"])
def test_what_only_looks_like_an_isrc_is_quarantined(session, tmp_path, name):
    report = bring_in(session, tmp_path, [a_line(1, generation=name)])
    assert (report.lines, report.findings[0].code) == (0, "GENERATION")


@pytest.mark.parametrize("profile", [BASIC, BASIC_SINGLE, FINANCIAL], ids=lambda profile: profile[0])
def test_a_resource_of_a_sales_report_is_named_by_its_isrc(tmp_path, profile):
    cell = "ResourceISRC" if profile == FINANCIAL else "ISRC"
    rows = [a_summary(profile, usages=3, revenue="3.00")]
    if profile == BASIC:
        block, resource = {"BlockId": "B1"}, {"ResourceReference": "R1", "DspResourceId": "their-id"}
        rows += [
            a_row(profile, "AS02.02", **block, **resource, ISRC="SE-AAA-26-00001|SEAAA2600002"),
            a_use(profile, 1, units=3)[1],
        ]
    else:
        rows += a_use(profile, 1, units=3, amount="3.00", generation="their-id", **{cell: ISRC.lower()})
    accepted, refused = read(tmp_path / "r.tsv", a_report(profile, rows))
    assert (refused, [row["generation"] for row in accepted]) == ([], [NAMED])


@pytest.mark.parametrize(
    ("cells", "generation"),
    [
        ({"ResourceISRC": "SE", "DspResourceId": "their-id"}, "their-id"),
        ({"ResourceISRC": ISRC, "DspResourceId": "contrafact::gen_1"}, "gen_1"),
        ({"ResourceISRC": ISRC, "LabelResourceId": "gen_2", "DspResourceId": "x"}, "gen_2"),
        ({"ResourceISRC": ISRC, "ProprietaryResourceId": "contrafact::gen_3", "DspResourceId": "x"}, "gen_3"),
    ],
)
def test_our_own_ids_go_before_an_isrc_and_an_isrc_before_the_senders(tmp_path, cells, generation):
    rows = [a_summary(FINANCIAL, usages=3, revenue="3.00")]
    rows += a_use(FINANCIAL, 1, units=3, amount="3.00", **cells)
    accepted, _ = read(tmp_path / "r.tsv", a_report(FINANCIAL, rows))
    assert [row["generation"] for row in accepted] == [generation]


@pytest.mark.parametrize(
    ("row", "codes"),
    [
        ("SE,,gen_1,2026-10-01,", ["ISRC"]),
        (",,gen_1,2026-10-01,", ["PROPRIETARY_ID"]),
        (",a b,gen_1,2026-10-01,", ["PROPRIETARY_ID"]),
        (f"{ISRC},,,2026-10-01,", ["GENERATION"]),
        (f"{ISRC},,gen_9,2026-10-01,", ["UNKNOWN_GENERATION"]),
        (f"{ISRC},gen_2,gen_1,2026-10-01,", ["ID_OF_GENERATION"]),
        (f"{ISRC},,gen_1,2026-13-01,", ["FROM"]),
        (f"{ISRC},,gen_1,2026-10-01,\x07", ["TITLE"]),
        (f"{ISRC},,gen_1", ["FIELDS"]),
        ("SEAAA2600009,,gen_2,2026-10-01,", ["DUPLICATE_RELEASE"]),
    ],
)
def test_a_file_with_a_fault_is_refused_whole(row, codes):
    header, first = "isrc,proprietary_id,generation,from,title", "SEAAA2600009,,gen_1,2026-10-01,"
    releases, findings = parse_releases(f"{header}\n{first}\n{row}\n".encode(), "r.csv", GENERATIONS)
    assert [finding.code for finding in findings] == codes
    assert {finding.where for finding in findings} == {"r.csv:3"}
    assert len(releases) == 1


@pytest.mark.parametrize(
    "data", [b"", b"isrc,generation\n", b"generation,from\n", b"\xff", b'"', b"isrc,isrc,generation,from\n"]
)
def test_a_file_that_is_no_table_of_releases_gives_findings(data):
    assert parse_releases(data, "r.csv", GENERATIONS)[1]


def test_the_same_file_twice_is_one_file_and_a_bad_one_leaves_nothing(session, tmp_path):
    first = bring_releases(session, tmp_path, f"{ISRC},,gen_2,2026-10-01,Piece")
    assert (first.releases, bring_releases(session, tmp_path, f"{ISRC},,gen_2,2026-10-01,Piece")) == (
        1,
        first,
    )
    assert bring_releases(session, tmp_path, "XX,,gen_2,2026-10-01,", name="bad.csv").releases == 0


def test_a_mapping_holds_from_its_day_and_the_newest_file_goes_first(session, tmp_path):
    bring_releases(session, tmp_path, f"{ISRC},their-id,gen_2,2026-10-10,")
    lines = [
        a_line(1, generation=NAMED, used_on="2026-10-09", revenue_minor=1),
        a_line(2, generation=NAMED, used_on="2026-10-10", revenue_minor=2),
        a_line(3, generation="their-id", used_on="2026-10-31", revenue_minor=4),
        a_line(4, generation="gen_2", used_on="2026-10-31", revenue_minor=8),
    ]
    bring_in(session, tmp_path, lines)
    assert totals(session) == [("gen_2", 2), ("gen_2", 12), (NAMED, 1)]
    bring_releases(session, tmp_path, f"{ISRC},,gen_3,2026-10-10,", name="corrected.csv")
    assert totals(session) == [("gen_2", 12), ("gen_3", 2), (NAMED, 1)]


def test_money_of_an_unknown_isrc_waits_and_a_restatement_finds_it(session, tmp_path):
    lines = [a_line(1), a_line(2, generation=NAMED, revenue_minor=5_000)]
    bring_in(session, tmp_path, lines)
    run(session)
    held = f"suspense:UNMATCHED_WORK:{NAMED}"
    waiting = balances(session)[held, "EUR"]
    assert waiting > 0
    close(session)
    bring_releases(session, tmp_path, f"{ISRC},,gen_1,2026-10-01,")
    report = restated(session)
    assert "usage" in report.changed
    assert balances(session).get((held, "EUR"), 0) == 0
    assert sum(delta.amount_minor for delta in report.deltas) == report.pool_minor - report.earlier_pool_minor
    assert check_ledger(session) == []


def test_a_statement_says_under_which_name_usage_was_reported_and_keeps_saying_it(session, tmp_path):
    bring_releases(session, tmp_path, f"{ISRC},,gen_1,2026-10-01,")
    bring_in(session, tmp_path, [a_line(1), a_line(2, generation=NAMED, revenue_minor=5_000)])
    run(session)
    before = statement_json(make_statement(session, OCTOBER, "party_1", Names()))
    assert [(line["revenue"], line.get("reported_as")) for line in before["usage"]] == [
        ("12.34", None), ("50.00", NAMED),
    ]  # fmt: skip
    bring_releases(session, tmp_path, f"{ISRC},,gen_3,2026-10-01,", name="later.csv")
    assert statement_json(make_statement(session, OCTOBER, "party_1", Names())) == before
