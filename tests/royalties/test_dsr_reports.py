"""Is a sales report in several files one report: read whole, checked whole, or not at all?"""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.database import Base, open_engine
from royalties.counting import count_usage
from royalties.tables import UsageBatch
from royalties.usage import UsageFormat, import_report, import_usage
from tests.royalties.builders import NOW, OCTOBER
from tests.royalties.dsr_files import BASIC, FINANCIAL, ROYALTY, a_head, a_summary, a_use, cents

USES = [("gen_1", 10, 1234), ("gen_2", 7, 1), ("gen_3", 3, 4), ("gen_1", 13, 766)]


@pytest.fixture
def session(sqlite_engines, tmp_path):
    for engine in sqlite_engines(tmp_path):
        with Session(engine) as opened:
            yield opened


def foot(profile, rows: list[str], whole: list[list[str]]) -> str:
    """The foot of one file: its own lines and blocks, and those of the whole report."""
    counts = [(len(each) + 1, sum(row.startswith(("SU", "AS")) for row in each) // 2) for each in whole]
    summaries = sum(row.startswith("SY") for row in rows)
    lines, blocks = (sum(count[at] for count in counts) for at in (0, 1))
    if profile == FINANCIAL:
        return f"SRFO\t{lines}\t{summaries}"
    own = sum(row.startswith(("SU", "AS")) for row in rows) // 2
    return f"FOOT\t{len(rows) + 1}\t{lines}\t{summaries}\t{own}\t{blocks}"


def parts_of(profile, uses, cuts: list[int], *, repeat: bool = False, **heads: object) -> list[bytes]:
    """A report of one summary with its usages cut into files; the summary stands in the first, or in all."""
    summary = a_summary(
        profile, usages=sum(units for _, units, _ in uses), revenue=cents(sum(minor for *_, minor in uses))
    )
    bounds = [0, *sorted(cuts), len(uses)]
    whole = []
    for number, (begin, end) in enumerate(itertools.pairwise(bounds), start=1):
        rows = [a_head(profile, **({"FileNumber": number, "NumberOfFiles": len(cuts) + 1} | heads))]
        rows += [summary] if number == 1 or repeat else []
        for at in range(begin, end):
            generation, units, minor = uses[at]
            rows += a_use(profile, at + 1, units=units, amount=cents(minor), generation=generation)
        whole.append(rows)
    return ["".join(f"{row}\n" for row in [*rows, foot(profile, rows, whole)]).encode() for rows in whole]


def write(folder, parts: list[bytes]):
    paths = []
    for number, data in enumerate(parts, start=1):
        paths.append(folder / f"part{number}.tsv")
        paths[-1].write_bytes(data)
    return paths


def bring_in(session, folder, parts, order=None):
    paths = write(folder, parts)
    chosen = [paths[at] for at in order] if order is not None else paths
    return import_report(session, folder / "usage", chosen, imported_at=NOW)


def totals(session):
    found = count_usage(session, OCTOBER, "EUR").totals
    return [(total.generation, total.units, total.revenue_minor) for total in found]


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("profile", [BASIC, ROYALTY, FINANCIAL], ids=lambda profile: profile[0])
def test_a_report_in_three_files_gives_what_one_file_gives(session, tmp_path, profile, repeat):
    report = bring_in(session, tmp_path, parts_of(profile, USES, [1, 3], repeat=repeat), order=[2, 0, 1])
    assert (report.lines, report.quarantined, len(report.batches)) == (4, 0, 3)
    assert report.batch == report.batches[0]
    split = totals(session)
    session.rollback()
    [alone] = parts_of(profile, USES, [])
    (tmp_path / "one.tsv").write_bytes(alone)
    import_usage(session, tmp_path / "usage", UsageFormat.DSR, tmp_path / "one.tsv", imported_at=NOW)
    assert totals(session) == split
    assert sum(minor for *_, minor in split) == 2005


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    uses=st.lists(
        st.tuples(st.sampled_from(["gen_1", "gen_2"]), st.integers(1, 99), st.integers(0, 9999)),
        min_size=1, max_size=8,
    ),
    cuts=st.lists(st.integers(0, 8), max_size=3),
    chance=st.randoms(),
)  # fmt: skip
def test_the_lines_come_to_the_summary_however_the_report_is_cut(tmp_path_factory, uses, cuts, chance):
    folder = tmp_path_factory.mktemp("parts")
    parts = parts_of(BASIC, uses, [min(cut, len(uses)) for cut in cuts])
    order = list(range(len(parts)))
    chance.shuffle(order)
    engine = open_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        assert bring_in(session, folder, parts, order).lines == len(uses)
        assert sum(minor for *_, minor in totals(session)) == sum(minor for *_, minor in uses)
    engine.dispose()


def test_the_same_files_again_change_nothing(session, tmp_path):
    parts = parts_of(ROYALTY, USES, [2])
    first = bring_in(session, tmp_path, parts)
    again = bring_in(session, tmp_path, parts, order=[1, 0])
    assert (again.batches, again.lines) == (first.batches, first.lines)
    assert len(session.scalars(select(UsageBatch)).all()) == 2


@pytest.mark.parametrize(
    ("order", "codes"),
    [([0], ["MISSING_FILE"]), ([2, 1], ["MISSING_FILE"]), ([0, 1, 1, 2], ["FILE_TWICE", "FILE_TWICE"])],
)
def test_a_report_that_is_not_whole_is_refused_and_nothing_is_kept(session, tmp_path, order, codes):
    report = bring_in(session, tmp_path, parts_of(ROYALTY, USES, [1, 2]), order)
    assert [finding.code for finding in report.findings] == codes
    assert session.scalars(select(UsageBatch)).all() == []


def test_one_file_of_several_is_refused_alone(session, tmp_path):
    [path, _] = write(tmp_path, parts_of(ROYALTY, USES, [2]))
    report = import_usage(session, tmp_path / "usage", UsageFormat.DSR, path, imported_at=NOW)
    assert "MISSING_FILE" in {finding.code for finding in report.findings}
    assert report.lines == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda data: data.replace(b"PADPIDA2013020802I", b"PADPIDA2014111801Y"), "sender"),
        (lambda data: data.replace(b"2026-10-01", b"2026-10-02"), "starts on"),
        (lambda data: data.replace(b"\t2\t2\t2026", b"\t2\t3\t2026"), "num files"),
    ],
)
def test_files_of_different_reports_are_not_mixed(session, tmp_path, change, word):
    parts = parts_of(ROYALTY, USES, [2])
    report = bring_in(session, tmp_path, [parts[0], change(parts[1])])
    [finding] = [each for each in report.findings if each.code == "OTHER_REPORT"]
    assert word in finding.message
    assert session.scalars(select(UsageBatch)).all() == []


def test_a_fault_in_one_file_refuses_all_of_them_and_names_it(session, tmp_path):
    parts = parts_of(ROYALTY, USES, [2])
    report = bring_in(session, tmp_path, [parts[0], parts[1].replace(b"7.66", b"7.67")])
    assert [(each.code, each.where) for each in report.findings] == [("SUMMARY_SUM", "part1.tsv:2")]
    parts = parts_of(ROYALTY, USES, [2])
    report = bring_in(session, tmp_path, [parts[0], parts[1].rsplit(b"FOOT", 1)[0]])
    assert ("NO_FOOT", "part2.tsv") in [(each.code, each.where) for each in report.findings]
    assert session.scalars(select(UsageBatch)).all() == []
    assert list((tmp_path / "usage").iterdir()) == []


def test_a_count_of_the_whole_report_is_checked(session, tmp_path):
    parts = parts_of(ROYALTY, USES, [2])
    place = parts[1].rindex(b"FOOT")
    cells = parts[1][place:].split(b"\t")
    cells[2] = b"99"
    report = bring_in(session, tmp_path, [parts[0], parts[1][:place] + b"\t".join(cells)])
    assert [each.code for each in report.findings] == ["FOOT"]
    assert "NumberOfLinesInReport is 99, the report has" in report.findings[0].message


def test_a_summary_that_another_file_says_otherwise_refuses_the_report(session, tmp_path):
    parts = parts_of(ROYALTY, USES, [2], repeat=True)
    report = bring_in(session, tmp_path, [parts[0], parts[1].replace(b"\tDE\t", b"\tSE\t", 1)])
    assert [each.code for each in report.findings] == ["SUMMARY"]
    assert "something else in part1.tsv" in report.findings[0].message


def test_a_file_that_came_before_without_the_others_is_refused(session, tmp_path):
    parts = parts_of(ROYALTY, USES, [2])
    bring_in(session, tmp_path, parts)
    changed = parts[1].replace(b"gen_1", b"gen_9")
    report = bring_in(session, tmp_path, [parts[0], changed])
    assert [(each.code, each.where) for each in report.findings] == [("KNOWN_FILE", "part1.tsv")]


def test_a_line_that_another_file_of_the_report_has_is_quarantined_at_its_place(session, tmp_path):
    parts = parts_of(ROYALTY, USES, [2])
    parts[1] = parts[1].replace(b"\tT3\t", b"\tT1\t")
    report = bring_in(session, tmp_path, parts)
    assert (report.lines, report.quarantined) == (3, 1)
    assert [(each.code, each.where) for each in report.findings][-1] == ("DUPLICATE_LINE", "part2.tsv:3")
