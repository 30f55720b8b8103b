"""A run learns, can be killed and goes on, is the same each time, and counts what it has seen."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from model import batches as batches_module
from model import presets, training
from model.batches import batches, dropped_tracks, leave_unsaid, matrices, num_steps, seen_in, split_examples
from model.checkpoint import load_checkpoint, read_tensors
from model.corpus import read_corpus
from model.errors import CheckpointError, ModelError, TrainingError
from model.files import sha256_file
from model.plan import PLAN_ROWS, PLANNING_COLUMN, SONG_ROW, Column
from model.presets import Preset
from model.training import train
from tests.model.corpora import a_corpus, some_rows, write_corpus
from tests.model.songs import TINY, a_matrix

TEST_PRESET = Preset("test", TINY, 3, 3, 3e-3, 2, 0.05, 1000)


@pytest.fixture(autouse=True)
def tiny_preset(monkeypatch):
    monkeypatch.setitem(presets.PRESETS, "test", TEST_PRESET)
    monkeypatch.setattr(training, "SAVE_EVERY_STEPS", 3)


def run(corpus, directory: Path, **options):
    return train(corpus, directory, preset="test", threads=1, **({"steps": 6, "seed": 5} | options))


class StoppedError(Exception):
    """Raised in the middle of a run."""


def stop_after(steps: int):
    def progress(done: int, _steps: int, _loss: float) -> None:
        if done == steps:
            raise StoppedError

    return progress


def test_the_loss_falls(tmp_path: Path):
    losses = run(a_corpus(tmp_path), tmp_path / "run", steps=16).losses
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.5


def test_two_runs_of_the_same_options_are_the_same_bytes(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    one, two = run(corpus, tmp_path / "one"), run(corpus, tmp_path / "two")
    assert one.run_id == two.run_id
    for name in ("checkpoint.safetensors", "exposure.parquet", "run.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_seed_is_another_run(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    assert run(corpus, tmp_path / "one").run_id != run(corpus, tmp_path / "two", seed=6).run_id


@pytest.mark.parametrize("stopped_after", [3, 4])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path, stopped_after: int):
    corpus = a_corpus(tmp_path)
    whole = run(corpus, tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(corpus, tmp_path / "parts", progress=stop_after(stopped_after))
    resumed: list[int] = []
    parts = run(corpus, tmp_path / "parts", progress=lambda done, _steps, _loss: resumed.append(done))
    assert resumed == [4, 5, 6]
    assert sha256_file(parts.checkpoint) == sha256_file(whole.checkpoint)
    assert [sha256_file(p) for p in parts.trajectory] == [sha256_file(p) for p in whole.trajectory]
    assert parts.losses == whole.losses


KILLED = """
import sys, time
from pathlib import Path
import tests.model.test_training as t
from model.corpus import read_corpus
t.presets.PRESETS["test"], t.training.SAVE_EVERY_STEPS = t.TEST_PRESET, 3
def progress(done, steps, loss):
    if done == 5:
        print("at five", flush=True)
        time.sleep(60)
t.run(read_corpus(Path(sys.argv[1])), Path(sys.argv[2]), progress=progress)
"""


def test_a_run_that_was_killed_goes_on_in_another_process_to_the_same_bytes(tmp_path: Path):
    directory = write_corpus(tmp_path, some_rows())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(directory), str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"at five"
        process.send_signal(signal.SIGKILL)
    corpus = read_corpus(directory)
    assert run(corpus, tmp_path / "killed").run_id == run(corpus, tmp_path / "whole").run_id


def test_a_finished_run_is_returned_without_another_step(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    first, began = run(corpus, tmp_path / "run"), time.time_ns()
    assert run(corpus, tmp_path / "run", progress=stop_after(1)) == first
    assert first.checkpoint.stat().st_mtime_ns < began


def test_a_directory_of_another_run_is_refused(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    run(corpus, tmp_path / "run")
    with pytest.raises(TrainingError, match="steps 6, not 7"):
        run(corpus, tmp_path / "run", steps=7)


def test_a_state_of_another_run_is_refused(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    with pytest.raises(StoppedError):
        run(corpus, tmp_path / "run", progress=stop_after(4))
    with pytest.raises(TrainingError, match="seed 5, not 6"):
        run(corpus, tmp_path / "run", seed=6)


def test_a_checkpoint_that_was_changed_after_the_run_is_refused(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    checkpoint = run(corpus, tmp_path / "run").checkpoint
    data = bytearray(checkpoint.read_bytes())
    data[-1] ^= 1
    checkpoint.write_bytes(data)
    with pytest.raises(TrainingError, match="SHA-256"):
        run(corpus, tmp_path / "run")


def test_a_run_takes_nothing_but_a_verified_corpus(tmp_path: Path):
    with pytest.raises(TypeError, match="VerifiedCorpus"):
        run([], tmp_path)


def test_an_unknown_preset_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="lite, base, full"):
        train(a_corpus(tmp_path), tmp_path / "run", preset="huge", steps=1)


def test_the_checkpoint_says_what_it_was_made_from(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    model, metadata = load_checkpoint(run(corpus, tmp_path / "run").checkpoint)
    assert metadata["corpus"] == corpus.corpus_id
    assert (metadata["seed"], metadata["steps"]) == (5, 6)
    assert model.config == TINY


def test_the_way_to_the_checkpoint_is_kept_at_half_and_three_quarters(tmp_path: Path):
    run_ = run(a_corpus(tmp_path), tmp_path / "run", steps=8)
    assert [load_checkpoint(path)[1]["steps"] for path in run_.trajectory] == [4, 6]


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(path)
    path.write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(path)


def test_exposure_counts_every_event_of_every_step_and_not_those_of_tracks_left_out(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    order = batches(corpus, split_examples(corpus)[0], TEST_PRESET.batch_examples, 5)
    events, visits = 0, np.zeros(len(corpus), dtype=int)
    for step, batch in zip(range(6), order, strict=False):
        dropped = dropped_tracks(corpus, batch, 5, step)
        rows = matrices(corpus, batch, TEST_PRESET.config.max_events, dropped)
        events += int((rows[:, PLAN_ROWS:, Column.TRACK] >= 0).logical_and(rows[:, PLAN_ROWS:, 0] > 0).sum())
        np.add.at(visits, batch, 1)
    table = pq.read_table(run(corpus, tmp_path / "run").exposure).to_pylist()
    assert sum(row["events_seen"] for row in table) == events
    assert visits.tolist() == seen_in(corpus, "test", 5, 6).visits.tolist()
    first = table[0]
    own = [i for i, work in enumerate(corpus.work_ids) if work == first["work_id"]]
    assert first["epochs_milli"] == 1000 * first["events_seen"] // int(corpus.num_notes[own].sum())


def test_every_example_is_seen_once_an_epoch(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    examples = np.arange(len(corpus), dtype=np.int32)
    order = batches(corpus, examples, 3, 0)
    seen: list[int] = []
    while len(seen) < 2 * len(corpus):
        seen += next(order).tolist()
    first, second = seen[: len(corpus)], seen[len(corpus) :]
    assert sorted(first) == sorted(second) == examples.tolist()
    assert first != second


def test_the_first_epoch_goes_from_few_tracks_to_many(tmp_path: Path, monkeypatch):
    rows = some_rows()
    for row in rows[::3]:
        row["tracks"], row["notes"] = row["tracks"][:1], [n for n in row["notes"] if n["track"] == 0]
    corpus = read_corpus(write_corpus(tmp_path, rows))
    monkeypatch.setattr(batches_module, "STAGES", (1,))
    order = batches(corpus, np.arange(len(corpus), dtype=np.int32), 3, 0)
    seen: list[int] = []
    while len(seen) < len(corpus):
        seen += next(order).tolist()
    large = (corpus.num_tracks[seen] > 1).tolist()
    assert set(large) == {True, False} and large == sorted(large)


def test_about_one_track_in_ten_examples_is_left_out_and_never_the_last_that_plays(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    examples = np.arange(len(corpus), dtype=np.int32)
    dropped = np.stack([dropped_tracks(corpus, examples, 3, step) for step in range(400)])
    may = corpus.num_tracks >= 3
    assert (dropped[:, ~may] == -1).all()
    assert 0.05 < (dropped[:, may] >= 0).mean() < 0.15
    step, place = np.argwhere(dropped >= 0)[0]
    rows = matrices(corpus, examples, 512, dropped[step])[place, PLAN_ROWS:]
    left = rows[rows[:, Column.KIND] > 0][:, Column.TRACK]
    counts = corpus.notes_of_tracks[place]
    expected = np.delete(counts, dropped[step, place])
    assert np.bincount(left[left >= 0].numpy(), minlength=len(expected)).tolist() == expected.tolist()


def test_one_work_in_twenty_is_held_out_whole_and_never_seen(tmp_path: Path):
    corpus = a_corpus(tmp_path, works=40)
    run_ = run(corpus, tmp_path / "run", steps=26)
    assert len(run_.held_out_works) == 2
    assert run_.held_out["sum"] > 0
    table = pq.read_table(run_.exposure).to_pylist()
    assert {row["work_id"] for row in table if row["events_seen"] == 0} == set(run_.held_out_works)


def test_works_that_are_left_out_are_never_seen_and_what_is_held_out_stays(tmp_path: Path):
    corpus = a_corpus(tmp_path, works=40)
    whole = run(corpus, tmp_path / "whole", steps=26)
    some = frozenset(sorted(set(corpus.work_ids) - set(whole.held_out_works))[::2])
    part = run(corpus, tmp_path / "part", steps=26, without=some)
    table = pq.read_table(part.exposure).to_pylist()
    unseen = {row["work_id"] for row in table if row["events_seen"] == 0}
    assert part.held_out_works == whole.held_out_works
    assert unseen == some | set(whole.held_out_works)
    with pytest.raises(TrainingError, match="another directory"):
        run(corpus, tmp_path / "part", steps=26)
    with pytest.raises(TrainingError, match="nothing to train on"):
        run(corpus, tmp_path / "none", without=frozenset(corpus.work_ids))


def test_minutes_become_steps_by_a_rate_that_no_clock_changes(tmp_path: Path):
    corpus = a_corpus(tmp_path)
    events = TEST_PRESET.batch_examples * (1 + corpus.num_notes.mean())
    assert num_steps(corpus, TEST_PRESET, 2.0) == round(2000 / events)


def test_what_is_left_unsaid_changes_only_the_plan():
    rows = torch.stack([a_matrix(seed) for seed in range(50)])
    changed = leave_unsaid(rows, torch.Generator().manual_seed(0))
    assert torch.equal(changed[:, SONG_ROW + 200 :], rows[:, SONG_ROW + 200 :])
    assert 0 < (changed[:, SONG_ROW, 1:PLANNING_COLUMN] == 0).float().mean() < 0.3
    assert 0 < changed[:, SONG_ROW, PLANNING_COLUMN].sum() < 25


def test_nothing_is_pickled_in_a_run(tmp_path: Path):
    with pytest.raises(StoppedError):
        run(a_corpus(tmp_path), tmp_path / "run", progress=stop_after(4))
    assert {path.suffix for path in (tmp_path / "run").rglob("*") if path.is_file()} == {".safetensors"}
    _, metadata = read_tensors(tmp_path / "run" / "state.safetensors")
    assert json.loads(json.dumps(metadata["options"])) == metadata["options"]
    assert metadata["options"]["config"]["width"] == dataclasses.asdict(TINY)["width"]
