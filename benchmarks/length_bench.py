"""What does a piece of twelve minutes and 24 tracks cost the composer, beside flat causal attention?

    python -m benchmarks.length_bench [--minutes 3 6 12]

The same width, depth and events; flat is PyTorch's causal attention over the whole piece in every block. One
pass of reading and one with gradients, each in a process of its own, for time and memory. Operations of
matrix products are counted as they are called (twice a multiplication); of flat attention half is counted,
because the kernel leaves the future out.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from model.attention import KeyValue, Sight, View
from model.events import Ints, Note
from model.excerpts import Excerpt, encode_example
from model.network import Composer
from model.objective import loss_of
from model.plan import SectionPlan, SongPlan, TrackPlan
from model.presets import PRESETS

TEMPO_BPM = 120
TRACKS = 24
NOTES_A_BAR = 120  # of all tracks: as the 15-track scores of the Polish corpus, or lively pop
SECTION_BARS = 24


def a_plan(minutes: float) -> SongPlan:
    """A song of equal sections, of which every second repeats the first."""
    bars = int(minutes * TEMPO_BPM / 4)
    edges = [*range(0, bars, SECTION_BARS), bars]
    sections = tuple(
        SectionPlan("AB"[i % 2] if i < 2 else "A", start, end, 0 if i % 2 == 0 and i else None, 3)
        for i, (start, end) in enumerate(pairwise(edges))
    )
    phrases = tuple((start, min(start + 4, bars)) for start in range(0, bars, 4))
    tracks = tuple(TrackPlan(program, program == 0, 0 if program == 0 else 6, 4) for program in range(TRACKS))
    return SongPlan(
        "pop",
        "pop_rock",
        "C major",
        TEMPO_BPM,
        ((4, 4),) * bars,
        tracks,
        sections,
        phrases,
        (1,) * (2 * bars),
    )


def some_notes(plan: SongPlan) -> Ints:
    """Notes at random, in event order."""
    rng = np.random.default_rng(0)
    count = NOTES_A_BAR * plan.num_bars
    notes = np.stack(
        [
            np.repeat(np.arange(plan.num_bars), NOTES_A_BAR), 3 * rng.integers(0, 16, count),
            rng.integers(0, TRACKS, count), rng.integers(40, 80, count), rng.integers(1, 13, count),
            8 * rng.integers(6, 15, count) + 4,
        ],
        1,
    ).astype(np.int32)  # fmt: skip
    notes = np.unique(notes[np.lexsort(notes[:, [3, 2, 1, 0]].T)], axis=0)
    same = (np.diff(notes[:, [Note.BAR, Note.POSITION, Note.TRACK, Note.PITCH]], axis=0) == 0).all(1)
    return notes[np.append(~same, True)]


class Causal:
    """Every earlier event, by PyTorch's own causal attention."""

    def attend(self, query_NHTd: Tensor, seen: KeyValue) -> Tensor:
        return F.scaled_dot_product_attention(query_NHTd, *seen, is_causal=True)


class Flat(Composer):
    """The composer with flat attention over events in place of its own, and without summaries."""

    def _sight(self, _view: View) -> Sight:
        return Causal()


def cpu_attention_operations(query, key, _value, _dropout=0.0, is_causal=False, **_options) -> int:
    """Operations of one call of the fused kernel; where it leaves the future out, half of them."""
    songs, heads, queries, width = query
    return 4 * songs * heads * queries * key[2] * width // (2 if is_causal else 1)


COUNTED = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: cpu_attention_operations}
KINDS: dict[str, Callable[[], Composer]] = {
    "hierarchical": lambda: Composer(PRESETS["lite"].config),
    "flat": lambda: Flat(replace(PRESETS["lite"].config, levels=0)),
}


def measure(kind: str, minutes: float, *, gradients: bool) -> dict[str, float]:
    """Events, operations of a pass forward, seconds and memory of one pass, in this process."""
    plan = a_plan(minutes)
    notes = some_notes(plan)
    count = len(notes) + plan.num_bars + 1
    rows = torch.from_numpy(encode_example(Excerpt(plan, 0, plan.num_bars, notes), count))[None]
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model = KINDS[kind]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    with torch.set_grad_enabled(gradients):
        output = model(rows)
        if gradients:
            loss_of(output, rows).total.backward()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    operations = 0
    if not gradients:
        with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=COUNTED) as counter:
            model(rows)
        operations = counter.get_total_flops()
    return {"events": count, "operations": operations, "seconds": seconds, "mib": (peak - before) / 1024}


def measured_apart(kind: str, minutes: float, *, gradients: bool) -> dict[str, float]:
    """The same in a process of its own, so that one's memory is not the other's."""
    command = [sys.executable, "-m", "benchmarks.length_bench", "--one", kind, "--minutes", str(minutes)]
    done = subprocess.run([*command, *(["--gradients"] if gradients else [])], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 6.0, 12.0])
    parser.add_argument("--one", choices=KINDS)
    parser.add_argument("--gradients", action="store_true")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, args.minutes[0], gradients=args.gradients)))
        return
    print("| minutes | events | pass | operations, hierarchical / flat | seconds | ratio | MiB |")
    print("|---:|---:|---|---:|---:|---:|---:|")
    for minutes in args.minutes:
        for gradients in (False, True):
            ours, flat = (measured_apart(kind, minutes, gradients=gradients) for kind in KINDS)
            told = f"{ours['operations']:.3g} / {flat['operations']:.3g}" if not gradients else ""
            fewer = f" ({1 - ours['operations'] / flat['operations']:.0%} fewer)" if not gradients else ""
            print(
                f"| {minutes:g} | {ours['events']:.0f} | {'with gradients' if gradients else 'reading'} "
                f"| {told}{fewer} | {ours['seconds']:.1f} / {flat['seconds']:.1f} "
                f"| {ours['seconds'] / flat['seconds']:.2f} | {ours['mib']:.0f} / {flat['mib']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
