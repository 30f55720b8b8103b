"""What is wrong or risky, in the catalogue and between it and what was made from it: corpora, runs, files."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.audit import SOON, AuditReport, audit
from catalog.facts import each_fact
from catalog.files import FileStore
from catalog.findings import Finding, Severity
from catalog.knowledge import NOW, Knowledge
from catalog.shares import in_term
from catalog.tables import Agreement, Encoding, Grant, ImportBatch, Withdrawal
from catalog.vocabulary import PostTerm, Purpose
from console.home import Home
from console.progress import Advance
from console.steps.likeness import same_music
from provenance.tables import CorpusWork, Generation, Run


def run_audit(home: Home, on: date, known: Knowledge = NOW, listening: Advance | None = None) -> AuditReport:
    """Everything that is wrong or risky on a day, by what is or was known of the works.

    Args:
        listening: told how many files have been listened to for the same music; None leaves that out.
    """
    copies = [] if listening is None else same_music(home, on, listening)
    with home.session() as session:
        more = [
            *copies,
            *_taken_back(session, on, known),
            *_expired_in_use(session, on),
            *_files(session, home.files),
        ]
        return audit(session, on, known, more)


def _taken_back(session: Session, on: date, known: Knowledge) -> Iterator[Finding]:
    """Works in a corpus that are reserved or withdrawn by now."""
    corpora: dict[str, set[str]] = defaultdict(set)
    for work_id, corpus_id in session.execute(select(CorpusWork.work_id, CorpusWork.corpus_id).distinct()):
        corpora[work_id].add(corpus_id)
    for facts in each_fact(session, corpora) if corpora else ():
        where = ", ".join(sorted(corpus[:12] for corpus in corpora[facts.work_id]))
        mend = "build a new corpus, train on it, and stop using what was trained with the work"
        for withdrawal in facts.withdrawals:
            if withdrawal.effective_on <= on and known.at is None:
                message = f"'{facts.title}' was withdrawn and is in corpus {where}: {mend}"
                yield Finding("WITHDRAWN_IN_CORPUS", facts.work_id, message)
        for reservation in facts.reservations:
            held = in_term(reservation.seen_on, reservation.lifted_on, on)
            if held and Purpose.TRAIN in reservation.purposes:
                message = (
                    f"'{facts.title}' is reserved ({reservation.protocol}) and in corpus {where}: {mend}"
                )
                yield Finding("RESERVED_IN_CORPUS", facts.work_id, message, Severity.WARNING)


def _expired_in_use(session: Session, on: date) -> Iterator[Finding]:
    """Grants that cleared what a run was trained on, and that are over or nearly so."""
    runs: dict[str, set[str]] = defaultdict(set)
    for run_id, corpus_id in session.execute(select(Run.id, Run.corpus_id)):
        runs[corpus_id].add(run_id)
    works, users = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    statement = select(CorpusWork.corpus_id, CorpusWork.work_id, CorpusWork.grants)
    for corpus_id, work_id, grants in session.execute(statement.where(CorpusWork.corpus_id.in_(runs))):
        for grant_id in grants:
            works[grant_id].add(work_id)
            users[grant_id] |= runs[corpus_id]
    ending = select(Grant).where(Grant.ends_on.is_not(None), Grant.ends_on <= on + SOON)
    for grant in session.scalars(ending.order_by(Grant.id)):
        if grant.id in works and grant.ends_on is not None:
            yield _ending(grant, grant.ends_on, on, len(works[grant.id]), ", ".join(sorted(users[grant.id])))


def _ending(grant: Grant, ends_on: date, on: date, num_works: int, runs: str) -> Finding:
    what = f"the grant cleared {num_works} works of run {runs}"
    if ends_on > on:
        message = f"{what} and ends before {ends_on}: renew it in time"
        return Finding("GRANT_IN_USE_ENDS_SOON", grant.id, message, Severity.WARNING)
    if grant.post_term is PostTerm.MODELS_STAY:
        message = f"{what} and ended before {ends_on}; the contract lets trained models stay"
        return Finding("GRANT_IN_USE_EXPIRED", grant.id, message, Severity.INFO)
    told = "demands that trained models end" if grant.post_term else "says nothing of trained models"
    message = f"{what} and ended before {ends_on}, and the contract {told}: renew it, or train without it"
    return Finding("GRANT_IN_USE_EXPIRED", grant.id, message)


def _files(session: Session, store: FileStore) -> Iterator[Finding]:
    """Files that nothing names, and files that are named and gone."""
    encodings = {digest: name for digest, name in session.execute(select(Encoding.id, Encoding.file_name))}

    named = set(encodings)
    for column in (
        Agreement.document_sha256,
        Withdrawal.document_sha256,
        ImportBatch.digest,
        Generation.midi_sha256,
    ):
        named |= {digest for digest in session.scalars(select(column)) if digest is not None}
    held = set(store.digests())
    for digest in sorted(held - named):
        message = "the file is held and nothing names it: import what it belongs to, or delete it"
        yield Finding("ORPHAN_FILE", digest, message, Severity.WARNING)
    for digest in sorted(set(encodings) - held):
        message = f"the bytes of '{encodings[digest]}' are gone: import its folder again"
        yield Finding("FILE_MISSING", digest, message)
