"""Into the catalogue and out of it: imports, questions, permissions, the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.audit import AuditReport, audit
from catalog.clearance import Clearance, clear
from catalog.facts import load_facts
from catalog.grants import add_agreement, add_grant, find_party
from catalog.imports import import_file
from catalog.imports.options import ImportOptions, ImportReport
from catalog.search import Hit, search
from catalog.vocabulary import GrantSubject, Origin, Purpose
from catalog.works import find_work, show_work
from console.home import Home
from model.errors import ModelError
from model.midi import read_midi
from model.notation import is_notation, notation_text
from provenance.attributions import touched, trace
from royalties.tables import AllocationRow, DistributionRun


@dataclass(frozen=True)
class Agreed:
    """An agreement and what it permits."""

    title: str
    licensor: str
    signed_on: date
    purposes: Sequence[Purpose]
    territory: str
    starts_on: date
    ends_on: date | None = None
    subject: GrantSubject = GrantSubject.COMPOSITION
    works: Sequence[str] | None = None
    licence_ref: str | None = None
    document: Path | None = None
    for_represented: bool = False
    invented: bool = False


def inspect_music(name: str, data: bytes) -> str | None:
    """What is wrong with a music file on the face of it, or None; a score is played only later."""
    try:
        if is_notation(name):
            notation_text(name, data)
        else:
            read_midi(data)
    except ModelError as error:
        return str(error)
    return None


def import_into(
    home: Home, form: str, path: Path, *, origin: Origin = Origin.HUMAN, invented: bool = False
) -> ImportReport:
    """What became of a file, in one transaction; the file itself is kept under its digest."""
    options = ImportOptions(origin=origin, invented=invented, inspect=inspect_music)
    with home.session() as session, session.begin():
        report = import_file(session, home.files, form, path, imported_at=datetime.now(UTC), options=options)
    if path.is_file():
        home.files.put(path.read_bytes())
    return report


def show(home: Home, name: str) -> dict[str, Any]:
    """One work whole: what the catalogue knows of it, and what was done with it."""
    with home.session() as session:
        work = show_work(session, name)
        uses = touched(session, work["id"])
        return {
            **work,
            "corpora": list(uses.corpora),
            "runs": list(uses.runs),
            "generations": [
                {"generation": found.generation_id, "share_ppm": found.share_ppm}
                for found in trace(session, work["id"])
            ],
            "money": earned(session, work["id"]),
        }


def earned(session: Session, work_id: str) -> list[dict[str, Any]]:
    """What was allocated for a work, by currency."""
    query = (
        select(DistributionRun.currency, func.sum(AllocationRow.amount_minor))
        .join(AllocationRow, AllocationRow.run_id == DistributionRun.id)
        .where(AllocationRow.work_id == work_id)
        .group_by(DistributionRun.currency)
        .order_by(DistributionRun.currency)
    )
    rows = session.execute(query)
    return [{"currency": currency, "amount_minor": int(amount)} for currency, amount in rows]


def find(home: Home, wanted: str, limit: int) -> list[Hit]:
    """The works that a text means, the best first."""
    with home.session() as session:
        return search(session, wanted, limit)


def ask_clearance(home: Home, name: str, purpose: Purpose, territory: str, on: date) -> Clearance:
    """Whether a work may be used, and if not why."""
    with home.session() as session:
        work_id = find_work(session, name)
        return clear(load_facts(session, [work_id])[0], purpose, territory, on)


def record_grant(home: Home, agreed: Agreed) -> str:
    """The id of a grant that is now on record with its agreement."""
    document = home.files.put(agreed.document.read_bytes()) if agreed.document else None
    with home.session() as session, session.begin():
        return _grant(session, agreed, document)


def record_grants(home: Home, agreements: Sequence[Agreed]) -> list[str]:
    """The ids of several grants, recorded together or not at all."""
    with home.session() as session, session.begin():
        return [_grant(session, agreed, None) for agreed in agreements]


def _grant(session: Session, agreed: Agreed, document_sha256: str | None) -> str:
    now = datetime.now(UTC)
    agreement = add_agreement(
        session,
        title=agreed.title,
        licensor_id=find_party(session, agreed.licensor),
        signed_on=agreed.signed_on,
        recorded_at=now,
        document_sha256=document_sha256,
        licence_ref=agreed.licence_ref,
        invented=agreed.invented,
    )
    works = None if agreed.works is None else [find_work(session, name) for name in agreed.works]
    return add_grant(
        session,
        agreement_id=agreement,
        purposes=agreed.purposes,
        territory=agreed.territory,
        starts_on=agreed.starts_on,
        ends_on=agreed.ends_on,
        subject=agreed.subject,
        work_ids=works,
        for_represented=agreed.for_represented,
        recorded_at=now,
    )


def run_audit(home: Home, on: date) -> AuditReport:
    """Everything that is wrong or risky in the catalogue on a day."""
    with home.session() as session:
        return audit(session, on)
