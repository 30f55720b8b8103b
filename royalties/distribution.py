"""Who gets how much of a period's revenue, and for what?

A pure function of values: usage totals, attributions, exposure, shares and the policy go in, allocations
come out. Every weight is an exact integer. Each pot is rounded twice, by the largest remainder: once into
what each payee gets (so that a payee is never a whole unit away from the exact entitlement), once into that
payee's lines. What belongs to nobody goes where the policy says, or to suspense with its reason; the pool is
what was allocated plus what is in suspense, to the unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from royalties.entitlement import (
    Attribution,
    Exposure,
    Inputs,
    Line,
    Payee,
    PayeeKind,
    SuspenseReason,
    UsageTotal,
    suspense,
)
from royalties.money import PPM, allocate_minor
from royalties.periods import Period
from royalties.policy import Destination, DestinationKind, Policy, Pot, Rule
from royalties.shares import Part, ShareBook, Split


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
    """A pot's own part of the pool, and what other pots passed on to it."""

    name: str
    own_minor: int
    received_minor: int


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

    @property
    def allocated_minor(self) -> int:
        """What parties and the policy's accounts got."""
        kinds = (PayeeKind.PARTY, PayeeKind.ACCOUNT)
        return sum(each.amount_minor for each in self.allocations if each.payee.kind in kinds)

    @property
    def suspense_minor(self) -> int:
        """What waits in suspense."""
        return sum(e.amount_minor for e in self.allocations if e.payee.kind is PayeeKind.SUSPENSE)


def distribute(
    usage: Sequence[UsageTotal], policy: Policy, period: Period, inputs: Inputs, book: ShareBook
) -> Distribution:
    """The division of a period's revenue; the order of the usage does not matter.

    A generation whose refunds in a territory exceed its revenue there carries no money of its own; the excess
    makes the pool smaller.

    Args:
        usage: the totals of the period, all in the policy's currency, summing to at least 0.
        book: the shares for all of `works_of(usage, inputs)`.
    """
    gross_minor = sum(total.revenue_minor for total in usage)
    split = allocate_minor(gross_minor, _pool_weights(policy))
    own = allocate_minor(split["pool"], {pot.name: pot.share_ppm for pot in policy.pots})
    received = dict.fromkeys(own, 0)
    allocations: list[Allocation] = []
    passed_on: list[Allocation] = []
    cells = _cells(usage, book)
    for pot in sorted(policy.pots, key=lambda pot: pot.rule is not Rule.ATTRIBUTION):
        weights = _Weights()
        if pot.rule is Rule.ATTRIBUTION:
            basis = _training_basis(pot.fallback, inputs.exposure)
            _OutputPot(pot, policy, inputs, book, basis).weigh(weights, cells)
        else:
            splits = book.at(policy.territory, period.last_day_on)
            _weigh_training(weights, pot, splits, policy.territory, inputs)
        for each in weights.allocate(pot.name, own[pot.name] + received[pot.name]):
            target = each.payee.id.removeprefix("pot:")
            if each.payee.kind is PayeeKind.ACCOUNT and target != each.payee.id:
                received[target] += each.amount_minor
                passed_on.append(each)
            else:
                allocations.append(each)
    pots = tuple(PotResult(pot.name, own[pot.name], received[pot.name]) for pot in policy.pots)
    return Distribution(
        currency=policy.currency,
        gross_minor=gross_minor,
        deductions_minor=split["deductions"],
        provider_minor=split["provider"],
        pool_minor=split["pool"],
        pots=pots,
        allocations=tuple(allocations),
        passed_on=tuple(passed_on),
    )


def check_distribution(distribution: Distribution) -> list[str]:
    """What is wrong with a distribution's sums; nothing, if it was made by `distribute`."""
    d = distribution
    faults = []
    if d.gross_minor != d.deductions_minor + d.provider_minor + d.pool_minor:
        faults.append("gross is not deductions + provider + pool")
    if d.pool_minor != sum(pot.own_minor for pot in d.pots):
        faults.append("the pots do not sum to the pool")
    if d.pool_minor != d.allocated_minor + d.suspense_minor:
        faults.append(f"pool {d.pool_minor} is not allocated {d.allocated_minor} + held {d.suspense_minor}")
    for pot in d.pots:
        lines = (*d.allocations, *d.passed_on)
        out_minor = sum(each.amount_minor for each in lines if each.pot == pot.name)
        if out_minor != pot.own_minor + pot.received_minor:
            faults.append(f"pot {pot.name} received {pot.own_minor + pot.received_minor}, gave {out_minor}")
    return faults


def _pool_weights(policy: Policy) -> dict[str, int]:
    net_ppm = PPM - policy.deductions_ppm
    return {
        "deductions": policy.deductions_ppm * PPM,
        "pool": net_ppm * policy.pool_rate_ppm,
        "provider": net_ppm * (PPM - policy.pool_rate_ppm),
    }


@dataclass(slots=True)
class _Cell:
    """The usage of one generation in one territory while its works had the same shares."""

    epoch: int = 0
    units: int = 0
    revenue_minor: int = 0


def _cells(usage: Iterable[UsageTotal], book: ShareBook) -> list[tuple[str, str, _Cell]]:
    cells: dict[tuple[str, str, int], _Cell] = {}
    for total in usage:
        epoch = book.epoch_of[total.territory, total.used_on]
        cell = cells.setdefault((total.generation, total.territory, epoch), _Cell(epoch))
        cell.units += total.units
        cell.revenue_minor += total.revenue_minor
    return [(key[0], key[1], cell) for key, cell in sorted(cells.items()) if cell.revenue_minor > 0]


class _Weights:
    """Collects exact weights by payee and line, then divides a pot by them."""

    def __init__(self) -> None:
        self.by_payee: dict[Payee, dict[Line, list[int]]] = {}

    def add(self, payee: Payee, line: Line, weight: int, cell: _Cell) -> None:
        entry = self.by_payee.setdefault(payee, {}).setdefault(line, [0, 0, 0])
        entry[0] += weight
        entry[1] += cell.units
        entry[2] += cell.revenue_minor

    def allocate(self, pot: str, amount_minor: int) -> list[Allocation]:
        if amount_minor == 0:
            return []
        if not self.by_payee:
            self.add(suspense(SuspenseReason.UNMATCHED_WORK, ""), Line("no-works"), 1, _Cell())
        totals = {payee: sum(e[0] for e in lines.values()) for payee, lines in self.by_payee.items()}
        result = []
        for payee, payee_minor in allocate_minor(amount_minor, totals).items():
            if payee_minor == 0:
                continue
            lines = self.by_payee[payee]
            parts = allocate_minor(payee_minor, {line: entry[0] for line, entry in lines.items()})
            result += [
                Allocation(pot, payee, line, lines[line][1], lines[line][2], part)
                for line, part in parts.items()
                if part
            ]
        return result


def _destined(destination: Destination, what: str, reason: SuspenseReason) -> Payee:
    if destination.kind is DestinationKind.SUSPENSE:
        return suspense(reason, what)
    return Payee(PayeeKind.ACCOUNT, str(destination))


@dataclass(frozen=True, slots=True)
class _OutputPot:
    """A pot by attribution; weights are in units of minor x ppm x ppm x exposure, as the fallback needs."""

    pot: Pot
    policy: Policy
    inputs: Inputs
    book: ShareBook
    basis: Mapping[str, int]

    @property
    def scale(self) -> int:
        return sum(self.basis.values()) or 1

    def weigh(self, weights: _Weights, cells: list[tuple[str, str, _Cell]]) -> None:
        unreliable: dict[tuple[str, int], _Cell] = {}
        for generation, territory, cell in cells:
            found = self.inputs.attributions.get(generation)
            if found is None:
                payee = suspense(SuspenseReason.UNMATCHED_WORK, generation)
                self.hold(weights, payee, Line("no-attribution", generation, territory), cell)
            elif found.reliability in self.pot.reliable_when:
                self.weigh_generation(weights, found, territory, cell)
            elif not self.basis:
                payee = suspense(SuspenseReason.RESIDUAL_ATTRIBUTION, generation)
                line = Line("unreliable", generation, territory, evidence=found.digest)
                self.hold(weights, payee, line, cell)
            else:
                pooled = unreliable.setdefault((territory, cell.epoch), _Cell(cell.epoch))
                pooled.units += cell.units
                pooled.revenue_minor += cell.revenue_minor
        for (territory, _), cell in unreliable.items():
            self.weigh_fallback(weights, territory, cell)

    def hold(self, weights: _Weights, payee: Payee, line: Line, cell: _Cell) -> None:
        weights.add(payee, line, cell.revenue_minor * PPM * PPM * self.scale, cell)

    def weigh_generation(self, weights: _Weights, found: Attribution, territory: str, cell: _Cell) -> None:
        factor = cell.revenue_minor * self.scale
        for work, ppm in found.shares_ppm.items():
            if ppm:
                for payee, share_ppm, *path in self.owners(work, cell):
                    line = Line(
                        "attribution", found.generation, territory, work, share_ppm, ppm, PPM, found.digest,
                        *path,
                    )  # fmt: skip
                    weights.add(payee, line, factor * ppm * share_ppm, cell)
        rest_ppm = found.unattributed_ppm
        if rest_ppm:
            reason = SuspenseReason.RESIDUAL_ATTRIBUTION
            payee = _destined(self.policy.unattributed, found.generation, reason)
            line = Line("unattributed", found.generation, territory, "", PPM, rest_ppm, PPM, found.digest)
            weights.add(payee, line, factor * rest_ppm * PPM, cell)

    def weigh_fallback(self, weights: _Weights, territory: str, cell: _Cell) -> None:
        method, evidence, scale = f"{self.pot.fallback}-fallback", self.inputs.exposure.digest, self.scale
        for work, events in self.basis.items():
            for payee, share_ppm, *path in self.owners(work, cell):
                line = Line(method, "", territory, work, share_ppm, events, scale, evidence, *path)
                weights.add(payee, line, cell.revenue_minor * PPM * events * share_ppm, cell)

    def owners(self, work: str, cell: _Cell) -> Split:
        if work in self.inputs.public_domain:
            return (Part(_destined(self.policy.public_domain, work, SuspenseReason.RESERVE), PPM),)
        return self.book.epochs[cell.epoch][work]


def _training_basis(rule: str, exposure: Exposure) -> dict[str, int]:
    """The weight of each work that the model saw; none under a rule that does not look at training."""
    if rule not in (Rule.EQUAL, Rule.EXPOSURE):
        return {}
    seen = {work: events for work, events in sorted(exposure.events.items()) if events > 0}
    return dict.fromkeys(seen, 1) if rule == Rule.EQUAL else seen


def _weigh_training(
    weights: _Weights, pot: Pot, splits: Mapping[str, Split], territory: str, inputs: Inputs
) -> None:
    """Weights of the licensed works: those in the public domain need no licence and take no part."""
    basis = _training_basis(pot.rule, inputs.exposure)
    licensed = {work: value for work, value in basis.items() if work not in inputs.public_domain}
    total, evidence = sum(licensed.values()), inputs.exposure.digest
    for work, value in licensed.items():
        for payee, share_ppm, *path in splits[work]:
            line = Line(str(pot.rule), "", territory, work, share_ppm, value, total, evidence, *path)
            weights.add(payee, line, value * share_ppm, _Cell())
