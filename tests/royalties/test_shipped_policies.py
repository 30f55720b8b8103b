"""Do the shipped policies come to what the worked examples of docs/money.md say, to the cent?"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import royalties
from console.cli import app
from royalties.ledger import balances, check_ledger
from royalties.policy import load_policy, parse_policy
from royalties.restating import policy_in_force
from royalties.runs import make_exposure
from royalties.tables import LedgerPosting
from tests.royalties.builders import (
    OCTOBER,
    a_total,
    an_attribution,
    close,
    policy_text,
    pool_text,
    put_totals,
    restated,
    run,
    shares_from,
    some_inputs,
)
from tests.royalties.test_distribution import by_account, distributed

POLICIES = Path(royalties.__file__).parent / "policies"
WORKS = {
    "work_a": [("party_1", 500_000), ("party_2", 500_000)],
    "work_b": [("party_2", 333_333), ("party_3", 666_667)],
    "work_c": [("party_3", 1_000_000)],
}


def shipped(name):
    return load_policy(POLICIES / f"{name}.toml")


def month(events):
    """100.00 of revenue; the generation leaned 60 % on A and 30 % on B, and 10 % cannot be said."""
    return some_inputs(
        attributions={"gen_1": an_attribution("gen_1", {"work_a": 600_000, "work_b": 300_000})},
        exposure=make_exposure(events),
        shares_on=shares_from(WORKS),
        public_domain=frozenset(),
    )


def test_stim_like_by_hand():
    result = distributed([a_total()], shipped("stim_like"), month({"work_a": 3, "work_b": 1}))
    assert (result.provider_minor, result.pool_minor) == (7000, 3000)
    assert [(pot.own_minor, pot.received_minor) for pot in result.pots] == [(900, 210), (2100, 0)]
    assert by_account(result) == {
        "party:party_1": 630 + 278,
        "party:party_2": 840 + 462,
        "party:party_3": 420 + 370,
    }


def test_fifty_fifty_by_hand():
    result = distributed([a_total()], shipped("fifty_fifty"), month({"work_a": 3, "work_b": 1}))
    assert (result.provider_minor, result.pool_minor) == (5000, 5000)
    assert by_account(result) == {
        "party:party_1": 1500,
        "party:party_2": 1500 + 500,
        "party:party_3": 1000,
        "provider": 500,
    }


GEMA_MONTH = {"work_a": 4, "work_b": 2, "work_c": 1}


def test_gema_like_by_hand():
    result = distributed([a_total()], shipped("gema_like"), month(GEMA_MONTH))
    mechanical, performing = result.pools
    assert (mechanical.rate_minor, mechanical.provider_minor) == (2000, 500 + 400)
    assert (performing.rate_minor, performing.provider_minor) == (1000, 0)
    assert (result.provider_minor, result.pool_minor) == (6100, 3900)
    assert [(pot.name, pot.own_minor, pot.received_minor) for pot in result.pots] == [
        ("training", 500, 200),
        ("output", 2000, 0),
        ("minimum-per-work:mechanical", 400, 0),
        ("later_use", 1000, 0),
    ]
    assert by_account(result) == {
        "party:party_1": 600 + 200 + 300,
        "party:party_2": 800 + 267 + 400,
        "party:party_3": 400 + 233 + 400 + 200,
        "suspense:RESIDUAL_ATTRIBUTION:gen_1": 100,
    }
    assert result.shortfalls == ()


def descriptions(session):
    return [row.description for row in session.query(LedgerPosting).order_by(LedgerPosting.id)]


def test_the_ledger_shows_what_the_provider_topped_up(session):
    put_totals(session, "all", [a_total()])
    report = run(session, policy=shipped("gema_like"), inputs=month(GEMA_MONTH))
    assert (report.pool_minor, report.shortfalls) == (3900, ())
    held = balances(session)
    assert (held["provider:retained", "EUR"], held["revenue", "EUR"]) == (6100, -10_000)
    assert held["pool:mechanical", "EUR"] == held["pool:performing", "EUR"] == 0
    assert held["pot:minimum-per-work:mechanical", "EUR"] == 0
    assert sum("top-ups" in each for each in descriptions(session)) == 1
    assert check_ledger(session) == []


def test_what_the_provider_cannot_top_up_is_said_in_the_report_and_in_the_ledger(session):
    put_totals(session, "all", [a_total(revenue_minor=1000)])
    policy, inputs = shipped("gema_like"), month(GEMA_MONTH)
    # pools of 2.00 and 1.00; the provider's 7.00 goes into the minimum of 25.00, which lacks 16.00 then
    report = run(session, policy=policy, inputs=inputs)
    assert (report.gross_minor, report.pool_minor) == (1000, 1000)
    assert report.shortfalls[0] == "minimum of pool mechanical: 16.00 EUR could not be covered"
    assert len(report.shortfalls) == 2, "work C lacks to its minimum too"
    assert any("Shortfalls: minimum of pool mechanical: 16.00" in each for each in descriptions(session))
    assert run(session, policy=policy, inputs=inputs) == report, "the run that is there says it again"
    assert check_ledger(session) == []


def test_a_month_by_a_rich_policy_is_restated_there_and_back(session):
    policy = shipped("gema_like")
    put_totals(session, "all", [a_total()])
    run(session, policy=policy, inputs=month(GEMA_MONTH))
    close(session)
    before = balances(session)
    there = restated(session, policy=policy, inputs=month(GEMA_MONTH | {"work_c": 9}))
    assert there.changed == ("exposure",)
    assert there.deltas
    back = restated(session, policy=policy, inputs=month(GEMA_MONTH))
    assert {k: v for k, v in balances(session).items() if v} == {k: v for k, v in before.items() if v}
    assert sum(d.amount_minor for d in back.deltas) == -sum(d.amount_minor for d in there.deltas)
    assert policy_in_force(session, OCTOBER) == policy
    assert check_ledger(session) == []


def test_shares_of_a_second_right_are_an_input_of_the_run(session):
    put_totals(session, "all", [a_total()])
    run(session, policy=shipped("gema_like"), inputs=month(GEMA_MONTH))

    def performing_goes_elsewhere(works, right, _on, _territory):
        other = [("party_9", 1_000_000)]
        return {work: other if right == "performing" else WORKS[work] for work in works}

    close(session)
    inputs = month(GEMA_MONTH)
    changed = some_inputs(
        attributions=inputs.attributions,
        exposure=inputs.exposure,
        public_domain=frozenset(),
        shares_on=performing_goes_elsewhere,
    )
    report = restated(session, policy=shipped("gema_like"), inputs=changed)
    assert report.changed == ("shares_performing",)
    assert balances(session)["party:party_9", "EUR"] == 900


def test_recordings_without_owners_on_record_wait_in_suspense_work_by_work():
    fields = {"right": "master", "pool_rate_ppm": 500_000, "unattributed": "suspense"}
    text = policy_text(
        right=None, pool_rate_ppm=None, unattributed=None, public_domain=None, deductions_ppm=0, pots=[]
    ) + pool_text(fields, [{"name": "training", "share_ppm": 1_000_000, "rule": "equal"}])
    policy = load_text(text)
    inputs = month({"work_a": 1, "work_b": 1})
    assert by_account(distributed([a_total()], policy, inputs)) == {
        "suspense:UNIDENTIFIED_OWNER:work_a": 2500,
        "suspense:UNIDENTIFIED_OWNER:work_b": 2500,
    }


def load_text(text):
    policy, findings = parse_policy(text.encode())
    assert policy is not None, findings
    return policy


@pytest.mark.parametrize("name", ["stim_like", "gema_like", "fifty_fifty"])
def test_the_command_explains_a_shipped_policy(name):
    result = CliRunner().invoke(app, ["royalties", "policy", "explain", name, "--json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["findings"]) == (0, [])
    assert told["policy"]["digest"] == shipped(name).digest
    assert any("pool" in sentence for sentence in told["sentences"])


def test_the_command_lists_every_fault_of_a_bad_policy(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(policy_text(currency="XYZ", version=None))
    result = CliRunner().invoke(app, ["royalties", "policy", "explain", str(path)])
    assert result.exit_code == 1
    assert "WRONG_VALUE" in result.stdout
    assert "MISSING_FIELD" in result.stdout
