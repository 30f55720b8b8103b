"""Do the rows of rates and releases refuse to be changed, and to say what cannot be?"""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text

from royalties.rates import import_rates
from royalties.releases import import_releases
from royalties.usage_tables import (
    APPEND_ONLY,
    ExchangeRateRow,
    RateBatch,
    RateUseRow,
    ReleaseBatch,
    ReleasedGeneration,
    RunUsageRow,
)
from tests.royalties.builders import NOW, OCTOBER, a_line, a_policy, bring_in, run
from tests.royalties.test_ledger import refused

RATES = b"from,to,rate,date,source,kind\nUSD,EUR,0.9,2026-10-31,Bank,period_average\n"
RELEASES = b"isrc,generation,from\nSEAAA2600001,gen_2,2026-10-01\n"

COLUMNS = {"exchange_rate": "digits", "run_usage": "units", "released_generation": "title"}


@pytest.fixture
def filled(session, tmp_path):
    """A session with a row in each of the tables; the id of the run."""
    for name, data in (("rates.csv", RATES), ("releases.csv", RELEASES)):
        (tmp_path / name).write_bytes(data)
    import_rates(session, tmp_path / "rates.csv", imported_at=NOW)
    import_releases(session, tmp_path / "releases.csv", {"gen_2"}, imported_at=NOW)
    bring_in(session, tmp_path, [a_line(1), a_line(2, currency="USD", generation="isrc:SEAAA2600001")])
    return run(session, period=OCTOBER, policy=a_policy(rates="period_average")).run


def row_of(session, model):
    return dict(session.execute(model.__table__.select()).mappings().one())


@pytest.mark.usefixtures("filled")
def test_the_database_refuses_to_change_what_was_said_and_used(engine, session):
    for table in APPEND_ONLY:
        column = COLUMNS.get(table, "number")
        assert refused(session, text(f"UPDATE {table} SET {column} = {column}")) == "append-only"
        assert refused(session, text(f"DELETE FROM {table}")) == "append-only"
        replacing = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
        statement = f"TRUNCATE {table} CASCADE" if engine.dialect.name == "postgresql" else replacing
        assert refused(session, text(statement)) == "append-only"


@pytest.mark.parametrize(
    ("model", "key", "changes"),
    [
        (RateBatch, {"id": "x"}, {"number": 0}),
        (RateBatch, {"id": "x", "number": 9}, {"num_rates": 0}),
        (ReleaseBatch, {"id": "x"}, {"number": 0}),
        (ReleaseBatch, {"id": "x", "number": 9}, {"num_releases": 0}),
        (ExchangeRateRow, {"currency_from": "GBP"}, {"kind": "week"}),
        (ExchangeRateRow, {"currency_from": "GBP"}, {"currency_to": "GBP"}),
        (ExchangeRateRow, {"currency_from": "GBP"}, {"digits": 0}),
        (ExchangeRateRow, {"currency_from": "GBP"}, {"decimals": 13}),
        (RateUseRow, {"number": 2}, {"number": 0}),
        (RateUseRow, {"number": 2}, {"document_id": "another"}),
        (RateUseRow, {"number": 2}, {"run_id": None}),
        (RunUsageRow, {"service": "x"}, {"rate_number": None}),
        (RunUsageRow, {"service": "x"}, {"rate_number": 7}),
        (RunUsageRow, {"service": "x"}, {"currency": "EURO"}),
        (ReleasedGeneration, {"reported_as": "x"}, {"reported_as": "gen_2"}),
    ],
)
@pytest.mark.usefixtures("filled")
def test_a_row_that_cannot_be_is_refused_where_its_neighbour_is_not(session, model, key, changes):
    row = row_of(session, model) | ({"number": 5} if "number" in row_of(session, model) else {}) | key
    assert refused(session, insert(model), [row]) == ""
    assert refused(session, insert(model), [row | changes]) == "constraint"


def test_the_migrated_tables_are_the_declared_ones(engine):
    def is_ours(_thing, name, kind, _reflected, _compared):
        return name in APPEND_ONLY if kind == "table" else True

    with engine.connect() as connection:
        options = {"include_object": is_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, RateBatch.metadata) == []
