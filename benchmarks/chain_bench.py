"""What does each link before the money cost, beside the plain library call that it stands on?

Import: SQLite taking the same rows by `executemany`. Corpus: symusic reading the same MIDI files. Training:
a step of PyTorch's own transformer of the same width, depth and batches. Index: one plain forward and
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
from torch import Tensor, nn

import faiss  # isort: skip

from benchmarks.table import Row, compare, show
from catalog.cwr.writer import Sender, write_cwr
from catalog.vocabulary import Origin, Purpose
from console.demo.chain import Size, import_music
from console.demo.house_catalogue import house_works
from console.home import Access, Home, open_home
from console.settings import load_settings
from console.steps.attributing import BATCH, IGNORED
from console.steps.catalogue import import_into
from model.batches import batches, matrices, split_examples
from model.corpus import VerifiedCorpus, read_corpus
from model.events import FIELD_SIZES
from model.genres import GENRE_SLUGS
from model.house import compose
from model.network import Composer, num_rows
from model.objective import attribution_logits, attribution_targets
from model.plan import PLAN_ROWS, Column
from model.presets import preset_named
from model.training import train
from provenance.attribution import Attributor, SequenceTask
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
        rows.append(step_row(corpus, folder))
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


class Plain(nn.Module):
    """PyTorch's own transformer of the preset's width and depth, over rows of numbers."""

    def __init__(self) -> None:
        super().__init__()
        config = PRESET.config
        self.read = nn.Linear(len(Column), config.width)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, config.expansion * config.width, 0.0, "gelu", batch_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, config.lower_layers + config.upper_layers)
        self.say = nn.Linear(config.width, sum(FIELD_SIZES))

    def forward(self, rows_NTF: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(rows_NTF.shape[1])
        return self.say(self.blocks(self.read(rows_NTF.float()), mask, is_causal=True))


def step_row(corpus: VerifiedCorpus, folder: Path) -> Row:
    """A short run, beside the same batches through PyTorch's transformer and AdamW."""
    count = iter(range(100))
    examples, _ = split_examples(corpus)
    order = list(islice(batches(corpus, examples, PRESET.batch_examples, 0), STEPS))
    model = Plain()
    optimiser = torch.optim.AdamW(model.parameters(), foreach=True)

    def ours() -> None:
        train(corpus, folder / f"run-{next(count)}", preset=PRESET.name, steps=STEPS)

    def plain() -> None:
        torch.set_num_threads(2)
        for batch in order:
            rows_NRF = matrices(corpus, batch, PRESET.config.max_events)
            events_NTF = rows_NRF[:, PLAN_ROWS : PLAN_ROWS + num_rows(rows_NRF)]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits_NTV = model(events_NTF)
            target_NT = events_NTF[..., Column.POSITION].long().clamp(min=0)
            loss = F.cross_entropy(logits_NTV.float().flatten(0, 1), target_NT.flatten())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

    return compare(
        f"{STEPS} training steps, saved and evaluated", ours, "nn.TransformerEncoder, AdamW", plain
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
    return [index, search]


if __name__ == "__main__":
    print(show(bench()))
