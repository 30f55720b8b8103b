"""How does a database get from nothing, or from any earlier version, to the schema of this version?"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from catalog.database import for_reading

# Any number that no other program uses as an advisory lock in the same PostgreSQL database.
ADVISORY_LOCK = 0x434F4E5452414641


class MigrationError(Exception):
    """The database cannot be brought to the schema of this version."""


class NewerDatabaseError(MigrationError):
    """The database was made or migrated by a version that this one does not know."""

    def __init__(self, found: str, newest: str) -> None:
        self.found = found
        self.newest = newest
        super().__init__(
            f"The database is at revision '{found}', which this version of contrafact does not know (its "
            f"newest is '{newest}'). Install the version that wrote it, or name another home."
        )


def upgrade(engine: Engine) -> None:
    """The database is at the newest schema; what was done is done as a whole or not at all.

    Raises:
        NewerDatabaseError: the database's revision is unknown here; nothing was touched.
    """
    config = configuration()
    if is_current(engine):
        return
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        _current(connection, ScriptDirectory.from_config(config))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Whether the database is at the newest schema.

    Raises:
        NewerDatabaseError: the database's revision is unknown here.
    """
    script = ScriptDirectory.from_config(configuration())
    with for_reading(engine).connect() as connection:
        return _current(connection, script) == script.get_current_head()


def configuration() -> Config:
    """Alembic's settings; there is no ini file, so that the package works wherever it is installed."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _current(connection: Connection, script: ScriptDirectory) -> str | None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise NewerDatabaseError(found, str(script.get_current_head()))
    return found
