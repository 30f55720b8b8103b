"""What was tried on the way to the method: which objective, which curvature, which checkpoints?

    python -m benchmarks.attribution_tried --midi FOLDER --work FOLDER [--split 2 --melodies 640]

The truth is that of `benchmarks.attribution_lds` with the same options, which must have been run before.
Whole gradients are taken, nothing is projected. Checkpoints are of five trainings on halves of their own, at
several moments of each; their scores are added up.

Shapes: N training melodies, Q held-out melodies, M halves, r rows and c columns of a block.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.lds_truth import TASK, Melodist, Setting, divided, halves, train
from provenance.attribution.blocks import Widths
from provenance.attribution.features import GradientFeatures
from provenance.attribution.task import Objective
from provenance.attribution.validation import datamodelling_score

WHOLE = Widths(10**6, 10**6, 10**6)
MOMENTS = (0.4, 0.6, 0.8, 1.0)
# What a direction's influence is multiplied by, from its curvature as a multiple of its block's mean.
CURVATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "none (gradient product)": lambda m: torch.ones_like(m),
    "inverse, damping 0.003": lambda m: 1 / (m + 0.003),
    "inverse, damping 0.1": lambda m: 1 / (m + 0.1),
    "inverse, directions above the mean left out": lambda m: (m < 1) / (m + 0.003),
    "inverse squared": lambda m: 1 / (m + 0.003) ** 2,
    "inverse, faded above the mean (used)": lambda m: 1 / (m + 0.01) / (1 + m) ** 2,
}


def scores_by_curvature(
    model: Melodist, train_NT: Tensor, query_QT: Tensor, objective: Objective
) -> dict[str, Tensor]:
    """The influences (Q, N) under one checkpoint, for each way to use the curvature."""
    features = GradientFeatures(model, TASK, objective=objective, widths=WHOLE)
    both = [torch.cat([features.features_NSD(b)[:, 0] for b in x.split(32)]) for x in (train_NT, query_QT)]
    totals = {name: torch.zeros(len(query_QT), len(train_NT)) for name in CURVATURES}
    for block in features.layout.blocks:
        mine_nrc, asked_nrc = (x[:, block.span].view(-1, block.rows, block.cols) for x in both)
        by_rows, by_cols = mine_nrc.transpose(0, 1).flatten(1), mine_nrc.flatten(0, 1)
        left, right = (
            torch.linalg.eigh(g.double())[1].float() for g in (by_rows @ by_rows.T, by_cols.T @ by_cols)
        )
        mine, asked = ((left.T @ x @ right).flatten(1) for x in (mine_nrc, asked_nrc))
        curvature = (mine**2).mean(0)
        mean = curvature.mean().clamp(min=1e-30)
        for name, multiplier in CURVATURES.items():
            totals[name] += (asked * (multiplier(curvature / mean) / mean)) @ mine.T
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--midi", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--split", type=int, default=2)
    parser.add_argument("--melodies", type=int, default=640)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--ensemble", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    setting = Setting(args.melodies, args.queries, epochs=args.epochs)
    train_NT, query_QT = divided(args.midi, setting, args.split)
    name = f"truth-{args.melodies}-{args.queries}-{args.epochs}.npy"
    truth_MQ = np.load(args.work / f"split{args.split}" / name)
    mask_MN = halves(len(truth_MQ), args.melodies, 1)
    masks = halves(args.ensemble, args.melodies, 99)
    ways = [train(setting, train_NT, mask, 500 + i)[1] for i, mask in enumerate(masks)]
    print(f"{args.melodies} melodies, {args.queries} queries, {len(truth_MQ)} retrainings")
    print("| objective | curvature | last weights | last and 3 on the way |\n|---|---|---:|---:|")
    for objective in Objective:
        last = {name: np.zeros((args.queries, args.melodies)) for name in CURVATURES}
        every = {name: np.zeros((args.queries, args.melodies)) for name in CURVATURES}
        for way in ways:
            for moment in MOMENTS:
                model = Melodist(setting)
                model.load_state_dict(way[round(moment * args.epochs) - 1])
                for curvature, found in scores_by_curvature(model, train_NT, query_QT, objective).items():
                    every[curvature] += found.numpy()
                    last[curvature] += found.numpy() if moment == MOMENTS[-1] else 0
        for curvature in CURVATURES:
            cells = [
                f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})"
                for e in (datamodelling_score(x[curvature], mask_MN, truth_MQ) for x in (last, every))
            ]
            print(f"| {objective.value} | {curvature} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
