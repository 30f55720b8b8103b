"""Which corpora are on record, what is in them, and why is the rest not?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from catalog.database import Base
from catalog.vocabulary import Origin, Purpose
from provenance.corpus.leaves import Leaf, corpus_id_of, corpus_record_body
from provenance.errors import NotRecordedError
from provenance.evidence.keys import SigningKey
from provenance.evidence.records import append
from provenance.tables import Corpus, CorpusExclusion, CorpusWork

ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file that is in a corpus: its line among the leaves, and how much it gives."""

    line: bytes
    examples: int
    events: int

    @property
    def leaf(self) -> Leaf:
        """What the corpus states of the file."""
        return Leaf.model_validate_json(self.line)


@dataclass(frozen=True, order=True, slots=True)
class Exclusion:
    """Why a work is not in a corpus; or, where `encoding_id` is not empty, why that file of it is not."""

    work_id: str
    encoding_id: str
    code: str
    message: str


def record_corpus(
    session: Session,
    key: SigningKey,
    *,
    manifest: dict[str, Any],
    files: Sequence[CorpusFile],
    exclusions: Sequence[Exclusion],
    built_at: datetime,
) -> Corpus:
    """The corpus on record, once however often it is recorded. Its id is the digest of its manifest."""
    corpus_id = corpus_id_of(manifest)
    known = session.get(Corpus, corpus_id)
    if known is not None:
        return known
    corpus = Corpus(
        id=corpus_id, purpose=Purpose(manifest["purpose"]), territory=manifest["territory"],
        cleared_on=date.fromisoformat(manifest["on"]), merkle_root=manifest["merkle_root"],
        works=manifest["works"], examples=manifest["examples"], events=manifest["events"],
        manifest=manifest, built_at=built_at,
    )  # fmt: skip
    session.add(corpus)
    session.flush()
    _insert(session, CorpusWork, (_row(corpus_id, file) for file in files))
    _insert(session, CorpusExclusion, ({"corpus_id": corpus_id, **asdict(e)} for e in exclusions))
    body = corpus_record_body(manifest)
    append(session, key, kind="corpus", subject_id=corpus_id, body=body, recorded_at=built_at)
    return corpus


def find_corpus(session: Session, corpus_id: str | None = None) -> Corpus:
    """The corpus of this id, or of an id that begins so; without one, the newest.

    Raises:
        NotRecordedError: there is none, or the beginning fits several.
    """
    if corpus_id is None:
        found = list(session.scalars(select(Corpus).order_by(Corpus.built_at.desc(), Corpus.id).limit(1)))
    else:
        begins = Corpus.id.startswith(corpus_id, autoescape=True)
        found = list(session.scalars(select(Corpus).where(begins).order_by(Corpus.id).limit(2)))
    if len(found) != 1:
        make_it = "contrafact corpus build --purpose train --territory EU"
        raise NotRecordedError("corpus", corpus_id or "(the newest)", make_it)
    return found[0]


def corpora_with(session: Session, work_id: str) -> list[Corpus]:
    """The corpora that a work is in, newest first."""
    held = select(CorpusWork.corpus_id).where(CorpusWork.work_id == work_id)
    query = select(Corpus).where(Corpus.id.in_(held)).order_by(Corpus.built_at.desc(), Corpus.id)
    return list(session.scalars(query))


def exclusions_of(session: Session, corpus_id: str) -> list[Exclusion]:
    """Why what is not in a corpus is not there."""
    rows = session.scalars(select(CorpusExclusion).where(CorpusExclusion.corpus_id == corpus_id))
    return sorted(Exclusion(row.work_id, row.encoding_id, row.code, row.message) for row in rows)


def count_excluded(exclusions: Iterable[Exclusion]) -> dict[str, int]:
    """How many works each code kept out, or kept files of out."""
    by_work = groupby(sorted(exclusions), key=attrgetter("work_id"))
    counts = Counter(code for _, same in by_work for code in {exclusion.code for exclusion in same})
    return dict(sorted(counts.items()))


def _insert(session: Session, table: type[Base], rows: Iterable[dict[str, Any]]) -> None:
    """Adds the rows, some at a time."""
    waiting = iter(rows)
    while some := list(islice(waiting, ROWS_AT_ONCE)):
        session.execute(insert(table), some)


def _row(corpus_id: str, file: CorpusFile) -> dict[str, Any]:
    leaf = file.leaf
    return {
        "corpus_id": corpus_id, "work_id": leaf.work_id, "encoding_id": leaf.encoding_id,
        "origin": Origin(leaf.origin), "licence": leaf.licence, "grants": leaf.grants,
        "examples": file.examples, "events": file.events,
    }  # fmt: skip
