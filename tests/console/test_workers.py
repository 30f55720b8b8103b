"""Is what a process did told as it goes, and why it failed in its own words?"""

import pytest

from console.errors import WorkersError
from console.steps.workers import own_words, run_workers

MODULE = """
import json, os, sys
if sys.argv[1] == "fail":
    print("the corpus is gone; build it again", file=sys.stderr)
    sys.exit(1)
if os.environ["RANK"] == "0":
    print(json.dumps({"count": int(os.environ["WORLD_SIZE"])}))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "a_worker.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "a_worker"


def test_what_the_first_process_says_comes_line_by_line(module):
    assert list(run_workers(module, 2, ["work"])) == [{"count": 2}]


def test_a_failure_is_told_in_the_processes_own_words_and_without_a_traceback(module):
    with pytest.raises(WorkersError) as caught:
        list(run_workers(module, 2, ["fail"]))
    assert str(caught.value) == "a process of a_worker failed:\nthe corpus is gone; build it again"


def test_a_fault_of_the_launcher_itself_is_not_swallowed():
    said = "E1125 23:17:18.585000 22924 torch/distributed/elastic/api.py:1002] failed: no port"
    assert own_words(said) == said
