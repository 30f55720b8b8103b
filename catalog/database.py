"""How are values kept in a database, the same on SQLite and on PostgreSQL?"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import CheckConstraint, DateTime, Dialect, Engine, MetaData, Table, Text, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.schema import ColumnDefault
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
BUSY_TIMEOUT_MS = 10_000
LOT = 10_000  # SQLite takes 32,766 values in a statement, PostgreSQL 65,535
CACHE_KIB = 256 << 10  # keys are digests, so that neighbours in time lie far apart in every index

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
        self._texts = {member.value: member.value for member in members}

    def process_bind_param(self, value: E | str | None, _dialect: Dialect) -> str | None:
        """The member's text; a text that is no member is a programmer's error."""
        if value is None:
            return None
        return self._texts.get(value) or self.members(value).value

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


def lots(values: Iterable[str]) -> Iterator[list[str]]:
    """The values in lists short enough to be asked for in one statement."""
    rest = iter(values)
    while lot := list(islice(rest, LOT)):
        yield lot


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Every row whose key was missing is there now; the others stay. All rows have the same keys."""
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql":
        session.execute(postgresql.insert(_table(table)).on_conflict_do_nothing(), list(rows))
        return
    insert = _plain_insert(table, tuple(rows[0]))
    session.connection().exec_driver_sql(insert.sql, insert.parameters(rows))


@dataclass(frozen=True)
class _PlainInsert:
    """An INSERT as SQLite's driver takes it: SQLAlchemy's way costs several times as much for each row."""

    sql: str
    names: tuple[str, ...]
    converters: tuple[Callable[[Any], Any] | None, ...]
    fixed: Mapping[str, Any]

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """The values of all rows, as the database keeps them."""
        columns: list[Iterable[Any]] = []
        for name, convert in zip(self.names, self.converters, strict=True):
            column = [row[name] for row in rows] if name not in self.fixed else [self.fixed[name]] * len(rows)
            columns.append(column if convert is None else map(convert, column))
        return list(zip(*columns, strict=True))


@cache
def _plain_insert(table: type[Base], keys: tuple[str, ...], unique: str | None = None) -> _PlainInsert:
    """An INSERT of these columns, and of those with a default made here.

    A row that is there already stays, or is changed where it is told by the column `unique`.
    """
    dialect = sqlite.dialect()
    columns = _table(table).columns
    fixed = {c.name: c.default.arg for c in columns if isinstance(c.default, ColumnDefault)}
    fixed = {name: value for name, value in fixed.items() if name not in keys}
    names = tuple(column.name for column in columns if column.name in (*keys, *fixed))
    converters = tuple(columns[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names)
    statement = sqlite.insert(_table(table))
    if unique is None:
        statement = statement.on_conflict_do_nothing()
    else:
        changed = {name: statement.excluded[name] for name in keys if name != unique}
        statement = statement.on_conflict_do_update(index_elements=[unique], set_=changed)
    sql = str(statement.compile(dialect=dialect, column_keys=list(names)))
    return _PlainInsert(sql, names, converters, fixed)


def _table(mapped: type[Base]) -> Table:
    assert isinstance(mapped.__table__, Table)
    return mapped.__table__


def upsert(session: Session, table: type[Base], key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Every row is there as given, told apart by the unique column `key`. All rows have the same keys."""
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql":
        statement = postgresql.insert(_table(table))
        changed = {name: statement.excluded[name] for name in rows[0] if name != key}
        session.execute(statement.on_conflict_do_update(index_elements=[key], set_=changed), list(rows))
        return
    insert = _plain_insert(table, tuple(rows[0]), key)
    session.connection().exec_driver_sql(insert.sql, insert.parameters(rows))


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
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {kind}")
