"""Do many processes leave the same bytes as one, and is what a killed one left taken up again?"""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from provenance.attribution.errors import AttributionError
from provenance.attribution.examples import examples_of, sample_of
from provenance.attribution.indexing import Making
from provenance.attribution.parts import Part
from tests.provenance.attribution.builders import a_model, some_tokens
from tests.provenance.attribution.test_attributor import an_attributor, close

ROOT = Path(__file__).parents[3]
TOKENS = some_tokens(90)
FRESH = some_tokens(4, seed=9)
WORKER = """
import os, sys, torch
from provenance.attribution.indexing import Making
from provenance.attribution.parts import Part
from tests.provenance.attribution.test_parts import TOKENS, a_sampling_one
torch.set_num_threads(1)
left = [int(sys.argv[2])]
def progress(stage, done):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), 9)
if __name__ == "__main__":
    a_sampling_one(sys.argv[1]).index(TOKENS, part=Part.of_environment(), progress=progress)
"""


def a_sampling_one(directory, **options):
    options = {"batch_size": 5, "shard_rows": 8, "sample_size": 30, **options}
    return an_attributor(directory, a_model(), **options)


def start(folder, rank, count, kill_after=-1):
    environment = {**os.environ, "RANK": str(rank), "WORLD_SIZE": str(count)}
    command = [sys.executable, "-c", WORKER, str(folder), str(kill_after)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def run_together(folder, count):
    for process in [start(folder, rank, count) for rank in range(count)]:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said


def bytes_of(folder):
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    a_sampling_one(folder).index(TOKENS)
    return bytes_of(folder)


def test_one_two_and_three_processes_leave_the_same_bytes(tmp_path, alone):
    assert "checkpoint0/white/00011.npy" in alone
    assert not any("sample" in name or "sha256" in name or "tmp" in name for name in alone)
    for count in (1, 2, 3):
        run_together(tmp_path / str(count), count)
        assert bytes_of(tmp_path / str(count)) == alone


@pytest.mark.parametrize("kill_after", [1, 3], ids=["in the sample", "among the gradients"])
def test_what_a_killed_process_left_is_taken_up_by_any_number_of_others(tmp_path, alone, kill_after):
    survivor, victim = start(tmp_path, 0, 2), start(tmp_path, 1, 2, kill_after)
    victim.wait(timeout=120)
    assert victim.returncode == -9
    time.sleep(0.2)
    survivor.kill()  # as torchrun does when one is lost
    survivor.wait(timeout=120)
    assert not a_sampling_one(tmp_path)._store.is_complete("checkpoint0/white")
    with pytest.raises(AttributionError, match="not indexed yet"):
        a_sampling_one(tmp_path).score(FRESH)
    run_together(tmp_path, 3)
    assert bytes_of(tmp_path) == alone


def test_who_waits_for_a_process_that_is_gone_is_told_what_to_do(tmp_path):
    with pytest.raises(AttributionError, match="start all of them again"):
        a_sampling_one(tmp_path).index(TOKENS, part=Part(0, 2, patience=0.1))


def test_parts_that_do_not_wait_are_called_in_turn_until_all_is_there(tmp_path, alone):
    for _ in range(6):
        reports = [a_sampling_one(tmp_path).index(TOKENS, part=Part(r, 3, waits=False)) for r in (2, 0, 1)]
    assert all(report.complete for report in reports)
    assert bytes_of(tmp_path) == alone


def test_who_comes_late_makes_nothing_again_that_others_have_completed_meanwhile(tmp_path, alone):
    for _ in range(5):
        a_sampling_one(tmp_path).index(TOKENS, part=Part(1, 2, waits=False))
        if a_sampling_one(tmp_path)._store.num_left("checkpoint0/white", len(TOKENS)) <= 6:
            break
        a_sampling_one(tmp_path).index(TOKENS, part=Part(0, 2, waits=False))
    late = a_sampling_one(tmp_path)
    a_sampling_one(tmp_path).index(TOKENS, part=Part(0, 2))
    making = Making(late._store, examples_of(TOKENS), Part(1, 2, patience=0.1), print)
    assert not late._store.is_complete("checkpoint0/white")
    late._index_checkpoint(making, 0, late._sample())
    assert late._store.is_complete("checkpoint0/white")
    assert bytes_of(tmp_path) == alone


def test_what_is_written_is_counted_while_another_process_drops_a_stage(tmp_path):
    store = a_sampling_one(tmp_path)._store
    store.begin()
    over = threading.Event()

    def drop_and_make_again():
        while not over.is_set():
            store.put("sample", 0, np.zeros((8, 2)))
            store.drop("sample")

    other = threading.Thread(target=drop_and_make_again)
    other.start()
    try:
        for _ in range(300):
            assert store.num_written("sample") in (0, 1)
            assert store.num_bytes > 0
    finally:
        over.set()
        other.join()


def test_a_part_is_one_of_those_that_there_are():
    with pytest.raises(ValueError, match="numbered 0 to 1"):
        Part(2, 2)


def test_every_gradient_is_taken_once(tmp_path):
    attributor = a_sampling_one(tmp_path)
    attributor._features.settle(TOKENS[:3])
    seen = []
    take = attributor._features.features_NSD
    attributor._features.features_NSD = lambda tokens: seen.extend(tokens.tolist()) or take(tokens)
    attributor.index(TOKENS)
    assert sorted(seen) == sorted(TOKENS.tolist())


def test_shards_batches_and_order_change_nothing_but_rounding_where_there_is_a_sample(tmp_path):
    one = a_sampling_one(tmp_path / "a")
    other = a_sampling_one(tmp_path / "b", batch_size=32, shard_rows=64)
    order = torch.randperm(90, generator=torch.Generator().manual_seed(3))
    permuted = a_sampling_one(tmp_path / "c", batch_size=7, shard_rows=20)
    for attributor, tokens in (
        (one, TOKENS),
        (other, list(TOKENS.split([1, 50, 39]))),
        (permuted, TOKENS[order]),
    ):
        attributor.index(tokens)
    close(other.score(FRESH), one.score(FRESH))
    close(permuted.score(FRESH), one.score(FRESH)[:, order])


def test_the_curvature_is_that_of_the_sample(tmp_path):
    sampling, whole = a_sampling_one(tmp_path / "a"), a_sampling_one(tmp_path / "b")
    sampling.index(TOKENS)
    chosen = torch.from_numpy(sampling._sample())
    assert len(chosen) == 30
    whole.index(TOKENS[chosen])
    close(sampling.score(FRESH)[:, chosen], whole.score(FRESH))


def test_the_size_of_the_sample_is_a_setting(tmp_path):
    a_sampling_one(tmp_path).index(TOKENS)
    with pytest.raises(AttributionError, match="another folder"):
        a_sampling_one(tmp_path, sample_size=31)


def test_a_sample_is_of_the_lowest_digests_however_they_come():
    digests = np.random.default_rng(0).integers(0, 256, (500, 16), dtype=np.uint8)
    digests[7] = digests[400]
    lowest = sorted(range(500), key=lambda i: (digests[i].tobytes(), i))
    for size in (1, 40, 500, 1000):
        for pieces in (1, 3, 100):
            got = sample_of(np.array_split(digests, pieces), size)
            assert got.tolist() == sorted(lowest[:size])


def test_examples_are_found_by_number_in_batches_too():
    numbers = torch.arange(30)[:, None]
    batched, plain = examples_of(list(numbers.split([3, 20, 7]))), examples_of(numbers)
    assert len(batched) == len(plain) == 30
    for ids in ([0, 5], [6, 28, 29], [1, 2], [22, 23], list(range(30))):
        assert batched.rows(np.array(ids)).flatten().tolist() == ids
        assert plain.rows(np.array(ids)).flatten().tolist() == ids
