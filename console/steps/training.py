"""From a corpus to a run: verified, trained, and put on record with what it saw of each work."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from console.home import Home
from console.progress import Advance
from console.steps.workers import run_workers
from model.checkpoint import load_checkpoint
from model.corpus import VerifiedCorpus
from model.files import sha256_file
from model.presets import preset_named
from model.training import TrainedRun, train
from model.workers import Workers, own_device
from provenance.runs import Exposure, record_run
from provenance.tables import Run


@dataclass(frozen=True)
class Training:
    """What a training left: the run's id on record and what the trainer reported."""

    run: str
    trained: TrainedRun
    num_parameters: int


@dataclass(frozen=True)
class Together:
    """How many processes train, and whether each holds only a part of the model."""

    processes: int = 1
    sharded: bool = False


def train_model(
    home: Home,
    corpus: VerifiedCorpus,
    *,
    preset: str,
    minutes: float,
    seed: int,
    advance: Advance,
    together: Together = Together(),
) -> Training:
    """A run on the corpus, from where an earlier command of the same options was stopped."""

    def progress(done: int, total: int, loss: float) -> None:
        advance(done, total, f"loss {loss:.2f}")

    directory = run_folder(home, corpus.corpus_id, preset, minutes, seed, together)
    if together.processes > 1:
        asked = ["--preset", preset, "--minutes", repr(minutes), "--seed", str(seed)]
        asked += ["--sharded"] if together.sharded else []
        folder = home.folder("corpora") / corpus.corpus_id
        for step in run_workers("model.worker", together.processes, [str(folder), str(directory), *asked]):
            progress(step["step"], step["steps"], step["loss"])
    workers = Workers(count=together.processes, device=own_device())
    trained = train(
        corpus, directory, preset=preset, minutes=minutes, seed=seed, progress=progress, workers=workers
    )
    model, _ = load_checkpoint(trained.checkpoint)
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    config = {
        "folder": directory.name,
        "model": _plain(asdict(preset_named(preset).config)),
        "num_parameters": num_parameters,
        "events_seen": sum(exposure.events_seen for exposure in _exposures(trained.exposure)),
        "held_out": {name: str(loss) for name, loss in trained.held_out.items()},
        "held_out_works": list(trained.held_out_works),
    }
    with home.session() as session, session.begin():
        run = record_run(
            session,
            home.key,
            corpus_id=corpus.corpus_id,
            checkpoint_sha256=sha256_file(trained.checkpoint),
            preset=preset,
            seed=seed,
            steps=trained.steps,
            loss=trained.losses[-1] if trained.losses else None,
            config=config,
            exposures=_exposures(trained.exposure),
            trained_at=datetime.now(UTC),
        )
        return Training(run.id, trained, num_parameters)


def run_folder(
    home: Home,
    corpus_id: str,
    preset: str,
    minutes: float,
    seed: int,
    together: Together = Together(),
) -> Path:
    """Where a run of these options lies; it can be named before the run has an id."""
    options = f"{corpus_id} {preset} {minutes!r} {seed}"
    if together.processes > 1:
        options += f" {together.processes} {'sharded' if together.sharded else 'copied'}"
    return home.folder("runs") / hashlib.sha256(options.encode()).hexdigest()[:16]


def folder_of(home: Home, run: Run) -> Path:
    """Where the checkpoints of a run on record lie."""
    return home.folder("runs") / str(run.config["folder"])


def _exposures(path: Path) -> list[Exposure]:
    return [Exposure(**row) for row in pq.read_table(path).to_pylist() if row["events_seen"]]


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as JSON values; fractions as text, so that there is one way to write them."""
    return {
        name: list(value) if isinstance(value, tuple) else str(value) if isinstance(value, float) else value
        for name, value in config.items()
    }
