"""What becomes of the money on a payee's account at the end of a period?

A pure function from accounts to settlements. Of what was earned a reserve is held back; reserves that are due
come back; what is left of recoupable income pays off the advances of the payee's group; what is then left is
paid out, less the tax that is withheld of it, unless it has to wait. What waits says why.

    opening + earned + restated = recouped + held - released + withheld + payable + carried

Source: rights_and_compliance.md, sections 4.1, 4.6 and 4.10; the order of reserve and recoupment is a choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from royalties.money import PPM, allocate_minor
from royalties.terms import Hold, PayeeData, Terms


class Waiting(StrEnum):
    """Why what is carried forward is not paid."""

    NOTHING = ""
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    NEGATIVE_BALANCE = "NEGATIVE_BALANCE"
    SANCTIONS_HOLD = "SANCTIONS_HOLD"
    MISSING_PAYEE_DATA = "MISSING_PAYEE_DATA"


@dataclass(frozen=True, slots=True)
class Income:
    """An amount in minor units, and the part of it that pays off no advance."""

    total_minor: int = 0
    protected_minor: int = 0

    def __add__(self, other: "Income") -> "Income":
        return Income(self.total_minor + other.total_minor, self.protected_minor + other.protected_minor)

    def __sub__(self, other: "Income") -> "Income":
        return Income(self.total_minor - other.total_minor, self.protected_minor - other.protected_minor)

    def part(self, share_ppm: int) -> "Income":
        """A share of it, rounded down."""
        return Income(self.total_minor * share_ppm // PPM, self.protected_minor * share_ppm // PPM)


@dataclass(frozen=True, slots=True)
class Account:
    """A payee's account before it is settled.

    `due` are the reserves to be released now, `advance_minor` what the payee itself was advanced and has not
    paid off, `waited` how often in a row its balance was carried for being below the threshold.
    """

    payee: str
    terms: Terms
    opening: Income = field(default_factory=Income)
    earned: Income = field(default_factory=Income)
    restated: Income = field(default_factory=Income)
    due: Income = field(default_factory=Income)
    advance_minor: int = 0
    waited: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an account; see the module for the sum that holds.

    `recouped_minor` is what this payee's income paid off of its group's advances, `credited_minor` what was
    paid off of its own advance, by whoever in the group. The advances before and after are the group's.
    """

    payee: str
    opening_minor: int
    earned_minor: int
    restated_minor: int
    recouped_minor: int
    credited_minor: int
    advance_before_minor: int
    advance_after_minor: int
    held_minor: int
    held_protected_minor: int
    released_minor: int
    withheld_minor: int
    payable_minor: int
    carried_minor: int
    carried_protected_minor: int
    threshold_minor: int
    waited: int
    reason: Waiting

    @property
    def gross_minor(self) -> int:
        """What is paid out before tax."""
        return self.payable_minor + self.withheld_minor


@dataclass(frozen=True, slots=True)
class _Balance:
    """What is on an account when reserves are settled, and how much of it may pay off advances."""

    account: Account
    held: Income
    total_minor: int
    recoupable_minor: int


@dataclass(frozen=True, slots=True)
class _Recouped:
    """What a payee paid off, what was paid off for it, and its group's advances before."""

    paid_minor: int
    credited_minor: int
    group_minor: int
    group_paid_minor: int


def settle(accounts: Sequence[Account], *, currency: str, threshold_minor: int) -> dict[str, Settlement]:
    """The settlement of each account, by payee.

    Args:
        accounts: every account of each cross-collateral group that is among them, each once.
        threshold_minor: the policy's, for payees whose terms have none.

    Returns:
        A settlement for every account; the order of the accounts does not matter.
    """
    balances = {account.payee: _balance(account) for account in accounts}
    groups: dict[tuple[str, str], list[_Balance]] = {}
    for payee in sorted(balances):
        group = balances[payee].account.terms.cross_collateral
        groups.setdefault((group, "" if group else payee), []).append(balances[payee])
    recouped: dict[str, _Recouped] = {}
    for members in groups.values():
        recouped |= _recoup(members)
    return {
        payee: _finish(
            balance, recouped[payee], balance.account.terms.threshold_in(currency, threshold_minor)
        )
        for payee, balance in sorted(balances.items())
    }


def _balance(account: Account) -> _Balance:
    """A sum below zero on one side is made good by the other before anything is recouped."""
    held = account.earned.part(account.terms.reserve_ppm)
    income = account.opening + account.earned + account.restated - held + account.due
    available_minor = max(income.total_minor, 0)
    recoupable_minor = min(max(income.total_minor - income.protected_minor, 0), available_minor)
    return _Balance(account, held, income.total_minor, recoupable_minor)


def _recoup(members: Sequence[_Balance]) -> dict[str, _Recouped]:
    """Each pays off its own advance first; what is left pays off the others', in proportion."""
    own = {m.account.payee: min(m.recoupable_minor, m.account.advance_minor) for m in members}
    left = {m.account.payee: m.recoupable_minor - own[m.account.payee] for m in members}
    owed = {m.account.payee: m.account.advance_minor - own[m.account.payee] for m in members}
    shared_minor = min(sum(left.values()), sum(owed.values()))
    paid = _divided(shared_minor, left)
    credited = _divided(shared_minor, owed)
    group_minor = sum(m.account.advance_minor for m in members)
    group_paid_minor = sum(own.values()) + shared_minor
    return {
        payee: _Recouped(
            own[payee] + paid[payee], own[payee] + credited[payee], group_minor, group_paid_minor
        )
        for payee in own
    }


def _divided(total_minor: int, weights: Mapping[str, int]) -> dict[str, int]:
    return allocate_minor(total_minor, weights) if total_minor else dict.fromkeys(weights, 0)


def _finish(balance: _Balance, recouped: _Recouped, threshold_minor: int) -> Settlement:
    account, terms = balance.account, balance.account.terms
    left_minor = balance.total_minor - recouped.paid_minor
    reason = _reason(account, left_minor, threshold_minor)
    paid_out_minor = 0 if reason else left_minor
    withheld_minor = paid_out_minor * terms.withholding_ppm // PPM
    carried_minor = left_minor - paid_out_minor
    protected_minor = balance.total_minor - balance.recoupable_minor
    return Settlement(
        payee=account.payee,
        opening_minor=account.opening.total_minor,
        earned_minor=account.earned.total_minor,
        restated_minor=account.restated.total_minor,
        recouped_minor=recouped.paid_minor,
        credited_minor=recouped.credited_minor,
        advance_before_minor=recouped.group_minor,
        advance_after_minor=recouped.group_minor - recouped.group_paid_minor,
        held_minor=balance.held.total_minor,
        held_protected_minor=balance.held.protected_minor,
        released_minor=account.due.total_minor,
        withheld_minor=withheld_minor,
        payable_minor=paid_out_minor - withheld_minor,
        carried_minor=carried_minor,
        carried_protected_minor=protected_minor if carried_minor > 0 else 0,
        threshold_minor=threshold_minor,
        waited=account.waited + 1 if reason is Waiting.BELOW_THRESHOLD else 0,
        reason=reason,
    )


def _reason(account: Account, left_minor: int, threshold_minor: int) -> Waiting:
    terms = account.terms
    if left_minor <= 0:
        return Waiting.NEGATIVE_BALANCE if left_minor else Waiting.NOTHING
    if terms.hold is Hold.SANCTIONS:
        return Waiting.SANCTIONS_HOLD
    if terms.payee_data is PayeeData.MISSING:
        return Waiting.MISSING_PAYEE_DATA
    overdue = 0 < terms.pay_out_after_periods <= account.waited
    return Waiting.BELOW_THRESHOLD if left_minor < threshold_minor and not overdue else Waiting.NOTHING
