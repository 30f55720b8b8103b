"""`contrafact disclose`: what the law asks to be told, and what only a person can still say."""

from pathlib import Path
from typing import Annotated

import typer

from catalog.findings import Severity
from console.cli.options import HomeOption, JsonOption, writing
from console.errors import ExitCode
from console.output import findings_lines, say
from console.steps.disclosing import disclose_eu_summary

app = typer.Typer(help="Disclosures, filled from what is on record.", no_args_is_help=True)


@app.callback()
def disclose() -> None:
    """Disclosures, filled from what is on record."""


@app.command("eu-summary")
def eu_summary(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")],
    provider: Annotated[Path, typer.Option("--provider", help="A TOML file of what the provider states.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the public summary of training content (AI Act, Article 53(1)(d)) of a run.

    Example: contrafact disclose eu-summary run_0123456789abcdef --provider provider.toml
    """
    with writing(context, home) as opened:
        found = disclose_eu_summary(opened, run, provider)
    answer = {
        "files": [str(path) for path in found.files],
        "to_be_provided": list(found.to_be_provided),
        "score": found.score.to_json(),
        "findings": [finding.to_json() for finding in found.findings],
    }
    lines = [
        *(str(path) for path in found.files),
        found.score_text,
        *(f"  to be provided: {item}" for item in found.to_be_provided),
        *findings_lines(found.findings),
    ]
    say(answer, lines, as_json=as_json)
    if any(finding.severity is Severity.ERROR for finding in found.findings):
        raise typer.Exit(ExitCode.REFUSED)
