"""How does a command have its work done by several processes of this machine?"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from console.errors import WorkersError

LAUNCHER_REPORT = re.compile(r"^[EW]\d{4} .*torch/distributed/elastic", re.MULTILINE)
LONGEST_WORDS = 2000


def run_workers(module: str, count: int, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Runs a module in several processes until all are done; what the first one says meanwhile.

    Raises:
        WorkersError: one of them failed; what it said is in the message.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command = [*launcher, "-m", module, *arguments]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=said, text=True, env=_environment()
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
        if process.wait():
            said.seek(0)
            raise WorkersError(f"a process of {module} failed:\n{own_words(said.read())}")


def _environment() -> dict[str, str]:
    """This process's own, in which threads that wait give the cores to those of other processes."""
    return {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1", **os.environ}


def own_words(said: str) -> str:
    """What the processes said before their launcher reported that one had failed, each line once."""
    lines = list(dict.fromkeys(LAUNCHER_REPORT.split(said, maxsplit=1)[0].strip().splitlines()))
    return "\n".join(lines)[-LONGEST_WORDS:] or said[-LONGEST_WORDS:]
