"""What comes out of a distribution, and what always holds of it?"""

from dataclasses import dataclass

from royalties.entitlement import Line, Payee, PayeeKind
from royalties.money import format_minor
from royalties.policy_values import PoolRight


@dataclass(frozen=True, slots=True)
class Allocation:
    """A positive amount for a payee, out of a pot, for a line, with the usage behind it."""

    pot: str
    payee: Payee
    line: Line
    units: int
    revenue_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PotResult:
    """A pot's own part of its pool, and what other pots passed on to it.

    `is_minimum` marks the pot out of which a pool's works or licensors are topped up.
    """

    name: str
    own_minor: int
    received_minor: int
    pool: str = ""
    is_minimum: bool = False


@dataclass(frozen=True, slots=True)
class PoolResult:
    """A pool's part of the net by its rate, and what the provider paid into it beside: fees and top-ups."""

    name: str
    right: PoolRight
    account: str
    rate_minor: int
    provider_minor: int

    @property
    def total_minor(self) -> int:
        """What its pots divide."""
        return self.rate_minor + self.provider_minor


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a policy promises and the money did not reach: a pool's minimum, a fee, the minimum of works."""

    what: str
    missing_minor: int

    def sentence(self, currency: str) -> str:
        """The shortfall in words."""
        return f"{self.what}: {format_minor(self.missing_minor, currency)} {currency} could not be covered"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A period's revenue, divided. `check_distribution` states what always holds."""

    currency: str
    gross_minor: int
    deductions_minor: int
    provider_minor: int
    pool_minor: int
    pots: tuple[PotResult, ...]
    allocations: tuple[Allocation, ...]
    passed_on: tuple[Allocation, ...]
    pools: tuple[PoolResult, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()

    @property
    def allocated_minor(self) -> int:
        """What parties and the policy's accounts got."""
        kinds = (PayeeKind.PARTY, PayeeKind.ACCOUNT)
        return sum(each.amount_minor for each in self.allocations if each.payee.kind in kinds)

    @property
    def suspense_minor(self) -> int:
        """What waits in suspense."""
        return sum(e.amount_minor for e in self.allocations if e.payee.kind is PayeeKind.SUSPENSE)


def check_distribution(distribution: Distribution) -> list[str]:
    """What is wrong with a distribution's sums; nothing, if it was made by `distribute`."""
    d = distribution
    faults = []
    if d.gross_minor != d.deductions_minor + d.provider_minor + d.pool_minor:
        faults.append("gross is not deductions + provider + pool")
    if d.provider_minor < 0:
        faults.append(f"the provider's part is {d.provider_minor}, below zero")
    if d.pool_minor != sum(pot.own_minor for pot in d.pots):
        faults.append("the pots do not sum to the pool")
    for pool in d.pools:
        own_minor = sum(pot.own_minor for pot in d.pots if pot.pool == pool.name)
        if own_minor != pool.total_minor:
            faults.append(f"the pots of pool {pool.name} sum to {own_minor}, the pool is {pool.total_minor}")
    if d.pool_minor != d.allocated_minor + d.suspense_minor:
        faults.append(f"pool {d.pool_minor} is not allocated {d.allocated_minor} + held {d.suspense_minor}")
    lines = (*d.allocations, *d.passed_on)
    if any(each.amount_minor <= 0 for each in lines):
        faults.append("an amount is not above zero")
    out: dict[str, int] = {}
    for each in lines:
        out[each.pot] = out.get(each.pot, 0) + each.amount_minor
    for pot in d.pots:
        if out.get(pot.name, 0) != pot.own_minor + pot.received_minor:
            faults.append(
                f"pot {pot.name} received {pot.own_minor + pot.received_minor}, gave {out.get(pot.name, 0)}"
            )
    return faults
