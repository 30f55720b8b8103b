"""Is the ledger one that nobody can change unseen?"""

from datetime import date

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog.database import open_engine
from migrations import configuration, upgrade
from royalties.errors import LedgerError
from royalties.ledger import Posting, check_ledger, post
from royalties.tables import (
    APPEND_ONLY,
    AccountMovement,
    AllocationRow,
    DeltaRow,
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    PayeeTermsRow,
    PeriodClose,
    RestatementRow,
    SettlementRow,
    UsageBatch,
    UsageTotalRow,
)
from tests.royalties.builders import NOW, advance, agree, close


def refused(session, statement, rows=None):
    """Whether the database refuses a statement; what was there before stays."""
    savepoint = session.begin_nested()
    try:
        session.execute(statement, rows)
    except DBAPIError as error:
        savepoint.rollback()
        return "append-only" if "append-only" in str(error) else "constraint"
    savepoint.rollback()
    return ""


def agreed(session):
    """Terms and an advance; the closing of October settled every account."""
    agree(session, "party_1", reserve_ppm=1, release_after_periods=1)
    advance(session, "party_1", 100)


def test_the_database_refuses_to_change_what_was_posted(session, corrected):
    agreed(session)
    columns = {
        "payee_terms": "number",
        "account_movement": "amount_minor",
        "ledger_entry": "amount_minor",
        "allocation": "amount_minor",
        "run_generation": "units",
        "restatement_delta": "amount_minor",
    }
    for table in APPEND_ONLY:
        column = columns.get(table, "period")
        assert refused(session, text(f"UPDATE {table} SET {column} = {column}")) == "append-only"
        assert refused(session, text(f"DELETE FROM {table}")) == "append-only"


def test_the_database_refuses_to_put_a_new_row_in_the_place_of_an_old_one(engine, session, corrected):
    agreed(session)
    replacing = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"
    statement = "TRUNCATE {0} CASCADE" if engine.dialect.name == "postgresql" else replacing
    for table in APPEND_ONLY:
        assert refused(session, text(statement.format(table))) == "append-only"


def test_a_posting_that_does_not_sum_to_zero_is_refused(session, posted):
    posting = Posting("wrong", "one unit too much", {"party:party_1": 5, "pool": -4})
    with pytest.raises(LedgerError, match="sums to 1"):
        post(session, [posting], run_id=posted.run, period="2026-10", currency="EUR", posted_at=NOW)


def _without_triggers(session):
    """What somebody could do who owns the database itself."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        names = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in names:
            session.execute(text(f"DROP TRIGGER {name}"))


def _codes(session) -> set[str]:
    session.expire_all()
    return {finding.code for finding in check_ledger(session)}


def test_a_changed_amount_shows_even_where_the_sum_is_kept(session, posted):
    _without_triggers(session)
    for account, change in (("party:party_1", 1), ("party:party_2", -1)):
        entry = session.execute(
            select(LedgerEntry.sequence).where(LedgerEntry.account == account).order_by(LedgerEntry.sequence)
        ).scalars().first()  # fmt: skip
        statement = update(LedgerEntry).where(LedgerEntry.sequence == entry)
        session.execute(statement.values(amount_minor=LedgerEntry.amount_minor + change))
    assert {"LEDGER_DIGEST", "RUN_NOT_POSTED"} <= _codes(session)


def test_a_dropped_entry_shows(session, posted):
    _without_triggers(session)
    session.execute(text("DELETE FROM ledger_entry WHERE sequence = 3"))
    assert {"LEDGER_GAP", "POSTING_NOT_ZERO"} <= _codes(session)


def test_an_entry_that_was_slipped_in_shows(session, posted):
    last = session.execute(select(LedgerEntry).order_by(LedgerEntry.sequence.desc())).scalars().first()
    row = {"posting_id": last.posting_id, "currency": "EUR", "digest": last.digest, "amount_minor": 100}
    session.execute(insert(LedgerEntry), [row | {"sequence": last.sequence + 1, "account": "party:thief"}])
    assert {"LEDGER_DIGEST", "POSTING_NOT_ZERO", "RUN_NOT_POSTED"} <= _codes(session)


def test_a_changed_allocation_shows(session, posted):
    _without_triggers(session)
    session.execute(text("UPDATE allocation SET amount_minor = amount_minor + 1 WHERE line_no = 1"))
    assert {"RUN_NOT_POSTED", "RUN_NOT_WHOLE"} <= _codes(session)


def test_a_changed_delta_shows(session, corrected):
    _without_triggers(session)
    session.execute(
        text(
            "UPDATE restatement_delta SET amount_minor = amount_minor + 1, after_minor = after_minor + 1 "
            "WHERE line_no = 1"
        )
    )
    assert {"RUN_NOT_POSTED", "RUN_NOT_WHOLE"} <= _codes(session)


def test_a_changed_total_of_a_restatement_shows(session, corrected):
    _without_triggers(session)
    change = "gross_minor = gross_minor + 1, provider_minor = provider_minor + 1"
    session.execute(text(f"UPDATE restatement SET {change}"))
    assert _codes(session) == {"RUN_NOT_POSTED"}


def test_what_is_posted_in_a_closed_period_shows(session, corrected):
    _without_triggers(session)
    session.execute(text("UPDATE ledger_posting SET period = '2026-10'"))
    assert _codes(session) == {"POSTED_AFTER_CLOSING"}


def test_a_ledger_that_is_not_the_one_of_the_closing_shows(session, corrected):
    _without_triggers(session)
    session.execute(text("UPDATE period_close SET ledger_sequence = ledger_sequence - 1"))
    assert _codes(session) == {"CLOSED_LEDGER_CHANGED", "POSTED_AFTER_CLOSING"}


def test_the_database_refuses_to_post_in_a_closed_period(session, corrected):
    posting = {"id": "pst_x", "run_id": corrected.run, "description": "", "posted_at": NOW}
    statement = insert(LedgerPosting)
    assert refused(session, statement, [posting | {"period": "2026-10"}]) == "append-only"
    assert refused(session, statement, [posting | {"period": "2026-11"}]) == ""


def test_a_changed_settlement_or_advance_shows(session, corrected):
    agreed(session)
    assert _codes(session) == set()
    _without_triggers(session)
    change = "opening_minor = opening_minor + 1, payable_minor = payable_minor + 1"
    for statement in (f"UPDATE settlement SET {change}", "UPDATE account_movement SET amount_minor = 99"):
        savepoint = session.begin_nested()
        session.execute(text(statement))
        assert _codes(session) == {"RUN_NOT_POSTED"}
        savepoint.rollback()
    change = "carried_minor = 1, payable_minor = payable_minor - 1, reason = 'BELOW_THRESHOLD'"
    session.execute(text(f"UPDATE settlement SET {change} WHERE payee_id = 'party_1'"))
    assert _codes(session) == {"RUN_NOT_POSTED", "CARRIED_NOT_HELD"}


def test_a_settlement_of_a_month_that_is_not_closed_shows(session, posted):
    session.execute(insert(SettlementRow), [_a_settlement()])
    assert "SETTLED_NOT_CLOSED" in _codes(session)


def _a_settlement(**changes):
    fields = {
        "period": "2026-10", "payee_id": "party_1", "currency": "EUR", "terms_id": None, "residence": "US",
        "opening_minor": 10, "earned_minor": 100, "restated_minor": -5, "recouped_minor": 20,
        "credited_minor": 25, "advance_before_minor": 40, "advance_after_minor": 15, "held_minor": 9,
        "held_protected_minor": 4, "release_in": "2027-01", "released_minor": 3, "withheld_minor": 6,
        "payable_minor": 70, "carried_minor": 3, "carried_protected_minor": 1, "threshold_minor": 0,
        "waited": 1, "reason": "BELOW_THRESHOLD",
    }  # fmt: skip
    return fields | changes


def test_the_database_refuses_a_settlement_without_meaning(session, posted):
    statement, row = insert(SettlementRow), _a_settlement()
    assert refused(session, statement, [row]) == ""
    in_debt = {"opening_minor": 3, "carried_minor": -4, "carried_protected_minor": 0}
    assert refused(session, statement, [row | in_debt | {"reason": "NEGATIVE_BALANCE"}]) == ""
    for changes in (
        {"opening_minor": 11},
        {"recouped_minor": -1, "payable_minor": 91},
        {"credited_minor": -1},
        {"held_minor": -1, "payable_minor": 80, "held_protected_minor": 0},
        {"released_minor": -1, "payable_minor": 66},
        {"withheld_minor": -1, "payable_minor": 77},
        {"payable_minor": -1, "withheld_minor": 77},
        {"held_protected_minor": 10},
        {"held_protected_minor": -1},
        {"carried_protected_minor": 4},
        {"carried_protected_minor": -1},
        {"advance_after_minor": 41},
        {"advance_after_minor": -1},
        {"reason": ""},
        {"reason": "NO_IDEA"},
        {"reason": "NEGATIVE_BALANCE"},
        in_debt,
        {"release_in": ""},
        {"held_minor": 0, "payable_minor": 79, "held_protected_minor": 0},
        {"waited": -1},
        {"residence": ""},
        {"terms_id": "trm_none"},
        {"period": "2030-01"},
    ):
        assert refused(session, statement, [row | changes]) == "constraint", changes
    close(session)
    assert refused(session, statement, [row | {"payee_id": "late"}]) == "append-only"


def test_the_database_refuses_terms_and_movements_without_meaning(session):
    terms = {
        "id": "t", "payee_id": "p", "number": 1, "terms": "{}", "file_sha256": "", "recorded_at": NOW,
    }  # fmt: skip
    assert refused(session, insert(PayeeTermsRow), [terms]) == ""
    assert refused(session, insert(PayeeTermsRow), [terms | {"number": 0}]) == "constraint"
    movement = {
        "id": "m", "kind": "advance", "payee_id": "p", "amount_minor": 1, "currency": "EUR",
        "happened_on": date(2026, 10, 1), "contract": "", "reference": "", "recorded_at": NOW,
    }  # fmt: skip
    assert refused(session, insert(AccountMovement), [movement]) == ""
    for changes in ({"kind": "gift"}, {"amount_minor": 0}, {"currency": "EURO"}):
        assert refused(session, insert(AccountMovement), [movement | changes]) == "constraint", changes


def test_the_database_refuses_a_posting_of_nothing_or_of_two_things(session, posted):
    advance(session, "party_1", 100)
    movement = session.scalars(select(AccountMovement.id)).one()
    nothing = {"run_id": None, "restatement_id": None, "settles": None, "movement_id": None}
    row = nothing | {"id": "pst_x", "period": "2026-12", "description": "", "posted_at": NOW}
    one = ({"run_id": posted.run}, {"settles": "2026-10"}, {"movement_id": movement})
    for subject in one:
        assert refused(session, insert(LedgerPosting), [row | subject]) == "", subject
    for subjects in ({}, one[0] | one[1], one[0] | one[2], one[1] | one[2], {"settles": "2030-01"}):
        assert refused(session, insert(LedgerPosting), [row | subjects]) == "constraint", subjects


def _a_restatement(run_id, **changes):
    fields = {
        "id": "rst_x", "run_id": run_id, "number": 1, "earlier_id": None, "restates": "2026-10",
        "period": "2026-11", "currency": "EUR", "policy_source": "", "inputs": "{}", "digest": "",
        "gross_minor": 100, "deductions_minor": 10, "provider_minor": 60, "pool_minor": 30,
        "allocated_minor": 20, "suspense_minor": 10, "restated_at": NOW,
    }  # fmt: skip
    return fields | changes


def test_the_database_refuses_a_restatement_without_meaning(session, posted):
    statement = insert(RestatementRow)
    row = _a_restatement(posted.run)
    assert refused(session, statement, [row]) == "constraint", "an open period is not restated"
    close(session)
    assert refused(session, statement, [row]) == ""
    for changes in (
        {"period": "2026-09"},
        {"number": 0},
        {"number": 2},
        {"earlier_id": "rst_x"},
        {"gross_minor": 101},
        {"suspense_minor": 11},
        {"gross_minor": -100, "provider_minor": -140},
        {"run_id": "dist_none"},
    ):
        assert refused(session, statement, [row | changes]) == "constraint", changes
    assert refused(session, statement, [row | {"period": "2026-10"}])


def _a_delta(run_id, **changes):
    fields = {
        "restatement_id": "rst_x", "line_no": 1, "run_id": run_id, "run_line_no": 1, "earlier_id": None,
        "earlier_line_no": None, "pot": "output", "payee_kind": "party", "payee_id": "p", "reason": "",
        "method": "attribution", "generation_id": "g", "territory": "DE", "work_id": "w",
        "share_ppm": 1_000_000, "basis": 1, "basis_total": 1, "evidence": "", "units": 1,
        "revenue_minor": 1, "before_minor": 5, "after_minor": 3, "amount_minor": -2,
    }  # fmt: skip
    return fields | changes


def test_the_database_refuses_a_delta_without_meaning(session, posted):
    close(session)
    session.execute(insert(RestatementRow), [_a_restatement(posted.run)])
    statement, row = insert(DeltaRow), _a_delta(posted.run)
    nothing = {"run_id": None, "run_line_no": None}
    new = nothing | {"before_minor": 0, "amount_minor": 3}
    assert refused(session, statement, [row]) == ""
    assert refused(session, statement, [row | new]) == ""
    for changes in (
        {"payee_kind": "friend"},
        {"payee_kind": "suspense"},
        {"reason": "DISPUTE"},
        {"amount_minor": -1},
        {"after_minor": 5, "amount_minor": 0},
        {"before_minor": -1, "after_minor": 1, "amount_minor": 2},
        {"after_minor": -1, "amount_minor": -6},
        {"share_ppm": 1_000_001},
        {"basis": 2},
        {"basis": -1},
        {"run_line_no": None},
        {"run_line_no": 1_000_000},
        {"earlier_id": "rst_x", "earlier_line_no": 1},
        nothing,
        new | {"earlier_id": "rst_x", "earlier_line_no": 99},
    ):
        assert refused(session, statement, [row | changes]) == "constraint", changes
    session.execute(statement, [row])
    assert refused(session, statement, [row | {"line_no": 2}]), "a line is superseded once"


def test_the_database_refuses_a_closing_without_meaning(session, posted):
    closing = {"period": "2026-10", "ledger_sequence": 1, "ledger_digest": "0" * 64, "closed_at": NOW}
    statement = insert(PeriodClose)
    assert refused(session, statement, [closing]) == ""
    for changes in ({"ledger_sequence": -1}, {"ledger_digest": "0"}, {"period": "2026-11"}):
        assert refused(session, statement, [closing | changes]) == "constraint", changes


def _a_run(**changes):
    fields = {
        "id": "dist_x", "period": "2030-01", "currency": "EUR", "policy_source": "", "inputs": "{}",
        "digest": "", "gross_minor": 100, "deductions_minor": 10, "provider_minor": 60, "pool_minor": 30,
        "allocated_minor": 20, "suspense_minor": 10, "num_parties": 1, "run_at": NOW,
    }  # fmt: skip
    return fields | changes


def _an_allocation(**changes):
    fields = {
        "run_id": "dist_x", "line_no": 1, "pot": "output", "payee_kind": "party", "payee_id": "p",
        "reason": "", "method": "attribution", "generation_id": "g", "territory": "DE", "work_id": "w",
        "share_ppm": 1_000_000, "basis": 1, "basis_total": 1, "evidence": "", "units": 1,
        "revenue_minor": 1, "amount_minor": 1,
    }  # fmt: skip
    return fields | changes


def test_the_database_refuses_a_run_that_does_not_add_up(session):
    statement = insert(DistributionRun)
    assert refused(session, statement, [_a_run()]) == ""
    for changes in (
        {"gross_minor": 101},
        {"suspense_minor": 11},
        {"gross_minor": -100, "provider_minor": -140},
    ):
        assert refused(session, statement, [_a_run(**changes)]) == "constraint", changes


def test_the_database_refuses_two_runs_of_one_period(session):
    session.execute(insert(DistributionRun), [_a_run()])
    assert refused(session, insert(DistributionRun), [_a_run(id="dist_y", period="2030-02")]) == ""
    assert refused(session, insert(DistributionRun), [_a_run(id="dist_y")])


def test_the_database_refuses_an_allocation_without_meaning(session):
    session.execute(insert(DistributionRun), [_a_run()])
    statement = insert(AllocationRow)
    assert refused(session, statement, [_an_allocation()]) == ""
    for changes in (
        {"payee_kind": "friend"},
        {"payee_kind": "suspense"},
        {"reason": "DISPUTE"},
        {"amount_minor": 0},
        {"share_ppm": 1_000_001},
        {"basis": 2},
        {"basis": -1},
        {"run_id": "dist_none"},
    ):
        assert refused(session, statement, [_an_allocation(**changes)]) == "constraint", changes


def test_the_database_refuses_a_ledger_entry_without_meaning(session):
    session.execute(insert(DistributionRun), [_a_run()])
    posting = {"id": "pst_x", "run_id": "dist_x", "period": "2030-01", "description": "", "posted_at": NOW}
    session.execute(insert(LedgerPosting), [posting])
    entry = {"posting_id": "pst_x", "currency": "EUR", "digest": "", "amount_minor": 5}
    session.execute(insert(LedgerEntry), [entry | {"sequence": 1, "account": "pool"}])
    second = entry | {"sequence": 2, "account": "other"}
    assert refused(session, insert(LedgerEntry), [second]) == ""
    for changes in ({"amount_minor": 0}, {"sequence": 0}, {"currency": "EURO"}, {"posting_id": "pst_none"}):
        assert refused(session, insert(LedgerEntry), [second | changes]) == "constraint", changes
    assert refused(session, insert(LedgerEntry), [second | {"account": "pool"}])


def test_the_database_refuses_usage_without_meaning(session):
    batch = {
        "id": "b1", "format": "csv", "file_name": "f", "num_lines": 1, "num_quarantined": 0,
        "lines_sha256": "", "imported_at": NOW,
    }  # fmt: skip
    total = {
        "batch_id": "b1", "generation_id": "g", "territory": "DE", "service": "s", "use_type": "u",
        "used_on": date(2026, 10, 1), "currency": "EUR", "num_lines": 1, "units": 1, "revenue_minor": 1,
    }  # fmt: skip
    session.execute(insert(UsageBatch), [batch])
    assert refused(session, insert(UsageTotalRow), [total]) == ""
    for changes in ({"format": "xls"}, {"num_lines": -1}, {"num_quarantined": -1}):
        assert refused(session, insert(UsageBatch), [batch | {"id": "b2"} | changes]) == "constraint", changes
    for changes in ({"num_lines": 0}, {"currency": "EURO"}, {"batch_id": "none"}):
        assert refused(session, insert(UsageTotalRow), [total | changes]) == "constraint", changes


def test_a_ledger_from_before_restatements_stays_and_stays_closed_to_changes(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        connection.execute(insert(DistributionRun), [_a_run()])
        connection.execute(
            text(
                "INSERT INTO ledger_posting (id, run_id, period, description, posted_at) "
                "VALUES ('pst_x', 'dist_x', '2030-01', '', '2030-02-01')"
            )
        )
    upgrade(engine)
    with Session(engine) as session:
        assert session.scalars(select(LedgerPosting.restatement_id)).all() == [None]
        assert refused(session, text("UPDATE ledger_posting SET period = '2030-02'")) == "append-only"
        assert refused(session, text("DELETE FROM distribution_run")) == "append-only"
    engine.dispose()


def test_lines_from_before_mandates_stay_and_say_nothing_of_any(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
        connection.execute(insert(DistributionRun), [_a_run()])
        connection.execute(
            text(
                "INSERT INTO allocation VALUES ('dist_x', 1, 'output', 'party', 'p', '', 'attribution', 'g', "
                "'DE', 'w', 1000000, 1, 1, '', 1, 100, 100)"
            )
        )
    upgrade(engine)
    with Session(engine) as session:
        [line] = session.scalars(select(AllocationRow)).all()
        assert (line.amount_minor, line.role, line.on_behalf_of, line.agreement) == (100, "", "", "")
        assert refused(session, text("UPDATE allocation SET agreement = 'm'")) == "append-only"
        assert refused(session, text("DELETE FROM allocation")) == "append-only"
    engine.dispose()


def test_the_migrated_tables_are_the_declared_ones(engine):
    ours = {*APPEND_ONLY, "usage_batch", "usage_total", "usage_quarantine"}

    def is_ours(_thing, name, kind, _reflected, _compared):
        return name in ours if kind == "table" else True

    with engine.connect() as connection:
        options = {"include_object": is_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, UsageTotalRow.metadata) == []
