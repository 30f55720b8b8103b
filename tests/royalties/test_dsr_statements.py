"""Does a statement told as a sales report say what it owes, to the unit, and read back as what was used?"""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.database import Base, open_engine
from royalties.dsr_columns import find_profile
from royalties.dsr_lines import split_cells
from royalties.dsr_reader import read_dsr
from royalties.dsr_writer import Sender
from royalties.money import parse_minor
from royalties.periods import parse_period
from royalties.statement_files import StatementFormat, render_statement, statement_id, write_statement
from royalties.statements import SUSPENSE, list_payees, make_statement
from royalties.tables import UsageBatch
from royalties.usage import UsageFormat, import_usage
from royalties.usage_files import UnusableFileError
from tests.royalties.builders import NOW, OCTOBER, a_line, a_policy, bring_in, run, some_inputs
from tests.royalties.dsr_files import ROYALTY, plain_report
from tests.royalties.test_statements import NAMES

SENDER = Sender("Example Music", "PADPIDA2013020802I")
AMOUNTS = {"LI01": "AllocatedAmount", "SY07": "AllocatedRevenue"}


def written(statement) -> bytes:
    return render_statement(statement, StatementFormat.DSR, SENDER)


def records(data: bytes) -> list[dict[str, str]]:
    """The records of a report by the names of their cells, read without the reader."""
    profile = find_profile("RoyaltyReportingProfile", "1.0.1")
    rows = [split_cells(line) for line in data.decode().split("\n")[:-1]]
    return [dict(zip(profile.records[cells[0]].cells, cells, strict=True)) for cells in rows]


def total(data: bytes, code: str, cell: str) -> int:
    return sum(parse_minor(row[cell], "EUR") for row in records(data) if row["RecordType"] == code)


def statements_of(session, period=OCTOBER):
    return [make_statement(session, period, payee, NAMES) for payee in list_payees(session, period)]


def read_back(folder, data: bytes):
    path = folder / "back.tsv"
    path.write_bytes(data)
    return list(read_dsr(path))


def check(statement, folder) -> None:
    """The file comes to what is payable, its foot counts it, and our reader gives the usage back."""
    data = written(statement)
    for code, cell in AMOUNTS.items():
        assert total(data, code, cell) == statement.payable_minor
    amounts = Counter(row["RightsControllerWorkId"] for row in records(data) if row["RecordType"] == "LI01")
    assert {line.work for line in statement.lines if line.work} <= amounts.keys()
    named = {(line.generation, line.territory) for line in statement.lines if line.generation}
    expected = Counter()
    for use in statement.usage:
        if (use.generation, use.territory) in named:
            key = (use.generation, use.territory, use.service.replace(" ", "-"), use.use_type)
            expected[(*key, use.units, use.revenue_minor)] += 1
    chunks = read_back(folder, data)
    assert not any(chunk.refused.height for chunk in chunks)
    columns = ("generation", "territory", "service", "use_type", "units", "revenue_minor")
    found = Counter(row for chunk in chunks for row in chunk.accepted.select(columns).iter_rows())
    assert found == expected


def test_every_statement_comes_to_what_is_payable_and_reads_back(session, posted, tmp_path):
    statements = statements_of(session)
    assert len(statements) == 5
    for statement in statements:
        check(statement, tmp_path)
    assert any(statement.payable_minor for statement in statements)
    assert any(statement.carried_minor for statement in statements)


some_lines = st.lists(
    st.builds(
        dict,
        generation=st.sampled_from(["gen_1", "gen_2", "gen_3"]),
        territory=st.sampled_from(["DE", "SE"]),
        service=st.sampled_from(["Example Stream", "Radio X"]),
        use_type=st.sampled_from(["OnDemandStream", "PermanentDownload"]),
        units=st.integers(-5, 1000),
        revenue_minor=st.integers(-500, 100_000),
    ),
    min_size=1, max_size=12,
).filter(lambda lines: sum(line["revenue_minor"] for line in lines) > 100)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(lines=some_lines, threshold=st.integers(0, 20_000))
def test_any_usage_gives_files_that_come_to_what_is_payable(tmp_path_factory, lines, threshold):
    folder = tmp_path_factory.mktemp("dsr")
    engine = open_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        bring_in(session, folder, [a_line(number, **line) for number, line in enumerate(lines)])
        november = [a_line(100 + number, used_on="2026-11-02", **line) for number, line in enumerate(lines)]
        bring_in(session, folder, november, "november.csv")
        policy = a_policy(threshold_minor=threshold)
        run(session, policy=policy)
        run(session, policy=policy, period=parse_period("2026-11"))
        for period in (OCTOBER, parse_period("2026-11")):
            for statement in statements_of(session, period):
                check(statement, folder)
    engine.dispose()


def test_a_changed_amount_of_a_written_file_is_found(session, posted, tmp_path):
    data = written(make_statement(session, OCTOBER, "party_2", NAMES))
    profile = find_profile("RoyaltyReportingProfile", "1.0.1")
    cells = {
        "SY07": ("Usages", "NetRevenue", "AllocatedRevenue", "AllocatedNetRevenue"),
        "SU03.01": ("Usages", "NetRevenue"),
        "LI01": ("AllocatedNetRevenue", "AllocatedAmount"),
    }
    changed = 0
    lines = data.decode().split("\n")
    for place, line in enumerate(lines):
        parts = line.split("\t")
        for cell in cells.get(parts[0], ()):
            at = profile.records[parts[0]].at(cell)
            for digit in [place for place, sign in enumerate(parts[at]) if sign.isdigit()]:
                text = parts[at]
                other = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
                bent = [
                    *lines[:place],
                    "\t".join([*parts[:at], other, *parts[at + 1 :]]),
                    *lines[place + 1 :],
                ]
                with pytest.raises(UnusableFileError) as refused:
                    read_back(tmp_path, "\n".join(bent).encode())
                assert refused.value.findings[0].code == "SUMMARY_SUM"
                changed += 1
    assert changed > 100


def test_a_file_says_who_sends_it_to_whom_by_which_right(session, posted, tmp_path):
    statement = make_statement(session, OCTOBER, "party_1", NAMES)
    head, *rest = records(written(statement))
    assert (head["SenderPartyId"], head["SenderName"]) == (SENDER.party_id, SENDER.name)
    assert (head["RecipientName"], head["MessageId"]) == ("Ada Example", statement_id(statement))
    assert (head["UsageStartDate"], head["UsageEndDate"]) == ("2026-10-01", "2026-10-31")
    assert {row["RightsType"] for row in rest if "RightsType" in row} == {"MechanicalRight"}
    shares = [row for row in rest if row["RecordType"] == "LI01"]
    assert {row["RightsControllerPartyId"] for row in shares} == {"IPI::00000000199"}
    assert {row["RightSharePercentage"] for row in shares} <= {"50.0000", "100.0000"}
    assert {row["ISWC"] for row in rest if row["RecordType"] == "MW01.01"} == {"T0345246801"}
    files = write_statement(statement, tmp_path, [StatementFormat.DSR], SENDER).files
    assert files[0].read_bytes() == written(statement)
    name = files[0].name.split("_")
    assert name[0] == "DSR" and name[2:7] == [SENDER.party_id, "Royalties", "2026-10", "multi", "1of1"]
    assert name[7] == f"{NOW:%Y%m%dT%H%M%S}.tsv"


def test_a_sender_who_is_not_known_stays_empty(session, posted):
    statement = make_statement(session, OCTOBER, "party_1", NAMES)
    head = records(render_statement(statement, StatementFormat.DSR))[0]
    assert (head["SenderPartyId"], head["SenderName"]) == ("", "not-stated")


def test_what_waits_says_why_and_comes_to_nothing(session, posted, tmp_path):
    statement = make_statement(session, OCTOBER, SUSPENSE, NAMES)
    data = written(statement)
    reasons = {row["RightsControllerPartyId"] for row in records(data) if row["RecordType"] == "LI01"}
    assert {f"contrafact::suspense:{line.reason}" for line in statement.lines} <= reasons
    assert total(data, "LI01", "AllocatedAmount") == 0
    assert statement.earned_minor > 0


def test_two_payees_do_not_share_a_file(session, posted, tmp_path):
    statement = make_statement(session, OCTOBER, "party_1", NAMES)
    files = {
        write_statement(replace(statement, payee=payee), tmp_path, [StatementFormat.DSR]).files[0]
        for payee in ("a/b", "a_b", "a-b", "../../etc/passwd")
    }
    assert len(files) == 4
    assert {path.parent for path in files} == {tmp_path}


def test_names_with_tabs_bars_and_line_breaks_stay_in_their_cells(session, posted, tmp_path):
    statement = make_statement(session, OCTOBER, "party_1", NAMES)
    strange = replace(statement, info=replace(statement.info, name="A\tB|C\\D\nE"))
    assert records(written(strange))[0]["RecipientName"] == "A\tB|C\\D E"
    check(strange, tmp_path)


def test_yen_have_no_decimals(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1, currency="JPY", revenue_minor=1000)])
    run(session, policy=a_policy(currency="JPY", threshold_minor=0), inputs=some_inputs())
    statement = make_statement(session, OCTOBER, "party_1", NAMES)
    amounts = [row["AllocatedAmount"] for row in records(written(statement)) if row["RecordType"] == "LI01"]
    assert amounts and not any("." in amount for amount in amounts)
    assert sum(map(int, amounts)) == statement.payable_minor


def test_either_database_takes_reports_and_no_unknown_format(session, tmp_path):
    path = tmp_path / "report.tsv"
    path.write_bytes(plain_report(ROYALTY, [("gen_1", 10, 1234)]))
    report = import_usage(session, tmp_path / "usage", UsageFormat.DSR, path, imported_at=NOW)
    assert (report.lines, session.get(UsageBatch, report.batch).format) == (1, "dsr")
    unknown = UsageBatch(
        id="b", format="xls", file_name="f", num_lines=0, num_quarantined=0, lines_sha256="", imported_at=NOW
    )
    session.add(unknown)
    with pytest.raises(IntegrityError, match="ck_usage_batch_format"):
        session.flush()
    session.rollback()
