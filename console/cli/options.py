"""Which options does every command share, and how does a command open the home?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from catalog.knowledge import NOW, Knowledge, end_of
from catalog.vocabulary import Purpose
from console.home import Access, Home, open_home
from console.settings import Settings, load_settings
from console.steps.originality import OnRepeat
from royalties.periods import Period, parse_period

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where everything is kept (else CONTRAFACT_HOME, ./contrafact-home)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
OnRepeatOption = Annotated[
    OnRepeat,
    typer.Option(
        "--on-repeat",
        envvar="CONTRAFACT_ON_REPEAT",
        help="Flag a piece that repeats a work for longer than chance, or refuse it.",
    ),
]
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
ModelOption = Annotated[
    str | None, typer.Option("--model", help="For this model; some grants are for named models only.")
]
KnownOption = Annotated[
    date | None,
    typer.Option(
        "--as-known-on",
        parser=parsed(date.fromisoformat),
        metavar="YYYY-MM-DD",
        help="By what was on record at the end of that day, in UTC (else by all that is).",
    ),
]
PeriodOption = Annotated[
    Period, typer.Option("--period", parser=parsed(parse_period), metavar="YYYY-MM", help="A month.")
]
PurposeOption = Annotated[Purpose, typer.Option("--purpose", help="What the works are to be used for.")]
TerritoryOption = Annotated[
    str, typer.Option("--territory", help="An ISO 3166 code or a CISAC group: DE, EU, WORLD.")
]


WorkArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A work's id, its ISWC, or the submitter's number of it.")
]


def day(flag: str, text: str) -> Any:  # noqa: ANN401 (an option's declaration has no type of its own)
    """An option that takes a day."""
    return typer.Option(flag, parser=parsed(date.fromisoformat), metavar="YYYY-MM-DD", help=text)


def today() -> date:
    """The day it is now, in UTC."""
    return datetime.now(UTC).date()


def knowledge(day: date | None) -> Knowledge:
    """What was known at the end of a day; without one, what is known now."""
    return NOW if day is None else Knowledge(end_of(day))


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
