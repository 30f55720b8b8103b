"""Playing along: notes come in, from a port or from lines of text, and answers go out when they are due."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

import numpy as np
import torch

from console.errors import ConsoleError
from console.home import Home
from console.steps.generating import checkpoint_of
from model.checkpoint import load_checkpoint
from model.generation import one_thread
from model.live import BEAT, Companion, Sound
from model.network import Composer
from model.planning import plan_song
from model.prompt import Prompt
from model.score import GRID
from provenance.runs import find_run

TICK_SECONDS = 0.002
DEFAULT_BEATS = 0.5  # of a played note, while nobody knows how long it will be held
AHEAD_BEATS = 2
BENCH_NOTES = 200
WARM_BARS = 33  # as many as a note can look back on


class Output(Protocol):
    """Where answers go."""

    def __call__(self, sound: Sound, program: int, *, is_drum: bool) -> None:
        """Plays one note, now."""


@dataclass(frozen=True)
class Latency:
    """How long it took from a note that was played to the next one that is ready, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    notes: int
    events_in_50_ms: int

    def to_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        waits = {name: round(getattr(self, name), 3) for name in ("p50_ms", "p95_ms", "p99_ms")}
        return {**waits, "notes": self.notes, "events_in_50_ms": self.events_in_50_ms}


def companion_of(home: Home, run_id: str | None, prompt: Prompt, seed: int) -> Companion:
    """Somebody to play with, by the model of a run, or of the newest; the first track is the player's."""
    with home.session() as session:
        run = find_run(session, run_id)
    return make_companion(load_checkpoint(checkpoint_of(home, run))[0], prompt, seed)


def make_companion(model: Composer, prompt: Prompt, seed: int) -> Companion:
    """Somebody to play with; the same model, prompt and seed plan the same piece."""
    rng = np.random.default_rng(seed)
    plan, ensemble = plan_song(model, prompt, rng)
    return Companion(model, plan, ensemble, rng)


def read_line(line: str, now_beats: float) -> Sound:
    """A note of a line `[beat] pitch velocity [beats]`: four numbers, or two without its time and its length.

    Raises:
        ConsoleError: it is no such line.
    """
    try:
        numbers = [float(word) for word in line.split()]
        if len(numbers) == 2:
            numbers = [now_beats, *numbers, DEFAULT_BEATS]
        beat, pitch, velocity, beats = numbers
        if not (beat >= 0 and 0 <= pitch <= 127 and 1 <= velocity <= 127 and 0 < beats <= 64):
            raise ValueError
    except ValueError:
        raise ConsoleError(
            f"'{line.strip()}' is no note: write 'pitch velocity', or 'beat pitch velocity beats'"
        ) from None
    return Sound(round(beat * GRID), max(1, round(beats * GRID)), 0, int(pitch), int(velocity))


def told(sound: Sound) -> str:
    """A note as a line: beat, pitch, velocity, beats, track."""
    start, length = sound.start_steps / GRID, sound.duration_steps / GRID
    return f"{start:.3f} {sound.pitch} {sound.velocity} {length:.3f} {sound.track}"


def play(
    companion: Companion,
    heard: Callable[[float], Iterable[Sound]],
    play_out: Output,
    *,
    end_beats: float,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Plays along until the end; how many notes were answered with.

    Args:
        heard: the notes that were played since it was asked last; told the beat that it is.
        clock: seconds that only rise.
    """
    seconds_a_beat = 60 / companion.plan.tempo_bpm
    end_steps = min(companion.end_steps, round(end_beats * GRID))
    count = 0
    with one_thread():
        companion.plan_until(AHEAD_BEATS * BEAT)
        began = clock()
        while (now := (clock() - began) / seconds_a_beat * GRID) < end_steps:
            for sound in heard(now / GRID):
                companion.hear(sound)
            for sound in companion.sounds_until(int(now)):
                track = companion.plan.tracks[sound.track]
                play_out(sound, track.program, is_drum=track.is_drum)
                count += 1
            if companion.planned_until < min(now + AHEAD_BEATS * BEAT, end_steps):
                companion.plan_one()
            else:
                wait(TICK_SECONDS)
    return count


def lines_of(stream: TextIO) -> Callable[[float], Iterator[Sound]]:
    """The notes of the lines that come in on a stream, each when it has come."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in stream:
            if line.strip():
                lines.put(line)

    threading.Thread(target=read, daemon=True).start()

    def heard(now_beats: float) -> Iterator[Sound]:
        while not lines.empty():
            yield read_line(lines.get(), now_beats)

    return heard


def measure(companion: Companion, seed: int = 0) -> Latency:
    """How long an answer takes, with a full window: on one thread, a note of the player at each half beat."""
    rng = np.random.default_rng(seed)
    waits: list[float] = []
    counts: list[int] = []
    with one_thread(), torch.no_grad():
        now = int(companion.plan.bar_starts[min(WARM_BARS, companion.plan.num_bars // 2)])
        companion.plan_until(now)
        companion.sounds_until(now)
        while len(waits) < BENCH_NOTES and now + 4 * BEAT < companion.end_steps:
            companion.plan_until(now + BEAT)
            companion.sounds_until(now)
            started = time.perf_counter()
            companion.hear(Sound(now, BEAT // 2, 0, int(rng.integers(60, 80)), 90))
            while not companion.plan_one() and companion.planned_until < companion.end_steps:
                pass
            waits.append(1000 * (time.perf_counter() - started))
            written = 1
            while 1000 * (time.perf_counter() - started) < 50:
                written += companion.plan_one()
            counts.append(written)
            now += BEAT // 2
    p50, p95, p99 = np.quantile(waits, [0.5, 0.95, 0.99]).tolist()
    return Latency(p50, p95, p99, len(waits), int(np.median(counts)))
