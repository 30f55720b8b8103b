"""`contrafact royalties` before and after a month is paid: bank-in, reconcile, variance, accruals, ageing."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli.control_tables import (
    accrual_tables,
    ageing_tables,
    reconciliation_tables,
    show,
    variance_tables,
)
from console.cli.options import HomeOption, JsonOption, OnOption, PeriodOption, reading, today, writing
from console.errors import ExitCode
from console.output import findings_lines, say
from console.steps.controls import (
    accruals_on,
    ageing_on,
    reconcile_period,
    take_receipts,
    variance_of,
    write_list,
)
from royalties.ageing import Aged, DueDay, due_days
from royalties.variance import AGAINST


def bank_in(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: received_on, service, amount, ...")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in what the bank received; every line that cannot be used is kept with its place and reason.

    Example: contrafact royalties bank-in receipts.csv
    """
    with writing(context, home) as opened:
        report = take_receipts(opened, path)
    answer = {
        "batch": report.batch,
        "receipts": report.receipts,
        "quarantined": report.quarantined,
        "findings": [finding.to_json() for finding in report.findings],
    }
    line = f"{report.receipts} receipts taken in, {report.quarantined} quarantined (batch {report.batch})"
    say(answer, [line, *findings_lines(report.findings)], as_json=as_json)
    if not report.batch:
        raise typer.Exit(ExitCode.REFUSED)


def reconcile(
    context: typer.Context,
    period: PeriodOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set receipts, usage, ledger, statements and payments of a month side by side; 1 if something blocks.

    Example: contrafact royalties reconcile --period 2026-10
    """
    with reading(context, home) as opened:
        found = reconcile_period(opened, period)
    answer = {
        "period": found.period,
        "run": found.run,
        "currency": found.currency,
        "blocked": found.blocked,
        "compared": [asdict(each) | {"difference_minor": each.difference_minor} for each in found.compared],
        "payments": [asdict(each) | {"open_minor": each.open_minor} for each in found.payments],
        "ledger": dict(found.ledger),
        "findings": [finding.to_json() for finding in found.findings],
    }
    show(answer, reconciliation_tables(found), findings_lines(found.findings), as_json=as_json)
    if found.blocked:
        raise typer.Exit(ExitCode.REFUSED)


def variance(
    context: typer.Context,
    period: PeriodOption,
    against: Annotated[
        int, typer.Option("--against", min=1, max=120, help="With how many earlier months.")
    ] = AGAINST,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a month's run with the months before it, and name what is out of the ordinary.

    Example: contrafact royalties variance --period 2026-10 --against 6
    """
    with reading(context, home) as opened:
        found = variance_of(opened, period, against)
    answer = {
        "period": found.period,
        "run": found.run,
        "currency": found.currency,
        "against": list(found.against),
        "changes": [asdict(change) for change in found.changes],
        "outliers": [asdict(change) for change in found.outliers],
        "new_payees": list(found.new_payees),
        "vanished_payees": list(found.vanished_payees),
        "shares": [asdict(each) for each in found.shares],
        "restated": [asdict(each) | {"change_minor": each.change_minor} for each in found.restated],
        "findings": [finding.to_json() for finding in found.findings],
    }
    lines = [
        f"new payees: {', '.join(found.new_payees) or 'none'}",
        f"payees that are gone: {', '.join(found.vanished_payees) or 'none'}",
        *findings_lines(found.findings),
    ]
    show(answer, variance_tables(found), lines, as_json=as_json)


def accruals(
    context: typer.Context,
    on: OnOption = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="For months that were not run (else that of the newest run)."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is owed at the end of a day: months not run, accounts, suspense, and a projection.

    Example: contrafact royalties accruals --on 2026-10-31
    """
    with reading(context, home) as opened:
        found = accruals_on(opened, on or today(), policy)
    answer = {
        "on": found.on.isoformat(),
        "unrun": [asdict(each) for each in found.unrun],
        "owed": [asdict(each) | {"unpaid_minor": each.unpaid_minor} for each in found.owed],
        "suspense": [
            {"reason": reason, "currency": currency, "amount_minor": minor}
            for (reason, currency), minor in found.suspense.items()
        ],
        "projections": [asdict(each) for each in found.projections],
        "findings": [finding.to_json() for finding in found.findings],
    }
    methods = sorted({f"projection: {each.method}" for each in found.projections})
    show(answer, accrual_tables(found), [*methods, *findings_lines(found.findings)], as_json=as_json)


def ageing(
    context: typer.Context,
    on: OnOption = None,
    year_starts: Annotated[
        int, typer.Option("--year-starts", min=1, max=12, help="The month in which financial years start.")
    ] = 1,
    list_: Annotated[
        Path | None,
        typer.Option("--list", dir_okay=False, help="Write the works not identified here, as CSV."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what waits in suspense, why and since when, and what Directive 2014/26/EU asks for by which day.

    The lengths of its clocks are unconfirmed here: counsel must confirm them before anyone relies on them.

    Example: contrafact royalties ageing --on 2026-12-31 --list unidentified.csv
    """
    day: date = on or today()
    with reading(context, home) as opened:
        aged, missing = ageing_on(opened, day, year_starts)
    if list_ is not None:
        write_list(list_, missing)
    due = due_days(aged, day)
    answer = {
        "on": day.isoformat(),
        "year_starts": year_starts,
        "held": [_aged_json(each) for each in aged],
        "due": [_due_json(each) for each in due],
        "unidentified": [asdict(each) for each in missing],
        "list": str(list_) if list_ is not None else "",
        "source": CLOCKS_SOURCE,
    }
    written = [f"{len(missing)} works not identified: {list_}"] if list_ is not None else []
    show(answer, ageing_tables(aged, due, day), [CLOCKS_SOURCE, *written], as_json=as_json)


CLOCKS_SOURCE = (
    "Directive 2014/26/EU, article 13; the lengths of its clocks are from a secondary source: counsel must "
    "confirm them before anyone relies on them"
)

COMMANDS: Mapping[str, Callable[..., None]] = {
    "bank-in": bank_in,
    "reconcile": reconcile,
    "variance": variance,
    "accruals": accruals,
    "ageing": ageing,
}


def _aged_json(each: Aged) -> dict[str, Any]:
    clocks = each.clocks
    return {
        **asdict(each.held),
        "stage": str(each.stage),
        "age_months": each.age_months,
        "year_ends_on": clocks.year_ends_on.isoformat(),
        "pay_by": clocks.pay_by.isoformat(),
        "list_by": clocks.list_by.isoformat(),
        "held_until": clocks.held_until.isoformat(),
    }


def _due_json(each: DueDay) -> dict[str, Any]:
    return {**asdict(each), "on": each.on.isoformat(), "year_ends_on": each.year_ends_on.isoformat()}
