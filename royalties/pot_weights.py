"""How heavy is each line of a pot, exactly, and what does the pot give it?

Every weight is an integer. The proportions are what matters; the weights of one pot share their unit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from royalties.divided import Allocation
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
from royalties.policy_values import Destination, DestinationKind, Measure, Pool, PoolRight, Pot, Rule
from royalties.shares import Part, ShareBook, Split


@dataclass(slots=True)
class Cell:
    """The usage of one generation in one territory while its works had the same shares."""

    epoch: int = 0
    units: int = 0
    revenue_minor: int = 0
    listened_micro: int = 0

    def add(self, other: "Cell | UsageTotal") -> None:
        """Counts more usage in."""
        self.units += other.units
        self.revenue_minor += other.revenue_minor
        self.listened_micro += other.listened_micro


Cells = list[tuple[str, str, Cell]]
"""(generation, territory, usage), in the order of generation, territory and epoch."""

_MEASURES = {
    Measure.REVENUE: attrgetter("revenue_minor"),
    Measure.UNITS: attrgetter("units"),
    Measure.LISTENER: attrgetter("listened_micro"),
}


def cells_of(usage: Iterable[UsageTotal], book: ShareBook) -> Cells:
    """The usage by generation, territory and epoch of shares; the order of the usage does not matter."""
    cells: dict[tuple[str, str, int], Cell] = {}
    for total in usage:
        epoch = book.epoch_of[total.territory, total.used_on]
        cells.setdefault((total.generation, total.territory, epoch), Cell(epoch)).add(total)
    return [(key[0], key[1], cell) for key, cell in sorted(cells.items(), key=lambda item: item[0])]


class Weights:
    """Collects exact weights by payee and line, then divides a pot by them."""

    def __init__(self) -> None:
        self.by_payee: dict[Payee, dict[Line, list[int]]] = {}

    def add(self, payee: Payee, line: Line, weight: int, cell: Cell) -> None:
        """Adds to the weight of a line, and to the usage behind it."""
        entry = self.by_payee.setdefault(payee, {}).setdefault(line, [0, 0, 0])
        entry[0] += weight
        entry[1] += cell.units
        entry[2] += cell.revenue_minor

    def allocate(self, pot: Pot, amount_minor: int, unit_minor: int) -> list[Allocation]:
        """What each line gets of the pot; payees get multiples of the unit, and the rest waits."""
        if amount_minor == 0:
            return []
        if not self.by_payee:
            method = "no-usage" if pot.rule is Rule.ATTRIBUTION else "no-works"
            self.add(suspense(SuspenseReason.UNMATCHED_WORK, ""), Line(method), 1, Cell())
        totals = {payee: sum(e[0] for e in lines.values()) for payee, lines in self.by_payee.items()}
        steps, rest_minor = divmod(amount_minor, unit_minor)
        result = []
        for payee, payee_steps in allocate_minor(steps, totals).items():
            if payee_steps == 0:
                continue
            lines = self.by_payee[payee]
            weights = {line: entry[0] for line, entry in lines.items()}
            parts = allocate_minor(payee_steps * unit_minor, weights)
            result += [
                Allocation(pot.name, payee, line, lines[line][1], lines[line][2], part)
                for line, part in parts.items()
                if part
            ]
        if rest_minor:
            payee = suspense(SuspenseReason.ROUNDING, pot.name)
            result.append(Allocation(pot.name, payee, Line("rounding"), 0, 0, rest_minor))
        return result


def free_works(pool: Pool, inputs: Inputs) -> frozenset[str]:
    """The works that need no licence of the pool's right; a recording of a free work is not free by that."""
    return frozenset() if pool.right is PoolRight.MASTER else inputs.public_domain


def works_seen(exposure: Exposure) -> dict[str, int]:
    """The works that the model saw in training, with how many events of each."""
    return {work: events for work, events in sorted(exposure.events.items()) if events > 0}


def licensed_works(pool: Pool, inputs: Inputs) -> list[str]:
    """The works trained on that need a licence of the pool's right."""
    free = free_works(pool, inputs)
    return [work for work in works_seen(inputs.exposure) if work not in free]


def _basis(rule: str, exposure: Exposure) -> dict[str, int]:
    """The weight of each work that the model saw; none under a rule that does not look at training."""
    if rule not in (Rule.EQUAL, Rule.EXPOSURE, Rule.FIXED):
        return {}
    seen = works_seen(exposure)
    return seen if rule == Rule.EXPOSURE else dict.fromkeys(seen, 1)


def weigh_training(
    pot: Pot, pool: Pool, splits: Mapping[str, Split], territory: str, inputs: Inputs
) -> Weights:
    """A pot for the licensed works: the weight of a line is basis x share_ppm.

    `basis` is 1 (equal, fixed) or the events that the model saw of the work (exposure), `basis_total` its sum
    over the licensed works.
    """
    weights, licensed = Weights(), set(licensed_works(pool, inputs))
    basis = {work: value for work, value in _basis(pot.rule, inputs.exposure).items() if work in licensed}
    total, evidence = sum(basis.values()), inputs.exposure.digest
    for work, value in basis.items():
        for part in splits[work]:
            payee, share_ppm, path = part[0], part[1], part[2:]
            line = Line(str(pot.rule), "", territory, work, share_ppm, value, total, evidence, *path)
            weights.add(payee, line, value * share_ppm, Cell())
    return weights


def weigh_output(pot: Pot, pool: Pool, cells: Cells, inputs: Inputs, book: ShareBook) -> Weights:
    """A pot for what generations leaned on; see `OutputPot`."""
    return OutputPot(pot, pool, inputs, book, _basis(pot.fallback, inputs.exposure)).weigh(cells)


def _destined(destination: Destination, what: str, reason: SuspenseReason) -> Payee:
    if destination.kind is DestinationKind.SUSPENSE:
        return suspense(reason, what)
    return Payee(PayeeKind.ACCOUNT, str(destination))


@dataclass(frozen=True, slots=True)
class OutputPot:
    """A pot by attribution.

    A cell's measure m is its revenue, its units or its listeners' money; cells with m <= 0 have no part. Of
    m, `trust` ppm go by attribution and PPM - `trust` by the fallback. With `events` of each work seen, 1 for
    each under an equal fallback, and `scale` their sum, 1 where there is none, the weights are

    - by attribution: m x trust x scale x the work's ppm x share_ppm; what no work can be given has the
      unattributed ppm and a share of PPM;
    - by the fallback: m x (PPM - trust) x events x PPM x share_ppm, with the cells of one territory, epoch
      and trust summed;
    - without attribution: m x PPM x scale x PPM x PPM, in suspense;
    - with nothing to fall back to: m x (PPM - trust) x scale x PPM x PPM, in suspense.
    """

    pot: Pot
    pool: Pool
    inputs: Inputs
    book: ShareBook
    basis: Mapping[str, int]

    @property
    def scale(self) -> int:
        """What the fallback's weights of works sum to."""
        return sum(self.basis.values()) or 1

    def weigh(self, cells: Cells) -> Weights:
        """The weights of every line."""
        weights, measure = Weights(), _MEASURES[self.pot.usage]
        unreliable: dict[tuple[str, int, int], Cell] = {}
        for generation, territory, cell in cells:
            if measure(cell) <= 0:
                continue
            found = self.inputs.attributions.get(generation)
            if found is None:
                payee = suspense(SuspenseReason.UNMATCHED_WORK, generation)
                line = Line("no-attribution", generation, territory)
                weights.add(payee, line, measure(cell) * PPM * self.scale * PPM * PPM, cell)
                continue
            trust = self.pot.trust_ppm(found.reliability)
            if trust:
                self._weigh_generation(weights, found, territory, cell, measure(cell) * trust, trust)
            if trust < PPM and self.basis:
                key = territory, cell.epoch, trust
                unreliable.setdefault(key, Cell(cell.epoch)).add(cell)
            elif trust < PPM:
                self._hold(weights, found, territory, cell, measure(cell) * (PPM - trust), trust)
        for (territory, _, trust), cell in unreliable.items():
            self._weigh_fallback(weights, territory, cell, measure(cell) * (PPM - trust), trust)
        return weights

    def _hold(
        self, weights: Weights, found: Attribution, territory: str, cell: Cell, amount: int, trust: int
    ) -> None:
        part, whole = (PPM - trust, PPM) if trust else (1, 1)
        payee = suspense(SuspenseReason.RESIDUAL_ATTRIBUTION, found.generation)
        line = Line("unreliable", found.generation, territory, "", PPM, part, whole, found.digest)
        weights.add(payee, line, amount * self.scale * PPM * PPM, cell)

    def _weigh_generation(
        self, weights: Weights, found: Attribution, territory: str, cell: Cell, amount: int, trust: int
    ) -> None:
        factor, digest = amount * self.scale, found.digest
        times, whole = (trust, PPM * PPM) if trust < PPM else (1, PPM)
        for work, ppm in found.shares_ppm.items():
            if ppm:
                for part in self._owners(work, cell):
                    payee, share_ppm, path = part[0], part[1], part[2:]
                    line = Line(
                        "attribution", found.generation, territory, work, share_ppm, ppm * times, whole,
                        digest, *path,
                    )  # fmt: skip
                    weights.add(payee, line, factor * ppm * share_ppm, cell)
        rest_ppm = found.unattributed_ppm
        if rest_ppm:
            reason = SuspenseReason.RESIDUAL_ATTRIBUTION
            payee = _destined(self.pool.unattributed, found.generation, reason)
            line = Line("unattributed", found.generation, territory, "", PPM, rest_ppm * times, whole, digest)
            weights.add(payee, line, factor * rest_ppm * PPM, cell)

    def _weigh_fallback(self, weights: Weights, territory: str, cell: Cell, amount: int, trust: int) -> None:
        method, evidence = f"{self.pot.fallback}-fallback", self.inputs.exposure.digest
        times, whole = (PPM - trust, PPM) if trust else (1, 1)
        for work, events in self.basis.items():
            for part in self._owners(work, cell):
                payee, share_ppm, path = part[0], part[1], part[2:]
                line = Line(
                    method,
                    "",
                    territory,
                    work,
                    share_ppm,
                    events * times,
                    self.scale * whole,
                    evidence,
                    *path,
                )
                weights.add(payee, line, amount * events * PPM * share_ppm, cell)

    def _owners(self, work: str, cell: Cell) -> Split:
        if work in free_works(self.pool, self.inputs):
            return (Part(_destined(self.pool.public_domain, work, SuspenseReason.RESERVE), PPM),)
        return self.book.epochs[cell.epoch][work]
