"""`contrafact demo`: the whole chain on real music, and a report to open."""

import time
from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import HomeOption, JsonOption, writing
from console.demo.chain import run_chain
from console.demo.report import write_report
from console.output import say
from royalties.money import format_minor

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    context: typer.Context,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.01, help="Of training, on the reference machine.")
    ] = 3.0,
    out: Annotated[Path, typer.Option("--out", help="Where the report and the demo's inputs go.")] = Path(
        "contrafact-demo"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same digests.")] = 7,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the whole chain on real music, from the licence to the cent, and write a report to open.

    Example: contrafact demo --minutes 3 --out demo
    """
    started = time.monotonic()
    with writing(context, home) as opened:
        chain = run_chain(opened, out.absolute(), minutes, seed)
        report = write_report(opened, chain, out.absolute())
    run = chain.run
    answer = {
        "home": str(opened.root),
        "corpus": chain.corpus.id,
        "run": chain.training.run,
        "generations": [piece.generation for piece in chain.pieces],
        "attributions": [found.attribution for found in chain.attributions],
        "distribution": {"run": run.run, "digest": run.digest, "pool_minor": run.pool_minor},
        "statements": {payee: written.statement for payee, written in chain.statements.items()},
        "summary": str(chain.disclosed.page),
        "bundle": str(chain.bundle),
        "verified": chain.verified.valid,
        "report": str(report),
        "seconds": round(time.monotonic() - started, 3),
    }
    pool, allocated, held = (
        format_minor(amount, run.currency)
        for amount in (run.pool_minor, run.allocated_minor, run.suspense_minor)
    )
    lines = [
        f"{chain.corpus.manifest['works']} works cleared, {len(chain.pieces)} pieces written",
        f"pool {run.currency} {pool} = allocated {allocated} + suspense {held}",
        f"the bundle {'verifies' if chain.verified.valid else 'does NOT verify'}; "
        f"with one byte flipped it {'still does' if chain.tampered.valid else 'does not'}",
        f"done in {answer['seconds']:.0f} seconds; open {report}",
    ]
    say(answer, lines, as_json=as_json)
