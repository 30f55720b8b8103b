"""`contrafact royalties policy`: what a policy says, before anybody signs it."""

from typing import Annotated

import typer

from console.cli.options import JsonOption
from console.errors import ExitCode
from console.output import findings_lines, say
from console.steps.policies import told_policy

app = typer.Typer(help="Policies: files that say how money is divided.", no_args_is_help=True)


@app.command("explain")
def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FILE", help="A shipped policy (stim_like, gema_like, fifty_fifty) or a file."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Say in plain words what a policy does, in the order in which the money flows; or every fault of it.

    Example: contrafact royalties policy explain stim_like
    """
    told = told_policy(name)
    say(
        told.to_json(), [*told.sentences, *findings_lines(told.findings, len(told.findings))], as_json=as_json
    )
    if told.findings:
        raise typer.Exit(ExitCode.REFUSED)
