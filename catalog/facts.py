"""What is on record about each work, as the values that clearance decides on?

The tables are read in the order of the works, in chunks, each with a handful of statements; grants that cover
all works of a licensor are read once. All of it can be asked as it was known at an earlier instant.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from catalog.clearance import (
    EncodingFact,
    GrantFact,
    ReservationFact,
    ShareFact,
    WithdrawalFact,
    WorkFacts,
)
from catalog.errors import NotFoundError
from catalog.knowledge import NOW, Knowledge
from catalog.tables import (
    Agreement,
    Encoding,
    Grant,
    GrantPurpose,
    GrantWork,
    ImportBatch,
    Party,
    Representation,
    Reservation,
    Share,
    Withdrawal,
    Work,
    WorkCredit,
    WorkVersion,
)
from catalog.vocabulary import GrantScope, GrantSubject, Purpose, ShareKind

CHUNK = 1_000


class _Described(NamedTuple):
    """What clearance asks of a work's own row."""

    title: str
    public_domain_in: str | None
    public_domain_from_on: date | None
    payable: bool


@dataclass(frozen=True)
class _Grants:
    """All grants: those for everything of a licensor or a contract, and for which works the others are."""

    by_licensor: Mapping[str, tuple[GrantFact, ...]]
    by_licence: Mapping[str, tuple[GrantFact, ...]]
    listed: Mapping[str, GrantFact]


def load_facts(
    session: Session, work_ids: Iterable[str] | None = None, known: Knowledge = NOW
) -> list[WorkFacts]:
    """The facts of some works or of the whole catalogue, in the order of the work ids.

    Args:
        known: as they were known at an instant.

    Raises:
        NotFoundError: one of the ids is no work, or was none then.
    """
    return list(each_fact(session, work_ids, known))


def each_fact(
    session: Session, work_ids: Iterable[str] | None = None, known: Knowledge = NOW
) -> Iterator[WorkFacts]:
    """As `load_facts`, one after the other, with memory for one chunk. Raises as `load_facts` does."""
    everything = _load_grants(session, known) if work_ids is None else None
    for ids in _chunks(session, work_ids):
        grants = _load_grants(session, known, ids) if everything is None else everything
        works = _works(session, ids, known)
        shares, encodings = _shares(session, ids, known), _encodings(session, ids, known)
        reservations = _reservations(session, ids, encodings, known)
        listed, withdrawals = _listed(session, ids, grants), _withdrawals(session, ids, known)
        for work_id in ids:
            work = works.get(work_id)
            if work is None and work_ids is None:
                continue  # it came later
            if work is None:
                raise NotFoundError("work", work_id)
            yield WorkFacts(
                work_id,
                *work,
                tuple(shares[work_id]),
                _grants_for(grants, shares[work_id], encodings[work_id], listed[work_id]),
                tuple(encodings[work_id]),
                tuple(reservations[work_id]),
                tuple(withdrawals[work_id]),
            )


def _works(session: Session, ids: Sequence[str], known: Knowledge) -> dict[str, _Described]:
    """Each work as the version that held described it."""
    statement = select(
        Work.id, Work.title, Work.public_domain_in, Work.public_domain_from_on, Work.payable
    ).where(Work.id.in_(ids), known.came(Work.batch_id))
    found = {row[0]: _Described(*row[1:]) for row in session.execute(statement)}
    if known.at is not None:
        versions = (
            select(
                WorkVersion.work_id, WorkVersion.title, WorkVersion.public_domain_in,
                WorkVersion.public_domain_from_on, WorkVersion.payable,
            )
            .join(ImportBatch, ImportBatch.id == WorkVersion.superseded_by)
            .where(WorkVersion.work_id.in_(ids), known.replaced_later(WorkVersion.superseded_by))
            .order_by(ImportBatch.imported_at.desc(), ImportBatch.id.desc())
        )  # fmt: skip
        for row in session.execute(versions):
            if row[0] in found:
                found[row[0]] = _Described(*row[1:])
    return found


def _chunks(session: Session, work_ids: Iterable[str] | None) -> Iterator[Sequence[str]]:
    if work_ids is not None:
        ids = sorted(set(work_ids))
        for first in range(0, len(ids), CHUNK):
            yield ids[first : first + CHUNK]
        return
    last = ""
    while ids := list(session.scalars(select(Work.id).where(Work.id > last).order_by(Work.id).limit(CHUNK))):
        yield ids
        last = ids[-1]


def _load_grants(session: Session, known: Knowledge, ids: Sequence[str] | None = None) -> _Grants:
    """The grants that were known, for some works those that can say something of them."""
    statement = (
        select(Grant, Agreement.licence_ref)
        .join(Agreement, Agreement.id == Grant.agreement_id)
        .where(known.recorded(Grant.recorded_at), known.not_yet(Grant.superseded_at))
    )
    purposed = select(GrantPurpose.grant_id, GrantPurpose.purpose)
    if ids is not None:
        statement = statement.where(_concerns(ids))
        purposed = purposed.where(GrantPurpose.grant_id.in_(statement.with_only_columns(Grant.id)))
    purposes: dict[str, set[Purpose]] = defaultdict(set)
    for grant_id, purpose in session.execute(purposed):
        purposes[grant_id].add(purpose)
    by_licensor: dict[str, list[GrantFact]] = defaultdict(list)
    by_licence: dict[str, list[GrantFact]] = defaultdict(list)
    listed: dict[str, GrantFact] = {}
    for grant, licence_ref in session.execute(statement.order_by(Grant.id)):
        fact = GrantFact(
            grant.id,
            grant.licensor_id,
            grant.subject,
            frozenset(purposes[grant.id]),
            grant.territory,
            grant.starts_on,
            grant.ends_on,
            grant.for_represented,
            licence_ref,
            grant.overrides_reservations is not None,
            None if grant.models is None else frozenset(grant.models),
        )
        if grant.scope is GrantScope.LISTED:
            listed[grant.id] = fact
        elif grant.subject is GrantSubject.COMPOSITION:
            by_licensor[grant.licensor_id].append(fact)
        elif licence_ref is not None:
            by_licence[licence_ref].append(fact)
    return _Grants(
        {key: tuple(facts) for key, facts in by_licensor.items()},
        {key: tuple(facts) for key, facts in by_licence.items()},
        listed,
    )


def _concerns(ids: Sequence[str]) -> ColumnElement[bool]:
    """Whether a grant is of an owner or publisher of one of the works, of a file's licence, or lists one."""
    owners = select(Share.party_id).where(Share.work_id.in_(ids))
    publishers = select(Representation.publisher_id).where(Representation.work_id.in_(ids))
    licences = select(Encoding.licence).where(Encoding.work_id.in_(ids))
    listing = select(GrantWork.grant_id).where(GrantWork.work_id.in_(ids))
    return or_(
        Grant.licensor_id.in_(owners),
        Grant.licensor_id.in_(publishers),
        Agreement.licence_ref.in_(licences),
        Grant.id.in_(listing),
    )


def _grants_for(
    grants: _Grants,
    shares: Sequence[ShareFact],
    encodings: Sequence[EncodingFact],
    listed: Sequence[GrantFact],
) -> tuple[GrantFact, ...]:
    speakers = {party_id for share in shares for party_id in (share.party_id, *share.represented_by)}
    found = {fact.grant_id: fact for party_id in speakers for fact in grants.by_licensor.get(party_id, ())}
    for encoding in encodings:
        found |= {fact.grant_id: fact for fact in grants.by_licence.get(encoding.licence, ())}
    found |= {fact.grant_id: fact for fact in listed}
    return tuple(found[grant_id] for grant_id in sorted(found))


def _shares(session: Session, ids: Sequence[str], known: Knowledge) -> dict[str, list[ShareFact]]:
    representing: dict[tuple[str, str], set[str]] = defaultdict(set)
    for link in session.execute(
        select(Representation.work_id, Representation.writer_id, Representation.publisher_id).where(
            Representation.work_id.in_(ids), known.came(Representation.batch_id)
        )
    ):
        representing[link.work_id, link.writer_id].add(link.publisher_id)
    found: dict[str, list[ShareFact]] = defaultdict(list)
    statement = (
        select(Share, Party.name)
        .join(Party, Party.id == Share.party_id)
        .where(
            Share.work_id.in_(ids),
            Share.kind == ShareKind.OWNERSHIP,
            known.came(Share.batch_id),
            known.stands(Share.superseded_by),
        )
        .order_by(Share.work_id, Share.right, Share.party_id, Share.id)
    )
    for share, name in session.execute(statement):
        if share.right is not None:
            found[share.work_id].append(
                ShareFact(
                    share.party_id,
                    name,
                    share.right,
                    share.share_ppm,
                    share.territory,
                    share.starts_on,
                    share.ends_on,
                    frozenset(representing.get((share.work_id, share.party_id), ())),
                )
            )
    return found


def _encodings(session: Session, ids: Sequence[str], known: Knowledge) -> dict[str, list[EncodingFact]]:
    found: dict[str, list[EncodingFact]] = defaultdict(list)
    statement = select(Encoding.work_id, Encoding.id, Encoding.licence, Encoding.file_name)
    held = statement.where(Encoding.work_id.in_(ids), known.came(Encoding.batch_id)).order_by(Encoding.id)
    for row in session.execute(held):
        found[row.work_id].append(EncodingFact(row.id, row.licence, row.file_name))
    return found


def _reservations(
    session: Session,
    ids: Sequence[str],
    encodings: Mapping[str, Sequence[EncodingFact]],
    known: Knowledge,
) -> dict[str, list[ReservationFact]]:
    """Reservations of a work, of its files, and of anybody who owns or made something of it."""
    work_of_file = {fact.encoding_id: work_id for work_id, facts in encodings.items() for fact in facts}
    found: dict[str, list[ReservationFact]] = defaultdict(list)
    if session.scalar(select(Reservation.id).limit(1)) is None:
        return found
    works_of = _works_of_reserving_parties(session, ids, known)
    statement = select(Reservation).where(
        or_(
            Reservation.work_id.in_(ids),
            Reservation.encoding_id.in_(select(Encoding.id).where(Encoding.work_id.in_(ids))),
            Reservation.party_id.is_not(None),
        ),
        known.recorded(Reservation.recorded_at),
    )
    for row in session.scalars(statement.order_by(Reservation.id)):
        fact = ReservationFact(
            row.id,
            row.protocol,
            row.seen_at.date(),
            row.lifted_on if known.knew(row.lifted_at) else None,
            row.encoding_id,
            frozenset(map(Purpose, row.purposes)),
        )
        if row.work_id is not None:
            found[row.work_id].append(fact)
        elif row.encoding_id is not None:
            if row.encoding_id in work_of_file:
                found[work_of_file[row.encoding_id]].append(fact)
        else:
            for work_id in works_of.get(row.party_id or "", ()):
                found[work_id].append(fact)
    return found


def _works_of_reserving_parties(
    session: Session, ids: Sequence[str], known: Knowledge
) -> dict[str, set[str]]:
    reserving = select(Reservation.party_id).where(Reservation.party_id.is_not(None))
    found: dict[str, set[str]] = defaultdict(set)
    shares = select(Share.party_id, Share.work_id).where(
        Share.work_id.in_(ids),
        known.came(Share.batch_id),
        known.stands(Share.superseded_by),
        Share.party_id.in_(reserving),
    )
    credits = select(WorkCredit.party_id, WorkCredit.work_id).where(
        WorkCredit.work_id.in_(ids), known.came(WorkCredit.batch_id), WorkCredit.party_id.in_(reserving)
    )
    for statement in (shares, credits):
        for party_id, work_id in session.execute(statement):
            found[party_id].add(work_id)
    return found


def _listed(session: Session, ids: Sequence[str], grants: _Grants) -> dict[str, list[GrantFact]]:
    found: dict[str, list[GrantFact]] = defaultdict(list)
    if grants.listed:
        statement = select(GrantWork.work_id, GrantWork.grant_id).where(GrantWork.work_id.in_(ids))
        for work_id, grant_id in session.execute(statement.order_by(GrantWork.grant_id)):
            if grant_id in grants.listed:
                found[work_id].append(grants.listed[grant_id])
    return found


def _withdrawals(session: Session, ids: Sequence[str], known: Knowledge) -> dict[str, list[WithdrawalFact]]:
    found: dict[str, list[WithdrawalFact]] = defaultdict(list)
    statement = select(Withdrawal).where(Withdrawal.work_id.in_(ids), known.recorded(Withdrawal.recorded_at))
    for row in session.scalars(statement.order_by(Withdrawal.id)):
        found[row.work_id].append(WithdrawalFact(row.id, row.effective_on, row.reason))
    return found
