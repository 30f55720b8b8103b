"""What was sold of the generations of a statement, where, and by which rates was some of it converted?"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from royalties.counting import RateUse
from royalties.periods import Period
from royalties.tables import DistributionRun, UsageTotalRow
from royalties.usage_kept import read_rate_uses, select_reported
from royalties.usage_tables import RunUsageRow


@dataclass(frozen=True, slots=True)
class Original:
    """What converted usage brought in its own currency, and by which of the statement's rates."""

    currency: str
    revenue_minor: int
    rates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What was sold of one of the statement's generations; `reported_as` is the name it had, if another."""

    generation: str
    territory: str
    service: str
    use_type: str
    units: int
    revenue_minor: int
    reported_as: str = ""
    original: Original | None = None


def read_usage(
    session: Session, run: DistributionRun, period: Period, used: Select[str]
) -> tuple[UsageLine, ...]:
    """The usage as it was reported, and what the run counted otherwise."""
    row = UsageTotalRow
    batches = json.loads(run.inputs)["batches"].split()
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    query = select(
        row.generation_id, row.territory, row.service, row.use_type, row.units, row.revenue_minor
    ).where(
        row.batch_id.in_(batches),
        row.generation_id.in_(used),
        row.generation_id.not_in(select_reported(run.id, run.currency)),
        row.currency == run.currency,
        row.used_on >= period.starts_on,
        row.used_on < period.ends_before_on,
    )
    for *key, units, revenue_minor in session.execute(query):
        entry = sums.setdefault((key[0], key[1], key[2], key[3]), [0, 0])
        entry[0] += units
        entry[1] += revenue_minor
    plain = [UsageLine(*key, units, minor) for key, (units, minor) in sums.items()]
    lines = (*plain, *_changed_usage(session, run, used))
    return tuple(
        sorted(lines, key=lambda line: (*_key(line), line.original.currency if line.original else ""))
    )


def _key(line: UsageLine) -> tuple[str, ...]:
    return line.generation, line.territory, line.service, line.use_type, line.reported_as


class _Place(NamedTuple):
    generation: str
    territory: str
    service: str
    use_type: str
    reported_as: str
    currency: str


def _changed_usage(session: Session, run: DistributionRun, used: Select[str]) -> list[UsageLine]:
    """What the run converted, or found under another name, in the places where it was used."""
    row = RunUsageRow
    sums: dict[_Place, list[int]] = {}
    rates: dict[_Place, set[int]] = {}
    query = select(row).where(row.run_id == run.id, row.generation_id.in_(used))
    for each in session.scalars(query):
        name = each.reported_as if each.reported_as != each.generation_id else ""
        place = _Place(each.generation_id, each.territory, each.service, each.use_type, name, each.currency)
        entry = sums.setdefault(place, [0, 0, 0])
        for at, amount in enumerate((each.units, each.revenue_minor, each.original_minor)):
            entry[at] += amount
        rates.setdefault(place, set()).update([each.rate_number] if each.rate_number else [])
    return [
        UsageLine(
            generation=place.generation,
            territory=place.territory,
            service=place.service,
            use_type=place.use_type,
            units=units,
            revenue_minor=revenue_minor,
            reported_as=place.reported_as,
            original=_original(place.currency, original_minor, rates[place]),
        )
        for place, (units, revenue_minor, original_minor) in sums.items()
    ]


def _original(currency: str, revenue_minor: int, rates: set[int]) -> Original | None:
    return Original(currency, revenue_minor, tuple(sorted(rates))) if rates else None


def read_rates_of(session: Session, run: DistributionRun, usage: Sequence[UsageLine]) -> tuple[RateUse, ...]:
    """The rates of the run by which usage of this statement was converted."""
    numbers = {number for line in usage if line.original for number in line.original.rates}
    if not numbers:
        return ()
    return tuple(use for use in read_rate_uses(session, run.id) if use.number in numbers)


def read_rates_by(session: Session, restatements: Collection[str]) -> dict[str, tuple[RateUse, ...]]:
    """The rates of those restatements that converted something."""
    found = {each: tuple(read_rate_uses(session, each)) for each in sorted(restatements)}
    return {each: uses for each, uses in found.items() if uses}
