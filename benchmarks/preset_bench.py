"""What does a training step cost, beside a plain decoder of as many parameters, and does the largest one run?

    python -m benchmarks.preset_bench

For lite the same batches of house-composed pieces go through the composer and through PyTorch's own causal
transformer with one head a field: forward, backward and AdamW, in bfloat16, in turn. Of base and full one
example makes one step; operations are those of matrix products, forward, and three times that with gradients.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.length_bench import COUNTED
from model.analysis import analyse
from model.events import FIELD_SIZES
from model.excerpts import encode_example, excerpts
from model.genres import GENRE_SLUGS
from model.house import compose
from model.network import Composer, num_rows
from model.objective import loss_of, targets_of
from model.plan import PLAN_ROWS, Column
from model.presets import PRESETS, Preset
from model.score import quantise
from model.training import _optimiser as adamw

BATCHES = 12
PLAIN_WIDTH, PLAIN_LAYERS, PLAIN_HEADS = 208, 4, 4


def house_examples(count: int) -> list[Tensor]:
    """Examples of house-composed pieces, as matrices."""
    found: list[Tensor] = []
    for number in range(count):
        score = quantise(compose(GENRE_SLUGS[number % len(GENRE_SLUGS)], number // len(GENRE_SLUGS), 5).score)
        pieces = excerpts(score, analyse(score), GENRE_SLUGS[number % len(GENRE_SLUGS)])
        found += [torch.from_numpy(encode_example(excerpt)) for excerpt in pieces]
        if len(found) >= count:
            break
    return found[:count]


def batches(examples: list[Tensor], size: int) -> list[Tensor]:
    """Batches of examples of like size, as in training."""
    ordered = sorted(examples, key=lambda rows: int((rows[PLAN_ROWS:, Column.KIND] > 0).sum()))
    cut = [torch.stack(ordered[i : i + size]) for i in range(0, len(ordered) - size + 1, size)]
    return [cut[i] for i in np.random.default_rng(0).permutation(len(cut))]


class Plain(nn.Module):
    """PyTorch's own transformer over the sum of the fields' embeddings, one linear map a field behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.ModuleList(nn.Embedding(size + 1, PLAIN_WIDTH) for size in FIELD_SIZES)
        layer = nn.TransformerEncoderLayer(
            PLAIN_WIDTH, PLAIN_HEADS, 4 * PLAIN_WIDTH, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, PLAIN_LAYERS, enable_nested_tensor=False)
        self.say = nn.ModuleList(nn.Linear(PLAIN_WIDTH, size) for size in FIELD_SIZES)
        self.register_buffer("sizes", torch.tensor(FIELD_SIZES))

    def forward(self, events_NTF: Tensor) -> list[Tensor]:
        fields = events_NTF[..., Column.POSITION : Column.VELOCITY + 1].long()
        fields = torch.where(fields < 0, self.sizes, fields)
        x_NTD = sum(read(fields[..., place]) for place, read in enumerate(self.read))
        mask = nn.Transformer.generate_square_subsequent_mask(x_NTD.shape[1])
        x_NTD = self.blocks(x_NTD, mask, is_causal=True)
        return [say(x_NTD) for say in self.say]


def plain_step() -> tuple[Callable[[Tensor], None], int]:
    """A step of the plain decoder, and how many parameters it has."""
    torch.manual_seed(0)
    model = Plain()
    optimiser = torch.optim.AdamW(model.parameters(), foreach=True)

    def step(rows_NRF: Tensor) -> None:
        events_NTF = rows_NRF[:, PLAN_ROWS : PLAN_ROWS + num_rows(rows_NRF)]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            said = model(events_NTF)
        target = targets_of(events_NTF)[:, 1:]
        loss = sum(
            F.cross_entropy(x[:, :-1].flatten(0, 1).float(), target[..., i].flatten(), ignore_index=-100)
            for i, x in enumerate(said)
        )
        _descend(model, optimiser, loss)

    return step, _size(model)


def our_step(preset: Preset) -> tuple[Callable[[Tensor], None], Composer]:
    """A step of a preset, and its composer."""
    torch.manual_seed(0)
    model = Composer(preset.config)
    optimiser = adamw(model, preset)

    def step(rows_NRF: Tensor) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = model(rows_NRF)
        _descend(model, optimiser, loss_of(output, rows_NRF).total)

    return step, model


def _descend(model: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()


def _size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _seconds(step: Callable[[Tensor], None], rows: Tensor) -> float:
    started = time.perf_counter()
    step(rows)
    return time.perf_counter() - started


def beside_plain(some: list[Tensor], threads: int) -> str:
    """A line about lite and the plain decoder on the same batches in turn."""
    torch.set_num_threads(threads)
    (ours, model), (plain, plain_size) = our_step(PRESETS["lite"]), plain_step()
    times = [(_seconds(ours, rows), _seconds(plain, rows)) for rows in some][2:]
    mine, theirs = (median(column) for column in zip(*times, strict=True))
    ratio = median(a / b for a, b in times)
    return (
        f"| lite, {threads} threads | {_size(model):,} | {mine:.3f} | {plain_size:,} | {theirs:.3f} "
        f"| {ratio:.2f} |"
    )


def dry_step(name: str, rows: Tensor) -> str:
    """A line about one step of one example."""
    step, model = our_step(PRESETS[name])
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=COUNTED) as counter:
        model(rows)
    operations = counter.get_total_flops() / num_rows(rows)
    seconds = _seconds(step, rows)
    finite = all(bool(torch.isfinite(p).all()) for p in model.parameters())
    assert finite, f"{name}: a step leaves parameters that are no numbers"
    millions = f"{operations / 1e6:,.0f} | {3 * operations / 1e6:,.0f}"
    return f"| {name} | {_size(model):,} | {millions} | {seconds:.1f} |"


def main() -> None:
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    some = batches(house_examples(8 * BATCHES), PRESETS["lite"].batch_examples)
    print("| step of 8 examples | parameters | s | plain decoder's | s | ratio |")
    print("|---|---:|---:|---:|---:|---:|")
    for threads in (1, 2):
        print(beside_plain(some, threads), flush=True)
    print(
        "\n| preset | parameters | million operations an event, forward | with gradients | s, one example |"
    )
    print("|---|---:|---:|---:|---:|")
    for name in PRESETS:
        print(dry_step(name, some[0][:1]), flush=True)


if __name__ == "__main__":
    main()
