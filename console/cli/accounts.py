"""`contrafact royalties terms`, `advance` and `account`: on what terms payees are paid, and what they owe."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli.options import HomeOption, JsonOption, day, reading, writing
from console.output import findings_lines, say
from console.steps.accounts import choose_currency, note_movement, read_account, take_terms
from royalties.money import format_minor, parse_minor
from royalties.movements import Movement, MovementKind
from royalties.terms import terms_json

PayeeOption = Annotated[str, typer.Option("--payee", help="A party's id.")]


def terms(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="TOML: docs/money.md says how."),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record the terms of payees' accounts; they count from the next closing on.

    Example: contrafact royalties terms terms.toml
    """
    with writing(context, home) as opened:
        added, findings = take_terms(opened, path)
    answer = {
        "terms": [{"id": each.id, "payee": each.terms.payee, "number": each.number} for each in added],
        "findings": [finding.to_json() for finding in findings],
    }
    lines = [f"{each.terms.payee}: terms number {each.number}, {each.id}" for each in added]
    say(
        answer,
        [*(lines or ["nothing new: these terms count already"]), *findings_lines(findings)],
        as_json=as_json,
    )


def advance(
    context: typer.Context,
    payee: PayeeOption,
    amount: Annotated[str, typer.Option("--amount", help="A plain decimal such as 1000.00.")],
    on: Annotated[date, day("--on", "When it was paid.")],
    is_cost: Annotated[
        bool, typer.Option("--cost", help="Spent on the payee's account, not paid to it; recouped as well.")
    ] = False,
    contract: Annotated[str, typer.Option("--contract", help="The contract it belongs to.")] = "",
    reference: Annotated[
        str, typer.Option("--reference", help="Tells two of the same amount and day apart.")
    ] = "",
    currency: Annotated[
        str | None, typer.Option("--currency", help="ISO 4217 (else that of the newest run).")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Post an advance that was paid to a payee, or a cost; its later income pays it off.

    Example: contrafact royalties advance --payee party_1 --amount 1000.00 --on 2026-10-01
    """
    with writing(context, home) as opened:
        chosen = choose_currency(opened, currency)
        kind = MovementKind.COST if is_cost else MovementKind.ADVANCE
        movement = Movement(kind, payee, _amount(amount, chosen), chosen, on, contract, reference)
        posted = note_movement(opened, movement)
    answer = {
        "advance": movement.id,
        "kind": str(kind),
        "payee": payee,
        "amount_minor": movement.amount_minor,
        "currency": chosen,
        "period": posted.period,
        "outstanding_minor": posted.outstanding_minor,
    }
    left = format_minor(posted.outstanding_minor, chosen)
    line = f"{kind} {movement.id} to {payee}, posted in {posted.period}; {left} {chosen} are to be recouped"
    say(answer, [line], as_json=as_json)


def account(
    context: typer.Context,
    payee: PayeeOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is on a payee's accounts now, and which terms count.

    Example: contrafact royalties account --payee party_1
    """
    with reading(context, home) as opened:
        sheet = read_account(opened, payee)
    rows: list[dict[str, Any]] = [
        {"account": name, "currency": currency, "amount_minor": minor}
        for (name, currency), minor in sorted(sheet.minor.items())
    ]
    lines = [
        f"{format_minor(minor, currency):>14} {currency}  {name}"
        for (name, currency), minor in sorted(sheet.minor.items())
    ]
    version = sheet.terms.version if sheet.terms else "none: the policy's threshold alone decides"
    answer = {"payee": payee, "balances": rows, "terms": terms_json(sheet.terms) if sheet.terms else None}
    say(answer, [*lines, f"terms: {version}"], as_json=as_json)


def _amount(text: str, currency: str) -> int:
    try:
        minor = parse_minor(text, currency)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if minor <= 0:
        raise typer.BadParameter(f"{text} is not above zero")
    return minor
