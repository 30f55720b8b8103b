"""What do works and licensors lack to their minimums, and who pays it?

After the pots of a pool are divided, what a licensed work has is the sum of the lines that name it, suspense
included; what a licensor has is the sum of its lines. Whoever has less than the minimum lacks the difference.
It comes from the provider's part as far as that goes, or from those of the pool who have more, in proportion
to what they have above the minimum, so that nobody falls below it by giving. Where there is too little, each
gets a part in proportion to what it lacks. A top-up of a work is divided by its shares, each work by itself.
The top-ups are a pot of their own, `minimum-per-work:POOL` or `minimum-per-licensor:POOL`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from royalties.divided import Allocation, PotResult, Shortfall
from royalties.entitlement import Line, Payee, PayeeKind
from royalties.funding import as_far_as_it_goes
from royalties.money import PPM, allocate_minor
from royalties.policy_values import Pool, TopUp
from royalties.shares import Split


@dataclass(slots=True)
class Division:
    """The lines of a pool while it is divided, and what is left of the provider's part."""

    allocations: list[Allocation]
    provider_minor: int
    given_minor: int = 0
    passed_on: list[Allocation] = field(default_factory=list)
    pots: list[PotResult] = field(default_factory=list)
    shortfalls: list[Shortfall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Licence:
    """The licensed works of a pool with who is paid for them, where, and by which evidence."""

    works: Sequence[str]
    splits: Mapping[str, Split]
    territory: str
    evidence: str


Topped = Callable[[str, int, int, str, Licence], list[Allocation]]
"""(whom, part, minimum, pot, licence) to the lines of one top-up."""


def top_up(pool: Pool, division: Division, licence: Licence) -> None:
    """Tops up the pool's works and licensors, as its minimum says."""
    minimum = pool.minimum
    if minimum.per_work_minor:
        each_work = _Round("work", pool, minimum.per_work_minor, division)
        each_work.run(_work_of, licence.works, _of_work, licence)
    if minimum.per_licensor_minor:
        payees = {part[0] for work in licence.works for part in licence.splits[work]}
        parties = sorted(payee.id for payee in payees if payee.kind is PayeeKind.PARTY)
        each_licensor = _Round("licensor", pool, minimum.per_licensor_minor, division)
        each_licensor.run(_party_of, parties, _of_licensor, licence)


def _work_of(each: Allocation) -> str:
    return each.line.work


def _party_of(each: Allocation) -> str:
    return each.payee.id if each.payee.kind is PayeeKind.PARTY else ""


def _of_work(work: str, part_minor: int, minimum_minor: int, pot: str, licence: Licence) -> list[Allocation]:
    weights: dict[tuple[Payee, Line], int] = {}
    for part in licence.splits[work]:
        payee, share_ppm, path = part[0], part[1], part[2:]
        line = Line(
            "minimum-per-work", "", licence.territory, work, share_ppm, part_minor, minimum_minor,
            licence.evidence, *path,
        )  # fmt: skip
        weights[payee, line] = weights.get((payee, line), 0) + share_ppm
    return [
        Allocation(pot, payee, line, 0, 0, amount_minor)
        for (payee, line), amount_minor in allocate_minor(part_minor, weights).items()
        if amount_minor
    ]


def _of_licensor(
    party: str, part_minor: int, minimum_minor: int, pot: str, licence: Licence
) -> list[Allocation]:
    line = Line(
        "minimum-per-licensor", "", licence.territory, "", PPM, part_minor, minimum_minor, licence.evidence
    )
    return [Allocation(pot, Payee(PayeeKind.PARTY, party), line, 0, 0, part_minor)]


@dataclass(frozen=True, slots=True)
class _Round:
    """One minimum of a pool, for its works or its licensors."""

    what: str
    pool: Pool
    minimum_minor: int
    division: Division

    @property
    def pot(self) -> str:
        return f"minimum-per-{self.what}:{self.pool.name}"

    def run(
        self, named: Callable[[Allocation], str], guaranteed: Iterable[str], topped: Topped, licence: Licence
    ) -> None:
        division = self.division
        computed = dict.fromkeys(guaranteed, 0)
        for each in division.allocations:
            if named(each) in computed:
                computed[named(each)] += each.amount_minor
        lacks = {key: self.minimum_minor - has for key, has in computed.items() if has < self.minimum_minor}
        spare = {key: has - self.minimum_minor for key, has in computed.items() if has > self.minimum_minor}
        parts, own_minor, received_minor = self._pay(lacks, spare, named)
        missing_minor = sum(lacks.values()) - own_minor - received_minor
        if missing_minor:
            shortfall = Shortfall(f"minimum per {self.what} of pool {self.pool.name}", missing_minor)
            division.shortfalls.append(shortfall)
        division.pots.append(PotResult(self.pot, own_minor, received_minor, self.pool.name, is_minimum=True))
        for key, part_minor in parts.items():
            if part_minor:
                division.allocations += topped(key, part_minor, self.minimum_minor, self.pot, licence)

    def _pay(
        self, lacks: Mapping[str, int], spare: Mapping[str, int], named: Callable[[Allocation], str]
    ) -> tuple[dict[str, int], int, int]:
        """What each one gets, what of it the provider pays, and what others give up."""
        lacking_minor, division = sum(lacks.values()), self.division
        if self.pool.minimum.top_up is TopUp.PROVIDER:
            taken_minor = min(division.provider_minor, lacking_minor)
            division.provider_minor -= taken_minor
            division.given_minor += taken_minor
            return as_far_as_it_goes(taken_minor, lacks), taken_minor, 0
        taken_minor = min(sum(spare.values()), lacking_minor)
        self._take(as_far_as_it_goes(taken_minor, spare), named)
        return as_far_as_it_goes(taken_minor, lacks), 0, taken_minor

    def _take(self, gives: Mapping[str, int], named: Callable[[Allocation], str]) -> None:
        """Takes from each giver's lines in proportion to their amounts, and passes it on by pot."""
        division = self.division
        of_giver: dict[str, dict[int, int]] = {}
        for index, each in enumerate(division.allocations):
            if gives.get(named(each)):
                of_giver.setdefault(named(each), {})[index] = each.amount_minor
        cuts: dict[int, int] = {}
        passed: dict[tuple[str, str], int] = {}
        for giver, lines in of_giver.items():
            cuts |= allocate_minor(gives[giver], lines)
        for index, cut_minor in cuts.items():
            each = division.allocations[index]
            key = each.pot, each.line.work if self.what == "work" else ""
            passed[key] = passed.get(key, 0) + cut_minor
        kept = [
            replace(each, amount_minor=each.amount_minor - cuts.get(index, 0))
            for index, each in enumerate(division.allocations)
        ]
        division.allocations = [each for each in kept if each.amount_minor]
        target = Payee(PayeeKind.ACCOUNT, f"pot:{self.pot}")
        division.passed_on += [
            Allocation(pot, target, Line(f"to-minimum-per-{self.what}", "", "", work), 0, 0, amount_minor)
            for (pot, work), amount_minor in sorted(passed.items())
            if amount_minor
        ]
