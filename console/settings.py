"""Where does this installation keep its things? Answered from options and the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOME = "contrafact-home"


@dataclass(frozen=True)
class Settings:
    """The choices that every command shares."""

    home: Path
    database_url: str


def load_settings(home: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of one command.

    An option wins over the environment, the environment over the default.

    Args:
        home: the value of `--home`, or None where it was not given.
        environment: `CONTRAFACT_HOME` and `CONTRAFACT_DATABASE_URL` are read from it.
    """
    root = (home or Path(environment.get("CONTRAFACT_HOME") or DEFAULT_HOME)).expanduser().absolute()
    database_url = environment.get("CONTRAFACT_DATABASE_URL") or f"sqlite:///{root / 'contrafact.db'}"
    return Settings(home=root, database_url=database_url)
