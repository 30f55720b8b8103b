"""Who collects for whom, where, of which works, and for which commission?

Mandates make chains: an owner mandates an administrator, the administrator a sub-publisher. So that there
is one chain and no more, two mandates of a party may not hold for the same use, and none may lead back to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog.findings import Finding
from catalog.territories import countries
from catalog.vocabulary import MandateKind, Right


@dataclass(frozen=True, slots=True)
class Mandate:
    """`collector` collects what `owner` may claim, keeps a part of what it collects, and passes on the rest.

    Args:
        owner: who gives the mandate: an owner, or who collects for one and lets another collect for it.
        commission_ppm: what the collector keeps of what reaches it.
        works: these only; None for all of the owner's, save those for which it mandated another by name.
        reference: the agreement, as its parties call it.
    """

    id: str
    kind: MandateKind
    owner: str
    collector: str
    commission_ppm: int
    rights: frozenset[Right]
    territory: str
    starts_on: date
    ends_on: date | None = None
    works: frozenset[str] | None = None
    reference: str = ""

    @property
    def role(self) -> str:
        """What the collector is."""
        return "administrator" if self.kind is MandateKind.ADMINISTRATION else "sub_publisher"

    def is_for(self, right: Right, territory: str) -> bool:
        """Whether it is of this right in all of that territory."""
        return right in self.rights and countries(territory) <= countries(self.territory)

    def runs_on(self, on: date) -> bool:
        """Whether the day of use is in its term."""
        return self.starts_on <= on and (self.ends_on is None or on < self.ends_on)


@dataclass(frozen=True, slots=True)
class _Reach:
    """The uses for which something holds; works None are all, ends_on None is no end."""

    rights: frozenset[Right]
    countries: frozenset[str]
    starts_on: date
    ends_on: date | None
    works: frozenset[str] | None

    def within(self, other: "_Reach") -> "_Reach":
        """The uses for which both hold."""
        ends = [day for day in (self.ends_on, other.ends_on) if day is not None]
        works = self.works if other.works is None else other.works
        if self.works is not None and other.works is not None:
            works = self.works & other.works
        return _Reach(
            self.rights & other.rights,
            self.countries & other.countries,
            max(self.starts_on, other.starts_on),
            min(ends, default=None),
            works,
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is no such use."""
        over = self.ends_on is not None and self.ends_on <= self.starts_on
        return over or not self.rights or not self.countries or self.works == frozenset()


def mandate_faults(mandate: Mandate, others: Sequence[Mandate]) -> list[Finding]:
    """Why a mandate cannot stand beside the others that are in force; nothing, if it can."""
    return [*_contradictions(mandate), *_overlaps(mandate, others), *_cycles(mandate, others)]


def chain_of(work: str, owner: str, by_owner: Mapping[str, Sequence[Mandate]]) -> tuple[Mandate, ...]:
    """The mandates through which an owner's money of a work comes, the owner's own first.

    A mandate that names the work goes before one for all works. The last one's collector collects.

    Args:
        by_owner: the mandates that hold for the use, by who gave them.

    Raises:
        ValueError: the mandates lead in a circle, which `mandate_faults` refuses.
    """
    chain: list[Mandate] = []
    passed, party = {owner}, owner
    while (found := _of_work(work, by_owner.get(party, ()))) is not None:
        chain.append(found)
        party = found.collector
        if party in passed:
            raise ValueError(f"the mandates of {owner} for {work} lead back to {party}")
        passed.add(party)
    return tuple(chain)


def mandate_json(mandate: Mandate) -> dict[str, Any]:
    """A mandate as a JSON object; `works` is null where it is for all of them."""
    m = mandate
    return {
        "mandate": m.id,
        "kind": m.kind.value,
        "owner": m.owner,
        "collector": m.collector,
        "commission_ppm": m.commission_ppm,
        "rights": sorted(right.value for right in m.rights),
        "territory": m.territory,
        "starts_on": m.starts_on.isoformat(),
        "ends_on": None if m.ends_on is None else m.ends_on.isoformat(),
        "works": None if m.works is None else sorted(m.works),
        "agreement": m.reference,
    }


def _of_work(work: str, mandates: Iterable[Mandate]) -> Mandate | None:
    fitting = [each for each in mandates if each.works is None or work in each.works]
    return min(fitting, key=lambda each: (each.works is None, each.id), default=None)


def _reach(mandate: Mandate) -> _Reach:
    m = mandate
    return _Reach(m.rights, countries(m.territory), m.starts_on, m.ends_on, m.works)


def _contradictions(mandate: Mandate) -> Iterator[Finding]:
    if mandate.owner == mandate.collector:
        yield _finding("MANDATE_SELF", "owner and collector are one party; expected two")
    if not 0 <= mandate.commission_ppm <= 1_000_000:
        found = f"a commission of {mandate.commission_ppm} ppm; expected 0 to 1,000,000"
        yield _finding("MANDATE_COMMISSION", found)
    if mandate.ends_on is not None and mandate.ends_on <= mandate.starts_on:
        found = f"it would end on {mandate.ends_on}, not after its start on {mandate.starts_on}"
        yield _finding("MANDATE_TERM", f"{found}; the end is the first day that is no longer in the term")
    if not mandate.rights:
        yield _finding("MANDATE_RIGHTS", "it is of no right; name at least one")
    if mandate.works == frozenset():
        yield _finding("MANDATE_WORKS", "it lists no work; leave the list away for all works of the owner")
    if not mandate.reference.strip():
        yield _finding("MANDATE_REFERENCE", "it names no agreement; say what the agreement is called")


def _overlaps(mandate: Mandate, others: Sequence[Mandate]) -> Iterator[Finding]:
    """Other mandates of the same owner for the same use: all works beside all works, a work twice by name."""
    mine = _reach(mandate)
    for other in others:
        alike = other.owner == mandate.owner and (other.works is None) == (mandate.works is None)
        if alike and not mine.within(_reach(other)).is_empty:
            message = (
                f"{other.id} ('{other.reference}') has {other.collector} collect for {other.owner} in "
                f"{other.territory} from {other.starts_on} until {other.ends_on or 'further notice'}: "
                "supersede it, or leave out what it covers"
            )
            yield Finding("MANDATE_OVERLAP", other.id, message)


def _cycles(mandate: Mandate, others: Sequence[Mandate]) -> Iterator[Finding]:
    """Ways on which a use would lead from the collector back to the owner."""
    by_owner: dict[str, list[Mandate]] = {}
    for other in others:
        by_owner.setdefault(other.owner, []).append(other)
    ways: list[tuple[str, _Reach, tuple[str, ...]]] = [
        (mandate.collector, _reach(mandate), (mandate.collector,))
    ]
    while ways:
        party, reach, passed = ways.pop()
        for step in by_owner.get(party, ()):
            left = reach.within(_reach(step))
            if left.is_empty:
                continue
            if step.collector == mandate.owner:
                path = " -> ".join((mandate.owner, *passed, mandate.owner))
                message = f"with {step.id} the money would go in a circle: {path}"
                yield Finding("MANDATE_CYCLE", step.id, message)
            elif step.collector not in passed:
                ways.append((step.collector, left, (*passed, step.collector)))


def _finding(code: str, message: str) -> Finding:
    return Finding(code, "mandate", message)
