"""Does the columnar distribution equal the one that walks over values, whoever computes which part?"""

import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from royalties.bulk.lines import lines_of
from royalties.bulk.running import open_run, run_bulk
from royalties.distribution import distribute
from royalties.shares import read_shares, works_of
from tests.royalties.builders import OCTOBER
from tests.royalties.bulk_files import write_sources
from tests.royalties.months import cases


@st.composite
def months(draw):
    """A random month in which some sales are taken back."""
    usage, policy, inputs = draw(cases())
    refunds = [draw(st.sampled_from([0, 0, 1, 2])) for _ in usage]
    more = [
        replace(
            each,
            used_on=each.used_on.replace(day=draw(st.sampled_from([2, 15, 16, 30]))),
            revenue_minor=-part,
        )
        for each, way in zip(usage, refunds, strict=True)
        if way
        for part in [each.revenue_minor if way == 1 else min(each.revenue_minor * 2, 10**9)]
    ]
    assume(sum(each.revenue_minor for each in (*usage, *more)) >= 0)
    return [*usage, *more], policy, inputs


def expected(usage, policy, inputs):
    book = read_shares(usage, works_of(usage, inputs), policy, OCTOBER, inputs)
    return distribute(usage, policy, OCTOBER, inputs, book)


def amounts_of(distribution):
    sums = defaultdict(int)
    for each in (*distribution.allocations, *distribution.passed_on):
        sums[each.pot, str(each.payee.kind), each.payee.id, each.payee.reason] += each.amount_minor
    return dict(sums)


@settings(max_examples=60, deadline=None)
@given(months())
def test_every_payee_gets_out_of_every_pot_what_the_plain_distribution_gives(case):
    usage, policy, inputs = case
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = run_bulk(write_sources(folder, usage, inputs, OCTOBER), policy, OCTOBER, folder / "run")
        run = open_run(folder / "run")
        found = {row[:4]: row[4] for row in run.table("payees").collect().iter_rows()}
        told = expected(usage, policy, inputs)
        assert found == amounts_of(told)
        assert (report.pool_minor, report.allocated_minor) == (told.pool_minor, told.allocated_minor)
        assert report.suspense_minor == told.suspense_minor


@settings(max_examples=25, deadline=None)
@given(months())
def test_the_lines_of_every_payee_are_those_of_the_plain_distribution(case):
    usage, policy, inputs = case
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = write_sources(folder, usage, inputs, OCTOBER)
        run_bulk(sources, policy, OCTOBER, folder / "run")
        run = open_run(folder / "run")
        told = expected(usage, policy, inputs)
        by_account = defaultdict(list)
        for each in (*told.allocations, *told.passed_on):
            by_account[each.payee.account].append(each)
        for account, lines in by_account.items():
            found = lines_of(run, sources.pack, account)
            assert sorted(found, key=lambda each: each.pot) == sorted(lines, key=lambda each: each.pot)
