"""The command line: one Typer application, and the one place where an error becomes an exit code."""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError, OperationalError

from catalog.errors import CatalogError
from console.cli import catalog, corpus, disclose, doctor, evidence, model, provenance, royalties
from console.cli.demo import demo
from console.cli.generate import generate
from console.errors import ConsoleError, ExitCode
from console.output import complain
from migrations import MigrationError
from model.errors import ModelError
from provenance.errors import ProvenanceError
from royalties.errors import RoyaltiesError

OUR_ERRORS = (CatalogError, ModelError, ProvenanceError, RoyaltiesError, ConsoleError, MigrationError)

app = typer.Typer(
    name="contrafact",
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


app.command("doctor")(doctor.doctor)
app.command("demo")(demo)
app.command("generate")(generate)
for name, group in (
    ("catalog", catalog.app),
    ("corpus", corpus.app),
    ("model", model.app),
    ("provenance", provenance.app),
    ("royalties", royalties.app),
    ("disclose", disclose.app),
    ("evidence", evidence.app),
):
    app.add_typer(group, name=name)


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
