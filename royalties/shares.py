"""Who has which part of a work's money on a day and in a territory, and what of it has no clear owner?

The way is: the owners by their shares; what is in dispute of them is frozen; of the rest of each share, those
who collect it keep their commissions and the owner has what is left. A split is the result, a tuple of `Part`
whose `share_ppm` sum to 1,000,000. The first two fields of a part are its payee and its ppm, the other three
go as they are to the end of a `Line`: `for payee, share_ppm, *path in split` and `Line(..., *path)`. A payee
may have several parts of a work, such as its own share and a commission, or commissions for two owners: they
are told apart by `on_behalf_of` and `agreement`, and are lines of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from royalties.chains import Claims, ClaimsBook, chain_parts, freeze
from royalties.entitlement import Inputs, Payee, PayeeKind, SuspenseReason, UsageTotal, suspense
from royalties.money import PPM, allocate_minor
from royalties.periods import Period
from royalties.policy import Policy

SHARE_TOLERANCE_PPM = 600
"""Shares that sum to within 0.06 points of the whole are the whole. Source: CWR 2.2, NWR edit rules."""

NO_CLAIMS = Claims()


class Part(NamedTuple):
    """A part of one work's money.

    Args:
        share_ppm: of the whole work, more than 0.
        role: what the payee is to the work, such as `composer`, or for whom it collects: `administrator`,
            `sub_publisher`; empty where that is not known.
        on_behalf_of: the owner for whom the payee collects, or of whose share a part is in dispute; empty for
            an owner's own part.
        agreement: the id of the mandate by which it collects, or by which it is collected for; of what is
            frozen, the id of the dispute.
    """

    payee: Payee
    share_ppm: int
    role: str = ""
    on_behalf_of: str = ""
    agreement: str = ""


Split = tuple[Part, ...]
"""The parts of one work, whose shares sum to 1,000,000."""


def split_work(
    work: str,
    shares: Sequence[tuple[str, int]],
    claims: Claims = NO_CLAIMS,
    roles: Mapping[str, str] | None = None,
) -> Split:
    """A work's payees, with what is missing, disputed or claimed too much in suspense.

    Shares within the tolerance are scaled to the whole by largest remainder; an overclaim suspends the whole
    work, a gap suspends the gap only, a dispute what is in dispute.

    Args:
        shares: (party, share_ppm) of the owners.
        claims: the mandates and disputes that hold for the use.
        roles: what each owner is to the work.
    """
    total_ppm = sum(share_ppm for _, share_ppm in shares)
    if total_ppm <= 0 or any(share_ppm < 0 for _, share_ppm in shares):
        return (Part(suspense(SuspenseReason.UNIDENTIFIED_OWNER, work), PPM),)
    if total_ppm > PPM + SHARE_TOLERANCE_PPM:
        return (Part(suspense(SuspenseReason.SHARE_OVERCLAIM, work), PPM),)
    merged: dict[str, int] = {}
    for party, share_ppm in shares:
        merged[party] = merged.get(party, 0) + share_ppm
    if total_ppm >= PPM - SHARE_TOLERANCE_PPM:
        merged = allocate_minor(PPM, merged)
        gap: Split = ()
    else:
        gap = (Part(suspense(SuspenseReason.SHARE_GAP, work), PPM - total_ppm),)
    return _payees(work, merged, claims, roles or {}) + gap


def _payees(work: str, owned: Mapping[str, int], claims: Claims, roles: Mapping[str, str]) -> Split:
    """The parts of what is owned: of each owner's share what is frozen, and who has the rest."""
    left, frozen = dict(owned), []
    for dispute, party, ppm in freeze(owned, claims.disputes.get(work, ())):
        left[party] -= ppm
        frozen.append(Part(suspense(SuspenseReason.DISPUTE, work), ppm, "", party, dispute.id))
    parts = [
        Part(Payee(PayeeKind.PARTY, party), ppm, role if behalf else roles.get(party, role), behalf, mandate)
        for owner, owner_ppm in sorted(left.items())
        if owner_ppm
        for party, ppm, role, behalf, mandate in chain_parts(work, owner, owner_ppm, claims)
    ]
    return (*parts, *frozen)


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
    roles = inputs.roles_of(owned, policy.right)
    claims_book = ClaimsBook(policy.right, inputs.mandates, inputs.disputes)
    epoch_of: dict[tuple[str, date], int] = {}
    epochs: list[Mapping[str, Split]] = []
    answers: list[tuple[Mapping[str, Sequence[tuple[str, int]]], Claims, int]] = []
    for territory, on in sorted(places):
        answer = inputs.shares_on(owned, policy.right, on, territory)
        claims = claims_book.at(territory, on)
        epoch = next((number for known, by, number in answers if by is claims and known == answer), None)
        if epoch is None:
            splits = {
                work: split_work(work, sorted(answer.get(work, ())), claims, roles.get(work))
                for work in owned
            }
            if splits not in epochs:
                epochs.append(splits)
            epoch = epochs.index(splits)
            answers.append((answer, claims, epoch))
        epoch_of[territory, on] = epoch
    return ShareBook(epoch_of, tuple(epochs))


def works_of(usage: Iterable[UsageTotal], inputs: Inputs) -> set[str]:
    """The works that a distribution of this usage can touch."""
    works = set(inputs.exposure.events)
    for generation in {total.generation for total in usage}:
        if generation in inputs.attributions:
            works |= set(inputs.attributions[generation].shares_ppm)
    return works
