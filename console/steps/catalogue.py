"""Into the catalogue and out of it: imports, questions, permissions, the audit."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from catalog.clearance import Clearance, clear
from catalog.disputes import disputes_of
from catalog.facts import load_facts
from catalog.history import history
from catalog.imports import import_file
from catalog.imports.options import ImportOptions, ImportReport
from catalog.knowledge import NOW, Knowledge
from catalog.mandate_register import mandates_of
from catalog.search import Hit, search
from catalog.vocabulary import Origin, Purpose
from catalog.works import find_work, show_work
from catalog.xml import xml_fault
from console.home import Home
from model.errors import ModelError
from model.midi import read_midi
from model.notation import is_notation, notation_text
from provenance.attributions import touched
from royalties.tables import AllocationRow, DeltaRow, DistributionRun, RestatementRow


def inspect_music(name: str, data: bytes) -> str | None:
    """What is wrong with a music file on the face of it, or None; a score is played only later."""
    try:
        if is_notation(name):
            form, text = notation_text(name, data)
            faults = {"xml": lambda: xml_fault(text.encode()), "humdrum": lambda: _humdrum_fault(text)}
            return faults[form]() if form in faults else None
        read_midi(data)
    except ModelError as error:
        return str(error)
    return None


def _humdrum_fault(text: str) -> str | None:
    """A Humdrum file says where its spines end; one that does not breaks off."""
    records = [line for line in text.splitlines() if line.strip() and not line.startswith("!")]
    ended = bool(records) and set(records[-1].split("\t")) == {"*-"}
    return None if ended else "the file breaks off: its last record is not '*-' in every spine"


def import_into(
    home: Home, form: str, path: Path, *, origin: Origin = Origin.HUMAN, invented: bool = False
) -> ImportReport:
    """What became of a file, in one transaction; the file itself is kept under its digest."""
    options = ImportOptions(origin=origin, invented=invented, inspect=inspect_music)
    with home.session() as session, session.begin():
        report = import_file(
            session,
            home.files,
            form,
            path,
            imported_at=datetime.now(UTC),
            recorded_by=home.actor,
            options=options,
        )
    if path.is_file():
        home.files.put_file(path)
    return report


def show(home: Home, name: str, known: Knowledge) -> dict[str, Any]:
    """One work whole: what is or was known of it, how that came to be, and what was done with the work."""
    with home.session() as session:
        work_id = find_work(session, name)
        facts = load_facts(session, [work_id], known)[0]
        now = facts if known == NOW else load_facts(session, [work_id])[0]
        uses, shown = touched(session, work_id), show_work(session, facts, known)
        owners = {share["party"] for share in shown["shares"]}
        return {
            **shown,
            "mandates": mandates_of(session, work_id, owners, known),
            "disputes": disputes_of(session, work_id, known),
            "history": [change.to_json() for change in history(session, now)],
            "corpora": list(uses.corpora),
            "runs": list(uses.runs),
            "generations": [
                {"generation": found.generation_id, "share_ppm": found.share_ppm} for found in uses.influenced
            ],
            "money": earned(session, work_id),
        }


def earned(session: Session, work_id: str) -> list[dict[str, Any]]:
    """What was allocated for a work, with what was restated since, by currency."""
    run, restated = DistributionRun, RestatementRow
    amounts = union_all(
        select(run.currency, AllocationRow.amount_minor)
        .join(AllocationRow, AllocationRow.run_id == run.id)
        .where(AllocationRow.work_id == work_id),
        select(restated.currency, DeltaRow.amount_minor)
        .join(DeltaRow, DeltaRow.restatement_id == restated.id)
        .where(DeltaRow.work_id == work_id),
    ).subquery()
    query = select(amounts.c.currency, func.sum(amounts.c.amount_minor)).group_by(amounts.c.currency)
    rows = session.execute(query.order_by(amounts.c.currency))
    return [{"currency": currency, "amount_minor": int(amount)} for currency, amount in rows]


def find(home: Home, wanted: str, limit: int) -> list[Hit]:
    """The works that a text means, the best first."""
    with home.session() as session:
        return search(session, wanted, limit)


def ask_clearance(
    home: Home,
    name: str,
    purpose: Purpose,
    territory: str,
    on: date,
    *,
    model: str | None = None,
    known: Knowledge = NOW,
) -> Clearance:
    """Whether a work may be used, and if not why, by what is or was known."""
    with home.session() as session:
        work_id = find_work(session, name)
        return clear(load_facts(session, [work_id], known)[0], purpose, territory, on, model)
