"""How does a composer learn from a verified corpus, and from nothing else?

The same corpus and options give the same bytes: the order of examples follows from the seed and the epoch,
what is left unsaid in a batch from the seed and the step, and steps from minutes by a nominal rate. So a run
that was killed goes on from its last state as if nothing had happened.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from model.checkpoint import read_tensors, save_checkpoint, save_tensors
from model.corpus import VerifiedCorpus, encode_example
from model.errors import ModelError
from model.events import Field, Ints
from model.files import replacing, sha256_file
from model.network import Composer
from model.objective import Loss, loss_of
from model.plan import (
    FIRST_SECTION_ROW,
    FIRST_TRACK_ROW,
    PLAN_ATTRIBUTES,
    PLANNING_COLUMN,
    SONG_ROW,
    Kind,
)
from model.presets import Preset, preset_named

Progress = Callable[[int, int, float], None]

SAVE_EVERY_STEPS = 50
HELD_OUT_PER_CENT = 5
MIN_WORKS_TO_HOLD_OUT = 20
MAX_HELD_OUT_EXAMPLES = 64
TRAJECTORY_PER_CENT = (50, 75)
CLIP_NORM = 1.0
UNSAID = 0.1  # how often an attribute of the song, or of a track or a section, is left unsaid
PLANNING = 0.15  # how often the streams go by the plan alone
BUCKET_BATCHES = 16


class TrainingError(ModelError):
    """A run cannot begin or go on."""


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


@dataclass
class _State:
    """What a run needs to go on."""

    model: Composer
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
    progress: Progress | None = None,
) -> TrainedRun:
    """A run over a corpus, from where the directory says that it stands.

    The directory then holds `checkpoint.safetensors`, `trajectory/`, `exposure.parquet` and `run.json`. A
    finished run is returned as it is.

    Args:
        minutes: turned into steps by the preset's nominal rate; or `steps` themselves.
        threads: of computation. Another number may change the last bits of a result.
        progress: called after each step with the steps done, all steps, and the loss in nats an event.

    Raises:
        TrainingError: the directory holds a run of other options, or the corpus has nothing to train on.
    """
    if not isinstance(corpus, VerifiedCorpus):
        raise TypeError("a run takes a VerifiedCorpus, which read_corpus makes")
    chosen = preset_named(preset)
    examples, held_out = split_examples(corpus)
    if steps is None:
        steps = num_steps(corpus, chosen, 3.0 if minutes is None else minutes)
    options = _Options(corpus.corpus_id, preset, _plain(asdict(chosen.config)), seed, steps)
    directory.mkdir(parents=True, exist_ok=True)
    with _reproducible(threads):
        if not (directory / "run.json").exists():
            state = _resumed(directory, options, chosen)
            for done in _steps(state, corpus, examples, options, chosen, directory):
                if progress is not None:
                    progress(done, steps, state.losses[-1])
            _finish(state, corpus, examples, held_out, options, chosen, directory)
    return _finished(directory, options)


def split_examples(corpus: VerifiedCorpus) -> tuple[Ints, Ints]:
    """The examples to train on and those held out: all of about one work in twenty, chosen by digest.

    Raises:
        TrainingError: there is no example to train on.
    """
    works = sorted(set(corpus.work_ids), key=lambda work: hashlib.sha256(work.encode()).hexdigest())
    count = len(works) * HELD_OUT_PER_CENT // 100 if len(works) >= MIN_WORKS_TO_HOLD_OUT else 0
    out = set(works[len(works) - count :])
    is_out = np.array([work in out for work in corpus.work_ids], dtype=bool)
    if not len(corpus) or is_out.all():
        raise TrainingError(f"corpus {corpus.corpus_id} has no example to train on; clear more works")
    return np.flatnonzero(~is_out).astype(np.int32), np.flatnonzero(is_out).astype(np.int32)


def num_steps(corpus: VerifiedCorpus, preset: Preset, minutes: float) -> int:
    """How many steps fill some minutes at the preset's nominal rate."""
    events_per_step = preset.batch_examples * (1 + float(corpus.num_notes.mean()))
    return max(1, round(minutes * preset.events_per_minute / events_per_step))


def batches(examples: Ints, sizes: Ints, batch_examples: int, seed: int) -> Iterator[Ints]:
    """Batches of examples without end: every example once an epoch, in another order each time.

    Examples of like size come together, so that little is padding.

    Args:
        sizes: of every example of the corpus.
    """
    epoch = 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(examples)
        span = batch_examples * BUCKET_BATCHES
        buckets = [order[i : i + span] for i in range(0, len(order), span)]
        sorted_buckets = [bucket[np.argsort(sizes[bucket], kind="stable")] for bucket in buckets]
        cut = [b[i : i + batch_examples] for b in sorted_buckets for i in range(0, len(b), batch_examples)]
        for index in rng.permutation(len(cut)):
            yield cut[index].astype(np.int32)
        epoch += 1


def visits(corpus: VerifiedCorpus, preset: str, seed: int, steps: int) -> Ints:
    """How often each example of the corpus has been trained on after some steps."""
    counts = np.zeros(len(corpus), dtype=np.int32)
    examples, _ = split_examples(corpus)
    for batch in islice(
        batches(examples, corpus.num_notes, preset_named(preset).batch_examples, seed), steps
    ):
        counts[batch] += 1
    return counts


def matrices(corpus: VerifiedCorpus, batch: Ints, max_events: int) -> Tensor:
    """The matrices (N, R, F) of some examples."""
    return torch.from_numpy(np.stack([encode_example(corpus[int(i)], max_events) for i in batch]))


def leave_unsaid(rows_NRF: Tensor, generator: torch.Generator) -> Tensor:
    """The matrices with some attributes set to 'not said', so that prompts may leave them out."""
    rows_NRF = rows_NRF.clone()
    spans = {
        Kind.SONG: (SONG_ROW, SONG_ROW + 1, range(1, PLANNING_COLUMN)),
        Kind.TRACK: (FIRST_TRACK_ROW, FIRST_SECTION_ROW, range(3, 1 + len(PLAN_ATTRIBUTES[Kind.TRACK]))),
        Kind.SECTION: (FIRST_SECTION_ROW, FIRST_SECTION_ROW + 24, range(5, 6)),
    }
    for first, last, columns in spans.values():
        part = rows_NRF[:, first:last, columns.start : columns.stop]
        part *= torch.rand(part.shape, generator=generator) >= UNSAID
    planning = torch.rand(len(rows_NRF), generator=generator) < PLANNING
    rows_NRF[:, SONG_ROW, PLANNING_COLUMN] = planning.to(rows_NRF.dtype)
    return rows_NRF


@contextmanager
def _reproducible(threads: int) -> Iterator[None]:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def _steps(
    state: _State,
    corpus: VerifiedCorpus,
    examples: Ints,
    options: _Options,
    preset: Preset,
    directory: Path,
) -> Iterator[int]:
    order = batches(examples, corpus.num_notes, preset.batch_examples, options.seed)
    kept = {max(1, options.steps * part // 100) for part in TRAJECTORY_PER_CENT}
    state.model.train()
    for batch in islice(order, state.step, options.steps):
        rows_NRF = matrices(corpus, batch, preset.config.max_events)
        state.losses.append(_step(state, rows_NRF, options, preset))
        state.step += 1
        if state.step in kept:
            _save_checkpoint(directory / "trajectory" / f"step-{state.step:06d}.safetensors", state, options)
        if state.step % SAVE_EVERY_STEPS == 0:
            _save_state(directory, state, options)
        yield state.step


def _step(state: _State, rows_NRF: Tensor, options: _Options, preset: Preset) -> float:
    """One step of the optimiser; the loss in nats an event before it."""
    generator = torch.Generator().manual_seed(options.seed * 1_000_003 + state.step)
    rows_NRF = leave_unsaid(rows_NRF, generator)
    for group in state.optimiser.param_groups:
        group["lr"] = preset.learning_rate * _schedule(state.step, options.steps, preset.warmup_steps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = state.model(rows_NRF)
    loss = loss_of(output, rows_NRF)
    state.optimiser.zero_grad(set_to_none=True)
    loss.total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), CLIP_NORM)
    state.optimiser.step()
    return round(float(loss.notes.detach()), 6)


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


def _resumed(directory: Path, options: _Options, preset: Preset) -> _State:
    torch.manual_seed(options.seed)
    model = Composer(preset.config)
    state = _State(model, _optimiser(model, preset))
    path = directory / "state.safetensors"
    if not path.exists():
        return state
    tensors, metadata = read_tensors(path)
    _check_options(path, metadata["options"], options)
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    for name, parameter in model.named_parameters():
        state.optimiser.state[parameter] = {
            "step": torch.tensor(float(metadata["step"])),
            "exp_avg": tensors[f"mean.{name}"],
            "exp_avg_sq": tensors[f"square.{name}"],
        }
    state.step, state.losses = metadata["step"], list(metadata["losses"])
    return state


def _save_state(directory: Path, state: _State, options: _Options) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()}
    for name, parameter in state.model.named_parameters():
        kept = state.optimiser.state[parameter]
        tensors[f"mean.{name}"], tensors[f"square.{name}"] = kept["exp_avg"], kept["exp_avg_sq"]
    metadata = {"options": asdict(options), "step": state.step, "losses": state.losses}
    save_tensors(directory / "state.safetensors", tensors, metadata)


def _check_options(path: Path, found: dict[str, Any], options: _Options) -> None:
    wanted = asdict(options)
    other = [
        f"{name} {found.get(name)!r}, not {wanted[name]!r}"
        for name in wanted
        if found.get(name) != wanted[name]
    ]
    if other:
        raise TrainingError(f"{path} is of a run with {'; '.join(other)}: choose another directory")


def _save_checkpoint(path: Path, state: _State, options: _Options) -> None:
    save_checkpoint(
        path,
        state.model,
        corpus_id=options.corpus,
        preset=options.preset,
        seed=options.seed,
        steps=state.step,
    )


def _finish(
    state: _State,
    corpus: VerifiedCorpus,
    examples: Ints,
    held_out: Ints,
    options: _Options,
    preset: Preset,
    directory: Path,
) -> None:
    """Writes what a finished run leaves; `run.json` last, so that its presence says that all is there."""
    _save_checkpoint(directory / "checkpoint.safetensors", state, options)
    exposure = exposure_table(corpus, visits(corpus, options.preset, options.seed, options.steps))
    with replacing(directory / "exposure.parquet") as temporary:
        pq.write_table(exposure, temporary)
    record = {
        "options": asdict(options),
        "checkpoint": sha256_file(directory / "checkpoint.safetensors"),
        "losses": state.losses,
        "held_out": evaluate(state.model, corpus, held_out[:MAX_HELD_OUT_EXAMPLES], preset.batch_examples),
        "held_out_works": sorted({corpus.work_ids[i] for i in held_out}),
        "trained_examples": len(examples),
    }
    with replacing(directory / "run.json") as temporary:
        temporary.write_text(json.dumps(record, sort_keys=True, indent=1), encoding="utf-8")
    (directory / "state.safetensors").unlink(missing_ok=True)


def evaluate(
    model: Composer, corpus: VerifiedCorpus, examples: Ints, batch_examples: int = 8
) -> dict[str, float]:
    """The loss on some examples in nats an event, by field and in sum; empty for no examples."""
    if not len(examples):
        return {}
    model.eval()
    losses: list[tuple[int, Loss]] = []
    with torch.no_grad():
        for start in range(0, len(examples), batch_examples):
            rows_NRF = matrices(corpus, examples[start : start + batch_examples], model.config.max_events)
            losses.append((len(rows_NRF), loss_of(model(rows_NRF), rows_NRF)))
    total = sum(count for count, _ in losses)
    mean = {
        f.name.lower(): round(sum(n * float(loss.fields[f]) for n, loss in losses) / total, 6) for f in Field
    }
    return {**mean, "sum": round(sum(mean.values()), 6)}


def exposure_table(corpus: VerifiedCorpus, counts: Ints) -> pa.Table:
    """How much of each encoding was trained on: events seen, and passes in thousandths.

    Args:
        counts: how often each example was trained on.
    """
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for i, (work, encoding) in enumerate(zip(corpus.work_ids, corpus.encoding_ids, strict=True)):
        events, of = seen.get((work, encoding), (0, 0))
        notes = int(corpus.num_notes[i])
        seen[work, encoding] = (events + notes * int(counts[i]), of + notes)
    rows = sorted((work, encoding, *numbers) for (work, encoding), numbers in seen.items())
    return pa.table(
        {
            "work_id": [row[0] for row in rows],
            "encoding_id": [row[1] for row in rows],
            "events_seen": pa.array([row[2] for row in rows], pa.int64()),
            "epochs_milli": pa.array([1000 * row[2] // max(row[3], 1) for row in rows], pa.int64()),
        }
    )


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
