"""`make fuzz`: does any damaged file give a traceback, a hang, a crash or a wrong share?

Processes of their own try the inputs, so that one that hangs or dies costs that input and is told.
`--only NUMBER` tries a single input in this process, with its traceback.
"""

import argparse
import faulthandler
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from benchmarks.fuzz_check import BAD, Bench, Outcome
from benchmarks.fuzz_inputs import KINDS, damaged

SHOWN = 20  # faults that are printed


@dataclass
class _Worker:
    """A process that tries every `stride`th input from `first` on, and what it is at."""

    process: SpawnProcess
    answers: Connection
    at: int
    since: float


@dataclass
class _Tally:
    """What became of the inputs so far."""

    counts: dict[str, Counter[Outcome]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    faults: list[tuple[int, Outcome, str]] = field(default_factory=list)

    def add(self, number: int, outcome: Outcome, detail: str) -> None:
        self.counts[KINDS[number % len(KINDS)]][outcome] += 1
        if outcome in BAD:
            self.faults.append((number, outcome, detail))

    @property
    def done(self) -> int:
        return sum(counter.total() for counter in self.counts.values())


def main() -> int:
    """Try the inputs and print what became of them; 1 where any is a fault of ours."""
    asked = _arguments()
    if asked.only is not None:
        return _only(asked.seed, asked.only)
    started = time.monotonic()
    tally = _run(asked.inputs, asked.seed, asked.workers, asked.limit)
    print(_table(tally))
    print(
        f"{tally.done} inputs, seed {asked.seed}, {time.monotonic() - started:.0f} s, "
        f"{len(tally.faults)} faults"
    )
    for number, outcome, detail in sorted(tally.faults)[:SHOWN]:
        print(f"  input {number}: {outcome}: {detail}")
    return 1 if tally.faults or tally.done != asked.inputs else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one input")
    parser.add_argument("--only", type=int, help="one input, in this process")
    return parser.parse_args()


def _only(seed: int, number: int) -> int:
    found = damaged(seed, number)
    print(f"input {number}: {found.kind}, {found.how}, {len(found.data)} bytes")
    with tempfile.TemporaryDirectory() as folder:
        outcome, detail = Bench(Path(folder)).outcome(found)
    print(outcome, detail)
    return 1 if outcome in BAD else 0


def _run(inputs: int, seed: int, count: int, limit: float) -> _Tally:
    tally = _Tally()
    workers = [_start(seed, first, inputs, count) for first in range(min(count, inputs))]
    told = time.monotonic()
    while workers:
        ready = wait([worker.answers for worker in workers], timeout=1.0)
        workers = [
            kept for worker in workers if (kept := _heard(worker, ready, tally, seed, inputs, count, limit))
        ]
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"{tally.done} of {inputs}, {len(tally.faults)} faults", file=sys.stderr, flush=True)
    return tally


def _heard(
    worker: _Worker, ready: list[object], tally: _Tally, seed: int, inputs: int, count: int, limit: float
) -> _Worker | None:
    """The worker as it goes on: itself, another in its place after a hang or crash, or none at the end."""
    if worker.answers in ready:
        try:
            number, outcome, detail = worker.answers.recv()
        except EOFError:
            worker.process.join()
            if worker.at >= inputs:
                return None
            tally.add(worker.at, Outcome.CRASH, f"exit code {worker.process.exitcode}")
            return _start(seed, worker.at + count, inputs, count)
        tally.add(number, outcome, detail)
        worker.at, worker.since = number + count, time.monotonic()
    elif time.monotonic() - worker.since > limit:
        worker.process.kill()
        worker.process.join()
        if worker.at >= inputs:  # it had tried them all, and was tidying up
            return None
        tally.add(worker.at, Outcome.HANG, f"more than {limit:g} s")
        return _start(seed, worker.at + count, inputs, count)
    return worker


def _start(seed: int, first: int, inputs: int, stride: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    answers, far_end = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(far_end, seed, first, inputs, stride), daemon=True)
    process.start()
    far_end.close()
    return _Worker(process, answers, first, time.monotonic() + 60)  # a minute more to start


def _try(answers: Connection, seed: int, first: int, inputs: int, stride: int) -> None:
    faulthandler.enable()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bench = Bench(Path(folder))
        for number in range(first, inputs, stride):
            try:
                outcome, detail = bench.outcome(damaged(seed, number))
            except BaseException as error:  # whatever it is, it is what we look for
                last = traceback.extract_tb(error.__traceback__)[-1]
                outcome = Outcome.TRACEBACK
                detail = (
                    f"{type(error).__name__}: {str(error)[:200]} ({Path(last.filename).name}:{last.lineno})"
                )
            answers.send((number, outcome, detail))
    answers.close()


def _table(tally: _Tally) -> str:
    seen = [outcome for outcome in Outcome if any(counter[outcome] for counter in tally.counts.values())]
    lines = ["kind".ljust(10) + "".join(f"{outcome:>22}" for outcome in seen)]
    for kind, counter in tally.counts.items():
        lines.append(kind.ljust(10) + "".join(f"{counter[outcome]:>22}" for outcome in seen))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
