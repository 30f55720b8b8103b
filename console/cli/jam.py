"""`contrafact jam`: plays along, in time."""

import sys
from typing import Annotated

import typer

from console.cli.generate import names_of, read_metre
from console.cli.options import HomeOption, JsonOption, parsed, reading
from console.output import say
from console.steps.jamming import companion_of, lines_of, measure, play, told
from console.steps.ports import list_ports, open_ports
from model.live import Sound
from model.prompt import Prompt

DEFAULT_BAND = ("flute", "piano", "bass", "drums")

app = typer.Typer(add_completion=False)


@app.command()
def jam(
    context: typer.Context,
    run: Annotated[str | None, typer.Option("--run", help="A run; else the newest.")] = None,
    genre: Annotated[str | None, typer.Option("--genre", help="One of 48, such as bossa_nova.")] = None,
    instruments: Annotated[
        str | None, typer.Option("--instruments", help="Yours first, then the others: flute, piano, bass.")
    ] = None,
    tempo: Annotated[int | None, typer.Option("--tempo", help="Beats a minute.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Such as 'E minor'.")] = None,
    metre: Annotated[str | None, typer.Option("--metre", help="Such as 3/4.")] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="How long, up to 12.")] = 3.0,
    beats: Annotated[float | None, typer.Option("--beats", help="End after so many beats.")] = None,
    port: Annotated[
        str | None, typer.Option("--port", help="A MIDI port to play from and to; else lines of text.")
    ] = None,
    ports: Annotated[bool, typer.Option("--list-ports", help="Name the MIDI ports and end.")] = False,
    bench: Annotated[
        bool, typer.Option("--bench", help="Measure how long an answer takes, and end.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed plans the same piece.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play along: your notes come in, the others answer in time, planned ahead and anew as you play.

    A line is a note: 'pitch velocity' as it is played, or 'beat pitch velocity beats'. Answers are lines too:
    beat, pitch, velocity, beats, track.

    Example: contrafact jam --genre folk --instruments "flute, piano, bass" --tempo 96
    """
    if ports:
        say({"ports": list_ports()}, list_ports() or ["no MIDI port"], as_json=as_json)
        return
    prompt = Prompt(
        genre=genre, instruments=names_of(instruments) or DEFAULT_BAND, tempo_bpm=tempo, key=key,
        metre=parsed(read_metre)(metre) if metre else None, minutes=minutes,
    )  # fmt: skip
    with reading(context, home) as opened:
        companion = companion_of(opened, run, prompt, seed)
    if bench:
        found = measure(companion, seed)
        waits = f"p50 {found.p50_ms:.1f}, p95 {found.p95_ms:.1f}, p99 {found.p99_ms:.1f} ms"
        lines = [f"{found.notes} notes: {waits}", f"{found.events_in_50_ms} events in 50 ms"]
        say(found.to_json(), lines, as_json=as_json)
        return
    end_beats = beats if beats is not None else companion.end_steps

    def show(sound: Sound, program: int, *, is_drum: bool) -> None:  # noqa: ARG001 - as an output is called
        print(told(sound), file=sys.stderr if as_json else sys.stdout, flush=True)

    if port is None:
        count = play(companion, lines_of(sys.stdin), show, end_beats=end_beats)
    else:
        with open_ports(port, companion) as (heard, play_out):
            count = play(companion, heard, play_out, end_beats=end_beats)
    say({"notes": count, "tempo_bpm": companion.plan.tempo_bpm}, [f"{count} notes"], as_json=as_json)
