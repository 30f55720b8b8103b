"""What does attribution cost: indexing beside one plain pass, memory, disk, and a query?

    python -m benchmarks.attribution_cost [--examples 200 800] [--kept 16]

The tokens are random and the model is untrained: this measures time and space, not quality.

Shapes: N examples, T tokens, Q queries.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.lds_truth import Block
from provenance.attribution import Attributor, SequenceTask, Widths

VOCABULARY, LENGTH, BATCH = 512, 256, 16
TASK = SequenceTask(lambda m, x: m(x[:, :-1]), lambda x: x[:, 1:])


class Model(nn.Module):
    """A causal transformer of a million parameters."""

    def __init__(self, width: int = 144, layers: int = 4) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def plain_seconds(model: nn.Module, tokens_NT: Tensor) -> float:
    """Seconds of one forward and backward pass over all examples."""
    started = time.perf_counter()
    for batch in tokens_NT.split(BATCH):
        logits, targets = TASK.logits(model, batch), TASK.targets(batch)
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    return time.perf_counter() - started


def measure(num_examples: int, kept: int) -> str:
    """One line of the table, from a process of its own."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Model()
    tokens_NT = torch.randint(0, VOCABULARY, (num_examples, LENGTH))
    plain = plain_seconds(model, tokens_NT)
    with tempfile.TemporaryDirectory() as folder:
        attributor = Attributor(
            model, TASK, folder, widths=Widths(kept, kept), batch_size=BATCH, shard_rows=64
        )
        started = time.perf_counter()
        size = attributor.index(tokens_NT).bytes
        index = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        attributor.score(tokens_NT[:1])
        score = time.perf_counter() - started
        attributor.search(tokens_NT[:1])
        started = time.perf_counter()
        attributor.search(tokens_NT[:1])
        search = time.perf_counter() - started
    return (
        f"| {num_examples} | {plain:.1f} | {index:.1f} | {index / plain:.2f} | {peak:.0f} "
        f"| {size / num_examples / 1024:.0f} | {1000 * score:.0f} | {1000 * search:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, nargs="+", default=[200, 800])
    parser.add_argument("--kept", type=int, default=16, help="width of the projection on either side")
    args = parser.parse_args()
    print(
        "| examples | plain pass, s | index, s | ratio | peak MiB | KiB an example | score, ms | search, ms |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    context = multiprocessing.get_context("spawn")
    for num_examples in args.examples:
        with context.Pool(1) as pool:
            print(pool.apply(measure, (num_examples, args.kept)), flush=True)


if __name__ == "__main__":
    main()
