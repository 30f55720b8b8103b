"""What is one payee owed for a period, and for what exactly?

A statement is a value read from a posted run and from the restatements that are posted in its period. The
same run and restatements give the same statement; once the period is closed, for ever. There is a statement
for every party, for every account that the policy names, and one for what waits in suspense: together they
are the pool and what restatements changed of earlier ones, to the unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, func, select
from sqlalchemy.orm import Session

from catalog.mandates import Mandate
from royalties.closing import find_closing
from royalties.counting import RateUse
from royalties.errors import NotFoundError
from royalties.ledger import payee_account
from royalties.periods import Period
from royalties.policy import Policy, Rule
from royalties.restating import policy_of
from royalties.runs import find_run, get_run
from royalties.settlement import Account, Income, Settlement, Waiting, settle
from royalties.settling import Settled, preview, read_settled, settled_payees
from royalties.statement_deltas import Restated, posted_in, read_deltas
from royalties.statement_usage import UsageLine, read_rates_by, read_rates_of, read_usage
from royalties.tables import (
    AllocationRow,
    DeltaRow,
    DistributionRun,
    LedgerEntry,
    LedgerPosting,
    RestatementRow,
    RunGeneration,
)
from royalties.terms import Terms

SUSPENSE = "suspense"
"""The payee whose statement lists what waits, and why."""


@dataclass(frozen=True, slots=True)
class PayeeInfo:
    """How a payee is named on paper."""

    name: str
    ipi_name_number: str = ""
    invented: bool = False


@dataclass(frozen=True, slots=True)
class WorkInfo:
    """How a work is named on paper, the agreements by which a model may have been trained on it, and the
    ISRCs of its recordings."""

    title: str
    iswc: str = ""
    agreements: tuple[str, ...] = ()
    isrcs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """The names of payees and works by id; an id without a name stands for itself."""

    payees: Mapping[str, PayeeInfo] = field(default_factory=dict)
    works: Mapping[str, WorkInfo] = field(default_factory=dict)
    mandates: Mapping[str, Mandate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One amount and its path: generation, attribution, work, share, and who collects it for whom.

    `role`, `on_behalf_of` and `agreement` are those of `royalties.shares.Part`.
    Of a line that corrects an earlier month, `restated` says what it supersedes, and the amount is the
    difference; it may be below zero.
    """

    line_no: int
    pot: str
    method: str
    reason: str
    generation: str
    territory: str
    work: str
    title: str
    iswc: str
    basis: int
    basis_total: int
    share_ppm: int
    units: int
    revenue_minor: int
    amount_minor: int
    evidence: str
    restated: Restated | None = None
    role: str = ""
    on_behalf_of: str = ""
    agreement: str = ""


@dataclass(frozen=True, slots=True)
class GenerationLine:
    """One of the statement's generations and the attribution that divided its money."""

    generation: str
    attribution: str
    method: str
    model: str
    reliability: str
    unattributed_ppm: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A payee's part of a run, and of what was restated in its period.

    `settled` says what became of the balance where more than the threshold decided: terms, an advance, a
    reserve. A period that was not run, but in which a restatement is posted, has a run without id and money.

    `agreements` holds, by work, the agreements by which it was licensed; `recordings` the ISRCs known of it;
    `mandates` those by which its lines were collected; `parties` the names of those that lines or mandates
    name; `rates` are those of the run that converted its usage, `restated_rates` those of each restatement.
    """

    period: Period
    run: DistributionRun
    policy: Policy
    payee: str
    info: PayeeInfo
    opening_minor: int
    earned_minor: int
    lines: tuple[StatementLine, ...]
    usage: tuple[UsageLine, ...]
    generations: tuple[GenerationLine, ...]
    num_generations: int
    agreements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    recordings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mandates: Mapping[str, Mandate] = field(default_factory=dict)
    parties: Mapping[str, str] = field(default_factory=dict)
    settled: Settled | None = None
    rates: tuple[RateUse, ...] = ()
    restated_rates: Mapping[str, tuple[RateUse, ...]] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The statement's number: there is one for each period and payee."""
        return f"{self.period.name}/{self.payee}"

    @property
    def restated_minor(self) -> int:
        """What the corrections of earlier months come to."""
        return sum(line.amount_minor for line in self.lines if line.restated)

    @property
    def closing_minor(self) -> int:
        """The balance at the end of the period, before it is settled."""
        return self.opening_minor + self.earned_minor + self.restated_minor

    @property
    def settlement(self) -> Settlement:
        """What became of the balance; without terms and advances the threshold alone decides."""
        if self.settled is not None:
            return self.settled.settlement
        earned, restated = Income(self.earned_minor), Income(self.restated_minor)
        account = Account(self.payee, Terms(self.payee), Income(self.opening_minor), earned, restated)
        threshold_minor = self.policy.threshold_minor
        return settle([account], currency=self.run.currency, threshold_minor=threshold_minor)[self.payee]

    @property
    def payable_minor(self) -> int:
        """What may be paid out, after tax; of what waits in suspense, nothing."""
        return 0 if self.payee == SUSPENSE else self.settlement.payable_minor

    @property
    def carried_minor(self) -> int:
        """What stays on the account."""
        return self.closing_minor if self.payee == SUSPENSE else self.settlement.carried_minor

    @property
    def waiting(self) -> Waiting:
        """Why what is carried forward is not paid; the lines of suspense have their own reasons."""
        return Waiting.NOTHING if self.payee == SUSPENSE else self.settlement.reason


def list_payees(session: Session, period: Period) -> list[str]:
    """Everyone who has a statement for the period.

    Their statements sum to the pool of the run and to what restatements that are posted in the period
    changed of earlier pools. Once it is closed, payees with nothing but an older balance have one too.

    Raises:
        NotFoundError: it was not run, and no restatement is posted in it.
    """
    run, _ = _stated_in(session, period)
    row, delta = AllocationRow, DeltaRow
    kinds = select(row.payee_kind, row.payee_id).where(row.run_id == run.id)
    restated = (
        select(delta.payee_kind, delta.payee_id)
        .join(RestatementRow, RestatementRow.id == delta.restatement_id)
        .where(RestatementRow.period == period.name)
    )
    found = session.execute(kinds.union(restated))
    stated = {SUSPENSE if kind == SUSPENSE else payee for kind, payee in found}
    return sorted(stated | set(settled_payees(session, period)))


def make_statement(session: Session, period: Period, payee: str, names: Names) -> Statement:
    """The statement of a payee for a period.

    Raises:
        NotFoundError: the period was not run and nothing is restated in it, or gave the payee nothing.
    """
    run, policy = _stated_in(session, period)
    row = AllocationRow
    mine = (row.run_id == run.id) & _is_for(row, payee)
    # columns, not objects: a payee may have a hundred thousand lines
    of_run = session.execute(select(*row.__table__.columns).where(mine).order_by(row.line_no))
    rows: list[tuple[Row[Any] | DeltaRow, Restated | None]] = [(each, None) for each in of_run]
    rows += read_deltas(session, period, _is_for(DeltaRow, payee))
    settled = _settled(session, run, period, policy, payee)
    if not rows and not (settled and settled.is_final):
        raise NotFoundError(f"{payee} has nothing in {period.name}: no statement to write")
    lines = tuple(
        _line(number, each, restated, names) for number, (each, restated) in enumerate(rows, start=1)
    )
    used = _generations_behind(run, policy, mine)
    usage = read_usage(session, run, period, used)
    return Statement(
        period=period,
        run=run,
        policy=policy,
        payee=payee,
        info=names.payees.get(payee, PayeeInfo(payee)),
        opening_minor=_opening(session, period, run.currency, payee),
        earned_minor=sum(line.amount_minor for line in lines if not line.restated),
        lines=lines,
        usage=usage,
        generations=_generations(session, run, used),
        num_generations=_num_generations(session, run),
        agreements=_agreements(lines, names),
        recordings=_recordings(lines, names),
        mandates=_mandates(lines, names),
        parties=_parties(lines, names),
        settled=None if settled is None or settled.is_plain else settled,
        rates=read_rates_of(session, run, usage),
        restated_rates=read_rates_by(session, {line.restated.restatement for line in lines if line.restated}),
    )


def _settled(
    session: Session, run: DistributionRun, period: Period, policy: Policy, payee: str
) -> Settled | None:
    """How the account was settled if the period is closed, and else how it would be now."""
    if payee == SUSPENSE:
        return None
    if find_closing(session, period.name) is not None:
        return read_settled(session, period, payee)
    return preview(session, run, period, policy, payee)


def _stated_in(session: Session, period: Period) -> tuple[DistributionRun, Policy]:
    """The period's run, or an empty one where only restatements are posted in it, and its policy."""
    restatements = posted_in(session, period)
    run = find_run(session, period) if restatements else get_run(session, period)
    if run is None:
        return _no_run(restatements[-1]), policy_of(restatements[-1])
    return run, policy_of(run)


def _no_run(posted: RestatementRow) -> DistributionRun:
    """What stands for the run of a period that has none: no id, and no money."""
    return DistributionRun(
        id="",
        period=posted.period,
        currency=posted.currency,
        policy_source=posted.policy_source,
        inputs='{"batches":""}',
        digest="",
        gross_minor=0,
        deductions_minor=0,
        provider_minor=0,
        pool_minor=0,
        allocated_minor=0,
        suspense_minor=0,
        num_parties=0,
        run_at=posted.restated_at,
    )


def _agreements(lines: Sequence[StatementLine], names: Names) -> dict[str, tuple[str, ...]]:
    """By which agreements each work of the lines was licensed, where one is on record."""
    works = sorted({line.work for line in lines if line.work in names.works})
    return {work: names.works[work].agreements for work in works if names.works[work].agreements}


def _recordings(lines: Sequence[StatementLine], names: Names) -> dict[str, tuple[str, ...]]:
    """The ISRCs known of each work of the lines, where there is one."""
    works = sorted({line.work for line in lines if line.work in names.works})
    return {work: names.works[work].isrcs for work in works if names.works[work].isrcs}


def _mandates(lines: Sequence[StatementLine], names: Names) -> dict[str, Mandate]:
    """The mandates that lines name, and those that corrected lines named."""
    named = {line.agreement for line in lines}
    named |= {line.restated.before.agreement for line in lines if line.restated and line.restated.before}
    return {each: names.mandates[each] for each in sorted(named) if each in names.mandates}


def _parties(lines: Sequence[StatementLine], names: Names) -> dict[str, str]:
    """How the parties are called for whom something was collected, and those of the mandates."""
    parties = {line.on_behalf_of for line in lines if line.on_behalf_of}
    for mandate in _mandates(lines, names).values():
        parties |= {mandate.owner, mandate.collector}
    return {party: names.payees.get(party, PayeeInfo(party)).name for party in sorted(parties)}


def _line(number: int, row: Row[Any] | DeltaRow, restated: Restated | None, names: Names) -> StatementLine:
    work = names.works.get(row.work_id, WorkInfo(row.work_id))
    return StatementLine(
        line_no=number,
        pot=row.pot,
        method=row.method,
        reason=row.reason,
        generation=row.generation_id,
        territory=row.territory,
        work=row.work_id,
        title=work.title,
        iswc=work.iswc,
        basis=row.basis,
        basis_total=row.basis_total,
        share_ppm=row.share_ppm,
        units=row.units,
        revenue_minor=row.revenue_minor,
        amount_minor=row.amount_minor,
        evidence=row.evidence,
        restated=restated,
        role=row.role,
        on_behalf_of=row.on_behalf_of,
        agreement=row.agreement,
    )


def _is_for(row: type[AllocationRow] | type[DeltaRow], payee: str) -> ColumnElement[bool]:
    kind = row.payee_kind
    return kind == SUSPENSE if payee == SUSPENSE else (kind != SUSPENSE) & (row.payee_id == payee)


def _generations_behind(run: DistributionRun, policy: Policy, mine: ColumnElement[bool]) -> Select[str]:
    """The generations that the lines name, and, where a line pools unreliable ones, those too."""
    row, line = RunGeneration, AllocationRow
    reliable = {
        verdict for pot in policy.pots if pot.rule is Rule.ATTRIBUTION for verdict in pot.reliable_when
    }
    pooled = exists().where(mine, line.method.endswith("-fallback"))
    fell_back = (row.attribution_digest != "") & row.reliability.not_in(sorted(reliable)) & pooled
    named = row.generation_id.in_(select(line.generation_id).where(mine))
    return select(row.generation_id).where(row.run_id == run.id, named | fell_back)


def _opening(session: Session, period: Period, currency: str, payee: str) -> int:
    """What earlier periods left; of a closed period, what they had left when it was closed."""
    entry, closing = LedgerEntry, find_closing(session, period.name)
    held = entry.account.startswith("suspense:", autoescape=True)
    before = (
        select(func.sum(entry.amount_minor))
        .join(LedgerPosting)
        .where(
            held if payee == SUSPENSE else entry.account == payee_account(payee),
            LedgerPosting.period < period.name,
            entry.currency == currency,
        )
    )
    if closing is not None:
        before = before.where(entry.sequence <= closing.ledger_sequence)
    return int(session.scalar(before) or 0)


def _generations(session: Session, run: DistributionRun, used: Select[str]) -> tuple[GenerationLine, ...]:
    row = RunGeneration
    query = select(row).where(row.run_id == run.id, row.generation_id.in_(used))
    found = (
        GenerationLine(
            each.generation_id,
            each.attribution_digest,
            each.method,
            each.model,
            each.reliability,
            each.unattributed_ppm,
        )
        for each in session.execute(query).scalars()
    )
    return tuple(sorted(found, key=lambda line: line.generation))


def _num_generations(session: Session, run: DistributionRun) -> int:
    query = select(func.count()).select_from(RunGeneration).where(RunGeneration.run_id == run.id)
    return session.execute(query).scalar_one()
