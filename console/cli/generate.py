"""`contrafact generate`: a piece from a prompt, with its log record."""

import time
from dataclasses import replace
from typing import Annotated, Any

import typer

from console.cli.options import HomeOption, JsonOption, OnRepeatOption, parsed, writing
from console.output import say
from console.progress import progress
from console.steps.generating import Piece, generate_piece, prompt_json
from console.steps.originality import OnRepeat
from model.prompt import Prompt, parse_prompt


def read_metre(text: str) -> tuple[int, int]:
    """A metre as it is written, such as 3/4."""
    numerator, _, denominator = text.partition("/")
    if not (numerator.isdecimal() and denominator.isdecimal()):
        raise ValueError(f"'{text}' is no metre; write it as 3/4")
    return int(numerator), int(denominator)


app = typer.Typer(add_completion=False)


@app.command()
def generate(
    context: typer.Context,
    run: Annotated[str | None, typer.Option("--run", help="A run; else the newest.")] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="What you want, as a sentence.")] = None,
    genre: Annotated[str | None, typer.Option("--genre", help="One of 48, such as bossa_nova.")] = None,
    mood: Annotated[str | None, typer.Option("--mood", help="Such as calm or energetic.")] = None,
    instruments: Annotated[
        str | None, typer.Option("--instruments", help="Names with commas: piano, bass, drums.")
    ] = None,
    tempo: Annotated[int | None, typer.Option("--tempo", help="Beats a minute.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Such as 'E minor' or 'Bb major'.")] = None,
    metre: Annotated[str | None, typer.Option("--metre", help="Such as 3/4.")] = None,
    structure: Annotated[
        str | None, typer.Option("--structure", help="AABA, or 'verse chorus verse chorus'.")
    ] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Length, up to 12.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same piece.")] = 0,
    on_repeat: OnRepeatOption = OnRepeat.RECORD,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a piece: MIDI, audio and stems, and a signed record of where it came from.

    Example: contrafact generate --prompt "a calm bossa nova in E minor, AABA, 100 bpm" --seed 7
    """
    started = time.monotonic()
    asked, unknown = parse_prompt(prompt) if prompt else (Prompt(), ())
    options: dict[str, Any] = {
        "genre": genre,
        "mood": mood,
        "instruments": names_of(instruments),
        "tempo_bpm": tempo,
        "key": key,
        "metre": _metre(metre),
        "structure": _sections(structure),
        "minutes": minutes,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value not in (None, ())}
    asked = replace(asked, **given)
    with writing(context, home) as opened, progress("Composing") as advance:
        piece = generate_piece(opened, run, asked, seed, advance, on_repeat)
    seconds = round(time.monotonic() - started, 3)
    answer = {**answer_of(piece, prompt_json(asked), seconds), "not_understood": list(unknown)}
    lines = [
        f"asked for: {_told(prompt_json(asked))}",
        *([f"not understood: {', '.join(unknown)}"] if unknown else []),
        *lines_of(piece),
    ]
    say(answer, lines, as_json=as_json)


def answer_of(piece: Piece, asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    """A piece as a JSON object.

    Args:
        asked: what was asked for, as it is written down.
    """
    return {
        "generation": piece.generation,
        "run": piece.run,
        "midi": str(piece.midi),
        "musicxml": str(piece.musicxml),
        "audio": str(piece.mix) if piece.mix else None,
        "stems": [str(path) for path in piece.stems],
        "tracks": list(piece.tracks),
        "bars": piece.num_bars,
        "notes": piece.num_notes,
        "prompt": asked,
        "plan": piece.plan,
        "originality": piece.originality,
        "sound_bank": piece.sound_bank,
        "seconds": seconds,
    }


def lines_of(piece: Piece) -> list[str]:
    """A piece as lines for a person."""
    audio = piece.mix or "none: there is no sound bank (contrafact doctor says how to install one)"
    return [
        f"generation {piece.generation}",
        f"{piece.num_bars} bars, {piece.num_notes} notes, {', '.join(piece.tracks)}",
        f"MIDI  {piece.midi}",
        f"score {piece.musicxml}",
        f"audio {audio}",
        _originality_line(piece.originality),
        f"next: contrafact provenance attribute {piece.generation}",
    ]


def _originality_line(found: dict[str, Any]) -> str:
    longest, limit = found["longest"], found["limit_notes"]
    if longest is None:
        return f"shares no figure of its own with any work (works share up to {limit} notes by chance)"
    verdict = "MORE than works share by chance" if found["flagged"] else "as works do by chance"
    return (
        f"shares {longest['notes']} notes at most with a work ({longest['work_id']}): {verdict}, "
        f"the limit is {limit}"
    )


def names_of(text: str | None) -> tuple[str, ...]:
    """Names that are written with commas between them."""
    return tuple(name.strip().lower() for name in text.split(",") if name.strip()) if text else ()


def _metre(text: str | None) -> tuple[int, int] | None:
    return parsed(read_metre)(text) if text else None


def _sections(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    words = text.replace(",", " ").split()
    return tuple(words[0]) if len(words) == 1 and words[0].isupper() else tuple(words)


def _told(asked: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in asked.items()) or "anything"
