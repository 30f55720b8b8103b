"""Which options does every command share, and how does a command open the home?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from console.home import Access, Home, open_home
from console.settings import Settings, load_settings

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where everything is kept (else CONTRAFACT_HOME, ./contrafact-home)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
OnOption = Annotated[
    str | None, typer.Option("--on", help="The day that the question is about, as 2026-10-31.")
]
PurposeOption = Annotated[str, typer.Option("--purpose", help="train, generate, evaluate or distribute.")]
TerritoryOption = Annotated[
    str, typer.Option("--territory", help="An ISO 3166 code or a CISAC group: DE, EU, WORLD.")
]


def settings_of(context: typer.Context, home: Path | None) -> Settings:
    """The settings of this command: `--home` may stand before or behind the command's name."""
    before = context.find_root().params.get("home")
    return load_settings(home or before)


@contextmanager
def reading(context: typer.Context, home: Path | None) -> Iterator[Home]:
    """The home of this command, opened for reading."""
    with open_home(settings_of(context, home), Access.READ) as opened:
        yield opened


@contextmanager
def writing(context: typer.Context, home: Path | None) -> Iterator[Home]:
    """The home of this command, opened and locked for writing."""
    with open_home(settings_of(context, home), Access.WRITE) as opened:
        yield opened
