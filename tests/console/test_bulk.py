"""Do the commands of a bulk distribution answer, refuse and exit as they should?"""

import json
import sys

import pytest

from console.cli import main
from tests.royalties.builders import OCTOBER, a_total, policy_text, some_inputs
from tests.royalties.bulk_files import write_sources


@pytest.fixture
def folder(tmp_path):
    write_sources(
        tmp_path, [a_total(), a_total("gen_2", 5_000), a_total("gen_9", 77)], some_inputs(), OCTOBER
    )
    tmp_path.joinpath("policy.toml").write_text(policy_text())
    return tmp_path


def asked(monkeypatch, capsys, folder, line):
    """Exit code and answer of a command whose files lie in a folder."""
    words = [f"{folder}/{word[1:]}" if word.startswith("@") else word for word in line.split()]
    monkeypatch.setattr(sys, "argv", ["contrafact", "royalties", "bulk", *words, "--json"])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    out, error = capsys.readouterr()
    return code, json.loads(out) if out else error


RUN = (
    "run --period 2026-10 --policy @policy.toml --usage @usage.parquet --attributions @pack "
    "--shares @shares.parquet --exposure @exposure.parquet --out @run"
)


def test_a_month_is_packed_run_explained_and_verified(monkeypatch, capsys, folder):
    def ask(line):
        return asked(monkeypatch, capsys, folder, line)

    packing = "pack --shares @attributions.parquet --generations @generations.parquet --out @pack2"
    code, pack = ask(packing)
    assert (code, pack["generations"], pack["shares"]) == (0, 2, 4)
    code, run = ask(RUN)
    assert (code, run["gross_minor"], run["parties"]) == (0, 15_077, 3)
    assert run["pool_minor"] == run["allocated_minor"] + run["suspense_minor"]
    assert ask(f"{RUN} --partitions 3") == (0, run)
    code, lines = ask("lines @run --attributions @pack2 --payee party_2")
    assert (code, lines["run"]) == (0, run["run"])
    assert lines["amount_minor"] == sum(line["amount_minor"] for line in lines["lines"]) > 0
    code, found = ask("verify @run --attributions @pack")
    assert (code, found["valid"]) == (0, True)
    sources = "--usage @usage.parquet --shares @shares.parquet --exposure @exposure.parquet"
    code, found = ask(f"verify @run --attributions @pack {sources}")
    assert (code, found["checks"][-1]) == (0, {"name": "sources", "holds": True, "found": ""})
    code, posted = ask("post @run --attributions @pack --home @home")
    assert (code, posted["run"], posted["pool_minor"]) == (0, run["run"], run["pool_minor"])
    assert ask("post @run --attributions @pack --home @home") == (0, posted)
    (folder / "run" / "payees.parquet").unlink()
    code, found = ask("verify @run --attributions @pack")
    assert (code, found["valid"]) == (1, False)


def test_faults_are_sentences_with_exit_code_1_and_wrong_usage_has_2(monkeypatch, capsys, folder):
    code, answer = asked(monkeypatch, capsys, folder, RUN.replace("@shares", "@usage"))
    assert code == 1
    assert "column payee is missing" in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)
    assert not (folder / "run").exists()
    assert asked(monkeypatch, capsys, folder, RUN.replace("@usage.parquet", "@no.parquet"))[0] == 2
    assert asked(monkeypatch, capsys, folder, RUN)[0] == 0
    code, _ = asked(monkeypatch, capsys, folder, "verify @run --attributions @pack --usage @usage.parquet")
    assert code == 2
