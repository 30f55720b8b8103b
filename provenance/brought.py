"""May attribution that was computed elsewhere go on record, and what is wrong with the rest?

It goes on record as our own does: named by the digest of all that it says, signed, and paid on as a policy
says. Who computed it, by which method and in which file, is part of what is signed. A generation of which any
row is at fault is left out whole: a share that is missing would be paid to others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from catalog.lines import storable
from catalog.tables import Work
from provenance.attributions import WHOLE_PPM, AttributionValues, WorkShare, record_attribution
from provenance.brought_files import COLUMNS, ScoreFile, UnusableScoresError, read_scores
from provenance.canonical import digest
from provenance.evidence.keys import SigningKey
from provenance.tables import Generation, RunExposure, ScoreBatch, ScoreQuarantine

BATCH_TYPE = "contrafact.score-batch/1"
PAY_BY_INFLUENCE = "influence"
MAX_LISTED = 1_000
"""How many faults a report lists; the quarantine holds all of them."""

ASKED_AT_ONCE = 500
FAULT_SCHEMA = {
    "row": pl.Int64, "generation": pl.String, "code": pl.String, "found": pl.String, "expected": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScoreSource:
    """Who computed the shares, by which method, in which version of it."""

    provider: str
    method: str
    version: str

    def __post_init__(self) -> None:
        for text in (self.provider, self.method, self.version):
            if not (0 < len(text) <= 100 and text.isprintable() and text == text.strip()):
                raise ValueError(f"{text[:120]!r} is no name: expected 1 to 100 printable characters")

    def __str__(self) -> str:
        return f"{self.method}/{self.version} by {self.provider}"


@dataclass(frozen=True, slots=True)
class Known:
    """What is on record of the things that a file names.

    Args:
        run_of: of each generation the run that made it.
        works_of: of each run the works that it saw; those held out of its corpus are not among them.
        works: the works that the catalogue holds.
    """

    run_of: Mapping[str, str]
    works_of: Mapping[str, frozenset[str]]
    works: frozenset[str]


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What became of a file of shares: how many attributions are on record, how many generations left out.

    `batch` is empty where the file could not be used.
    """

    batch: str
    attributions: int
    quarantined: int
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing was left out or refused."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def import_scores(
    session: Session, key: SigningKey, path: Path, source: ScoreSource, *, imported_at: datetime
) -> ScoreReport:
    """Takes in a file of shares, within the caller's transaction; taken in again it changes nothing.

    What was left out before is looked at again, as what it names may be on record by now.
    """
    try:
        file = read_scores(path)
    except UnusableScoresError as error:
        return ScoreReport("", 0, 0, error.findings)
    faults = find_faults(file.rows, _known(session, file.rows))
    num_attributions = 0
    for values in attributions_of(file, faults, source):
        record_attribution(session, key, values, imported_at)
        num_attributions += 1
    batch = _batch(session, path, file, source, imported_at)
    batch.num_attributions, batch.num_quarantined = num_attributions, _left_out(faults)
    _keep_faults(session, batch, faults)
    findings = (*file.remarks, *_listed(faults, batch.file_name))
    return ScoreReport(batch.id, num_attributions, batch.num_quarantined, findings)


def batch_of(file_sha256: str, source: ScoreSource) -> str:
    """The id of what one provider says in one file."""
    return digest({"type": BATCH_TYPE, "file_sha256": file_sha256, **_told(source)})


def find_faults(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Every row that cannot be used, with its first fault, and every generation with more than the whole."""
    judged = _judged(rows, known)
    faults = [_row_faults(judged), _sum_faults(judged)]
    return pl.concat(faults).sort("row", "code")


def attributions_of(
    file: ScoreFile, faults: pl.DataFrame, source: ScoreSource
) -> Iterator[AttributionValues]:
    """The attribution of each generation of which no row is at fault; what no work has is unattributed.

    Where no interval is stated it is the widest, as nothing is known of how sure the share is.
    """
    whole = file.rows.join(faults.select("generation").unique(), on="generation", how="anti")
    stated = whole.drop_nulls("generation").with_columns(
        pl.col("low_ppm").fill_null(0),
        pl.col("high_ppm").fill_null(WHOLE_PPM),
        pl.col("influence").fill_null(""),
    )
    for [generation], own in stated.group_by("generation", maintain_order=True):
        columns = ("work", "share_ppm", "low_ppm", "high_ppm", "influence")
        shares = [WorkShare(*row) for row in own.select(columns).iter_rows()]
        yield AttributionValues(
            generation_id=str(generation),
            method=str(source),
            shares=shares,
            unattributed_ppm=WHOLE_PPM - sum(share.share_ppm for share in shares),
            reliability={"verdict": PAY_BY_INFLUENCE, "reason": f"as declared by {source.provider}"},
            details={**_told(source), "file_sha256": file.sha256},
        )


def _told(source: ScoreSource) -> dict[str, Any]:
    return {"provider": source.provider, "method": source.method, "version": source.version}


def _judged(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The rows with what is known of what they name."""
    generations = pl.DataFrame(
        {"generation": list(known.run_of), "run": list(known.run_of.values())},
        schema={"generation": pl.String, "run": pl.String},
    )
    held = [(run, work) for run, works in known.works_of.items() for work in works]
    schema = {"run": pl.String, "work": pl.String}
    pairs = pl.DataFrame(held, schema=schema, orient="row").with_columns(held=True)
    joined = rows.join(generations, on="generation", how="left", maintain_order="left")
    joined = joined.join(pairs, on=["run", "work"], how="left", maintain_order="left")
    return joined.with_columns(
        known=pl.col("work").is_in(sorted(known.works)),
        first=pl.struct("generation", "work").is_first_distinct(),
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """What must hold of a row, and what is said of one of which it does not hold."""

    code: str
    column: str
    ok: pl.Expr
    expected: str


def _checks() -> tuple[_Check, ...]:
    share, low, high = pl.col("share_ppm"), pl.col("low_ppm"), pl.col("high_ppm")
    decimal = pl.col("influence").str.contains(r"\A-?[0-9]{1,60}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,3})?\z")
    trained_on = "a work that the generation's model was trained on"
    return (
        _Check("UNKNOWN_GENERATION", "generation", pl.col("run").is_not_null(), COLUMNS["generation"]),
        _Check("UNKNOWN_WORK", "work", pl.col("known"), "id of a work of this catalogue"),
        _Check("WORK_NOT_TRAINED_ON", "work", pl.col("held"), f"{trained_on}: nothing is paid for another"),
        _Check("SHARE_RANGE", "share_ppm", share.is_between(0, WHOLE_PPM), COLUMNS["share_ppm"]),
        _Check("INTERVAL", "low_ppm", low.is_null() | low.is_between(0, share), COLUMNS["low_ppm"]),
        _Check(
            "INTERVAL", "high_ppm", high.is_null() | high.is_between(share, WHOLE_PPM), COLUMNS["high_ppm"]
        ),
        _Check("INFLUENCE", "influence", pl.col("influence").is_null() | decimal, COLUMNS["influence"]),
        _Check("DUPLICATE_ROW", "work", pl.col("first"), "each work of a generation once"),
    )


def _row_faults(judged: pl.DataFrame) -> pl.DataFrame:
    checks = _checks()
    numbers = [
        pl.when(~check.ok.fill_null(False)).then(pl.lit(number, pl.Int32))
        for number, check in enumerate(checks)
    ]
    faulty = judged.with_columns(fault=pl.coalesce(numbers)).drop_nulls("fault")
    rows = []
    for row in faulty.iter_rows(named=True):
        check = checks[row["fault"]]
        value = row[check.column]
        found = f"{check.column} is missing" if value is None else f"{check.column} {str(value)!r}"
        rows.append((row["row"], row["generation"], check.code, found, f"{check.column}: {check.expected}"))
    return pl.DataFrame(rows, schema=FAULT_SCHEMA, orient="row")


def _sum_faults(judged: pl.DataFrame) -> pl.DataFrame:
    """Generations that more than the whole is given of, each at its first row."""
    countable = judged.filter(pl.col("share_ppm").is_between(0, WHOLE_PPM), pl.col("run").is_not_null())
    sums = countable.group_by("generation").agg(pl.col("row").min(), total=pl.col("share_ppm").sum())
    return sums.filter(pl.col("total") > WHOLE_PPM).select(
        "row",
        "generation",
        code=pl.lit("SHARES_OVER_WHOLE"),
        found=pl.format("shares of generation {} that sum to {}", "generation", "total"),
        expected=pl.lit("share_ppm: together at most 1,000,000 for each generation"),
    )


def _known(session: Session, rows: pl.DataFrame) -> Known:
    """What is on record of the generations and works that the rows name."""
    run_of: dict[str, str] = {}
    for some in _in_parts(rows["generation"]):
        query = select(Generation.id, Generation.run_id)
        run_of |= {row[0]: row[1] for row in session.execute(query.where(Generation.id.in_(some)))}
    works_of = {
        run: frozenset(session.scalars(select(RunExposure.work_id).where(RunExposure.run_id == run)))
        for run in sorted(set(run_of.values()))
    }
    works: set[str] = set()
    for some in _in_parts(rows["work"]):
        works |= set(session.scalars(select(Work.id).where(Work.id.in_(some))))
    return Known(run_of, works_of, frozenset(works))


def _in_parts(names: pl.Series) -> Iterator[list[str]]:
    """Different names that a database can be asked for, so many at once."""
    distinct = names.drop_nulls().unique().sort()
    for start in range(0, len(distinct), ASKED_AT_ONCE):
        yield [storable(name) for name in distinct.slice(start, ASKED_AT_ONCE)]


def _batch(
    session: Session, path: Path, file: ScoreFile, source: ScoreSource, imported_at: datetime
) -> ScoreBatch:
    """The batch on record, as it was when the file first came; or a new one."""
    batch_id = batch_of(file.sha256, source)
    return session.get(ScoreBatch, batch_id) or ScoreBatch(
        id=batch_id,
        **_told(source),
        file_name=storable(path.name),
        file_sha256=file.sha256,
        imported_at=imported_at,
    )


def _keep_faults(session: Session, batch: ScoreBatch, faults: pl.DataFrame) -> None:
    """The quarantine of a batch, in the place of what an earlier look at the same file left."""
    session.add(batch)
    session.execute(delete(ScoreQuarantine).where(ScoreQuarantine.batch_id == batch.id))
    session.flush()
    session.add_all(
        ScoreQuarantine(
            batch_id=batch.id, row_number=fault["row"], code=fault["code"],
            generation_id=storable(fault["generation"] or ""), found=storable(fault["found"]),
            expected=fault["expected"],
        )
        for fault in faults.iter_rows(named=True)
    )  # fmt: skip
    session.flush()


def _left_out(faults: pl.DataFrame) -> int:
    """How many generations are left out; rows that name none are one."""
    return faults["generation"].n_unique()


def _listed(faults: pl.DataFrame, file: str) -> Sequence[Finding]:
    listed = [
        Finding(
            fault["code"], f"{file}:{fault['row']}", f"found {fault['found']}; expected {fault['expected']}"
        )
        for fault in faults.head(MAX_LISTED).iter_rows(named=True)
    ]
    if faults.height > MAX_LISTED:
        message = f"{faults.height - MAX_LISTED:,} more faults are in quarantine"
        listed.append(Finding("MORE_ROWS", file, message, Severity.INFO))
    return listed
