"""Processes that train together learn what one would learn, in copies or in parts, and go on after a kill."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model import presets
from model.batches import leave_unsaid
from model.checkpoint import read_tensors
from model.corpus import read_corpus
from model.network import Composer
from model.objective import counts_of, loss_of
from model.workers import Workers
from tests.model.corpora import some_rows, write_corpus
from tests.model.songs import TINY, a_matrix
from tests.model.test_training import TEST_PRESET, run

WORKER = """
import sys
from pathlib import Path
from model.corpus import read_corpus
from model.workers import joined
import tests.model.test_training as t
t.presets.PRESETS["test"] = t.dataclasses.replace(t.TEST_PRESET, part_examples=int(sys.argv[4]))
t.training.SAVE_EVERY_STEPS = 2
def progress(done, steps, loss):
    if done == int(sys.argv[5]):
        raise t.StoppedError
with joined(sharded=sys.argv[3] == "sharded") as workers:
    t.run(read_corpus(Path(sys.argv[1])), Path(sys.argv[2]), workers=workers, progress=progress)
"""


def run_together(tmp_path: Path, corpus: Path, name: str, *, how="copied", part=3, stop=0):
    """A run by processes of this machine; its folder, and whether it came to its end."""
    script, directory = tmp_path / "worker.py", tmp_path / name
    script.write_text(WORKER, encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [*launcher, str(script), str(corpus), str(directory), how, str(part), str(stop)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode and not stop:
        raise AssertionError(done.stderr[-3000:])
    return directory, done.returncode == 0


def losses(directory: Path) -> list[float]:
    found: list[float] = json.loads((directory / "run.json").read_text(encoding="utf-8"))["losses"]
    return found


def run_alone(corpus: Path, directory: Path, *, part: int) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        preset = dataclasses.replace(TEST_PRESET, part_examples=part)
        patch.setitem(presets.PRESETS, "test", preset)
        run(read_corpus(corpus), directory)
    return directory


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    corpus = write_corpus(folder, some_rows())
    return corpus, run_alone(corpus, folder / "alone", part=3)


@pytest.mark.parametrize(("how", "part"), [("copied", 1), ("sharded", 3)])
def test_two_processes_learn_what_one_learns(tmp_path: Path, alone, how: str, part: int):
    corpus, single = alone
    together, _ = run_together(tmp_path, corpus, "together", how=how, part=part)
    np.testing.assert_allclose(losses(together), losses(single), rtol=2e-3)
    one, _ = read_tensors(single / "checkpoint.safetensors")
    two, _ = read_tensors(together / "checkpoint.safetensors")
    assert one.keys() == two.keys()
    far = [name for name in one if (one[name] - two[name]).abs().max() > 0.02 + 0.05 * one[name].abs().max()]
    assert far == []


def test_a_batch_in_parts_is_learnt_as_one(tmp_path: Path, alone):
    corpus, single = alone
    parts = run_alone(corpus, tmp_path / "parts", part=1)
    np.testing.assert_allclose(losses(parts), losses(single), rtol=2e-3)


def test_processes_that_were_stopped_go_on_to_the_same_bytes(tmp_path: Path, alone):
    corpus, _ = alone
    unbroken, _ = run_together(tmp_path, corpus, "whole", how="sharded")
    broken, ended = run_together(tmp_path, corpus, "broken", how="sharded", stop=5)
    assert not ended and (broken / "state.safetensors").exists()
    run_together(tmp_path, corpus, "broken", how="sharded")
    name = "checkpoint.safetensors"
    assert (broken / name).read_bytes() == (unbroken / name).read_bytes()


@pytest.mark.parametrize(("total", "count", "most"), [(8, 1, 8), (8, 3, 2), (2, 4, 1), (7, 2, 3), (1, 2, 8)])
def test_every_example_of_a_batch_is_taken_once_and_all_have_as_many_parts(total: int, count: int, most: int):
    taken = [Workers(rank, count).parts(total, most) for rank in range(count)]
    assert len({len(parts) for parts in taken}) == 1
    every = [int(i) for parts in taken for own, weight in parts if weight for i in own]
    assert sorted(every) == list(range(total))
    assert all(len(own) <= most for parts in taken for own, _ in parts)


def test_the_parts_of_a_batch_ask_for_what_the_whole_asks_for():
    rows = torch.stack([a_matrix(seed) for seed in range(4)])
    model = Composer(TINY).eval()
    torch.nn.init.normal_(model.head.base.weight)
    with torch.no_grad():
        together = loss_of(model(rows), rows)
        counts = counts_of(rows)
        parts = [loss_of(model(rows[i : i + 1]), rows[i : i + 1], counts) for i in range(4)]
    torch.testing.assert_close(sum(part.total for part in parts), together.total, rtol=1e-4, atol=1e-4)


def test_what_is_left_unsaid_of_an_example_does_not_depend_on_its_part():
    rows = torch.stack([a_matrix(seed) for seed in range(6)])
    together = leave_unsaid(rows, torch.Generator().manual_seed(3))
    places = np.array([1, 4], dtype=np.int32)
    part = leave_unsaid(rows[[1, 4]], torch.Generator().manual_seed(3), places, 6)
    assert torch.equal(part, together[[1, 4]])
