"""Which months does the campaign of conservation distribute? Random ones, the same for the same seed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from royalties.entitlement import Attribution, Inputs
from royalties.movements import Movement, MovementKind
from royalties.policy import Policy, parse_policy
from royalties.runs import make_exposure

PPM = 1_000_000
TERRITORIES = ("DE", "FR", "SE", "US")
SERVICES = ("Example Stream", "Example Radio")
ELSEWHERE = ("fund:research", "provider", "suspense")
FEES = (1, 7, 12_345, 10**6, 10**8)
VERDICTS = ("influence", "exposure")
SUMS = ((500_000, 500_000), (333_333, 666_667), (333_300, 666_600), (300_000, 200_000), (900_000, 300_000))
"""How two owners share a work: exactly, within the tolerance, with a gap, with too much claimed."""

PAYEES = tuple(f"party_{number}" for number in range(1, 10))
HELD = ('held_by = "compliance"', "held_on = 2026-10-09")
SharesOfWork = Mapping[str, Sequence[tuple[str, int]]]


@dataclass(frozen=True)
class Month:
    """A month's usage lines, and all that divides its money."""

    lines: tuple[Mapping[str, object], ...]
    policy: Policy
    inputs: Inputs


def a_month(seed: int) -> Month:
    """A random month; its shares change in the middle of it, in one territory."""
    chance = random.Random(f"month {seed}")
    works = [f"work_{number}" for number in range(chance.randint(1, 12))]
    policy = _parsed(_plain(chance) if chance.random() < 0.4 else _rich(chance))
    return Month(_lines(chance, seed), policy, _inputs(chance, works))


def later_known(month: Month, seed: int) -> Month:
    """The same month as it may look when more is known: refunds and late usage, other shares."""
    chance = random.Random(f"later {seed}")
    works = sorted(month.inputs.exposure.events)
    late = [
        dict(line) | {"line_id": f"late {line['line_id']}", "revenue_minor": -int(str(line["revenue_minor"]))}
        for line in month.lines
        if chance.random() < 0.2
    ]
    inputs = month.inputs
    if chance.random() < 0.7:
        inputs = replace(inputs, shares_on=_shares(chance, works))
    if chance.random() < 0.5:
        inputs = replace(inputs, attributions=_attributions(chance, works))
    return Month(tuple(late), month.policy, inputs)


def some_terms(seed: int) -> bytes:
    """The random terms of some of the payees, as a file."""
    chance = random.Random(f"terms {seed}")
    return "\n".join(['version = "1"', 'currency = "EUR"', *_each_terms(chance)]).encode()


def some_advances(seed: int) -> list[Movement]:
    """What some payees were advanced before the month's end."""
    chance = random.Random(f"advances {seed}")
    return [
        Movement(MovementKind.ADVANCE, payee, chance.randint(1, 10**8), "EUR", date(2026, 10, 5))
        for payee in PAYEES
        if chance.random() < 0.3
    ]


def _each_terms(chance: random.Random) -> Iterator[str]:
    for payee in PAYEES:
        if payee == PAYEES[0] or chance.random() < 0.5:
            yield f'[[payees]]\nparty = "{payee}"'
            yield f'cross_collateral = "group-{chance.randint(1, 3)}"'
            yield f"reserve_ppm = {chance.choice((0, 100_000, 333_333))}\nrelease_after_periods = 1"
            yield f'residence = "US"\nwithholding_ppm = {chance.choice((0, 150_000, 300_000))}'
            yield 'withholding_basis = "as invented here"'
            yield f"threshold_minor = {chance.choice((0, 5_000))}\npay_out_after_periods = 2"
            yield f'payee_data = "{chance.choice(("complete", "missing"))}"'
            yield from chance.choice(
                ([], ['not_recoupable = [{pot = "training"}]'], ['hold = "sanctions"', *HELD])
            )


def write_lines(lines: Sequence[Mapping[str, object]], path: Path) -> Path:
    """The lines as a usage file in Parquet."""
    pl.DataFrame(lines).write_parquet(path)
    return path


def _lines(chance: random.Random, seed: int) -> tuple[Mapping[str, object], ...]:
    highest = 10 ** chance.randint(1, 10)
    return tuple(
        {
            "line_id": f"{seed}-{number}",
            "generation": f"gen_{chance.randint(0, 5)}",
            "territory": chance.choice(TERRITORIES),
            "service": chance.choice(SERVICES),
            "use_type": "OnDemandStream",
            "used_on": date(2026, 10, chance.randint(1, 31)),
            "units": chance.randint(0, 1_000),
            "revenue_minor": chance.randint(0, highest),
            "currency": "EUR",
            "listener": f"listener {chance.randint(1, 9)}" if chance.random() < 0.8 else None,
        }
        for number in range(chance.randint(1, 60))
    )


def _inputs(chance: random.Random, works: Sequence[str]) -> Inputs:
    return Inputs(
        attributions=_attributions(chance, works),
        exposure=make_exposure({work: chance.randint(0, 10_000) for work in works}),
        shares_on=_shares(chance, works),
        public_domain=frozenset(work for work in works if chance.random() < 0.1),
    )


def _attributions(chance: random.Random, works: Sequence[str]) -> dict[str, Attribution]:
    found = {}
    for number in range(chance.randint(0, 5)):
        weights = [chance.randint(0, 1_000) for _ in range(len(works) + 1)]
        whole = sum(weights) or 1
        shares = {work: weight * PPM // whole for work, weight in zip(works, weights, strict=False)}
        name = f"gen_{number}"
        rest_ppm = PPM - sum(shares.values())
        digest = f"digest {chance.getrandbits(32)}"
        found[name] = Attribution(name, shares, rest_ppm, chance.choice(VERDICTS), digest)
    return found


def _shares(chance: random.Random, works: Sequence[str]):
    tables: list[dict[str, list[tuple[str, int]]]] = [{}, {}]
    for table in tables:
        for work in works:
            owners = ("party_1", f"party_{chance.randint(2, 9)}")
            table[work] = list(zip(owners, chance.choice(SUMS), strict=True)) if chance.random() < 0.9 else []

    def shares_on(asked: Sequence[str], _right: object, on: date, territory: str) -> SharesOfWork:
        table = tables[on.day > 15 and territory == "DE"]
        return {work: table[work] for work in asked if table[work]}

    return shares_on


def _parsed(text: str) -> Policy:
    policy, findings = parse_policy(text.encode())
    assert policy is not None, findings
    return policy


def _head(chance: random.Random) -> str:
    return f"""
        name = "campaign"
        version = "1"
        currency = "EUR"
        territory = "SE"
        deductions_ppm = {chance.randint(0, 500_000)}
        threshold_minor = {chance.choice((0, 1_000, 100_000))}
        """


def _plain(chance: random.Random) -> str:
    """A policy of one pool with a training pot and an output pot."""
    return f"""{_head(chance)}
        pool_rate_ppm = {chance.randint(0, PPM)}
        unattributed = "{chance.choice(("pot:training", *ELSEWHERE))}"
        public_domain = "{chance.choice(("pot:training", *ELSEWHERE))}"
        {_pots(chance, "pots", "training", "")}
        """


def _rich(chance: random.Random) -> str:
    """A policy of pools for one to three rights, with whatever else a policy can say."""
    rights = chance.sample(("mechanical", "performing", "master"), chance.randint(1, 3))
    unit = chance.choice((1, 1, 7, 100))
    pools = (_pool(chance, right, PPM // len(rights), unit) for right in rights)
    return f"{_head(chance)}\nrounding_unit_minor = {unit}\n" + "".join(pools)


def _pool(chance: random.Random, right: str, most_ppm: int, unit: int) -> str:
    training = f"training-{right}"
    public_domain = f'public_domain = "{chance.choice((f"pot:{training}", *ELSEWHERE))}"'
    return f"""
        [[pools]]
        right = "{right}"
        pool_rate_ppm = {chance.randint(0, most_ppm)}
        unattributed = "{chance.choice((f"pot:{training}", *ELSEWHERE))}"
        {public_domain if right != "master" else ""}
        {_minimum(chance, unit)}
        {_pots(chance, "pools.pots", training, f"-{right}")}
        {_fee(chance, right)}
        """


def _minimum(chance: random.Random, unit: int) -> str:
    """A minimum of the pool, and one of works or licensors where payees get whole minor units."""
    fields = [f"per_period_minor = {chance.choice(FEES)}", f"per_use_micro = {chance.choice(FEES)}"]
    chosen = chance.sample(fields, chance.randint(0, 2))
    if unit == 1 and chance.random() < 0.5:
        of = chance.choice(("work", "licensor"))
        chosen += [f"per_{of}_minor = {chance.choice(FEES)}"]
        chosen += [f'top_up = "{chance.choice(("provider", "pro_rata"))}"']
    return f"minimum = {{ {', '.join(chosen)} }}" if chosen else ""


def _pots(chance: random.Random, table: str, training: str, suffix: str) -> str:
    training_ppm = chance.randint(1, PPM - 1)
    blend = f"blend = {{ influence = {chance.randint(1, PPM)}, exposure = {chance.randint(0, PPM)} }}"
    return f"""
        [[{table}]]
        name = "{training}"
        share_ppm = {training_ppm}
        rule = "{chance.choice(("equal", "exposure"))}"
        [[{table}]]
        name = "output{suffix}"
        share_ppm = {PPM - training_ppm}
        rule = "attribution"
        fallback = "{chance.choice(("equal", "exposure", "suspense"))}"
        usage = "{chance.choice(("revenue", "units", "listener"))}"
        {blend if chance.random() < 0.5 else ""}
        """


def _fee(chance: random.Random, right: str) -> str:
    if chance.random() < 0.6:
        return ""
    return f"""
        [[pools.pots]]
        name = "fee-{right}"
        rule = "fixed"
        fee_minor = {chance.choice(FEES)}
        paid_by = "{chance.choice(("pool", "provider"))}"
        """
