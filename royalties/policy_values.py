"""What can a policy say about how the money of a period is divided?"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from catalog.vocabulary import Right
from royalties.money import PPM


class PoolRight(StrEnum):
    """Whose money a pool is: that of one right in the compositions, or that of the recordings."""

    PERFORMING = "performing"
    MECHANICAL = "mechanical"
    SYNCHRONISATION = "synchronisation"
    MASTER = "master"


class Rule(StrEnum):
    """What the weights of a pot are; `fixed` is a fee for each licensed work."""

    EQUAL = "equal"
    EXPOSURE = "exposure"
    ATTRIBUTION = "attribution"
    FIXED = "fixed"


class Measure(StrEnum):
    """By what a pot by attribution weighs generations; `listener` divides what each listener brought."""

    REVENUE = "revenue"
    UNITS = "units"
    LISTENER = "listener"


class Fallback(StrEnum):
    """What a pot by attribution does with the money that an attribution does not decide."""

    EQUAL = "equal"
    EXPOSURE = "exposure"
    SUSPENSE = "suspense"


class Payer(StrEnum):
    """Out of which part of the net a fixed fee is paid."""

    POOL = "pool"
    PROVIDER = "provider"


class TopUp(StrEnum):
    """Who pays what is missing to a minimum: the provider, or those of the pool who have more than it."""

    PROVIDER = "provider"
    PRO_RATA = "pro_rata"


class DestinationKind(StrEnum):
    """Where money goes that belongs to no owner."""

    POT = "pot"
    FUND = "fund"
    PROVIDER = "provider"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class Destination:
    """A pot or fund by name, the provider, or suspense."""

    kind: DestinationKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


@dataclass(frozen=True, slots=True)
class Minimum:
    """What a pool, a licensed work or a licensor of it has at least in a period; 0 is no minimum.

    A pool's own minimum is the larger of `per_period_minor` and the uses times `per_use_micro` (millionths of
    a minor unit), and is topped up by the provider; `top_up` says who tops up works and licensors.
    """

    per_period_minor: int = 0
    per_use_micro: int = 0
    per_work_minor: int = 0
    per_licensor_minor: int = 0
    top_up: TopUp = TopUp.PROVIDER

    def of_pool(self, units: int) -> int:
        """The pool's minimum for so many uses, rounded up to the minor unit."""
        return max(self.per_period_minor, -(-max(units, 0) * self.per_use_micro // PPM))


NO_MINIMUM = Minimum()


@dataclass(frozen=True, slots=True)
class Pot:
    """A part of the pool with one rule.

    `fallback`, `reliable_when`, `blend` and `usage` matter to attribution only, `fee_minor` and `paid_by` to
    fixed fees, which have no `share_ppm`. `blend` says for each verdict how much of a generation's money goes
    by attribution; without one, all of it does on the verdicts in `reliable_when`.
    """

    name: str
    share_ppm: int
    rule: Rule
    fallback: Fallback = Fallback.EXPOSURE
    reliable_when: tuple[str, ...] = ("influence",)
    usage: Measure = Measure.REVENUE
    blend: tuple[tuple[str, int], ...] = ()
    fee_minor: int = 0
    paid_by: Payer = Payer.POOL

    def trust_ppm(self, verdict: str) -> int:
        """How much of a generation's money its attribution decides, by the verdict on it."""
        if self.blend:
            return dict(self.blend).get(verdict, 0)
        return PPM if verdict in self.reliable_when else 0


@dataclass(frozen=True, slots=True)
class Pool:
    """The money of one right: a part of the net, divided into pots whose `share_ppm` sum to the whole."""

    name: str
    right: PoolRight
    pool_rate_ppm: int
    unattributed: Destination
    public_domain: Destination
    pots: tuple[Pot, ...]
    minimum: Minimum = NO_MINIMUM

    @property
    def shared(self) -> dict[str, int]:
        """The pots that have a share of the pool, which is all but those of fixed fees."""
        return {pot.name: pot.share_ppm for pot in self.pots if pot.rule is not Rule.FIXED}


@dataclass(frozen=True, slots=True)
class Policy:
    """A valid policy; only `parse_policy` makes one from a file, and `digest` is that of the file's bytes.

    A policy that is written with one pool has no `pools`. Of one that names its pools, `pots` are all of
    them, `pool_rate_ppm` is their sum, and `right`, `unattributed` and `public_domain` are those of the first
    pool of a composition; `all_pools` is right in both cases.
    """

    name: str
    version: str
    description: str
    currency: str
    right: Right
    territory: str
    deductions_ppm: int
    pool_rate_ppm: int
    unattributed: Destination
    public_domain: Destination
    threshold_minor: int
    pots: tuple[Pot, ...]
    digest: str
    source: str
    minimum: Minimum = NO_MINIMUM
    pools: tuple[Pool, ...] = ()
    rounding_unit_minor: int = 1
    rates: str = ""

    @property
    def all_pools(self) -> tuple[Pool, ...]:
        """The pools, in the order of the file."""
        if self.pools:
            return self.pools
        right = PoolRight(self.right)
        return (
            Pool(
                str(right), right, self.pool_rate_ppm, self.unattributed, self.public_domain, self.pots,
                self.minimum,
            ),
        )  # fmt: skip

    def pool_of(self, pot: str) -> Pool | None:
        """The pool that a pot is in, or that a pot of minimums, `minimum-per-work:POOL`, tops up."""
        _, _, topped = pot.partition(":")
        for pool in self.all_pools:
            if pool.name == topped or any(each.name == pot for each in pool.pots):
                return pool
        return None

    def right_of(self, pot: str) -> str:
        """The right whose money a pot holds; of a pot that the policy does not know, all of its rights."""
        pool = self.pool_of(pot)
        return str(pool.right) if pool else self.rights_text

    @property
    def rights(self) -> tuple[PoolRight, ...]:
        """The rights of the pools, each once, in the order of the file."""
        return tuple(dict.fromkeys(pool.right for pool in self.all_pools))

    @property
    def rights_text(self) -> str:
        """The rights as words: "mechanical", or "performing and master"."""
        return " and ".join(self.rights)

    @property
    def can_fall_short(self) -> bool:
        """Whether the policy promises amounts that the revenue may not cover."""
        return any(True for _ in self._promises())

    def _promises(self) -> Iterator[Pot | Minimum]:
        for pool in self.all_pools:
            yield from (pot for pot in pool.pots if pot.rule is Rule.FIXED)
            if pool.minimum != NO_MINIMUM:
                yield pool.minimum
