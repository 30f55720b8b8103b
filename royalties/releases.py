"""As what were generations released, so that usage that names an ISRC is usage of a generation?

A line of usage may name an ISRC, or another's id, instead of a generation. It is counted under that name
(`isrc:` and the ISRC) and becomes usage of the generation when money is divided: what is said later is found
by a restatement. A file that says it is taken in whole or not at all; a newer file goes before an older one.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.findings import Finding, Severity
from catalog.identifiers import parse_isrc
from royalties.tables import UsageTotalRow, add_rows
from royalties.usage_lines import ISRC_PREFIX
from royalties.usage_tables import ReleaseBatch, ReleasedGeneration

COLUMNS: Mapping[str, str] = {
    "isrc": "ISRC of the recording, with or without hyphens; may be empty where there is a proprietary_id",
    "proprietary_id": "id by which a service or distributor reports it: letters, digits, _ . : -, up to 128",
    "generation": "id of the generation that it is",
    "from": "first day on which it is that one, YYYY-MM-DD",
    "title": "title of the release, up to 300 printable characters; may be empty or left out",
}
"""The columns of a file of releases, in any order; `isrc` or `proprietary_id` must be there, `title` may."""

MAX_FILE_BYTES = 256 * 2**20
MAX_NAMES = 500

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TITLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]{0,300}")


@dataclass(frozen=True, slots=True)
class Release:
    """From a day on, what is reported as `reported_as` is a generation."""

    reported_as: str
    generation: str
    starts_on: date
    title: str


@dataclass(frozen=True, slots=True)
class ReleasesReport:
    """What became of a file: `batch` is empty if it could not be read, `releases` 0 if it was refused."""

    batch: str
    releases: int
    findings: tuple[Finding, ...]


def import_releases(
    session: Session, path: Path, generations: Collection[str], *, imported_at: datetime
) -> ReleasesReport:
    """Takes in a file of releases, within the caller's transaction; the same file again changes nothing.

    Args:
        generations: those that are known here; a release of another one is a fault, and so is an id that is
            one of them.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        return ReleasesReport("", 0, (Finding("UNREADABLE_FILE", str(path), message),))
    batch_id = hashlib.sha256(data).hexdigest()
    known = session.get(ReleaseBatch, batch_id)
    if known is not None:
        return ReleasesReport(batch_id, known.num_releases, ())
    releases, findings = parse_releases(data, path.name, generations)
    if findings:
        return ReleasesReport(batch_id, 0, tuple(findings))
    batch = ReleaseBatch(
        id=batch_id,
        number=(session.scalar(select(func.max(ReleaseBatch.number))) or 0) + 1,
        file_name=path.name,
        num_releases=len(releases),
        imported_at=imported_at,
    )
    session.add(batch)
    session.flush()
    rows = [
        {
            "batch_id": batch_id,
            "reported_as": each.reported_as,
            "starts_on": each.starts_on,
            "generation_id": each.generation,
            "title": each.title,
        }
        for each in releases
    ]
    add_rows(session, ReleasedGeneration, rows)
    return ReleasesReport(batch_id, len(releases), ())


def parse_releases(
    data: bytes, file: str, generations: Collection[str]
) -> tuple[list[Release], list[Finding]]:
    """The releases in a CSV file, one for each name of a line, and everything that is wrong with it."""
    if len(data) > MAX_FILE_BYTES:
        return [], [Finding("FILE_TOO_LARGE", file, f"has more than {MAX_FILE_BYTES:,} bytes")]
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return [], [Finding("NO_CSV", file, f"is no CSV in UTF-8: {error}")]
    header = rows[0] if rows else []
    findings = _check_header(header, f"{file}:1")
    if findings:
        return [], findings
    releases: dict[tuple[str, date], Release] = {}
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cells):
            continue
        where = f"{file}:{number}"
        if len(cells) != len(header):
            message = f"{len(cells)} fields; expected {len(header)}, as in the header"
            findings.append(Finding("FIELDS", where, message))
            continue
        for each in _parse_row(dict(zip(header, cells, strict=True)), where, generations, findings):
            if releases.setdefault((each.reported_as, each.starts_on), each) is not each:
                message = f"{each.reported_as} from {each.starts_on} is there twice"
                findings.append(Finding("DUPLICATE_RELEASE", where, message))
    if not releases and not findings:
        findings.append(Finding("NO_RELEASES", file, "there is no release in the file"))
    return list(releases.values()), findings


def _check_header(header: list[str], where: str) -> list[Finding]:
    findings = [
        Finding("MISSING_COLUMN", where, f"expected one column {name}: {COLUMNS[name]}")
        for name in ("generation", "from")
        if header.count(name) != 1
    ]
    if not {"isrc", "proprietary_id"} & set(header):
        findings.append(Finding("MISSING_COLUMN", where, "expected a column isrc or proprietary_id"))
    twice = sorted({name for name in header if header.count(name) > 1} - {"generation", "from"})
    findings += [Finding("DUPLICATE_COLUMN", where, f"column {name!r} is there twice") for name in twice]
    return findings


def _parse_row(
    row: Mapping[str, str], where: str, generations: Collection[str], findings: list[Finding]
) -> list[Release]:
    given, own, generation = row.get("isrc", ""), row.get("proprietary_id", ""), row["generation"]
    isrc, on, title = parse_isrc(given) if given else "", _day(row["from"]), row.get("title", "")
    faults = {
        "isrc": isrc is None,
        "proprietary_id": not (given or own) or bool(own and _ID.fullmatch(own) is None),
        "generation": _ID.fullmatch(generation) is None,
        "from": on is None,
        "title": _TITLE.fullmatch(title) is None,
    }
    for name in (name for name, is_fault in faults.items() if is_fault):
        message = f"{name} is {row.get(name, '')[:100]!r}; expected {COLUMNS[name]}"
        findings.append(Finding(name.upper(), where, message))
    unknown = not faults["generation"] and generation not in generations
    if unknown:
        message = f"generation {generation} is none of this home: a release is of one that was made here"
        findings.append(Finding("UNKNOWN_GENERATION", where, message))
    if own in generations:
        message = f"proprietary_id {own} is the id of a generation itself; its usage is counted as its own"
        findings.append(Finding("ID_OF_GENERATION", where, message))
    if on is None or isrc is None or any(faults.values()) or unknown or own in generations:
        return []
    names = ([f"{ISRC_PREFIX}{isrc}"] if isrc else []) + ([own] if own else [])
    return [Release(name, generation, on, title) for name in names]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def has_releases(session: Session) -> bool:
    """Whether anybody has said as what a generation was released."""
    return session.execute(select(ReleaseBatch.id).limit(1)).first() is not None


def unmapped_isrcs(session: Session, batch: str) -> list[Finding]:
    """Which ISRCs of a usage file are those of no released generation yet."""
    row = UsageTotalRow
    query = (
        select(row.generation_id, func.sum(row.num_lines))
        .where(
            row.batch_id == batch,
            row.generation_id.startswith(ISRC_PREFIX, autoescape=True),
            row.generation_id.not_in(select(ReleasedGeneration.reported_as)),
        )
        .group_by(row.generation_id)
        .order_by(row.generation_id)
    )
    return [
        Finding(
            "UNMAPPED_ISRC",
            name.removeprefix(ISRC_PREFIX),
            f"{int(num_lines):,} lines name it, and nobody has said which generation it is: they count, and "
            "their money waits as UNMATCHED_WORK until 'contrafact royalties releases FILE' says it",
            Severity.INFO,
        )
        for name, num_lines in session.execute(query)
    ]


def read_resolver(session: Session, names: Collection[str]) -> Callable[[str, date], str]:
    """Which generation is meant by a name on a day; a name of which nothing is said stands for itself.

    Of several that hold, the one of the latest first day counts, and of the same day the newest file's.
    """
    row = ReleasedGeneration
    query = select(row.reported_as, row.starts_on, ReleaseBatch.number, row.generation_id).join(
        ReleaseBatch, ReleaseBatch.id == row.batch_id
    )
    if len(names) <= MAX_NAMES:
        query = query.where(row.reported_as.in_(sorted(names)))
    found: dict[str, list[tuple[date, int, str]]] = {}
    for name, starts_on, number, generation in session.execute(query):
        found.setdefault(name, []).append((starts_on, number, generation))

    def resolve(name: str, used_on: date) -> str:
        holding = [each for each in found.get(name, ()) if each[0] <= used_on]
        return max(holding)[2] if holding else name

    return resolve
