"""What does each part of the composer do? The same training with parts left out, at equal size.

    python -m benchmarks.ablation CORPUS_FOLDER --work FOLDER [--steps 1000] [--pieces 40] [--arms whole flat]

CORPUS_FOLDER: a corpus of real music, as `python -m benchmarks.real_music` builds one. Every arm is trained
on the same batches; a run that was stopped goes on. `flat` is a plain causal decoder: it sees every earlier
event of its song, and neither summaries nor echoes nor streams. What an arm lacks is given back as width
inside its blocks, so that all have about the same number of parameters.

Then every arm is asked for pieces like held-out ones, with the same constraints, and its structure is
compared with theirs. `no repeats` does not take the bars of a section that is repeated, which a flat decoder
cannot do either. `closer` is how much nearer to held-out music an arm is than `flat`: the difference of their
distances, with its interval over pieces; above zero is nearer.
"""

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from console.progress import progress
from model.batches import split_examples
from model.checkpoint import load_checkpoint
from model.corpus import VerifiedCorpus, read_corpus
from model.evaluation.bars import BarPiece, first_bars
from model.evaluation.report import half_against_half
from model.evaluation.shuffling import shuffle_bars
from model.evaluation.statistics import resamples
from model.evaluation.structure import bar_similarity_curve, bar_similarity_error, structureness
from model.evaluation.trial import Asked, answers_to, ask_for
from model.generation import USUAL, Manner
from model.network import Composer, ComposerConfig
from model.presets import PRESETS
from model.training import train

FREE = Manner(repeats=False)

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


def folder_of(work: Path, arm: str) -> Path:
    return work / arm.replace(" ", "-")


def num_parameters(config: ComposerConfig) -> int:
    return sum(parameter.numel() for parameter in Composer(config).parameters())


def train_arm(corpus_folder: Path, work: Path, arm: str, steps: int, threads: int) -> Path:
    """The run folder of an arm, trained where it is not yet."""
    folder = folder_of(work, arm)
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


class Measured(NamedTuple):
    """The structure of long segments of some pieces (P,), and their bar similarity curves (P, M)."""

    long_P: np.ndarray
    curves_PM: np.ndarray


def measured(pieces: Sequence[BarPiece]) -> Measured:
    return Measured(
        np.array([structureness(piece)["long"] for piece in pieces]),
        np.stack([bar_similarity_curve(piece) for piece in pieces]),
    )


def write_piece(folder: Path, manner: Manner, one: Asked, place: int) -> BarPiece:
    """What an arm makes of a prompt, up to the bar at which the held-out piece ends."""
    model, _ = load_checkpoint(folder / "checkpoint.safetensors")
    [answer] = answers_to(model, [one], place, manner, lambda: None)
    return first_bars(answer.piece, one.held_out.num_bars)


def write_pieces(folder: Path, asked: Sequence[Asked], manner: Manner) -> list[BarPiece]:
    """What an arm makes of every prompt, in two processes."""
    with (
        progress(f"Writing with {folder.name}") as advance,
        ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool,
    ):
        found = []
        write = partial(write_piece, folder, manner)
        for piece in pool.map(write, asked, range(len(asked))):
            found.append(piece)
            advance(len(found), len(asked), "pieces")
        return found


def gaps(ours: Measured, held_out: Measured, draw: np.ndarray) -> tuple[float, float]:
    """How far some pieces are from the held-out ones: in SI-long, and in bar similarity."""
    long = abs(np.nanmean(ours.long_P[draw]) - np.nanmean(held_out.long_P[draw]))
    return float(long), bar_similarity_error(ours.curves_PM[draw], held_out.curves_PM[draw])


def line_of(name: str, folder: Path, ours: Measured, flat: Measured, held_out: Measured) -> str:
    """An arm as a line of the table."""
    told = json.loads((folder / "told.json").read_text())
    everything, draws = np.arange(len(ours.long_P)), resamples(len(ours.long_P), 0)[:1000]
    long, error = gaps(ours, held_out, everything)
    closer = np.array([np.subtract(gaps(flat, held_out, d), gaps(ours, held_out, d)) for d in draws])
    low, high = np.nanpercentile(closer, [2.5, 97.5], axis=0)
    return (
        f"| {name} | {told['parameters']:,} | {told['cpu_s']:.0f} | {told['held_out']['sum']:.3f} "
        f"| {np.nanmean(ours.long_P):.3f} | {long:.3f} | [{low[0]:.3f} {high[0]:.3f}] "
        f"| {error:.4f} | [{low[1]:.4f} {high[1]:.4f}] |"
    )


def compare_arms(
    corpus: VerifiedCorpus, work: Path, arms: Sequence[str], pieces: int, minutes: float
) -> None:
    """Prints the table of all arms."""
    _, held_out_examples = split_examples(corpus)
    works = sorted({corpus.work_ids[place] for place in held_out_examples})
    asked = ask_for(corpus, works, pieces, minutes)
    held_out = measured([one.held_out for one in asked])
    shuffled = measured([shuffle_bars(one.held_out, 0) for one in asked])
    halves = half_against_half([one.held_out for one in asked], 0)
    print(
        f"\n{len(asked)} held-out pieces: SI-long {np.nanmean(held_out.long_P):.3f}, with shuffled bars "
        f"{np.nanmean(shuffled.long_P):.3f}; bar similarity error of shuffled bars "
        f"{bar_similarity_error(shuffled.curves_PM, held_out.curves_PM):.4f}, "
        f"of one half of the pieces against the other {halves.mean:.4f} "
        f"[{halves.low:.4f} {halves.high:.4f}]\n"
    )
    print(
        "| arm | parameters | CPU s | held-out nats | SI-long | off by | closer | similarity error | closer |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    flat = measured(write_pieces(folder_of(work, "flat"), asked, FREE))
    for arm in arms:
        ways = {arm: FREE} if arm == "flat" else {arm: USUAL}
        ways |= {"whole, no repeats": FREE} if arm == "whole" else {}
        for name, manner in ways.items():
            folder = folder_of(work, arm)
            ours = flat if arm == "flat" else measured(write_pieces(folder, asked, manner))
            print(line_of(name, folder, ours, flat, held_out), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pieces", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    args = parser.parse_args()
    for arm in args.arms:
        folder = train_arm(args.corpus, args.work, arm, args.steps, args.threads)
        print((folder / "told.json").read_text(), flush=True)
    corpus = read_corpus(args.corpus)
    compare_arms(corpus, args.work, args.arms, args.pieces, args.minutes)


if __name__ == "__main__":
    main()
