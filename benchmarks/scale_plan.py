"""What would an index of so many examples take on so many GPUs? Arithmetic alone; nothing is run.

    python -m benchmarks.scale_plan [--gpus 100] [--rate 20]

A forward pass takes 2 operations for each parameter and token; the backward pass to the activations alone as
many again, because parameters are frozen. A projection of both sides of a weight takes 2 k (R + C) for each
token, the outer product 2 k^2, k being what is kept of a side. `--rate` is the speed that is assumed, in
million million operations a second and GPU; an H100's peak without tensor cores is 67.
"""

import argparse
from dataclasses import dataclass

GIB, TERA = 1024**3, 10**12
WIDTH = 65_536  # numbers of an example's feature
SAMPLE, SHARD = 4_096, 64  # as the composer's index has them


@dataclass(frozen=True)
class Plan:
    """A model and a corpus; the weights are taken to be square, and all alike."""

    name: str
    parameters: int
    weights: int
    tokens: int
    examples: int

    @property
    def operations(self) -> float:
        """Operations of one example."""
        side = (self.parameters / self.weights) ** 0.5
        kept = min(side, (WIDTH / self.weights) ** 0.5)
        projected = self.weights * (4 * kept * side + 2 * kept**2)
        return self.tokens * (4 * self.parameters + projected)

    def line(self, gpus: int, rate: float, checkpoints: int) -> str:
        """One line of the table."""
        seconds = self.operations / (rate * TERA)
        stored = self.examples * WIDTH * 2
        hours = self.examples * seconds * checkpoints / 3600
        cells = (
            self.name, f"{self.parameters:,}", f"{self.tokens:,}", f"{self.examples:,}",
            f"{-(-self.examples // SHARD):,}", f"{stored * checkpoints / GIB:,.0f}",
            f"{SAMPLE * WIDTH * 4 / GIB:.1f}", f"{1000 * seconds:,.1f}", f"{hours:,.1f}",
            f"{60 * hours / gpus:,.1f}", f"{WIDTH * 2 / seconds / 10**6 * gpus:,.0f}",
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"


PLANS = (
    Plan("full composer", 339_326_180, 300, 512, 1_200_000),
    Plan("a billion", 1_000_000_000, 170, 2_048, 1_200_000),
    Plan("seven billion", 7_000_000_000, 230, 2_048, 10_000_000),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpus", type=int, default=100)
    parser.add_argument("--rate", type=float, default=20.0, help="10^12 operations a second and GPU")
    parser.add_argument("--checkpoints", type=int, default=1)
    args = parser.parse_args()
    columns = (
        "model", "parameters", "tokens", "examples", "shards a checkpoint", "index, GiB", "temporary, GiB",
        "ms an example", "GPU hours", "minutes", "MB/s written",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |")
    print(f"|---{'|---:' * (len(columns) - 1)}|")
    for plan in PLANS:
        print(plan.line(args.gpus, args.rate, args.checkpoints))


if __name__ == "__main__":
    main()
