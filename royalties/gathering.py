"""What goes into a distribution of a period, and what comes out of it?

A run and a restatement gather the same things in the same way, so that a period that is restated comes to
what a fresh run would have given.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from royalties.counting import Changed, Counted, RateUse, count_usage
from royalties.digests import canonical_json, digest_rows
from royalties.distribution import Books, Distribution, check_distribution, distribute
from royalties.entitlement import Attribution, Inputs, UsageTotal
from royalties.errors import (
    AttributionRefusedError,
    LedgerError,
    NothingToDistributeError,
    UsageStoreError,
)
from royalties.money import PPM, in_range
from royalties.periods import Period
from royalties.policy import Measure, Policy
from royalties.rates import RateKind, read_rates
from royalties.right_books import read_other_shares
from royalties.shares import ShareBook, read_shares, works_of


@dataclass(frozen=True, slots=True)
class Gathered:
    """A period's usage with everything that decides how it is divided, and one digest for each of them."""

    period: Period
    policy: Policy
    inputs: Inputs
    usage: Sequence[UsageTotal]
    batches: Sequence[str]
    attributions: Mapping[str, Attribution]
    book: ShareBook
    digests: Mapping[str, str]
    changed: Sequence[Changed] = ()
    rates: Sequence[RateUse] = ()
    rates_known: int = 0
    others: Books = field(default_factory=dict)

    @property
    def recorded(self) -> str:
        """What is kept of the inputs: their digests, and the batches that the usage came in.

        Where usage was converted, also the number of the newest file of rates that was known.
        """
        known = {"rates_known": str(self.rates_known)} if self.rates else {}
        return canonical_json({**self.digests, **known, "batches": " ".join(self.batches)}).decode()


def gather(
    session: Session, period: Period, policy: Policy, inputs: Inputs, *, rates_known: int | None = None
) -> Gathered:
    """What goes into a distribution of the period by what is known now.

    Args:
        rates_known: convert by the rates as of this file of them, else as of the newest.

    Raises:
        NothingToDistributeError: there is no usage, or less revenue than refunds.
        CurrencyMismatchError: some usage is in another currency, and the policy names no rates.
        MissingRateError: a direct rate is missing.
        AttributionRefusedError: an attribution does not sum to 1,000,000 ppm.
    """
    counted = _count(session, period, policy, inputs, rates_known)
    usage = counted.totals
    _check_usage(usage, period)
    used = {total.generation for total in usage}
    attributions = {name: found for name, found in inputs.attributions.items() if name in used}
    _check_attributions(attributions)
    book = read_shares(usage, works_of(usage, inputs), policy, period, inputs)
    others = read_other_shares(usage, works_of(usage, inputs), policy, period, inputs)
    digests = _digest_inputs(usage, policy, attributions, inputs, book) | counted.digests
    digests |= {f"shares_{right}": _digest_shares(of) for right, of in others.items()}
    return Gathered(
        period,
        policy,
        inputs,
        usage,
        counted.batches,
        attributions,
        book,
        digests,
        counted.changed,
        counted.rates,
        counted.known,
        others,
    )


def _count(
    session: Session, period: Period, policy: Policy, inputs: Inputs, rates_known: int | None
) -> Counted:
    book = None
    if policy.rates:
        book = read_rates(session, period, policy.currency, RateKind(policy.rates), rates_known)
    by_listener = any(pot.usage is Measure.LISTENER for pot in policy.pots)
    if by_listener and inputs.usage_lines is None:
        raise UsageStoreError(
            "a pot is divided by listeners, and the folder of accepted lines, which name them, is not known"
        )
    listeners_in = inputs.usage_lines if by_listener else None
    return count_usage(session, period, policy.currency, book, listeners_in)


def divide(gathered: Gathered) -> Distribution:
    """The distribution of what was gathered.

    Raises:
        LedgerError: its sums do not hold.
    """
    g = gathered
    distribution = distribute(g.usage, g.policy, g.period, g.inputs, g.book, g.others)
    faults = check_distribution(distribution)
    if faults:
        raise LedgerError(f"the distribution of {g.period.name} does not add up: {'; '.join(faults)}")
    return distribution


def folder_run(recorded: str) -> str:
    """The run in a folder that a run was posted from; "" for one that was divided here."""
    return str(json.loads(recorded).get("bulk", ""))


def changed_inputs(recorded: str, digests: Mapping[str, str]) -> list[str]:
    """Which of the inputs are others than those on record."""
    before = json.loads(recorded)
    gone = ["rates"] if "rates" in before and "rates" not in digests else []
    return [name for name, digest in digests.items() if before.get(name) != digest] + gone


def rates_known(recorded: str) -> int | None:
    """The number of the newest file of rates that was known, where usage was converted."""
    known = json.loads(recorded).get("rates_known")
    return None if known is None else int(known)


def _check_usage(usage: Sequence[UsageTotal], period: Period) -> None:
    if not usage:
        raise NothingToDistributeError(f"{period.name} has no usage: import it first")
    gross_minor = in_range(sum(total.revenue_minor for total in usage))
    if gross_minor < 0:
        message = f"the refunds of {period.name} exceed its revenue by {-gross_minor} minor units"
        raise NothingToDistributeError(f"{message}; distribute them with a later period")


def _check_attributions(attributions: Mapping[str, Attribution]) -> None:
    for name, found in attributions.items():
        parts = (*found.shares_ppm.values(), found.unattributed_ppm)
        if any(type(part) is not int or part < 0 for part in parts) or sum(parts) != PPM:
            raise AttributionRefusedError(
                f"the attribution of {name} sums to {sum(parts)}; expected integers of at least 0 that sum "
                "to 1,000,000 ppm together with the unattributed part"
            )


def _digest_inputs(
    usage: Sequence[UsageTotal],
    policy: Policy,
    attributions: Mapping[str, Attribution],
    inputs: Inputs,
    book: ShareBook,
) -> dict[str, str]:
    """One digest for each thing that decides a run, so that a refusal can name what changed."""
    works = works_of(usage, inputs)
    return {
        "usage": digest_rows(
            (u.generation, u.territory, str(u.used_on), u.units, u.revenue_minor, *_listened(u))
            for u in usage
        ),
        "policy": policy.digest,
        "attributions": digest_rows(
            (name, found.digest, found.reliability, found.unattributed_ppm, work, ppm)
            for name, found in sorted(attributions.items())
            for work, ppm in (*sorted(found.shares_ppm.items()), ("", 0))
        ),
        "exposure": digest_rows([(inputs.exposure.digest,), *sorted(inputs.exposure.events.items())]),
        "public_domain": digest_rows((work,) for work in sorted(inputs.public_domain & works)),
        "shares": _digest_shares(book),
    }


def _listened(total: UsageTotal) -> tuple[int, ...]:
    """The money of listeners, where a policy asks for it."""
    return (total.listened_micro,) if total.listened_micro else ()


def _digest_shares(book: ShareBook) -> str:
    epochs = [
        digest_rows(
            (work, part.payee.account, part.share_ppm, *(claim if any(claim) else ()))
            for work, split in sorted(splits.items())
            for part in split
            # a role divides nothing; what is empty is left out, so that plain splits keep their digest
            for claim in [(part.on_behalf_of, part.agreement)]
        )
        for splits in book.epochs
    ]
    return digest_rows(
        (place, str(on), epochs[epoch]) for (place, on), epoch in sorted(book.epoch_of.items())
    )
