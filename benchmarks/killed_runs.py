"""What does a database hold after a process that moved money was killed at a random point?

A process of its own takes in usage, runs a month, closes it or restates it, and is killed (SIGKILL) after a
random part of the time that the step takes. What it left must be the state before the step or the one after,
table by table and row by row, and doing the step again must come to the state after. Anything else stops with
the point that showed it.

Run alone with `python -m benchmarks.killed_runs [--points 50] [--seed 1]`.
"""

import argparse
import hashlib
import multiprocessing
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Event
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.orm import Session

from benchmarks.royalties_bench import NOW, OCTOBER, POLICY, make_inputs, usage_frame
from catalog.database import open_engine
from migrations import upgrade
from royalties.closing import close_period
from royalties.policy import Policy, parse_policy
from royalties.restating import restate
from royalties.runs import run_distribution
from royalties.usage import UsageFormat, import_usage

LINES = 20_000
LATE_LINES = 500


class TornError(Exception):
    """A state that is neither the one before a step nor the one after it."""


def _policy() -> Policy:
    policy, findings = parse_policy(POLICY)
    assert policy is not None, findings
    return policy


def _take_in(session: Session, folder: Path) -> None:
    import_usage(session, folder / "usage", UsageFormat.PARQUET, folder / "usage.parquet", imported_at=NOW)


def _run(session: Session, _folder: Path) -> None:
    run_distribution(session, OCTOBER, _policy(), make_inputs(), run_at=NOW)


def _close(session: Session, _folder: Path) -> None:
    close_period(session, OCTOBER, closed_at=NOW)


def _take_in_late(session: Session, folder: Path) -> None:
    import_usage(session, folder / "usage", UsageFormat.PARQUET, folder / "late.parquet", imported_at=NOW)


def _restate(session: Session, _folder: Path) -> None:
    restate(session, OCTOBER, _policy(), make_inputs(), restated_at=NOW)


STEPS: Mapping[str, Callable[[Session, Path], None]] = {
    "usage": _take_in,
    "run": _run,
    "close": _close,
    "late usage": _take_in_late,
    "restate": _restate,
}


def do(step: str, folder: Path) -> None:
    """One step in the folder's database, as one transaction."""
    engine = open_engine(f"sqlite:///{folder / 'money.db'}")
    with Session(engine) as session, session.begin():
        STEPS[step](session, folder)
    engine.dispose()


def do_when_told(step: str, folder: Path, ready: Event, go: Event) -> None:
    """What the process does that is to be killed: it says when all is imported, and waits for the start."""
    ready.set()
    go.wait()
    do(step, folder)


def state_of(folder: Path) -> str:
    """The digest of every row of every table."""
    engine = open_engine(f"sqlite:///{folder / 'money.db'}")
    digest = hashlib.sha256()
    for row in _rows(engine):
        digest.update(repr(row).encode())
    engine.dispose()
    return digest.hexdigest()


def _rows(engine: Engine) -> Iterator[tuple[object, ...]]:
    with engine.connect() as connection:
        for table in sorted(inspect(engine).get_table_names()):
            rows = connection.execute(text(f'SELECT * FROM "{table}"'))
            yield from sorted(((table, *row) for row in rows), key=repr)


@dataclass(frozen=True)
class Prepared:
    """A folder as it is before a step, and what the step comes to."""

    step: str
    before: Path
    before_state: str
    after_state: str
    seconds: float


def prepare(root: Path, lines: int = LINES) -> list[Prepared]:
    """Every step once, from an empty database to a restated month, with a copy of what was before each."""
    folder = root / "whole"
    folder.mkdir()
    frame = usage_frame(lines)
    frame.write_parquet(folder / "usage.parquet")
    late = frame.head(LATE_LINES).with_columns(line_id="late " + frame.head(LATE_LINES)["line_id"])
    late.write_parquet(folder / "late.parquet")
    engine = open_engine(f"sqlite:///{folder / 'money.db'}")
    upgrade(engine)
    engine.dispose()
    prepared = []
    for step in STEPS:
        before = root / f"before {step}"
        shutil.copytree(folder, before)
        state, started = state_of(folder), time.perf_counter()
        do(step, folder)
        prepared.append(Prepared(step, before, state, state_of(folder), time.perf_counter() - started))
    return prepared


def kill_at(prepared: Prepared, root: Path, part: float) -> str:
    """Which state is found where the step is killed after a part of its time: `old` or `new`.

    Raises:
        TornError: it is neither, or the step cannot be done again from there.
    """
    folder = root / "killed"
    shutil.copytree(prepared.before, folder)
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    process = context.Process(target=do_when_told, args=(prepared.step, folder, ready, go))
    process.start()
    ready.wait()
    go.set()
    time.sleep(part * prepared.seconds)
    process.kill()
    process.join()
    found = state_of(folder)
    if found not in (prepared.before_state, prepared.after_state):
        raise TornError(f"{prepared.step} killed after {part:.3f} of its time left a torn state in {folder}")
    if found == prepared.before_state:
        do(prepared.step, folder)
        if state_of(folder) != prepared.after_state:
            raise TornError(f"{prepared.step} killed after {part:.3f}: done again, it comes to another state")
    shutil.rmtree(folder)
    return "old" if found == prepared.before_state else "new"


def killed(points: int, seed: int, lines: int = LINES) -> Counter[tuple[str, str]]:
    """How often which state was found, by step."""
    chance = random.Random(seed)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        prepared = prepare(Path(name), lines)
        for number in range(points):
            chosen = prepared[number % len(prepared)]
            longer = replace(chosen, seconds=chosen.seconds * 1.2)
            counts[chosen.step, kill_at(longer, Path(name), chance.random())] += 1
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    found = killed(chosen.points, chosen.seed)
    print("| step | old state | new state |\n|---|---:|---:|")
    for step in STEPS:
        print(f"| {step} | {found[step, 'old']} | {found[step, 'new']} |")
    print(f"{sum(found.values())} points, none torn")
