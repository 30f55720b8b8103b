"""What is wrong or risky in the catalogue?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.clearance import ShareFact, WorkFacts
from catalog.facts import each_fact
from catalog.findings import Finding, Severity
from catalog.identifiers import (
    parse_dpid,
    parse_ipi_base_number,
    parse_ipi_name_number,
    parse_isni,
    parse_isrc,
    parse_iswc,
)
from catalog.knowledge import NOW, Knowledge
from catalog.licences import is_contract, terms_of
from catalog.shares import WHOLE_PPM, in_term, is_whole, named, percent, totals
from catalog.tables import (
    Agreement,
    Encoding,
    Grant,
    ImportBatch,
    Party,
    PartyName,
    Quarantine,
    Recording,
    Reservation,
    Work,
)
from catalog.territories import countries
from catalog.text import fold
from catalog.vocabulary import Purpose, Right

SOON = timedelta(days=90)
COUNTED = {
    "works": Work,
    "recordings": Recording,
    "parties": Party,
    "encodings": Encoding,
    "agreements": Agreement,
    "grants": Grant,
    "reservations": Reservation,
    "imports": ImportBatch,
    "quarantined": Quarantine,
}


@dataclass(frozen=True)
class AuditReport:
    """Everything that was found, the worst first, and how much of what the catalogue holds."""

    findings: tuple[Finding, ...]
    counts: dict[str, int]

    @property
    def by_code(self) -> dict[str, int]:
        """How many findings there are of each code."""
        return dict(sorted(Counter(finding.code for finding in self.findings).items()))

    def to_json(self) -> dict[str, object]:
        """The report as a JSON object."""
        found = [finding.to_json() for finding in self.findings]
        return {"findings": found, "counts": self.counts, "by_code": self.by_code}


def audit(session: Session, on: date, known: Knowledge = NOW, more: Iterable[Finding] = ()) -> AuditReport:
    """Everything that is wrong or risky on that day; of the works themselves, by what was known.

    Args:
        more: what was found elsewhere and belongs to the report.
    """
    found = list(more)
    for facts in each_fact(session, known=known):
        found += _work_findings(facts, on)
    for check in (_identifiers, _names, _licences, _conflicts, _quarantine):
        found += check(session)
    found += _grants(session, on)
    order = list(Severity)
    found.sort(
        key=lambda finding: (order.index(finding.severity), finding.code, finding.where, finding.message)
    )
    return AuditReport(tuple(found), _counts(session))


def _counts(session: Session) -> dict[str, int]:
    counts = {
        name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in COUNTED.items()
    }
    by_origin = session.execute(select(Work.origin, func.count()).group_by(Work.origin))
    counts |= {f"works_{origin}": count for origin, count in by_origin}
    public = select(func.count()).select_from(Work).where(Work.public_domain_in.is_not(None))
    return counts | {"works_public_domain": session.scalar(public) or 0}


def _work_findings(facts: WorkFacts, on: date) -> Iterator[Finding]:
    live = [share for share in facts.shares if in_term(share.starts_on, share.ends_on, on)]
    for right in Right:
        yield from _sums(facts, right, [share for share in live if share.right is right])
    if not live and facts.public_domain_in is None:
        message = f"'{facts.title}' is not in the public domain and nobody has a share: nobody can be asked"
        yield Finding("WORK_WITHOUT_OWNER", facts.work_id, message)
    if not facts.encodings:
        message = f"'{facts.title}' has no file, so it cannot be used: import a folder that has one"
        yield Finding("WORK_WITHOUT_FILE", facts.work_id, message, Severity.WARNING)
    if not facts.payable:
        message = (
            f"'{facts.title}' cannot be paid: its shares came in wrong or unreadable. Import a correction"
        )
        yield Finding("WORK_UNPAYABLE", facts.work_id, message)
    for reservation in facts.reservations:
        if in_term(reservation.seen_on, reservation.lifted_on, on):
            message = f"'{facts.title}' is reserved ({reservation.protocol}, seen on {reservation.seen_on})"
            yield Finding("WORK_RESERVED", facts.work_id, message, Severity.INFO)
    for withdrawal in facts.withdrawals:
        if withdrawal.effective_on <= on:
            message = f"'{facts.title}' was withdrawn from {withdrawal.effective_on} on: {withdrawal.reason}"
            yield Finding("WORK_WITHDRAWN", facts.work_id, message, Severity.INFO)


def _sums(facts: WorkFacts, right: Right, shares: list[ShareFact]) -> Iterator[Finding]:
    parts = [(share.territory, share.share_ppm) for share in shares if share.share_ppm]
    claimed = frozenset[str]().union(*(countries(territory) for territory, _share_ppm in parts))
    for total, where in sorted(totals(parts, claimed).items()) if parts else ():
        if not is_whole(total):
            code = "SHARE_GAP" if total < WHOLE_PPM else "SHARE_OVERCLAIM"
            message = f"{right} shares of '{facts.title}' sum to {percent(total)} in {named(where)}"
            yield Finding(code, facts.work_id, f"{message}; ask its publishers for a correction")


def _identifiers(session: Session) -> Iterator[Finding]:
    checks = (
        (Work.id, Work.iswc, parse_iswc),
        (Party.id, Party.ipi_name_number, parse_ipi_name_number),
        (Party.id, Party.ipi_base_number, parse_ipi_base_number),
        (Party.id, Party.isni, parse_isni),
        (Party.id, Party.dpid, parse_dpid),
        (Recording.id, Recording.isrc, parse_isrc),
    )
    for key, column, parse in checks:
        for where, value in session.execute(select(key, column).where(column.is_not(None))):
            if value is not None and parse(value) is None:
                message = f"{column.key} '{value}' has a wrong shape or check digit: correct it at its source"
                yield Finding("INVALID_IDENTIFIER", where, message)


def _names(session: Session) -> Iterator[Finding]:
    """One IPI name number under several names, and one name under several numbers."""
    statement = select(Party.id, Party.name, Party.ipi_name_number, PartyName.name).join(
        PartyName, PartyName.party_id == Party.id
    )
    for party_id, name, number, other in session.execute(statement):
        message = f"IPI {number} is '{name}' and also '{other}': check which is meant"
        yield Finding("SEVERAL_NAMES", party_id, message, Severity.WARNING)
    numbers: dict[tuple[str, str], list[str]] = defaultdict(list)
    numbered = select(Party.name, Party.kind, Party.ipi_name_number).where(Party.ipi_name_number.is_not(None))
    for name, kind, number in session.execute(numbered):
        numbers[fold(name), kind].append(str(number))
    for (name, _kind), several in numbers.items():
        if len(several) > 1:
            message = f"'{name}' has the IPI numbers {', '.join(sorted(several))}: one person, or several?"
            yield Finding("SEVERAL_NUMBERS", name, message, Severity.WARNING)


def _licences(session: Session) -> Iterator[Finding]:
    statement = select(Encoding.licence, func.count()).group_by(Encoding.licence)
    known = set(session.scalars(select(Agreement.licence_ref)))
    for licence, count in session.execute(statement):
        if is_contract(licence) and licence not in known:
            message = f"{count} files are under {licence}, and no agreement has that reference: enter it"
            yield Finding("LICENCE_WITHOUT_AGREEMENT", licence, message, Severity.WARNING)
        elif not is_contract(licence) and Purpose.TRAIN not in terms_of(licence).permits:
            message = f"{count} files are under {licence}, which does not permit to train"
            yield Finding("LICENCE_REFUSES", licence, message, Severity.INFO)


def _conflicts(session: Session) -> Iterator[Finding]:
    for row in session.scalars(select(Quarantine).where(Quarantine.code == "ENCODING_CONFLICT")):
        message = f"{row.found}: decide which is right before the file is used"
        yield Finding("ENCODING_CONFLICT", f"{row.file_name}:{row.line}", message)


def _quarantine(session: Session) -> Iterator[Finding]:
    statement = (
        select(ImportBatch.file_name, Quarantine.batch_id, func.count())
        .join(ImportBatch, ImportBatch.id == Quarantine.batch_id)
        .group_by(ImportBatch.file_name, Quarantine.batch_id)
    )
    for name, batch_id, count in session.execute(statement):
        message = f"{count} pieces of {name} could not be used and wait in quarantine"
        yield Finding("QUARANTINE", batch_id, message, Severity.WARNING)


def _grants(session: Session, on: date) -> Iterator[Finding]:
    statement = select(Grant, Agreement.title).join(Agreement, Agreement.id == Grant.agreement_id)
    for grant, title in session.execute(statement):
        if grant.ends_on is not None and grant.ends_on <= on:
            message = f"the grant under '{title}' ended before {grant.ends_on}: renew it, or train without it"
            yield Finding("GRANT_EXPIRED", grant.id, message, Severity.WARNING)
        elif grant.ends_on is not None and grant.ends_on <= on + SOON:
            message = f"the grant under '{title}' ends before {grant.ends_on}: renew it in time"
            yield Finding("GRANT_ENDS_SOON", grant.id, message, Severity.WARNING)
    for agreement in session.scalars(select(Agreement).where(Agreement.document_sha256.is_(None))):
        message = f"'{agreement.title}' has no document on record: add the digest of what was signed"
        yield Finding("AGREEMENT_WITHOUT_DOCUMENT", agreement.id, message, Severity.WARNING)
