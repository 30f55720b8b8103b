"""`contrafact royalties`: a month closed, restated, and one line of a statement explained."""

from typing import Annotated, Any

import typer

from console.cli.options import HomeOption, JsonOption, PeriodOption, parsed, reading, writing
from console.output import say
from console.steps.restating import close_royalties, explain_royalties, restate_royalties
from provenance.evidence.records import instant
from royalties.money import format_minor
from royalties.periods import Period, parse_period
from royalties.restatement import Delta
from royalties.restating import RatesAsOf, RestatementReport

SHOWN_ACCOUNTS = 20

InOption = Annotated[
    Period | None,
    typer.Option(
        "--in",
        parser=parsed(parse_period),
        metavar="YYYY-MM",
        help="The open month to post in (else the first after the last closed one).",
    ),
]


def close(
    context: typer.Context,
    period: PeriodOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a month that was run: accounts are settled, nothing is posted in it any more, it can be restated.

    Example: contrafact royalties close --period 2026-10
    """
    with writing(context, home) as opened:
        closing = close_royalties(opened, period)
    answer = {
        "closed": True,
        "period": closing.period,
        "run": closing.run,
        "closed_at": instant(closing.closed_at),
        "ledger_sequence": closing.ledger_sequence,
        "ledger_digest": closing.ledger_digest,
        "payees": closing.payees,
        "currency": closing.currency,
        "payable_minor": closing.payable_minor,
        "carried_minor": closing.carried_minor,
    }
    payable, carried = (
        format_minor(minor, closing.currency) for minor in (closing.payable_minor, closing.carried_minor)
    )
    settled = (
        f"{closing.payees} accounts settled: {closing.currency} {payable} payable, {carried} carried forward"
    )
    line = f"{closing.period} is closed with run {closing.run}, at entry {closing.ledger_sequence}"
    say(answer, [f"{line} of the ledger ({closing.ledger_digest[:16]})", settled], as_json=as_json)


def restate(
    context: typer.Context,
    period: PeriodOption,
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="A policy's file or name (else the one by which it was stated last)."),
    ] = None,
    posted_in: InOption = None,
    rates: Annotated[
        RatesAsOf,
        typer.Option("--rates", help="Convert by the rates known when it was stated last, or by those now."),
    ] = RatesAsOf.STATED,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a closed month anew by what is known now, and post only what differs in an open month.

    Example: contrafact royalties restate --period 2026-10
    """
    with writing(context, home) as opened:
        report = restate_royalties(opened, period, policy, posted_in, rates)
    answer = {
        "restatement": report.restatement,
        "restates": report.restates,
        "period": report.period,
        "run": report.run,
        "supersedes": report.supersedes,
        "currency": report.currency,
        "earlier_pool_minor": report.earlier_pool_minor,
        "pool_minor": report.pool_minor,
        "changed": list(report.changed),
        "deltas": [_delta_json(delta) for delta in report.deltas],
        "digest": report.digest,
    }
    say(answer, _lines(report), as_json=as_json)


def explain(
    context: typer.Context,
    statement: Annotated[
        str, typer.Argument(metavar="STATEMENT", help="A statement's id, or its first characters.")
    ],
    line: Annotated[int, typer.Argument(metavar="LINE", min=1, help="The number of the line.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how one line of a statement came to its amount, from the generation to the payee.

    Example: contrafact royalties explain 5f3a9c21 3
    """
    with reading(context, home) as opened:
        found, sentences = explain_royalties(opened, statement, line)
    say({"line": found, "path": sentences}, sentences, as_json=as_json)


def _delta_json(delta: Delta) -> dict[str, Any]:
    after, line = delta.after, delta.after.line
    source = delta.before.source if delta.before else None
    return {
        "account": after.payee.account,
        "pot": after.pot,
        "method": line.method,
        "generation": line.generation,
        "territory": line.territory,
        "work": line.work,
        "before_minor": delta.before_minor,
        "after_minor": after.amount_minor,
        "amount_minor": delta.amount_minor,
        "supersedes": {"document": source.document, "line": source.line_no} if source else None,
    }


def _lines(report: RestatementReport) -> list[str]:
    if not report.restatement:
        return [f"no amount of {report.restates} differs from what {report.supersedes} stated"]
    by_account: dict[str, int] = {}
    for delta in report.deltas:
        account = delta.after.payee.account
        by_account[account] = by_account.get(account, 0) + delta.amount_minor
    largest = sorted(by_account.items(), key=lambda item: (-abs(item[1]), item[0]))
    before, after = (
        format_minor(amount, report.currency) for amount in (report.earlier_pool_minor, report.pool_minor)
    )
    more = len(largest) - SHOWN_ACCOUNTS
    return [
        f"restatement {report.restatement} of {report.restates}, posted in {report.period}",
        f"changed since {report.supersedes}: {', '.join(report.changed)}",
        f"pool {report.currency} {before} -> {after}, {len(report.deltas)} lines",
        *(
            f"  {format_minor(minor, report.currency):>14}  {account}"
            for account, minor in largest[:SHOWN_ACCOUNTS]
        ),
        *([f"  and {more} more accounts"] if more > 0 else []),
    ]
