"""What changes of a closed period by what is known now?

The period is computed anew as a run would; only the differences are posted, in an open period. Each names
the line that it supersedes: one of the run, or one of an earlier restatement. What was stated plus the
deltas is what a fresh run would have given, and so a restatement back is the exact negative.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from royalties.distribution import Allocation, Distribution
from royalties.entitlement import Line, Payee


class Source(NamedTuple):
    """Where a line stands: a line of a run, or of a restatement."""

    document: str
    line_no: int

    def __str__(self) -> str:
        return f"{self.document} line {self.line_no}"


class Topic(NamedTuple):
    """What a line is about, whatever its numbers are; several may be, as shares change within a month."""

    pot: str
    payee: Payee
    method: str
    generation: str
    territory: str
    work: str
    on_behalf_of: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A line as it was stated last; one that was taken back to nothing has an amount of 0."""

    source: Source
    allocation: Allocation


@dataclass(frozen=True, slots=True)
class Delta:
    """What is new of a line. A line that is no more keeps its words in `after`, with an amount of 0."""

    before: Stated | None
    after: Allocation

    @property
    def before_minor(self) -> int:
        """The amount as it was stated, 0 if it was not."""
        return self.before.allocation.amount_minor if self.before else 0

    @property
    def amount_minor(self) -> int:
        """What is posted: never 0."""
        return self.after.amount_minor - self.before_minor


@dataclass(frozen=True, slots=True)
class Totals:
    """A period's money as a whole: gross is deductions, the provider's part and the pool."""

    gross_minor: int
    deductions_minor: int
    provider_minor: int
    pool_minor: int


def totals_of(distribution: Distribution) -> Totals:
    """The totals of a distribution."""
    d = distribution
    return Totals(d.gross_minor, d.deductions_minor, d.provider_minor, d.pool_minor)


def topic_of(allocation: Allocation) -> Topic:
    """What an allocation is about."""
    a, line = allocation, allocation.line
    return Topic(
        a.pot, a.payee, line.method, line.generation, line.territory, line.work, line.on_behalf_of
    )  # fmt: skip


def compare(stated: Iterable[Stated], fresh: Iterable[Allocation]) -> tuple[Delta, ...]:
    """The deltas from what was stated to a fresh distribution, by pot, payee and line.

    Lines about the same are paired: those with the same share, weight and evidence first, the rest in their
    order. A line whose amount stays gives no delta, even where its evidence is a newer one: what was stated
    of it stands.

    Returns:
        Deltas that sum to the change of the pool, none of 0.
    """
    before: dict[Topic, list[Stated]] = {}
    for each in stated:
        before.setdefault(topic_of(each.allocation), []).append(each)
    after: dict[Topic, list[Allocation]] = {}
    for allocation in fresh:
        after.setdefault(topic_of(allocation), []).append(allocation)
    return tuple(
        delta
        for topic in sorted(before.keys() | after.keys())
        for delta in _compare_topic(before.get(topic, []), after.get(topic, []))
        if delta.amount_minor
    )


def _compare_topic(stated: Sequence[Stated], fresh: Sequence[Allocation]) -> Iterator[Delta]:
    by_line = {_said(allocation): allocation for allocation in fresh}
    same = [each for each in stated if _said(each.allocation) in by_line]
    for each in same:
        yield Delta(each, by_line.pop(_said(each.allocation)))
    # lines that were taken back come last, so that one that still stands is superseded before them
    rest = sorted(
        (each for each in stated if each not in same),
        key=lambda each: (each.allocation.amount_minor == 0, each.allocation.line),
    )
    for old, new in zip_longest(rest, (by_line[line] for line in sorted(by_line))):
        yield Delta(old, new if new is not None else _gone(old.allocation))


def _said(allocation: Allocation) -> Line:
    """The line without the payee's role, which divides nothing."""
    return allocation.line._replace(role="")


def _gone(allocation: Allocation) -> Allocation:
    """The line with nothing left on it."""
    a = allocation
    return Allocation(a.pot, a.payee, a.line, 0, 0, 0)


def movements_of(before: Totals, after: Totals, deltas: Iterable[Delta]) -> Mapping[str, int]:
    """What a restatement moves: from revenue to deductions, the provider and the payees; it sums to zero."""
    moved = {
        "revenue": before.gross_minor - after.gross_minor,
        "deductions": after.deductions_minor - before.deductions_minor,
        "provider:retained": after.provider_minor - before.provider_minor,
    }
    for delta in deltas:
        account = delta.after.payee.account
        moved[account] = moved.get(account, 0) + delta.amount_minor
    return {account: amount_minor for account, amount_minor in moved.items() if amount_minor}
