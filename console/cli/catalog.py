"""`contrafact catalog`: who owns what, and what may be used for what."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.findings import Severity
from catalog.vocabulary import GrantSubject, ImportFormat, Origin, Purpose
from console.cli.options import (
    HomeOption,
    JsonOption,
    OnOption,
    PurposeOption,
    TerritoryOption,
    parsed,
    reading,
    writing,
)
from console.errors import ExitCode
from console.output import findings_lines, say, say_table
from console.steps.catalogue import (
    Agreed,
    ask_clearance,
    find,
    import_into,
    record_grant,
    run_audit,
    show,
)

app = typer.Typer(help="Who owns what, and what may be used for what.", no_args_is_help=True)

WorkArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A work's id, its ISWC, or the submitter's number of it.")
]


def day(flag: str, text: str) -> Any:  # noqa: ANN401 (an option's declaration has no type of its own)
    """An option that takes a day."""
    return typer.Option(flag, parser=parsed(date.fromisoformat), metavar="YYYY-MM-DD", help=text)


def today() -> date:
    """The day it is now, in UTC."""
    return datetime.now(UTC).date()


@app.command("import")
def import_(
    context: typer.Context,
    form: Annotated[ImportFormat, typer.Argument(metavar="FORMAT", help="cwr, csv, parquet or folder.")],
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
    if report.quarantined and (not report.works or "TRUNCATED_FILE" in {f.code for f in report.findings}):
        raise typer.Exit(ExitCode.REFUSED)


@app.command("show")
def show_(
    context: typer.Context, name: WorkArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show one work whole: titles, shares, grants, reservations, files, and what was done with it.

    Example: contrafact catalog show T-034.524.680-1
    """
    with reading(context, home) as opened:
        work = show(opened, name)
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
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a work may be used, and list every objection; exit code 1 where it may not.

    Example: contrafact catalog clear w_0f3a --purpose train --territory EU --on 2026-10-31
    """
    with reading(context, home) as opened:
        found = ask_clearance(opened, name, purpose, territory, on or today())
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


@app.command("grant")
def grant_(
    context: typer.Context,
    licensor: Annotated[str, typer.Option("--licensor", help="A party's id, IPI name number or exact name.")],
    purpose: Annotated[list[Purpose], typer.Option("--purpose", help="May be repeated.")],
    territory: TerritoryOption,
    starts: Annotated[date, day("--from", "The first day.")],
    title: Annotated[str, typer.Option("--agreement", help="What the agreement is called.")],
    signed: Annotated[date, day("--signed-on", "The day of the signature.")],
    ends: Annotated[date | None, day("--until", "The first day that is no longer in the term.")] = None,
    document: Annotated[
        Path | None, typer.Option("--document", exists=True, dir_okay=False, help="The signed document.")
    ] = None,
    subject: Annotated[
        GrantSubject, typer.Option("--subject", help="The compositions, or files under --licence-ref.")
    ] = GrantSubject.COMPOSITION,
    work: Annotated[
        list[str] | None, typer.Option("--work", help="Only these works; may be repeated.")
    ] = None,
    licence_ref: Annotated[str | None, typer.Option("--licence-ref", help="LicenseRef-Some-Name.")] = None,
    represented: Annotated[
        bool, typer.Option("--for-represented", help="Also for the writers whom the licensor represents.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record what an agreement permits.

    Example: contrafact catalog grant --licensor 00052210040 --purpose train --territory EU --from 2026-01-01
    --agreement "Training licence 2026" --signed-on 2025-12-01
    """
    agreed = Agreed(
        title=title,
        licensor=licensor,
        signed_on=signed,
        purposes=purpose,
        territory=territory,
        starts_on=starts,
        ends_on=ends,
        subject=subject,
        works=work or None,
        licence_ref=licence_ref,
        document=document,
        for_represented=represented,
    )
    with writing(context, home) as opened:
        grant = record_grant(opened, agreed)
    say({"grant": grant}, [f"grant {grant} is on record"], as_json=as_json)


@app.command("audit")
def audit_(
    context: typer.Context, on: OnOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List everything that is wrong or risky in the catalogue; exit code 1 where an error blocks.

    Example: contrafact catalog audit --on 2026-10-31 --json
    """
    with reading(context, home) as opened:
        report = run_audit(opened, on or today())
    lines = [f"{count} {name}" for name, count in report.counts.items()]
    lines += [f"{count} findings {code}" for code, count in report.by_code.items()]
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
    lines += [f"  file {file['name']}: {file['licence']}" for file in work["files"]]
    lines += [f"  reserved by {item['protocol']}: {item['signal']}" for item in work["reservations"]]
    lines += [f"  in corpus {corpus}" for corpus in work["corpora"]]
    lines += [f"  {item['share_ppm']} ppm of generation {item['generation']}" for item in work["generations"]]
    return lines
