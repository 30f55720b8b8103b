"""What does one process do that reads foreign scores and may die of them?

It waits for a score on standard input, answers with MIDI and the time of every bar on standard output, and
waits for the next one. Its parent, `model.notation`, counts a death or a silence as a fault of the score.
Messages are frames: four bytes of length, then as many bytes.
"""

import base64
import json
import os
import resource
import struct
import sys
from typing import BinaryIO

import verovio

MEMORY_BYTES = 3 << 30
_LENGTH = struct.Struct(">I")


def write_frame(pipe: BinaryIO, body: bytes) -> None:
    """Send one message."""
    pipe.write(_LENGTH.pack(len(body)) + body)


def read_frame(pipe: BinaryIO) -> bytes | None:
    """The next message, or None at the end of the pipe."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return pipe.read(_LENGTH.unpack(head)[0])


def main() -> None:
    """Answer one score after another until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints is no answer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    while (form := read_frame(sys.stdin.buffer)) is not None:
        text = (read_frame(sys.stdin.buffer) or b"").decode("utf-8", "replace")
        fault, midi, starts = _convert(toolkit, form.decode(), text)
        for body in (fault.encode(), midi, json.dumps(starts).encode()):
            write_frame(answers, body)
        answers.flush()


def _convert(toolkit: verovio.toolkit, form: str, text: str) -> tuple[str, bytes, list[float]]:
    """A fault or the empty text, MIDI, and where in quarter notes each bar begins and the last one ends."""
    toolkit.setInputFrom(form)
    if not toolkit.loadData(text):
        return f"no {form} score can be read in it", b"", []
    midi = base64.b64decode(toolkit.renderToMIDI())
    times = toolkit.renderToTimemap({"includeMeasures": True, "includeRests": True})
    times = json.loads(times) if isinstance(times, str) else times
    starts = [time["qstamp"] for time in times if "measureOn" in time]
    return "", midi, [*starts, times[-1]["qstamp"]] if starts else []


if __name__ == "__main__":
    main()
