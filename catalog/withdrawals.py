"""How is a work taken back? It is cleared for nothing from a day on, whatever contracts say."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from catalog.database import derive_id, insert_missing
from catalog.errors import NotFoundError
from catalog.tables import Withdrawal, Work


def withdraw(
    session: Session,
    work_id: str,
    *,
    reason: str,
    effective_on: date,
    recorded_at: datetime,
    recorded_by: str,
    document_sha256: str | None = None,
) -> tuple[str, datetime]:
    """The id of the withdrawal, on record now, and since when it is; entering it again changes nothing.

    Args:
        effective_on: the first day on which the work may no longer be used.
        document_sha256: the digest of the notice, where it is held.

    Raises:
        NotFoundError: the work is not in the catalogue.
    """
    if session.get(Work, work_id) is None:
        raise NotFoundError("work", work_id)
    withdrawal_id = derive_id("withdrawal", work_id, reason, str(effective_on), document_sha256 or "")
    row = {
        "id": withdrawal_id,
        "work_id": work_id,
        "reason": reason,
        "effective_on": effective_on,
        "document_sha256": document_sha256,
        "recorded_at": recorded_at,
        "recorded_by": recorded_by,
    }
    insert_missing(session, Withdrawal, [row])
    return withdrawal_id, session.get_one(Withdrawal, withdrawal_id).recorded_at
