"""How does a composer learn from a verified corpus, and from nothing else?

The same corpus and options give the same bytes: the order of examples follows from the seed and the epoch,
what is left unsaid in a batch from the seed and the step, and steps from minutes by a nominal rate. So a run
that was killed goes on from its last state as if nothing had happened. Several processes train as one would,
to rounding (`model.workers`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from model.batches import (
    batches,
    dropped_tracks,
    exposure_table,
    kept_examples,
    leave_unsaid,
    matrices,
    num_steps,
    seen_in,
    split_examples,
)
from model.checkpoint import read_tensors, save_checkpoint, save_tensors
from model.corpus import VerifiedCorpus
from model.determinism import deterministic
from model.errors import TrainingError
from model.events import Field, Ints
from model.files import replacing, sha256_file
from model.network import Composer
from model.objective import Counts, Loss, counts_of, loss_of
from model.presets import Preset, preset_named
from model.workers import ALONE, Workers, placed_like, whole

Progress = Callable[[int, int, float], None]

SAVE_EVERY_STEPS = 50
MAX_HELD_OUT_EXAMPLES = 64
TRAJECTORY_PER_CENT = (50, 75)
CLIP_NORM = 1.0


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    `losses` are nats an event, one for each step; `held_out` the same on works that were never trained on, by
    field and in sum, or empty where there are too few works to hold some out.
    """

    run_id: str
    checkpoint: Path
    trajectory: tuple[Path, ...]
    exposure: Path
    steps: int
    losses: tuple[float, ...]
    held_out: dict[str, float]
    held_out_works: tuple[str, ...]


@dataclass(frozen=True)
class _Options:
    corpus: str
    preset: str
    config: dict[str, Any]
    seed: int
    steps: int
    processes: int = 1
    without: tuple[str, ...] = ()


@dataclass
class _State:
    """What a run needs to go on; `network` is the model as its workers run it."""

    model: Composer
    network: nn.Module
    optimiser: torch.optim.AdamW
    step: int = 0
    losses: list[float] = field(default_factory=list)


def train(
    corpus: VerifiedCorpus,
    directory: Path,
    *,
    preset: str = "lite",
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    threads: int = 2,
    without: Set[str] = frozenset(),
    progress: Progress | None = None,
    workers: Workers = ALONE,
) -> TrainedRun:
    """A run over a corpus, from where the directory says that it stands.

    The directory then holds `checkpoint.safetensors`, `trajectory/`, `exposure.parquet` and `run.json`. A
    finished run is returned as it is.

    Args:
        minutes: turned into steps by the preset's nominal rate; or `steps` themselves.
        threads: of computation. Another number may change the last bits of a result.
        without: ids of works that are left out, as if they were not in the corpus.
        progress: called after each step with the steps done, all steps, and the loss in nats an event.
        workers: the processes of the run; each calls this, with the same arguments.

    Raises:
        TrainingError: the directory holds a run of other options, or the corpus has nothing to train on.
    """
    if not isinstance(corpus, VerifiedCorpus):
        raise TypeError("a run takes a VerifiedCorpus, which read_corpus makes")
    chosen = preset_named(preset)
    examples, held_out = kept_examples(corpus, without), split_examples(corpus)[1]
    if steps is None:
        steps = num_steps(corpus, chosen, 3.0 if minutes is None else minutes)
    options = _Options(
        corpus.corpus_id, preset, _plain(asdict(chosen.config)), seed, steps, workers.count,
        tuple(sorted(without)),
    )  # fmt: skip
    directory.mkdir(parents=True, exist_ok=True)
    with _reproducible(threads, workers.device):
        if not (directory / "run.json").exists():
            run = _Run(corpus, examples, options, chosen, directory, workers)
            state = run.resumed()
            for done in run.steps(state):
                if progress is not None and workers.writes:
                    progress(done, steps, state.losses[-1])
            run.finish(state, held_out)
    return _finished(directory, options)


@contextmanager
def _reproducible(threads: int, device: torch.device) -> Iterator[None]:
    """The same bits each time, with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with deterministic(device):
            yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class _Run:
    """What stays the same from the first step of a run to the last."""

    corpus: VerifiedCorpus
    examples: Ints
    options: _Options
    preset: Preset
    directory: Path
    workers: Workers

    def resumed(self) -> _State:
        """Where the run stands: at its beginning, or where its last state was kept."""
        torch.manual_seed(self.options.seed)
        model = Composer(self.preset.config).to(self.workers.device)
        path = self.directory / "state.safetensors"
        tensors, metadata = read_tensors(path) if path.exists() else ({}, None)
        if metadata is not None:
            _check_options(path, metadata["options"], self.options)
            named = {n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")}
            model.load_state_dict(named)
        network = self.workers.shared(model)
        state = _State(model, network, _optimiser(model, self.preset))
        if metadata is None:
            return state
        for name, parameter in model.named_parameters():
            state.optimiser.state[parameter] = {
                "step": torch.tensor(float(metadata["step"])),
                "exp_avg": placed_like(tensors[f"mean.{name}"], parameter),
                "exp_avg_sq": placed_like(tensors[f"square.{name}"], parameter),
            }
        state.step, state.losses = metadata["step"], list(metadata["losses"])
        return state

    def steps(self, state: _State) -> Iterator[int]:
        """Takes the steps that are left; after each, how many are done."""
        options = self.options
        order = batches(self.corpus, self.examples, self.preset.batch_examples, options.seed)
        kept = {max(1, options.steps * part // 100) for part in TRAJECTORY_PER_CENT}
        state.model.train()
        for batch in islice(order, state.step, options.steps):
            state.losses.append(self.step(state, batch))
            state.step += 1
            if state.step in kept:
                self.save_checkpoint(Path("trajectory") / f"step-{state.step:06d}.safetensors", state)
            if state.step % SAVE_EVERY_STEPS == 0:
                self.save_state(state)
            yield state.step

    def step(self, state: _State, batch: Ints) -> float:
        """One step of the optimiser; the loss in nats an event before it."""
        for group in state.optimiser.param_groups:
            done = _schedule(state.step, self.options.steps, self.preset.warmup_steps)
            group["lr"] = self.preset.learning_rate * done
        parts = self.parts(state.step, batch)
        counts = self.counts(parts)
        state.optimiser.zero_grad(set_to_none=True)
        notes = torch.zeros((), device=self.workers.device)
        for number, (rows_NRF, weight) in enumerate(parts, start=1):
            with self.workers.gathering(state.network, last=number == len(parts)):
                with torch.autocast(self.workers.device.type, dtype=torch.bfloat16):
                    output = state.network(rows_NRF)
                loss = loss_of(output, rows_NRF, counts)
                # Gradients are averaged over the processes, and are to be summed.
                (loss.total * (weight * self.workers.count)).backward()  # type: ignore[no-untyped-call]
                notes += weight * loss.notes.detach()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), CLIP_NORM)
        state.optimiser.step()
        return round(float(self.workers.summed(notes)), 6)

    def parts(self, step: int, batch: Ints) -> list[tuple[Tensor, float]]:
        """What this process takes of a batch, a part of its memory's size at a time, with its weight."""
        found = []
        dropped = dropped_tracks(self.corpus, batch, self.options.seed, step)
        for own, weight in self.workers.parts(len(batch), self.preset.part_examples):
            generator = torch.Generator().manual_seed(self.options.seed * 1_000_003 + step)
            rows_NRF = matrices(self.corpus, batch[own], self.preset.config.max_events, dropped[own])
            rows_NRF = leave_unsaid(rows_NRF, generator, own, len(batch))
            found.append((rows_NRF.to(self.workers.device), weight))
        return found

    def counts(self, parts: list[tuple[Tensor, float]]) -> Counts:
        """How much the whole batch asks for, over all processes."""
        own = torch.stack([weight * torch.stack(counts_of(rows_NRF)) for rows_NRF, weight in parts]).sum(0)
        return Counts(*self.workers.summed(own))

    def save_state(self, state: _State) -> None:
        tensors = {f"model.{name}": whole(tensor) for name, tensor in state.model.state_dict().items()}
        for name, parameter in state.model.named_parameters():
            kept = state.optimiser.state[parameter]
            tensors[f"mean.{name}"] = whole(kept["exp_avg"])
            tensors[f"square.{name}"] = whole(kept["exp_avg_sq"])
        metadata = {"options": asdict(self.options), "step": state.step, "losses": state.losses}
        if self.workers.writes:
            save_tensors(self.directory / "state.safetensors", tensors, metadata)

    def save_checkpoint(self, name: Path, state: _State) -> Composer | None:
        """Writes the model as it stands; in the process that writes, the model whole."""
        tensors = {name: whole(tensor) for name, tensor in state.model.state_dict().items()}
        if not self.workers.writes:
            return None
        model = Composer(self.preset.config)
        model.load_state_dict(tensors)
        options = self.options
        save_checkpoint(
            self.directory / name, model, corpus_id=options.corpus, preset=options.preset, seed=options.seed,
            steps=state.step,
        )  # fmt: skip
        return model

    def finish(self, state: _State, held_out: Ints) -> None:
        """Writes what a finished run leaves; `run.json` last, so that its presence says all is there."""
        model = self.save_checkpoint(Path("checkpoint.safetensors"), state)
        if model is not None:
            self.write_record(model.to(self.workers.device), state.losses, held_out)
        self.workers.wait()

    def write_record(self, model: Composer, losses: list[float], held_out: Ints) -> None:
        options = self.options
        exposure = exposure_table(
            self.corpus,
            seen_in(self.corpus, options.preset, options.seed, options.steps, set(options.without)),
        )
        with replacing(self.directory / "exposure.parquet") as temporary:
            pq.write_table(exposure, temporary)
        some = held_out[:MAX_HELD_OUT_EXAMPLES]
        record = {
            "options": asdict(options),
            "checkpoint": sha256_file(self.directory / "checkpoint.safetensors"),
            "losses": losses,
            "held_out": evaluate(model, self.corpus, some, self.preset.part_examples),
            "held_out_works": sorted({self.corpus.work_ids[i] for i in held_out}),
            "trained_examples": len(self.examples),
        }
        with replacing(self.directory / "run.json") as temporary:
            temporary.write_text(json.dumps(record, sort_keys=True, indent=1), encoding="utf-8")
        (self.directory / "state.safetensors").unlink(missing_ok=True)


def _schedule(step: int, steps: int, warmup_steps: int) -> float:
    """The part of the full learning rate: a linear rise, then half a cosine down to a twentieth."""
    warmup = min(warmup_steps, max(1, steps // 5))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.05 + 0.95 * 0.5 * (1 + float(np.cos(np.pi * done)))


def _optimiser(model: Composer, preset: Preset) -> torch.optim.AdamW:
    matrices_ = [p for n, p in model.named_parameters() if p.ndim == 2 and "code" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "code" in n]
    groups = [
        {"params": matrices_, "weight_decay": preset.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=preset.learning_rate, betas=(0.9, 0.98), foreach=True)


def _check_options(path: Path, found: Mapping[str, Any], options: _Options) -> None:
    known, wanted = _plain(asdict(_Options(**found))), _plain(asdict(options))
    other = [
        f"{name} {known[name]!r}, not {wanted[name]!r}" for name in wanted if known[name] != wanted[name]
    ]
    if other:
        raise TrainingError(f"{path} is of a run with {'; '.join(other)}: choose another directory")


def evaluate(
    model: Composer, corpus: VerifiedCorpus, examples: Ints, batch_examples: int = 8
) -> dict[str, float]:
    """The loss on some examples in nats an event, by field and in sum; empty for no examples."""
    if not len(examples):
        return {}
    model.eval()
    device = next(model.parameters()).device
    losses: list[tuple[int, Loss]] = []
    with torch.no_grad():
        for start in range(0, len(examples), batch_examples):
            some = examples[start : start + batch_examples]
            rows_NRF = matrices(corpus, some, model.config.max_events).to(device)
            losses.append((len(rows_NRF), loss_of(model(rows_NRF), rows_NRF)))
    total = sum(count for count, _ in losses)
    mean = {
        f.name.lower(): round(sum(n * float(loss.fields[f]) for n, loss in losses) / total, 6) for f in Field
    }
    return {**mean, "sum": round(sum(mean.values()), 6)}


def _finished(directory: Path, options: _Options) -> TrainedRun:
    record = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    _check_options(directory / "run.json", record["options"], options)
    checkpoint = directory / "checkpoint.safetensors"
    digest = sha256_file(checkpoint)
    if digest != record["checkpoint"]:
        raise TrainingError(f"{checkpoint} has SHA-256 {digest}, run.json says {record['checkpoint']}")
    return TrainedRun(
        f"run_{digest[:16]}",
        checkpoint,
        tuple(sorted((directory / "trajectory").glob("*.safetensors"))),
        directory / "exposure.parquet",
        options.steps,
        tuple(record["losses"]),
        record["held_out"],
        tuple(record["held_out_works"]),
    )


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(config))
    return plain
