"""`contrafact model`: train on a verified corpus and on nothing else, and measure what came of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from console.cli.listen import listen
from console.cli.options import HomeOption, JsonOption, writing
from console.output import say
from console.progress import progress
from console.steps.corpora import open_corpus
from console.steps.evaluating import Evaluation, evaluate_run
from console.steps.training import Together, train_model

app = typer.Typer(help="Training and evaluation.", no_args_is_help=True)
app.command("listen")(listen)


@app.command("train")
def train(
    context: typer.Context,
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A corpus's id, or the beginning of it.")],
    preset: Annotated[str, typer.Option("--preset", help="lite, base or full.")] = "lite",
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.01, help="Minutes on the reference machine; sets the steps.")
    ] = 3.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same checkpoint.")] = 0,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that train together, one to a GPU.")
    ] = 1,
    sharded: Annotated[
        bool, typer.Option("--sharded", help="Each process holds a part of the model only.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model on a corpus that verifies; a run that was stopped goes on where it stood.

    Example: contrafact model train 3f9a --preset lite --minutes 3
    """
    with writing(context, home) as opened, progress("Training") as advance:
        verified = open_corpus(opened, corpus)
        training = train_model(
            opened, verified, preset=preset, minutes=minutes, seed=seed, advance=advance,
            together=Together(processes, sharded),
        )  # fmt: skip
    trained = training.trained
    loss = trained.losses[-1] if trained.losses else None
    answer = {
        "run": training.run,
        "corpus": verified.corpus_id,
        "checkpoint": str(trained.checkpoint),
        "steps": trained.steps,
        "loss": loss,
        "held_out": trained.held_out,
        "parameters": training.num_parameters,
    }
    lines = [
        f"run {training.run}: {training.num_parameters:,} parameters, {trained.steps} steps, loss {loss}",
        f"next: contrafact provenance index {training.run}",
    ]
    say(answer, lines, as_json=as_json)


@app.command("evaluate")
def evaluate(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of it.")],
    pieces: Annotated[int, typer.Option("--pieces", min=1, help="Pieces to compare, at most.")] = 16,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.25, max=12, help="The most of each that is compared.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same numbers.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a run beside music that it has not seen, and beside the same music with its bars shuffled.

    Example: contrafact model evaluate run_3f9a --pieces 16
    """
    with writing(context, home) as opened, progress("Evaluating") as advance:
        found = evaluate_run(opened, run, pieces=pieces, minutes=minutes, seed=seed, advance=advance)
    answer = {"run": found.run, "metrics": found.metrics, "file": str(found.path)}
    say(answer, evaluation_lines(found), as_json=as_json)


COLUMNS = ("held_out", "shuffled", "generated")
UNKNOWN = {"mean": None}
WAYS = ("constrained", "unconstrained")


def evaluation_lines(found: Evaluation) -> list[str]:
    """An evaluation as lines for a person: tables of means with their intervals."""
    metrics = found.metrics
    compared = metrics["compared_with"]
    what = "held-out" if compared["held_out"] else "TRAINED (none was held out)"
    columns, met = [metrics["columns"][c] for c in COLUMNS], [metrics["adherence"][way] for way in WAYS]
    error = [metrics["bar_similarity_error"][c] for c in COLUMNS]
    loss = ", ".join(f"{name} {float(nats):.3f}" for name, nats in metrics["held_out_loss"].items())
    return [
        f"run {found.run}: {metrics['pieces']} pieces beside {what} ones ({', '.join(compared['origins'])})",
        f"held-out loss in nats an event: {loss or 'unknown, nothing was held out'}",
        _line("", ["held out", "bars shuffled", "generated"]),
        *(_line(name, [told(column[name]) for column in columns]) for name in columns[0]),
        _line("bar similarity error", [told(one) for one in error]),
        _line("longest shared, notes", [told(metrics["originality"].get(c, UNKNOWN)) for c in COLUMNS]),
        _line("asked for and met", list(WAYS)),
        *(_line(name, [told(way[name]) for way in met]) for name in met[0]),
        *(_distance(column, one) for column, one in metrics["frechet"].items() if one is not None),
        metrics["listening"]["verdict"],
        f"all of it: {found.path}",
    ]


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:22}" + "".join(f"{cell:>24}" for cell in cells)


def told(estimate: Mapping[str, Any]) -> str:
    """A mean with its interval."""
    if estimate["mean"] is None:
        return "-"
    return f"{estimate['mean']:.3f} [{estimate['low']:.3f} {estimate['high']:.3f}]"


def _distance(column: str, found: Mapping[str, Any]) -> str:
    return (
        f"Fréchet distance of {column} phrases ({found['embedding']}): {found['distance']:.2f} from "
        f"{found['windows']}, {found['at_infinity']:.2f} at infinitely many"
    )
