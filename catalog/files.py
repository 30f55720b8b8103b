"""Where do bytes lie, so that they are whole, and the bytes that their name says?"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from catalog.errors import DigestMismatchError, NotFoundError

COPIED_AT_ONCE = 1 << 20
DIGEST_LENGTH = 64  # of a SHA-256 in hexadecimal


def write_atomically(path: Path, data: bytes) -> None:
    """The file under its final name holds all of `data`, or is as it was before."""
    fill_atomically(path, lambda file: file.write(data))


def copy_atomically(source: Path, path: Path) -> None:
    """The file under its final name holds what `source` holds, or is as it was before."""
    with source.open("rb") as stream:
        fill_atomically(path, lambda file: shutil.copyfileobj(stream, file, COPIED_AT_ONCE))


def fill_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """The file under its final name holds what `write` put into the stream, or is as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class FileStore:
    """Files under the SHA-256 of their bytes: `root/ab/abcd…`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Where the file of this digest lies, if it is held."""
        if len(digest) != DIGEST_LENGTH or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(f"not a SHA-256 in lower-case hexadecimal: {digest!r}")
        return self.root / digest[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether the file is held; its bytes are not read."""
        return self.path(digest).is_file()

    def digests(self) -> Iterator[str]:
        """The digest of every file that is held, in no order."""
        for folder in self.root.iterdir() if self.root.is_dir() else ():
            if folder.is_dir():
                yield from (path.name for path in folder.iterdir() if len(path.name) == DIGEST_LENGTH)

    def put(self, data: bytes) -> str:
        """The digest under which the bytes are now held; bytes that are held already are not rewritten."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        if not path.is_file() or path.stat().st_size != len(data):
            write_atomically(path, data)
        return digest

    def put_file(self, source: Path) -> str:
        """`put` for a file of any size, with flat memory."""
        with source.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        path = self.path(digest)
        if not path.is_file() or path.stat().st_size != source.stat().st_size:
            copy_atomically(source, path)
        return digest

    def read(self, digest: str) -> bytes:
        """The bytes of this digest, digested again.

        Raises:
            NotFoundError: the file is not held.
            DigestMismatchError: the bytes on disk are not those that were stored.
        """
        path = self.path(digest)
        if not path.is_file():
            raise NotFoundError("file", digest)
        data = path.read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise DigestMismatchError(
                f"The file {path} was stored with digest {digest} and now has {found}: it was changed or "
                "damaged. Delete it and import its source again."
            )
        return data
