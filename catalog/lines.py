"""How is a file read line by line with flat memory, and each line's bytes known?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `whole` is False where the file stops, or the line is too long, within it."""

    number: int
    start: int
    end: int
    data: bytes
    whole: bool
    too_long: bool = False


def lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines of a stream; of a line longer than a mebibyte only the beginning is kept."""
    number, position = 0, 0
    while data := stream.readline(MAX_LINE_BYTES):
        number += 1
        start, position = position, position + len(data)
        if len(data) == MAX_LINE_BYTES and not data.endswith(b"\n"):
            position += _skip_rest(stream)
            yield Line(number, start, position, data[:200], whole=False, too_long=True)
        else:
            yield Line(number, start, position, data.rstrip(b"\r\n"), whole=data.endswith(b"\n"))


def _skip_rest(stream: BinaryIO) -> int:
    skipped = 0
    while data := stream.readline(MAX_LINE_BYTES):
        skipped += len(data)
        if data.endswith(b"\n"):
            break
    return skipped


def shown(data: bytes, limit: int = 80) -> str:
    """The beginning of some bytes, printable, for a message."""
    text = data[:limit].decode("utf-8", "replace")
    return repr(text) + (f" and {len(data) - limit} bytes more" if len(data) > limit else "")


def storable(text: str) -> str:
    """The text without what a database refuses: zero characters, and names' bytes that are no UTF-8."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
