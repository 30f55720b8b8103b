"""How does a work leave the catalogue, as the record that an importer would read?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.records import (
    UNKNOWN_NAME,
    IdentifierRecord,
    PartyRecord,
    PublicDomainRecord,
    RecordingRecord,
    RepresentationRecord,
    ShareRecord,
    TitleRecord,
    WorkRecord,
)
from catalog.tables import (
    Party,
    Recording,
    RecordingWork,
    Representation,
    Share,
    Work,
    WorkCredit,
    WorkIdentifier,
    WorkTitle,
)
from catalog.vocabulary import IdentifierScheme, Role

Item = TypeVar("Item")
CHUNK = 1_000


def work_records(
    session: Session, work_ids: Iterable[str] | None = None, submitter: str | None = None
) -> list[WorkRecord]:
    """The works as records, in the order of their ids, with the shares that nothing has superseded.

    Args:
        session: reads only.
        work_ids: None for every work.
        submitter: whose number of each work is given; None takes the first.
    """
    return list(each_work(session, work_ids, submitter))


def each_work(
    session: Session, work_ids: Iterable[str] | None = None, submitter: str | None = None
) -> Iterator[WorkRecord]:
    """`work_records`, a thousand at a time, so that memory does not grow with the catalogue."""
    ids = sorted(set(work_ids)) if work_ids is not None else sorted(session.scalars(select(Work.id)))
    for first in range(0, len(ids), CHUNK):
        yield from _chunk(session, ids[first : first + CHUNK], submitter)


def works_of(session: Session, submitter: str) -> list[str]:
    """The ids of the works that a submitter has numbered, in their order."""
    statement = select(WorkIdentifier.work_id).where(
        WorkIdentifier.scheme == IdentifierScheme.SUBMITTER, WorkIdentifier.authority == submitter
    )
    return sorted(set(session.scalars(statement)))


def _chunk(session: Session, ids: Sequence[str], submitter: str | None) -> list[WorkRecord]:
    works = {work.id: work for work in session.scalars(select(Work).where(Work.id.in_(ids)))}
    shares = _by_work(
        session.scalars(select(Share).where(Share.work_id.in_(ids), Share.superseded_by.is_(None)))
    )
    credits = _by_work(session.scalars(select(WorkCredit).where(WorkCredit.work_id.in_(ids))))
    links = _by_work(session.scalars(select(Representation).where(Representation.work_id.in_(ids))))
    titles = _by_work(session.scalars(select(WorkTitle).where(WorkTitle.work_id.in_(ids))))
    names = _by_work(session.scalars(select(WorkIdentifier).where(WorkIdentifier.work_id.in_(ids))))
    recordings = _recordings(session, ids)
    involved = {share.party_id for rows in shares.values() for share in rows}
    involved |= {credit.party_id for rows in credits.values() for credit in rows}
    involved |= {
        party_id for rows in links.values() for row in rows for party_id in (row.writer_id, row.publisher_id)
    }
    parties = _parties(session, sorted(involved))
    return [
        _record(
            works[work_id],
            parties,
            shares[work_id],
            credits[work_id],
            links[work_id],
            titles[work_id],
            names[work_id],
            recordings[work_id],
            submitter,
        )
        for work_id in ids
        if work_id in works
    ]


def _by_work(rows: Iterable[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for row in rows:
        found[row.work_id].append(row)  # type: ignore[attr-defined]
    return found


def _recordings(session: Session, ids: Sequence[str]) -> dict[str, list[Recording]]:
    statement = select(RecordingWork.work_id, Recording).join(
        Recording, Recording.id == RecordingWork.recording_id
    )
    found: dict[str, list[Recording]] = defaultdict(list)
    for work_id, recording in session.execute(
        statement.where(RecordingWork.work_id.in_(ids)).order_by(Recording.id)
    ):
        found[work_id].append(recording)
    return found


def _parties(session: Session, ids: Sequence[str]) -> dict[str, PartyRecord]:
    found = {}
    for first in range(0, len(ids), CHUNK):
        for party in session.scalars(select(Party).where(Party.id.in_(ids[first : first + CHUNK]))):
            found[party.id] = PartyRecord(
                party.name,
                party.kind,
                party.ipi_name_number,
                party.ipi_base_number,
                party.isni,
                party.died_year,
            )
    return found


def _record(
    work: Work,
    parties: dict[str, PartyRecord],
    shares: Sequence[Share],
    credits: Sequence[WorkCredit],
    links: Sequence[Representation],
    titles: Sequence[WorkTitle],
    names: Sequence[WorkIdentifier],
    recordings: Sequence[Recording],
    submitter: str | None,
) -> WorkRecord:
    own = _own_number(names, submitter)
    others = [
        IdentifierRecord(name.scheme, name.authority, name.value)
        for name in sorted(names, key=lambda name: (name.scheme, name.authority, name.value))
        if name is not own and name.scheme is not IdentifierScheme.ISWC
    ]
    return WorkRecord(
        title=work.title,
        submitter="" if own is None else own.authority,
        number=None if own is None else own.value,
        iswc=work.iswc,
        language=work.language,
        origin=work.origin,
        genre=work.genre,
        public_domain=_public_domain(work),
        titles=tuple(
            TitleRecord(title.title, title.kind, title.language)
            for title in sorted(titles, key=lambda title: (title.kind, title.title))
        ),
        identifiers=tuple(others),
        credits=tuple(
            (parties[credit.party_id], credit.role)
            for credit in sorted(credits, key=lambda credit: (_rank(credit.role), credit.party_id))
        ),
        shares=tuple(_share(share, parties[share.party_id]) for share in sorted(shares, key=_share_order)),
        representations=tuple(
            RepresentationRecord(parties[link.writer_id], parties[link.publisher_id], link.agreement_number)
            for link in sorted(links, key=lambda link: (link.writer_id, link.publisher_id))
        ),
        recordings=tuple(
            RecordingRecord(
                item.isrc, item.title, item.artist, item.label, item.released_on, item.length_seconds
            )
            for item in recordings
        ),
        work_id=work.id,
    )


def _own_number(names: Sequence[WorkIdentifier], submitter: str | None) -> WorkIdentifier | None:
    numbers = sorted(
        (name for name in names if name.scheme is IdentifierScheme.SUBMITTER),
        key=lambda name: (name.authority, name.value),
    )
    chosen = [name for name in numbers if submitter is None or name.authority == submitter]
    return chosen[0] if chosen else None


def _public_domain(work: Work) -> PublicDomainRecord | None:
    if work.public_domain_in is None:
        return None
    return PublicDomainRecord(
        work.public_domain_in, work.public_domain_basis or UNKNOWN_NAME, work.public_domain_from_on
    )


def _share(share: Share, party: PartyRecord) -> ShareRecord:
    return ShareRecord(
        party,
        share.role,
        share.kind,
        share.right,
        share.share_ppm,
        share.territory,
        share.starts_on,
        share.ends_on,
        share.controlled,
        share.chain,
    )


def _share_order(share: Share) -> tuple[object, ...]:
    return (
        not share.controlled,
        share.chain,
        _rank(share.role),
        share.party_id,
        share.kind,
        share.right or "",
        share.territory,
    )


def _rank(role: Role) -> int:
    return list(Role).index(role)
