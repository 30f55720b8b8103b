"""`contrafact edit`: a piece from another one, changed where it was asked."""

import time
from typing import Annotated

import typer

from console.cli.generate import answer_of, lines_of
from console.cli.options import HomeOption, JsonOption, OnRepeatOption, writing
from console.output import say
from console.progress import progress
from console.steps.editing import Edit, EditKind, edit_piece
from console.steps.originality import OnRepeat

app = typer.Typer(add_completion=False)


@app.command()
def edit(
    context: typer.Context,
    generation: Annotated[str, typer.Argument(metavar="GENERATION", help="The piece to change.")],
    go_on: Annotated[
        int | None, typer.Option("--continue", min=1, help="So many bars more, as a new section.")
    ] = None,
    infill: Annotated[str | None, typer.Option("--infill", help="Bars to compose anew, as 9-16.")] = None,
    track: Annotated[
        str | None, typer.Option("--track", help="A track to compose anew, by number or instrument.")
    ] = None,
    bars: Annotated[str | None, typer.Option("--bars", help="With --track: only in these bars.")] = None,
    replace: Annotated[
        str | None, typer.Option("--replace", help="Another instrument for a track, as bass=cello.")
    ] = None,
    transpose: Annotated[
        str | None, typer.Option("--transpose", help="Semitones, as -2, or a key, as 'D minor'.")
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="Sections by number or label, as '1 2 1' or 'A B A'.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same piece.")] = 0,
    on_repeat: OnRepeatOption = OnRepeat.RECORD,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a piece: continue it, compose bars or a track anew, or move what is there.

    Notes that the change does not name stay as they are. The new piece names the old one as its parent.

    Example: contrafact edit gen_0123456789abcdef --track piano --bars 9-16 --seed 3
    """
    started = time.monotonic()
    wanted = {
        EditKind.CONTINUE: None if go_on is None else str(go_on),
        EditKind.INFILL: infill,
        EditKind.TRACK: track,
        EditKind.REPLACE: replace,
        EditKind.TRANSPOSE: transpose,
        EditKind.ORDER: order,
    }
    given = [Edit(kind, about) for kind, about in wanted.items() if about is not None]
    if len(given) != 1:
        options = ", ".join(f"--{kind}" for kind in EditKind)
        raise typer.BadParameter(f"one change at a time is made, by one of {options}")
    if bars is not None and given[0].kind is not EditKind.TRACK:
        raise typer.BadParameter("--bars belongs to --track")
    asked = Edit(given[0].kind, given[0].about, bars)
    with writing(context, home) as opened, progress("Editing") as advance:
        piece = edit_piece(opened, generation, asked, seed, advance, on_repeat)
    seconds = round(time.monotonic() - started, 3)
    answer = {**answer_of(piece, asked.to_json(), seconds), "parent": generation}
    lines = [f"{asked.kind} {asked.about} of {generation}", *lines_of(piece)]
    say(answer, lines, as_json=as_json)
