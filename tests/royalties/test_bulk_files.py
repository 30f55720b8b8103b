"""What is said of files, policies and runs that cannot be used, or were changed?"""

import json
from dataclasses import fields, make_dataclass, replace
from datetime import date

import polars as pl
import pytest

from royalties.bulk.files import ATTRIBUTIONS, EXPOSURE, SHARES, USAGE, check_columns
from royalties.bulk.lines import lines_of
from royalties.bulk.packing import open_pack, pack_attributions
from royalties.bulk.running import MANIFEST, exposure_digest, open_run, run_bulk
from royalties.bulk.taken import check_policy
from royalties.bulk.verifying import verify_run, verify_sources
from royalties.digests import canonical_json
from royalties.errors import BulkRefusedError, CurrencyMismatchError, NotFoundError, NothingToDistributeError
from royalties.policy import Policy
from royalties.runs import make_exposure
from tests.royalties.builders import (
    NOVEMBER,
    OCTOBER,
    OUTPUT,
    TRAINING,
    a_policy,
    a_total,
    an_attribution,
    some_inputs,
)
from tests.royalties.bulk_files import usage_rows, write_pack, write_shares, write_sources, write_usage

HEADS = {
    "generation": ["gen_1"],
    "reliability": ["influence"],
    "unattributed_ppm": [400_000],
    "digest": ["d"],
}
ROWS = {"generation": ["gen_1", "gen_1"], "work": ["work_a", "work_b"], "share_ppm": [500_000, 100_000]}


def a_month(folder, usage=None, **changes):
    inputs = some_inputs(**changes)
    return write_sources(
        folder, usage or [a_total(), a_total("gen_2"), a_total("gen_9", 77)], inputs, OCTOBER
    )


def codes_of(error) -> list[str]:
    return [finding.code for finding in error.value.findings]


@pytest.mark.parametrize("columns", [USAGE, SHARES, EXPOSURE, ATTRIBUTIONS])
def test_every_column_that_is_missing_is_told(tmp_path, columns):
    path = tmp_path / "file.parquet"
    pl.DataFrame({"else": [1]}).write_parquet(path)
    needed = [name for name, column in columns.items() if column.default is None]
    assert [(f.code, f.message.split()[1]) for f in check_columns(path, columns)] == [
        ("MISSING_COLUMN", name) for name in needed
    ]


def test_wrong_types_and_empty_cells_are_told(tmp_path):
    rows = pl.DataFrame(usage_rows([a_total(), a_total()]))
    path = tmp_path / "usage.parquet"
    rows.with_columns(pl.col("revenue_minor").cast(pl.Float64), used_on=pl.lit("2026-10-01")).write_parquet(
        path
    )
    assert [(f.code, f.message) for f in check_columns(path, USAGE)] == [
        ("COLUMN_TYPE", "column used_on is large_string; expected a day (date32)"),
        ("COLUMN_TYPE", "column revenue_minor is double; expected an integer"),
    ]
    for statistics in (True, False):
        empty = rows.with_columns(units=pl.Series([1, None]))
        empty.write_parquet(path, statistics=statistics)
        assert [f.code for f in check_columns(path, USAGE)] == ["EMPTY_CELLS"]
    path.write_bytes(b"PAR1")
    assert [f.code for f in check_columns(path, USAGE)] == ["DAMAGED_FILE"]


def packed(folder, heads=HEADS, rows=ROWS):
    pl.DataFrame(heads).write_parquet(folder / "heads.parquet")
    pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
    return pack_attributions([folder / "rows.parquet"], [folder / "heads.parquet"], folder / "pack")


@pytest.mark.parametrize(
    ("heads", "rows", "code"),
    [
        (HEADS | {"unattributed_ppm": [400_001]}, ROWS, "WRONG_SUM"),
        (HEADS | {"unattributed_ppm": [-1]}, ROWS, "OUT_OF_RANGE"),
        (HEADS, ROWS | {"share_ppm": [-500_000, 1_100_000]}, "OUT_OF_RANGE"),
        (HEADS, ROWS | {"work": ["work_a", "work_a"]}, "REPEATED"),
        ({name: values * 2 for name, values in HEADS.items()}, ROWS, "REPEATED"),
        (HEADS, ROWS | {"generation": ["gen_1", "gen_2"]}, "NO_GENERATION"),
        (HEADS, ROWS | {"work": ["work_a", "work\x1fb"]}, "WRONG_ID"),
        (HEADS | {"generation": [""]}, ROWS, "WRONG_ID"),
    ],
)
def test_attributions_that_are_no_division_of_the_whole_are_not_packed(tmp_path, heads, rows, code):
    with pytest.raises(BulkRefusedError) as error:
        packed(tmp_path, heads, rows)
    assert codes_of(error) == [code]
    assert not (tmp_path / "pack").exists()


def test_a_pack_does_not_depend_on_the_order_of_lines_and_is_made_once(tmp_path):
    attributions = {
        f"gen_{n}": an_attribution(f"gen_{n}", {f"work_{n % 3}": 5 * n, "work_9": 7}) for n in range(20)
    }
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = write_pack(tmp_path / "a", attributions)
    second = write_pack(tmp_path / "b", dict(reversed(attributions.items())))
    assert open_pack(first).digest == open_pack(second).digest
    again = pack_attributions(
        [tmp_path / "a/attributions.parquet"], [tmp_path / "a/generations.parquet"], first
    )
    assert (again.digest, again.generations, again.shares) == (open_pack(first).digest, 20, 40)


def test_a_pack_that_was_changed_is_refused(tmp_path):
    packed(tmp_path)
    path = tmp_path / "pack" / "attributions.arrow"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BulkRefusedError) as error:
        open_pack(tmp_path / "pack")
    assert codes_of(error) == ["DAMAGED_PACK"]
    with pytest.raises(BulkRefusedError, match="no pack"):
        open_pack(tmp_path)


def test_a_policy_with_a_rule_or_field_that_is_not_computed_here_is_refused():
    check_policy(a_policy())
    policy = a_policy()
    blended = replace(
        policy, pots=(replace(policy.pots[0], rule="fixed"), replace(policy.pots[1], fallback="blend"))
    )
    with pytest.raises(BulkRefusedError) as error:
        check_policy(blended)
    assert codes_of(error) == ["NOT_TAKEN", "NOT_TAKEN"]
    more = make_dataclass(
        "More", [("guarantee_minor", int, 0)], bases=(Policy,), frozen=True, slots=True, kw_only=True
    )
    values = {field.name: getattr(policy, field.name) for field in fields(policy)}
    check_policy(more(**values))
    with pytest.raises(BulkRefusedError, match="guarantee_minor = 5 is not computed over columns"):
        check_policy(more(**values, guarantee_minor=5))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rounding_unit_minor": 100}, "rounding_unit_minor = 100"),
        ({"pots": [TRAINING, OUTPUT | {"usage": "units"}]}, "usage = units"),
    ],
)
def test_a_policy_that_says_more_is_refused_by_what_it_says(changes, told):
    with pytest.raises(BulkRefusedError, match=told):
        check_policy(a_policy(**changes))


def test_usage_that_cannot_be_paid_is_refused(tmp_path):
    sources = a_month(tmp_path)

    def run(rows, period=OCTOBER):
        run_bulk(
            replace(sources, usage=(write_usage(tmp_path / "u.parquet", rows),)),
            a_policy(),
            period,
            tmp_path / "r",
        )

    with pytest.raises(CurrencyMismatchError, match="has usage in SEK, USD"):
        run([*usage_rows([a_total()], "USD"), *usage_rows([a_total()], "SEK"), *usage_rows([a_total()])])
    with pytest.raises(NothingToDistributeError, match="exceed its revenue by 5"):
        run(usage_rows([a_total(revenue_minor=-5)]))
    with pytest.raises(NothingToDistributeError, match="has no usage"):
        run(usage_rows([a_total()]), NOVEMBER)
    with pytest.raises(BulkRefusedError, match="'XX': is no country"):
        run(usage_rows([a_total(territory="XX")]))
    assert not (tmp_path / "r").exists()
    foreign = [*usage_rows([replace(a_total(), used_on=date(2026, 9, 30))], "USD"), *usage_rows([a_total()])]
    run(foreign)


def test_shares_and_exposure_with_faults_are_refused(tmp_path):
    sources = a_month(tmp_path)
    rows = [("work_a", "mechanical", "ATLANTIS", None, None, "party_1", 1_000_000)]
    bad = replace(sources, shares=(write_shares(tmp_path / "s.parquet", rows),))
    with pytest.raises(BulkRefusedError, match="'ATLANTIS' is no territory"):
        run_bulk(bad, a_policy(), OCTOBER, tmp_path / "r")
    path = tmp_path / "e.parquet"
    pl.DataFrame({"work": ["work_a", "work_a"], "events": [1, -2]}).write_parquet(path)
    with pytest.raises(BulkRefusedError) as error:
        run_bulk(replace(sources, exposure=path), a_policy(), OCTOBER, tmp_path / "r")
    assert codes_of(error) == ["REPEATED", "OUT_OF_RANGE"]


def test_shares_of_other_rights_and_works_take_no_part(tmp_path):
    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    more = [
        ("work_a", "performing", "WORLD", None, None, "party_8", 1_000_000),
        ("another", "mechanical", "DE", date(2026, 10, 7), None, "party_8", 1_000_000),
        ("work_a", "mechanical", "WORLD", None, date(2026, 10, 1), "party_8", 1_000_000),
        ("work_a", "mechanical", "WORLD", date(2026, 11, 1), None, "party_8", 1_000_000),
    ]
    both = (*sources.shares, write_shares(tmp_path / "more.parquet", more))
    run_bulk(replace(sources, shares=both), a_policy(), OCTOBER, tmp_path / "again")
    assert (tmp_path / "run" / MANIFEST).read_bytes() == (tmp_path / "again" / MANIFEST).read_bytes()


def test_the_evidence_of_exposure_is_its_digest_in_the_plain_distribution(tmp_path):
    events = {"wörk": 3, "b": 0, "a": 9}
    works = pl.DataFrame({"work": list(events), "events": list(events.values()), "exposed": [True] * 3})
    assert exposure_digest(works) == make_exposure(events).digest


def test_a_run_verifies_and_follows_from_its_sources(tmp_path):
    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    run = open_run(tmp_path / "run")
    checks = verify_run(run, sources.pack)
    assert {check.name for check in checks} >= {"cells", "payees", "attributions", "amounts"}
    assert [check for check in checks if not check.holds] == []
    assert verify_sources(run, sources).holds
    more = write_usage(tmp_path / "more.parquet", usage_rows([a_total(revenue_minor=5)]))
    assert not verify_sources(run, replace(sources, usage=(*sources.usage, more))).holds


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("payees", pl.col("amount_minor") + 1),
        ("cells", pl.col("revenue_minor") + 1),
        ("splits", pl.col("share_ppm") - 1),
        ("owners", pl.col("id") + "x"),
        ("works", ~pl.col("public_domain")),
        ("unmatched", pl.col("generation") + "x"),
    ],
)
def test_a_table_that_was_changed_does_not_verify(tmp_path, table, change):
    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    path = tmp_path / "run" / f"{table}.parquet"
    pl.read_parquet(path).with_columns(change).write_parquet(path)
    failed = [check.name for check in verify_run(open_run(tmp_path / "run"), sources.pack) if not check.holds]
    assert failed == [table]
    path.unlink()
    assert table in [c.name for c in verify_run(open_run(tmp_path / "run"), sources.pack) if not c.holds]


def test_amounts_that_were_moved_in_table_and_manifest_alike_do_not_verify(tmp_path):
    """Who can write the folder can write its digests too; the amounts still have to follow from the sums."""
    from royalties.bulk.running import digest_frame

    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    path, note = tmp_path / "run" / "payees.parquet", tmp_path / "run" / MANIFEST
    payees = pl.read_parquet(path)
    moved = [payees["amount_minor"][0] + 1, payees["amount_minor"][1] - 1, *payees["amount_minor"][2:]]
    payees = payees.with_columns(amount_minor=pl.Series(moved))
    payees.write_parquet(path)
    body = json.loads(note.read_bytes())
    body["tables"]["payees"] = digest_frame(payees)
    note.write_bytes(canonical_json(body))
    failed = [check for check in verify_run(open_run(tmp_path / "run"), sources.pack) if not check.holds]
    assert [check.name for check in failed] == ["amounts"]
    assert failed[0].found == "differs in tables"


def test_lines_are_refused_for_strangers_and_for_another_pack(tmp_path):
    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert lines_of(run, sources.pack, "party_1") == lines_of(run, sources.pack, "party:party_1")
    with pytest.raises(NotFoundError, match="gives party_x nothing"):
        lines_of(run, sources.pack, "party_x")
    (tmp_path / "other").mkdir()
    other = write_pack(tmp_path / "other", {"gen_1": an_attribution("gen_1", {"work_a": 1})})
    with pytest.raises(BulkRefusedError, match="another pack"):
        lines_of(run, other, "party_1")
    with pytest.raises(BulkRefusedError, match="is no run"):
        open_run(tmp_path)
