"""Playing along in time: lines and ports in, answers out when they are due, with a clock that is given."""

import io
import time
from types import SimpleNamespace

import mido
import pytest
import torch

from console.errors import ConsoleError
from console.steps import ports
from console.steps.jamming import lines_of, make_companion, measure, play, read_line, told
from model.live import Sound
from model.network import Composer
from model.prompt import Prompt
from model.score import GRID
from tests.model.songs import TINY

BAND = Prompt(
    genre="folk", instruments=("flute", "piano", "drums"), key="D major", tempo_bpm=120,
    structure=("A",), minutes=0.2,
)  # fmt: skip


@pytest.fixture(scope="module")
def composer():
    torch.manual_seed(1)
    return Composer(TINY).eval()


class Clock:
    """Seconds that pass only when somebody waits."""

    def __init__(self):
        self.now = 0.0

    def read(self):
        return self.now

    def wait(self, seconds):
        self.now += max(seconds, 0.01)


def play_with(composer, heard, *, end_beats=8, clock=None):
    clock = clock or Clock()
    out = []

    def take(sound, program, *, is_drum):
        out.append((clock.now, sound, program, is_drum))

    count = play(
        make_companion(composer, BAND, 3), heard, take, end_beats=end_beats, clock=clock.read, wait=clock.wait
    )
    assert count == len(out)
    return out


def test_answers_sound_when_they_are_due_and_not_before(composer):
    out = play_with(composer, lambda _: [])
    assert len(out) > 3
    for now, sound, _, _ in out:
        late = now * 2 * GRID - sound.start_steps  # two beats a second
        assert 0 <= late < 2, "within two steps of the grid"
    assert {sound.track for _, sound, _, _ in out} <= {1, 2}
    assert {is_drum for _, sound, _, is_drum in out if sound.track == 2} <= {True}


def test_the_same_notes_give_the_same_answers(composer):
    def player():
        waiting = [Sound(step, 6, 0, 62 + step % 7, 90) for step in range(0, 96, 8)]
        return lambda beats: [waiting.pop(0) for _ in list(waiting) if waiting[0].start_steps <= beats * GRID]

    one, two = ([sound for _, sound, _, _ in play_with(composer, player())] for _ in range(2))
    assert one == two
    assert one != [sound for _, sound, _, _ in play_with(composer, lambda _: [])]


def test_a_line_is_a_note():
    assert read_line("2.5 64 90 1", 7.0) == Sound(30, 12, 0, 64, 90)
    assert read_line("64 90", 7.0) == Sound(84, 6, 0, 64, 90)
    assert told(Sound(30, 12, 2, 64, 90)) == "2.500 64 90 1.000 2"


WRONG = ("", "x y", "1 2 3", "1 200 90 1", "64 0", "-1 64 90 1", "1 64 90 1 5", "nan 64 90 1")


@pytest.mark.parametrize("line", WRONG)
def test_a_line_that_is_no_note_says_how_one_is_written(line):
    with pytest.raises(ConsoleError, match="pitch velocity"):
        read_line(line, 0.0)


def test_lines_are_heard_as_they_come():
    heard = lines_of(io.StringIO("60 90\n\n1 62 90 1\n"))
    found: list[Sound] = []
    for _ in range(200):
        found += heard(3.0)
        if len(found) == 2:
            break
        time.sleep(0.01)
    assert found == [Sound(36, 6, 0, 60, 90), Sound(12, 12, 0, 62, 90)]


def test_the_wait_for_an_answer_is_measured(composer):
    found = measure(make_companion(composer, BAND, 1)).to_json()
    assert set(found) == {"p50_ms", "p95_ms", "p99_ms", "notes", "events_in_50_ms"}
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    assert found["notes"] > 3


class Port:
    """A port that keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_port_gives_notes_and_gets_notes_and_is_silent_at_the_end(composer, monkeypatch):
    out, callbacks = Port(), []

    def open_input(_name, callback):
        callbacks.append(callback)
        return Port()

    fake = SimpleNamespace(
        open_input=open_input, open_output=lambda _: out, Message=mido.Message,
        get_input_names=lambda: ["A port"],
    )  # fmt: skip
    monkeypatch.setattr(ports, "_backend", lambda: fake)
    assert ports.list_ports() == ["A port"]
    companion = make_companion(composer, BAND, 1)
    with ports.open_ports("A port", companion) as (heard, play_out):
        callbacks[0](mido.Message("note_on", note=64, velocity=90))
        callbacks[0](mido.Message("note_off", note=64))
        callbacks[0](mido.Message("note_on", note=64, velocity=0))
        assert list(heard(2.0)) == [Sound(24, 6, 0, 64, 90)]
        play_out(Sound(0, 1, 1, 60, 80), 24, is_drum=False)
        play_out(Sound(0, 1, 1, 62, 80), 24, is_drum=False)
        play_out(Sound(0, 1, 2, 36, 80), 0, is_drum=True)
    kinds = [message.type for message in out.sent]
    assert kinds.count("program_change") == 1
    assert [m.channel for m in out.sent if m.type == "note_on"] == [1, 1, 9]
    assert kinds[-16:].count("control_change") + kinds[-16:].count("note_off") == 16


def test_a_port_that_is_not_there_is_named(composer, monkeypatch):
    def refuse(name, **_):
        raise OSError(f"unknown port {name!r}")

    monkeypatch.setattr(ports, "_backend", lambda: SimpleNamespace(open_input=refuse, open_output=refuse))
    with (
        pytest.raises(ConsoleError, match="--list-ports"),
        ports.open_ports("Nowhere", make_companion(composer, BAND, 1)),
    ):
        pass
