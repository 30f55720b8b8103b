"""Where does this installation keep its things? Answered from options and the environment."""

import getpass
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
    actor: str = "(unknown)"


def load_settings(home: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of one command.

    An option wins over the environment, the environment over the default.

    Args:
        home: the value of `--home`, or None where it was not given.
        environment: `CONTRAFACT_HOME`, `CONTRAFACT_DATABASE_URL` and `CONTRAFACT_ACTOR` (who enters what is
            entered; else the name of the account) are read from it.
    """
    root = (home or Path(environment.get("CONTRAFACT_HOME") or DEFAULT_HOME)).expanduser().absolute()
    database_url = environment.get("CONTRAFACT_DATABASE_URL") or f"sqlite:///{root / 'contrafact.db'}"
    return Settings(
        home=root, database_url=database_url, actor=environment.get("CONTRAFACT_ACTOR") or _account()
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return f"uid {os.getuid()}"
