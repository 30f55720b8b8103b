"""Which options does every command share, and how does a command open the home?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from catalog.vocabulary import Purpose
from console.home import Access, Home, open_home
from console.settings import Settings, load_settings
from royalties.periods import Period, parse_period

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where everything is kept (else CONTRAFACT_HOME, ./contrafact-home)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Value = TypeVar("Value")


def parsed(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """`parse` as an option's parser: what it refuses is wrong usage, in its own words."""

    def parser(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    parser.__name__ = parse.__name__
    return parser


OnOption = Annotated[
    date | None,
    typer.Option(
        "--on",
        parser=parsed(date.fromisoformat),
        metavar="YYYY-MM-DD",
        help="The day (else today).",
    ),
]
PeriodOption = Annotated[
    Period, typer.Option("--period", parser=parsed(parse_period), metavar="YYYY-MM", help="A month.")
]
PurposeOption = Annotated[Purpose, typer.Option("--purpose", help="What the works are to be used for.")]
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
