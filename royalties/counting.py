"""What was used in a period, by which generations, and for how much of the currency that is paid?

Most usage is counted as it was reported. Usage in another currency is converted, and usage of what was
released elsewhere (an ISRC, another's id) is that of the generation behind it, if anybody has said which:
both are kept beside what was reported.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from royalties.converting import Exact, convert_exact, round_together
from royalties.digests import digest_rows
from royalties.entitlement import UsageTotal
from royalties.errors import CurrencyMismatchError, MissingRateError
from royalties.listening import listened_micro
from royalties.money import in_range
from royalties.periods import Period
from royalties.rates import Rate, RateBook, missing_text
from royalties.releases import has_releases, read_resolver
from royalties.tables import UsageTotalRow
from royalties.usage_tables import ReleasedGeneration

Resolver = Callable[[str, date], str]


class Reported(NamedTuple):
    """What usage is summed by, in the words of those who reported it."""

    reported_as: str
    territory: str
    service: str
    use_type: str
    used_on: date
    currency: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Usage that counts otherwise than it was reported: as that of another id, or in another currency."""

    reported: Reported
    generation: str
    units: int
    original_minor: int
    revenue_minor: int
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class RateUse:
    """What was converted by a rate, and what it came to."""

    number: int
    rate: Rate
    original_minor: int
    converted_minor: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The usage of a period in the currency that is paid, and the batches that it comes from.

    `known` is the number of the newest file of rates that was looked at, 0 where nothing was converted.
    """

    totals: tuple[UsageTotal, ...]
    batches: tuple[str, ...]
    changed: tuple[Changed, ...] = ()
    rates: tuple[RateUse, ...] = ()
    known: int = 0

    @property
    def digests(self) -> dict[str, str]:
        """What decides a run beside the totals, and only where there is something."""
        if not self.rates:
            return {}
        rows = (
            (r.currency_from, r.currency_to, str(r.kind), str(r.on), r.digits, r.decimals, r.source, original)
            for r, original in ((use.rate, use.original_minor) for use in self.rates)
        )
        return {"rates": digest_rows(rows)}


def count_usage(
    session: Session,
    period: Period,
    currency: str,
    book: RateBook | None = None,
    listeners_in: Path | None = None,
) -> Counted:
    """The usage of a period, summed over services and uses.

    Args:
        book: the rates by which usage in other currencies is converted; without it there may be none.
        listeners_in: the folder of accepted lines, if the money of listeners is wanted too.

    Raises:
        CurrencyMismatchError: some usage is in another currency, and no rates are named.
        MissingRateError: a direct rate is missing; every one is named.
        UsageStoreError: the lines of a batch are missing or were changed.
    """
    foreign = _foreign(session, period, currency, book)
    special = _read_special(session, period, currency) if foreign or has_releases(session) else {}
    batches = _batches(session, period)
    resolve = read_resolver(session, {reported.reported_as for reported in special})
    changed = _convert(special, currency, book, resolve)
    sums = _read_plain(session, period, currency)
    for each in changed:
        entry = sums.setdefault((each.generation, each.reported.territory, each.reported.used_on), [0, 0, 0])
        entry[0] += each.units
        entry[1] += each.revenue_minor
    if listeners_in is not None:
        for key, micro in _listened(session, listeners_in, batches, period, currency, book).items():
            sums[key][2] += micro
    return Counted(
        totals=tuple(
            UsageTotal(*key, in_range(units), in_range(minor), micro)
            for key, (units, minor, micro) in sorted(sums.items())
        ),
        batches=tuple(batches),
        changed=changed,
        rates=_rate_uses(changed),
        known=book.known if book is not None and any(each.rate for each in changed) else 0,
    )


def _within(period: Period) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    row = UsageTotalRow
    return row.used_on >= period.starts_on, row.used_on < period.ends_before_on


def _batches(session: Session, period: Period) -> list[str]:
    query = select(UsageTotalRow.batch_id).where(*_within(period)).distinct()
    return sorted(session.execute(query).scalars())


def _foreign(session: Session, period: Period, currency: str, book: RateBook | None) -> list[str]:
    """The other currencies of the period's usage; none may be there without rates."""
    row = UsageTotalRow
    query = select(row.currency).where(*_within(period), row.currency != currency).distinct()
    foreign = sorted(session.execute(query).scalars())
    if foreign and book is None:
        raise CurrencyMismatchError(
            f"{period.name} has usage in {', '.join(foreign)}, the policy pays in {currency} and names no "
            "rates: add 'rates = \"period_average\"' (or period_end, day) to the policy and import the rates "
            f"{', '.join(f'{each}/{currency}' for each in foreign)} with 'contrafact royalties rates FILE'"
        )
    return foreign


def _read_plain(session: Session, period: Period, currency: str) -> dict[tuple[str, str, date], list[int]]:
    """The usage that is counted as it was reported."""
    row = UsageTotalRow
    query = select(row.generation_id, row.territory, row.used_on, row.units, row.revenue_minor).where(
        *_within(period), row.currency == currency
    )
    if has_releases(session):
        query = query.where(row.generation_id.not_in(select(ReleasedGeneration.reported_as)))
    sums: dict[tuple[str, str, date], list[int]] = {}
    for generation, territory, used_on, units, revenue_minor in session.execute(query):
        entry = sums.setdefault((generation, territory, used_on), [0, 0, 0])
        entry[0] += units
        entry[1] += revenue_minor
    return sums


def _read_special(session: Session, period: Period, currency: str) -> dict[Reported, list[int]]:
    """Units and revenue of all other usage, in a stable order."""
    row = UsageTotalRow
    released = row.generation_id.in_(select(ReleasedGeneration.reported_as))
    query = select(
        row.generation_id, row.territory, row.service, row.use_type, row.used_on, row.currency, row.units,
        row.revenue_minor,
    ).where(*_within(period), (row.currency != currency) | released)  # fmt: skip
    sums: dict[Reported, list[int]] = {}
    for each in session.execute(query):
        entry = sums.setdefault(Reported(*each[:6]), [0, 0])
        entry[0] += each.units
        entry[1] += each.revenue_minor
    return dict(sorted(sums.items()))


def _convert(
    special: Mapping[Reported, Sequence[int]], currency: str, book: RateBook | None, resolve: Resolver
) -> tuple[Changed, ...]:
    rates = _find_rates(((key.currency, key.used_on) for key in special), currency, book)
    exact: dict[str, dict[Reported, Exact]] = {}
    for key, (_, original_minor) in special.items():
        rate = rates.get((key.currency, key.used_on))
        if rate is not None:
            exact.setdefault(key.currency, {})[key] = convert_exact(original_minor, rate)
    converted = {key: minor for amounts in exact.values() for key, minor in round_together(amounts).items()}
    return tuple(
        Changed(
            reported=key,
            generation=resolve(key.reported_as, key.used_on),
            units=in_range(units),
            original_minor=in_range(original_minor),
            revenue_minor=in_range(converted.get(key, original_minor)),
            rate=rates.get((key.currency, key.used_on)),
        )
        for key, (units, original_minor) in special.items()
    )


def _find_rates(
    needed: Iterable[tuple[str, date]], currency: str, book: RateBook | None
) -> dict[tuple[str, date], Rate]:
    """The rate for each currency and day of usage.

    Raises:
        MissingRateError: some are missing.
    """
    wanted = sorted({(code, day) for code, day in needed if code != currency})
    if not wanted:
        return {}
    assert book is not None, "usage in other currencies was refused without rates"
    found = {each: book.find(*each) for each in wanted}
    missing = [each for each, rate in found.items() if rate is None]
    if missing:
        raise MissingRateError(wanted[0][1].strftime("%Y-%m"), missing_text(missing, book))
    return {each: rate for each, rate in found.items() if rate is not None}


def _rate_uses(changed: Sequence[Changed]) -> tuple[RateUse, ...]:
    sums: dict[Rate, list[int]] = {}
    for each in changed:
        if each.rate is not None:
            entry = sums.setdefault(each.rate, [0, 0])
            entry[0] += each.original_minor
            entry[1] += each.revenue_minor
    return tuple(
        RateUse(number, rate, in_range(original), in_range(converted))
        for number, (rate, (original, converted)) in enumerate(sorted(sums.items()), start=1)
    )


def _listened(
    session: Session,
    folder: Path,
    batches: Sequence[str],
    period: Period,
    currency: str,
    book: RateBook | None,
) -> dict[tuple[str, str, date], int]:
    """The money of listeners by what they used, in millionths of a minor unit of the currency that is paid.

    What was paid in another currency is converted by the same rates, and rounded in the same way.
    """
    by_currency: dict[str, dict[tuple[str, str, date], int]] = {}
    for generation, territory, used_on, code, micro in listened_micro(session, folder, batches, period):
        by_currency.setdefault(code, {})[generation, territory, used_on] = micro
    names = {name for each in by_currency.values() for name, _, _ in each}
    resolve = read_resolver(session, names)
    needed = ((code, key[2]) for code, each in by_currency.items() for key in each)
    rates = _find_rates(needed, currency, book)
    sums: dict[tuple[str, str, date], int] = {}
    for code, amounts in sorted(by_currency.items()):
        if code != currency:
            exact = {key: convert_exact(micro, rates[code, key[2]]) for key, micro in amounts.items()}
            amounts = round_together(exact)
        for (name, territory, used_on), micro in amounts.items():
            key = (resolve(name, used_on), territory, used_on)
            sums[key] = sums.get(key, 0) + micro
    return sums
