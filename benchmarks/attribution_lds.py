"""How well does attribution predict what retraining would do, beside the peers, and what does it cost?

    python -m benchmarks.attribution_lds --midi FOLDER --work FOLDER

FOLDER of MIDI: the OpenScore Lieder files (../shared/data/openscore_lieder/midi). The truth, retrainings on
random halves, is kept in the work folder and grows when more is asked for. kronfluence takes part where it is
installed.

Shapes: N training melodies, Q held-out melodies, T tokens, M halves.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.lds_truth import (
    PADDING,
    TASK,
    Melodist,
    Setting,
    divided,
    half_losses,
    halves,
    losses,
    train,
)
from provenance.attribution import Attributor, Checkpoint, Objective, Widths
from provenance.attribution.examples import examples_of
from provenance.attribution.preconditioner import DAMPING
from provenance.attribution.trak import trak_scores
from provenance.attribution.validation import bm25, datamodelling_score, noise_ceiling

Scores = NDArray[np.floating]
TRAJECTORY = (1.0, 0.67, 0.4)  # where along a training its checkpoints are taken


def widths_of(args: argparse.Namespace) -> Widths | None:
    """The widths asked for; None for the default."""
    return Widths(args.kept, args.kept) if args.kept else None


def ours(args: argparse.Namespace, setting: Setting, checkpoints: list[dict[str, Tensor]]) -> Callable:
    """Scores of the product through its public entry point."""

    def run(train_NT: Tensor, query_QT: Tensor) -> Scores:
        with tempfile.TemporaryDirectory() as folder:
            attributor = Attributor(
                Melodist(setting), TASK, folder, [Checkpoint(state) for state in checkpoints],
                objective=Objective(args.objective), damping=args.damping,
                widths=widths_of(args),
            )  # fmt: skip
            attributor.index(train_NT)
            return attributor.score(query_QT)

    return run


def trak(setting: Setting, checkpoints: list[dict[str, Tensor]]) -> Callable:
    """Scores of TRAK, with every gradient whole before it is projected."""

    def run(train_NT: Tensor, query_QT: Tensor) -> Scores:
        states = [Checkpoint(state) for state in checkpoints]
        whole = Widths(10**6, 10**6, 10**6)
        return trak_scores(Melodist(setting), TASK, states, examples_of(train_NT), query_QT, widths=whole)

    return run


def kronfluence_ekfac(setting: Setting, checkpoints: list[dict[str, Tensor]]) -> Callable:
    """Scores of kronfluence's EK-FAC with its own defaults, a mean over checkpoints."""
    from provenance.attribution.ekfac import ekfac_scores

    def run(train_NT: Tensor, query_QT: Tensor) -> Scores:
        states = [Checkpoint(state) for state in checkpoints]
        return ekfac_scores(Melodist(setting), TASK, states, examples_of(train_NT), query_QT)

    return run


def ngrams(train_NT: Tensor, query_QT: Tensor) -> Scores:
    """BM25 over runs of five tokens: what can be had with no model."""
    kept = [
        [[token for token in row if token != PADDING] for row in x.tolist()] for x in (train_NT, query_QT)
    ]
    return bm25(kept[0], kept[1], 5)


def plain_pass(setting: Setting, state: Mapping[str, Tensor], tokens_NT: Tensor) -> float:
    """Seconds of one forward and backward pass with nothing else."""
    model = Melodist(setting)
    model.load_state_dict(state)
    started = time.perf_counter()
    for batch in tokens_NT.split(32):
        losses(model, batch).sum().backward()
    return time.perf_counter() - started


def index_seconds(
    args: argparse.Namespace, setting: Setting, state: dict[str, Tensor], tokens: Tensor
) -> float:
    """Seconds to index the same examples under one checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        attributor = Attributor(
            Melodist(setting),
            TASK,
            folder,
            [Checkpoint(state)],
            widths=widths_of(args),
        )
        started = time.perf_counter()
        attributor.index(tokens)
        return time.perf_counter() - started


def trained_models(
    args: argparse.Namespace, setting: Setting, train_NT: Tensor
) -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor]]]:
    """Checkpoints along one training on everything, the last first, and models of halves of their own."""
    path = args.work / f"models-{setting.melodies}-{setting.epochs}-{args.ensemble}.pt"
    if path.exists():
        kept = torch.load(path, weights_only=True)
        return kept["trajectory"], kept["halves"]
    _, states = train(setting, train_NT, np.ones(len(train_NT), dtype=bool), 77)
    trajectory = [states[round(part * setting.epochs) - 1] for part in TRAJECTORY]
    masks = halves(args.ensemble, len(train_NT), 99)
    ensemble = [train(setting, train_NT, mask, 500 + i)[0].state_dict() for i, mask in enumerate(masks)]
    torch.save({"trajectory": trajectory, "halves": ensemble}, path)
    return trajectory, ensemble


def competitors(
    args: argparse.Namespace,
    setting: Setting,
    trajectory: list[dict[str, Tensor]],
    half: list[dict[str, Tensor]],
) -> dict[str, Callable]:
    """Every method by its name."""
    sets = {
        "1 checkpoint": trajectory[:1],
        f"{len(trajectory)} of one training": trajectory,
        "1 half": half[:1],
        f"{len(half)} halves": half,
        f"{len(half)} halves and one training": half + trajectory,
    }
    table: dict[str, Callable] = {"BM25 on 5-grams, no model": ngrams}
    table |= {f"ours, {name}": ours(args, setting, states) for name, states in sets.items()}
    asked = ("1 checkpoint", "1 half", f"{len(half)} halves")
    table |= {f"TRAK, {name}": trak(setting, sets[name]) for name in asked}
    if find_spec("kronfluence"):
        for name in asked:
            table[f"kronfluence EK-FAC, {name}"] = kronfluence_ekfac(setting, sets[name])
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--midi", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--melodies", type=int, default=640)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--halves", type=int, default=40, help="retrainings that make the truth")
    parser.add_argument("--retests", type=int, default=20, help="of them, trained again to find the ceiling")
    parser.add_argument("--ensemble", type=int, default=5, help="further halves that methods may use")
    parser.add_argument("--objective", default="cross_entropy", choices=[o.value for o in Objective])
    parser.add_argument("--damping", type=float, default=DAMPING)
    parser.add_argument("--kept", type=int, help="width of the projection on either side")
    parser.add_argument("--split", type=int, default=0, help="seed of the division into training and queries")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(1)
    args.work = args.work / f"split{args.split}"
    args.work.mkdir(parents=True, exist_ok=True)
    setting = Setting(args.melodies, args.queries, epochs=args.epochs)
    train_NT, query_QT = divided(args.midi, setting, args.split)
    mask_MN = halves(args.halves, setting.melodies, 1)
    name = f"{setting.melodies}-{setting.queries}-{setting.epochs}.npy"
    truth_MQ = half_losses(setting, train_NT, query_QT, mask_MN, 1, args.work / f"truth-{name}")
    again_MQ = half_losses(
        setting, train_NT, query_QT, mask_MN[: args.retests], 2, args.work / f"again-{name}"
    )
    trajectory, ensemble = trained_models(args, setting, train_NT)
    print(f"{setting.melodies} melodies, {setting.queries} queries, {args.halves} retrainings")
    print("| method | rank correlation | 90 % | seconds |\n|---|---:|---:|---:|")
    for method, run in competitors(args, setting, trajectory, ensemble).items():
        started = time.perf_counter()
        scores_QN = run(train_NT, query_QT)
        seconds = time.perf_counter() - started
        found = datamodelling_score(scores_QN, mask_MN, truth_MQ)
        interval = f"{found.low:.3f} to {found.high:.3f}"
        print(f"| {method} | {found.value:.3f} | {interval} | {seconds:.1f} |", flush=True)
    ceiling = noise_ceiling(truth_MQ[: args.retests], again_MQ)
    print(f"| noise ceiling, from {args.retests} retests | {ceiling:.3f} | | |")
    plain = [plain_pass(setting, trajectory[0], train_NT) for _ in range(3)]
    index = [index_seconds(args, setting, trajectory[0], train_NT) for _ in range(3)]
    print(f"indexing {np.median(index):.2f} s, plain forward and backward {np.median(plain):.2f} s, "
          f"ratio {np.median(index) / np.median(plain):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
