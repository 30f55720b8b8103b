"""How is an owner's share divided between those who collect it and the owner?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from catalog.disputes import Dispute
from catalog.mandates import Mandate, chain_of
from catalog.vocabulary import Right
from royalties.money import PPM, allocate_minor

OWNER = "owner"
"""The role of an owner whose share others collect, where the catalogue knows no better word."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What stands beside the shares of a use: mandates by who gave them, disputes by work."""

    mandates: Mapping[str, Sequence[Mandate]] = field(default_factory=dict)
    disputes: Mapping[str, Sequence[Dispute]] = field(default_factory=dict)


def divide_chain(share_ppm: int, chain: Sequence[Mandate]) -> list[int]:
    """The parts of the owner and of each collector, in the order of the chain, summing to the share.

    Commissions are at source: the last collector keeps its commission of the share and passes on the rest,
    of which the one before keeps its own, and so on; the owner has what is left. One rounding, by largest
    remainder, ties to the owner first and then to who is nearer to the owner.

    Args:
        share_ppm: the owner's share of the work.
        chain: as `catalog.mandates.chain_of` has it, the owner's own mandate first.
    """
    weights = {}
    left = 1
    for place in range(len(chain), 0, -1):
        commission_ppm = chain[place - 1].commission_ppm
        weights[place] = left * commission_ppm * PPM ** (place - 1)
        left *= PPM - commission_ppm
    weights[0] = left
    parts = allocate_minor(share_ppm, weights)
    return [parts[place] for place in range(len(chain) + 1)]


@dataclass(slots=True)
class ClaimsBook:
    """Which mandates and disputes of a right hold for a use; asked for many days and territories."""

    right: Right
    mandates: Sequence[Mandate]
    disputes: Sequence[Dispute]
    _by_place: dict[str, tuple[list[Mandate], list[Dispute]]] = field(default_factory=dict)
    _kept: dict[tuple[str, ...], Claims] = field(default_factory=dict)

    def at(self, territory: str, on: date) -> Claims:
        """What holds in a territory on a day; the same object where the same holds."""
        if territory not in self._by_place:
            self._by_place[territory] = (
                [each for each in self.mandates if each.is_for(self.right, territory)],
                [each for each in self.disputes if each.is_for(self.right, territory)],
            )
        in_place, disputed = self._by_place[territory]
        mandates = [each for each in in_place if each.runs_on(on)]
        disputes = [each for each in disputed if each.runs_on(on)]
        key = (*(each.id for each in mandates), "", *(each.id for each in disputes))
        if key not in self._kept:
            self._kept[key] = _claims(mandates, disputes)
        return self._kept[key]


def _claims(mandates: Sequence[Mandate], disputes: Sequence[Dispute]) -> Claims:
    by_owner: dict[str, list[Mandate]] = {}
    for mandate in mandates:
        by_owner.setdefault(mandate.owner, []).append(mandate)
    by_work: dict[str, list[Dispute]] = {}
    for dispute in sorted(disputes, key=lambda each: each.id):
        by_work.setdefault(dispute.work, []).append(dispute)
    return Claims(by_owner, by_work)


def freeze(held_ppm: Mapping[str, int], disputes: Sequence[Dispute]) -> Iterator[tuple[Dispute, str, int]]:
    """What each dispute of a work freezes of whose share, none of 0, together never more than is held.

    Of several parties, each has a part frozen in proportion to what it holds. A party without a share, and
    what is in dispute beyond the parties' shares, freezes nothing.
    """
    left = dict(held_ppm)
    for dispute in disputes:
        held = {party: left.get(party, 0) for party in dispute.parties}
        if not any(held.values()):
            continue
        frozen = allocate_minor(min(dispute.share_ppm, sum(held.values())), held)
        for party, ppm in frozen.items():
            if ppm:
                left[party] -= ppm
                yield dispute, party, ppm


def chain_parts(
    work: str, owner: str, share_ppm: int, claims: Claims
) -> list[tuple[str, int, str, str, str]]:
    """(party, share_ppm, role, on whose behalf, mandate) of an owner's share, the owner first, without zeros.

    An owner for whom nobody collects has all of it, and no role.
    """
    chain = chain_of(work, owner, claims.mandates) if claims.mandates else ()
    if not chain:
        return [(owner, share_ppm, "", "", "")]
    own_ppm, *commissions = divide_chain(share_ppm, chain)
    parts = [(owner, own_ppm, OWNER, "", chain[0].id)]
    parts += [
        (mandate.collector, ppm, mandate.role, owner, mandate.id)
        for mandate, ppm in zip(chain, commissions, strict=True)
    ]
    return [part for part in parts if part[1]]
