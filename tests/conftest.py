"""Which databases do the tests run against? A fresh, migrated SQLite and PostgreSQL one for each test.

PostgreSQL is a throw-away server that the session starts itself, under another user where the tests run as
root; or the server in CONTRAFACT_TEST_POSTGRES, in which databases named contrafact_test_* are made.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from catalog.database import open_engine
from migrations import configuration, upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a fresh database at the newest schema, on each of the two databases."""
    yield from request.getfixturevalue(f"{request.param}_engines")(tmp_path)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


@pytest.fixture(scope="session")
def sqlite_engines(tmp_path_factory):
    template = tmp_path_factory.mktemp("template") / "template.db"
    made = open_engine(f"sqlite:///{template}")
    upgrade(made)
    made.dispose()

    def fresh(folder: Path) -> Iterator[Engine]:
        path = folder / "test.db"
        shutil.copyfile(template, path)
        opened = open_engine(f"sqlite:///{path}")
        yield opened
        opened.dispose()

    return fresh


@pytest.fixture(scope="session")
def postgresql_engines(postgresql_server: URL):
    """One migrated database, emptied after each test: making one anew for each costs a second."""
    administrator = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def fresh(_folder: Path) -> Iterator[Engine]:
        if not names:
            names.append(_create_database(administrator))
            made = open_engine(_url(postgresql_server, names[0]))
            upgrade(made)
            made.dispose()
        opened = open_engine(_url(postgresql_server, names[0]))
        tables = sorted(inspect(opened).get_table_names())
        yield opened
        opened.dispose()
        if not _emptied(_url(postgresql_server, names[0]), tables):
            _drop_database(administrator, names.pop())

    yield fresh
    for name in names:
        _drop_database(administrator, name)
    administrator.dispose()


def _emptied(url: str, tables: list[str]) -> bool:
    """Whether the database is as it was before the test; False where the test changed its schema.

    Rows are deleted with foreign keys and triggers switched off: those that keep the ledger whole hold
    against a test, not against its end. That needs a superuser, as the session's own server gives; for
    another user the database is made anew.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))  # a test may have left a session open
            found = set(
                connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            )
            if found != set(tables) or _revision(connection) != _newest():
                return False
            data = [table for table in tables if table != "alembic_version"]
            asked = " UNION ALL ".join(f"SELECT '{t}' WHERE EXISTS (SELECT 1 FROM \"{t}\")" for t in data)
            filled = connection.scalars(text(asked)).all()
            if filled:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                deletions = "; ".join(f'DELETE FROM "{table}"' for table in filled)
                connection.exec_driver_sql(deletions)
        return True
    except (OperationalError, ProgrammingError):
        return False
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(configuration()).get_current_head()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    given = os.environ.get("CONTRAFACT_TEST_POSTGRES")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    binaries = _binaries()
    if binaries is None:
        _unavailable("no PostgreSQL binaries (initdb, pg_ctl) and no CONTRAFACT_TEST_POSTGRES")
    folder = Path(tempfile.mkdtemp(prefix="cf-pg-"))
    user = _other_user()
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield _start(binaries, folder, user)
    finally:
        _run([binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"], user, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _start(binaries: Path, folder: Path, user: str | None) -> URL:
    _run(
        [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"],
        user,
    )
    settings = (
        f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    )
    log = folder / "log"
    _run([binaries / "pg_ctl", "-D", folder / "data", "-l", log, "-o", settings, "-w", "start"], user)
    return URL.create(
        "postgresql+psycopg", username="postgres", database="postgres", query={"host": str(folder)}
    )


def _run(command: list[object], user: str | None, *, check: bool = True) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=check,
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path(found).resolve().parent] if found else []
    return next((place for place in places if (place / "pg_ctl").exists()), None)


def _other_user() -> str | None:
    """Whom the server runs as: initdb refuses root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _unavailable(reason: str) -> None:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason}; under CI both databases must be tested")
    pytest.skip(reason)


def _create_database(administrator: Engine) -> str:
    name = f"contrafact_test_{uuid.uuid4().hex[:12]}"
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return name


def _drop_database(administrator: Engine, name: str) -> None:
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _url(server: URL, database: str) -> str:
    return server.set(database=database).render_as_string(hide_password=False)
