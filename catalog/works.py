"""What is on record about one work?"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.acknowledgements import acknowledgements_of
from catalog.clearance import WorkFacts
from catalog.errors import NotFoundError
from catalog.identifiers import format_iswc, parse_iswc
from catalog.knowledge import NOW, Knowledge
from catalog.recordings import recordings_of
from catalog.shares import LOOKUP_CHUNK
from catalog.tables import (
    Agreement,
    Encoding,
    Grant,
    ImportBatch,
    Party,
    Reservation,
    Share,
    Source,
    Withdrawal,
    Work,
    WorkCredit,
    WorkIdentifier,
    WorkTitle,
    WorkVersion,
)
from catalog.taxonomy import family_of, is_genre
from catalog.vocabulary import IdentifierScheme

Json = dict[str, Any]


def find_work(session: Session, name: str) -> str:
    """The id of a work by its id, its ISWC, or a submitter's number.

    Raises:
        NotFoundError: no work, or more than one, goes by it.
    """
    if session.get(Work, name) is not None:
        return name
    value = parse_iswc(name) or name
    schemes = (IdentifierScheme.ISWC, IdentifierScheme.SUBMITTER)
    statement = select(WorkIdentifier.work_id).where(
        WorkIdentifier.value == value, WorkIdentifier.scheme.in_(schemes)
    )
    found = list(session.scalars(statement.distinct().limit(2)))
    if len(found) != 1:
        raise NotFoundError("work", name)
    return found[0]


def credited(session: Session, work_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The parties that are named as having made or performed works; works that nobody is named for are not
    there."""
    found: dict[str, set[str]] = {}
    for first in range(0, len(work_ids), LOOKUP_CHUNK):
        chunk = work_ids[first : first + LOOKUP_CHUNK]
        statement = select(WorkCredit.work_id, WorkCredit.party_id).where(WorkCredit.work_id.in_(chunk))
        for row in session.execute(statement):
            found.setdefault(row.work_id, set()).add(row.party_id)
    return {work_id: frozenset(parties) for work_id, parties in found.items()}


def find_encoding(session: Session, name: str) -> str:
    """The id of a file by its SHA-256, or by its name where that is the only file of this name.

    Raises:
        NotFoundError: no file, or more than one, goes by it.
    """
    if session.get(Encoding, name) is not None:
        return name
    found = list(session.scalars(select(Encoding.id).where(Encoding.file_name == name).limit(2)))
    if len(found) != 1:
        raise NotFoundError("file", name)
    return found[0]


def show_work(session: Session, facts: WorkFacts, known: Knowledge = NOW) -> Json:
    """One work whole, as a JSON object: titles, identifiers, shares, grants, reservations, files, recordings.

    Args:
        session: reads only.
        facts: of the work, as they were known at the instant.
        known: as it was known at an instant.
    """
    work_id = facts.work_id
    work = version_of(session, work_id, known)
    shares = _shares(session, work_id, known)
    return {
        "id": work_id,
        "title": work.title,
        "iswc": None if work.iswc is None else format_iswc(work.iswc),
        "origin": work.origin.value,
        "genre": work.genre,
        "family": family_of(work.genre).value if work.genre and is_genre(work.genre) else None,
        "language": work.language,
        "payable": work.payable,
        "public_domain": {
            "territory": work.public_domain_in,
            "from_on": _day(work.public_domain_from_on),
            "basis": work.public_domain_basis,
        }
        if work.public_domain_in is not None
        else None,
        "titles": _titles(session, work_id, known),
        "identifiers": _identifiers(session, work_id, known),
        "makers": _makers(session, work_id, known),
        "shares": [share for share in shares if share["superseded_by"] is None],
        "earlier_shares": [share for share in shares if share["superseded_by"] is not None],
        "grants": _grants(session, facts),
        "reservations": _reservations(session, facts, known),
        "withdrawals": _withdrawals(session, work_id, known),
        "files": _files(session, work_id, known),
        "recordings": recordings_of(session, work_id, known),
        "acknowledgements": acknowledgements_of(session, work_id, known),
        "source": _source(session, work.source_id),
        "batch": _batch(session, session.get_one(Work, work_id).batch_id),
    }


def version_of(session: Session, work_id: str, known: Knowledge = NOW) -> Work | WorkVersion:
    """A work's own row as it was known.

    Raises:
        NotFoundError: the work is not in the catalogue, or was not yet.
    """
    work = session.scalar(select(Work).where(Work.id == work_id, known.came(Work.batch_id)))
    if work is None:
        raise NotFoundError("work", work_id)
    later = (
        select(WorkVersion)
        .join(ImportBatch, ImportBatch.id == WorkVersion.superseded_by)
        .where(WorkVersion.work_id == work_id, known.replaced_later(WorkVersion.superseded_by))
        .order_by(ImportBatch.imported_at, ImportBatch.id)
        .limit(1)
    )
    return session.scalar(later) or work


def _titles(session: Session, work_id: str, known: Knowledge) -> list[Json]:
    statement = (
        select(WorkTitle)
        .where(WorkTitle.work_id == work_id, known.came(WorkTitle.batch_id))
        .order_by(WorkTitle.kind, WorkTitle.title)
    )
    return [
        {"title": title.title, "kind": title.kind.value, "language": title.language}
        for title in session.scalars(statement)
    ]


def _identifiers(session: Session, work_id: str, known: Knowledge) -> list[Json]:
    statement = select(WorkIdentifier).where(
        WorkIdentifier.work_id == work_id, known.came(WorkIdentifier.batch_id)
    )
    ordered = statement.order_by(WorkIdentifier.scheme, WorkIdentifier.authority, WorkIdentifier.value)
    return [
        {"scheme": name.scheme.value, "authority": name.authority, "value": name.value}
        for name in session.scalars(ordered)
    ]


def _makers(session: Session, work_id: str, known: Knowledge) -> list[Json]:
    statement = (
        select(WorkCredit.role, Party)
        .join(Party, Party.id == WorkCredit.party_id)
        .where(WorkCredit.work_id == work_id, known.came(WorkCredit.batch_id))
        .order_by(WorkCredit.role, Party.name, Party.id)
    )
    return [
        {
            "party": party.id,
            "name": party.name,
            "role": role.value,
            "ipi_name_number": party.ipi_name_number,
            "died_year": party.died_year,
            "invented": party.invented,
        }
        for role, party in session.execute(statement)
    ]


def _shares(session: Session, work_id: str, known: Knowledge) -> list[Json]:
    superseding = (
        set()
        if known.at is None
        else set(session.scalars(select(ImportBatch.id).where(ImportBatch.imported_at > known.at)))
    )
    statement = (
        select(Share, Party.name)
        .join(Party, Party.id == Share.party_id)
        .where(Share.work_id == work_id, known.came(Share.batch_id))
        .order_by(Share.kind, Share.right, Party.name, Share.id)
    )
    return [
        {
            "party": share.party_id,
            "name": name,
            "role": share.role.value,
            "kind": share.kind.value,
            "right": None if share.right is None else share.right.value,
            "share_ppm": share.share_ppm,
            "territory": share.territory,
            "starts_on": _day(share.starts_on),
            "ends_on": _day(share.ends_on),
            "controlled": share.controlled,
            "batch": share.batch_id,
            "superseded_by": None if share.superseded_by in superseding else share.superseded_by,
        }
        for share, name in session.execute(statement)
    ]


def _grants(session: Session, work: WorkFacts) -> list[Json]:
    facts = {fact.grant_id: fact for fact in work.grants}
    statement = (
        select(Grant, Agreement.title, Agreement.invented, Party.name)
        .join(Agreement, Agreement.id == Grant.agreement_id)
        .join(Party, Party.id == Grant.licensor_id)
        .where(Grant.id.in_(facts))
        .order_by(Grant.id)
    )
    return [
        {
            "grant": grant.id,
            "agreement": grant.agreement_id,
            "title": title,
            "invented": invented,
            "licensor": grant.licensor_id,
            "licensor_name": name,
            "subject": grant.subject.value,
            "scope": grant.scope.value,
            "purposes": sorted(facts[grant.id].purposes),
            "territory": grant.territory,
            "starts_on": _day(grant.starts_on),
            "ends_on": _day(grant.ends_on),
            "models": grant.models,
            "post_term": None if grant.post_term is None else grant.post_term.value,
            "rate_ppm": grant.rate_ppm,
            "advance_minor": grant.advance_minor,
            "minimum_guarantee_minor": grant.minimum_guarantee_minor,
            "currency": grant.currency,
            "most_favoured_nation": grant.most_favoured_nation,
            "notice_days": grant.notice_days,
            "overrides_reservations": grant.overrides_reservations,
        }
        for grant, title, invented, name in session.execute(statement)
    ]


def _reservations(session: Session, work: WorkFacts, known: Knowledge) -> list[Json]:
    ids = [fact.reservation_id for fact in work.reservations]
    statement = select(Reservation).where(Reservation.id.in_(ids)).order_by(Reservation.id)
    return [
        {
            "reservation": row.id,
            "protocol": row.protocol.value,
            "signal": row.signal,
            "signal_sha256": row.signal_sha256,
            "seen_where": row.seen_where,
            "seen_at": row.seen_at.isoformat(),
            "purposes": row.purposes,
            "lifted_on": _day(row.lifted_on) if known.knew(row.lifted_at) else None,
            "file": row.encoding_id,
        }
        for row in session.scalars(statement)
    ]


def _withdrawals(session: Session, work_id: str, known: Knowledge) -> list[Json]:
    statement = select(Withdrawal).where(
        Withdrawal.work_id == work_id, known.recorded(Withdrawal.recorded_at)
    )
    return [
        {
            "withdrawal": row.id,
            "reason": row.reason,
            "effective_on": row.effective_on.isoformat(),
            "document_sha256": row.document_sha256,
        }
        for row in session.scalars(statement.order_by(Withdrawal.id))
    ]


def _files(session: Session, work_id: str, known: Knowledge) -> list[Json]:
    statement = (
        select(Encoding)
        .where(Encoding.work_id == work_id, known.came(Encoding.batch_id))
        .order_by(Encoding.id)
    )
    return [
        {
            "sha256": encoding.id,
            "format": encoding.format.value,
            "name": encoding.file_name,
            "bytes": encoding.bytes,
            "licence": encoding.licence,
            "licence_basis": encoding.licence_basis,
            "editor": encoding.editor,
            "source": _source(session, encoding.source_id),
        }
        for encoding in session.scalars(statement)
    ]


def _source(session: Session, source_id: str | None) -> Json | None:
    source = None if source_id is None else session.get(Source, source_id)
    if source is None:
        return None
    return {"source": source.id, "kind": source.kind.value, "name": source.name, "url": source.url}


def _batch(session: Session, batch_id: str) -> Json:
    batch = session.get_one(ImportBatch, batch_id)
    return {
        "batch": batch.id,
        "format": batch.format.value,
        "file": batch.file_name,
        "sha256": batch.digest,
        "imported_at": batch.imported_at.isoformat(),
    }


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
