"""`contrafact royalties pay` and `paid`: a payment order for a bank, and what the bank answered."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import HomeOption, JsonOption, PeriodOption, day, writing
from console.errors import ExitCode
from console.output import findings_lines, say
from console.steps.settling import Paid, order_payments, take_answer
from royalties.money import format_minor
from royalties.payments_status import Outcome


def pay(
    context: typer.Context,
    period: PeriodOption,
    bank: Annotated[
        Path, typer.Option("--bank", exists=True, dir_okay=False, help="TOML: the debtor, payees' accounts.")
    ],
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="Where the order is written.")],
    on: Annotated[date | None, day("--on", "When the bank is to pay (else the day of the run).")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a payment order (ISO 20022 pain.001.001.09) for what closed months left payable; nothing is sent.

    Example: contrafact royalties pay --period 2026-10 --bank bank.toml --out october.xml --on 2026-11-16
    """
    with writing(context, home) as opened:
        order, findings = order_payments(opened, period, bank, out, on)
    total = format_minor(order.total_minor, order.currency)
    answer = {
        "message": order.message_id,
        "period": order.period,
        "currency": order.currency,
        "transfers": len(order.transfers),
        "total_minor": order.total_minor,
        "execute_on": order.execute_on.isoformat(),
        "files": [str(out)],
        "findings": [finding.to_json() for finding in findings],
    }
    lines = [
        f"order {order.message_id}: {len(order.transfers)} transfers, {total} {order.currency}, to be "
        f"executed on {order.execute_on}",
        str(out),
    ]
    say(answer, [*lines, *findings_lines(findings)], as_json=as_json)


def paid(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The bank's pain.002.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a bank's answer to an order: what it took is posted as paid, what it refused stays payable.

    Example: contrafact royalties paid october-status.xml
    """
    with writing(context, home) as opened:
        report = take_answer(opened, path)
    say(_answer(report), [*_lines(report), *findings_lines(report.findings)], as_json=as_json)
    if any(settled.outcome is Outcome.REJECTED for _, settled in report.settled):
        raise typer.Exit(ExitCode.REFUSED)


def _answer(report: Paid) -> dict[str, object]:
    told: dict[str, list[dict[str, object]]] = {str(outcome): [] for outcome in Outcome}
    for ordered, settled in report.settled:
        told[settled.outcome].append(
            {
                "payee": ordered.payee,
                "end_to_end_id": ordered.end_to_end_id,
                "amount_minor": ordered.amount_minor,
                "currency": ordered.currency,
                "status": settled.status,
                "reason": settled.reason,
            }
        )
    findings = [finding.to_json() for finding in report.findings]
    return {"message": report.message_id, **told, "findings": findings}


def _lines(report: Paid) -> list[str]:
    return [
        f"{settled.outcome}: {format_minor(ordered.amount_minor, ordered.currency)} {ordered.currency} "
        f"to {ordered.payee} ({' '.join(filter(None, (settled.status, settled.reason)))})"
        for ordered, settled in report.settled
    ]
