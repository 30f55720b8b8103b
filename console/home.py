"""Where do the database, the files and the keys of one installation live, and who may write now?

A home is made and migrated by whichever command needs it first. One command writes at a time: the
lock is held by the operating system, so that it is gone with the process however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from catalog.database import for_reading, open_engine
from catalog.files import FileStore
from console.errors import HomeBusyError, HomeUnusableError
from console.settings import Settings
from migrations import is_current, upgrade
from provenance.evidence.keys import SigningKey, signing_key


class Access(StrEnum):
    """What a command will do with the home."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class Home:
    """An opened home: its folders and its migrated database."""

    root: Path
    engine: Engine
    actor: str

    @property
    def files(self) -> FileStore:
        """Everything that came in, under the SHA-256 of its bytes."""
        return FileStore(self.folder("files"))

    @property
    def key(self) -> SigningKey:
        """The key that this home signs with, made on first need."""
        return signing_key(self.root / "keys")

    def folder(self, name: str) -> Path:
        """A folder of the home, made where it is missing."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def session(self) -> Session:
        """A session on the home's database; the caller closes it."""
        return Session(self.engine)


@contextmanager
def open_home(settings: Settings, access: Access) -> Iterator[Home]:
    """An open home, locked for the length of the block where it will be written.

    Raises:
        HomeBusyError: another command holds the lock.
        HomeUnusableError: the directory cannot be made or written.
        migrations.MigrationError: the database is of a newer version or cannot be migrated.
    """
    _make(settings.home)
    engine = open_engine(settings.database_url)
    try:
        if access is Access.READ and is_current(engine):
            yield Home(settings.home, for_reading(engine), settings.actor)
            return
        with _locked(settings.home):
            upgrade(engine)
            if access is Access.WRITE:
                yield Home(settings.home, engine, settings.actor)
        if access is Access.READ:
            yield Home(settings.home, for_reading(engine), settings.actor)
    finally:
        engine.dispose()


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusableError(
            f"The home {root} cannot be made: {error.strerror}. Choose another with --home."
        ) from error


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    path = root / "lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise HomeUnusableError(
            f"The home {root} cannot be written: {error.strerror}. Choose another with --home."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise HomeBusyError(
                f"Another command (process {holder}) is writing to the home {root}. "
                "Wait until it has ended, or work in another home with --home."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
