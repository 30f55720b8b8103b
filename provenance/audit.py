"""Do the tables still say what was written down about them?

The chain of records cannot be changed without the key; the tables beside it can. Here each row is compared
with its record. A row that says something else, or of which nothing was written down, is a finding.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Finding
from provenance.attributions import attribution_record_body
from provenance.canonical import canonical, digest
from provenance.corpus.leaves import corpus_id_of, corpus_record_body
from provenance.errors import ChainError
from provenance.evidence.keys import PublicKey
from provenance.evidence.records import verify_chain
from provenance.generations import generation_values, rendering_body
from provenance.runs import run_values
from provenance.tables import (
    Attribution,
    AttributionShare,
    Corpus,
    CorpusWork,
    Generation,
    Record,
    Rendering,
    Run,
)


def audit_records(session: Session, key: PublicKey) -> list[Finding]:
    """Everything about which tables and records disagree; nothing where all is as it was written down."""
    try:
        verify_chain(session, key)
    except ChainError as error:
        return [Finding("CHAIN", "record", str(error))]
    return [
        *_unsaid(session, "corpus", _corpora(session)),
        *_unsaid(session, "run", _runs(session)),
        *_unsaid(session, "generation", _generations(session)),
        *_unsaid(session, "rendering", _renderings(session)),
        *_unsaid(session, "attribution", _attributions(session)),
        *_shares(session),
        *_files(session),
    ]


def _unsaid(session: Session, kind: str, rows: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[Finding]:
    """Rows that say other than any record about them; records without a row."""
    records = session.scalars(select(Record).where(Record.kind == kind))
    said = {(record.subject_id, record.body) for record in records}
    found = {(subject, canonical(body).decode("utf-8")) for subject, body in rows}
    for subject, _ in sorted(found - said):
        message = f"the row of this {kind} says other than what was written down when it came to be"
        yield Finding("ROW_CHANGED", subject, message)
    for subject, _ in sorted(said - found):
        yield Finding("ROW_MISSING", subject, f"what was written down about this {kind} is in no row")


def _corpora(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    for corpus in session.scalars(select(Corpus)):
        body = corpus_record_body(corpus.manifest)
        body.update(
            purpose=corpus.purpose.value, territory=corpus.territory, on=corpus.cleared_on.isoformat(),
            merkle_root=corpus.merkle_root, works=corpus.works, examples=corpus.examples,
            events=corpus.events,
        )  # fmt: skip
        yield corpus.id, body


def _runs(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    for run in session.scalars(select(Run)):
        yield run.id, run_values(session, run).body()


def _generations(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    for generation in session.scalars(select(Generation)):
        yield generation.id, generation_values(generation).body()


def _renderings(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    for rendering in session.scalars(select(Rendering)):
        body = rendering_body(rendering.generation_id, rendering.sound_bank, rendering.files)
        yield rendering.generation_id, body


def _attributions(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    for attribution in session.scalars(select(Attribution)):
        body = attribution_record_body(digest(attribution.body), attribution.generation_id)
        yield attribution.id, body


def _shares(session: Session) -> Iterator[Finding]:
    """Attributions whose rows of shares, or whose own columns, differ from the body that their id names."""
    for attribution in session.scalars(select(Attribution).order_by(Attribution.id)):
        rows = session.scalars(
            select(AttributionShare)
            .where(AttributionShare.attribution_id == attribution.id)
            .order_by(AttributionShare.work_id)
        )
        shares = [
            {
                "work_id": row.work_id, "share_ppm": row.share_ppm, "low_ppm": row.low_ppm,
                "high_ppm": row.high_ppm, "influence": row.influence,
            }
            for row in rows
        ]  # fmt: skip
        columns = {
            "method": attribution.method, "unattributed_ppm": attribution.unattributed_ppm,
            "reliability": attribution.reliability, "shares": shares,
        }  # fmt: skip
        if columns != {name: attribution.body[name] for name in columns}:
            message = "its columns or rows of shares differ from the body that its id is the digest of"
            yield Finding("SHARES_CHANGED", attribution.id, message)


def _files(session: Session) -> Iterator[Finding]:
    """Corpora whose manifest, or number of works, is not that of their id."""
    for corpus in session.scalars(select(Corpus).order_by(Corpus.id)):
        held = session.scalars(select(CorpusWork.work_id).where(CorpusWork.corpus_id == corpus.id).distinct())
        works = len(list(held))
        if corpus_id_of(corpus.manifest) != corpus.id or works != corpus.works:
            message = (
                f"{works} works are on record for it, its manifest states {corpus.manifest.get('works')}"
            )
            yield Finding("CORPUS_CHANGED", corpus.id, message)
