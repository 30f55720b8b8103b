"""Does a run come out the same whoever computes which part of it, in whatever order, and is it whole or not
there?"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import ray
from hypothesis import given, settings
from hypothesis import strategies as st

from royalties.bulk import summing
from royalties.bulk.codes import Codes
from royalties.bulk.running import MANIFEST, TABLES, Sources, open_run, run_bulk
from royalties.bulk.summing import cut, territory_type
from royalties.bulk.tally import Tally, merge_sums
from royalties.bulk.weighing import limbs_of
from royalties.bulk.workers import Processes, RayTasks
from royalties.errors import BulkRefusedError
from tests.royalties.builders import OCTOBER, a_policy, a_total, an_attribution, shares_from, some_inputs
from tests.royalties.bulk_files import usage_rows, write_sources, write_usage
from tests.royalties.test_bulk import months


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def a_month(folder: Path, lines: int = 400, generations: int = 40) -> Sources:
    """Lines at random over generations of which some are not known, with shares that change on the 16th."""
    chance = random.Random(7)
    works = [f"work_{number}" for number in range(30)]
    attributions = {}
    for number in range(generations):
        leans = chance.sample(works, 5)
        verdict = "influence" if number % 4 else "exposure"
        name = f"gen_{number:04}"
        attributions[name] = an_attribution(name, dict.fromkeys(leans, 150_000), reliability=verdict)
    inputs = some_inputs(
        attributions=attributions,
        shares_on=shares_from(
            {work: [(f"party_{n % 7}", 400_000), (f"party_{n}", 600_000)] for n, work in enumerate(works)}
        ),
        public_domain=frozenset({"work_3"}),
    )
    fixed = inputs.shares_on

    def changing(asked, right, on, territory):
        late = {"work_1": [("party_9", 1_000_000)]} if on.day > 15 and territory == "DE" else {}
        return {**fixed(asked, right, on, territory), **{work: late[work] for work in asked if work in late}}

    usage = [
        a_total(
            f"gen_{chance.randrange(generations + 3):04}", chance.randrange(-100, 5_000),
            territory=chance.choice(["DE", "SE", "FR"]), day=chance.randrange(1, 32),
        )
        for _ in range(lines)
    ]  # fmt: skip
    return write_sources(folder, usage, replace(inputs, shares_on=changing), OCTOBER)


@settings(max_examples=15, deadline=None)
@given(months(), st.integers(2, 6), st.randoms(use_true_random=False))
def test_the_number_of_parts_and_the_order_of_the_lines_change_no_byte(case, num_parts, shuffler):
    usage, policy, inputs = case
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = write_sources(folder, usage, inputs, OCTOBER)
        run_bulk(sources, policy, OCTOBER, folder / "run")
        shuffled = list(usage)
        shuffler.shuffle(shuffled)
        middle = len(shuffled) // 2
        files = [write_usage(folder / f"{n}.parquet", usage_rows(part)) for n, part in
                 enumerate((shuffled[:middle], shuffled[middle:])) if part]  # fmt: skip
        run_bulk(replace(sources, usage=tuple(files)), policy, OCTOBER, folder / "again", num_parts=num_parts)
        assert files_of(folder / "run") == files_of(folder / "again")
        assert set(files_of(folder / "run")) == {MANIFEST, *(f"{table}.parquet" for table in TABLES)}


def test_processes_leave_the_bytes_of_one(tmp_path):
    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "again", Processes(2), 3)
    assert files_of(tmp_path / "run") == files_of(tmp_path / "again")


def test_tasks_of_ray_leave_the_bytes_of_one_process(tmp_path):
    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    try:
        run_bulk(sources, a_policy(), OCTOBER, tmp_path / "again", RayTasks(2), 3)
    finally:
        ray.shutdown()
    assert files_of(tmp_path / "run") == files_of(tmp_path / "again")


def test_without_ray_its_tasks_are_refused_with_what_to_install():
    hidden = "import sys; sys.modules['ray'] = None\nfrom royalties.bulk.workers import RayTasks\nRayTasks(2)"
    found = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert "BulkRefusedError" in found.stderr
    assert "pip install 'contrafact[ray]'" in found.stderr


def test_threads_change_no_byte(tmp_path):
    sources = a_month(tmp_path, lines=3_000)
    code = (
        "import sys; from pathlib import Path;"
        "from royalties.bulk.running import *; from royalties.periods import *;"
        "from tests.royalties.builders import a_policy; f = Path(sys.argv[1]);"
        "s = Sources((f / 'usage.parquet',), f / 'pack', (f / 'shares.parquet',), f / 'exposure.parquet');"
        "run_bulk(s, a_policy(), parse_period('2026-10'), f / sys.argv[2])"
    )
    for threads in ("1", "4"):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", code, tmp_path, threads], env=environment, check=True)
    assert sources.pack == tmp_path / "pack"
    assert files_of(tmp_path / "1") == files_of(tmp_path / "4")


def test_the_same_run_again_changes_nothing_and_another_is_refused(tmp_path):
    sources = a_month(tmp_path)
    first = run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    before = files_of(tmp_path / "run")
    assert run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run") == first
    with pytest.raises(BulkRefusedError, match="holds something else"):
        run_bulk(sources, a_policy(deductions_ppm=5), OCTOBER, tmp_path / "run")
    assert files_of(tmp_path / "run") == before
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_run_that_is_killed_leaves_either_nothing_or_all_of_it(tmp_path):
    sources = a_month(tmp_path, lines=5_000)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "whole")
    code = (
        "import sys; from pathlib import Path;"
        "from royalties.bulk.running import *; from royalties.periods import *;"
        "from tests.royalties.builders import a_policy; f = Path(sys.argv[1]);"
        "s = Sources((f / 'usage.parquet',), f / 'pack', (f / 'shares.parquet',), f / 'exposure.parquet');"
        "print('go', flush=True); run_bulk(s, a_policy(), parse_period('2026-10'), f / 'run')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    chance, killed = random.Random(3), 0
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", code, tmp_path], env=environment, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        if (tmp_path / "run").exists():
            assert files_of(tmp_path / "run") == files_of(tmp_path / "whole")
    assert killed
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    assert files_of(tmp_path / "run") == files_of(tmp_path / "whole")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=5), st.integers(1, 9))
def test_parts_of_usage_hold_every_row_once(sizes, count):
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / f"{n}.parquet" for n in range(len(sizes))]
        for path, size in zip(files, sizes, strict=True):
            pl.DataFrame({"x": range(size)}, schema={"x": pl.Int64}).write_parquet(path)
        rows = [
            (path, row)
            for part in cut(files, count)
            for path, first, num in part
            for row in range(first, first + num)
        ]
        assert sorted(rows) == [
            (str(path), row) for path, size in sorted(zip(files, sizes, strict=True)) for row in range(size)
        ]


NAMES = st.text(alphabet="abcdefgh", min_size=1, max_size=3)


@settings(max_examples=100, deadline=None)
@given(
    st.sets(NAMES, min_size=1, max_size=40),
    st.lists(NAMES, min_size=1, max_size=40),
    st.sampled_from([1, 4, 64]),
)
def test_a_name_has_its_place_as_number_even_where_hashes_meet(names, asked, modulus):
    """`modulus` makes so few hashes that tables cannot hold all names."""

    class Meeting(Codes):
        def _high(self, hashes):
            return hashes % np.uint64(modulus)

        def _low(self, hashes):
            return hashes % np.uint64(modulus)

    known = pl.Series(sorted(names), dtype=pl.String)
    texts = pl.Series(asked, dtype=pl.String)
    for kind in (Codes, Meeting):
        numbers, found = kind(known).of(texts, texts.hash())
        assert [name in names for name in asked] == found.tolist()
        assert [sorted(names).index(n) for n in asked if n in names] == numbers[found].tolist()


LINES = st.tuples(
    st.sampled_from(["a", "b", "c", "stray", "other"]), st.sampled_from(["DE", "SE", "US"]),
    st.integers(0, 2), st.integers(-(2**40), 2**40), st.sampled_from([5, -5, 2**62, -(2**62), 7]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=30), st.sampled_from([0, 3, 6, 10**6]), st.integers(1, 7))
def test_sums_are_the_same_in_dense_arrays_and_beyond_them(lines, max_dense, size):
    frame = pl.DataFrame(
        lines,
        {"generation": pl.String, "territory": pl.String, "span": pl.UInt16}
        | dict.fromkeys(("units", "revenue_minor"), pl.Int64),
        orient="row",
    )
    summed = Tally(pl.Series(["a", "b", "c"]), territory_type().categories, 3, max_dense)
    for first in range(0, frame.height, size):
        part = frame.slice(first, size)
        summed.add(
            part.with_columns(
                generation_hash=part["generation"].hash(), territory_hash=part["territory"].hash()
            )
        )
    found = {
        (row[1] if row[0] is None else "abc"[row[0]], *row[2:4]): row[4:]
        for row in merge_sums([summed.sums()]).iter_rows()
    }
    told: dict[tuple, list[int]] = {}
    for generation, territory, span, units, minor in lines:
        entry = told.setdefault((generation, territory, span), [0, 0])
        entry[0] += units
        entry[1] += minor
    assert {key: tuple(value) for key, value in told.items() if any(value)} == {
        key: value for key, value in found.items() if any(value)
    }
    assert set(np.flatnonzero(summed.used)) == {"abc".index(line[0]) for line in lines if line[0] in "abc"}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=20))
def test_limbs_are_their_number_and_no_sum_of_a_row_leaves_64_bits(values):
    bits, limbs = limbs_of(np.array(values, np.int64))
    back = [sum(int(limb) << (bits * n) for n, limb in enumerate(column)) for column in limbs.T]
    assert back == values
    assert all(sum(int(limb) for limb in row) * 1_000_000 < 2**63 for row in limbs)


def test_usage_beyond_64_bits_of_weight_is_divided_exactly(tmp_path):
    attributions = {
        "gen_1": an_attribution("gen_1", {"work_a": 333_333, "work_b": 333_334}),
        "gen_2": an_attribution("gen_2", {"work_b": 1_000_000}),
    }
    inputs = some_inputs(attributions=attributions)
    usage = [a_total("gen_1", 4 * 10**18), a_total("gen_2", 4 * 10**18 + 7)]
    report = run_bulk(write_sources(tmp_path, usage, inputs, OCTOBER), a_policy(), OCTOBER, tmp_path / "run")
    assert report.gross_minor == 8 * 10**18 + 7
    from tests.royalties.test_bulk import amounts_of, expected

    found = {row[:4]: row[4] for row in open_run(tmp_path / "run").table("payees").collect().iter_rows()}
    assert found == amounts_of(expected(usage, a_policy(), inputs))


def test_small_chunks_change_no_byte(tmp_path, monkeypatch):
    sources = a_month(tmp_path)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "run")
    monkeypatch.setattr(summing, "CHUNK_ROWS", 17)
    monkeypatch.setattr(summing, "MAX_DENSE", 0)
    run_bulk(sources, a_policy(), OCTOBER, tmp_path / "again")
    assert files_of(tmp_path / "run") == files_of(tmp_path / "again")
    assert date(2026, 10, 16) in pl.read_parquet(sources.shares[0])["starts_on"].to_list()
