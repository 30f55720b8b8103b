"""Which corrections of earlier months stand on the statements of a month, and what did they supersede?"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session, aliased

from royalties.periods import Period
from royalties.policy import Policy
from royalties.restatement import Source
from royalties.restating import policy_of, source_of
from royalties.tables import AllocationRow, DeltaRow, RestatementRow


@dataclass(frozen=True, slots=True)
class Version:
    """The numbers by which a line was stated."""

    basis: int
    basis_total: int
    share_ppm: int
    units: int
    revenue_minor: int
    amount_minor: int
    evidence: str
    role: str = ""
    on_behalf_of: str = ""
    agreement: str = ""


@dataclass(frozen=True, slots=True)
class Restated:
    """What makes a line a correction: the month that it corrects, and what the line was before and is now.

    `run` is that month's run, `policy` the one by which it is now. A line that was not stated before
    supersedes nothing.
    """

    period: str
    restatement: str
    run: str
    policy: Policy
    supersedes: Source | None
    before: Version | None
    after: Version


def posted_in(session: Session, period: Period) -> list[RestatementRow]:
    """The restatements that are posted in a period, in the order of what they restate."""
    row = RestatementRow
    query = select(row).where(row.period == period.name).order_by(row.restates, row.number)
    return list(session.scalars(query))


def read_deltas(
    session: Session, period: Period, mine: ColumnElement[bool]
) -> Iterator[tuple[DeltaRow, Restated]]:
    """Some of the deltas that are posted in a period, each with both versions of its line."""
    policies = {each.id: policy_of(each) for each in posted_in(session, period)}
    row, restatement, allocation, earlier = DeltaRow, RestatementRow, AllocationRow, aliased(DeltaRow)
    query = (
        select(row, restatement, allocation, earlier)
        .join(restatement, restatement.id == row.restatement_id)
        .outerjoin(allocation, and_(allocation.run_id == row.run_id, allocation.line_no == row.run_line_no))
        .outerjoin(
            earlier,
            and_(earlier.restatement_id == row.earlier_id, earlier.line_no == row.earlier_line_no),
        )
        .where(restatement.period == period.name, mine)
        .order_by(restatement.restates, restatement.number, row.line_no)
    )
    for delta, of, stated, restated in session.execute(query):
        before = stated if stated is not None else restated
        yield (
            delta,
            Restated(
                period=of.restates,
                restatement=of.id,
                run=of.run_id,
                policy=policies[of.id],
                supersedes=source_of(delta),
                before=None if before is None else _version(before, delta.before_minor),
                after=_version(delta, delta.after_minor),
            ),
        )


def _version(row: AllocationRow | DeltaRow, amount_minor: int) -> Version:
    return Version(
        basis=row.basis,
        basis_total=row.basis_total,
        share_ppm=row.share_ppm,
        units=row.units,
        revenue_minor=row.revenue_minor,
        amount_minor=amount_minor,
        evidence=row.evidence,
        role=row.role,
        on_behalf_of=row.on_behalf_of,
        agreement=row.agreement,
    )
