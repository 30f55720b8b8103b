"""Do periods close in their order, on record, and for good?"""

import pytest
from sqlalchemy import func, select

from catalog.findings import Severity
from royalties.closing import close_period, last_closed, late_usage
from royalties.errors import CloseRefusedError, PeriodClosedError
from royalties.ledger import check_ledger, head_of
from royalties.periods import parse_period
from royalties.tables import LedgerEntry, PeriodClose
from tests.royalties.builders import (
    LINES,
    NOVEMBER,
    NOW,
    OCTOBER,
    a_line,
    a_policy,
    bring_in,
    close,
    restated,
    run,
)
from tests.royalties.conftest import LATE

SEPTEMBER = parse_period("2026-09")


def test_a_closing_says_with_which_run_and_where_the_ledger_stood(session, posted):
    closing = close(session)
    sequence, digest = head_of(session)
    assert (closing.period, closing.run, closing.run_digest) == ("2026-10", posted.run, posted.digest)
    assert (closing.ledger_sequence, closing.ledger_digest) == (sequence, digest)
    assert closing.closed_at == NOW
    assert last_closed(session) == OCTOBER
    assert check_ledger(session) == []


def test_closing_again_changes_nothing(session, posted):
    first = close(session)
    later = close_period(session, OCTOBER, closed_at=NOW.replace(year=2027))
    assert later == first
    assert session.scalar(select(func.count()).select_from(PeriodClose)) == 1


def test_a_month_that_was_not_run_is_not_closed(session):
    with pytest.raises(CloseRefusedError, match="was not distributed"):
        close(session)


@pytest.mark.parametrize("with_run", [True, False])
def test_a_month_is_not_closed_before_an_earlier_one(session, tmp_path, posted, with_run):
    bring_in(session, tmp_path, [a_line(800, used_on="2026-09-30")], "september.csv")
    if with_run:
        run(session, period=SEPTEMBER)
    with pytest.raises(CloseRefusedError, match="while 2026-09 is open"):
        close(session)
    run(session, period=SEPTEMBER)
    close(session, SEPTEMBER)
    assert close(session).period == "2026-10"


def test_a_month_that_can_only_refund_holds_up_nothing(session, tmp_path, posted):
    bring_in(session, tmp_path, [a_line(800, used_on="2026-09-30", revenue_minor=-1)], "september.csv")
    assert close(session).period == "2026-10"


def test_a_closed_month_takes_no_other_run(session, tmp_path, posted):
    close(session)
    assert run(session) == posted, "the same inputs change nothing"
    before = session.scalar(select(func.count()).select_from(LedgerEntry))
    with pytest.raises(PeriodClosedError, match="restate") as refused:
        run(session, policy=a_policy(pool_rate_ppm=310_000))
    assert refused.value.changed == ("policy",)
    assert session.scalar(select(func.count()).select_from(LedgerEntry)) == before


def test_usage_of_a_closed_month_is_taken_in_and_said_to_be_late(session, tmp_path, posted):
    close(session)
    report = bring_in(session, tmp_path, [*LATE, a_line(950, used_on="2026-11-02")], "late.csv")
    assert (report.lines, report.quarantined) == (3, 0)
    [finding] = late_usage(session, report.batch)
    assert (finding.code, finding.where, finding.severity) == ("LATE_USAGE", "2026-10", Severity.INFO)
    restated(session)
    assert late_usage(session, report.batch) == []


def test_usage_that_a_run_counted_is_not_late(session, tmp_path, posted):
    again = bring_in(session, tmp_path, LINES)
    assert late_usage(session, again.batch) == []
    new = bring_in(session, tmp_path, [a_line(951, used_on="2026-11-02")], "november.csv")
    assert late_usage(session, new.batch) == []


def test_the_next_month_is_run_after_a_month_was_closed(session, tmp_path, corrected):
    bring_in(session, tmp_path, [a_line(952, used_on="2026-11-02")], "november.csv")
    run(session, period=NOVEMBER)
    assert close(session, NOVEMBER).period == "2026-11"
    assert check_ledger(session) == []
