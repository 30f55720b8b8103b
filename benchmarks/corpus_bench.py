"""How fast is a corpus built, built again and verified, and does its memory grow with it?

    python -m benchmarks.corpus_bench [--files 500 4000] [--leaves 1200000]

House pieces as MIDI files, one in ten of a refused work, in a process of its own for each size: built with
nothing kept, built again with what was kept, verified, beside symusic reading the same files in the same
process. Then a proof out of a corpus of very many leaves, made and checked.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import symusic

from catalog.files import FileStore
from catalog.vocabulary import EncodingFormat, Origin, Purpose
from model.corpus import read_corpus
from model.genres import GENRE_SLUGS
from model.house import compose
from model.merkle import inclusion_proof, merkle_root, verify_inclusion
from model.midi import write_midi
from provenance.corpus.build import build_corpus
from provenance.corpus.leaves import Leaf
from provenance.corpus.music import Converter
from provenance.corpus.plan import CorpusPlan, Order, PlannedFile
from provenance.corpus.registry import Exclusion

ORDER = Order(Purpose.TRAIN, "EU", date(2026, 10, 1))
REFUSED_OF = 10
MIB = 1024**2


def make_plan(store: FileStore, num_files: int) -> CorpusPlan:
    """So many different pieces in the store, and the plan that clears nine of ten."""
    files = []
    for number in range(num_files):
        genre = GENRE_SLUGS[number % len(GENRE_SLUGS)]
        encoding_id = store.put(write_midi(compose(genre, number // len(GENRE_SLUGS), 3).score))
        work_id = f"work_{number:016x}"
        files.append(
            PlannedFile(
                work_id, encoding_id, EncodingFormat.MIDI, f"{number}.mid", Origin.HOUSE, genre, "CC0-1.0"
            )
        )
    cleared = tuple(file for number, file in enumerate(files) if number % REFUSED_OF)
    refused = tuple(files[::REFUSED_OF])
    reasons = tuple(Exclusion(file.work_id, "", "NOT_GRANTED", "nobody granted it") for file in refused)
    return CorpusPlan(ORDER, cleared, refused, reasons)


def measure(folder: Path, num_files: int) -> dict[str, float]:
    """The figures of one size, measured in this process."""
    store = FileStore(folder / "files")
    plan = make_plan(store, num_files)
    paths = [store.path(file.encoding_id) for file in (*plan.cleared, *plan.refused)]
    plain = seconds(lambda: [symusic.Score.from_midi(path.read_bytes()) for path in paths])

    def build() -> Path:
        return build_corpus(
            plan, store=store, corpora=folder / "corpora", readings=folder / "readings",
            converter=Converter("none", lambda _: (), folder / "converted"),
        ).directory  # fmt: skip

    before = peak()
    first, again = seconds(build), seconds(build)
    directory = build()
    verifying = seconds(lambda: read_corpus(directory))
    return {
        "files": num_files, "plain": plain, "first": first, "again": again, "verify": verifying,
        "before": before, "peak": peak(),
    }  # fmt: skip


def row(told: dict[str, float]) -> str:
    """One line of the table."""
    files, plain = int(told["files"]), told["plain"]
    speeds = [f"{files / told[name]:,.0f} | {told[name] / plain:,.1f}" for name in ("first", "again")]
    memory = f"{told['before']:,.0f} | {told['peak']:,.0f}"
    return f"| {files:,} | {' | '.join(speeds)} | {told['verify']:.2f} | {memory} |"


def prove_one(num_leaves: int) -> str:
    """How long a proof out of very many leaves takes to make and to check."""
    leaf = Leaf(encoding_id="e" * 64, grants=["grant_0"], licence="CC0-1.0", origin="human", work_id="work_")
    line = leaf.entry().decode()
    entries = [line.replace("work_", f"work_{number:016x}").encode() for number in range(num_leaves)]
    root = merkle_root(entries)
    place = num_leaves // 3
    path = inclusion_proof(entries, place)
    making = seconds(lambda: inclusion_proof(entries, place))
    checking = seconds(lambda: verify_inclusion(entries[place], place, num_leaves, path, root))
    assert verify_inclusion(entries[place], place, num_leaves, path, root)
    return (
        f"{num_leaves:,} leaves: root {seconds(lambda: merkle_root(entries)):.2f} s, a proof of {len(path)} "
        f"digests made in {making:.2f} s, checked in {checking * 1000:.2f} ms"
    )


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, nargs="+", default=[500, 4_000])
    parser.add_argument("--leaves", type=int, default=1_200_000)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps(measure(Path(name), asked.child)))
        return
    print(
        "| files | files/s | x symusic | again, files/s | x symusic | verified, s | MiB before | peak MiB |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for count in asked.files:
        command = [sys.executable, "-m", "benchmarks.corpus_bench", "--child", str(count)]
        print(row(json.loads(subprocess.check_output(command))), flush=True)
    print(prove_one(asked.leaves))


if __name__ == "__main__":
    main()
