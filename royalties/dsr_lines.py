"""How is a tab separated report taken apart: into lines, and lines into cells?

One physical line is one record. A backslash takes its meaning from a tab, a bar or a backslash after it; a
line that ends in one has no end and is refused alone. Lines are read in large parts and kept as columns, so
that a report of any length takes the same memory.

Source: DDEX DSR, Part 1, as DDEX's reference parser reads it (ddexnet/dsrf, `parsers/dsrf_file_parser.py`).
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa

from royalties.usage_files import MAX_LINE_BYTES

CHUNK_BYTES = 4 * 2**20

_MARK = b"\xef\xbb\xbf"
_CELL = re.compile(r"(?:[^\t\\]|\\.)*", re.DOTALL)
_SPECIAL = re.compile(r"[\\\t|\r\n]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def read_lines(stream: BinaryIO) -> Iterator[pl.Series]:
    """The lines of a stream without their ends, in large parts; what is no UTF-8 becomes U+FFFD.

    A line beyond the limit is cut, and so refused later.
    """
    carried = stream.read(len(_MARK)).removeprefix(_MARK)
    while block := stream.read(CHUNK_BYTES):
        data = carried + block
        end = data.rfind(b"\n") + 1
        carried = data[end : end + MAX_LINE_BYTES + 1]
        if end:
            yield _lines(data[:end])
    if carried:
        yield _lines(carried if carried.endswith(b"\n") else carried + b"\n")


def _lines(data: bytes) -> pl.Series:
    """Lines that all end in a line feed, cut where these are without touching the bytes."""
    try:
        data.decode()
    except UnicodeDecodeError:
        data = data.decode(errors="replace").encode()
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")) + 1
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    texts = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    lines = pl.from_arrow(texts)
    assert isinstance(lines, pl.Series)
    lines = lines.str.strip_suffix("\n")
    return lines.str.strip_suffix("\r") if b"\r" in data else lines


def split_lines(lines: pl.Series, first_line: int) -> pl.DataFrame:
    """The records among lines: `line`, `raw`, `type` and `cells`; comments and empty lines are no records.

    `cells` is null where a line is too long or its last backslash stands before nothing.
    """
    raw = pl.col("raw")
    frame = pl.DataFrame({"raw": lines}).with_row_index("line", offset=first_line)
    frame = frame.with_columns(pl.col("line").cast(pl.Int64)).filter((raw != "") & ~raw.str.starts_with("#"))
    hard = raw.str.contains("\\", literal=True) | (raw.str.len_bytes() > MAX_LINE_BYTES)
    easy = frame.filter(~hard).with_columns(cells=raw.str.split("\t"))
    slow = frame.filter(hard)
    if slow.height:
        cells = pl.Series("cells", [split_cells(text) for text in slow["raw"]], dtype=pl.List(pl.String))
        easy = pl.concat([easy, slow.with_columns(cells)]).sort("line")
    return easy.with_columns(type=pl.col("cells").list.first())


def split_cells(text: str) -> list[str] | None:
    """The cells of one line, unescaped, or None where it is too long or does not end."""
    if len(text.encode()) > MAX_LINE_BYTES:
        return None
    cells, at = [], 0
    while True:
        found = _CELL.match(text, at)
        assert found is not None, "nothing at all is a cell too"
        cells.append(_ESCAPED.sub(r"\1", found[0]))
        if found.end() == len(text):
            return cells
        if text[found.end()] != "\t":
            return None
        at = found.end() + 1


def escape(cell: str) -> str:
    """A cell as it is written: what would end it, part it or begin a comment is escaped.

    Line breaks have no escape in the standard and become spaces.
    """
    if not _SPECIAL.search(cell):  # nearly every cell of a long report
        return cell
    return re.sub(r"([\\\t|])", r"\\\1", re.sub(r"[\r\n]+", " ", cell))
