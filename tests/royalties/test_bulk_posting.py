"""Is a run in a folder, once it is posted, what the same month divided in the database is?"""

import polars as pl
import pytest
from sqlalchemy import func, select

from royalties.bulk.lines import lines_of
from royalties.bulk.posting import post_bulk
from royalties.bulk.running import open_run, run_bulk
from royalties.errors import BulkRefusedError, PeriodAlreadyRunError, PeriodClosedError, RestateRefusedError
from royalties.explaining import explain_line
from royalties.ledger import balances, check_ledger
from royalties.reconciling import reconcile
from royalties.statements import Names, list_payees, make_statement
from royalties.tables import AllocationRow
from tests.royalties.builders import (
    NOW,
    OCTOBER,
    a_policy,
    a_total,
    close,
    put_totals,
    restated,
    run,
    some_inputs,
)
from tests.royalties.bulk_files import write_sources

USAGE = [a_total(), a_total("gen_2", 5_000), a_total("gen_9", 77)]


@pytest.fixture
def folder_run(tmp_path):
    sources = write_sources(tmp_path, USAGE, some_inputs(), OCTOBER)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    return open_run(tmp_path / "run"), sources.pack


def test_the_ledger_is_that_of_the_month_divided_in_the_database(session, folder_run):
    opened, pack = folder_run
    report = post_bulk(session, opened, pack, run_at=NOW)
    assert check_ledger(session) == []
    in_folder = balances(session)
    session.rollback()
    put_totals(session, "batch", USAGE)
    here = run(session)
    assert balances(session) == in_folder
    assert (report.pool_minor, report.suspense_minor) == (here.pool_minor, here.suspense_minor)
    assert report.parties == here.parties


def test_a_statement_comes_to_the_lines_that_are_computed_from_the_folder(session, folder_run):
    opened, pack = folder_run
    report = post_bulk(session, opened, pack, run_at=NOW)
    payees = list_payees(session, OCTOBER)
    statements = [make_statement(session, OCTOBER, payee, Names()) for payee in payees]
    assert sum(statement.earned_minor for statement in statements) == report.pool_minor
    [mine] = [statement for statement in statements if statement.payee == "party_2"]
    lines = lines_of(opened, pack, "party_2")
    assert mine.earned_minor == sum(line.amount_minor for line in lines) > 0
    told = " ".join(explain_line(mine, 1))
    assert opened.id in told and "bulk lines DIR" in told


def test_the_same_run_is_posted_once_and_another_is_refused(session, folder_run, tmp_path):
    opened, pack = folder_run
    first = post_bulk(session, opened, pack, run_at=NOW)
    lines = session.scalar(select(func.count()).select_from(AllocationRow))
    assert post_bulk(session, opened, pack, run_at=NOW) == first
    assert session.scalar(select(func.count()).select_from(AllocationRow)) == lines
    (tmp_path / "more").mkdir()
    sources = write_sources(tmp_path / "more", [*USAGE, a_total("gen_3", 9)], some_inputs(), OCTOBER)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "more" / "run")
    other = open_run(tmp_path / "more" / "run")
    with pytest.raises(PeriodAlreadyRunError, match="in a folder"):
        post_bulk(session, other, sources.pack, run_at=NOW)
    close(session)
    with pytest.raises(PeriodClosedError):
        post_bulk(session, other, sources.pack, run_at=NOW)
    assert check_ledger(session) == []


def test_a_run_whose_amounts_were_changed_is_not_posted(session, folder_run):
    opened, pack = folder_run
    path = opened.folder / "payees.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(pl.col("amount_minor") + 1).write_parquet(path)
    with pytest.raises(BulkRefusedError, match="payees: has digest"):
        post_bulk(session, opened, pack, run_at=NOW)
    assert balances(session) == {}


def test_it_cannot_be_restated_line_by_line_and_says_so(session, folder_run):
    opened, pack = folder_run
    post_bulk(session, opened, pack, run_at=NOW)
    close(session)
    with pytest.raises(RestateRefusedError, match="divided in a folder"):
        restated(session)


def test_reconciling_says_that_its_usage_is_elsewhere(session, folder_run):
    opened, pack = folder_run
    post_bulk(session, opened, pack, run_at=NOW)
    found = reconcile(session, OCTOBER, [])
    codes = {finding.code for finding in found.findings}
    assert "USAGE_ELSEWHERE" in codes and "USAGE_NOT_GROSS" not in codes
