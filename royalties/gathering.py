"""What goes into a distribution of a period, and what comes out of it?

A run and a restatement gather the same things in the same way, so that a period that is restated comes to
what a fresh run would have given.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from royalties.digests import canonical_json, digest_rows
from royalties.distribution import Books, Distribution, check_distribution, distribute
from royalties.entitlement import Attribution, Inputs, UsageTotal
from royalties.errors import AttributionRefusedError, LedgerError, NothingToDistributeError
from royalties.money import PPM, in_range
from royalties.periods import Period
from royalties.policy import Policy
from royalties.right_books import read_other_shares
from royalties.shares import ShareBook, read_shares, works_of
from royalties.usage import read_totals


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
    others: Books = field(default_factory=dict)

    @property
    def recorded(self) -> str:
        """What is kept of the inputs: their digests, and the batches that the usage came in."""
        return canonical_json({**self.digests, "batches": " ".join(self.batches)}).decode()


def gather(session: Session, period: Period, policy: Policy, inputs: Inputs) -> Gathered:
    """What goes into a distribution of the period by what is known now.

    Raises:
        NothingToDistributeError: there is no usage, or less revenue than refunds.
        CurrencyMismatchError: some usage is in another currency than the policy.
        AttributionRefusedError: an attribution does not sum to 1,000,000 ppm.
    """
    usage, batches = read_totals(session, period, policy.currency)
    _check_usage(usage, period)
    used = {total.generation for total in usage}
    attributions = {name: found for name, found in inputs.attributions.items() if name in used}
    _check_attributions(attributions)
    book = read_shares(usage, works_of(usage, inputs), policy, period, inputs)
    others = read_other_shares(usage, works_of(usage, inputs), policy, period, inputs)
    digests = _digest_inputs(usage, policy, attributions, inputs, book)
    digests |= {f"shares_{right}": _digest_shares(of) for right, of in others.items()}
    return Gathered(period, policy, inputs, usage, batches, attributions, book, digests, others=others)


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


def changed_inputs(recorded: str, digests: Mapping[str, str]) -> list[str]:
    """Which of the inputs are others than those on record."""
    before = json.loads(recorded)
    return [name for name, digest in digests.items() if before.get(name) != digest]


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
            (u.generation, u.territory, str(u.used_on), u.units, u.revenue_minor) for u in usage
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
