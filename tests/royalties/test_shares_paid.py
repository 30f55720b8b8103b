"""Do commissions and disputes reach ledger and statements, and does a settlement pay what was frozen?"""

import csv
import io
import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.disputes import Dispute
from catalog.vocabulary import MandateKind, Right
from royalties.distribution import check_distribution, distribute
from royalties.explaining import explain_line
from royalties.ledger import balances, check_ledger
from royalties.restatement import Source, Stated, compare
from royalties.shares import read_shares, works_of
from royalties.statement_files import StatementFormat, render_statement, statement_id
from royalties.statement_pdf import document_json
from royalties.statements import SUSPENSE, Names, PayeeInfo, WorkInfo, list_payees, make_statement
from tests.royalties.builders import NOVEMBER, OCTOBER, close, restated, run, some_inputs
from tests.royalties.months import cases
from tests.royalties.reference import slow_distribution
from tests.royalties.test_shares import a_mandate

ADMIN = a_mandate("party_1", "admin", 50_000, reference="Administration 2026", id="mandate_1")
SUB = a_mandate(
    "admin",
    "sub",
    200_000,
    reference="Sub 7",
    id="mandate_2",
    territory="DE",
    kind=MandateKind.SUB_PUBLISHING,
)
CHAINED = "c7f5fb655437e1cc5742d638e904f8c2e3cf4ef1bae3faae9292d71fbc19ddd9"
ROUNDED_BY = 2  # a unit in each of the two pots, where the units left over go to others
IN_DISPUTE = Dispute(
    "dispute_1", "work_a", ("party_2",), 100_000, Right.MECHANICAL, "WORLD", date(2026, 1, 1)
)
CHAIN = some_inputs(
    mandates=(ADMIN, SUB),
    roles_of=lambda *_: {"work_a": {"party_1": "original_publisher", "party_2": "composer"}},
)
NAMES = Names(
    payees={
        "party_1": PayeeInfo("Edition <One>"),
        "admin": PayeeInfo("Admin Ltd"),
        "sub": PayeeInfo("Sub GmbH"),
    },
    works={"work_a": WorkInfo("Song", isrcs=("DEA123456789", "USRC17607839"))},
    mandates={each.id: each for each in (ADMIN, SUB)},
)


@pytest.fixture
def chained(session, tmp_path, posted_usage):
    """A session in which October was run while others collect for party 1, and the report."""
    report = run(session, inputs=CHAIN)
    session.commit()
    return report


def statement_of(session, payee, period=OCTOBER):
    return make_statement(session, period, payee, NAMES)


def test_the_statements_of_a_chain_sum_to_the_pool(session, chained):
    statements = {payee: statement_of(session, payee) for payee in list_payees(session, OCTOBER)}
    assert sum(each.earned_minor for each in statements.values()) == chained.pool_minor
    assert check_ledger(session) == []
    assert chained.digest == CHAINED, "the same bytes on both databases"
    assert {"admin", "sub"} <= set(statements)
    for payee in ("admin", "sub", "party_1"):
        assert balances(session)[f"party:{payee}", "EUR"] == statements[payee].earned_minor
    places = {line.territory for line in statements["sub"].lines}
    assert places == {"DE"}, "the sub-publisher collects in Germany only"
    assert {line.territory for line in statements["admin"].lines} == {"DE", "SE"}


def test_lines_say_for_whom_and_by_what_they_are(session, chained):
    lines = statement_of(session, "sub").lines
    assert {(line.role, line.on_behalf_of, line.agreement) for line in lines} == {
        ("sub_publisher", "party_1", "mandate_2")
    }
    assert {line.share_ppm for line in lines} == {100_000}, "a fifth of half of the work"
    own = statement_of(session, "party_1").lines
    assert {(line.role, line.on_behalf_of, line.agreement) for line in own} == {
        ("original_publisher", "", "mandate_1")
    }
    assert {(line.territory, line.share_ppm) for line in own} == {("DE", 380_000), ("SE", 475_000)}


def test_every_form_of_a_statement_tells_the_chain(session, chained):
    statement = statement_of(session, "sub")
    body = json.loads(render_statement(statement, StatementFormat.JSON))
    assert body["lines"][0]["role"] == "sub_publisher"
    assert body["lines"][0]["on_behalf_of"] == "party_1"
    assert body["mandates"]["mandate_2"]["commission_ppm"] == 200_000
    assert body["parties"] == {"admin": "Admin Ltd", "party_1": "Edition <One>", "sub": "Sub GmbH"}
    assert body["recordings"] == {"work_a": ["DEA123456789", "USRC17607839"]}
    rows = list(csv.DictReader(io.StringIO(render_statement(statement, StatementFormat.CSV).decode())))
    assert {row["on_behalf_of"] for row in rows} == {"party_1"}
    assert rows[0]["isrcs"] == "DEA123456789 USRC17607839"
    html = render_statement(statement, StatementFormat.HTML).decode()
    paper = document_json(statement, "id")
    for text in ("sub-publisher for Edition &lt;One&gt;", "Sub 7", "20 %", "DEA123456789"):
        assert text in html
        assert text.replace("&lt;", "<").replace("&gt;", ">") in paper.replace("\\u200b", "").replace(
            "\u200b", ""
        )


def test_a_statement_without_chain_and_recordings_has_no_word_of_either(session, posted):
    """The digests are those that these inputs gave before there were mandates."""
    assert posted.digest == "0e7c41fff997dca409ee47623dee375fc8d43ff6e8e7b2375911e68d9c9d2cd2"
    statement = make_statement(session, OCTOBER, "party_1", Names())
    body = json.loads(render_statement(statement, StatementFormat.JSON))
    assert not {"mandates", "parties", "recordings"} & set(body)
    assert not {"role", "on_behalf_of", "agreement"} & {key for line in body["lines"] for key in line}
    header = render_statement(statement, StatementFormat.CSV).decode().splitlines()[0]
    assert header.endswith("after,agreements")
    assert b"Who collects" not in render_statement(statement, StatementFormat.HTML)
    assert "Who collects" not in document_json(statement, "id")


def test_explain_names_the_commission_the_agreement_and_the_share(session, chained):
    sub, own = statement_of(session, "sub"), statement_of(session, "party_1")
    assert (
        "20 % commission of Sub GmbH (sub-publisher) under agreement 'Sub 7' (mandate_2) on the share of "
        "Edition <One>."
    ) in explain_line(sub, 1)
    path = explain_line(own, 1)
    assert any(sentence.startswith("What is left of the owner's share: Admin Ltd") for sentence in path)
    assert "Role in the work: original publisher." in path


def test_another_commission_is_another_input_and_a_role_is_none(session, chained):
    other_roles = replace(CHAIN, roles_of=lambda *_: {})
    assert run(session, inputs=other_roles).run == chained.run
    close(session)
    assert restated(session, inputs=other_roles).deltas == ()
    more = replace(CHAIN, mandates=(replace(ADMIN, commission_ppm=60_000, id="mandate_3"), SUB))
    report = restated(session, inputs=more)
    assert report.changed == ("shares",)
    assert sum(delta.amount_minor for delta in report.deltas) == 0
    assert {delta.after.payee.id for delta in report.deltas} == {"party_1", "admin"}
    assert restated(session, inputs=more).deltas == ()
    statement = statement_of(session, "admin", NOVEMBER)
    assert statement.restated_minor > 0
    before = statement.lines[0].restated.before
    assert (before.agreement, statement.lines[0].agreement) == ("mandate_1", "mandate_3")
    back = restated(session, inputs=CHAIN)
    assert sorted(delta.amount_minor for delta in back.deltas) == sorted(
        -d.amount_minor for d in report.deltas
    )


def test_a_settled_dispute_pays_what_was_frozen_and_only_that(session, posted_usage):
    run(session, inputs=replace(CHAIN, disputes=(IN_DISPUTE,)))
    held = statement_of(session, SUSPENSE)
    frozen = [line for line in held.lines if line.reason == "DISPUTE"]
    assert {line.share_ppm for line in frozen} == {100_000}
    path = explain_line(held, frozen[0].line_no)
    assert "In dispute: 10 %, of the share of party_2, by dispute_1." in path
    paid = statement_of(session, "party_2")
    assert {line.share_ppm for line in paid.lines if line.work == "work_a"} == {400_000}
    close(session)
    report = restated(session, inputs=CHAIN)
    assert report.pool_minor == report.earlier_pool_minor
    by_payee = {}
    for delta in report.deltas:
        account = delta.after.payee.account
        by_payee[account] = by_payee.get(account, 0) + delta.amount_minor
    assert by_payee["suspense:DISPUTE:work_a"] == -sum(line.amount_minor for line in frozen)
    moved = {account: minor for account, minor in by_payee.items() if abs(minor) > ROUNDED_BY}
    assert set(moved) == {"suspense:DISPUTE:work_a", "party:party_2"}
    assert abs(sum(moved.values())) <= ROUNDED_BY * len(by_payee)
    assert sum(by_payee.values()) == 0
    assert balances(session)["suspense:DISPUTE:work_a", "EUR"] == 0
    assert check_ledger(session) == []


def test_a_statement_without_names_still_names_ids(session, chained):
    statement = make_statement(session, OCTOBER, "sub", Names())
    assert "Collected for party_1 under mandate_2." in explain_line(statement, 1)
    assert statement_id(statement) != statement_id(statement_of(session, "sub"))


MANDATES = st.lists(
    st.builds(
        lambda step, commission, territory, day, works: a_mandate(
            f"party_{step}" if step < 3 else f"collector_{step}", f"collector_{step + 1}", commission,
            id=f"mandate_{step}", territory=territory, starts_on=date(2026, 10, day), works=works,
        ),
        st.integers(1, 5), st.integers(0, 1_000_000), st.sampled_from(["WORLD", "DE"]),
        st.sampled_from([1, 16]), st.sampled_from([None, frozenset({"work_0"})]),
    ),
    max_size=4, unique_by=lambda mandate: mandate.owner,
)  # fmt: skip
DISPUTES = st.lists(
    st.builds(
        lambda number, ppm, territory: Dispute(
            f"dispute_{number}", f"work_{number % 2}", ("party_1", f"party_{number}"), ppm, Right.MECHANICAL,
            territory, date(2026, 10, 1), date(2026, 10, 31),
        ),
        st.integers(1, 4), st.integers(1, 1_000_000), st.sampled_from(["WORLD", "DE"]),
    ),
    max_size=2, unique_by=lambda dispute: dispute.id,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(cases(), MANDATES, DISPUTES)
def test_a_month_with_chains_and_disputes_equals_the_slow_one_in_fractions(case, mandates, disputes):
    usage, policy, inputs = case
    inputs = replace(inputs, mandates=mandates, disputes=disputes)
    book = read_shares(usage, works_of(usage, inputs), policy, OCTOBER, inputs)
    result = distribute(usage, policy, OCTOBER, inputs, book)
    assert check_distribution(result) == []
    sums: dict[str, int] = {}
    for each in result.allocations:
        sums[each.payee.account] = sums.get(each.payee.account, 0) + each.amount_minor
    assert sums == slow_distribution(usage, policy, OCTOBER, inputs)

    stated = [Stated(Source("run", n), each) for n, each in enumerate(result.allocations)]
    assert compare(stated, result.allocations) == ()
    without = replace(inputs, mandates=(), disputes=())
    plain = read_shares(usage, works_of(usage, without), policy, OCTOBER, without)
    fresh = distribute(usage, policy, OCTOBER, without, plain)
    deltas = compare(stated, fresh.allocations)
    assert sum(delta.amount_minor for delta in deltas) == 0
    back = compare(
        [Stated(Source("run", n), each) for n, each in enumerate(fresh.allocations)], result.allocations
    )
    assert sum(abs(d.amount_minor) for d in back) == sum(abs(d.amount_minor) for d in deltas)
