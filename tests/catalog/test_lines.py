"""Are lines read with flat memory, however long they are?"""

import io

import pytest

from catalog.files import FileStore
from catalog.imports import import_file
from catalog.lines import MAX_LINE_BYTES, lines, storable
from tests.catalog.builders import AT, cwr_file
from tests.catalog.builders import a_work as a_cwr_work


class OneLongLine(io.RawIOBase):
    """A line of ten gigabytes that is never held, and one line more."""

    def __init__(self):
        self.left = 10 << 30
        self.piece = b"x" * MAX_LINE_BYTES
        self.last = [b"\n", b"the end\n"]

    def readline(self, size=-1):
        if self.left > 0:
            self.left -= size
            return self.piece
        return self.last.pop(0) if self.last else b""


def test_of_a_line_of_ten_gigabytes_a_beginning_is_kept_and_the_next_line_is_read():
    found = list(lines(OneLongLine()))
    assert [(line.too_long, len(line.data), line.end - line.start) for line in found] == [
        (True, 200, (10 << 30) + 1),
        (False, 7, 8),
    ]


@pytest.mark.parametrize("form", ["cwr", "csv", "ern", "parquet"])
def test_a_sparse_file_without_line_ends_is_refused_with_a_sentence(session, tmp_path, form):
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(64 << 20)
    report = import_file(session, FileStore(tmp_path / "store"), form, path, imported_at=AT)
    assert report.works == report.recordings == 0
    assert report.findings and all(finding.message for finding in report.findings)


def test_a_long_line_in_a_cwr_file_costs_that_line_alone(session, tmp_path):
    path = cwr_file(tmp_path / "works.V22", a_cwr_work("W1"), a_cwr_work("W2"))
    with path.open("r+b") as stream:
        rest = stream.read().split(b"\r\n", 2)[2]
        stream.seek(-len(rest), io.SEEK_END)
        stream.write(b"COM0000000000000001" + b"X" * (3 << 20) + b"\r\n" + rest)
    report = import_file(session, FileStore(tmp_path / "store"), "cwr", path, imported_at=AT)
    assert report.works == 2
    assert "LINE_TOO_LONG" in {finding.code for finding in report.findings}


def test_what_a_database_refuses_is_made_storable():
    assert storable("a\0b\udcff") == "a\ufffdb?"
