"""Where is every unit of money now, and how did it get there?

Double entry. A positive entry is money that the account may claim, a negative one is where it came from; the
entries of a posting sum to zero, and so does the ledger. Entries are numbered without gaps and chained by
digest, so that one that was changed, dropped or slipped in shows.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog.database import derive_id
from catalog.findings import Finding
from royalties.digests import digest_rows
from royalties.errors import LedgerError
from royalties.money import in_range
from royalties.tables import AllocationRow, DistributionRun, LedgerEntry, LedgerPosting, add_rows

GENESIS = hashlib.sha256(b"contrafact.ledger/1").hexdigest()
"""What the first entry is chained to."""


@dataclass(frozen=True, slots=True)
class Posting:
    """Movements that belong together: account to minor units, summing to zero."""

    name: str
    description: str
    movements: Mapping[str, int]


def post(
    session: Session,
    postings: Sequence[Posting],
    *,
    run_id: str,
    period: str,
    currency: str,
    posted_at: datetime,
) -> None:
    """Adds postings to the end of the ledger, within the caller's transaction, without movements of zero.

    Raises:
        LedgerError: a posting does not sum to zero.
    """
    lock_ledger(session)
    sequence, digest = _head(session)
    for posting in postings:
        if sum(posting.movements.values()) != 0:
            total = sum(posting.movements.values())
            raise LedgerError(f"posting {posting.name!r} sums to {total}, expected 0: {posting.description}")
        moved = {account: in_range(minor) for account, minor in sorted(posting.movements.items()) if minor}
        if not moved:
            continue
        posting_id = derive_id("pst", run_id, posting.name)
        session.add(
            LedgerPosting(
                id=posting_id,
                run_id=run_id,
                period=period,
                description=posting.description,
                posted_at=posted_at,
            )
        )
        session.flush()
        rows = []
        for account, amount_minor in moved.items():
            sequence += 1
            digest = _chain(digest, sequence, posting_id, account, amount_minor, currency)
            rows.append(
                {
                    "sequence": sequence,
                    "posting_id": posting_id,
                    "account": account,
                    "amount_minor": amount_minor,
                    "currency": currency,
                    "digest": digest,
                }
            )
        add_rows(session, LedgerEntry, rows)


def balances(session: Session, accounts: Iterable[str] | None = None) -> dict[tuple[str, str], int]:
    """The balance in minor units of each (account, currency) that was ever moved, or of those named."""
    entry = LedgerEntry
    query = select(entry.account, entry.currency, func.sum(entry.amount_minor))
    if accounts is not None:
        query = query.where(entry.account.in_(list(accounts)))
    rows = session.execute(query.group_by(entry.account, entry.currency).order_by(entry.account))
    return {(account, currency): int(total) for account, currency, total in rows}


def check_ledger(session: Session) -> list[Finding]:
    """Every invariant of the ledger that does not hold; none, if nobody tampered with it.

    The numbers have no gaps, each digest follows from its entry and the one before, each posting sums to
    zero, no pool or pot keeps anything, and each run's entries are what its allocations say.
    """
    findings = [*_check_chain(session), *_check_postings(session), *_check_emptied(session)]
    for run in session.execute(select(DistributionRun).order_by(DistributionRun.id)).scalars():
        findings += _check_run(session, run)
    return findings


def _check_chain(session: Session) -> list[Finding]:
    findings = []
    digest = GENESIS
    query = select(LedgerEntry).order_by(LedgerEntry.sequence).execution_options(yield_per=10_000)
    for expected, entry in enumerate(session.execute(query).scalars(), start=1):
        where = f"ledger entry {entry.sequence}"
        if entry.sequence != expected:
            findings.append(Finding("LEDGER_GAP", where, f"expected number {expected}: entries are missing"))
            return findings
        digest = _chain(
            digest, entry.sequence, entry.posting_id, entry.account, entry.amount_minor, entry.currency
        )
        if digest != entry.digest:
            message = "its digest does not follow from it and the entry before: one of the two was changed"
            findings.append(Finding("LEDGER_DIGEST", where, message))
            return findings
    return findings


def _check_postings(session: Session) -> list[Finding]:
    total = func.sum(LedgerEntry.amount_minor)
    query = (
        select(LedgerEntry.posting_id, LedgerEntry.currency, total)
        .group_by(LedgerEntry.posting_id, LedgerEntry.currency)
        .having(total != 0)
        .order_by(LedgerEntry.posting_id)
    )
    return [
        Finding(
            "POSTING_NOT_ZERO", f"posting {posting}", f"sums to {off} minor units of {currency}, not to 0"
        )
        for posting, currency, off in session.execute(query)
    ]


def _check_emptied(session: Session) -> list[Finding]:
    return [
        Finding("POT_NOT_EMPTY", f"account {account}", f"holds {balance} minor units of {currency}, not 0")
        for (account, currency), balance in balances(session).items()
        if balance and (account == "pool" or account.startswith("pot:"))
    ]


def _check_run(session: Session, run: DistributionRun) -> list[Finding]:
    entry, row = LedgerEntry, AllocationRow
    posted = session.execute(
        select(entry.account, func.sum(entry.amount_minor))
        .join(LedgerPosting, LedgerPosting.id == entry.posting_id)
        .where(LedgerPosting.run_id == run.id, LedgerPosting.id != derive_id("pst", run.id, "revenue"))
        .group_by(entry.account)
    )
    moved = {account: int(total) for account, total in posted}
    allocated = session.execute(
        select(row.payee_kind, row.payee_id, row.reason, func.sum(row.amount_minor))
        .where(row.run_id == run.id)
        .group_by(row.payee_kind, row.payee_id, row.reason)
    )
    told = {account_of(kind, payee, reason): int(minor) for kind, payee, reason, minor in allocated}
    findings = []
    for account in sorted(
        told.keys() | {name for name in moved if name.split(":")[0] not in ("pool", "pot")}
    ):
        if moved.get(account, 0) != told.get(account, 0):
            message = f"allocations give {account} {told.get(account, 0)}, the ledger {moved.get(account, 0)}"
            findings.append(Finding("RUN_NOT_POSTED", f"run {run.id}", message))
    total_minor = sum(told.values())
    if total_minor != run.pool_minor:
        message = f"allocations sum to {total_minor}, the pool is {run.pool_minor}"
        findings.append(Finding("RUN_NOT_WHOLE", f"run {run.id}", message))
    return findings


def account_of(payee_kind: str, payee_id: str, reason: str) -> str:
    """The ledger's account of a payee, from the columns of an allocation."""
    if payee_kind == "suspense":
        return f"suspense:{reason}:{payee_id}"
    return f"party:{payee_id}" if payee_kind == "party" else payee_id


def lock_ledger(session: Session) -> None:
    """Until the transaction ends, nobody else adds to the ledger; on SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE ledger_entry IN EXCLUSIVE MODE"))


def _head(session: Session) -> tuple[int, str]:
    last = session.execute(select(LedgerEntry).order_by(LedgerEntry.sequence.desc()).limit(1)).scalar()
    return (last.sequence, last.digest) if last else (0, GENESIS)


def _chain(before: str, sequence: int, posting: str, account: str, amount_minor: int, currency: str) -> str:
    return digest_rows([(before, sequence, posting, account, amount_minor, currency)])
