"""From the catalogue to a corpus, and from a corpus to a proof."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from catalog.errors import CatalogError
from catalog.files import write_atomically
from catalog.works import find_work
from console.home import Home
from console.progress import Advance
from model.corpus import VerifiedCorpus, read_corpus
from model.notation import NotationReader
from provenance.corpus.build import BuiltCorpus, build_corpus
from provenance.corpus.music import Apply, Converter, Job
from provenance.corpus.plan import Order, plan_corpus
from provenance.corpus.prove import prove, verify_proof
from provenance.corpus.registry import find_corpus, record_corpus
from provenance.evidence.verification import Verification

R = TypeVar("R")
WORKERS = 2


@contextmanager
def reading_music(home: Home) -> Iterator[tuple[Converter, Apply]]:
    """What reads scores that are no MIDI, each once, and a `map` over all cores."""
    context = get_context("forkserver")
    with NotationReader(WORKERS) as reader, context.Pool(WORKERS) as pool:

        def apply(function: Callable[[Job], R], jobs: Iterable[Job]) -> Iterable[R]:
            return pool.imap(function, jobs, chunksize=4)

        yield Converter(f"verovio-{version('verovio')}", reader.read_all, home.folder("converted")), apply


def build(home: Home, order: Order, advance: Advance) -> BuiltCorpus:
    """A corpus of everything that is cleared as the order says, on disk and on record.

    What was read and cleared is taken in one transaction; scores that are no MIDI are converted once.
    """
    with home.session() as session:
        plan = plan_corpus(session, order)
    with reading_music(home) as (converter, apply):
        built = build_corpus(
            plan,
            store=home.files,
            corpora=home.folder("corpora"),
            converter=converter,
            apply=apply,
            readings=home.folder("readings"),
            progress=partial(_tell, advance),
        )
    with home.session() as session, session.begin():
        record_corpus(
            session,
            home.key,
            manifest=built.manifest,
            files=built.files,
            exclusions=built.exclusions,
            built_at=datetime.now(UTC),
        )
    return built


def _tell(advance: Advance, done: int, total: int) -> None:
    advance(done, total, "files")


def open_corpus(home: Home, corpus: str) -> VerifiedCorpus:
    """The corpus of this id, or of an id that begins so, after every byte of it was verified."""
    with home.session() as session:
        return read_corpus(home.folder("corpora") / find_corpus(session, corpus).id)


def prove_work(home: Home, corpus: str, name: str) -> tuple[Path, Verification, bool]:
    """The file that shows whether a work is in a corpus, what was checked of it, and whether it is in."""
    with home.session() as session:
        corpus_id = find_corpus(session, corpus).id
        work_id = _work_id(session, name)
    data = prove(home.folder("corpora") / corpus_id, work_id, home.key)
    path = home.folder("evidence") / f"{corpus_id[:16]}_{work_id}.proof.json"
    write_atomically(path, data)
    verification = verify_proof(data)
    return path, verification, any(check.name == "included" for check in verification.checks)


def _work_id(session: Session, name: str) -> str:
    """The id of a work of the catalogue; a name that the catalogue does not know is taken as an id."""
    try:
        return find_work(session, name)
    except CatalogError:
        return name
