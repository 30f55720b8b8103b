"""How fast and how complete is the search for evidence among 1.2 million examples, on one thread?

    python -m benchmarks.search_scale --midi FOLDER --work FOLDER [--examples 1200000]

FOLDER of MIDI: the OpenScore Lieder files (../shared/data/openscore_lieder/midi). The features are those of
real melodies under a small model, multiplied by perturbation: each example is one real feature, plus up to
half of another, plus noise of half its length in all directions. The queries are melodies that the model
never saw, and they are not perturbed. The work folder needs 9 KB an example; what is in it is not made
again. Files are read once before they are timed. Times are those on the clock and those that the thread had
a processor, which other programs on the machine lengthen less.

Shapes: N examples, n of a shard, M melodies, Q queries, D width of the features, k neighbours, H holders.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import torch
from torch import Tensor

from benchmarks.lds_truth import TASK, Setting, melodies, train
from provenance.attribution import Attributor, Widths
from provenance.attribution.evidence import INDEX, SKETCH, Evidence
from provenance.attribution.holders import HolderSums
from provenance.attribution.index import InfluenceIndex
from provenance.attribution.indexing import ROWS, white_stage
from provenance.attribution.sketch import WIDTH, Sketch
from provenance.attribution.store import FeatureStore
from provenance.attribution.whitened import WhitenedRows

WIDTHS = Widths(19, 19, 25)  # with which a melody's feature has 4,096 numbers
QUERIES, NEIGHBOURS, CANDIDATES, ROUNDS = 200, 100, 400, 5
SHARD_ROWS = 4096
MIXED, NOISE = 0.5, 0.5
HOLDERS, HOLDER_WIDTHS = 50_000, (4096, 2048, 1024, 512, 256)
WIDE = 65_536  # numbers of the widest features
STORE = "million"


def real_features(midi: Path, work: Path) -> None:
    """The whitened features of melodies that a model was trained on, and of others as queries."""
    if (work / "real.npz").exists():
        return
    setting = Setting()
    tokens = torch.from_numpy(melodies(midi, setting.notes))
    tokens = tokens[torch.randperm(len(tokens), generator=torch.Generator().manual_seed(0))]
    queries, examples = tokens[:QUERIES], tokens[QUERIES:]
    model, _ = train(setting, examples, np.ones(len(examples), dtype=bool), 0)
    with tempfile.TemporaryDirectory() as folder:
        attributor = Attributor(model, TASK, folder, widths=WIDTHS)
        attributor.index(examples)
        rows_MD = np.concatenate(list(attributor._white_chunks()))
        np.savez(work / "real.npz", examples=rows_MD, queries=attributor._all_queries_QD(queries).numpy())


def perturbed(rows_MD: Tensor, num: int, seed: int) -> Tensor:
    """Examples (n, D) made of real ones."""
    generator = torch.Generator().manual_seed(seed)
    one, other = (torch.randint(len(rows_MD), (num,), generator=generator) for _ in range(2))
    mixed = rows_MD[one] + MIXED * torch.rand(num, 1, generator=generator) * rows_MD[other]
    noise = torch.randn(num, rows_MD.shape[1], generator=generator) / rows_MD.shape[1] ** 0.5
    return mixed + NOISE * mixed.norm(dim=1, keepdim=True) * noise


def the_store(work: Path) -> FeatureStore:
    """The store of the perturbed features."""
    return FeatureStore(work / STORE, {"what": "real features, perturbed"}, SHARD_ROWS)


def make(work: Path, num_examples: int) -> None:
    """All examples on disk, and the exact leading scores (Q, k) of all queries."""
    torch.set_num_threads(1)
    store, real = the_store(work), np.load(work / "real.npz")
    if store.is_complete(white_stage(0)):
        return
    rows_MD, queries_QD = torch.from_numpy(real["examples"]).float(), torch.from_numpy(real["queries"])
    best_Qk = torch.full((len(queries_QD), NEIGHBOURS), -torch.inf)
    for shard, start in enumerate(range(0, num_examples, SHARD_ROWS)):
        rows_nD = perturbed(rows_MD, min(SHARD_ROWS, num_examples - start), shard).half()
        digests_nB = np.random.default_rng(shard).integers(0, 256, (len(rows_nD), 16), dtype=np.uint8)
        store.put(ROWS, shard, digests_nB)
        store.put(white_stage(0), shard, rows_nD.numpy())
        best_Qk = torch.cat([best_Qk, queries_QD @ rows_nD.float().T], 1).topk(NEIGHBOURS).values
    np.save(work / "truth.npy", best_Qk.numpy())
    store.complete(ROWS, num_examples)
    store.complete(white_stage(0), num_examples)


def build(work: Path) -> list[str]:
    """The lines of the table on making sketches and index."""
    one_thread()
    for name in (INDEX, SKETCH):
        (work / STORE / name).unlink(missing_ok=True)
    started = time.perf_counter(), time.process_time()
    Evidence.open(the_store(work), [white_stage(0)])
    clock, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    return [
        row("building sketches and index, s: clock (thread)", f"{clock:.0f} ({processor:.0f})"),
        row("peak memory of building, files' pages included, MiB", f"{peak_mib():.0f}"),
    ]


def search(work: Path) -> list[str]:
    """The lines of the table on searching."""
    one_thread()
    queries_QD = torch.from_numpy(np.load(work / "real.npz")["queries"])
    evidence = Evidence.open(the_store(work), [white_stage(0)])
    index, sketches_Qd = evidence.index, evidence.sketch.sketch(queries_QD).numpy()
    candidates_Qc = index.search(sketches_Qd, CANDIDATES)[0]
    whole = [partial(evidence.search, query[None], NEIGHBOURS) for query in queries_QD]
    mass_Q = np.array([call()[1].clip(min=0).sum() for call in whole])
    mass_Q = mass_Q / np.load(work / "truth.npy").clip(min=0).sum(1)
    exact = partial(partial, evidence._best, k=NEIGHBOURS)
    sketching = [partial(evidence.sketch.sketch, query[None]) for query in queries_QD]
    finding = [partial(index.search, sketch[None], CANDIDATES) for sketch in sketches_Qd]
    where = f"{index.num_probes} of {index.num_lists} lists"
    size = (work / STORE / INDEX).stat().st_size
    return [
        row("examples", f"{index.num_examples:,}"),
        *timed(f"search, {where}", whole, ("< 5", "< 20")),
        *timed("of it sketching the query", sketching),
        *timed(f"of it finding {CANDIDATES} candidates", finding),
        *timed("of it scoring them exactly", list(map(exact, queries_QD, candidates_Qc))),
        row(f"share mass of the leading {NEIGHBOURS} found, mean", f"{mass_Q.mean():.4f}", ">= 0.99"),
        row(f"the same, worst of {QUERIES} queries", f"{mass_Q.min():.4f}"),
        row("an example's code, bytes", f"{index.width}", "512"),
        row("index file by examples, bytes", f"{size / index.num_examples:.0f}"),
        row("peak memory of searching, files' pages included, MiB", f"{peak_mib():.0f}"),
    ]


def wide(folder: Path) -> list[str]:
    """What depends on the width, with the widest features there are."""
    one_thread()
    store = FeatureStore(folder, {"what": "noise"}, SHARD_ROWS // 16)
    for i in range(16):
        rows_nD = torch.randn(SHARD_ROWS // 16, WIDE, generator=torch.Generator().manual_seed(i))
        store.put(white_stage(0), i, rows_nD.half().numpy())
    store.complete(white_stage(0), SHARD_ROWS)
    evidence = Evidence(
        Sketch(torch.randn(WIDE, WIDTH)), InfluenceIndex(WIDTH), WhitenedRows(store, [white_stage(0)]), (0, 0)
    )
    query_D, picked = torch.randn(WIDE), np.random.default_rng(0).permutation(SHARD_ROWS)[:CANDIDATES]
    sketch, exact = partial(evidence.sketch.sketch, query_D[None]), partial(evidence._best, query_D, picked)
    return [
        *timed(f"sketching, with {WIDE:,} numbers an example", [sketch] * 20),
        *timed(f"exact scores, with {WIDE:,} numbers an example", [partial(exact, k=NEIGHBOURS)] * 20),
    ]


def holders() -> list[str]:
    """What the exact scores of all holders take, by the width of the features."""
    one_thread()
    lines = []
    for width in HOLDER_WIDTHS:
        sums, query_1D = HolderSums(tuple(range(HOLDERS)), torch.randn(HOLDERS, width)), torch.randn(1, width)
        lines += timed(f"{HOLDERS:,} holders of {width:,} numbers", [partial(sums.scores_QH, query_1D)] * 10,
                       ("< 10", ""))  # fmt: skip
    return lines


def timed(what: str, calls: Sequence[Callable[[], object]], targets: tuple[str, str] = ("", "")) -> list[str]:
    """Lines with what half and 99 % of the calls took at most; a round before does not count."""
    taken = []
    for counted in [False] + [True] * ROUNDS:
        for call in calls:
            started = time.perf_counter(), time.thread_time()
            call()
            spent = time.perf_counter() - started[0], time.thread_time() - started[1]
            taken += [spent] * counted
    levels = 1000 * np.quantile(np.array(taken), (0.5, 0.99), axis=0)
    return [
        row(f"{what}, {name}, ms: clock (thread)", f"{clock:.2f} ({thread:.2f})", target)
        for name, (clock, thread), target in zip(("p50", "p99"), levels, targets, strict=True)
    ]


def row(what: str, measured: str, target: str = "") -> str:
    """One line of the table."""
    return f"| {what} | {measured} | {target} |"


def one_thread() -> None:
    """Keeps both libraries to one thread."""
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)


def peak_mib() -> float:
    """The most memory that this process had, pages mapped from files included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--midi", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=1_200_000)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")

    def apart(function: Callable, *arguments: object) -> object:
        with context.Pool(1) as pool:  # a process each, so that its memory is its own
            return pool.apply(function, arguments)

    apart(real_features, args.midi, args.work)
    apart(make, args.work, args.examples)
    built = apart(build, args.work)
    print("Real features of melodies, multiplied by perturbation; one thread.\n")
    print("| what | measured | target |\n|---|---:|---:|")
    print("\n".join([*apart(search, args.work), *built]), flush=True)
    with tempfile.TemporaryDirectory(dir=args.work) as folder:
        print("\n".join(apart(wide, Path(folder))), flush=True)
    print("\n".join(apart(holders)))


if __name__ == "__main__":
    main()
