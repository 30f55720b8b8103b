"""`contrafact royalties bulk`: months of a hundred million lines, from files. Only `post` needs a home."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli.options import HomeOption, JsonOption, PeriodOption, writing
from console.cli.posted import say_posted
from console.errors import ExitCode
from console.output import say
from console.steps.paying import post_bulk_run
from console.steps.policies import find_policy
from royalties.bulk.lines import lines_of
from royalties.bulk.packing import pack_attributions
from royalties.bulk.running import Sources, open_run, run_bulk
from royalties.bulk.verifying import verify_run, verify_sources
from royalties.bulk.workers import Where, workers_of
from royalties.distribution import Allocation
from royalties.money import format_minor

SHOWN_LINES = 20

app = typer.Typer(
    help="Months of a hundred million lines, from files of your own. Only `post` needs a home.",
    no_args_is_help=True,
)
PackOption = Annotated[
    Path,
    typer.Option("--attributions", exists=True, file_okay=False, help="The folder that 'bulk pack' made."),
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The run's folder.")
]


def _files(flag: str, text: str) -> Any:  # noqa: ANN401 (an option's declaration has no type of its own)
    return typer.Option(flag, exists=True, dir_okay=False, help=text)


@app.command("pack")
def pack(
    shares: Annotated[list[Path], _files("--shares", "Parquet: generation, work, share_ppm. Repeatable.")],
    generations: Annotated[
        list[Path],
        _files("--generations", "Parquet: generation, reliability, unattributed_ppm, digest. Repeatable."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to make.")],
    as_json: JsonOption = False,
) -> None:
    """Check attributions and pack them, so that months of money run over them quickly.

    Example: contrafact royalties bulk pack --shares shares.parquet --generations generations.parquet --out
    pack
    """
    report = pack_attributions(shares, generations, out)
    answer = {
        "pack": report.digest,
        "generations": report.generations,
        "works": report.works,
        "shares": report.shares,
    }
    words = f"{report.shares:,} shares of {report.works:,} works in {report.generations:,} generations"
    say(answer, [f"{out}: {words}", f"digest {report.digest}"], as_json=as_json)


@app.command("run")
def run(
    period: PeriodOption,
    policy: Annotated[
        str, typer.Option("--policy", help="A TOML file, or a shipped policy: stim_like, fifty_fifty.")
    ],
    usage: Annotated[list[Path], _files("--usage", "Parquet with the lines of usage. Repeatable.")],
    attributions: PackOption,
    shares: Annotated[list[Path], _files("--shares", "Parquet with who owns the works. Repeatable.")],
    exposure: Annotated[Path, _files("--exposure", "Parquet: work, events, public_domain.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to make.")],
    partitions: Annotated[
        int, typer.Option("--partitions", min=1, help="Into how many parts to cut the job.")
    ] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, help="How many processes work on them.")] = 1,
    on: Annotated[
        Where, typer.Option("--on", help="Processes here, or tasks of a Ray cluster.")
    ] = Where.LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Distribute a period by a policy into a folder; any number of parts and workers gives the same bytes.

    Example: contrafact royalties bulk run --period 2026-10 --policy stim_like --usage october.parquet
    --attributions pack --shares owners.parquet --exposure exposure.parquet --out october
    """
    found = find_policy(policy)
    sources = Sources(tuple(usage), attributions, tuple(shares), exposure)
    report = run_bulk(sources, found, period, out, workers_of(on, workers), max(partitions, workers))
    answer = {
        "run": report.run,
        "period": report.period,
        "currency": report.currency,
        "gross_minor": report.gross_minor,
        "pool_minor": report.pool_minor,
        "allocated_minor": report.allocated_minor,
        "suspense_minor": report.suspense_minor,
        "parties": report.parties,
    }
    pool, allocated, held = (
        format_minor(minor, report.currency)
        for minor in (report.pool_minor, report.allocated_minor, report.suspense_minor)
    )
    say(
        answer,
        [
            f"run {report.run} of {report.period}, from {report.cells:,} sums of usage",
            f"pool {report.currency} {pool} = allocated {allocated} + suspense {held}",
            f"{report.parties:,} parties are owed something: {out / 'payees.parquet'}",
        ],
        as_json=as_json,
    )


@app.command("lines")
def lines(
    folder: RunArgument,
    attributions: PackOption,
    payee: Annotated[
        str, typer.Option("--payee", help="A party's id, or an account: fund:NAME, suspense:REASON:ID.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Say what a payee's amount is for, line by line.

    Example: contrafact royalties bulk lines october --attributions pack --payee party_1
    """
    opened = open_run(folder)
    found = lines_of(opened, attributions, payee)
    total = sum(each.amount_minor for each in found)
    currency = opened.policy.currency
    shown = [
        f"{format_minor(each.amount_minor, currency):>14}  {each.pot}  {each.line.method}  "
        f"{each.line.generation} {each.line.territory} {each.line.work}".rstrip()
        for each in found[:SHOWN_LINES]
    ]
    more = (
        [f"and {len(found) - SHOWN_LINES:,} more lines (all with --json)"] if len(found) > SHOWN_LINES else []
    )
    say(
        {
            "run": opened.id,
            "payee": payee,
            "amount_minor": total,
            "lines": [_line_json(each) for each in found],
        },
        [f"{payee}: {format_minor(total, currency)} {currency} in {len(found):,} lines", *shown, *more],
        as_json=as_json,
    )


def _line_json(each: Allocation) -> dict[str, Any]:
    line = each.line._asdict()
    return {
        "pot": each.pot,
        **line,
        "units": each.units,
        "revenue_minor": each.revenue_minor,
        "amount_minor": each.amount_minor,
    }


@app.command("post")
def post(
    context: typer.Context,
    folder: RunArgument,
    attributions: PackOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a run and post it to a home's ledger: from there it has statements, settlement and payments.

    A payee's statement has one line for each pot; 'bulk lines' says what it is the sum of.

    Example: contrafact royalties bulk post october --attributions pack
    """
    with writing(context, home) as opened:
        report = post_bulk_run(opened, open_run(folder), attributions)
    say_posted(report, as_json=as_json)


@app.command("verify")
def verify(
    folder: RunArgument,
    attributions: PackOption,
    usage: Annotated[
        list[Path] | None, _files("--usage", "With the two below: make the whole run again.")
    ] = None,
    shares: Annotated[list[Path] | None, _files("--shares", "Who owns the works.")] = None,
    exposure: Annotated[Path | None, _files("--exposure", "What the model was trained on.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Digest a run's tables again and compute every amount again; with its sources, make it again from them.

    Example: contrafact royalties bulk verify october --attributions pack
    """
    given = [bool(usage), bool(shares), bool(exposure)]
    if any(given) and not all(given):
        raise typer.BadParameter("--usage, --shares and --exposure go together")
    opened = open_run(folder)
    checks = verify_run(opened, attributions)
    if usage and shares and exposure:
        checks.append(verify_sources(opened, Sources(tuple(usage), attributions, tuple(shares), exposure)))
    valid = all(check.holds for check in checks)
    told = [{"name": check.name, "holds": check.holds, "found": check.found} for check in checks]
    words = [f"{check.name}: {'holds' if check.holds else check.found}" for check in checks]
    say(
        {"run": opened.id, "valid": valid, "checks": told},
        [*words, "valid" if valid else "not valid"],
        as_json=as_json,
    )
    if not valid:
        raise typer.Exit(ExitCode.REFUSED)
