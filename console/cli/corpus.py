"""`contrafact corpus`: cleared works as Parquet, and proofs of what is in them."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import (
    HomeOption,
    JsonOption,
    KnownOption,
    ModelOption,
    OnOption,
    PurposeOption,
    TerritoryOption,
    knowledge,
    today,
    writing,
)
from console.errors import ExitCode
from console.output import say
from console.progress import progress
from console.steps.corpora import build, prove_work
from provenance.corpus.plan import Order
from provenance.corpus.prove import verify_proof

app = typer.Typer(help="Cleared works as Parquet, and proofs of what is in them.", no_args_is_help=True)


@app.command("build")
def build_(
    context: typer.Context,
    purpose: PurposeOption,
    territory: TerritoryOption,
    on: OnOption = None,
    model: ModelOption = None,
    known: KnownOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clear the whole catalogue and write what is cleared as a corpus with a manifest.

    Example: contrafact corpus build --purpose train --territory EU --on 2026-10-31
    """
    order = Order(purpose, territory, on or today(), model, knowledge(known))
    with writing(context, home) as opened, progress("Building the corpus") as advance:
        built = build(opened, order, advance)
    manifest = built.manifest
    answer = {
        "corpus": built.id,
        "merkle_root": manifest["merkle_root"],
        "works": manifest["works"],
        "works_by_origin": manifest["works_by_origin"],
        "examples": manifest["examples"],
        "events": manifest["events"],
        "excluded": manifest["excluded"],
        "shards": [shard["name"] for shard in manifest["shards"]],
    }
    lines = [
        f"corpus {built.id}",
        f"{manifest['works']} works, {manifest['examples']} examples, {manifest['events']} events",
        *(f"  left out: {count} works, {code}" for code, count in manifest["excluded"].items()),
        f"next: contrafact model train {built.id[:12]}",
    ]
    say(answer, lines, as_json=as_json)


@app.command("prove")
def prove_(
    context: typer.Context,
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A corpus's id, or the beginning of it.")],
    work: Annotated[str, typer.Option("--work", help="A work's id, ISWC or submitter's number.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a signed proof that a work is in a corpus, or that it is not.

    Example: contrafact corpus prove 3f9a --work T-034.524.680-1
    """
    with writing(context, home) as opened:
        path, _, included = prove_work(opened, corpus, work)
    verdict = "is in the corpus" if included else "is not in the corpus"
    say({"included": included, "proof": str(path)}, [f"{work} {verdict}", f"proof {path}"], as_json=as_json)


@app.command("verify")
def verify_(
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A proof.")],
    key: Annotated[str | None, typer.Option("--key", help="The fingerprint that must have signed.")] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="The corpus it must be about.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a proof with nothing but the file: no database, no network; exit code 1 where it fails.

    Example: contrafact corpus verify 3f9a_w_01.proof.json
    """
    found = verify_proof(path.read_bytes(), key, corpus)
    answer = {"valid": found.valid, "checks": [check.to_json() for check in found.checks]}
    lines = [f"{'holds' if check.ok else 'FAILS'} {check.name}: {check.detail}" for check in found.checks]
    say(answer, [*lines, "valid" if found.valid else "NOT valid"], as_json=as_json)
    if not found.valid:
        raise typer.Exit(ExitCode.REFUSED)
