"""`contrafact royalties`: usage in, a period distributed, statements out; closing and restating it."""

from pathlib import Path
from typing import Annotated

import typer

from catalog.identifiers import parse_dpid
from console.cli import (
    accounts,
    approving,
    bulk,
    controls,
    handing_over,
    policies,
    reporting,
    settlement,
)
from console.cli.options import HomeOption, JsonOption, PeriodOption, parsed, writing
from console.cli.posted import say_posted
from console.cli.restating import close, explain, restate
from console.errors import ExitCode
from console.output import findings_lines, say
from console.steps.paying import run_royalties, take_usage, write_statements
from console.steps.policies import find_policy
from royalties.dsr_writer import UNKNOWN_SENDER, Sender
from royalties.statement_files import StatementFormat
from royalties.usage import UsageFormat


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]


def _party_identifier(text: str) -> str:
    found = parse_dpid(text)
    if found is None:
        raise ValueError(f"{text!r} is no DDEX party identifier such as PADPIDA2013020802I")
    return found


app = typer.Typer(help="From usage to statements, in integers.", no_args_is_help=True)
app.add_typer(bulk.app, name="bulk")
for command in (
    close, restate, explain, handing_over.sent, handing_over.register, settlement.pay, settlement.paid,
    accounts.terms, accounts.advance, accounts.account, reporting.rates, reporting.releases, reporting.log,
):  # fmt: skip
    app.command(command.__name__)(command)
app.add_typer(approving.approvers, name="approvers")
app.command("approve")(approving.approve_)
app.command("approvals")(approving.approvals)
for name, command in controls.COMMANDS.items():
    app.command(name)(command)
app.add_typer(policies.app, name="policy")


@app.command("usage")
def usage(
    context: typer.Context,
    form: Annotated[UsageFormat, typer.Argument(metavar="FORMAT", help="csv, parquet or dsr.")],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="The file; CSV and DSR may be gzipped. Of a sales report all its files, or their folder.",
        ),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in a usage file; every line that cannot be used is kept with its place and reason.

    A DDEX sales report whose counts or sums do not hold is refused as a whole.

    Example: contrafact royalties usage csv october.csv
    """
    files = [each for path in paths for each in (sorted(_visible(path)) if path.is_dir() else [path])]
    if not files or (len(files) > 1 and form is not UsageFormat.DSR):
        raise typer.BadParameter("one file of csv or parquet; one or more of one sales report")
    with writing(context, home) as opened:
        report = take_usage(opened, form, files)
    answer = {
        "batch": report.batch,
        "batches": list(report.batches),
        "lines": report.lines,
        "quarantined": report.quarantined,
        "findings": [finding.to_json() for finding in report.findings],
    }
    lines = [f"{report.lines} lines taken in, {report.quarantined} quarantined (batch {report.batch})"]
    say(answer, [*lines, *findings_lines(report.findings)], as_json=as_json)
    if not report.lines and not report.quarantined and any(f.severity == "error" for f in report.findings):
        raise typer.Exit(ExitCode.REFUSED)


@app.command("run")
def run(
    context: typer.Context,
    period: PeriodOption,
    policy: Annotated[
        str,
        typer.Option("--policy", help="A TOML file, or a shipped policy: stim_like, gema_like, fifty_fifty."),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Distribute a period by a policy and post it to the ledger; the same inputs change nothing.

    Example: contrafact royalties run --period 2026-10 --policy stim_like
    """
    with writing(context, home) as opened:
        report = run_royalties(opened, period, find_policy(policy))
    say_posted(report, as_json=as_json)


@app.command("statement")
def statement(
    context: typer.Context,
    period: PeriodOption,
    party: Annotated[str, typer.Option("--party", help="A party's id, a policy's account, or suspense.")],
    form: Annotated[
        list[StatementFormat] | None,
        typer.Option("--format", help="csv, json, html, dsr or pdf; may be repeated."),
    ] = None,
    sender_name: Annotated[str, typer.Option("--sender-name", help="For dsr: who sends it.")] = "",
    sender_dpid: Annotated[
        str | None,
        typer.Option(
            "--sender-dpid",
            parser=parsed(_party_identifier),
            metavar="PADPIDA...",
            help="For dsr: the sender's DDEX party identifier, without which a partner refuses it.",
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what is owed to one payee, for what exactly.

    Example: contrafact royalties statement --period 2026-10 --party suspense --format html
    """
    with writing(context, home) as opened:
        sender = Sender(sender_name or UNKNOWN_SENDER.name, sender_dpid or "")
        written = write_statements(opened, period, [party], form or list(StatementFormat), sender)
    found = written[party]
    files = [str(path) for path in found.files]
    asked = form is not None and StatementFormat.DSR in form and not sender_dpid
    unnamed = ["SenderPartyId is empty, and partners refuse that: add --sender-dpid"] if asked else []
    say(
        {
            "statement": found.statement,
            "files": files,
            "findings": [finding.to_json() for finding in found.findings],
        },
        [f"statement {found.statement}", *files, *findings_lines(found.findings), *unnamed],
        as_json=as_json,
    )
