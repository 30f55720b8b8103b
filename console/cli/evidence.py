"""`contrafact evidence`: signed bundles and receipts, and their verification by anybody."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import HomeOption, JsonOption, writing
from console.errors import ExitCode
from console.output import say
from console.steps.evidence import export
from provenance.evidence.receipts import verify_evidence

app = typer.Typer(
    help="Signed bundles and receipts, and their verification by anybody.", no_args_is_help=True
)


@app.command("export")
def export_(
    context: typer.Context,
    generation: Annotated[str, typer.Argument(metavar="GENERATION", help="A generation's id.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one signed file that says what a generation is, what it leaned on, and proves it.

    Example: contrafact evidence export gen_0123456789abcdef
    """
    with writing(context, home) as opened:
        path = export(opened, generation)
        fingerprint = opened.key.public.fingerprint
    lines = [f"bundle {path}", f"signed by {fingerprint}", f"check it: contrafact evidence verify {path}"]
    say({"bundle": str(path), "key": fingerprint}, lines, as_json=as_json)


@app.command("verify")
def verify_(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A bundle or a receipt.")
    ],
    key: Annotated[str | None, typer.Option("--key", help="The fingerprint that must have signed.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle or a receipt by the file alone: no database, no network; exit code 1 where it fails.

    Example: contrafact evidence verify gen_0123456789abcdef.bundle.json
    """
    found = verify_evidence(path.read_bytes(), key)
    answer = {"valid": found.valid, "checks": [check.to_json() for check in found.checks]}
    lines = [f"{'holds' if check.ok else 'FAILS'} {check.name}: {check.detail}" for check in found.checks]
    say(answer, [*lines, "valid" if found.valid else "NOT valid"], as_json=as_json)
    if not found.valid:
        raise typer.Exit(ExitCode.REFUSED)
