"""How are values kept in a database, the same on SQLite and on PostgreSQL?"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import CheckConstraint, DateTime, Dialect, Engine, MetaData, Text, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
BUSY_TIMEOUT_MS = 10_000

E = TypeVar("E", bound=StrEnum)


class Base(DeclarativeBase):
    """The base of every table of every package: one metadata, one naming convention."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant as the database keeps it; SQLite knows no zones, so there UTC is understood."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant needs a time zone: {value!r}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Choice(TypeDecorator[E]):
    """One member of an enumeration, kept as its text; pair it with `one_of` in the table's constraints."""

    impl = Text
    cache_ok = True

    def __init__(self, members: type[E]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: E | str | None, _dialect: Dialect) -> str | None:
        """The member's text; a text that is no member is a programmer's error."""
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, _dialect: Dialect) -> E | None:
        """The member."""
        return None if value is None else self.members(value)


def one_of(column: str, members: Iterable[StrEnum]) -> CheckConstraint:
    """A constraint `<column>_known`: the column holds one of the members (or NULL where it may)."""
    listed = ", ".join(f"'{member.value}'" for member in members)
    return CheckConstraint(f'"{column}" IN ({listed})', name=f"{column}_known")


def derive_id(prefix: str, *parts: str) -> str:
    """A text key that follows from what it names, so that two databases and a re-import agree."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}_{digest[:16]}"


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Every row whose key was missing is there now; the others stay. All rows have the same keys."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    session.execute(dialect.insert(table.__table__).on_conflict_do_nothing(), list(rows))


def upsert(session: Session, table: type[Base], key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Every row is there as given, told apart by the unique column `key`. All rows have the same keys."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table.__table__)
    changed = {name: statement.excluded[name] for name in rows[0] if name != key}
    session.execute(statement.on_conflict_do_update(index_elements=[key], set_=changed), list(rows))


def open_engine(url: str) -> Engine:
    """An engine on which a transaction really begins, and a writer has the lock from its first statement.

    Python's SQLite driver opens transactions late and not for every statement; here the engine says BEGIN
    IMMEDIATE itself. Use `for_reading` where nothing will be written.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True)


def for_reading(engine: Engine) -> Engine:
    """The same engine and pool, whose transactions never wait for a writer (SQLite: BEGIN DEFERRED)."""
    return engine.execution_options(sqlite_begin="DEFERRED")


def _open_sqlite(url: URL) -> Engine:
    engine = create_engine(url)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's connection
    connection.isolation_level = None  # the driver shall not open transactions behind our back
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {kind}")
