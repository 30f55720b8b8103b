"""What becomes of one damaged file, and did it give anybody a wrong share?"""

import shutil
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from benchmarks.fuzz_inputs import REVENUE_MINOR, RIGHTS, WHOLE, Damaged, works
from catalog.database import open_engine
from catalog.errors import CatalogError
from catalog.files import FileStore
from catalog.imports import import_file
from catalog.imports.options import ImportOptions, ImportReport
from catalog.shares import TOLERANCE_PPM, is_whole
from catalog.tables import Party, Share, Work, WorkIdentifier
from catalog.vocabulary import IdentifierScheme, Right, ShareKind
from console.steps.catalogue import inspect_music
from migrations import upgrade
from royalties.errors import RoyaltiesError
from royalties.tables import UsageTotalRow
from royalties.usage import UsageFormat, import_usage

AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
FORMATS = {"cwr": "cwr", "ack": "cwr", "csv": "csv", "parquet": "parquet", "ern": "ern"}
SUFFIXES = {"midi": "mid", "rights": "csv"}
WRONG_COLUMN = "UNKNOWN_COLUMN"  # a damaged heading takes its column with it, which is told

Claims = dict[tuple[str, Right], int]  # by IPI name number


class Outcome(StrEnum):
    """What became of an input. The last four are faults of ours."""

    WHOLE = "taken whole"
    FINDINGS = "taken with findings"
    REFUSED = "refused"
    WRONG_SHARE = "WRONG SHARE"
    TRACEBACK = "TRACEBACK"
    HANG = "HANG"
    CRASH = "CRASH"


BAD = (Outcome.WRONG_SHARE, Outcome.TRACEBACK, Outcome.HANG, Outcome.CRASH)


class Bench:
    """An empty catalogue in a folder of its own; every input is taken in and rolled back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine: Engine = open_engine(f"sqlite:///{folder / 'fuzz.db'}")
        upgrade(self.engine)

    def outcome(self, damaged: Damaged) -> tuple[Outcome, str]:
        """What became of the input, and a word more where that is a fault of ours."""
        if damaged.kind == "dsr":
            return self._usage(damaged)
        form, path = self._lay_out(damaged)
        with Session(self.engine) as session:
            try:
                report = import_file(
                    session, FileStore(self.folder / "files"), form, path,
                    imported_at=AT, options=ImportOptions(inspect=inspect_music),
                )  # fmt: skip
                wrong = wrong_share(session, damaged, report)
            except CatalogError as error:
                return (Outcome.REFUSED, "") if str(error) else (Outcome.TRACEBACK, "a refusal without words")
            finally:
                session.rollback()
                self._tidy(path)
        if wrong:
            return Outcome.WRONG_SHARE, wrong
        return (Outcome.FINDINGS if report.findings else Outcome.WHOLE), ""

    def _usage(self, damaged: Damaged) -> tuple[Outcome, str]:
        """The same for usage: money that is another without a word is as wrong as a share."""
        path = self.folder / "report.tsv"
        path.write_bytes(damaged.data)
        with Session(self.engine) as session:
            try:
                report = import_usage(session, self.folder / "files", UsageFormat.DSR, path, imported_at=AT)
                minor = session.scalar(select(func.sum(UsageTotalRow.revenue_minor))) or 0
            except RoyaltiesError as error:
                return (Outcome.REFUSED, "") if str(error) else (Outcome.TRACEBACK, "a refusal without words")
            finally:
                session.rollback()
                self._tidy(path)
        if not report.lines:
            return (Outcome.REFUSED, "") if report.findings else (Outcome.TRACEBACK, "nothing without words")
        if damaged.gentle and not report.quarantined and minor != REVENUE_MINOR:
            return Outcome.WRONG_SHARE, f"{REVENUE_MINOR} became {minor}"
        return (Outcome.FINDINGS if report.quarantined else Outcome.WHOLE), ""

    def _tidy(self, path: Path) -> None:
        for left in (path, self.folder / "files"):
            if left.is_dir():
                shutil.rmtree(left)

    def _lay_out(self, damaged: Damaged) -> tuple[str, Path]:
        if damaged.kind in FORMATS:
            path = self.folder / f"works.{damaged.kind}"
            path.write_bytes(damaged.data)
            return FORMATS[damaged.kind], path
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        rights = damaged.kind == "rights"
        name = f"a.{SUFFIXES.get(damaged.kind, damaged.kind)}" if not rights else "a.mid"
        (folder / name).write_bytes(WHOLE["midi"]() if rights else damaged.data)
        table = damaged.data if rights else RIGHTS.format(name=name).encode()
        (folder / "rights.csv").write_bytes(table)
        return "folder", folder


def wrong_share(session: Session, damaged: Damaged, report: ImportReport) -> str:
    """What is wrong with the shares of a work that could be paid, or nothing.

    Each right sums to a whole or to nothing. Where one bit was changed or the end is missing, every party has
    what the whole file gave it, within the tolerance of the standard. Of a right that the whole file gives to
    nobody nothing is asked: 00000 and 10000 are one bit apart in CWR, which has no check sums.
    """
    told = {finding.code for finding in report.findings}
    for number, claims, totals in _payable(session):
        for right, total in totals.items():
            if total and not is_whole(total):
                return f"{number} can be paid, and its {right} sums to {total}"
        given = _given().get(number)
        if not damaged.gentle or given is None or WRONG_COLUMN in told:
            continue
        rights = {right for _party, right in given}
        for key in given.keys() | {key for key in claims if key[1] in rights}:
            if abs(given.get(key, 0) - claims.get(key, 0)) > TOLERANCE_PPM:
                return f"{number} {key}: {given.get(key, 0)} became {claims.get(key, 0)}"
    return ""


def _payable(session: Session) -> list[tuple[str, Claims, dict[Right, int]]]:
    numbers = (
        select(WorkIdentifier.value, WorkIdentifier.work_id)
        .where(WorkIdentifier.scheme == IdentifierScheme.SUBMITTER)
        .distinct()
        .subquery()
    )
    statement = (
        select(numbers.c.value, Share.right, Share.share_ppm, Party.ipi_name_number)
        .join(Work, Work.id == numbers.c.work_id)
        .join(Share, Share.work_id == Work.id)
        .join(Party, Party.id == Share.party_id)
        .where(
            Work.payable,
            Share.kind == ShareKind.OWNERSHIP,
            Share.superseded_by.is_(None),
        )
    )
    claims: dict[str, Claims] = defaultdict(lambda: defaultdict(int))
    totals: dict[str, dict[Right, int]] = defaultdict(lambda: defaultdict(int))
    for number, right, share_ppm, ipi in session.execute(statement):
        totals[number][right] += share_ppm
        if ipi is not None and share_ppm:
            claims[number][ipi, right] += share_ppm
    return [(number, claims[number], totals[number]) for number in sorted(totals)]


@cache
def _given() -> dict[str, Claims]:
    """What each party has of each work in the whole files."""
    given: dict[str, Claims] = defaultdict(lambda: defaultdict(int))
    for work in works():
        for share in work.shares:
            if share.kind is ShareKind.OWNERSHIP and share.right is not None:
                given[str(work.number)][str(share.party.ipi_name_number), share.right] += share.share_ppm
    return given
