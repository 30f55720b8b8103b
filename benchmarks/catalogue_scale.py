"""Does the catalogue hold 1.2 million works: import beside plain SQLite, memory, answers?

`python -m benchmarks.catalogue_scale --works 1200000` makes a CWR file from a seed, imports it into an empty
home, and lets SQLite take the same rows by `executemany` into another. The rows lie in memory when SQLite's
clock starts, a slice at a time. Answers are timed in this process, after a few to warm up. With `--database
postgresql://...`, an empty database, the home is there, and no plain call is timed.
"""

import argparse
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from random import Random
from statistics import quantiles

from benchmarks.made_catalogue import Pool, make_pool, some_words, write_catalogue
from catalog.clearance_table import clear_catalogue
from catalog.knowledge import NOW
from catalog.vocabulary import Origin, Purpose
from console.home import Access, Home, open_home
from console.settings import load_settings
from console.steps.catalogue import find, import_into, show
from console.steps.permissions import Agreed, record_grants

SEED = 0
SLICE = 100_000
NUM_ASKED = 1_000
WARM = 50
ON = date(2026, 10, 1)
MIB = 1024**2


def bench(folder: Path, num_works: int, database: str | None) -> None:
    """Every figure, printed as it is known."""
    environment = {} if database is None else {"CONTRAFACT_DATABASE_URL": database}
    cwr = folder / "works.V22"
    write_catalogue(cwr, num_works, SEED)
    say(f"{num_works:,} works in {cwr.stat().st_size / MIB:,.0f} MiB of CWR, seed {SEED}")
    with open_home(load_settings(folder / "home", environment), Access.WRITE) as home:
        ours = import_seconds(home, cwr, num_works)
    if database is None:
        compare_with_plain(folder, num_works, ours)
    with open_home(load_settings(folder / "home", environment), Access.WRITE) as home:
        grant(home, num_works)
        answer(home, num_works)
        clear(home)


def compare_with_plain(folder: Path, num_works: int, ours: float) -> None:
    """The import beside SQLite taking the same rows."""
    with open_home(load_settings(folder / "plain", {}), Access.WRITE):
        pass
    rows, plain = plain_seconds(folder / "home" / "contrafact.db", folder / "plain" / "contrafact.db")
    say(f"executemany of their {rows:,} rows ({rows / num_works:.1f} a work): {plain:.1f} s")
    say(f"ratio: {ours / plain:.2f} (import by executemany; at most 3)")


def import_seconds(home: Home, cwr: Path, num_works: int) -> float:
    """How long the import took; its speed and its memory are printed."""
    with resident() as seen:
        seconds = clocked(lambda: import_into(home, "cwr", cwr, origin=Origin.HOUSE))
    say(f"import: {seconds:.1f} s, {num_works / seconds:,.0f} works/s")
    points = [seen[len(seen) * tenth // 10] for tenth in range(10)] + [seen[-1]]
    say(f"resident at each tenth of that time, MiB: {' '.join(f'{point:.0f}' for point in points)}")
    say(f"peak {max(seen):.0f} MiB")
    return seconds


def plain_seconds(source: Path, target: Path) -> tuple[int, float]:
    """How many rows there are, and how long SQLite takes to hold them, in one transaction."""
    seconds, count = 0.0, 0
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        for insert, rows in slices(reader):
            count += len(rows)
            seconds += clocked(lambda: writer.executemany(insert, rows))  # noqa: B023 - called at once
        seconds += clocked(writer.commit)
    return count, seconds


def slices(reader: sqlite3.Connection) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """All rows of a database, some at a time, with the statement that inserts them."""
    names = reader.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'work_search%' "
        "AND name <> 'alembic_version'"
    ).fetchall()
    for (name,) in names:
        cursor = reader.execute(f'SELECT * FROM "{name}" ORDER BY rowid')
        while rows := cursor.fetchmany(SLICE):
            yield f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})', rows


def answer(home: Home, num_works: int) -> None:
    """How long one waits for a work, and for the hits of a search, at the 99th of 100 times."""
    random = Random(SEED + 1)
    pool = make_pool(Random(SEED), num_works)
    numbers = [f"{random.randrange(num_works):014d}" for _ in range(NUM_ASKED)]
    say_waits("catalog show", [lambda n=n: show(home, n, NOW) for n in numbers])
    exact = [query(pool, random) for _ in range(NUM_ASKED)]
    say_waits("search", [lambda q=q: find(home, q, 20) for q in exact])
    wrong = [misspelt(query(pool, random), random) for _ in range(NUM_ASKED)]
    say_waits("search with a typo", [lambda q=q: find(home, q, 20) for q in wrong])


def grant(home: Home, num_works: int) -> None:
    """One publisher in three permits training in the European Union, for its writers too."""
    publishers = make_pool(Random(SEED), num_works).publishers
    agreed = [
        Agreed(f"Agreement with {name.name}", name.ipi, ON, [Purpose.TRAIN], "EU", ON, for_represented=True)
        for name in publishers[::3]
    ]
    record_grants(home, agreed)


def clear(home: Home) -> None:
    """How long it takes to ask of every work whether it may be trained on."""
    counts: Counter[bool] = Counter()

    def ask() -> None:
        with home.session() as session:
            counts.update(
                answer.cleared for answer in clear_catalogue(session, Purpose.TRAIN, "EU", ON + timedelta(30))
            )

    seconds = clocked(ask)
    say(f"clearing: {seconds:.1f} s, {counts[True]:,} cleared, {counts[False]:,} refused")


def query(pool: Pool, random: Random) -> str:
    """What someone might look for: two words of a title, or a writer."""
    if random.random() < 0.5:
        return " ".join(some_words(random, pool.words, 2)).lower()
    return random.choice(pool.writers).name.replace(",", "").lower()


def misspelt(text: str, random: Random) -> str:
    """The text with two neighbouring letters swapped, or one letter wrong."""
    place = random.randrange(1, len(text) - 1)
    if random.random() < 0.5:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + random.choice("abcdefghijklmnopqrstuvwxyz") + text[place + 1 :]


def say_waits(name: str, calls: Sequence[Callable[[], object]]) -> None:
    for call in calls[:WARM]:
        call()
    waits = [clocked(call) * 1000 for call in calls]
    cuts = quantiles(waits, n=100)
    say(
        f"{name}, {len(waits):,} times: median {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, max {max(waits):.1f}"
    )


@contextmanager
def resident() -> Iterator[list[float]]:
    """The memory of this process in MiB, looked at while the block runs."""
    seen: list[float] = []
    done = threading.Event()

    def look() -> None:
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append(pages * 4096 / MIB)
            if done.wait(0.2):
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def clocked(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, help="an empty or new folder to work in; kept")
    parser.add_argument("--database", help="an empty PostgreSQL database instead of SQLite")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True)
        bench(arguments.folder, arguments.works, arguments.database)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        bench(folder, arguments.works, arguments.database)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
