"""Which terms are on record of a payee, and which of them count?

Terms are only added: the newest of a payee count from the next settlement on, and a settlement keeps the ones
by which it was made.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.database import derive_id
from royalties.digests import canonical_json
from royalties.tables import PayeeTermsRow
from royalties.terms import Terms, TermsFile, terms_from, terms_json


@dataclass(frozen=True, slots=True)
class RecordedTerms:
    """Terms, the id of their row, and its number among those of the payee."""

    id: str
    number: int
    terms: Terms
    spelled: str


def record_terms(session: Session, file: TermsFile, *, recorded_at: datetime) -> list[RecordedTerms]:
    """Adds the terms of a file that differ from the newest of their payees; returns those that were added."""
    known = newest_terms(session, [terms.payee for terms in file.terms])
    added = []
    for terms in file.terms:
        spelled = canonical_json(terms_json(terms)).decode()
        before = known.get(terms.payee)
        if before is not None and before.spelled == spelled:
            continue
        number = before.number + 1 if before else 1
        row = PayeeTermsRow(
            id=derive_id("trm", terms.payee, str(number), spelled),
            payee_id=terms.payee,
            number=number,
            terms=spelled,
            file_sha256=file.sha256,
            recorded_at=recorded_at,
        )
        session.add(row)
        added.append(_recorded(row))
    session.flush()
    return added


def newest_terms(session: Session, payees: Collection[str] | None = None) -> dict[str, RecordedTerms]:
    """The terms that count, by payee; of all payees who have terms, or of some."""
    row = PayeeTermsRow
    newest = select(row.payee_id, func.max(row.number).label("number")).group_by(row.payee_id)
    if payees is not None:
        newest = newest.where(row.payee_id.in_(sorted(payees)))
    chosen = newest.subquery()
    query = select(row).join(chosen, (row.payee_id == chosen.c.payee_id) & (row.number == chosen.c.number))
    return {each.payee_id: _recorded(each) for each in session.scalars(query)}


def terms_by_id(session: Session, name: str) -> Terms:
    """The terms of one row."""
    return _recorded(session.get_one(PayeeTermsRow, name)).terms


def _recorded(row: PayeeTermsRow) -> RecordedTerms:
    return RecordedTerms(row.id, row.number, terms_from(json.loads(row.terms)), row.terms)
