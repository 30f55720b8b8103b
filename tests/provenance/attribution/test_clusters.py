"""Does a Ray cluster leave the bytes of one process, also when a task dies?"""

import os
from functools import partial
from pathlib import Path

import pytest
import ray
import torch

from provenance.attribution.clusters import index_on_ray
from tests.provenance.attribution.test_parts import ROOT, TOKENS, a_sampling_one, bytes_of


def build(folder: Path, deaths: Path):
    """An attributor whose first task among the gradients dies, once."""
    torch.set_num_threads(1)
    attributor = a_sampling_one(folder)
    take = attributor._features.features_NSD

    def features_NSD(tokens):
        if (folder / "checkpoint0" / "whiteners").exists() and not deaths.exists():
            deaths.touch()
            os.kill(os.getpid(), 9)
        return take(tokens)

    attributor._features.features_NSD = features_NSD
    return attributor, TOKENS


@pytest.fixture
def one_thread():
    """As many threads as the tasks have: another number may change the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cluster(one_thread):
    environment = {"env_vars": {"PYTHONPATH": str(ROOT)}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield
    ray.shutdown()


def test_a_cluster_leaves_the_bytes_of_one_process_though_a_task_dies(tmp_path, cluster):
    a_sampling_one(tmp_path / "alone").index(TOKENS)
    deaths = tmp_path / "deaths"
    report = index_on_ray(partial(build, tmp_path / "cluster", deaths), 3, num_cpus=1)
    assert deaths.exists()
    assert (report.examples, report.complete) == (90, True)
    assert bytes_of(tmp_path / "cluster") == bytes_of(tmp_path / "alone")
