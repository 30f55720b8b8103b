"""`contrafact provenance`: what a generation leaned on, and what a work has influenced."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.works import find_work
from console.cli.attributed import say_attributed
from console.cli.options import HomeOption, JsonOption, reading, writing
from console.errors import ExitCode
from console.output import findings_lines, say, say_table
from console.progress import progress
from console.steps.attributing import attribute, holder_shares
from console.steps.bringing import bring_scores
from console.steps.catalogue import earned
from console.steps.indexing import index_run
from console.steps.validating import Asked, validate_run
from console.steps.where import Unit
from provenance.attributions import trace
from provenance.brought import ScoreSource

app = typer.Typer(help="What leaned on what.", no_args_is_help=True)


@app.command("index")
def index_(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="A run; else the newest.")] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that index together, one to a GPU.")
    ] = 1,
    halves: Annotated[
        int | None,
        typer.Option(
            "--halves", min=0, help="Networks to train on halves of the works, to ask them as well."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the gradient features of every training example and index them; resumable.

    With several processes the index has the same bytes; docs/scale.md says how to use several machines.
    With --halves 5 shares rest on five more trainings, each on half of the works for half of the run's steps:
    they predict retraining better (docs/attribution.md). Later commands use them without being told.

    Example: contrafact provenance index run_0123456789abcdef
    """
    started = time.monotonic()
    with writing(context, home) as opened, progress("Indexing") as advance:
        found = index_run(opened, run, advance, processes, halves)
    answer = {
        "index": found.index,
        "run": found.run,
        "examples": found.examples,
        "bytes": found.bytes,
        "seconds": round(time.monotonic() - started, 3),
    }
    size = f"{found.bytes / 1024**2:.1f} MiB"
    say(answer, [f"index {found.index} of {found.run}: {found.examples} examples, {size}"], as_json=as_json)


@app.command("attribute")
def attribute_(
    context: typer.Context,
    generation: Annotated[str, typer.Argument(metavar="GENERATION", help="A generation's id.")],
    territory: Annotated[str, typer.Option("--territory", help="Whose shares name the holders.")] = "WORLD",
    by: Annotated[
        Unit, typer.Option("--by", help="Segments of the answer: phrases, as on record, or bars.")
    ] = Unit.PHRASE,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which works a generation leaned on, by phrase and track, and which it is closest to by its notes.

    Example: contrafact provenance attribute gen_0123456789abcdef
    """
    with writing(context, home) as opened:
        found = attribute(opened, generation, by)
        with opened.session() as session:
            holders = holder_shares(session, found.shares, territory, datetime.now(UTC).date())
    say_attributed(found, holders, as_json=as_json)


@app.command("validate")
def validate_(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="A run; else the newest.")] = None,
    retrainings: Annotated[
        int, typer.Option("--retrainings", min=3, help="Trainings on random halves of the works.")
    ] = 24,
    retests: Annotated[int, typer.Option("--retests", min=0, help="Halves that are trained on twice.")] = 8,
    queries: Annotated[int, typer.Option("--queries", min=2, help="Held-out examples to ask about.")] = 24,
    planted: Annotated[int, typer.Option("--planted", min=0, help="Works to copy eight bars of.")] = 20,
    holders: Annotated[
        int, typer.Option("--holders", min=0, help="Rights holders whose works are left out, one at a time.")
    ] = 0,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Of each retraining (else half of the run's).")
    ] = None,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.01, help="No retraining begins later; go on by calling again.")
    ] = 60.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of halves, queries and planted copies.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train again on halves of the works and say how well attribution predicts what comes of it; resumable.

    Example: contrafact provenance validate --retrainings 40 --minutes 120
    """
    asked = Asked(retrainings, retests, queries, planted, holders, steps, minutes, seed)
    with writing(context, home) as opened, progress("Validating") as advance:
        found = validate_run(opened, run, asked, advance).found
    rows = [(row["name"], *_interval(row), *_interval(row["last_event"])) for row in found["baselines"]]
    rows.insert(0, ("influence", *_interval(found["lds"]), *_interval(found["lds"]["last_event"])))
    title = (
        f"{found['run']}: rank correlation with {found['retrainings']} retrainings of {found['steps']} steps "
        f"on half of the works, {found['queries']} held-out examples"
    )
    head = ("method", "whole sequence", "90 %", "last event", "90 %")
    say_table(found, title, head, rows, as_json=as_json)
    if not as_json:
        say({}, _validation_lines(found), as_json=False)


def _validation_lines(found: Mapping[str, Any]) -> list[str]:
    if found["ceiling"]:
        ceiling = f"no method can score more than {found['ceiling']}: so far two trainings on one half agree"
    else:
        ceiling = "how far two trainings on one half agree is not known: it takes more --retests"
    lines = [f"{ceiling} ({found['retests']} halves were trained on twice)"]
    lines += [f"not compared with {row['name']}: {row['reason']}" for row in found["not_compared"]]
    lines += _removal_lines(found["removal"])
    for row in found["planted"]:
        influence = (
            f"{row['influence']} by influence, {row['influence_on_its_phrases']} on the copy's phrases"
        )
        named = f"{row['content']} of {row['works']} works named first by content, {influence}"
        lines.append(f"eight bars copied, {row['copy']}: {named}")
    return lines


def _removal_lines(removal: Mapping[str, Any] | None) -> list[str]:
    if removal is None:
        return [
            "whether a predicted change of loss comes true is not known: it takes --holders and --retests"
        ]
    held = (
        f"{removal['held']} of {removal['of']} changes of loss lie in the 90 % interval around the predicted"
    )
    return [
        f"{removal['holders']} rights holders left out, one at a time: {held} "
        f"(half width {removal['half_width_nats']} nats an event, predicted {removal['predicted_nats']} and "
        f"found {removal['found_nats']} in the mean; rank correlation {removal['rank_correlation']})"
    ]


def _interval(estimate: Mapping[str, float]) -> tuple[str, str]:
    return f"{estimate['value']:.3f}", f"{estimate['low']:.3f} to {estimate['high']:.3f}"


@app.command("import")
def import_(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A Parquet file of shares.")],
    provider: Annotated[str, typer.Option("--provider", help="Who computed them.")],
    method: Annotated[str, typer.Option("--method", help="By which method.")],
    version: Annotated[str, typer.Option("--version", help="In which version of it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in shares that were computed elsewhere; a generation with any fault is left out whole.

    The exit code is 1 where anything was left out.

    Example: contrafact provenance import shares.parquet --provider Acme --method trak --version 2
    """
    try:
        source = ScoreSource(provider, method, version)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with writing(context, home) as opened:
        report = bring_scores(opened, path, source)
    answer = {
        "batch": report.batch,
        "attributions": report.attributions,
        "quarantined": report.quarantined,
        "findings": [finding.to_json() for finding in report.findings],
    }
    told = f"{report.attributions} attributions by {source}, {report.quarantined} generations left out"
    lines = [f"{told} (batch {report.batch})" if report.batch else told]
    say(answer, [*lines, *findings_lines(report.findings)], as_json=as_json)
    if not report.complete:
        raise typer.Exit(ExitCode.REFUSED)


@app.command("trace")
def trace_(
    context: typer.Context,
    work: Annotated[str, typer.Argument(metavar="WORK", help="A work's id, ISWC or submitter's number.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every generation that leaned on a work, and what was allocated for it.

    Example: contrafact provenance trace T-034.524.680-1
    """
    with reading(context, home) as opened, opened.session() as session:
        work_id = find_work(session, work)
        found = trace(session, work_id)
        amounts = earned(session, work_id)
    answer = {
        "work": work_id,
        "generations": [
            {
                "generation": item.generation_id,
                "run": item.run_id,
                "attribution": item.attribution_id,
                "share_ppm": item.share_ppm,
                "low_ppm": item.low_ppm,
                "high_ppm": item.high_ppm,
            }
            for item in found
        ],
        "amount": amounts,
    }
    rows = [(item.generation_id, item.share_ppm, f"{item.low_ppm} to {item.high_ppm}") for item in found]
    money = ", ".join(f"{item['currency']} {item['amount_minor']}" for item in amounts) or "nothing"
    title = f"{work_id} was allocated {money} in minor units"
    say_table(answer, title, ("generation", "ppm", "interval, ppm"), rows, as_json=as_json)
