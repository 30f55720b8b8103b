"""Who is to be paid how much, and why not the others?

A payment order is a value made from what is payable and bank data: the same go in, the same comes out. It
names each transfer by an id that a bank repeats in its answer. Nothing here moves money or touches the
ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from catalog.database import derive_id
from catalog.findings import Finding, Severity
from royalties.money import format_minor
from royalties.payments_bank import Account, BankData
from royalties.periods import Period


@dataclass(frozen=True, slots=True)
class Due:
    """What a payee may be paid; `attempt` counts the transfers of the period that a bank refused before."""

    payee: str
    statement: str
    payable_minor: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """One credit transfer of an order."""

    end_to_end_id: str
    payee: str
    statement: str
    to: Account
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """Transfers of one period in one currency from one account; `message_id` follows from all of it."""

    message_id: str
    period: str
    currency: str
    debtor: Account
    created_at: datetime
    execute_on: date
    transfers: tuple[Transfer, ...]

    @property
    def total_minor(self) -> int:
        """The control sum."""
        return sum(transfer.amount_minor for transfer in self.transfers)


def make_order(
    dues: Sequence[Due],
    bank: BankData,
    *,
    period: Period,
    currency: str,
    created_at: datetime,
    execute_on: date,
) -> tuple[PaymentOrder, list[Finding]]:
    """The transfers to everyone whose bank data are known, and a finding for each of the others."""
    findings = [
        _without_bank_data(due, currency)
        for due in sorted(dues, key=lambda due: due.payee)
        if due.payee not in bank.payees
    ]
    transfers = tuple(
        Transfer(
            derive_id("e2e", period.name, currency, due.payee, str(due.attempt)),
            due.payee,
            due.statement,
            bank.payees[due.payee],
            due.payable_minor,
        )
        for due in sorted(dues, key=lambda due: due.payee)
        if due.payee in bank.payees
    )
    message_id = derive_id(
        "pay", period.name, currency, str(bank.debtor), str(execute_on), *map(str, transfers)
    )
    order = PaymentOrder(message_id, period.name, currency, bank.debtor, created_at, execute_on, transfers)
    return order, findings


def _without_bank_data(due: Due, currency: str) -> Finding:
    amount = format_minor(due.payable_minor, currency)
    message = f"{amount} {currency} stay on the account: the bank data have no usable entry for this payee"
    return Finding("MISSING_PAYEE_DATA", f"payee {due.payee}", message, Severity.WARNING)
