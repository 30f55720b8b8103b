"""`contrafact royalties sent` and `register`: which statements went to whom."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import HomeOption, JsonOption, day, parsed, reading, today, writing
from console.output import say, say_table
from console.steps.sending import each_sent, note_sent, sent_json
from royalties.periods import Period, parse_period

COLUMNS = ("sent_on", "period", "payee", "format", "sent_to", "statement", "sha256")


def sent(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The file that was sent.")
    ],
    to: Annotated[str, typer.Option("--to", help="To whom: an address, a portal, a name.")],
    on: Annotated[date | None, day("--on", "The day it was sent (else today).")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note in the register that a statement's file was sent; only a file as it was written here is taken.

    Example: contrafact royalties sent statement.pdf --to royalties@publisher.example --on 2026-11-15
    """
    with writing(context, home) as opened:
        noted = note_sent(opened, path, to, on or today())
    words = f"{noted.format} of statement {noted.statement[:16]} went to {noted.sent_to} on {noted.sent_on}"
    say(sent_json(noted), [words, f"SHA-256 {noted.sha256}"], as_json=as_json)


def register(
    context: typer.Context,
    period: Annotated[
        Period | None,
        typer.Option("--period", parser=parsed(parse_period), metavar="YYYY-MM", help="Of this month only."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was sent: statement, payee, period, format, digest of the file, to whom and when.

    Example: contrafact royalties register --period 2026-10
    """
    with reading(context, home) as opened:
        rows = [sent_json(each) for each in each_sent(opened, period)]
    say_table(
        {"sent": rows},
        "Statements sent",
        COLUMNS,
        ([row[name] for name in COLUMNS] for row in rows),
        as_json=as_json,
    )
