"""Which money went to a payee, or came back, outside a run? Advances, costs, payments and their returns.

Each is a row that is never changed and one posting, in the caller's transaction. An advance is a balance
below zero on `advance:PAYEE`, paid off by later income when a month is settled; a payment takes off
`payable:PAYEE` what settling put there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.database import derive_id
from royalties.closing import last_closed
from royalties.ledger import Posting, account_movements, balances, lock_ledger, post
from royalties.periods import Period, month_of, parse_period
from royalties.tables import AccountMovement, DistributionRun, LedgerEntry, LedgerPosting, SettlementRow


class MovementKind(StrEnum):
    """What an amount was: given ahead, spent for the payee, paid, or come back from the bank."""

    ADVANCE = "advance"
    COST = "cost"
    PAYMENT = "payment"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Movement:
    """An amount in minor units, for or from whom, when, under which contract, and what else names it."""

    kind: MovementKind
    payee: str
    amount_minor: int
    currency: str
    happened_on: date
    contract: str = ""
    reference: str = ""

    @property
    def id(self) -> str:
        """The same facts are the same movement; two equal advances of a day differ in their reference."""
        return derive_id(
            "mov", self.kind, self.payee, str(self.amount_minor), self.currency, str(self.happened_on),
            self.contract, self.reference,
        )  # fmt: skip


def post_movement(session: Session, movement: Movement, *, recorded_at: datetime) -> str:
    """Writes and posts a movement, unless it is there; returns the month in which it is posted.

    It is posted in its own month, or in the first open one if that is closed.
    """
    lock_ledger(session)
    posted = session.scalar(select(LedgerPosting.period).where(LedgerPosting.movement_id == movement.id))
    if posted is not None:
        return posted
    session.add(
        AccountMovement(
            id=movement.id,
            kind=str(movement.kind),
            payee_id=movement.payee,
            amount_minor=movement.amount_minor,
            currency=movement.currency,
            happened_on=movement.happened_on,
            contract=movement.contract,
            reference=movement.reference,
            recorded_at=recorded_at,
        )
    )
    session.flush()
    moved = account_movements(movement.kind, movement.payee, movement.amount_minor)
    period = _posting_period(session, movement.happened_on)
    words = {"advance": "Advance to", "cost": "Cost for", "payment": "Payment to", "return": "Returned by"}
    post(
        session,
        [Posting(str(movement.kind), f"{words[movement.kind]} {movement.payee}", moved)],
        movement_id=movement.id,
        period=period,
        currency=movement.currency,
        posted_at=recorded_at,
    )
    return period


def outstanding(session: Session, payee: str, currency: str) -> int:
    """What a payee was advanced and charged, and has not paid off yet."""
    account = f"advance:{payee}"
    return -balances(session, [account]).get((account, currency), 0)


def usual_currency(session: Session) -> str | None:
    """The currency of the newest run, if there is one."""
    return session.scalar(select(DistributionRun.currency).order_by(DistributionRun.period.desc()).limit(1))


def payable_until(session: Session, period: Period, currency: str) -> dict[str, int]:
    """What closed months, up to one, left payable to each payee, less everything that was paid since."""
    entry, posting = LedgerEntry, LedgerPosting
    settled = posting.settles.is_not(None) & (posting.period <= period.name)
    query = (
        select(entry.account, func.sum(entry.amount_minor))
        .join(posting)
        .where(entry.account.startswith("payable:"), entry.currency == currency)
        .where(settled | posting.movement_id.is_not(None))
        .group_by(entry.account)
    )
    found = session.execute(query.order_by(entry.account))
    return {account.removeprefix("payable:"): int(minor) for account, minor in found}


def payable_since(session: Session, payee: str, period: Period) -> Period:
    """The newest closed month, up to one, that left a payee something payable."""
    row = SettlementRow
    found = session.scalar(
        select(func.max(row.period)).where(
            row.payee_id == payee, row.payable_minor > 0, row.period <= period.name
        )
    )
    assert found is not None, "only settlements make something payable"
    return parse_period(found)


def times_posted(session: Session, references: Iterable[str]) -> dict[str, tuple[int, int]]:
    """How often each transfer was posted as paid, and how often as come back."""
    counts = {reference: [0, 0] for reference in references}
    row = AccountMovement
    query = select(row.reference, row.kind).where(row.kind.in_(("payment", "return")))
    for reference, kind in session.execute(query):
        name = reference.partition("/")[0]
        if name in counts:
            counts[name][kind == "return"] += 1
    return {name: (paid, returned) for name, (paid, returned) in counts.items()}


def _posting_period(session: Session, day: date) -> str:
    last, month = last_closed(session), parse_period(month_of(day))
    return month.name if last is None or month.name > last.name else last.following.name
