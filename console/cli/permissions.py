"""`contrafact catalog grant`, `reserve`, `lift` and `withdraw`: what may be done, and what no longer."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from catalog.grants import Terms
from catalog.vocabulary import GrantSubject, PostTerm, Purpose, ReservationProtocol
from console.cli.options import HomeOption, JsonOption, TerritoryOption, WorkArgument, day, today, writing
from console.output import findings_lines, say
from console.steps.permissions import Agreed, lift, record_grant, reserve, withdraw_work

MAX_SIGNAL_BYTES = 1 << 20


LicensorOption = Annotated[
    str, typer.Option("--licensor", help="A party's id, IPI name number or exact name.")
]
PurposesOption = Annotated[list[Purpose], typer.Option("--purpose", help="May be repeated.")]
StartOption = Annotated[date, day("--from", "The first day.")]
TitleOption = Annotated[str, typer.Option("--agreement", help="What the agreement is called.")]
SignedOption = Annotated[date, day("--signed-on", "The day of the signature.")]
EndOption = Annotated[date | None, day("--until", "The first day that is no longer in the term.")]
DocumentOption = Annotated[
    Path | None, typer.Option("--document", exists=True, dir_okay=False, help="The signed document.")
]
SubjectOption = Annotated[
    GrantSubject, typer.Option("--subject", help="The compositions, or files under --licence-ref.")
]
WorksOption = Annotated[list[str] | None, typer.Option("--work", help="Only these works; may be repeated.")]
LicenceOption = Annotated[str | None, typer.Option("--licence-ref", help="LicenseRef-Some-Name.")]
RepresentedOption = Annotated[
    bool, typer.Option("--for-represented", help="Also for the writers whom the licensor represents.")
]
ModelsOption = Annotated[
    list[str] | None, typer.Option("--model", help="Only these models; may be repeated.")
]
PostTermOption = Annotated[
    PostTerm | None, typer.Option("--post-term", help="What becomes of trained models after the term.")
]
RateOption = Annotated[int | None, typer.Option("--rate-ppm", help="The licensor's part of the revenue.")]
AdvanceOption = Annotated[int | None, typer.Option("--advance-minor", help="In minor units.")]
GuaranteeOption = Annotated[int | None, typer.Option("--minimum-guarantee-minor", help="In minor units.")]
CurrencyOption = Annotated[str | None, typer.Option("--currency", help="Of both, such as EUR.")]
FavouredOption = Annotated[bool, typer.Option("--most-favoured-nation", help="Better terms apply too.")]
NoticeOption = Annotated[int | None, typer.Option("--notice-days", help="Of a withdrawal.")]
OverrideOption = Annotated[
    str | None, typer.Option("--overrides-reservations", help="The contract's words that say so.")
]
SupersedesOption = Annotated[
    str | None, typer.Option("--supersedes", help="The grant that this one replaces.")
]


def grant_(
    context: typer.Context,
    licensor: LicensorOption,
    purpose: PurposesOption,
    territory: TerritoryOption,
    starts: StartOption,
    title: TitleOption,
    signed: SignedOption,
    ends: EndOption = None,
    document: DocumentOption = None,
    subject: SubjectOption = GrantSubject.COMPOSITION,
    work: WorksOption = None,
    licence_ref: LicenceOption = None,
    represented: RepresentedOption = False,
    model: ModelsOption = None,
    post_term: PostTermOption = None,
    rate_ppm: RateOption = None,
    advance: AdvanceOption = None,
    guarantee: GuaranteeOption = None,
    currency: CurrencyOption = None,
    favoured: FavouredOption = False,
    notice: NoticeOption = None,
    override: OverrideOption = None,
    supersedes: SupersedesOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record what an agreement permits, and on which terms.

    Example: contrafact catalog grant --licensor 00052210040 --purpose train --territory EU --from 2026-01-01
    --agreement "Training licence 2026" --signed-on 2025-12-01
    """
    models = tuple(model) if model else None
    amounts = (rate_ppm, advance, guarantee, currency)
    terms = Terms(models, post_term, *amounts, favoured, notice, override)
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
        terms=terms,
        supersedes=supersedes,
    )
    with writing(context, home) as opened:
        grant = record_grant(opened, agreed)
    say({"grant": grant}, [f"grant {grant} is on record"], as_json=as_json)


def reserve_(
    context: typer.Context,
    protocol: Annotated[ReservationProtocol, typer.Option("--protocol", help="How the signal speaks.")],
    where: Annotated[
        str, typer.Option("--where", help="Where it was seen: a URL, a file, a letter's number.")
    ],
    name: Annotated[str | None, typer.Argument(metavar="[ID]", help="A work.")] = None,
    file: Annotated[str | None, typer.Option("--file", help="A file of the catalogue instead.")] = None,
    party: Annotated[str | None, typer.Option("--party", help="All works of a party instead.")] = None,
    signal: Annotated[str | None, typer.Option("--signal", help="The signal itself.")] = None,
    signal_file: Annotated[
        Path | None, typer.Option("--signal-file", exists=True, dir_okay=False, help="A file that holds it.")
    ] = None,
    purpose: Annotated[
        list[Purpose] | None, typer.Option("--purpose", help="What a letter withholds; may be repeated.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record an opt-out as it was seen: for a work, a file, or all works of a party.

    Example: contrafact catalog reserve T0345246801 --protocol tdmrep --signal "tdm-reservation: 1" --where
    https://example.org/
    """
    named = [(kind, value) for kind, value in (("work", name), ("file", file), ("party", party)) if value]
    if len(named) != 1:
        raise typer.BadParameter("name one thing: a work's ID, --file or --party")
    text = signal if signal_file is None else _text(signal_file)
    if text is None or (signal is not None and signal_file is not None):
        raise typer.BadParameter("give the signal, with --signal or with --signal-file")
    with writing(context, home) as opened:
        reservation, findings = reserve(opened, named[0], protocol, text, where, purpose or None)
    answer = {"reservation": reservation, "findings": [finding.to_json() for finding in findings]}
    say(answer, [f"reservation {reservation} is on record", *findings_lines(findings)], as_json=as_json)


def lift_(
    context: typer.Context,
    reservation: Annotated[str, typer.Argument(metavar="RESERVATION", help="A reservation's id.")],
    on: Annotated[date | None, day("--on", "The first day on which it no longer holds (else today).")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a reservation; it stays on record.

    Example: contrafact catalog lift reservation_0123456789abcdef --on 2026-11-01
    """
    with writing(context, home) as opened:
        lift(opened, reservation, on or today())
    say({"reservation": reservation}, [f"reservation {reservation} is lifted"], as_json=as_json)


def withdraw_(
    context: typer.Context,
    name: WorkArgument,
    reason: Annotated[str, typer.Option("--reason", help="Who took it back, and why.")],
    effective: Annotated[date | None, day("--effective-on", "The first day it is gone (else today).")] = None,
    notice: Annotated[
        Path | None, typer.Option("--notice", exists=True, dir_okay=False, help="The letter itself.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a work back: the next corpus is without it, and a signed receipt names all that it was in.

    Example: contrafact catalog withdraw T0345246801 --reason "publisher's letter" --effective-on 2026-12-01
    """
    with writing(context, home) as opened:
        found = withdraw_work(opened, name, reason, effective or today(), notice)
    touched = found.touched.to_json()
    answer = {
        "withdrawal": found.withdrawal,
        "work": found.work,
        "effective_on": found.effective_on.isoformat(),
        "touched": touched,
        "money": list(found.money),
        "receipt": str(found.receipt),
    }
    lines = [f"{found.work} is withdrawn from {found.effective_on} on ({found.withdrawal})"]
    lines += [f"  touches {len(ids)} {kind}: {', '.join(ids)}" for kind, ids in touched.items() if ids]
    lines += [
        f"  {item['amount_minor']} minor units of {item['currency']} allocated so far" for item in found.money
    ]
    lines += [f"receipt {found.receipt}", "next: contrafact corpus build, which leaves the work out"]
    say(answer, lines, as_json=as_json)


def _text(path: Path) -> str:
    data = path.read_bytes()
    if len(data) > MAX_SIGNAL_BYTES:
        raise typer.BadParameter(f"{path} has {len(data)} bytes; a signal has at most {MAX_SIGNAL_BYTES}")
    return data.decode("utf-8", "replace")


COMMANDS: Mapping[str, Callable[..., None]] = {
    "grant": grant_,
    "reserve": reserve_,
    "lift": lift_,
    "withdraw": withdraw_,
}
