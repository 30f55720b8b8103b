"""How long does one wait for an answer while playing, and does an event cost more late in a long piece?

    python -m benchmarks.live_bench

Lite, not trained (what is measured does not depend on the weights), one thread, while another process keeps
the other core busy. First the wait from a note of the player to the next note that is ready, with a full
window. Then the cost of an event, chosen and read, after 1,000, 10,000 and 50,000 events, in a piece of bars
of sixteen notes.
"""

import argparse
import subprocess
import sys
import time

import numpy as np
import torch

from console.steps.jamming import make_companion, measure
from model.decoding import Decoder
from model.events import Field, Ints, Note
from model.network import Composer
from model.plan import Column, SectionPlan, SongPlan, TrackPlan, event_rows, plan_rows
from model.presets import preset_named
from model.prompt import Prompt

BUSY = [sys.executable, "-c", "while True: pass"]
BAND = Prompt(genre="folk", instruments=("flute", "piano", "bass", "drums"), tempo_bpm=120, minutes=4)
A_BAR = 16
TIMED = 128


def a_long_plan(num_bars: int) -> SongPlan:
    """A plan of very many bars, four to a phrase; its sections do not count here."""
    phrases = tuple((start, min(start + 64, num_bars)) for start in range(0, num_bars, 64))[:96]
    sections = tuple(SectionPlan("A", start, end) for start, end in phrases[:24])
    tracks = (TrackPlan(0, False, 5, 4), TrackPlan(32, False, 3, 4))
    return SongPlan(
        "folk", "world", "C major", 120, ((4, 4),) * num_bars, tracks, sections, phrases, (1,) * 2 * num_bars
    )


def a_bar(bar: int) -> Ints:
    """Sixteen notes of one bar."""
    random = np.random.default_rng(bar % 97)
    notes = np.zeros((A_BAR, len(Note)), dtype=np.int32)
    notes[:, Note.BAR], notes[:, Note.POSITION] = bar, 3 * np.arange(A_BAR)
    notes[:, Note.TRACK], notes[:, Note.PITCH] = random.integers(0, 2, A_BAR), random.integers(48, 72, A_BAR)
    notes[:, Note.DURATION], notes[:, Note.VELOCITY] = 3, 84
    return notes


def costs(model: Composer, marks: tuple[int, ...]) -> list[float]:
    """Milliseconds for an event, at the median, after so many events."""
    plan = a_long_plan(max(marks) // (A_BAR + 1) + TIMED // A_BAR + 2)
    decoder = Decoder(model, plan_rows(plan), plan.sources_of_bars)
    found, events, bar = [], 0, 0
    for mark in marks:
        while events < mark:
            rows = event_rows(plan, a_bar(bar), bar, bar + 1)
            decoder.read(rows)
            events, bar = events + len(rows), bar + 1
        waits = []
        for _ in range(TIMED // A_BAR):
            rows = event_rows(plan, a_bar(bar), bar, bar + 1)
            decoder.read(rows[:1])
            for row in rows[1:]:
                started = time.perf_counter()
                for field in Field:
                    decoder.logits(field, row)
                decoder.read(row[None])
                waits.append(1000 * (time.perf_counter() - started))
            events, bar = events + len(rows), bar + 1
        assert rows[-1, Column.POSITION] >= 0
        found.append(float(np.median(waits)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    asked = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Composer(preset_named("lite").config).eval()
    with subprocess.Popen(BUSY) as busy:
        try:
            found = measure(make_companion(model, BAND, 0))
            waits = f"p50 {found.p50_ms:.1f}, p95 {found.p95_ms:.1f}, p99 {found.p99_ms:.1f} ms"
            print(f"{found.notes} notes of a player, the other core busy: {waits} to the next note")
            print(f"{found.events_in_50_ms} events in 50 ms at the median", flush=True)
            told = costs(model, tuple(asked.events))
            for mark, cost in zip(asked.events, told, strict=True):
                print(f"after {mark:,} events: {cost:.2f} ms an event, {cost / told[0]:.2f} x the first")
        finally:
            busy.kill()


if __name__ == "__main__":
    main()
