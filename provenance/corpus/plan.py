"""Which files of the catalogue go into a corpus, and for what reasons do the others not?

Everything that a build needs of the database is read here, in one go; the build itself needs none.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from operator import attrgetter

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.clearance import Clearance, Objection, clear
from catalog.clearance_table import clear_catalogue
from catalog.facts import each_fact
from catalog.knowledge import NOW, Knowledge
from catalog.tables import Encoding, Work
from catalog.vocabulary import EncodingFormat, Origin, Purpose
from provenance.corpus.registry import Exclusion


@dataclass(frozen=True)
class Order:
    """What a corpus is for, where, and on which day it is cleared; for which model, and by what was known.

    `model` and `known` are for the cases in which grants name models, or a corpus of the past is asked for.
    """

    purpose: Purpose
    territory: str
    on: date
    model: str | None = None
    known: Knowledge = NOW


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of a work, with the grants that cleared it; a refused one has none."""

    work_id: str
    encoding_id: str
    format: EncodingFormat
    file_name: str
    origin: Origin
    genre: str
    licence: str
    grants: tuple[str, ...] = ()


@dataclass(frozen=True)
class CorpusPlan:
    """The files that were cleared and those that were refused, both by work and file, and every reason."""

    order: Order
    cleared: tuple[PlannedFile, ...]
    refused: tuple[PlannedFile, ...]
    exclusions: tuple[Exclusion, ...]


def plan_corpus(session: Session, order: Order) -> CorpusPlan:
    """What the catalogue, as it is now, gives for this order."""
    files = _files(session, order.known)
    cleared: dict[str, PlannedFile] = {}
    exclusions: list[Exclusion] = []
    for clearance in _clearances(session, order):
        for encoding in clearance.encodings:
            planned = files[encoding.encoding_id]
            cleared[planned.encoding_id] = replace(planned, grants=encoding.grants)
        exclusions += _exclusions(files, clearance)
    refused = [file for encoding_id, file in files.items() if encoding_id not in cleared]
    return CorpusPlan(order, _in_order(cleared.values()), _in_order(refused), tuple(sorted(exclusions)))


def merged(exclusions: Iterable[Exclusion]) -> Iterator[Exclusion]:
    """One exclusion for each work, file and code, with all that was said.

    Args:
        exclusions: in their order.
    """
    for _, same in groupby(exclusions, key=attrgetter("work_id", "encoding_id", "code")):
        first, *others = same
        said = sorted({first.message, *(other.message for other in others)})
        yield first if len(said) == 1 else replace(first, message="; ".join(said))


def _files(session: Session, known: Knowledge) -> dict[str, PlannedFile]:
    rows = session.execute(
        select(Encoding, Work.origin, Work.genre)
        .join(Work, Work.id == Encoding.work_id)
        .where(known.came(Encoding.batch_id))
        .order_by(Encoding.id)
    )
    return {
        encoding.id: PlannedFile(
            encoding.work_id, encoding.id, encoding.format, encoding.file_name, origin, genre or "",
            encoding.licence,
        )
        for encoding, origin, genre in rows
    }  # fmt: skip


def _clearances(session: Session, order: Order) -> Iterator[Clearance]:
    """The answer for every work: in columns where that can be done, else one after the other."""
    if order.model is None and order.known.at is None:
        return clear_catalogue(session, order.purpose, order.territory, order.on)
    return (
        clear(facts, order.purpose, order.territory, order.on, order.model)
        for facts in each_fact(session, known=order.known)
    )


def _exclusions(files: Container[str], clearance: Clearance) -> Iterator[Exclusion]:
    objections: tuple[Objection, ...] = (*clearance.objections, *clearance.refused)
    return merged(
        sorted(
            Exclusion(
                clearance.work_id, objection.about if objection.about in files else "", objection.code.value,
                objection.message,
            )
            for objection in objections
        )
    )  # fmt: skip


def _in_order(files: Iterable[PlannedFile]) -> tuple[PlannedFile, ...]:
    return tuple(sorted(files, key=lambda file: (file.work_id, file.encoding_id)))
