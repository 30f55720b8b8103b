"""Who owns a work's money on a day and in a territory, and what of it has no clear owner?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from royalties.entitlement import Inputs, Payee, PayeeKind, SuspenseReason, UsageTotal, suspense
from royalties.money import PPM, allocate_minor
from royalties.periods import Period
from royalties.policy import Policy

SHARE_TOLERANCE_PPM = 600
"""Shares that sum to within 0.06 points of the whole are the whole. Source: CWR 2.2, NWR edit rules."""

Split = tuple[tuple[Payee, int], ...]
"""The (payee, share_ppm) of one work, whose shares sum to 1,000,000."""


def split_work(work: str, shares: Sequence[tuple[str, int]]) -> Split:
    """A work's owners, with what is missing or claimed too much in suspense.

    Shares within the tolerance are scaled to the whole by largest remainder; an overclaim suspends the whole
    work, a gap suspends the gap only.
    """
    total_ppm = sum(share_ppm for _, share_ppm in shares)
    if total_ppm <= 0 or any(share_ppm < 0 for _, share_ppm in shares):
        return ((suspense(SuspenseReason.UNIDENTIFIED_OWNER, work), PPM),)
    if total_ppm > PPM + SHARE_TOLERANCE_PPM:
        return ((suspense(SuspenseReason.SHARE_OVERCLAIM, work), PPM),)
    merged: dict[str, int] = {}
    for party, share_ppm in shares:
        merged[party] = merged.get(party, 0) + share_ppm
    if total_ppm >= PPM - SHARE_TOLERANCE_PPM:
        merged = allocate_minor(PPM, merged)
        gap: Split = ()
    else:
        gap = ((suspense(SuspenseReason.SHARE_GAP, work), PPM - total_ppm),)
    owners = tuple((Payee(PayeeKind.PARTY, party), ppm) for party, ppm in sorted(merged.items()) if ppm)
    return owners + gap


@dataclass(frozen=True, slots=True)
class ShareBook:
    """The splits in force, with days that have the same splits in a territory kept as one epoch."""

    epoch_of: Mapping[tuple[str, date], int]
    epochs: tuple[Mapping[str, Split], ...]

    def at(self, territory: str, on: date) -> Mapping[str, Split]:
        """The split of each work in a territory on a day."""
        return self.epochs[self.epoch_of[territory, on]]


def read_shares(
    usage: Iterable[UsageTotal], works: Iterable[str], policy: Policy, period: Period, inputs: Inputs
) -> ShareBook:
    """The shares of all works on every day and in every territory that the distribution needs."""
    places = {(total.territory, total.used_on) for total in usage}
    places.add((policy.territory, period.last_day_on))
    owned = sorted(set(works) - inputs.public_domain)
    epoch_of: dict[tuple[str, date], int] = {}
    epochs: list[Mapping[str, Split]] = []
    answers: list[tuple[Mapping[str, Sequence[tuple[str, int]]], int]] = []
    for territory, on in sorted(places):
        answer = inputs.shares_on(owned, policy.right, on, territory)
        epoch = next((number for known, number in answers if known == answer), None)
        if epoch is None:
            splits = {work: split_work(work, sorted(answer.get(work, ()))) for work in owned}
            if splits not in epochs:
                epochs.append(splits)
            epoch = epochs.index(splits)
            answers.append((answer, epoch))
        epoch_of[territory, on] = epoch
    return ShareBook(epoch_of, tuple(epochs))


def works_of(usage: Iterable[UsageTotal], inputs: Inputs) -> set[str]:
    """The works that a distribution of this usage can touch."""
    works = set(inputs.exposure.events)
    for generation in {total.generation for total in usage}:
        if generation in inputs.attributions:
            works |= set(inputs.attributions[generation].shares_ppm)
    return works
