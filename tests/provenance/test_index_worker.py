"""Do the processes that index a run together leave what one leaves, and what the console opens?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model.checkpoint import save_checkpoint
from model.corpus import read_corpus
from provenance.attribution.attributor import SAMPLE
from provenance.composer_index import CorpusExamples, composer_attributor
from provenance.index_worker import main
from tests.model.corpora import some_rows, write_corpus
from tests.model.songs import a_composer
from tests.provenance.attribution.test_parts import bytes_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A corpus's folder, a checkpoint, and the index that one process made of them."""
    folder = tmp_path_factory.mktemp("run")
    corpus = write_corpus(folder, some_rows())
    checkpoint = folder / "checkpoint.safetensors"
    save_checkpoint(checkpoint, a_composer(), corpus_id=corpus.name, preset="lite", seed=0, steps=0)
    before = torch.get_num_threads()
    assert main([str(corpus), str(checkpoint), str(folder / "index"), "--threads", "1"]) == 0
    torch.set_num_threads(before)
    return corpus, checkpoint, folder / "index"


def test_two_processes_that_torchrun_starts_leave_the_bytes_of_one(tmp_path, run):
    corpus, checkpoint, alone = run
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    worker = ["-m", "provenance.index_worker", str(corpus), str(checkpoint), str(tmp_path), "--threads", "1"]
    done = subprocess.run(
        [*launcher, *worker],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert '"stage": "gradients under weights 1"' in done.stdout
    assert bytes_of(tmp_path) == bytes_of(alone)


def test_the_index_is_the_one_that_the_console_opens(run):
    corpus, checkpoint, alone = run
    attributor, model = composer_attributor(checkpoint, alone)
    examples = CorpusExamples(read_corpus(corpus), model.config.max_events)
    told = []
    report = attributor.index(examples, progress=lambda *step: told.append(step))
    assert (report.examples, told) == (len(examples), [])
    assert attributor._settings["sample_size"] == SAMPLE


def test_a_fault_is_told_in_plain_words(tmp_path, run, capsys):
    corpus, _, _ = run
    assert main([str(corpus), str(tmp_path / "none.safetensors"), str(tmp_path)]) == 1
    assert "none.safetensors" in capsys.readouterr().err
