"""`contrafact royalties rates`, `releases` and `log`: what usage is converted by, what it is of, our own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from catalog.findings import Finding
from console.cli.options import HomeOption, JsonOption, PeriodOption, writing
from console.errors import ExitCode
from console.output import findings_lines, say
from console.steps.reporting import count_own_generations, take_rates, take_releases


def rates(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with the columns from, to, rate, date, source, kind.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in exchange rates, by which usage in other currencies is converted where the policy says so.

    A file with a fault is refused as a whole. A later file may say a rate anew; both stay on record.

    Example: contrafact royalties rates rates-2026-10.csv
    """
    with writing(context, home) as opened:
        report = take_rates(opened, path)
    _answer("rates", report.batch, report.rates, report.findings, as_json=as_json)


def releases(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV with isrc or proprietary_id, generation, from, and title."),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say under which ISRC, or other id, generations were released, so that usage of it finds them.

    A file with a fault is refused as a whole. Months that were distributed are restated.

    Example: contrafact royalties releases releases.csv
    """
    with writing(context, home) as opened:
        report = take_releases(opened, path)
    _answer("releases", report.batch, report.releases, report.findings, as_json=as_json)


def log(
    context: typer.Context,
    period: PeriodOption,
    prices: Annotated[
        Path, typer.Option("--prices", help="TOML: service, use_type, territory, currency and a price.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in what was generated here in a month that is over, as usage by a price list.

    Example: contrafact royalties log --period 2026-10 --prices prices.toml
    """
    with writing(context, home) as opened:
        report = count_own_generations(opened, period, prices)
    answer = {
        "batch": report.batch,
        "lines": report.lines,
        "quarantined": report.quarantined,
        "findings": [finding.to_json() for finding in report.findings],
    }
    line = f"{report.lines} generations of {period.name} are usage now (batch {report.batch})"
    say(answer, [line, *findings_lines(report.findings)], as_json=as_json)


def _answer(what: str, batch: str, number: int, findings: Sequence[Finding], *, as_json: bool) -> None:
    answer = {"batch": batch, what: number, "findings": [finding.to_json() for finding in findings]}
    line = f"{number} {what} on record from this file (batch {batch})"
    say(answer, [line if number else "the file was refused", *findings_lines(findings)], as_json=as_json)
    if not number:
        raise typer.Exit(ExitCode.REFUSED)
