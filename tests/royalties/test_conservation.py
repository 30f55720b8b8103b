"""Does the money of random months come out whole, and does the campaign see it when it does not?"""

from dataclasses import replace

import pytest

from benchmarks import conservation
from benchmarks.conservation import NotConservedError, campaign


def test_random_months_are_conserved_from_usage_to_restatement():
    found = campaign(8, seed=2)
    assert (found["runs"], found["pool"]) == (8, found["allocated"] + found["suspense"])
    assert found["restatements"] + found["not_restated"] == 8


def test_a_statement_that_is_one_unit_off_stops_the_campaign(sqlite_engines, tmp_path, monkeypatch):
    make_statement = conservation.make_statement

    def one_more(*of):
        statement = make_statement(*of)
        return replace(statement, earned_minor=statement.earned_minor + 1)

    monkeypatch.setattr(conservation, "make_statement", one_more)
    for _ in sqlite_engines(tmp_path):
        with pytest.raises(NotConservedError, match="statements are the pool"):
            conservation.distribute_month(3, tmp_path / "test.db")
