"""Which values decide a distribution, and which come out of it as the reason of an amount?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from catalog.disputes import Dispute
from catalog.mandates import Mandate
from catalog.vocabulary import Right

SharesOn = Callable[[Sequence[str], Right, date, str], Mapping[str, Sequence[tuple[str, int]]]]
"""(works, right, day, territory) to the (party, share_ppm) of each work."""

MastersOn = Callable[[Sequence[str], date, str], Mapping[str, Sequence[tuple[str, int]]]]
"""(works, day, territory) to the (party, share_ppm) of the recordings of each work."""

RolesOf = Callable[[Sequence[str], Right], Mapping[str, Mapping[str, str]]]
"""(works, right) to what each party is to each work: composer, original_publisher."""


def no_roles(_works: Sequence[str], _right: Right) -> Mapping[str, Mapping[str, str]]:
    """Nothing is known of what anybody is to a work."""
    return {}


class SuspenseReason(StrEnum):
    """Why money waits. Those that a run itself can give are the first six, and RESERVE."""

    UNMATCHED_WORK = "UNMATCHED_WORK"
    UNIDENTIFIED_OWNER = "UNIDENTIFIED_OWNER"
    SHARE_OVERCLAIM = "SHARE_OVERCLAIM"
    SHARE_GAP = "SHARE_GAP"
    RESIDUAL_ATTRIBUTION = "RESIDUAL_ATTRIBUTION"
    DISPUTE = "DISPUTE"
    MISSING_PAYEE_DATA = "MISSING_PAYEE_DATA"
    SANCTIONS_HOLD = "SANCTIONS_HOLD"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    NEGATIVE_BALANCE = "NEGATIVE_BALANCE"
    RESERVE = "RESERVE"
    ROUNDING = "ROUNDING"


class PayeeKind(StrEnum):
    """A party of the catalogue, an account that the policy names, or suspense."""

    PARTY = "party"
    ACCOUNT = "account"
    SUSPENSE = "suspense"


class Payee(NamedTuple):
    """Where money is allocated; for suspense, `id` is the work or generation and `reason` says why."""

    kind: PayeeKind
    id: str
    reason: str = ""

    @property
    def account(self) -> str:
        """The payee's account in the ledger."""
        if self.kind is PayeeKind.PARTY:
            return f"party:{self.id}"
        return self.id if self.kind is PayeeKind.ACCOUNT else f"suspense:{self.reason}:{self.id}"


def suspense(reason: SuspenseReason, what: str) -> Payee:
    """The suspense account of a reason and the work or generation that it concerns."""
    return Payee(PayeeKind.SUSPENSE, what, str(reason))


class Line(NamedTuple):
    """What money is for. Its exact weight is revenue x basis / basis_total x share_ppm / 1,000,000.

    `role`, `on_behalf_of` and `agreement` are those of `royalties.shares.Part`; mostly they are empty.
    A pot that weighs generations by units or by listeners has those in the place of the revenue.
    """

    method: str
    generation: str = ""
    territory: str = ""
    work: str = ""
    share_ppm: int = 1_000_000
    basis: int = 1
    basis_total: int = 1
    evidence: str = ""
    role: str = ""
    on_behalf_of: str = ""
    agreement: str = ""


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What was sold of one generation, in one territory, on one day.

    `listened_micro` is the money of those who used it, divided by what each of them used, in millionths of a
    minor unit; 0 where no policy asks for it.
    """

    generation: str
    territory: str
    used_on: date
    units: int
    revenue_minor: int
    listened_micro: int = 0


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which works a generation leaned on: shares and unattributed part sum to 1,000,000 ppm.

    `reliability` is the verdict in a word; a policy's `reliable_when` lists those on which it pays.
    """

    generation: str
    shares_ppm: Mapping[str, int]
    unattributed_ppm: int
    reliability: str
    digest: str
    method: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How many events of each work the model saw in training; the works are those it was trained on."""

    events: Mapping[str, int]
    digest: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything beside usage and policy that decides a distribution.

    `usage_lines` is the folder of accepted lines; a pot by what listeners used reads them.
    """

    attributions: Mapping[str, Attribution]
    exposure: Exposure
    shares_on: SharesOn
    public_domain: frozenset[str] = frozenset()
    mandates: Sequence[Mandate] = ()
    disputes: Sequence[Dispute] = ()
    roles_of: RolesOf = no_roles
    masters_on: MastersOn | None = None
    usage_lines: Path | None = None
