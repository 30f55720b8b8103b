"""One of the processes that index a run together, as `torchrun` starts it.

    torchrun --nproc-per-node 8 -m provenance.index_worker CORPUS_FOLDER CHECKPOINT INDEX_FOLDER

`contrafact provenance index RUN --processes N` does this on one machine and puts the index on record. All
processes have to see the three paths; nothing else connects them. The first one prints a line of JSON after
each of its shards. Started again, also in another number, they go on where they were.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import torch

from model.corpus import read_corpus
from model.errors import ModelError
from model.workers import own_device
from provenance.attribution.parts import PATIENCE_SECONDS, Part
from provenance.composer_index import THREADS, CorpusExamples, composer_attributor
from provenance.errors import ProvenanceError


def main(arguments: list[str] | None = None) -> int:
    """Indexes, and returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="the corpus's folder")
    parser.add_argument("checkpoint", type=Path, help="the run's checkpoint.safetensors")
    parser.add_argument("directory", type=Path, help="the index's folder")
    parser.add_argument("--halves", type=int, default=0, help="networks trained on halves that take part")
    parser.add_argument("--threads", type=int, default=THREADS, help="of computation, in each process")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_SECONDS, help="seconds without progress of the others"
    )
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    part = Part.of_environment(patience=asked.patience)
    try:
        _index(asked.corpus, asked.checkpoint, asked.directory, asked.halves, part)
    except (ModelError, ProvenanceError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _index(corpus_folder: Path, checkpoint: Path, directory: Path, halves: int, part: Part) -> None:
    def say(stage: str, done: int) -> None:
        if part.is_first:
            print(json.dumps({"stage": stage, "done": done}), flush=True)

    corpus = read_corpus(corpus_folder)
    device = own_device(int(os.environ.get("LOCAL_RANK", "0")))
    attributor, model = composer_attributor(checkpoint, directory, device, halves)
    attributor.index(CorpusExamples(corpus, model.config.max_events), progress=say, part=part)


if __name__ == "__main__":
    sys.exit(main())
