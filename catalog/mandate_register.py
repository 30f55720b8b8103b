"""How does a mandate come on record, and which are in force by what is or was known?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from catalog.database import derive_id, insert_missing
from catalog.errors import NotFoundError
from catalog.findings import Finding
from catalog.grants import find_party
from catalog.knowledge import NOW, Knowledge
from catalog.mandate_tables import MandateRight, MandateRow, MandateWork
from catalog.mandates import Mandate, mandate_faults, mandate_json
from catalog.tables import UNKNOWN_ACTOR, Party
from catalog.territories import canonical
from catalog.vocabulary import GrantScope, MandateKind, Right
from catalog.works import find_work

Json = dict[str, Any]


@dataclass(frozen=True)
class Mandated:
    """A mandate as a person states it: parties and works by any name that the catalogue knows."""

    kind: MandateKind
    owner: str
    collector: str
    commission_ppm: int
    reference: str
    territory: str
    starts_on: date
    ends_on: date | None = None
    rights: Sequence[Right] = tuple(Right)
    works: Sequence[str] | None = None
    supersedes: str | None = None


def add_mandate(
    session: Session, stated: Mandated, *, recorded_at: datetime, recorded_by: str = UNKNOWN_ACTOR
) -> tuple[Mandate, list[Finding]]:
    """The mandate, and why it is not on record; without findings it is. Again, it changes nothing.

    Raises:
        NotFoundError: a party, a work or the mandate to supersede is not in the catalogue.
        UnknownTerritoryError: the territory is none.
    """
    mandate = _mandate(session, stated)
    if session.get(MandateRow, mandate.id) is not None:
        return mandate, _supersedable(session, mandate.id)
    findings = [] if stated.supersedes is None else _supersedable(session, stated.supersedes)
    others = [other for other in read_mandates(session) if other.id != stated.supersedes]
    findings += mandate_faults(mandate, others)
    if not findings:
        _insert(session, mandate, stated.supersedes, recorded_at, recorded_by)
    return mandate, findings


def read_mandates(session: Session, known: Knowledge = NOW) -> list[Mandate]:
    """The mandates that no other has superseded, in the order of their ids."""
    return [mandate for mandate, _row in _in_force(session, known)]


def every_mandate(session: Session) -> dict[str, Mandate]:
    """Every mandate that was ever on record, by its id."""
    return {mandate.id: mandate for mandate, _row in _load(session, select(MandateRow))}


def mandates_of(session: Session, work_id: str, owners: Iterable[str], known: Knowledge = NOW) -> list[Json]:
    """Who collects a work for its owners, and for those who collect it, as JSON objects."""
    in_force = _in_force(session, known)
    fitting = [pair for pair in in_force if pair[0].works is None or work_id in pair[0].works]
    parties, grown = set(owners), True
    while grown:
        reached = parties | {mandate.collector for mandate, _row in fitting if mandate.owner in parties}
        grown, parties = reached != parties, reached
    named = select(Party.id, Party.name).where(Party.id.in_(parties))
    names = {party: name for party, name in session.execute(named)}
    return [
        {
            **mandate_json(mandate),
            "owner_name": names[mandate.owner],
            "collector_name": names[mandate.collector],
            "supersedes": row.supersedes,
            "recorded_at": row.recorded_at.isoformat(),
            "recorded_by": row.recorded_by,
        }
        for mandate, row in fitting
        if mandate.owner in parties
    ]


def _mandate(session: Session, stated: Mandated) -> Mandate:
    works = None if stated.works is None else frozenset(find_work(session, name) for name in stated.works)
    mandate = Mandate(
        id="",
        kind=stated.kind,
        owner=find_party(session, stated.owner),
        collector=find_party(session, stated.collector),
        commission_ppm=stated.commission_ppm,
        rights=frozenset(stated.rights),
        territory=canonical(stated.territory),
        starts_on=stated.starts_on,
        ends_on=stated.ends_on,
        works=works,
        reference=stated.reference.strip(),
    )
    parts = (str(value) for name, value in mandate_json(mandate).items() if name != "mandate")
    return replace(mandate, id=derive_id("mandate", *parts, stated.supersedes or ""))


def _supersedable(session: Session, earlier_id: str) -> list[Finding]:
    """Why a mandate cannot be superseded: another one has done so already."""
    if session.get(MandateRow, earlier_id) is None:
        raise NotFoundError("mandate", earlier_id)
    taken = session.scalar(select(MandateRow.id).where(MandateRow.supersedes == earlier_id))
    if taken is None:
        return []
    message = f"{earlier_id} was superseded by {taken}: name the mandate that is in force"
    return [Finding("MANDATE_SUPERSEDED", earlier_id, message)]


def _insert(
    session: Session, mandate: Mandate, supersedes: str | None, recorded_at: datetime, recorded_by: str
) -> None:
    row = {
        "id": mandate.id, "kind": mandate.kind, "owner_id": mandate.owner, "collector_id": mandate.collector,
        "scope": GrantScope.ALL if mandate.works is None else GrantScope.LISTED,
        "territory": mandate.territory, "starts_on": mandate.starts_on, "ends_on": mandate.ends_on,
        "commission_ppm": mandate.commission_ppm, "reference": mandate.reference, "supersedes": supersedes,
        "recorded_at": recorded_at, "recorded_by": recorded_by,
    }  # fmt: skip
    insert_missing(session, MandateRow, [row])
    rights = [{"mandate_id": mandate.id, "right": right} for right in sorted(mandate.rights)]
    insert_missing(session, MandateRight, rights)
    works = [{"mandate_id": mandate.id, "work_id": work_id} for work_id in sorted(mandate.works or ())]
    insert_missing(session, MandateWork, works)


def _in_force(session: Session, known: Knowledge) -> list[tuple[Mandate, MandateRow]]:
    row, later = MandateRow, aliased(MandateRow)
    superseded = select(later.supersedes).where(
        later.supersedes.is_not(None), known.recorded(later.recorded_at)
    )
    standing = select(row).where(known.recorded(row.recorded_at), row.id.not_in(superseded))
    return _load(session, standing)


def _load(session: Session, query: Select[MandateRow]) -> list[tuple[Mandate, MandateRow]]:
    rights: dict[str, set[Right]] = defaultdict(set)
    for mandate_id, right in session.execute(select(MandateRight.mandate_id, MandateRight.right)):
        rights[mandate_id].add(right)
    works: dict[str, set[str]] = defaultdict(set)
    for mandate_id, work_id in session.execute(select(MandateWork.mandate_id, MandateWork.work_id)):
        works[mandate_id].add(work_id)
    return [
        (_value(each, frozenset(rights[each.id]), frozenset(works[each.id])), each)
        for each in session.scalars(query.order_by(MandateRow.id))
    ]


def _value(row: MandateRow, rights: frozenset[Right], works: frozenset[str]) -> Mandate:
    return Mandate(
        id=row.id,
        kind=row.kind,
        owner=row.owner_id,
        collector=row.collector_id,
        commission_ppm=row.commission_ppm,
        rights=rights,
        territory=row.territory,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        works=works if row.scope is GrantScope.LISTED else None,
        reference=row.reference,
    )
