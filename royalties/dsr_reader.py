"""How is a DDEX sales report read as lines of usage?

The head says the profile and the month, a summary the territory, the service, the currency and the sums, a
block what the resources are, and a record of usage how often one of them was used. A report is read in parts,
each column by column. At the end what its lines come to is compared with its summaries and with the counts of
its foot: a report that disagrees with itself is refused as a whole.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import polars as pl

from catalog.findings import Finding, Severity
from royalties.dsr_columns import Profile
from royalties.dsr_head import (
    Counts,
    FaultError,
    Head,
    check_name,
    parse_head,
    parse_summary,
)
from royalties.dsr_lines import read_lines, split_lines
from royalties.dsr_records import (
    RELEASE_SCHEMA,
    RESOURCE_SCHEMA,
    licensors_of,
    name_by_preceding,
    name_by_reference,
    releases_of,
    resources_of,
    split_late,
    usages_of,
    whole_records,
)
from royalties.dsr_report import MAX_SUMMARIES, MAX_TOLD, ReadFile, Report
from royalties.dsr_sums import Sums, exact_amount
from royalties.dsr_usage import check_usages, summary_frame, weigh_usages
from royalties.usage_files import UnusableFileError, open_unpacked
from royalties.usage_lines import FAULT_SCHEMA, Chunk, no_lines

MAX_RESOURCES = 1_000_000


def read_dsr(path: Path) -> Iterator[Chunk]:
    """The lines of usage of a sales report in one file, plain or gzip, in UTF-8.

    Raises:
        UnusableFileError: its profile is not read here, it is cut off or one of several files, or its counts
            or sums are not what its lines come to; nothing that was read before may then be used.
    """
    report = Report()
    yield from read_file(path, report)
    yield Chunk(*no_lines(), report.finish())


def read_file(path: Path, report: Report) -> Iterator[Chunk]:
    """The lines of usage of one file of a report; they may be used when the whole report is finished.

    Raises:
        UnusableFileError: it can be read no further.
    """
    with open_unpacked(path) as stream:
        reading = _Reading(path.name, report)
        for lines in read_lines(stream):
            yield reading.take(lines)
        report.files.append(reading.finish())


class _Reading:
    """One file while it is read: what is known of it so far, and what is carried over to the next part."""

    def __init__(self, file: str, report: Report) -> None:
        self._file = file
        self._report = report
        self._head: Head | None = None
        self._num_summaries = 0
        self._sums: Sums | None = None
        self._foot: tuple[int, list[str]] | None = None
        self._line = 0
        self._last_line = 0
        self._run = 0
        self._block: str | None = None
        self._used_run = -1
        self._resources = pl.DataFrame(schema=RESOURCE_SCHEMA)
        self._releases = pl.DataFrame(schema=RELEASE_SCHEMA)

    def take(self, lines: pl.Series) -> Chunk:
        """What one part of the report holds."""
        first_line = self._line + 1
        self._line += len(lines)
        filled = (lines != "").arg_true()
        if len(filled):
            self._last_line = first_line + int(filled[-1])
        records = split_lines(lines, first_line)
        if self._head is None:
            records = self._take_head(records)
        if self._head is None or records.is_empty():
            return Chunk(*no_lines())
        records = self._take_foot(records, self._head.profile)
        records = self._take_summaries(records, self._head)
        if records.is_empty():
            return Chunk(*no_lines())
        return self._take_body(records, self._head)

    def _take_head(self, records: pl.DataFrame) -> pl.DataFrame:
        if records.is_empty():
            return records
        row = records.row(0, named=True)
        try:
            self._head = parse_head(row["cells"] or [""])
        except FaultError as error:
            raise UnusableFileError(Finding("HEAD", f"{self._file}:{row['line']}", str(error))) from error
        named = check_name(self._file, self._head)
        if named is not None:
            is_fault = named.severity is Severity.ERROR
            (self._report.blocking if is_fault else self._report.told).append(named)
        return records[1:]

    def _take_foot(self, records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
        if self._foot is not None:
            self._refuse("AFTER_FOOT", int(records["line"][0]), f"a record follows {profile.foot}")
        foots = records.filter(pl.col("type") == profile.foot)
        if foots.is_empty():
            return records
        row = foots.row(0, named=True)
        self._foot = (row["line"], row["cells"])
        if row["line"] != records["line"][-1]:
            self._refuse("AFTER_FOOT", row["line"] + 1, f"a record follows {profile.foot}")
        return records.filter(pl.col("line") < row["line"])

    def _take_summaries(self, records: pl.DataFrame, head: Head) -> pl.DataFrame:
        is_summary = pl.col("type").str.starts_with("SY").fill_null(value=False)
        summaries, body = records.filter(is_summary), records.filter(~is_summary)
        for row in summaries.iter_rows(named=True):
            self._num_summaries += 1
            if self._num_summaries > MAX_SUMMARIES:
                self._refuse("SUMMARY", row["line"], f"there are more than {MAX_SUMMARIES:,} summaries")
            if self._sums is not None or (body.height and row["line"] > body["line"][0]):
                self._refuse("SUMMARY", row["line"], "a summary follows another record")
            self._take_summary(row["cells"], row["line"], head)
        if body.height:
            self._begin_body(head)
        return body

    def _take_summary(self, cells: list[str], line: int, head: Head) -> None:
        try:
            summary = parse_summary(head, cells, line)
            self._report.add_summary(summary, self._file)
        except FaultError as error:
            self._block_with("SUMMARY", line, str(error))
            return
        if summary.of_service and not any(each.code == "NET_REVENUE" for each in self._report.told):
            message = (
                "NetRevenue is taken as the revenue of the lines; see that it is not the whole service's"
            )
            self._report.told.append(Finding("NET_REVENUE", self._at(line), message, Severity.WARNING))

    def _begin_body(self, head: Head) -> Sums:
        if self._sums is None:
            self._sums = self._report.sums(head)
        return self._sums

    def _take_body(self, records: pl.DataFrame, head: Head) -> Chunk:
        profile, sums = head.profile, self._begin_body(head)
        records, refused = whole_records(records, profile)
        records = self._with_runs(records, profile)
        usages = usages_of(records, profile)
        usages, late = self._name(usages, records, profile)
        summaries = summary_frame(list(self._report.summaries.values()))
        usages = sums.share(weigh_usages(usages, summaries, profile))
        self._add_licensors(records, profile, summaries, sums)
        self._look_at(usages, profile)
        chunk = check_usages(usages, head)
        refused = pl.concat([refused, late, chunk.refused]).sort("line")
        for row in refused.head(MAX_TOLD - len(self._report.bad)).iter_rows(named=True):
            message = f"found {row['found']}; expected {row['expected']}"
            self._report.bad.append(Finding(row["code"], self._at(row["line"]), message))
        return Chunk(chunk.accepted, refused)

    def _with_runs(self, records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
        """The records with the number of the block that each is in."""
        if not profile.has_blocks or records.is_empty():
            return records.with_columns(run=pl.lit(0, pl.Int64))
        block = pl.col("cells").list.get(1)
        begins = block.ne_missing(block.shift(1, fill_value=pl.lit(self._block, pl.String)))
        records = records.with_columns(run=begins.cast(pl.Int64).cum_sum() + self._run)
        self._block, self._run = records["cells"][-1][1], int(records["run"][-1])
        return records

    def _name(
        self, usages: pl.DataFrame, records: pl.DataFrame, profile: Profile
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The usages with their generations, and the resources that came too late to be referred to."""
        resources, late = resources_of(records, profile), pl.DataFrame(schema=FAULT_SCHEMA)
        if profile.by_preceding:
            resources = pl.concat([self._resources, resources])
            self._resources = resources.filter(pl.col("run") == self._run).tail(1)
            return name_by_preceding(usages, resources), late
        resources, late = split_late(resources, usages, self._used_run)
        resources = pl.concat([self._resources, resources])
        releases = pl.concat([self._releases, releases_of(records, profile)])
        self._resources = resources.filter(pl.col("run") == self._run)
        self._releases = releases.filter(pl.col("run") == self._run)
        if max(self._resources.height, self._releases.height) > MAX_RESOURCES:
            self._refuse(
                "BLOCK", self._line, f"a block has more than {MAX_RESOURCES:,} resources or releases"
            )
        used = int(usages["run"][-1]) if usages.height else self._used_run
        self._used_run = used if used == self._run else -1
        return name_by_reference(usages, resources, releases), late

    def _add_licensors(
        self, records: pl.DataFrame, profile: Profile, summaries: pl.DataFrame, sums: Sums
    ) -> None:
        for spec in profile.summaries.values():
            cells = tuple(cell for cell, _ in spec.of_licensors)
            lines = licensors_of(records, profile, cells).join(summaries, on="summary_id", how="inner")
            for place, cell in enumerate(cells):
                exact = lines.select("summary", exact=exact_amount(cell, "currency"))
                sums.add_licensors(exact, place)

    def _look_at(self, usages: pl.DataFrame, profile: Profile) -> None:
        """Notes what makes the parts of a summary's revenue doubtful, where the lines share it by units."""
        if profile.by_amount:
            return
        reasons = {
            "returns are reported, and nothing says which usages brought the revenue": (
                pl.col("returns").is_not_null() & ~pl.col("returns").str.contains(r"\A0+(\.0*)?\z")
            ),
            "a usage bears no royalty, and nothing says which usages brought the revenue": (
                pl.col("bearing").str.to_lowercase() != "true"
            ),
            "usages are negative and cannot share a revenue": pl.col("units") < 0,
        }
        for reason, holds in reasons.items():
            found = usages.filter(holds)
            if found.height and len(self._report.blocking) < MAX_TOLD:
                self._block_with("REVENUE", int(found["line"][0]), reason)

    def finish(self) -> ReadFile:
        """What the file held, now that it is at its end.

        Raises:
            UnusableFileError: there was nothing in it.
        """
        if self._head is None:
            raise UnusableFileError(
                Finding("EMPTY_FILE", self._file, "there is no record; expected HEAD first")
            )
        self._begin_body(self._head)
        counts = Counts(self._last_line, self._num_summaries, self._run)
        return ReadFile(self._file, self._head, self._foot, counts)

    def _at(self, line: int) -> str:
        return f"{self._file}:{line}"

    def _block_with(self, code: str, line: int, message: str) -> None:
        self._report.blocking.append(Finding(code, self._at(line), message))

    def _refuse(self, code: str, line: int, message: str) -> NoReturn:
        raise UnusableFileError(Finding(code, self._at(line), message), *self._report.blocking[:MAX_TOLD])
