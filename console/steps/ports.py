"""MIDI ports: notes of a player in, notes of the companion out."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from console.errors import ConsoleError
from console.steps.jamming import DEFAULT_BEATS, Output
from model.live import Companion, Sound
from model.score import GRID

CHANNELS, DRUM_CHANNEL, ALL_NOTES_OFF = 16, 9, 123
MISSING = "MIDI ports need mido and python-rtmidi: pip install 'contrafact[live]'"


def list_ports() -> list[str]:
    """The names of the ports that can be played from.

    Raises:
        ConsoleError: what reads ports is not installed.
    """
    names: list[str] = _backend().get_input_names()
    return names


@contextmanager
def open_ports(
    name: str, companion: Companion
) -> Iterator[tuple[Callable[[float], Iterator[Sound]], Output]]:
    """What was played on a port, and a way to play on the port of the same name.

    Raises:
        ConsoleError: there is no such port, or what reads ports is not installed.
    """
    backend = _backend()
    seconds_a_step = 60 / companion.plan.tempo_bpm / GRID
    played: deque[Any] = deque()
    try:
        source = backend.open_input(name, callback=played.append)
        target = backend.open_output(name)
    except OSError as error:
        raise ConsoleError(f"there is no MIDI port '{name}' ({error}): --list-ports names them") from error

    def heard(now_beats: float) -> Iterator[Sound]:
        while played:
            message = played.popleft()
            if message.type == "note_on" and message.velocity:
                yield Sound(
                    round(now_beats * GRID), round(DEFAULT_BEATS * GRID), 0, message.note, message.velocity
                )

    programs: dict[int, int] = {}

    def play_out(sound: Sound, program: int, *, is_drum: bool) -> None:
        channel = DRUM_CHANNEL if is_drum else sound.track % DRUM_CHANNEL
        if not is_drum and programs.get(channel) != program:
            target.send(backend.Message("program_change", channel=channel, program=program))
            programs[channel] = program
        target.send(backend.Message("note_on", channel=channel, note=sound.pitch, velocity=sound.velocity))
        off = backend.Message("note_off", channel=channel, note=sound.pitch)
        threading.Timer(sound.duration_steps * seconds_a_step, target.send, [off]).start()

    with source, target:
        try:
            yield heard, play_out
        finally:
            for channel in range(CHANNELS):
                target.send(backend.Message("control_change", channel=channel, control=ALL_NOTES_OFF))


def _backend() -> ModuleType:
    """What reads ports, loaded only where a port is asked for."""
    try:
        mido = import_module("mido")
        mido.get_input_names()
    except ImportError as error:
        raise ConsoleError(MISSING) from error
    return mido
