"""How does a permission, or the document behind it, come on record?"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.database import derive_id, insert_missing
from catalog.errors import GrantRefusedError, NotFoundError
from catalog.identifiers import parse_ipi_name_number
from catalog.tables import UNKNOWN_ACTOR, Agreement, Grant, GrantPurpose, GrantWork, Party, Work
from catalog.territories import canonical
from catalog.vocabulary import GrantScope, GrantSubject, PostTerm, Purpose

LOOKUP_CHUNK = 1_000


@dataclass(frozen=True)
class Terms:
    """What a grant says beside what it permits.

    Args:
        models: names or run ids of the models that may be trained; None for all.
        post_term: what becomes of trained models when the term is over.
        rate_ppm: the licensor's part of the revenue, where the contract names one.
        currency: ISO 4217, of the advance and the minimum guarantee.
        most_favoured_nation: whether better terms for others apply to this licensor too.
        notice_days: how long before it takes effect a withdrawal must be said.
        overrides_reservations: the words of the contract by which it wins over opt-out signals.
    """

    models: tuple[str, ...] | None = None
    post_term: PostTerm | None = None
    rate_ppm: int | None = None
    advance_minor: int | None = None
    minimum_guarantee_minor: int | None = None
    currency: str | None = None
    most_favoured_nation: bool = False
    notice_days: int | None = None
    overrides_reservations: str | None = None

    def row(self) -> dict[str, Any]:
        """The columns of a grant that hold these terms."""
        return {**asdict(self), "models": None if self.models is None else sorted(self.models)}


NO_TERMS = Terms()


def find_party(session: Session, name: str) -> str:
    """The id of a party by its id, its IPI name number, or its exact name.

    Raises:
        NotFoundError: nobody, or more than one, is known by it.
    """
    number = parse_ipi_name_number(name) or name
    for condition in (Party.id == name, Party.ipi_name_number == number, Party.name == name):
        found = list(session.scalars(select(Party.id).where(condition).limit(2)))
        if len(found) == 1:
            return found[0]
    raise NotFoundError("party", name)


def add_agreement(
    session: Session,
    *,
    title: str,
    licensor_id: str,
    signed_on: date,
    recorded_at: datetime,
    recorded_by: str = UNKNOWN_ACTOR,
    document_sha256: str | None = None,
    licence_ref: str | None = None,
    invented: bool = False,
) -> str:
    """The id of the agreement, which is on record now; entering it again changes nothing.

    Args:
        title: what it is called.
        licensor_id: the party that grants.
        signed_on: the day of the signature.
        recorded_at: an aware instant; recorded_by: who entered it.
        document_sha256: the digest of the signed document.
        licence_ref: `LicenseRef-…`, where files of the catalogue are licensed by this agreement.
        invented: whether it is made up, as those of the demo are.

    Raises:
        NotFoundError: the licensor is not in the catalogue.
        GrantRefusedError: the licence reference or the digest is malformed.
    """
    _require_parties(session, [licensor_id])
    if licence_ref is not None and re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", licence_ref) is None:
        raise GrantRefusedError(
            f"'{licence_ref}' is no licence reference; expected LicenseRef-Some-Name (SPDX)."
        )
    if document_sha256 is not None and re.fullmatch(r"[0-9a-f]{64}", document_sha256) is None:
        raise GrantRefusedError(f"'{document_sha256}' is no SHA-256 in 64 lower-case hexadecimal digits.")
    parts = (licensor_id, title, signed_on.isoformat(), document_sha256 or "", licence_ref or "")
    agreement_id = derive_id("agreement", *parts)
    row = {
        "id": agreement_id,
        "title": title,
        "licensor_id": licensor_id,
        "licence_ref": licence_ref,
        "document_sha256": document_sha256,
        "signed_on": signed_on,
        "invented": invented,
        "recorded_at": recorded_at,
        "recorded_by": recorded_by,
    }
    insert_missing(session, Agreement, [row])
    return agreement_id


def add_grant(
    session: Session,
    *,
    agreement_id: str,
    purposes: Iterable[Purpose],
    territory: str,
    starts_on: date,
    recorded_at: datetime,
    recorded_by: str = UNKNOWN_ACTOR,
    ends_on: date | None = None,
    subject: GrantSubject = GrantSubject.COMPOSITION,
    work_ids: Iterable[str] | None = None,
    for_represented: bool = False,
    terms: Terms = NO_TERMS,
    supersedes: str | None = None,
) -> str:
    """The id of the grant, which is on record now; entering it again changes nothing.

    Args:
        agreement_id: the agreement that says so; its licensor grants.
        purposes: what for.
        territory: where, as `EU` or `WORLD -US`.
        starts_on: the first day.
        recorded_at: an aware instant; recorded_by: who entered it.
        ends_on: the first day that is no longer in the term; None where there is no end.
        subject: the compositions in which the licensor owns a share, or files under the agreement's licence.
        work_ids: these works only; None for all.
        for_represented: whether the licensor also grants for the writers that it represents.
        terms: what else the agreement says.
        supersedes: the grant whose place this one takes; it stays on record.

    Raises:
        NotFoundError: the agreement, a work or the superseded grant is not in the catalogue.
        GrantRefusedError: the grant contradicts itself, or supersedes one that has been superseded.
        UnknownTerritoryError: the territory is none.
    """
    agreement = session.get(Agreement, agreement_id)
    if agreement is None:
        raise NotFoundError("agreement", agreement_id)
    wanted = sorted(set(purposes))
    listed = None if work_ids is None else sorted(set(work_ids))
    _refuse_contradictions(agreement, wanted, listed, subject, starts_on, ends_on)
    _refuse_terms(terms)
    _require_works(session, listed or [])
    where = canonical(territory)
    scope = GrantScope.ALL if listed is None else GrantScope.LISTED
    term = (str(starts_on), str(ends_on))
    parts = (agreement_id, subject, scope, *wanted, where, *term, str(for_represented), *(listed or ()))
    parts += () if terms == NO_TERMS else (repr(terms),)
    grant_id = derive_id("grant", *parts)
    row = {
        "id": grant_id, "agreement_id": agreement_id, "licensor_id": agreement.licensor_id,
        "subject": subject, "scope": scope, "for_represented": for_represented, "territory": where,
        "starts_on": starts_on, "ends_on": ends_on, "recorded_at": recorded_at, "recorded_by": recorded_by,
        **terms.row(),
    }  # fmt: skip
    _insert(session, row, wanted, listed or [])
    if supersedes is not None:
        _supersede(session, supersedes, grant_id, recorded_at)
    return grant_id


def _insert(session: Session, row: dict[str, Any], purposes: list[Purpose], works: list[str]) -> None:
    insert_missing(session, Grant, [row])
    permitted = [{"grant_id": row["id"], "purpose": purpose} for purpose in purposes]
    insert_missing(session, GrantPurpose, permitted)
    insert_missing(session, GrantWork, [{"grant_id": row["id"], "work_id": work_id} for work_id in works])


def _supersede(session: Session, earlier_id: str, grant_id: str, at: datetime) -> None:
    earlier = session.get(Grant, earlier_id)
    if earlier is None:
        raise NotFoundError("grant", earlier_id)
    if earlier.superseded_by == grant_id:
        return
    if earlier.superseded_by is not None or earlier_id == grant_id:
        raise GrantRefusedError(
            f"Grant {earlier_id} has been superseded by {earlier.superseded_by or 'itself'}: name the grant "
            "that is in force."
        )
    earlier.superseded_by, earlier.superseded_at = grant_id, at
    session.flush()


def _refuse_terms(terms: Terms) -> None:
    amounts = (terms.advance_minor, terms.minimum_guarantee_minor)
    if any(amount is not None for amount in amounts) and terms.currency is None:
        raise GrantRefusedError(
            "An advance or a minimum guarantee needs its currency (ISO 4217, such as EUR)."
        )
    if terms.currency is not None and re.fullmatch("[A-Z]{3}", terms.currency) is None:
        raise GrantRefusedError(f"'{terms.currency}' is no currency; expected three letters, such as EUR.")
    numbers = (*amounts, terms.notice_days, terms.rate_ppm)
    if any(number is not None and number < 0 for number in numbers) or (terms.rate_ppm or 0) > 1_000_000:
        raise GrantRefusedError(
            "Amounts, days and rates are not negative, and a rate is at most 1,000,000 ppm."
        )
    if terms.models == ():
        raise GrantRefusedError("The grant covers no model; leave the list away for all models.")


def _refuse_contradictions(
    agreement: Agreement,
    purposes: list[Purpose],
    listed: list[str] | None,
    subject: GrantSubject,
    starts_on: date,
    ends_on: date | None,
) -> None:
    if not purposes:
        raise GrantRefusedError("The grant permits nothing: name at least one purpose.")
    if ends_on is not None and ends_on <= starts_on:
        raise GrantRefusedError(
            f"The grant would end on {ends_on}, not after its start on {starts_on}. The end is the first day "
            "that is no longer in the term."
        )
    if listed == []:
        raise GrantRefusedError("The grant lists no work; leave the list away for all works of the licensor.")
    if subject is GrantSubject.ENCODING and agreement.licence_ref is None:
        raise GrantRefusedError(
            f"The agreement '{agreement.title}' has no licence reference, so no file is under it. Enter it "
            "with one (LicenseRef-…), and give the files that licence."
        )


def _require_parties(session: Session, ids: list[str]) -> None:
    found = set(session.scalars(select(Party.id).where(Party.id.in_(ids))))
    for party_id in ids:
        if party_id not in found:
            raise NotFoundError("party", party_id)


def _require_works(session: Session, ids: list[str]) -> None:
    for first in range(0, len(ids), LOOKUP_CHUNK):
        chunk = ids[first : first + LOOKUP_CHUNK]
        found = set(session.scalars(select(Work.id).where(Work.id.in_(chunk))))
        for work_id in chunk:
            if work_id not in found:
                raise NotFoundError("work", work_id)
