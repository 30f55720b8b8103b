"""What was handed to whom, and which bytes were they?

Every statement file that is written, and every one that a person says was sent, is a signed record of the
home's chain: nothing can be added, changed or taken out later without its showing.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.errors import NotFoundError
from console.home import Home
from provenance.evidence.keys import SigningKey
from provenance.evidence.records import append, records_about
from provenance.tables import Record
from royalties.periods import Period
from royalties.statement_files import WrittenStatement

WRITTEN = "statement-file"
SENT = "statement-sent"


@dataclass(frozen=True)
class Sent:
    """One row of the register: a statement's file, and to whom it went when."""

    statement: str
    period: str
    payee: str
    format: str
    sha256: str
    sent_to: str
    sent_on: str
    recorded_at: str


def note_files(
    session: Session, key: SigningKey, period: Period, payee: str, written: WrittenStatement, now: datetime
) -> None:
    """Records the digest of each file of a statement, so that what is sent later can be told from a copy."""
    for path in written.files:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        body = {
            "type": "contrafact.statement-file/1",
            "statement": written.statement,
            "period": period.name,
            "payee": payee,
            "format": path.suffix.removeprefix("."),
            "sha256": sha256,
        }
        append(session, key, kind=WRITTEN, subject_id=sha256, body=body, recorded_at=now)


def note_sent(home: Home, path: Path, sent_to: str, sent_on: date) -> Sent:
    """Records that a file went to someone; the same file to the same person on the same day is one entry.

    Raises:
        NotFoundError: no statement with these bytes was written here.
    """
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with home.session() as session, session.begin():
        known = [record for record in records_about(session, [sha256]) if record.kind == WRITTEN]
        if not known:
            raise NotFoundError(
                f"{path} (SHA-256 {sha256}) is no statement file that was written here, or it was changed "
                "since: write it again with 'contrafact royalties statement', and send that."
            )
        written = json.loads(known[0].body)
        body = written | {
            "type": "contrafact.statement-sent/1",
            "sent_to": sent_to,
            "sent_on": sent_on.isoformat(),
        }
        record = append(
            session,
            home.key,
            kind=SENT,
            subject_id=written["statement"],
            body=body,
            recorded_at=datetime.now(UTC),
        )
        return _sent(record)


def each_sent(home: Home, period: Period | None) -> Iterator[Sent]:
    """The register in the order in which it was written, of one period or of all."""
    with home.session() as session:
        for record in session.scalars(select(Record).where(Record.kind == SENT).order_by(Record.sequence)):
            found = _sent(record)
            if period is None or found.period == period.name:
                yield found


def sent_json(sent: Sent) -> dict[str, str]:
    """A row of the register as a JSON object."""
    return asdict(sent)


def _sent(record: Record) -> Sent:
    body = json.loads(record.body)
    names = ("statement", "period", "payee", "format", "sha256", "sent_to", "sent_on")
    return Sent(**{name: body[name] for name in names}, recorded_at=record.recorded_at)
