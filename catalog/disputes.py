"""Which part of a work do parties disagree about, and until when?

A dispute freezes what it is about and nothing else. It is opened for a term and a territory of use; once it
is settled it holds nothing any more, and what it froze is paid by the shares on record.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from catalog.database import derive_id, insert_missing
from catalog.errors import NotFoundError
from catalog.findings import Finding, Severity
from catalog.grants import find_party
from catalog.knowledge import NOW, Knowledge
from catalog.mandate_tables import DisputeParty, DisputeRow, DisputeSettlement
from catalog.shares import owners_on, percent
from catalog.tables import UNKNOWN_ACTOR, Party
from catalog.territories import canonical, countries
from catalog.vocabulary import Right
from catalog.works import find_work

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dispute:
    """`share_ppm` of a right in a work, of what `parties` have of it, is not to be paid to anybody yet."""

    id: str
    work: str
    parties: tuple[str, ...]
    share_ppm: int
    right: Right
    territory: str
    starts_on: date
    ends_on: date | None = None

    def is_for(self, right: Right, territory: str) -> bool:
        """Whether it is of this right in all of that territory."""
        return right is self.right and countries(territory) <= countries(self.territory)

    def runs_on(self, on: date) -> bool:
        """Whether the day of use is in its term."""
        return self.starts_on <= on and (self.ends_on is None or on < self.ends_on)


@dataclass(frozen=True)
class Claimed:
    """A dispute as a person states it: work and parties by any name that the catalogue knows."""

    work: str
    parties: Sequence[str]
    share_ppm: int
    right: Right
    territory: str
    starts_on: date
    ends_on: date | None = None
    reason: str = ""


def open_dispute(
    session: Session, claimed: Claimed, *, opened_at: datetime, opened_by: str = UNKNOWN_ACTOR
) -> tuple[Dispute, list[Finding]]:
    """The dispute, and what there is to say of it; without errors it is on record now.

    Opening it again while it is open changes nothing; after a settlement it is another dispute.

    Raises:
        NotFoundError: the work or a party is not in the catalogue.
        UnknownTerritoryError: the territory is none.
    """
    dispute = _dispute(session, claimed)
    findings = list(_faults(dispute))
    if findings:
        return dispute, findings
    row = {
        "id": dispute.id, "work_id": dispute.work, "right": dispute.right, "share_ppm": dispute.share_ppm,
        "territory": dispute.territory, "starts_on": dispute.starts_on, "ends_on": dispute.ends_on,
        "reason": claimed.reason, "opened_at": opened_at, "opened_by": opened_by,
    }  # fmt: skip
    if session.get(DisputeRow, dispute.id) is None:
        insert_missing(session, DisputeRow, [row])
        parties = [{"dispute_id": dispute.id, "party_id": party} for party in dispute.parties]
        insert_missing(session, DisputeParty, parties)
    return dispute, list(_remarks(session, dispute))


def settle_dispute(
    session: Session, dispute_id: str, *, outcome: str, settled_at: datetime, settled_by: str = UNKNOWN_ACTOR
) -> list[Finding]:
    """Why a dispute cannot be settled; without findings it is settled now.

    Raises:
        NotFoundError: there is no such dispute.
    """
    if session.get(DisputeRow, dispute_id) is None:
        raise NotFoundError("dispute", dispute_id)
    settled = session.get(DisputeSettlement, dispute_id)
    if settled is not None and settled.outcome != outcome:
        message = f"it was settled on {settled.settled_at.date()} already: {settled.outcome}"
        return [Finding("DISPUTE_SETTLED", dispute_id, f"{message}; open another one to dispute it again")]
    if not outcome.strip():
        return [Finding("DISPUTE_OUTCOME", dispute_id, "say how the dispute ended")]
    row = {"dispute_id": dispute_id, "outcome": outcome, "settled_at": settled_at, "settled_by": settled_by}
    if settled is None:
        insert_missing(session, DisputeSettlement, [row])
    return []


def read_disputes(session: Session) -> list[Dispute]:
    """The disputes that are not settled, in the order of their ids."""
    settled = select(DisputeSettlement.dispute_id)
    return _values(session, select(DisputeRow).where(DisputeRow.id.not_in(settled)))


def disputes_of(session: Session, work_id: str, known: Knowledge = NOW) -> list[Json]:
    """Every dispute about a work, settled or not, as JSON objects."""
    query = select(DisputeRow).where(DisputeRow.work_id == work_id, known.recorded(DisputeRow.opened_at))
    rows = {row.id: row for row in session.scalars(query)}
    ended = select(DisputeSettlement).where(
        DisputeSettlement.dispute_id.in_(rows), known.recorded(DisputeSettlement.settled_at)
    )
    settled = {row.dispute_id: row for row in session.scalars(ended)}
    named = select(Party.id, Party.name).join(DisputeParty).where(DisputeParty.dispute_id.in_(rows))
    names = {party: name for party, name in session.execute(named)}
    return [
        {
            **dispute_json(dispute),
            "names": [names[party] for party in dispute.parties],
            "reason": rows[dispute.id].reason,
            "opened_at": rows[dispute.id].opened_at.isoformat(),
            "opened_by": rows[dispute.id].opened_by,
            "settled_at": settled[dispute.id].settled_at.isoformat() if dispute.id in settled else None,
            "outcome": settled[dispute.id].outcome if dispute.id in settled else None,
        }
        for dispute in _values(session, query)
    ]


def dispute_json(dispute: Dispute) -> Json:
    """A dispute as a JSON object."""
    d = dispute
    return {
        "dispute": d.id,
        "work": d.work,
        "parties": list(d.parties),
        "share_ppm": d.share_ppm,
        "right": d.right.value,
        "territory": d.territory,
        "starts_on": d.starts_on.isoformat(),
        "ends_on": None if d.ends_on is None else d.ends_on.isoformat(),
    }


def _dispute(session: Session, claimed: Claimed) -> Dispute:
    """The dispute that is stated; one that was settled before gets another id, by how often it was."""
    work_id = find_work(session, claimed.work)
    parties = tuple(sorted({find_party(session, name) for name in claimed.parties}))
    where = canonical(claimed.territory)
    term = (str(claimed.starts_on), str(claimed.ends_on))
    parts = (work_id, str(claimed.share_ppm), claimed.right, where, *term, claimed.reason, *parties)
    number, dispute_id = 0, derive_id("dispute", *parts)
    while session.get(DisputeSettlement, dispute_id) is not None:
        number += 1
        dispute_id = derive_id("dispute", *parts, str(number))
    return Dispute(
        dispute_id, work_id, parties, claimed.share_ppm, claimed.right, where, claimed.starts_on,
        claimed.ends_on,
    )  # fmt: skip


def _faults(dispute: Dispute) -> Iterator[Finding]:
    if not dispute.parties:
        yield Finding("DISPUTE_PARTIES", "dispute", "name at least one party of whose share it is")
    if not 1 <= dispute.share_ppm <= 1_000_000:
        message = f"{dispute.share_ppm} ppm are in dispute; expected 1 to 1,000,000"
        yield Finding("DISPUTE_SHARE", "dispute", message)
    if dispute.ends_on is not None and dispute.ends_on <= dispute.starts_on:
        message = f"it would end on {dispute.ends_on}, not after its start on {dispute.starts_on}"
        yield Finding("DISPUTE_TERM", "dispute", message)


def _remarks(session: Session, dispute: Dispute) -> Iterator[Finding]:
    """Whether the parties have less than is in dispute, so that less is frozen than was said."""
    d = dispute
    held = owners_on(session, [d.work], d.right, d.starts_on, d.territory)[d.work]
    held_ppm = sum(share_ppm for party, share_ppm in held if party in d.parties)
    if held_ppm < d.share_ppm:
        message = (
            f"the parties have {percent(held_ppm)} of the {d.right} right in all of {d.territory} on "
            f"{d.starts_on}, less than the {percent(d.share_ppm)} in dispute: what they have is frozen"
        )
        yield Finding("DISPUTE_EXCEEDS_SHARES", d.id, message, Severity.WARNING)


def _values(session: Session, query: Select[DisputeRow]) -> list[Dispute]:
    rows = list(session.scalars(query.order_by(DisputeRow.id)))
    parties: dict[str, list[str]] = defaultdict(list)
    named = select(DisputeParty.dispute_id, DisputeParty.party_id).order_by(DisputeParty.party_id)
    for dispute_id, party_id in session.execute(named):
        parties[dispute_id].append(party_id)
    return [
        Dispute(
            row.id, row.work_id, tuple(parties[row.id]), row.share_ppm, row.right, row.territory,
            row.starts_on, row.ends_on,
        )
        for row in rows
    ]  # fmt: skip
