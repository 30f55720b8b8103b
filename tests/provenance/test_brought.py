"""Do shares that were computed elsewhere go on record as our own do, and nothing that is at fault?"""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from catalog.findings import Severity
from provenance import brought, brought_files
from provenance.attributions import WHOLE_PPM, find_attribution, shares_of, trace
from provenance.audit import audit_records
from provenance.brought import Known, ScoreSource, attributions_of, find_faults, import_scores
from provenance.brought_files import ScoreFile, UnusableScoresError, read_scores
from provenance.evidence.bundle import export_bundle, verify_bundle
from provenance.evidence.records import verify_chain
from provenance.generations import GenerationValues, record_generation
from provenance.tables import Attribution, ScoreBatch, ScoreQuarantine
from tests.provenance.builders import NOON, a_chain, a_key, a_work

SOURCE = ScoreSource("Acme Attribution", "trak", "2.1")
LATER = NOON + timedelta(hours=1)


def a_file(folder, rows, name="shares.parquet", **columns):
    """A Parquet file of (generation, work, share_ppm) rows and more columns."""
    table = pa.table(
        {
            "generation": pa.array([row[0] for row in rows], pa.string()),
            "work": pa.array([row[1] for row in rows], pa.string()),
            "share_ppm": pa.array([row[2] for row in rows], pa.int64()),
            **columns,
        }
    )
    pq.write_table(table, folder / name)
    return folder / name


def brought_in(session, path, source=SOURCE, at=LATER):
    report = import_scores(session, a_key(), path, source, imported_at=at)
    session.commit()
    return report


def codes(report):
    return [finding.code for finding in report.findings]


def count(session, table):
    return session.scalar(select(func.count()).select_from(table))


def test_shares_from_elsewhere_are_on_record_with_who_computed_them(session, tmp_path):
    chain = a_chain(session, tmp_path)
    gen = chain.generation_id
    path = a_file(
        tmp_path, [(gen, "work_a", 600_000), (gen, "work_b", 150_000)],
        low_ppm=pa.array([500_000, None], pa.int32()), high_ppm=pa.array([700_000, None], pa.uint64()),
        influence=pa.array(["-1.5e-7", None]),
    )  # fmt: skip
    report = brought_in(session, path)
    assert (report.attributions, report.quarantined, report.findings) == (1, 0, ())
    found = find_attribution(session, gen)
    assert found.method == "trak/2.1 by Acme Attribution"
    assert found.unattributed_ppm == 250_000
    assert found.reliability == {"verdict": "influence", "reason": "as declared by Acme Attribution"}
    assert found.body["details"] == {
        "provider": "Acme Attribution", "method": "trak", "version": "2.1",
        "file_sha256": read_scores(path).sha256,
    }  # fmt: skip
    first, second = shares_of(session, found.id)
    assert (first.low_ppm, first.high_ppm, first.influence) == (500_000, 700_000, "-1.5e-7")
    assert (second.low_ppm, second.high_ppm, second.influence) == (0, WHOLE_PPM, ""), "nothing is known of it"
    assert audit_records(session, a_key().public) == []
    assert [influenced.method for influenced in trace(session, "work_b")] == [found.method]


def test_a_bundle_of_shares_from_elsewhere_verifies(session, tmp_path):
    chain = a_chain(session, tmp_path)
    brought_in(session, a_file(tmp_path, [(chain.generation_id, "work_c", 10)]))
    bundle = export_bundle(
        session, chain.key, generation_id=chain.generation_id, store=chain.store, corpora=chain.corpora
    )
    verified = verify_bundle(bundle)
    assert verified.valid, verified.checks


def test_taken_in_again_it_changes_nothing(session, tmp_path):
    chain = a_chain(session, tmp_path)
    path = a_file(tmp_path, [(chain.generation_id, "work_a", 1), ("gen_none", "work_a", 1)])
    first = brought_in(session, path)
    before = verify_chain(session, a_key().public)
    assert brought_in(session, path, at=LATER + timedelta(days=1)) == first
    assert verify_chain(session, a_key().public) == before
    assert find_attribution(session, chain.generation_id).attributed_at == LATER
    assert (count(session, ScoreBatch), count(session, ScoreQuarantine)) == (1, 1)
    other = brought_in(session, path, replace(SOURCE, version="2.2"))
    assert other.batch != first.batch
    assert count(session, Attribution) == 3


def test_what_was_left_out_is_looked_at_again(session, tmp_path):
    chain = a_chain(session, tmp_path)
    path = a_file(tmp_path, [(chain.generation_id, "work_a", 1), (chain.generation_id, "work_x", 1)])
    assert codes(brought_in(session, path)) == ["UNKNOWN_WORK"]
    a_work(session, "work_x")
    assert codes(brought_in(session, path)) == ["WORK_NOT_TRAINED_ON"]
    [kept] = session.scalars(select(ScoreQuarantine))
    assert (kept.row_number, kept.code, kept.generation_id) == (2, "WORK_NOT_TRAINED_ON", chain.generation_id)


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        ([("gen_none", "work_a", 1)], {}, ["UNKNOWN_GENERATION"]),
        ([(None, "work_a", 1)], {}, ["UNKNOWN_GENERATION"]),
        ([("GEN", "nobody", 1)], {}, ["UNKNOWN_WORK"]),
        ([("GEN", None, 1)], {}, ["UNKNOWN_WORK"]),
        ([("GEN", "work_free", 1)], {}, ["WORK_NOT_TRAINED_ON"]),
        ([("GEN", "work_a", 600_000), ("GEN", "work_b", 400_001)], {}, ["SHARES_OVER_WHOLE"]),
        ([("GEN", "work_a", -1)], {}, ["SHARE_RANGE"]),
        ([("GEN", "work_a", 1_000_001)], {}, ["SHARE_RANGE"]),
        ([("GEN", "work_a", None)], {}, ["SHARE_RANGE"]),
        ([("GEN", "work_a", 1), ("GEN", "work_b", 1), ("GEN", "work_a", 1)], {}, ["DUPLICATE_ROW"]),
        ([("GEN", "work_a", 5)], {"low_ppm": pa.array([6])}, ["INTERVAL"]),
        ([("GEN", "work_a", 5)], {"low_ppm": pa.array([-1])}, ["INTERVAL"]),
        ([("GEN", "work_a", 5)], {"high_ppm": pa.array([4])}, ["INTERVAL"]),
        ([("GEN", "work_a", 5)], {"high_ppm": pa.array([2**64 - 1], pa.uint64())}, ["INTERVAL"]),
        ([("GEN", "work_a", 5)], {"influence": pa.array(["=cmd()"])}, ["INFLUENCE"]),
        ([("GEN", "work_a", 5)], {"influence": pa.array(["NaN"])}, ["INFLUENCE"]),
        ([("GEN", "work_a", -1), ("GEN", "nobody", 1)], {}, ["SHARE_RANGE", "UNKNOWN_WORK"]),
    ],
)  # fmt: skip
def test_a_generation_with_a_fault_is_left_out_whole_and_nothing_else(
    session, tmp_path, rows, columns, expected
):
    chain = a_chain(session, tmp_path)
    other = a_chain_beside(session, tmp_path, chain)
    a_work(session, "work_free")
    session.commit()
    rows = [(chain.generation_id if row[0] == "GEN" else row[0], *row[1:]) for row in rows]
    columns = {name: pa.concat_arrays([values, pa.nulls(1, values.type)]) for name, values in columns.items()}
    report = brought_in(session, a_file(tmp_path, [*rows, (other, "work_d", 7)], **columns))
    assert codes(report) == expected
    assert not report.complete
    assert (report.attributions, report.quarantined) == (1, 1)
    assert find_attribution(session, chain.generation_id).method == "gradient"
    assert [share.work_id for share in shares_of(session, find_attribution(session, other).id)] == ["work_d"]
    [finding] = report.findings[:1]
    assert finding.where.startswith("shares.parquet:")
    assert "expected" in finding.message
    assert audit_records(session, a_key().public) == []


def a_chain_beside(session, folder, chain) -> str:
    """Another generation of the same run."""
    values = GenerationValues(chain.run_id, None, {"genre": "jazz"}, 5, chain.store.put(b"MThd other"))
    return record_generation(session, a_key(), values, NOON).id


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.drop_columns(["work"]), "MISSING_COLUMN"),
        (lambda t: t.set_column(2, "share_ppm", pa.array([1.0])), "COLUMN_TYPE"),
        (lambda t: t.set_column(2, "share_ppm", pa.array(["1"])), "COLUMN_TYPE"),
        (lambda t: t.set_column(2, "share_ppm", pa.array([True])), "COLUMN_TYPE"),
        (lambda t: t.set_column(2, "share_ppm", pa.array([Decimal("1.0")])), "COLUMN_TYPE"),
        (lambda t: t.append_column("low_ppm", pa.array([0.5])), "COLUMN_TYPE"),
        (lambda t: t.append_column("influence", pa.array([0.5])), "COLUMN_TYPE"),
        (lambda t: t.set_column(1, "work", pa.array([{"id": "work_a"}])), "COLUMN_TYPE"),
        (lambda t: t.append_column("work", pa.array(["work_b"])), "DUPLICATE_COLUMN"),
    ],
)
def test_a_file_that_is_not_as_documented_is_refused_whole(session, tmp_path, change, code):
    chain = a_chain(session, tmp_path)
    table = change(pa.table({"generation": [chain.generation_id], "work": ["work_a"], "share_ppm": [1]}))
    pq.write_table(table, tmp_path / "bad.parquet")
    report = brought_in(session, tmp_path / "bad.parquet")
    assert codes(report) == [code]
    assert (report.batch, report.attributions) == ("", 0)
    assert count(session, ScoreBatch) == 0


def test_all_that_is_wrong_with_a_file_is_told_at_once(tmp_path):
    pq.write_table(pa.table({"generation": [1], "share_ppm": [0.5]}), tmp_path / "bad.parquet")
    with pytest.raises(UnusableScoresError) as refused:
        read_scores(tmp_path / "bad.parquet")
    assert [finding.code for finding in refused.value.findings] == [
        "MISSING_COLUMN", "COLUMN_TYPE", "COLUMN_TYPE",
    ]  # fmt: skip


def test_a_file_that_is_missing_or_cut_off_is_a_finding(session, tmp_path):
    assert codes(brought_in(session, tmp_path / "none.parquet")) == ["UNREADABLE_FILE"]
    assert codes(brought_in(session, tmp_path)) == ["UNREADABLE_FILE"]
    path = a_file(tmp_path, [("gen_1", "work_a", 1)])
    path.write_bytes(path.read_bytes()[:-9])
    assert codes(brought_in(session, path)) == ["DAMAGED_FILE"]


def test_a_file_with_any_damage_is_read_or_refused_with_findings(tmp_path):
    chance = random.Random(3)
    data = a_file(tmp_path, [("gen_1", f"work_{i}", i) for i in range(50)]).read_bytes()
    refused = 0
    for _ in range(300):
        bent = bytearray(data)
        bent[chance.randrange(len(bent))] = chance.randrange(256)
        (tmp_path / "bent.parquet").write_bytes(bytes(bent))
        try:
            read_scores(tmp_path / "bent.parquet")
        except UnusableScoresError as error:
            refused += bool(error.findings)
    assert refused > 100


def test_a_file_that_is_too_large_is_refused_before_it_is_read(session, tmp_path, monkeypatch):
    path = a_file(tmp_path, [("gen_1", "work_a", 1)] * 3)
    monkeypatch.setattr(brought_files, "MAX_ROWS", 2)
    assert codes(brought_in(session, path)) == ["TOO_LARGE"]
    monkeypatch.setattr(brought_files, "MAX_ROWS", 3)
    monkeypatch.setattr(brought_files, "MAX_BYTES", 10)
    assert codes(brought_in(session, path)) == ["TOO_LARGE"]


def test_other_columns_are_remarked_on_and_not_read(session, tmp_path):
    chain = a_chain(session, tmp_path)
    nested = pa.array([{"pickle": b"\x80"}])
    path = a_file(tmp_path, [(chain.generation_id, "work_a", 1)], extra=nested)
    report = brought_in(session, path)
    assert codes(report) == ["UNKNOWN_COLUMN"]
    assert report.findings[0].severity is Severity.WARNING
    assert report.complete and report.attributions == 1


def test_text_of_any_length_and_kind_takes_no_more_memory_than_is_allowed(tmp_path):
    long = "x" * 100_000
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        table = pa.table(
            {
                "generation": pa.array([long] * 1000, pa.string()).cast(kind),
                "work": pa.array(["w"] * 1000, pa.string()).cast(kind),
                "share_ppm": pa.array([1] * 1000, pa.int8()),
                "influence": pa.array([Decimal("0.25")] * 1000),
            }
        )
        pq.write_table(table, tmp_path / "long.parquet")
        rows = read_scores(tmp_path / "long.parquet").rows
        assert rows["generation"].str.len_chars().unique().to_list() == [brought_files.MAX_TEXT]
        assert rows["influence"].unique().to_list() == ["0.25"]
        assert rows["row"].to_list() == list(range(1, 1001))


def test_rows_are_numbered_through_all_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(brought_files, "BATCH_ROWS", 2)
    rows = read_scores(a_file(tmp_path, [("gen_1", f"work_{i}", i) for i in range(5)])).rows
    assert rows.select("row", "work").rows() == [(i + 1, f"work_{i}") for i in range(5)]


def test_faults_beyond_those_that_are_listed_are_counted(session, tmp_path, monkeypatch):
    monkeypatch.setattr(brought, "MAX_LISTED", 2)
    report = brought_in(session, a_file(tmp_path, [(f"gen_{i}", "work_a", 1) for i in range(5)]))
    assert codes(report) == ["UNKNOWN_GENERATION"] * 2 + ["MORE_ROWS"]
    assert report.quarantined == count(session, ScoreQuarantine) == 5


@pytest.mark.parametrize("name", ["", " Acme", "Acme\n", "\x1b[2J", "x" * 101])
def test_a_provider_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match="printable"):
        ScoreSource(name, "trak", "1")


KNOWN = Known({"g0": "c", "g1": "c"}, {"c": frozenset("abc")}, frozenset("abcd"))
ROW = st.tuples(
    st.sampled_from(["g0", "g1", "g2", None]),
    st.sampled_from(["a", "b", "c", "d", "e"]),
    st.sampled_from([-1, 0, 250_000, 500_000, 1_000_000, 1_000_001, None]),
    st.sampled_from([None, 0, 250_000, 1_000_000]),
)


def slow_left_out(rows):
    """The generations that must be left out, row by row."""
    out, seen, sums = set(), set(), {}
    for generation, work, share, low in rows:
        bad = generation not in KNOWN.run_of or work not in KNOWN.works_of["c"] or share is None
        bad = bad or not 0 <= share <= WHOLE_PPM or (low is not None and low > share)
        sums[generation] = sums.get(generation, 0) + (share or 0)
        if bad or (generation, work) in seen or sums[generation] > WHOLE_PPM:
            out.add(generation)
        seen.add((generation, work))
    return out


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW, max_size=8))
def test_what_is_recorded_is_whole_and_what_is_left_out_is_what_a_slow_look_leaves_out(rows):
    frame = pl.DataFrame(
        [(place, *row, None, None) for place, row in enumerate(rows, start=1)],
        schema={
            "row": pl.Int64, "generation": pl.String, "work": pl.String, "share_ppm": pl.Int64,
            "low_ppm": pl.Int64, "high_ppm": pl.Int64, "influence": pl.String,
        },
        orient="row",
    )  # fmt: skip
    faults = find_faults(frame, KNOWN)
    found = list(attributions_of(ScoreFile("0" * 64, frame), faults, SOURCE))
    out = slow_left_out(rows)
    assert set(faults["generation"]) == out
    assert {values.generation_id for values in found} == {row[0] for row in rows} - out
    for values in found:
        assert sum(share.share_ppm for share in values.shares) + values.unattributed_ppm == WHOLE_PPM
