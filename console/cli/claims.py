"""`contrafact catalog mandate` and `catalog dispute`: who collects for whom, and what waits."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any

import typer

from catalog.disputes import Claimed
from catalog.mandate_register import Mandated
from catalog.shares import percent
from catalog.vocabulary import MandateKind, Right
from console.cli.options import HomeOption, JsonOption, TerritoryOption, WorkArgument, day, writing
from console.errors import ExitCode
from console.output import findings_lines, say
from console.steps.claims import record_dispute, record_mandate, record_settlement

disputes = typer.Typer(help="What is in dispute, and until when.", no_args_is_help=True)

StartOption = Annotated[date, day("--from", "The first day of use.")]
EndOption = Annotated[date | None, day("--until", "The first day that is no longer in the term.")]


def mandate_(
    context: typer.Context,
    owner: Annotated[str, typer.Option("--owner", help="Whose money: id, IPI name number or exact name.")],
    collector: Annotated[str, typer.Option("--collector", help="Who collects it.")],
    kind: Annotated[MandateKind, typer.Option("--kind", help="What the collector does.")],
    commission: Annotated[
        int, typer.Option("--commission-ppm", help="What it keeps of what reaches it, in ppm.")
    ],
    agreement: Annotated[str, typer.Option("--agreement", help="What the agreement is called.")],
    territory: TerritoryOption,
    starts: StartOption,
    ends: EndOption = None,
    right: Annotated[
        list[Right] | None, typer.Option("--right", help="Only this right; may be repeated.")
    ] = None,
    work: Annotated[list[str] | None, typer.Option("--work", help="Only this work; may be repeated.")] = None,
    supersedes: Annotated[
        str | None, typer.Option("--supersedes", help="The mandate that this one replaces.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record who collects for whom, where, and for which commission; another for the same use is refused.

    Example: contrafact catalog mandate --owner "Edition Beispiel" --collector "Admin Ltd"
    --kind administration --commission-ppm 50000 --agreement "Administration 2026" --territory WORLD
    --from 2026-01-01
    """
    stated = Mandated(
        kind=kind,
        owner=owner,
        collector=collector,
        commission_ppm=commission,
        reference=agreement,
        territory=territory,
        starts_on=starts,
        ends_on=ends,
        rights=right or tuple(Right),
        works=work or None,
        supersedes=supersedes,
    )
    with writing(context, home) as opened:
        mandate, findings = record_mandate(opened, stated)
    answer = {"mandate": mandate or None, "findings": [finding.to_json() for finding in findings]}
    lines = [f"mandate {mandate} is on record"] if mandate else ["the mandate is refused"]
    say(answer, [*lines, *findings_lines(findings)], as_json=as_json)
    if not mandate:
        raise typer.Exit(ExitCode.REFUSED)


@disputes.command("open")
def open_(
    context: typer.Context,
    name: WorkArgument,
    party: Annotated[list[str], typer.Option("--party", help="Of whose share it is; may be repeated.")],
    share: Annotated[int, typer.Option("--share-ppm", help="How much of the work is in dispute, in ppm.")],
    right: Annotated[Right, typer.Option("--right", help="Of which right.")],
    territory: TerritoryOption,
    starts: StartOption,
    ends: EndOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Who says what.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze a part of the named parties' shares until the dispute is settled; the rest is paid.

    Example: contrafact catalog dispute open T0345246801 --party "Ada Example" --share-ppm 250000
    --right mechanical --territory WORLD --from 2026-10-01 --reason "co-writer's letter of 2026-10-20"
    """
    claimed = Claimed(name, party, share, right, territory, starts, ends, reason)
    with writing(context, home) as opened:
        dispute, findings = record_dispute(opened, claimed)
    answer = {"dispute": dispute or None, "findings": [finding.to_json() for finding in findings]}
    lines = [f"dispute {dispute} is open"] if dispute else ["the dispute is refused"]
    say(answer, [*lines, *findings_lines(findings)], as_json=as_json)
    if not dispute:
        raise typer.Exit(ExitCode.REFUSED)


@disputes.command("settle")
def settle_(
    context: typer.Context,
    dispute: Annotated[str, typer.Argument(metavar="DISPUTE", help="A dispute's id.")],
    outcome: Annotated[str, typer.Option("--outcome", help="How it ended.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a dispute; what it froze is paid by the shares on record, of a closed month by a restatement.

    Example: contrafact catalog dispute settle dispute_0123456789abcdef --outcome "claim withdrawn"
    """
    with writing(context, home) as opened:
        findings = record_settlement(opened, dispute, outcome)
    answer = {"settled": dispute if not findings else None, "findings": [f.to_json() for f in findings]}
    lines = [f"dispute {dispute} is settled"] if not findings else []
    lines += (
        ["next: contrafact royalties restate, for each closed month that it froze"] if not findings else []
    )
    say(answer, [*lines, *findings_lines(findings)], as_json=as_json)
    if findings:
        raise typer.Exit(ExitCode.REFUSED)


def claim_lines(work: Mapping[str, Any]) -> list[str]:
    """Who collects a work and what of it is in dispute, as `catalog show` tells it."""
    lines = [
        f"  {each['collector_name']} collects for {each['owner_name']} in {each['territory']}: "
        f"{percent(each['commission_ppm'])} commission ({each['kind']}, {each['agreement']}, "
        f"{each['mandate']})"
        for each in work["mandates"]
    ]
    lines += [
        f"  in dispute: {percent(each['share_ppm'])} {each['right']} of {', '.join(each['names'])} "
        f"({each['dispute']}{', settled: ' + each['outcome'] if each['outcome'] else ''})"
        for each in work["disputes"]
    ]
    return lines


COMMANDS: Mapping[str, Callable[..., None]] = {"mandate": mandate_}
