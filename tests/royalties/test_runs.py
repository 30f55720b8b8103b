"""Is a period distributed once, and whole?"""

import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.database import open_engine
from migrations import upgrade
from royalties.closing import last_closed
from royalties.errors import (
    AttributionRefusedError,
    CurrencyMismatchError,
    NotFoundError,
    NothingToDistributeError,
    PeriodAlreadyRunError,
)
from royalties.ledger import balances, check_ledger
from royalties.periods import parse_period
from royalties.runs import get_run, make_exposure
from royalties.tables import (
    AllocationRow,
    DeltaRow,
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    RestatementRow,
    RunGeneration,
    UsageQuarantine,
)
from tests.royalties.builders import (
    LINES,
    OCTOBER,
    a_line,
    a_policy,
    an_attribution,
    bring_in,
    close,
    restated,
    run,
    some_inputs,
)


def test_a_run_reports_a_pool_that_is_wholly_accounted_for(posted):
    assert posted.gross_minor == 60 * 997
    assert posted.pool_minor == posted.allocated_minor + posted.suspense_minor
    assert posted.suspense_minor > 0  # gen_3 has no attribution
    assert (posted.currency, posted.parties) == ("EUR", 3)


def test_the_ledger_sums_to_zero_and_holds_what_was_allocated(session, posted):
    assert check_ledger(session) == []
    held = balances(session)
    assert sum(held.values()) == 0
    assert held["revenue", "EUR"] == -posted.gross_minor
    owed = sum(minor for (account, _), minor in held.items() if account.startswith(("party:", "fund:")))
    assert owed == posted.allocated_minor
    assert balances(session, ["pool", "pot:training", "pot:output"]) == {
        ("pool", "EUR"): 0,
        ("pot:output", "EUR"): 0,
        ("pot:training", "EUR"): 0,
    }


def test_running_again_from_the_same_inputs_posts_nothing(session, posted):
    before = session.execute(select(func.count()).select_from(LedgerEntry)).scalar_one()
    assert run(session) == posted
    assert session.execute(select(func.count()).select_from(LedgerEntry)).scalar_one() == before


def test_the_same_inputs_give_the_same_run_on_every_database(posted):
    assert posted.run == "dist_d5eaabd5113cadd7"
    assert posted.digest == "0e7c41fff997dca409ee47623dee375fc8d43ff6e8e7b2375911e68d9c9d2cd2"


def test_the_order_of_the_lines_and_their_division_into_files_do_not_matter(tmp_path, posted):
    shuffled = list(LINES)
    random.Random(3).shuffle(shuffled)
    (tmp_path / "other").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path / 'other' / 'other.db'}")
    upgrade(engine)
    with Session(engine) as other:
        bring_in(other, tmp_path / "other", shuffled[:20], "one.csv")
        bring_in(other, tmp_path / "other", shuffled[20:], "two.csv")
        assert run(other) == posted
    engine.dispose()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"policy": a_policy(pool_rate_ppm=310_000)}, "policy"),
        ({"inputs": some_inputs(exposure=make_exposure({"work_a": 1}))}, "exposure"),
        ({"inputs": some_inputs(public_domain=frozenset())}, "public_domain"),
        ({"inputs": some_inputs(shares_on=lambda *_: {})}, "shares"),
        ({"inputs": some_inputs(attributions={})}, "attributions"),
    ],
)
def test_a_period_that_was_run_is_never_run_from_other_inputs(session, posted, changes, named):
    with pytest.raises(PeriodAlreadyRunError, match=posted.run) as refused:
        run(session, **changes)
    assert named in refused.value.changed


def test_late_usage_does_not_slip_into_a_posted_run(session, tmp_path, posted):
    bring_in(session, tmp_path, [a_line(999)], "late.csv")
    with pytest.raises(PeriodAlreadyRunError) as refused:
        run(session)
    assert refused.value.changed == ("usage",)


def test_an_attribution_that_nobody_used_changes_nothing(session, posted):
    more = some_inputs()
    spare = an_attribution("gen_unused", {"work_zzz": 1_000_000})
    assert (
        run(session, inputs=replace(more, attributions={**more.attributions, "gen_unused": spare})) == posted
    )


def test_a_period_without_usage_is_refused(session):
    with pytest.raises(NothingToDistributeError, match="no usage"):
        run(session)


def test_more_refunds_than_revenue_are_refused(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1, revenue_minor=100), a_line(2, revenue_minor=-101)])
    with pytest.raises(NothingToDistributeError, match="refunds"):
        run(session)


def test_usage_without_revenue_is_a_run_without_money(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1, revenue_minor=0)])
    report = run(session)
    assert (report.pool_minor, report.allocated_minor, report.parties) == (0, 0, 0)
    assert check_ledger(session) == []


def test_usage_in_another_currency_stops_the_run(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1), a_line(2, currency="SEK")])
    with pytest.raises(CurrencyMismatchError, match="SEK"):
        run(session)


def test_an_attribution_that_does_not_sum_to_the_whole_is_refused(session, tmp_path):
    bring_in(session, tmp_path, [a_line(1)])
    wrong = replace(an_attribution("gen_1", {"work_a": 500_000}), unattributed_ppm=500_001)
    with pytest.raises(AttributionRefusedError, match="gen_1 sums to 1000001"):
        run(session, inputs=some_inputs(attributions={"gen_1": wrong}))


def test_two_periods_stand_one_after_the_other_in_the_ledger(session, tmp_path, posted):
    november = parse_period("2026-11")
    bring_in(session, tmp_path, [a_line(500 + n, used_on="2026-11-03") for n in range(9)], "november.csv")
    second = run(session, period=november)
    assert second.run != posted.run
    assert check_ledger(session) == []
    assert get_run(session, november).id == second.run


def test_a_period_that_was_not_run_is_not_found(session):
    with pytest.raises(NotFoundError, match="2026-10"):
        get_run(session, OCTOBER)


def test_a_run_that_is_interrupted_leaves_nothing(engine, tmp_path):
    with Session(engine) as session:
        bring_in(session, tmp_path, LINES)
        session.commit()
    with Session(engine) as session:
        run(session)
        session.rollback()  # what the database does when the process dies before the commit
    with Session(engine) as session:
        for table in (DistributionRun, RunGeneration, AllocationRow, LedgerPosting, LedgerEntry):
            assert session.execute(select(func.count()).select_from(table)).scalar_one() == 0
        assert run(session).parties == 3


def test_the_generations_of_a_run_are_kept_with_their_attributions(session, posted):
    rows = session.execute(select(RunGeneration).order_by(RunGeneration.generation_id)).scalars().all()
    assert [(row.generation_id, row.attribution_digest, row.reliability) for row in rows] == [
        ("gen_1", "digest-of-gen_1", "influence"),
        ("gen_2", "digest-of-gen_2", "exposure"),
        ("gen_3", "", "none"),
    ]
    assert sum(row.revenue_minor for row in rows) == posted.gross_minor


def test_refused_lines_are_kept_with_place_and_reason(session, tmp_path):
    lines = [a_line(1), a_line(2, territory="nowhere"), a_line(1, units=3)]
    report = bring_in(session, tmp_path, lines)
    assert (report.lines, report.quarantined) == (1, 2)
    rows = session.execute(select(UsageQuarantine).order_by(UsageQuarantine.line)).scalars().all()
    assert [(row.line, row.code) for row in rows] == [(3, "TERRITORY"), (4, "DUPLICATE_LINE")]
    assert (
        bring_in(session, tmp_path, [a_line(1), a_line(2, territory="nowhere"), a_line(1, units=3)]) == report
    )


DYING = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.orm import Session
from catalog.database import open_engine
from tests.royalties import builders

engine, left = open_engine(sys.argv[1]), int(sys.argv[2])

def die_in_time(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(engine, "after_cursor_execute", die_in_time)
event.listen(engine, "commit", die_in_time)
with Session(engine) as session:
    getattr(builders, sys.argv[3])(session)
    session.commit()
"""


def killed_in(what, engine, statement):
    """Whether a process was killed that does something, after so many statements or at its commit."""
    command = [sys.executable, "-c", DYING, str(engine.url), str(statement), what]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=60)
    return ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("statement", [4, 8, 12, 16])
def test_a_process_that_is_killed_in_a_run_leaves_the_old_state(sqlite_engines, tmp_path, statement):
    for engine in sqlite_engines(tmp_path):
        with Session(engine) as session:
            bring_in(session, tmp_path, LINES)
            session.commit()
        assert killed_in("run", engine, statement)
        with Session(engine) as session:
            for table in (DistributionRun, AllocationRow, LedgerPosting, LedgerEntry):
                assert session.execute(select(func.count()).select_from(table)).scalar_one() == 0
            assert run(session).parties == 3
            assert check_ledger(session) == []


@pytest.mark.parametrize("statement", [4, 12, 18])
def test_a_process_that_is_killed_in_a_restatement_leaves_the_old_state(sqlite_engines, tmp_path, statement):
    for engine in sqlite_engines(tmp_path):
        with Session(engine) as session:
            bring_in(session, tmp_path, LINES)
            run(session)
            close(session)
            bring_in(session, tmp_path, [a_line(999)], "late.csv")
            session.commit()
            before = balances(session)
        assert killed_in("restated", engine, statement)
        with Session(engine) as session:
            for table in (RestatementRow, DeltaRow):
                assert session.scalar(select(func.count()).select_from(table)) == 0
            assert balances(session) == before
            assert restated(session).deltas
            assert check_ledger(session) == []


@pytest.mark.parametrize("statement", [2, 4])
def test_a_process_that_is_killed_in_a_closing_leaves_the_period_open(sqlite_engines, tmp_path, statement):
    for engine in sqlite_engines(tmp_path):
        with Session(engine) as session:
            bring_in(session, tmp_path, LINES)
            run(session)
            session.commit()
        assert killed_in("close", engine, statement)
        with Session(engine) as session:
            assert last_closed(session) is None
            assert close(session).period == "2026-10"
