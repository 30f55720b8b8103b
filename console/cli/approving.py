"""`contrafact royalties approvers`, `approve` and `approvals`: two people before a month is final."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli.options import HomeOption, JsonOption, PeriodOption, reading, writing
from console.errors import ExitCode
from console.output import say, say_table
from console.steps.approving import Approvals, approvals_of, approve, enrol, enrolments_of, remove
from royalties.approving import Approver, Decision, Judged, approvers_of

approvers = typer.Typer(help="Who may approve a month, each with a key of their own.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Whom it is about.")]


@approvers.command("add")
def add(
    context: typer.Context,
    name: NameArgument,
    public_key: Annotated[
        Path,
        typer.Option("--public-key", exists=True, dir_okay=False, help="Their Ed25519 public key, PEM."),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enrol a person who may approve; 'openssl genpkey -algorithm ed25519' makes a key.

    Example: contrafact royalties approvers add "Ada Example" --public-key ada.pub.pem
    """
    with writing(context, home) as opened:
        found = enrol(opened, name, public_key)
    say(_approver(found), [f"{found.name} may approve with the key {found.key}"], as_json=as_json)


@approvers.command("remove")
def remove_(
    context: typer.Context,
    name: NameArgument,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a person approve no longer; their approvals of open months do not count any more.

    Example: contrafact royalties approvers remove "Ada Example"
    """
    with writing(context, home) as opened:
        found = remove(opened, name)
    say(_approver(found), [f"{found.name} may approve no longer"], as_json=as_json)


@approvers.command("list")
def list_(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List who may approve now, with the digests of their keys.

    Example: contrafact royalties approvers list
    """
    with reading(context, home) as opened, opened.session() as session:
        found = approvers_of(enrolments_of(session, opened.key.public))
    rows = [_approver(each) for each in found]
    say_table(
        {"approvers": rows},
        "Approvers",
        ("name", "key"),
        ((row["name"], row["key"]) for row in rows),
        as_json=as_json,
    )


def approve_(
    context: typer.Context,
    period: PeriodOption,
    name: Annotated[str, typer.Option("--as", help="Who approves.")],
    key: Annotated[
        Path, typer.Option("--key", exists=True, dir_okay=False, help="Their private key, PEM, mode 0600.")
    ],
    reject: Annotated[bool, typer.Option("--reject", help="Reject it instead; needs --why.")] = False,
    why: Annotated[str, typer.Option("--why", help="The reason, kept with the signature.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a month that was run, as it stands, with a key of one's own; two people are needed to close it.

    Example: contrafact royalties approve --period 2026-10 --as "Ada Example" --key ada.pem
    """
    decision = Decision.REJECT if reject else Decision.APPROVE
    with writing(context, home) as opened:
        signed = approve(opened, period, name, key, decision, why)
        with opened.session() as session:
            found = approvals_of(session, opened.key.public, period)
    verdict = found.verdict
    answer = {
        "period": signed.period,
        "subject": signed.subject,
        "decision": str(signed.decision),
        "name": signed.name,
        "key": signed.key,
        "signed_at": signed.signed_at,
        "approved": verdict.approved,
        "approved_by": list(verdict.by),
        "missing": verdict.missing,
    }
    line = f"{signed.name}: {signed.decision} {signed.period} as {signed.subject[:16]}"
    say(answer, [line, _state(found)], as_json=as_json)


def approvals(
    context: typer.Context,
    period: PeriodOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check again who approved a month, with every signature; exit code 1 if two people have not.

    Example: contrafact royalties approvals --period 2026-10
    """
    with reading(context, home) as opened, opened.session() as session:
        found = approvals_of(session, opened.key.public, period)
    rows = [_row(each) for each in found.verdict.judged]
    answer = {
        "period": found.period,
        "subject": found.subject,
        "approvable": found.approvable,
        "closed": found.closed,
        "approved": found.verdict.approved,
        "approved_by": list(found.verdict.by),
        "missing": found.verdict.missing,
        "approvals": rows,
    }
    say(answer, [_state(found), *map(_line, rows)], as_json=as_json)
    if not found.verdict.approved:
        raise typer.Exit(ExitCode.REFUSED)


def _approver(found: Approver) -> dict[str, str]:
    return {"name": found.name, "key": found.key}


def _row(judged: Judged) -> dict[str, Any]:
    signed = judged.signed
    return {
        "decision": str(signed.decision),
        "name": signed.name,
        "key": signed.key,
        "signed_at": signed.signed_at,
        "subject": signed.subject,
        "why": signed.why,
        "counts": judged.counts,
        "because": judged.because,
    }


def _line(row: dict[str, Any]) -> str:
    counts = "counts" if row["counts"] else f"does not count: {row['because']}"
    why = f" ({row['why']})" if row["why"] else ""
    return f"  {row['decision']} by {row['name']}, {row['signed_at']}, key {row['key'][:16]}{why}: {counts}"


def _state(found: Approvals) -> str:
    by = ", ".join(found.verdict.by) or "nobody"
    if found.verdict.approved:
        return f"{found.period} as {found.subject[:16]} is approved by {by}"
    return f"{found.period} as {found.subject[:16]} is approved by {by}; {found.verdict.missing}"
