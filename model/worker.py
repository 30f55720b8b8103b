"""One of the processes that train a model together, as `torchrun` starts it.

    torchrun --nproc-per-node 8 -m model.worker CORPUS_FOLDER RUN_FOLDER --preset full --minutes 600 --sharded

`contrafact model train --processes N` does this on one machine and puts the run on record. The first process
prints a line of JSON for each step.
"""

import argparse
import json
import sys
from pathlib import Path

from model.corpus import read_corpus
from model.errors import ModelError
from model.training import train
from model.workers import joined


def main(arguments: list[str] | None = None) -> int:
    """Trains, and returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="the corpus's folder")
    parser.add_argument("directory", type=Path, help="the run's folder")
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of computation, in each process")
    parser.add_argument("--sharded", action="store_true", help="each process holds a part of the model only")
    asked = parser.parse_args(arguments)
    try:
        with joined(sharded=asked.sharded) as workers:
            train(
                read_corpus(asked.corpus), asked.directory, preset=asked.preset, minutes=asked.minutes,
                seed=asked.seed, threads=asked.threads, progress=_say, workers=workers,
            )  # fmt: skip
    except ModelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _say(done: int, total: int, loss: float) -> None:
    print(json.dumps({"step": done, "steps": total, "loss": loss}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
