"""`contrafact catalog export`: data is never trapped."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import HomeOption, JsonOption, reading
from console.output import findings_lines, say
from console.steps.exporting import ExportFormat, export_into


def export_(
    context: typer.Context,
    form: Annotated[ExportFormat, typer.Argument(metavar="FORMAT", help="cwr, csv or parquet.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")],
    submitter: Annotated[
        str | None,
        typer.Option("--submitter", help="Only works that it has numbered; an IPI name number for CWR."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write works with their parties and shares as CWR 2.2, CSV or Parquet, as `import` takes them.

    Example: contrafact catalog export csv works.csv
    """
    with reading(context, home) as opened:
        result = export_into(opened, form, path, submitter, datetime.now(UTC))
    answer = {
        "file": str(path),
        "works": result.works,
        "findings": [finding.to_json() for finding in result.findings],
    }
    lines = [f"{result.works} works written to {path}", *findings_lines(result.findings)]
    say(answer, lines, as_json=as_json)


COMMANDS: Mapping[str, Callable[..., None]] = {"export": export_}
