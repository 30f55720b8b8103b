"""Do rates, releases, a report in several files and our own log come in from the command line, on record?"""

import json
import sys
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from catalog.vocabulary import Purpose
from console.cli import main
from console.home import Access, open_home
from console.settings import load_settings
from provenance.evidence.records import verify_chain
from provenance.tables import Corpus, Generation, Record, Run
from tests.console.approving import two_approve
from tests.royalties.dsr_files import ROYALTY
from tests.royalties.test_dsr_reports import parts_of

MADE_AT = datetime(2026, 10, 5, 12, tzinfo=UTC)
HEADER = "line_id,generation,territory,service,use_type,used_on,units,revenue_minor,currency\n"
POLICY = """
name = "test"
version = "1"
currency = "EUR"
territory = "SE"
deductions_ppm = 0
pool_rate_ppm = 500_000
unattributed = "suspense"
public_domain = "suspense"
threshold_minor = 0
rates = "period_average"
[[pots]]
name = "output"
share_ppm = 1_000_000
rule = "attribution"
"""
RATES = "from,to,rate,date,source,kind\nUSD,EUR,{},2026-10-31,Example Bank (invented),period_average\n"


@pytest.fixture
def contrafact(tmp_path, monkeypatch, capsys):
    """Runs a command on a fresh home; returns its exit code and its JSON."""

    def command(*words):
        home = ("--home", str(tmp_path / "home"))
        monkeypatch.setattr(sys, "argv", ["contrafact", *home, "royalties", *map(str, words), "--json"])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return code, json.loads(capsys.readouterr().out)

    return command


@pytest.fixture
def home(tmp_path):
    """Opens the home of the commands, with three generations in it."""

    def opened():
        return open_home(load_settings(tmp_path / "home"), Access.WRITE)

    with opened() as made, made.session() as session, session.begin():
        digest = "0" * 64
        session.add(
            Corpus(
                id=digest, purpose=Purpose.TRAIN, territory="SE", cleared_on=date(2026, 9, 1),
                merkle_root=digest, works=1, examples=1, events=1, manifest={}, built_at=MADE_AT,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Run(
                id="run_1", corpus_id=digest, checkpoint_sha256=digest, preset="lite", seed=1, steps=1,
                loss=None, config={}, trained_at=MADE_AT,
            )
        )  # fmt: skip
        session.flush()
        for number in (1, 2, 3):
            session.add(
                Generation(
                    id=f"gen_{number}", run_id="run_1", prompt={}, seed=number, midi_sha256=digest,
                    created_at=MADE_AT,
                )
            )  # fmt: skip
    return opened


def records(home, kind):
    with home() as opened, opened.session() as session:
        found = [record.subject_id for record in session.scalars(select(Record).where(Record.kind == kind))]
        verify_chain(session, opened.key.public)
        return found


def test_dollars_are_converted_by_rates_that_were_taken_in_and_restated_by_new_ones(
    contrafact, home, tmp_path
):
    rates, usage, policy = tmp_path / "rates.csv", tmp_path / "usage.csv", tmp_path / "policy.toml"
    policy.write_text(POLICY)
    usage.write_text(f"{HEADER}a,gen_1,US,Example,Stream,2026-10-05,1,10000,USD\n")
    assert contrafact("usage", "csv", usage)[0] == 0
    code, refused = contrafact("run", "--period", "2026-10", "--policy", policy)
    assert (code, refused["error"]["kind"]) == (1, "MissingRateError")
    rates.write_text(RATES.format("0.9O"))
    code, bad = contrafact("rates", rates)
    assert (code, bad["rates"], bad["findings"][0]["where"]) == (1, 0, "rates.csv:2")
    rates.write_text(RATES.format("0.9"))
    code, taken = contrafact("rates", rates)
    assert (code, taken["rates"]) == (0, 1)
    assert contrafact("rates", rates) == (code, taken)
    assert records(home, "rates") == [taken["batch"]]
    assert contrafact("run", "--period", "2026-10", "--policy", policy)[1]["gross_minor"] == 9000
    two_approve(contrafact, tmp_path, "2026-10")
    assert contrafact("close", "--period", "2026-10")[0] == 0
    rates.write_text(RATES.format("0.8"))
    contrafact("rates", rates)
    assert contrafact("restate", "--period", "2026-10")[1]["deltas"] == []
    code, restated = contrafact("restate", "--period", "2026-10", "--rates", "now")
    assert (code, restated["pool_minor"], restated["changed"]) == (0, 4000, ["usage", "rates"])


def test_a_release_is_taken_in_once_and_usage_that_names_its_isrc_is_told_of(contrafact, home, tmp_path):
    usage, releases = tmp_path / "usage.csv", tmp_path / "releases.csv"
    usage.write_text(f"{HEADER}a,isrc:SEAAA2600001,US,Example,Stream,2026-10-05,1,10000,EUR\n")
    _, answer = contrafact("usage", "csv", usage)
    assert [finding["code"] for finding in answer["findings"]] == ["UNMAPPED_ISRC"]
    releases.write_text("isrc,generation,from\nSEAAA2600001,gen_9,2026-10-01\n")
    code, bad = contrafact("releases", releases)
    assert (code, [finding["code"] for finding in bad["findings"]]) == (1, ["UNKNOWN_GENERATION"])
    releases.write_text("isrc,generation,from\nSEAAA2600001,gen_1,2026-10-01\n")
    code, taken = contrafact("releases", releases)
    assert (code, taken["releases"]) == (0, 1)
    assert contrafact("releases", releases) == (0, taken)
    assert records(home, "releases") == [taken["batch"]]
    assert contrafact("usage", "csv", usage)[1]["findings"] == []


def test_our_own_log_is_usage_once_the_month_is_over(contrafact, home, tmp_path):
    prices = tmp_path / "prices.toml"
    fields = 'service = "Example"\nuse_type = "Generation"\nterritory = "SE"\ncurrency = "EUR"\n'
    prices.write_text(f"{fields}subscriptions_minor = 1000\n")
    code, counted = contrafact("log", "--period", "2026-10", "--prices", prices)
    assert (code, counted["lines"], counted["quarantined"]) == (0, 3, 0)
    assert contrafact("log", "--period", "2026-10", "--prices", prices) == (0, counted)
    assert records(home, "own-usage") == [counted["batch"]]
    code, refused = contrafact("log", "--period", "2999-10", "--prices", prices)
    assert (code, refused["error"]["kind"]) == (1, "NothingToDistributeError")
    prices.write_text(fields)
    assert (
        contrafact("log", "--period", "2026-10", "--prices", prices)[1]["error"]["kind"]
        == "PricesRefusedError"
    )


def test_a_folder_is_one_report_and_one_file_of_it_is_not(contrafact, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    for number, data in enumerate(parts_of(ROYALTY, [("gen_1", 1, 5), ("gen_2", 2, 7)], [1]), start=1):
        (folder / f"part{number}.tsv").write_bytes(data)
    code, alone = contrafact("usage", "dsr", folder / "part1.tsv")
    assert (code, alone["findings"][0]["code"]) == (1, "MISSING_FILE")
    code, whole = contrafact("usage", "dsr", folder)
    assert (code, whole["lines"], len(whole["batches"])) == (0, 2, 2)
    again = contrafact("usage", "dsr", folder / "part2.tsv", folder / "part1.tsv")[1]
    assert (again["batches"], again["lines"]) == (whole["batches"], 2)


def test_several_files_of_csv_are_wrong_usage(tmp_path, monkeypatch):
    words = ["contrafact", "--home", str(tmp_path / "home"), "royalties", "usage", "csv", "a.csv", "b.csv"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
