"""Are stored bytes whole, and those that their name says?"""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import DigestMismatchError, NotFoundError
from catalog.files import FileStore, write_atomically


def test_what_was_put_comes_back_under_its_digest(tmp_path):
    store = FileStore(tmp_path)
    digest = store.put(b"notes")
    assert digest == hashlib.sha256(b"notes").hexdigest()
    assert store.read(digest) == b"notes"
    assert store.path(digest) == tmp_path / digest[:2] / digest
    assert store.has(digest) and not store.has("0" * 64)
    assert store.put(b"notes") == digest


@given(st.binary(min_size=1, max_size=50), st.data())
def test_any_changed_byte_is_noticed(tmp_path_factory, data, draw):
    store = FileStore(tmp_path_factory.mktemp("store"))
    digest = store.put(data)
    place = draw.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[place] ^= draw.draw(st.integers(1, 255))
    store.path(digest).write_bytes(changed)
    with pytest.raises(DigestMismatchError, match=digest):
        store.read(digest)


def test_a_file_that_was_cut_off_is_written_anew(tmp_path):
    store = FileStore(tmp_path)
    digest = store.put(b"notes")
    store.path(digest).write_bytes(b"no")
    store.put(b"notes")
    assert store.read(digest) == b"notes"


def test_what_is_not_held_and_what_is_no_digest_are_told(tmp_path):
    with pytest.raises(NotFoundError):
        FileStore(tmp_path).read("0" * 64)
    for bad in ("../../etc/passwd", "A" * 64, ""):
        with pytest.raises(ValueError, match="SHA-256"):
            FileStore(tmp_path).path(bad)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "statement.json"
    write_atomically(path, b"old")

    def full(_self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_taken_in_as_its_bytes_are(tmp_path):
    (tmp_path / "works.csv").write_bytes(b"notes")
    store = FileStore(tmp_path / "store")
    assert store.put_file(tmp_path / "works.csv") == store.put(b"notes")
    store.path(store.put(b"notes")).write_bytes(b"no")
    assert store.read(store.put_file(tmp_path / "works.csv")) == b"notes"
