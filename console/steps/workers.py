"""How does a command have its work done by several processes of this machine?"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from console.errors import WorkersError


def run_workers(module: str, count: int, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Runs a module in several processes until all are done; what the first one says meanwhile.

    Raises:
        WorkersError: one of them failed; what it said is in the message.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command = [*launcher, "-m", module, *arguments]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process,  # noqa: S603
    ):
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
        if process.wait():
            said.seek(0)
            raise WorkersError(
                f"a process of {module} ended with {process.returncode}:\n{said.read()[-2000:]}"
            )
