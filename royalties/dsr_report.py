"""What is known of a sales report while it is read, whether it comes in one file or in several?

The files of a report share its summaries and its sums: a summary may stand in one of them, or the same in
several. Only when the last has been read can be said whether the report holds together.

Source: DDEX DSR, Part 1, on FileNumber and NumberOfFiles. Whether the files of one report have the same
MessageId was not seen to be said [M]; both are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from catalog.findings import Finding
from royalties.dsr_head import Counts, FaultError, Head, Summary, check_foot, parse_head
from royalties.dsr_lines import read_lines, split_lines
from royalties.dsr_sums import Sums
from royalties.usage_files import UnusableFileError, open_unpacked

MAX_SUMMARIES = 10_000
MAX_TOLD = 100
"""How many bad lines are told of a report that is refused as a whole."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file of a report that was read to its end: its head, its foot with its place, what it holds."""

    file: str
    head: Head
    foot: tuple[int, list[str]] | None
    counts: Counts


@dataclass(slots=True)
class Report:
    """What the files of a report said so far."""

    summaries: dict[str, Summary] = field(default_factory=dict)
    files: list[ReadFile] = field(default_factory=list)
    told: list[Finding] = field(default_factory=list)
    blocking: list[Finding] = field(default_factory=list)
    bad: list[Finding] = field(default_factory=list)
    _places: dict[str, str] = field(default_factory=dict)
    _sums: Sums | None = None

    def add_summary(self, summary: Summary, file: str) -> None:
        """Adds a summary; another file may say the same one again.

        Raises:
            FaultError: the file has it twice, or another file has it otherwise.
        """
        earlier = self.summaries.get(summary.id)
        if earlier is None:
            if len(self.summaries) >= MAX_SUMMARIES:
                raise FaultError(f"there are more than {MAX_SUMMARIES:,} summaries")
            self.summaries[summary.id] = summary
            self._places[summary.id] = file
        elif self._places[summary.id] == file:
            raise FaultError(f"SummaryRecordId {summary.id[:60]!r} is there twice")
        elif replace(summary, line=earlier.line) != earlier:
            raise FaultError(
                f"SummaryRecordId {summary.id[:60]!r} says something else in {self._places[summary.id]}"
            )

    def sums(self, head: Head) -> Sums:
        """What the lines of each summary came to so far."""
        if self._sums is None:
            self._sums = Sums((), by_amount=head.profile.by_amount)
        self._sums.extend(list(self.summaries.values()))
        return self._sums

    def finish(self) -> tuple[Finding, ...]:
        """What was remarked on in a report that holds together.

        Raises:
            UnusableFileError: it does not.
        """
        faults = [
            *self.blocking,
            *check_parts([(each.file, each.head) for each in self.files]),
            *self._foot_faults(),
        ]
        for summary, words in self.sums(self.files[0].head).faults() if self.files else ():
            where = f"{self._places[summary.id]}:{summary.line}"
            faults.append(Finding("SUMMARY_SUM", where, f"summary {summary.id[:60]!r}: {words}"))
        if faults:
            raise UnusableFileError(*faults[:MAX_TOLD], *self.bad)
        return tuple(self.told)

    def _foot_faults(self) -> list[Finding]:
        whole = Counts(
            sum(each.counts.lines for each in self.files),
            sum(each.counts.summaries for each in self.files),
            sum(each.counts.blocks for each in self.files),
        )
        faults = []
        for each in self.files:
            if each.foot is None:
                message = f"there is no {each.head.profile.foot}: the report is cut off"
                faults.append(Finding("NO_FOOT", each.file, message))
                continue
            line, cells = each.foot
            faults += [
                Finding("FOOT", f"{each.file}:{line}", fault)
                for fault in check_foot(each.head, cells, each.counts, whole)
            ]
        return faults


def check_parts(heads: Sequence[tuple[str, Head]]) -> list[Finding]:
    """Why files with these heads are not all the files of one report."""
    if not heads:
        return []
    first_file, first = heads[0]
    faults = []
    for file, head in heads[1:]:
        for name in ("profile", "num_files", "sender", "starts_on", "ends_on"):
            if getattr(head, name) != getattr(first, name):
                message = f"{name.replace('_', ' ')} is not that of {first_file}: no file of the same report"
                faults.append(Finding("OTHER_REPORT", file, message))
    numbers = [head.file_number for _, head in heads]
    for file, head in heads:
        if numbers.count(head.file_number) > 1:
            message = f"there is more than one file {head.file_number} of {head.num_files}"
            faults.append(Finding("FILE_TWICE", file, message))
    missing = [str(number) for number in range(1, first.num_files + 1) if number not in numbers]
    if missing:
        message = (
            f"the report is in {first.num_files:,} files, and {len(missing):,} of them are not here "
            f"({', '.join(missing[:20])}): name all of them in one command"
        )
        faults.append(Finding("MISSING_FILE", first_file, message))
    return faults


def order_files(paths: Sequence[Path]) -> tuple[list[Path], list[Finding]]:
    """The files of a report in the order of their numbers, and why they are not a whole one.

    Files whose heads cannot be read go first; reading them tells why.
    """
    unread, heads = [], []
    for path in paths:
        cells = head_cells_of(path)
        try:
            heads.append((path, parse_head(cells or [""])))
        except FaultError:
            unread.append(path)
    heads.sort(key=lambda each: (each[1].file_number, each[0].name))
    faults = [] if unread else check_parts([(path.name, head) for path, head in heads])
    return [*sorted(unread), *(path for path, _ in heads)], faults


def head_cells_of(path: Path) -> list[str] | None:
    """The cells of the first record of a file, or nothing where there is none to be read."""
    try:
        with open_unpacked(path) as stream:
            for lines in read_lines(stream):
                records = split_lines(lines.head(MAX_TOLD), 1)
                cells = records["cells"][0] if records.height else None
                return None if cells is None else list(cells)
    except (OSError, UnusableFileError):
        return None
    return None


def message_id_of(path: Path) -> str:
    """The `MessageId` in the head of a report, or nothing where there is no head to be read."""
    cells = head_cells_of(path) or []
    return cells[4] if len(cells) > 4 and cells[0] == "HEAD" else ""
