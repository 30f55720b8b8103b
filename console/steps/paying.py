"""From usage to statements: reads the catalogue and the attributions, and hands values to the money."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.clearance import is_public_domain
from catalog.disputes import read_disputes
from catalog.facts import each_fact
from catalog.findings import Finding
from catalog.knowledge import Knowledge
from catalog.mandate_register import every_mandate, read_mandates
from catalog.shares import owners_on, roles_of
from catalog.tables import Grant, Party, Recording, RecordingWork, Work
from catalog.vocabulary import Purpose, Right
from console.home import Home
from console.steps.sending import note_files
from provenance.attributions import shares_of
from provenance.evidence.records import append
from provenance.tables import Attribution as AttributionRow
from provenance.tables import Generation, Record, RunExposure
from royalties.bulk.posting import post_bulk
from royalties.bulk.running import BulkRun
from royalties.closing import late_usage
from royalties.dsr_report import message_id_of
from royalties.dsr_writer import UNKNOWN_SENDER, Sender
from royalties.entitlement import Attribution, Inputs
from royalties.periods import Period
from royalties.policy import Policy
from royalties.releases import unmapped_isrcs
from royalties.runs import RunReport, find_run, make_exposure, run_distribution
from royalties.statement_files import StatementFormat, WrittenStatement, write_statement
from royalties.statements import Names, PayeeInfo, WorkInfo, list_payees, make_statement
from royalties.tables import AllocationRow, DeltaRow, DistributionRun, RestatementRow
from royalties.usage import UsageFormat, UsageReport, import_report, import_usage

SharesByWork = Mapping[str, Sequence[tuple[str, int]]]


def take_usage(home: Home, form: UsageFormat, paths: Sequence[Path]) -> UsageReport:
    """What became of a usage file, taken in as one transaction; with a remark where it came too late.

    Several files are those of one sales report. A statement that this home wrote as a sales report tells of
    usage that it has counted already.
    """
    with home.session() as session, session.begin():
        folder, now = home.folder("usage"), datetime.now(UTC)
        own = [path for path in paths if _is_own_statement(session, form, path)]
        if own:
            message = "this is a statement of this home; the usage in it was counted when it came in"
            return UsageReport("", 0, 0, (Finding("OWN_STATEMENT", own[0].name, message),))
        if len(paths) > 1:
            report = import_report(session, folder, paths, imported_at=now)
        else:
            report = import_usage(session, folder, form, paths[0], imported_at=now)
        remarks = [
            finding
            for batch in report.batches
            for finding in (*late_usage(session, batch), *unmapped_isrcs(session, batch))
        ]
        return replace(report, findings=(*report.findings, *dict.fromkeys(remarks)))


def _is_own_statement(session: Session, form: UsageFormat, path: Path) -> bool:
    if form is not UsageFormat.DSR:
        return False
    message_id = message_id_of(path)
    written = select(Record.sequence).where(Record.kind == "statement", Record.subject_id == message_id)
    return session.execute(written.limit(1)).first() is not None


def run_royalties(home: Home, period: Period, policy: Policy) -> RunReport:
    """A period distributed by a policy, posted to the ledger and written down in one transaction."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        inputs = replace(read_inputs(session, period, policy), usage_lines=home.folder("usage"))
        report = run_distribution(session, period, policy, inputs, run_at=now)
        _record(session, home, report, now)
        return report


def post_bulk_run(home: Home, run: BulkRun, pack: Path) -> RunReport:
    """A run in a folder, verified and posted as the home's run of its period, and written down."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        report = post_bulk(session, run, pack, run_at=now)
        _record(session, home, report, now)
        return report


def _record(session: Session, home: Home, report: RunReport, now: datetime) -> None:
    body = {
        "type": "contrafact.distribution/1",
        **{name: str(value) for name, value in asdict(report).items() if name != "shortfalls"},
        **({"shortfalls": list(report.shortfalls)} if report.shortfalls else {}),
    }
    append(session, home.key, kind="distribution", subject_id=report.run, body=body, recorded_at=now)


def write_statements(
    home: Home,
    period: Period,
    payees: Sequence[str],
    forms: Sequence[StatementFormat],
    sender: Sender = UNKNOWN_SENDER,
) -> dict[str, WrittenStatement]:
    """The statements of some payees, or of all who have one where none is named, as files of the home."""
    folder = home.folder("statements") / period.name
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        names = read_names(session, period)
        chosen = payees or list_payees(session, period)
        written = {
            payee: write_statement(make_statement(session, period, payee, names), folder, forms, sender)
            for payee in chosen
        }
        for payee, found in written.items():
            body = {
                "type": "contrafact.statement-record/1",
                "period": period.name,
                "payee": payee,
                "statement": found.statement,
            }
            append(
                session, home.key, kind="statement", subject_id=found.statement, body=body, recorded_at=now
            )
            note_files(session, home.key, period, payee, found, now)
        return written


def read_inputs(session: Session, period: Period, policy: Policy) -> Inputs:
    """What decides a distribution beside usage and policy, by what is known now."""
    attributions = _attributions(session)

    def shares(works: Sequence[str], right: str, on: date, territory: str) -> SharesByWork:
        return owners_on(session, works, Right(right), on, territory)

    return Inputs(
        attributions=attributions,
        exposure=make_exposure(_exposure(session)),
        shares_on=shares,
        mandates=read_mandates(session),
        disputes=read_disputes(session),
        roles_of=lambda works, right: roles_of(session, works, right),
        public_domain=frozenset(
            facts.work_id
            for facts in each_fact(session)
            if is_public_domain(facts, policy.territory, period.last_day_on)
        ),
    )


def _attributions(session: Session) -> dict[str, Attribution]:
    """The newest attribution of each generation."""
    query = select(AttributionRow, Generation.run_id).join(Generation).order_by(
        AttributionRow.attributed_at, AttributionRow.id
    )  # fmt: skip
    return {
        row.generation_id: Attribution(
            generation=row.generation_id,
            shares_ppm={share.work_id: share.share_ppm for share in shares_of(session, row.id)},
            unattributed_ppm=row.body["unattributed_ppm"],
            reliability=row.body["reliability"]["verdict"],
            digest=row.id,
            method=row.method,
            model=run_id,
        )
        for row, run_id in session.execute(query)
    }


def _exposure(session: Session) -> dict[str, int]:
    """How many events of each work were seen in training, over the runs that have generated something."""
    runs = select(Generation.run_id).distinct()
    query = select(RunExposure.work_id, RunExposure.events_seen).where(RunExposure.run_id.in_(runs))
    seen: dict[str, int] = {}
    for work, events in session.execute(query):
        seen[work] = seen.get(work, 0) + events
    return seen


def read_names(session: Session, period: Period) -> Names:
    """How payees and works are called, and by which agreements the works of the period were licensed."""
    agreements, isrcs = _agreements(session, period), _isrcs(session, period)
    payees = {
        party.id: PayeeInfo(party.name, party.ipi_name_number or "", party.invented)
        for party in session.scalars(select(Party))
    }
    works = {
        work_id: WorkInfo(title, iswc or "", agreements.get(work_id, ()), isrcs.get(work_id, ()))
        for work_id, title, iswc in session.execute(select(Work.id, Work.title, Work.iswc))
    }
    return Names(payees, works, every_mandate(session))


def _isrcs(session: Session, period: Period) -> dict[str, tuple[str, ...]]:
    """The ISRCs known of each work that has money in the period, or of which money is corrected in it."""
    row, delta = AllocationRow, DeltaRow
    allocated = select(row.work_id).join(DistributionRun).where(DistributionRun.period == period.name)
    restated = select(delta.work_id).join(RestatementRow, RestatementRow.id == delta.restatement_id)
    works = allocated.union(restated.where(RestatementRow.period == period.name))
    query = (
        select(RecordingWork.work_id, Recording.isrc)
        .join(Recording, Recording.id == RecordingWork.recording_id)
        .where(RecordingWork.work_id.in_(works), Recording.isrc.is_not(None))
        .order_by(Recording.isrc)
    )
    found: dict[str, tuple[str, ...]] = {}
    for work_id, isrc in session.execute(query):
        found[work_id] = (*found.get(work_id, ()), str(isrc))
    return found


def _agreements(session: Session, period: Period) -> dict[str, tuple[str, ...]]:
    """By which agreements each work of the run may have been trained on, as was known when it ran.

    A period that was not run, in which only corrections are stated, names none.
    """
    run = find_run(session, period)
    if run is None:
        return {}
    known = Knowledge(run.run_at)
    allocated = select(AllocationRow.work_id).where(
        AllocationRow.run_id == run.id, AllocationRow.work_id != ""
    )
    works = session.scalars(select(Work.id).where(Work.id.in_(allocated), known.came(Work.batch_id))).all()
    agreement_of = {row.id: row.agreement_id for row in session.execute(select(Grant.id, Grant.agreement_id))}
    return {
        facts.work_id: tuple(
            sorted(
                {
                    agreement_of[grant.grant_id]
                    for grant in facts.grants
                    if Purpose.TRAIN in grant.purposes and grant.starts_on <= period.last_day_on
                }
            )
        )
        for facts in each_fact(session, works, known)
    }
