"""`contrafact model listen`: a blind listening test, played in a browser."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from console.cli.options import HomeOption, JsonOption, writing
from console.listening.trial import results_in
from console.output import say
from console.progress import progress
from console.steps.listening import make_test, serve_test


def listen(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of it.")],
    against: Annotated[
        str | None, typer.Option("--against", help="Another run; else works by people, held out.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", min=1, max=100, help="Pairs, at most.")] = 12,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed makes another test.")] = 0,
    host: Annotated[
        str, typer.Option("--host", help="Where to be reached; 0.0.0.0 for the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port.")] = 8770,
    results: Annotated[
        bool, typer.Option("--results", help="Say what people have answered, and end.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play pairs to people who do not know which is which, and keep what they say.

    Example: contrafact model listen run_3f9a --pairs 12
    """
    with writing(context, home) as opened, progress("Making the clips") as advance:
        folder = make_test(opened, run, against, pairs=pairs, seed=seed, advance=advance)
    found = results_in(folder)
    if results:
        say(found, results_lines(found), as_json=as_json)
        return
    address = f"http://{host}:{port}/"
    lines = [f"test {found['test']}: {found['pairs']} pairs at {address} (end with Ctrl-C)", found["verdict"]]
    say({**found, "address": address}, lines, as_json=as_json)
    serve_test(folder, host, port)


def results_lines(found: Mapping[str, Any]) -> list[str]:
    """What people have answered, as lines for a person."""
    told = [f"test {found['test']}: {found['listeners']} listeners, {found['answers']} answers"]
    if found["answers"]:
        told += [
            f"liked better than {found['against']}: {_part(found['preference'])}, "
            f"{found['preference']['no_difference']} times no difference",
            f"the person's piece was told from the other: {_part(found['identification'])}",
        ]
    return [*told, found["verdict"]]


def _part(found: Mapping[str, Any]) -> str:
    if not found["answers"]:
        return "not asked"
    low, high = found["interval_over_listeners"] or found["interval"]
    return f"{found['part']:.2f} of {found['answers']} [{low:.2f} {high:.2f}]"
