"""Where is every unit of money now, and how did it get there?

Double entry. A positive entry is money that the account may claim, a negative one is where it came from; the
entries of a posting sum to zero, and so does the ledger. Entries are numbered without gaps and chained by
digest, so that one that was changed, dropped or slipped in shows.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, text
from sqlalchemy.orm import Session

from catalog.database import derive_id
from catalog.findings import Finding
from royalties.digests import digest_rows
from royalties.errors import LedgerError
from royalties.money import in_range
from royalties.tables import (
    AccountMovement,
    AllocationRow,
    DeltaRow,
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    PeriodClose,
    RestatementRow,
    SettlementRow,
    add_rows,
)

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
    period: str,
    currency: str,
    posted_at: datetime,
    run_id: str | None = None,
    restatement_id: str | None = None,
    settles: str | None = None,
    movement_id: str | None = None,
) -> None:
    """Adds postings to the end of the ledger, within the caller's transaction, without movements of zero.

    Args:
        period: the open period in which they are posted.
        run_id: the run that they belong to, or that the restatement corrects.
        settles: else the period that they settle.
        movement_id: else the advance, cost, payment or return that they post.

    Raises:
        LedgerError: a posting does not sum to zero.
    """
    lock_ledger(session)
    sequence, digest = head_of(session)
    for posting in postings:
        if sum(posting.movements.values()) != 0:
            total = sum(posting.movements.values())
            raise LedgerError(f"posting {posting.name!r} sums to {total}, expected 0: {posting.description}")
        moved = {account: in_range(minor) for account, minor in sorted(posting.movements.items()) if minor}
        if not moved:
            continue
        subject = restatement_id or run_id or settles or movement_id
        assert subject is not None, "a posting belongs to something"
        posting_id = derive_id("pst", subject, posting.name)
        session.add(
            LedgerPosting(
                id=posting_id,
                run_id=run_id,
                restatement_id=restatement_id,
                settles=settles,
                movement_id=movement_id,
                period=period,
                description=posting.description,
                posted_at=posted_at,
            )
        )
        session.flush()
        sequence, digest = _add_entries(session, posting_id, moved, currency, (sequence, digest))


def _add_entries(
    session: Session, posting_id: str, moved: Mapping[str, int], currency: str, head: tuple[int, str]
) -> tuple[int, str]:
    """Chains the entries of a posting to the end of the ledger, which is given; returns the new end."""
    sequence, digest = head
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
    return sequence, digest


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
    zero, no pool or pot keeps anything, each run's entries are what its allocations say, each restatement's
    what its deltas say, each closed period's what its settlements say and each advance's and payment's what
    it says, what a settlement carries is the account's balance, and nothing was posted in a period after it
    was closed.
    """
    findings = [*_check_chain(session), *_check_postings(session), *_check_emptied(session)]
    for run in session.execute(select(DistributionRun).order_by(DistributionRun.id)).scalars():
        findings += _check_run(session, run)
    for restatement in session.scalars(select(RestatementRow).order_by(RestatementRow.id)):
        findings += _check_restatement(session, restatement)
    findings += _check_movements(session)
    for period in session.scalars(_settled_periods()):
        findings += _check_settlement(session, period)
    for closing in session.scalars(select(PeriodClose).order_by(PeriodClose.period)):
        findings += _check_closing(session, closing)
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
        if balance and account.split(":")[0] in ("pool", "pot")
    ]


def _check_run(session: Session, run: DistributionRun) -> list[Finding]:
    row = AllocationRow
    allocated = session.execute(
        select(row.payee_kind, row.payee_id, row.reason, func.sum(row.amount_minor))
        .where(row.run_id == run.id)
        .group_by(row.payee_kind, row.payee_id, row.reason)
    )
    told = {account_of(kind, payee, reason): int(minor) for kind, payee, reason, minor in allocated}
    posted = (LedgerPosting.run_id == run.id) & LedgerPosting.restatement_id.is_(None)
    before_pots = LedgerPosting.id.in_([derive_id("pst", run.id, name) for name in ("revenue", "provider")])
    findings = _compare(f"run {run.id}", told, _moved(session, posted & ~before_pots))
    total_minor = sum(told.values())
    if total_minor != run.pool_minor:
        message = f"allocations sum to {total_minor}, the pool is {run.pool_minor}"
        findings.append(Finding("RUN_NOT_WHOLE", f"run {run.id}", message))
    return findings


def _check_restatement(session: Session, restatement: RestatementRow) -> list[Finding]:
    where, row = f"restatement {restatement.id}", DeltaRow
    changed = session.execute(
        select(row.payee_kind, row.payee_id, row.reason, func.sum(row.amount_minor))
        .where(row.restatement_id == restatement.id)
        .group_by(row.payee_kind, row.payee_id, row.reason)
    )
    told = {account_of(kind, payee, reason): int(minor) for kind, payee, reason, minor in changed}
    before: DistributionRun | RestatementRow | None = session.get(DistributionRun, restatement.run_id)
    if restatement.earlier_id is not None:
        before = session.get(RestatementRow, restatement.earlier_id)
    if before is None:
        return [Finding("RESTATEMENT_WITHOUT_RUN", where, "what it supersedes is missing")]
    change_minor = restatement.pool_minor - before.pool_minor
    findings = []
    if sum(told.values()) != change_minor:
        message = f"its deltas sum to {sum(told.values())}, the pool changed by {change_minor}"
        findings.append(Finding("RUN_NOT_WHOLE", where, message))
    told["revenue"] = before.gross_minor - restatement.gross_minor
    told["deductions"] = restatement.deductions_minor - before.deductions_minor
    told["provider:retained"] = restatement.provider_minor - before.provider_minor
    moved = _moved(session, LedgerPosting.restatement_id == restatement.id)
    return [*findings, *_compare(where, told, moved)]


def _settled_periods() -> Select[str]:
    rows = select(SettlementRow.period)
    posted = select(LedgerPosting.settles).where(LedgerPosting.settles.is_not(None))
    return select(rows.union(posted).subquery().c.period)


def _check_settlement(session: Session, period: str) -> list[Finding]:
    where, entry = f"settlement of {period}", LedgerEntry
    rows = session.scalars(select(SettlementRow).where(SettlementRow.period == period)).all()
    findings = _compare(where, settled_movements(rows), _moved(session, LedgerPosting.settles == period))
    closing = session.get(PeriodClose, period)
    if closing is None:
        return [*findings, Finding("SETTLED_NOT_CLOSED", where, "the period was settled and is open")]
    until = (LedgerPosting.period <= period, entry.sequence <= closing.ledger_sequence)
    query = select(entry.account, entry.currency, func.sum(entry.amount_minor)).join(LedgerPosting)
    query = query.where(*until).group_by(entry.account, entry.currency)
    held = {(account, currency): int(total) for account, currency, total in session.execute(query)}
    for row in rows:
        balance_minor = held.get((payee_account(row.payee_id), row.currency), 0)
        if balance_minor != row.carried_minor:
            message = f"{row.payee_id} carries {row.carried_minor}, the ledger {balance_minor}"
            findings.append(Finding("CARRIED_NOT_HELD", where, message))
    return findings


def _check_movements(session: Session) -> list[Finding]:
    entry, posting = LedgerEntry, LedgerPosting
    query = select(posting.movement_id, entry.account, entry.currency, entry.amount_minor).join(posting)
    posted: dict[str | None, dict[str, int]] = {}
    for movement_id, account, currency, minor in session.execute(
        query.where(posting.movement_id.is_not(None))
    ):
        posted.setdefault(movement_id, {})[f"{account} in {currency}"] = minor
    findings = []
    for each in session.scalars(select(AccountMovement).order_by(AccountMovement.id)):
        told = {
            f"{account} in {each.currency}": minor
            for account, minor in account_movements(each.kind, each.payee_id, each.amount_minor).items()
        }
        findings += _compare(f"{each.kind} {each.id}", told, posted.get(each.id, {}))
    return findings


def _moved(session: Session, chosen: ColumnElement[bool]) -> dict[str, int]:
    entry = LedgerEntry
    posted = session.execute(
        select(entry.account, func.sum(entry.amount_minor))
        .join(LedgerPosting, LedgerPosting.id == entry.posting_id)
        .where(chosen)
        .group_by(entry.account)
    )
    return {account: int(total) for account, total in posted}


def _compare(where: str, told: Mapping[str, int], moved: Mapping[str, int]) -> list[Finding]:
    names = told.keys() | {name for name in moved if name.split(":")[0] not in ("pool", "pot")}
    return [
        Finding(
            "RUN_NOT_POSTED",
            where,
            f"its lines give {account} {told.get(account, 0)}, the ledger {moved.get(account, 0)}",
        )
        for account in sorted(names)
        if moved.get(account, 0) != told.get(account, 0)
    ]


def _check_closing(session: Session, closing: PeriodClose) -> list[Finding]:
    where = f"closing of {closing.period}"
    entry = session.get(LedgerEntry, closing.ledger_sequence) if closing.ledger_sequence else None
    findings = []
    if (entry.digest if entry else GENESIS) != closing.ledger_digest:
        message = f"the ledger's entry {closing.ledger_sequence} is not the one that it was closed with"
        findings.append(Finding("CLOSED_LEDGER_CHANGED", where, message))
    later = (
        select(func.count())
        .select_from(LedgerEntry)
        .join(LedgerPosting)
        .where(LedgerPosting.period == closing.period, LedgerEntry.sequence > closing.ledger_sequence)
    )
    num_later = session.scalar(later)
    if num_later:
        message = f"{num_later} entries were posted in the period after it was closed"
        findings.append(Finding("POSTED_AFTER_CLOSING", where, message))
    return findings


def account_of(payee_kind: str, payee_id: str, reason: str) -> str:
    """The ledger's account of a payee, from the columns of an allocation."""
    if payee_kind == "suspense":
        return f"suspense:{reason}:{payee_id}"
    return f"party:{payee_id}" if payee_kind == "party" else payee_id


def payee_account(payee: str) -> str:
    """The ledger's account of a party, or of an account that a policy names, from its id alone."""
    named = payee == "provider" or payee.startswith("fund:")
    return payee if named else f"party:{payee}"


def settled_movements(settlements: Iterable[SettlementRow]) -> dict[str, int]:
    """What settling moves: off the payees' accounts, onto advances, reserves, tax and what is payable."""
    moved: dict[str, int] = {}
    for each in settlements:
        balance_minor = each.opening_minor + each.earned_minor + each.restated_minor
        for account, minor in (
            (payee_account(each.payee_id), each.carried_minor - balance_minor),
            (f"advance:{each.payee_id}", each.credited_minor),
            (f"reserve:{each.payee_id}", each.held_minor - each.released_minor),
            (f"withholding:{each.residence}", each.withheld_minor),
            (f"payable:{each.payee_id}", each.payable_minor),
        ):
            moved[account] = moved.get(account, 0) + minor
    return {account: minor for account, minor in moved.items() if minor}


def account_movements(kind: str, payee: str, amount_minor: int) -> dict[str, int]:
    """What an advance or a cost, a payment, or a payment that came back moves."""
    account = f"advance:{payee}" if kind in ("advance", "cost") else f"payable:{payee}"
    paid_minor = -amount_minor if kind == "return" else amount_minor
    return {account: -paid_minor, "bank": paid_minor}


def lock_ledger(session: Session) -> None:
    """Until the transaction ends, nobody else adds to the ledger; on SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE ledger_entry IN EXCLUSIVE MODE"))


def head_of(session: Session) -> tuple[int, str]:
    """The number and the digest of the newest entry."""
    last = session.execute(select(LedgerEntry).order_by(LedgerEntry.sequence.desc()).limit(1)).scalar()
    return (last.sequence, last.digest) if last else (0, GENESIS)


def _chain(before: str, sequence: int, posting: str, account: str, amount_minor: int, currency: str) -> str:
    return digest_rows([(before, sequence, posting, account, amount_minor, currency)])
