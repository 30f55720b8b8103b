"""`contrafact catalog`: who owns what, and what may be used for what."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.findings import Severity
from catalog.vocabulary import ImportFormat, Origin
from console.cli import claims, exports, permissions
from console.cli.options import (
    HomeOption,
    JsonOption,
    KnownOption,
    ModelOption,
    OnOption,
    PurposeOption,
    TerritoryOption,
    WorkArgument,
    knowledge,
    reading,
    today,
    writing,
)
from console.errors import ExitCode
from console.output import findings_csv, findings_lines, say, say_table
from console.progress import progress
from console.steps.auditing import run_audit
from console.steps.catalogue import (
    ask_clearance,
    find,
    import_into,
    show,
)

app = typer.Typer(help="Who owns what, and what may be used for what.", no_args_is_help=True)


class AuditFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    CSV = "csv"


for name, command in {**permissions.COMMANDS, **claims.COMMANDS, **exports.COMMANDS}.items():
    app.command(name)(command)
app.add_typer(claims.disputes, name="dispute")


@app.command("import")
def import_(
    context: typer.Context,
    form: Annotated[ImportFormat, typer.Argument(metavar="FORMAT", help="cwr, csv, parquet, folder or ern.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file; for folder, one with rights.csv.")],
    origin: Annotated[Origin, typer.Option("--origin", help="Who wrote the works.")] = Origin.HUMAN,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in works, parties, shares and files; what cannot be used is kept with its place and reason.

    The exit code is 1 where nothing could be used or the file breaks off: ask its sender for it again.

    Example: contrafact catalog import cwr CW260001ABC_000.V22
    """
    with writing(context, home) as opened:
        report = import_into(opened, form, path, origin=origin)
    lines = [
        f"{report.works} works, {report.recordings} recordings, {report.parties} parties, "
        f"{report.encodings} files; {report.quarantined} quarantined (batch {report.batch})",
    ]
    if report.repeated:
        lines.append("this was imported before: nothing has changed")
    say(report.to_json(), [*lines, *findings_lines(report.findings)], as_json=as_json)
    if report.quarantined and (
        not (report.works or report.recordings) or "TRUNCATED_FILE" in {f.code for f in report.findings}
    ):
        raise typer.Exit(ExitCode.REFUSED)


@app.command("show")
def show_(
    context: typer.Context,
    name: WorkArgument,
    known: KnownOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one work whole: titles, shares, grants, reservations, files, its history, what was done with it.

    Example: contrafact catalog show T-034.524.680-1 --as-known-on 2026-06-30
    """
    with reading(context, home) as opened:
        work = show(opened, name, knowledge(known))
    say({"work": work}, _work_lines(work), as_json=as_json)


@app.command("search")
def search_(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Words of a title, a name, an identifier.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find works by title, writer or identifier, whatever the accents and capitals.

    Example: contrafact catalog search "freu dich"
    """
    with reading(context, home) as opened:
        hits = find(opened, text, limit)
    say_table(
        {"hits": [hit.to_json() for hit in hits]},
        f"{len(hits)} works for '{text}'",
        ("work", "title", "ISWC", "origin", "names"),
        [(hit.work_id, hit.title, hit.iswc or "", hit.origin, ", ".join(hit.names)) for hit in hits],
        as_json=as_json,
    )


@app.command("clear")
def clear_(
    context: typer.Context,
    name: WorkArgument,
    purpose: PurposeOption,
    territory: TerritoryOption,
    on: OnOption = None,
    model: ModelOption = None,
    known: KnownOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a work may be used, and list every objection; exit code 1 where it may not.

    Example: contrafact catalog clear w_0f3a --purpose train --territory EU --on 2026-10-31
    """
    with reading(context, home) as opened:
        found = ask_clearance(
            opened, name, purpose, territory, on or today(), model=model, known=knowledge(known)
        )
    answer = {
        "work": found.work_id,
        "cleared": found.cleared,
        "objections": [objection.to_json() for objection in found.objections],
        "grants": list(found.grants),
        "encodings": [encoding.encoding_id for encoding in found.encodings],
    }
    verdict = f"{found.work_id} is {'cleared' if found.cleared else 'refused'} for {purpose} in {territory}"
    lines = [verdict, *(f"  {objection.code}: {objection.message}" for objection in found.objections)]
    say(answer, lines, as_json=as_json)
    if not found.cleared:
        raise typer.Exit(ExitCode.REFUSED)


@app.command("audit")
def audit_(
    context: typer.Context,
    on: OnOption = None,
    known: KnownOption = None,
    form: Annotated[AuditFormat, typer.Option("--format", help="text, or csv for a spreadsheet.")] = (
        AuditFormat.TEXT
    ),
    music: Annotated[
        bool, typer.Option("--music/--no-music", help="Whether to look for the same music under two names.")
    ] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List everything wrong or risky, in the catalogue and in its music; exit code 1 where an error blocks.

    Example: contrafact catalog audit --on 2026-10-31 --json
    """
    with reading(context, home) as opened, progress("Comparing the music") as advance:
        report = run_audit(opened, on or today(), knowledge(known), advance if music else None)
    lines = [f"{count} {name}" for name, count in report.counts.items()]
    lines += [f"{count} findings {code}" for code, count in report.by_code.items()]
    if form is AuditFormat.CSV and not as_json:
        typer.echo(findings_csv(report.findings), nl=False)
    else:
        say(report.to_json(), [*lines, *findings_lines(report.findings)], as_json=as_json)
    if any(finding.severity is Severity.ERROR for finding in report.findings):
        raise typer.Exit(ExitCode.REFUSED)


def _work_lines(work: dict[str, Any]) -> list[str]:
    lines = [f"{work['title']} ({work['id']}), {work['origin']}, {work['genre'] or 'no genre'}"]
    lines += [f"  ISWC {work['iswc']}"] if work["iswc"] else []
    if work["public_domain"]:
        lines.append(
            f"  public domain in {work['public_domain']['territory']}: {work['public_domain']['basis']}"
        )
    lines += [f"  {maker['role']} {maker['name']}" for maker in work["makers"]]
    lines += [
        f"  {share['right'] or share['kind']} {share['share_ppm'] / 10_000:g} % {share['name']}"
        for share in work["shares"]
    ]
    lines += claims.claim_lines(work)
    lines += [f"  file {file['name']}: {file['licence']}" for file in work["files"]]
    lines += [
        f"  recording {recording['isrc'] or recording['recording']}: {recording['title'] or 'no title'}"
        + "".join(f", on '{release['title']}'" for release in recording["releases"])
        for recording in work["recordings"]
    ]
    lines += [
        f"  society {answer['society']}: {answer['meaning']} ({answer['status']})"
        + (f", number {answer['society_number']}" if answer["society_number"] else "")
        for answer in work["acknowledgements"]
    ]
    lines += [f"  reserved by {item['protocol']}: {item['signal']}" for item in work["reservations"]]
    lines += [f"  withdrawn from {item['effective_on']} on: {item['reason']}" for item in work["withdrawals"]]
    lines += [
        f"  {change['at'][:19]} {change['by']}: {change['what']}"
        + "".join(f"\n    {line}" for line in change["changes"])
        for change in work["history"]
    ]
    lines += [f"  in corpus {corpus}" for corpus in work["corpora"]]
    lines += [f"  {item['share_ppm']} ppm of generation {item['generation']}" for item in work["generations"]]
    return lines
