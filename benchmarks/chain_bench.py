"""What does each link before the money cost, beside the plain library call that it stands on?

Import: SQLite taking the same rows by `executemany`. Corpus: symusic reading the same MIDI files. Training:
a step of PyTorch's own transformer of as many parameters on the same batches. Index: one plain forward and
backward pass over the same examples. Query: one such pass over the query and a plain FAISS search.
Run alone with `python -m benchmarks.chain_bench`.
"""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import symusic
import torch  # before faiss: the OpenMP that is loaded first must be torch's
import torch.nn.functional as F
from torch import Tensor

import faiss  # isort: skip

from benchmarks.preset_bench import our_step, plain_step
from benchmarks.table import Row, compare, show
from catalog.cwr.writer import Sender, write_cwr
from catalog.vocabulary import Origin, Purpose
from console.demo.chain import Size, import_music
from console.demo.house_catalogue import house_works
from console.home import Access, Home, open_home
from console.settings import load_settings
from console.steps.catalogue import import_into
from model.batches import batches, matrices, split_examples
from model.corpus import VerifiedCorpus, read_corpus
from model.genres import GENRE_SLUGS
from model.house import compose
from model.network import Composer
from model.objective import attribution_logits, attribution_targets
from model.presets import preset_named
from provenance.attribution import Attributor, SequenceTask
from provenance.composer_index import BATCH, IGNORED
from provenance.corpus.build import BuiltCorpus, build_corpus
from provenance.corpus.music import Converter
from provenance.corpus.plan import CorpusPlan, Order, plan_corpus

NUM_WORKS = 2_000
SIZE = Size(house_pieces_per_genre=2, human_pieces=0)
STEPS = 8
NUM_EXAMPLES = 64
ON = date(2026, 10, 1)
NOW = datetime(2026, 9, 1, tzinfo=UTC)
PRESET = preset_named("lite")
TASK = SequenceTask(attribution_logits, attribution_targets, ignore_index=IGNORED)


def bench() -> list[Row]:
    """A row for each link, in the order of the chain."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [import_row(folder)]
        with open_home(load_settings(folder / "home", {}), Access.WRITE) as home:
            import_music(home, folder / "inputs", 0, SIZE)
            with home.session() as session:
                plan = plan_corpus(session, Order(Purpose.TRAIN, "EU", ON))
            rows.append(corpus_row(home, plan))
            corpus = read_corpus(_built(home, plan).directory)
        rows.append(step_row(corpus))
        return [*rows, *attribution_rows(corpus, folder)]


def import_row(folder: Path) -> Row:
    """CWR into an empty home, beside SQLite taking the rows that came of it into one."""
    cwr = folder / "works.V22"
    models = [compose(genre, 0, 0) for genre in GENRE_SLUGS]
    pieces = [replace(models[i % 48], title=f"{models[i % 48].title} {i}") for i in range(NUM_WORKS)]
    cwr.write_bytes(write_cwr(house_works(pieces, 0), Sender("BENCH", "99000010013"), NOW))
    with open_home(load_settings(folder / "empty", {}), Access.WRITE):
        pass
    count = iter(range(1_000))

    def fresh() -> Path:
        home = folder / f"import-{next(count)}"
        home.mkdir()
        shutil.copyfile(folder / "empty" / "contrafact.db", home / "contrafact.db")
        return home

    def ours() -> Path:
        root = fresh()
        with open_home(load_settings(root, {}), Access.WRITE) as home:
            report = import_into(home, "cwr", cwr, origin=Origin.HOUSE)
            assert (report.works, report.quarantined) == (NUM_WORKS, 0)
        return root / "contrafact.db"

    inserts = _inserts(ours())

    def plain() -> None:
        with closing(sqlite3.connect(fresh() / "contrafact.db")) as connection, connection:
            for insert, rows in inserts:
                connection.executemany(insert, rows)

    num_rows = sum(len(rows) for _, rows in inserts)
    return compare(f"import {NUM_WORKS:,} works, CWR", ours, f"executemany of their {num_rows:,} rows", plain)


def _inserts(path: Path) -> list[tuple[str, list[tuple[object, ...]]]]:
    """All rows of a database, each table's with the statement that inserts them."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'work_search%' "
            "AND name <> 'alembic_version'"
        ).fetchall()
        tables = [(name, connection.execute(f'SELECT * FROM "{name}"').fetchall()) for (name,) in names]
    return [
        (f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})', rows)
        for name, rows in tables
        if rows
    ]


def corpus_row(home: Home, plan: CorpusPlan) -> Row:
    """Cleared MIDI to Parquet in one process, beside symusic reading the same files."""
    paths = [home.files.path(file.encoding_id) for file in (*plan.cleared, *plan.refused)]

    def plain() -> None:
        for path in paths:
            symusic.Score.from_midi(path.read_bytes())

    return compare(
        f"corpus of {len(paths)} MIDI files", lambda: _built(home, plan), "symusic reads them", plain
    )


def _built(home: Home, plan: CorpusPlan) -> BuiltCorpus:
    return build_corpus(
        plan,
        store=home.files,
        corpora=home.folder("corpora"),
        converter=Converter("none", lambda _: (), home.folder("converted")),
    )


def step_row(corpus: VerifiedCorpus) -> Row:
    """Training steps, beside the same batches through a plain decoder of as many parameters and AdamW."""
    examples, _ = split_examples(corpus)
    order = islice(batches(corpus, examples, PRESET.batch_examples, 0), STEPS)
    some = [matrices(corpus, batch, PRESET.config.max_events) for batch in order]
    (ours, _), (plain, _) = our_step(PRESET), plain_step()
    torch.set_num_threads(2)
    return compare(
        f"{STEPS} training steps",
        lambda: [ours(rows_NRF) for rows_NRF in some],
        "plain decoder of as many parameters, AdamW",
        lambda: [plain(rows_NRF) for rows_NRF in some],
    )


def attribution_rows(corpus: VerifiedCorpus, folder: Path) -> list[Row]:
    """Index and query, beside one forward and backward pass, and for the query FAISS's flat index."""
    model = Composer(PRESET.config)
    num = min(NUM_EXAMPLES, len(corpus))
    rows_NRF = matrices(corpus, np.arange(num, dtype=np.int32), PRESET.config.max_events)
    count = iter(range(100))

    def one_pass(rows_NRF: Tensor) -> None:
        for batch in rows_NRF.split(BATCH):
            logits, targets = TASK.logits(model, batch), TASK.targets(batch)
            F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED).backward()

    def attributor(place: Path) -> Attributor:
        return Attributor(model, TASK, place, batch_size=BATCH)

    def ours() -> None:
        attributor(folder / f"index-{next(count)}").index(rows_NRF)

    index = compare(
        f"index of {num} examples", ours, "a forward and backward pass", lambda: one_pass(rows_NRF)
    )
    kept = attributor(folder / "index-kept")
    kept.index(rows_NRF)
    query = rows_NRF[:1]
    kept.search(query)
    flat = faiss.IndexFlatIP(kept.layout.width)
    flat.add(np.random.default_rng(0).standard_normal((num, flat.d), dtype=np.float32))
    asked = np.ones((1, flat.d), dtype=np.float32)

    def plain() -> None:
        one_pass(query)
        flat.search(asked, num)

    search = compare(
        f"query over {num} examples", lambda: kept.search(query), "one pass and IndexFlatIP.search", plain
    )
    sums = kept.owner_sums([f"holder {i % 50}" for i in range(num)])
    holders = compare(
        "exact scores of 50 holders",
        lambda: kept.score_owners(query, sums),
        "one pass",
        lambda: one_pass(query),
    )
    return [index, search, holders]


if __name__ == "__main__":
    print(show(bench()))
