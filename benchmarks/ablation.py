"""What does each part of the composer do? The same training with parts left out, at equal size.

    python -m benchmarks.ablation CORPUS_FOLDER --work FOLDER [--steps 1000] [--arms whole flat]

CORPUS_FOLDER: a corpus of real music, as `python -m benchmarks.real_music` builds one. Every arm is trained
on the same batches; a run that was stopped goes on. `flat` is a plain causal decoder: it sees every earlier
event of its song, and neither summaries nor echoes nor streams. What an arm lacks is given back as width
inside its blocks, so that all have about the same number of parameters.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from console.progress import progress
from model.corpus import read_corpus
from model.network import Composer, ComposerConfig
from model.presets import PRESETS
from model.training import train

LITE = PRESETS["lite"]
EVERY_BAR = tuple(range(1, 65))  # more than an example has
ARMS: dict[str, ComposerConfig] = {
    "whole": LITE.config,
    "no hierarchy": replace(LITE.config, levels=0, expansion=7),
    "no dual stream": replace(LITE.config, heard_streams=False),
    "no echoes": replace(LITE.config, echoes=False, expansion=5),
    "flat": replace(
        LITE.config, levels=0, echoes=False, heard_streams=False, far_bars=EVERY_BAR, expansion=8
    ),
}


def num_parameters(config: ComposerConfig) -> int:
    return sum(parameter.numel() for parameter in Composer(config).parameters())


def train_arm(corpus_folder: Path, work: Path, arm: str, steps: int, threads: int) -> Path:
    """The run folder of an arm, trained where it is not yet."""
    folder = work / arm.replace(" ", "-")
    name = f"lite, {arm}"
    PRESETS[name] = replace(LITE, name=name, config=ARMS[arm])
    corpus = read_corpus(corpus_folder)
    started = time.process_time()
    with progress(f"Training {arm}") as advance:
        run = train(
            corpus, folder, preset=name, steps=steps, threads=threads,
            progress=lambda done, total, loss: advance(done, total, f"loss {loss:.2f}"),
        )  # fmt: skip
    seconds = time.process_time() - started
    told = {"arm": arm, "parameters": num_parameters(ARMS[arm]), "held_out": run.held_out, "cpu_s": seconds}
    if not (folder / "told.json").exists():
        (folder / "told.json").write_text(json.dumps(told))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    args = parser.parse_args()
    for arm in args.arms:
        folder = train_arm(args.corpus, args.work, arm, args.steps, args.threads)
        print((folder / "told.json").read_text(), flush=True)


if __name__ == "__main__":
    main()
