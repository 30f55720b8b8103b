"""May each work of the whole catalogue be used, answered in columns?

The answers are those of `catalog.clearance.clear`, to the last letter. Works are read many at a time, a
handful of statements for each lot, and get a key: everything that their answer depends on but for names.
Works with the same key get their answer from one template (`catalog.clearance_template`); a key that was not
met before is asked of `clear` itself. So are works that were reserved or withdrawn, each by itself.

Memory does not grow with the works: it holds one lot, every party's name once, and the templates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl
from sqlalchemy import Select, Text, select, type_coerce
from sqlalchemy.orm import Session

from catalog.clearance import NEEDED_RIGHTS, Clearance, WorkFacts, clear
from catalog.clearance_template import Names, Template, make_template
from catalog.facts import load_facts
from catalog.tables import (
    Encoding,
    Grant,
    GrantWork,
    Party,
    Representation,
    Reservation,
    Share,
    Withdrawal,
    Work,
    WorkCredit,
)
from catalog.vocabulary import Purpose, Right, ShareKind

LOT = 40_000
MAX_TEMPLATES = (
    200_000  # more are forgotten and made again, so that a strange catalogue cannot fill the memory
)

Key = tuple[Any, ...]


def clear_catalogue(session: Session, purpose: Purpose, territory: str, on: date) -> Iterator[Clearance]:
    """The answer for every work, in the order of the work ids, one lot of works in memory at a time.

    `clear(facts, …) for facts in each_fact(session)` gives the same, more slowly. An objection about a file
    has the file's id in `about`; a corpus need not load the facts to tell it from one about the work.

    Args:
        session: reads only.
        purpose: as `clear`.
        territory: as `clear`.
        on: as `clear`.

    Raises:
        UnknownTerritoryError: as `clear`, when the first work is asked for that has such a territory.
    """
    question = _Question(purpose, territory, on)
    parties, alone = _parties(session), _asked_alone(session)
    known = _Known()
    for lot in _lots(session):
        yield from _clear_lot(session, question, lot, parties, alone, known)


@dataclass(frozen=True)
class _Question:
    purpose: Purpose
    territory: str
    on: date

    @property
    def rights(self) -> tuple[Right, ...]:
        return NEEDED_RIGHTS[self.purpose]

    def answer(self, facts: WorkFacts) -> Clearance:
        return clear(facts, self.purpose, self.territory, self.on)


@dataclass
class _Known:
    """What was met so far: numbers for rows of shares and files, and a template (or None) for each key."""

    numbers: dict[Key, int] = field(default_factory=dict)
    templates: dict[Key, Template | None] = field(default_factory=dict)

    def number(self, rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """The rows with a column `number`: equal exactly where the columns are."""
        distinct = rows.select(columns).unique()
        numbers = [self.numbers.setdefault(row, len(self.numbers)) for row in distinct.rows()]
        numbered = distinct.with_columns(pl.Series("number", numbers, pl.Int64))
        return rows.join(numbered, on=list(columns), how="left", nulls_equal=True, maintain_order="left")


def _clear_lot(
    session: Session,
    question: _Question,
    lot: pl.DataFrame,
    parties: pl.DataFrame,
    alone: frozenset[str],
    known: _Known,
) -> Iterator[Clearance]:
    if len(known.templates) > MAX_TEMPLATES:
        known.templates.clear()
    first, last = lot["work"][0], lot["work"][-1]
    shares = _shares(session, question, first, last, parties, known)
    table = (
        lot.join(shares, on="work", how="left", maintain_order="left")
        .join(_encodings(session, first, last, known), on="work", how="left", maintain_order="left")
        .join(_listed(session, first, last), on="work", how="left", maintain_order="left")
    )
    keys = table.select("domain", "domain_from_on", "payable", "share_key", "file_key", "listed").rows()
    ids = lot["work"].to_list()
    slow = _learn(session, question, ids, keys, alone, known)
    named = ("work", "title", "parties", "names", "encodings", "files")
    for key, row in zip(keys, table.select(named).iter_rows(), strict=True):
        template = None if row[0] in slow else known.templates[key]
        if template is None:
            yield question.answer(slow[row[0]])
        else:
            yield template.fill(row[0], Names(row[0], row[1], *(each or () for each in row[2:])).values())


def _learn(
    session: Session,
    question: _Question,
    ids: Sequence[str],
    keys: Sequence[Key],
    alone: frozenset[str],
    known: _Known,
) -> dict[str, WorkFacts]:
    """Every key of the lot has its template; the facts of the works that must be asked by themselves."""
    by_key = {key: work_id for work_id, key in zip(ids, keys, strict=True) if work_id not in alone}
    new = {work_id: key for key, work_id in by_key.items() if key not in known.templates}
    for facts in load_facts(session, new):
        known.templates[new[facts.work_id]] = make_template(facts, question.rights, question.answer)
    slow = [
        work_id
        for work_id, key in zip(ids, keys, strict=True)
        if work_id in alone or known.templates[key] is None
    ]
    return {facts.work_id: facts for facts in load_facts(session, slow)}


def _lots(session: Session) -> Iterator[pl.DataFrame]:
    columns = (Work.id, Work.title, Work.public_domain_in, Work.public_domain_from_on, Work.payable)
    schema = {
        "work": pl.String, "title": pl.String, "domain": pl.String, "domain_from_on": pl.Date,
        "payable": pl.Boolean,
    }  # fmt: skip
    last = ""
    while True:
        lot = _frame(session, select(*columns).where(Work.id > last).order_by(Work.id).limit(LOT), schema)
        if lot.is_empty():
            return
        yield lot
        last = lot["work"][-1]


def _shares(
    session: Session, question: _Question, first: str, last: str, parties: pl.DataFrame, known: _Known
) -> pl.DataFrame:
    """For each work its shares as a key, and the parties and names that the key does not tell."""
    statement = (
        select(
            Share.work_id, Share.party_id, type_coerce(Share.right, Text), Share.share_ppm, Share.territory,
            Share.starts_on, Share.ends_on,
        )
        .where(
            Share.work_id.between(first, last),
            Share.kind == ShareKind.OWNERSHIP,
            Share.right.in_(question.rights),
            Share.superseded_by.is_(None),
        )
        .order_by(Share.work_id, Share.right, Share.party_id, Share.id)
    )  # fmt: skip
    schema = {
        "work": pl.String, "party": pl.String, "right": pl.String, "share_ppm": pl.Int64,
        "territory": pl.String, "starts_on": pl.Date, "ends_on": pl.Date,
    }  # fmt: skip
    rows = (
        _frame(session, statement, schema)
        .join(parties, on="party", how="left", maintain_order="left")
        .join(_speakers(session, first, last), on=("work", "party"), how="left", maintain_order="left")
        .with_columns(
            pl.col("party").rank("dense").over("work").alias("which_party"),
            pl.col("name").rank("dense").over("work").alias("which_name"),
        )
    )
    said = (
        "which_party", "which_name", "licensor", "speakers", "right", "share_ppm", "territory", "starts_on",
        "ends_on",
    )  # fmt: skip
    return (
        known.number(rows, said)
        .group_by("work", maintain_order=True)
        .agg(
            pl.col("number").cast(pl.String).str.join(" ").alias("share_key"),
            pl.col("party").unique().sort().alias("parties"),
            pl.col("name").unique().sort().alias("names"),
        )
    )


def _speakers(session: Session, first: str, last: str) -> pl.DataFrame:
    """For each work and writer those who represent the writer and have granted something."""
    statement = select(Representation.work_id, Representation.writer_id, Representation.publisher_id).where(
        Representation.work_id.between(first, last),
        Representation.publisher_id.in_(select(Grant.licensor_id)),
    )
    schema = {"work": pl.String, "party": pl.String, "publisher": pl.String}
    return (
        _frame(session, statement, schema)
        .group_by("work", "party")
        .agg(pl.col("publisher").sort().str.join(" ").alias("speakers"))
    )


def _encodings(session: Session, first: str, last: str, known: _Known) -> pl.DataFrame:
    """For each work its files as a key: their licences, and which have the same file name or none."""
    statement = (
        select(Encoding.work_id, Encoding.id, Encoding.licence, Encoding.file_name)
        .where(Encoding.work_id.between(first, last))
        .order_by(Encoding.work_id, Encoding.id)
    )
    schema = {"work": pl.String, "encoding": pl.String, "licence": pl.String, "file": pl.String}
    named = pl.col("file").replace("", None)
    rows = _frame(session, statement, schema).with_columns(
        named, named.rank("dense").over("work").alias("which_file")
    )
    return (
        known.number(rows, ("licence", "which_file"))
        .group_by("work", maintain_order=True)
        .agg(
            pl.col("number").cast(pl.String).str.join(" ").alias("file_key"),
            pl.col("encoding").alias("encodings"),
            pl.col("file").drop_nulls().unique().sort().alias("files"),
        )
    )


def _listed(session: Session, first: str, last: str) -> pl.DataFrame:
    """For each work the grants that name it."""
    statement = select(GrantWork.work_id, GrantWork.grant_id).where(GrantWork.work_id.between(first, last))
    return (
        _frame(session, statement, {"work": pl.String, "grant": pl.String})
        .group_by("work")
        .agg(pl.col("grant").sort().str.join(" ").alias("listed"))
    )


def _parties(session: Session) -> pl.DataFrame:
    """Every party with its name, and its own id once more in `licensor` where it has granted something."""
    granted = _frame(session, select(Grant.licensor_id).distinct(), {"party": pl.String})
    named = _frame(session, select(Party.id, Party.name), {"party": pl.String, "name": pl.String})
    return named.join(granted.with_columns(pl.col("party").alias("licensor")), on="party", how="left")


def _asked_alone(session: Session) -> frozenset[str]:
    """The works that something withholds, and perhaps a few more."""
    reserving = select(Reservation.party_id).where(Reservation.party_id.is_not(None))
    statements = (
        select(Withdrawal.work_id),
        select(Reservation.work_id).where(Reservation.work_id.is_not(None)),
        select(Encoding.work_id).where(
            Encoding.id.in_(select(Reservation.encoding_id).where(Reservation.encoding_id.is_not(None)))
        ),
        select(Share.work_id).where(Share.party_id.in_(reserving)),
        select(WorkCredit.work_id).where(WorkCredit.party_id.in_(reserving)),
    )
    return frozenset(work_id for statement in statements for work_id in session.scalars(statement) if work_id)


def _frame(session: Session, statement: Select[*tuple[Any, ...]], schema: dict[str, Any]) -> pl.DataFrame:
    columns = list(zip(*session.execute(statement).all(), strict=True)) or [()] * len(schema)
    return pl.DataFrame(
        {
            name: pl.Series(values, dtype=kind)
            for (name, kind), values in zip(schema.items(), columns, strict=True)
        }
    )
