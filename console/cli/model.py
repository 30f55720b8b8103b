"""`contrafact model`: train on a verified corpus, and on nothing else."""

from typing import Annotated

import typer

from console.cli.options import HomeOption, JsonOption, writing
from console.output import say
from console.progress import progress
from console.steps.corpora import open_corpus
from console.steps.training import Together, train_model

app = typer.Typer(help="Training.", no_args_is_help=True)


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
