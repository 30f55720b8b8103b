"""The command line: one Typer application, and the one place where an error becomes an exit code."""

import errno
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy.exc import DBAPIError, OperationalError
from typer.core import TyperGroup
from typer.main import get_command, get_group

from catalog.errors import CatalogError
from console.errors import ConsoleError, ExitCode
from console.output import complain
from migrations import MigrationError
from model.errors import ModelError
from provenance.errors import ProvenanceError
from royalties.errors import RoyaltiesError

if TYPE_CHECKING:
    from typer._click.core import Command, Context

OUR_ERRORS = (CatalogError, ModelError, ProvenanceError, RoyaltiesError, ConsoleError, MigrationError)

ALONE = ("demo", "doctor", "generate", "edit", "jam")
GROUPS = ("catalog", "corpus", "model", "provenance", "royalties", "disclose", "evidence")


class Commands(TyperGroup):
    """The commands of `console.cli`, each loaded when it is called: those without torch start at once."""

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002 - the signature is Typer's
        """Their names, in the order of the help."""
        return [*ALONE, *GROUPS]

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        """The command of a name; for an unknown one all are loaded, so that a like one can be proposed."""
        names = self.list_commands(ctx)
        for name in [cmd_name] if cmd_name in names else names:
            if name not in self.commands:
                loaded: typer.Typer = import_module(f"console.cli.{name}").app
                loaded.rich_markup_mode = None
                self.add_command(get_command(loaded) if name in ALONE else get_group(loaded), name)
        return self.commands.get(cmd_name)


app = typer.Typer(
    name="contrafact",
    cls=Commands,
    help="The thread from the licence to the cent: catalogue, corpus, model, attribution, royalties.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def root(
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Where everything is kept (else CONTRAFACT_HOME, ./contrafact-home)."),
    ] = None,
) -> None:
    """The thread from the licence to the cent: catalogue, corpus, model, attribution, royalties."""


def main() -> None:
    """Run the command line; a refusal of ours or of the world is a sentence and exit code 1."""
    as_json = "--json" in sys.argv
    try:
        app()
    except OUR_ERRORS as error:
        complain(str(error), type(error).__name__, as_json=as_json)
        sys.exit(ExitCode.REFUSED)
    except OperationalError as error:
        complain(_database_sentence(error), "DatabaseError", as_json=as_json)
        sys.exit(ExitCode.REFUSED)
    except OSError as error:
        complain(_file_sentence(error), type(error).__name__, as_json=as_json)
        sys.exit(ExitCode.REFUSED)


def _database_sentence(error: DBAPIError) -> str:
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
    if "disk is full" in reason or "No space left" in reason:
        return f"The disk is full ({reason}). Nothing was half-written: free some space and try again."
    return f"The database refused: {reason}. Run 'contrafact doctor' to see what is reachable."


def _file_sentence(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"The disk is full{where}. Nothing was half-written: free some space and try again."
    return f"{error.strerror or error}{where}."
