"""How does a score in MusicXML, Humdrum, ABC or MEI become notes, whatever is in the file?

verovio does it in worker processes: a file that kills or hangs one costs that file and no other. Archives are
measured before they are unpacked, and XML that defines entities is refused.
"""

import contextlib
import io
import json
import os
import queue
import re
import select
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from types import TracebackType
from typing import Self
from xml.etree import ElementTree

from model.barlines import barred
from model.errors import MidiError, NotationError
from model.midi import read_midi
from model.parts import tidy_parts
from model.score import Score
from model.tunes import plain_tune, split_book

FORMATS = {
    ".mxl": "xml",
    ".xml": "xml",
    ".musicxml": "xml",
    ".krn": "humdrum",
    ".abc": "abc",
    ".mei": "mei",
}
MAX_TEXT_BYTES = 32 * 1024 * 1024
TIMEOUT_S = 60.0
MAX_BEATS = 255  # in a bar, as MIDI can say it
_LAST_NOTE_QUARTERS = 16
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_HIDDEN_NAME = re.compile(r'(<part-name[^>]*) print-object="no"')


def is_notation(name: str) -> bool:
    """Whether the name's ending is one of a notation that is read here."""
    return PurePath(name).suffix.lower() in FORMATS


def split_tunes(name: str, data: bytes) -> list[tuple[str, bytes]]:
    """Each tune of an ABC book by itself, named `book.abc#12`; a file of another kind as it is."""
    tunes = split_book(_decoded(data)) if PurePath(name).suffix.lower() == ".abc" else []
    if len(tunes) < 2:
        return [(name, data)]
    return [(f"{name}#{number}", tune.encode()) for number, tune in tunes]


def notation_text(name: str, data: bytes) -> tuple[str, str]:
    """Which notation a file is in, and its text, unpacked.

    Raises:
        NotationError: the ending is unknown, an archive is broken or too large, or XML defines entities.
    """
    suffix = PurePath(name.partition("#")[0]).suffix.lower()
    form = FORMATS.get(suffix)
    if form is None:
        raise NotationError(
            f"{name}: endings that are read are {', '.join(sorted(FORMATS))}, found '{suffix}'"
        )
    if data[:4] == b"PK\3\4":
        data = _unpacked(name, data)
    if len(data) > MAX_TEXT_BYTES:
        raise NotationError(f"{name}: {len(data)} bytes of text; at most {MAX_TEXT_BYTES} are read")
    text = _decoded(data)
    if form in ("xml", "mei"):
        _refuse_entities(name, text.encode())
        text = _HIDDEN_NAME.sub(r"\1", re.sub(r'(<\?xml[^>]*encoding=")[^"]*"', r'\1UTF-8"', text, count=1))
    if form == "abc":
        text = plain_tune(text)
    if not text.strip():
        raise NotationError(f"{name}: the file is empty")
    return form, text


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _refuse_entities(name: str, data: bytes) -> None:
    if _ENTITY.search(data):
        raise NotationError(f"{name}: the XML defines entities, which are not expanded here; remove them")


def _unpacked(name: str, data: bytes) -> bytes:
    """The score in a compressed MusicXML file, as its container names it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            if sum(sizes.values()) > MAX_TEXT_BYTES:
                raise NotationError(
                    f"{name}: unpacks to {sum(sizes.values())} bytes; at most {MAX_TEXT_BYTES} are read"
                )
            return _member(archive, _root_file(name, archive, sizes))
    except (zipfile.BadZipFile, EOFError, KeyError, OSError, RuntimeError, ValueError, zlib.error) as error:
        raise NotationError(f"{name}: the archive cannot be unpacked: {error}") from error


def _member(archive: zipfile.ZipFile, member: str) -> bytes:
    """A member's bytes, never more than are allowed, whatever the directory says of its size."""
    with archive.open(member) as stream:
        return stream.read(MAX_TEXT_BYTES + 1)


def _root_file(name: str, archive: zipfile.ZipFile, sizes: dict[str, int]) -> str:
    if "META-INF/container.xml" in sizes:
        container = _member(archive, "META-INF/container.xml")
        _refuse_entities(name, container)
        try:
            root = ElementTree.fromstring(container)  # noqa: S314  # entities are refused above
        except ElementTree.ParseError as error:
            raise NotationError(f"{name}: META-INF/container.xml is no XML: {error}") from error
        for element in root.iter():
            if element.tag.rpartition("}")[2] == "rootfile" and element.get("full-path") in sizes:
                return str(element.get("full-path"))
    scores = sorted(n for n in sizes if n.endswith((".xml", ".musicxml")) and not n.startswith("META-INF"))
    if not scores:
        raise NotationError(f"{name}: there is no score in the archive, only {sorted(sizes)[:5]}")
    return scores[0]


class _Worker:
    """One process that converts, started when it is first needed and again after it died."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    def convert(self, name: str, form: str, text: str) -> tuple[bytes, list[float]]:
        """MIDI, and where in quarter notes each bar begins and the last one ends.

        Raises:
            NotationError: the score cannot be read, or the process died or was silent over it.
        """
        frames = b"".join(struct.pack(">I", len(b)) + b for b in (form.encode(), text.encode()))
        process = self._started()
        assert process.stdin is not None
        deadline = time.monotonic() + self._timeout_s
        try:
            process.stdin.write(frames)
            process.stdin.flush()
            fault, midi, starts = (self._frame(name, process, deadline) for _ in range(3))
        except (BrokenPipeError, EOFError) as error:
            self.stop()
            code = process.returncode
            raise NotationError(f"{name}: the reader died of it (exit {code}); left out") from error
        if fault:
            raise NotationError(f"{name}: {fault.decode()}")
        return midi, json.loads(starts)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "model.notation_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def _frame(self, name: str, process: "subprocess.Popen[bytes]", deadline: float) -> bytes:
        (length,) = struct.unpack(">I", self._bytes(name, process, 4, deadline))
        return self._bytes(name, process, length, deadline)

    def _bytes(self, name: str, process: "subprocess.Popen[bytes]", count: int, deadline: float) -> bytes:
        assert process.stdout is not None
        parts: list[bytes] = []
        while count:
            ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                self.stop()
                raise NotationError(f"{name}: the reader was silent for {self._timeout_s:g} s; left out")
            part = os.read(process.stdout.fileno(), min(count, 1 << 16))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class NotationReader:
    """Reads scores through worker processes; a context manager that ends them."""

    def __init__(self, workers: int = 2, timeout_s: float = TIMEOUT_S) -> None:
        self._workers = [_Worker(timeout_s) for _ in range(workers)]
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.stop()

    def read(self, name: str, data: bytes) -> Score:
        """The score in a file, its bars aligned, its parts named, silent parts left out.

        Raises:
            NotationError: it cannot be read; the message begins with `name`.
        """
        form, text = notation_text(name, data)
        worker = self._idle.get()
        try:
            midi, starts = worker.convert(name, form, text)
        finally:
            self._idle.put(worker)
        try:
            score = read_midi(midi)
        except MidiError as error:
            raise NotationError(f"{name}: its bars or notes make no sense to the reader: {error}") from error
        if not score.num_notes:
            raise NotationError(f"{name}: there is not one note in it")
        end_quarters = score.end_ticks / score.ticks_per_quarter
        if starts and end_quarters > starts[-1] + _LAST_NOTE_QUARTERS:
            raise NotationError(
                f"{name}: the bars end after {starts[-1]:g} quarters, but notes sound until {end_quarters:g}"
            )
        aligned = barred(score, starts)
        longest = max(metre.numerator for metre in aligned.metres)
        if longest > MAX_BEATS:
            raise NotationError(f"{name}: it has a bar of {longest} beats, expected barlines to read it by")
        return tidy_parts(aligned)

    def read_all(self, items: Iterable[tuple[str, bytes]]) -> Iterator[Score | NotationError]:
        """For each name and file, in their order, the score or why there is none."""
        with ThreadPoolExecutor(len(self._workers)) as threads:
            yield from threads.map(lambda item: self._score_or_fault(*item), items)

    def _score_or_fault(self, name: str, data: bytes) -> Score | NotationError:
        try:
            return self.read(name, data)
        except NotationError as fault:
            return fault


def read_notation(name: str, data: bytes) -> Score:
    """The score in one file; for many, keep a `NotationReader`. Raises NotationError as it does."""
    with NotationReader(workers=1) as reader:
        return reader.read(name, data)
