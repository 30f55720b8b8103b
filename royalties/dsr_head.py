"""What do the head, the summaries, the foot and the name of a sales report say of its lines?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from catalog.findings import Finding, Severity
from royalties.dsr_columns import PROFILES, Profile, Record, find_profile
from royalties.money import EXPONENTS, parse_minor
from royalties.periods import Period, parse_period

MAX_TOTAL_MINOR = 10**17
MAX_USAGES = 10**18

_WHOLE = re.compile(r"(-?[0-9]{1,18})(\.0*)?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}", re.ASCII)
_NUMBERING = re.compile(r"([0-9]{1,6})of([0-9]{1,6})", re.ASCII)
_NAME_PARTS = 8
_OF_REPORT = ("NumberOfLinesInReport", "NumberOfBlocksInReport", "NumberOfBlocksInRecord")
_PAID_BY_THE_PIECE = "PayAsYouGoModel"


class FaultError(ValueError):
    """One cell cannot be read; the message says what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Head:
    """What holds for all lines of a report."""

    profile: Profile
    message_id: str
    service: str
    starts_on: date
    ends_on: date
    file_number: int
    num_files: int
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a summary record says of the lines that point at it.

    `amount_minor` is their revenue and `usages` their number. `of_licensors` are what the licensors' amounts
    sum to, by the cells of `SummaryCells.of_licensors`.
    """

    id: str
    line: int
    territory: str
    use_type: str
    service: str
    currency: str
    used_on: date
    usages: int
    amount_minor: int
    of_licensors: tuple[int, ...]
    of_service: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of everything a file holds."""

    lines: int
    summaries: int
    blocks: int


def named_cells(record: Record, cells: Sequence[str]) -> Mapping[str, str]:
    """The cells of a line by name; those that are left out at its end are empty.

    Raises:
        FaultError: it has fewer cells than are mandatory, or more than there are.
    """
    if not record.num_required <= len(cells) <= len(record.cells):
        expected = f"{record.num_required} to {len(record.cells)}"
        raise FaultError(f"{record.type} has {len(cells)} cells; expected {expected}")
    return dict(zip(record.cells, [*cells, *[""] * (len(record.cells) - len(cells))], strict=True))


def parse_head(cells: Sequence[str]) -> Head:
    """The head of a report.

    Raises:
        FaultError: it is no head, its profile is not read here, or its days are not in one month.
    """
    if cells[0] != "HEAD" or len(cells) < 4:
        raise FaultError(f"the first record is {cells[0][:40]!r}; expected HEAD with profile and version")
    profile = find_profile(cells[2], cells[3])
    if profile is None:
        known = ", ".join(f"{each.name} {each.version}" for each in PROFILES)
        raise FaultError(f"the profile is {cells[2][:60]!r} {cells[3][:20]!r}; those that are read: {known}")
    named = named_cells(profile.records["HEAD"], cells)
    if not named["MessageVersion"].startswith("dsrf/"):
        raise FaultError(f"MessageVersion is {named['MessageVersion'][:40]!r}; expected dsrf/ and a number")
    for cell in ("MessageId", "SenderName"):
        if not named[cell]:
            raise FaultError(f"{cell} is empty")
    starts_on, ends_on = _first_day(named["UsageStartDate"]), _last_day(named["UsageEndDate"])
    if starts_on > ends_on or (starts_on.year, starts_on.month) != (ends_on.year, ends_on.month):
        raise FaultError(
            f"the report is of {starts_on} to {ends_on}; expected both days in one month, as money is "
            "distributed by the month"
        )
    number, of = whole_number(named, "FileNumber"), whole_number(named, "NumberOfFiles")
    if not 1 <= number <= of:
        raise FaultError(f"the file is number {number} of {of}")
    service = named["ServiceDescription"] or named["SenderName"]
    sender = named["SenderPartyId"] or named["SenderName"]
    return Head(profile, named["MessageId"], service, starts_on, ends_on, number, of, sender)


def parse_summary(head: Head, cells: Sequence[str], line: int) -> Summary:
    """A summary record.

    Raises:
        FaultError: its money does not follow its lines, or a cell of it cannot be read.
    """
    spec = head.profile.summaries.get(cells[0])
    if spec is None:
        raise FaultError(
            f"summaries of type {cells[0][:20]!r} hold money that does not follow the lines of usage; "
            f"{head.profile.name} is read with {', '.join(head.profile.summaries)}"
        )
    named = named_cells(head.profile.records[cells[0]], cells)
    by_amount = head.profile.by_amount
    if named["CommercialModel"] == _PAID_BY_THE_PIECE and not by_amount:
        raise FaultError(
            f"CommercialModel is {_PAID_BY_THE_PIECE}, and no line says its revenue: usages of different "
            "prices cannot share it; ask for the financial profile"
        )
    usages, revenue = spec.usages, spec.revenue
    if spec.allocated and any(named[cell] for cell in spec.allocated):
        usages, revenue = spec.allocated
    currency = named[spec.currency]
    if currency not in EXPONENTS:
        raise FaultError(f"{spec.currency} is {currency[:20]!r}; expected three letters of ISO 4217")
    return Summary(
        id=named["SummaryRecordId"],
        line=line,
        territory=named["Territory"],
        use_type=named["UseType"],
        service=named["ServiceDescription"] or head.service,
        currency=currency,
        used_on=_within(head, _last_day(named[spec.ends_on])) if spec.ends_on else head.ends_on,
        usages=whole_number(named, usages),
        amount_minor=_amount(named, revenue, currency),
        of_licensors=tuple(_amount(named, cell, currency) for _, cell in spec.of_licensors),
        of_service=not by_amount and revenue == spec.revenue,
    )


def check_foot(head: Head, cells: Sequence[str], counts: Counts, whole: Counts) -> list[str]:
    """What the foot says otherwise than the file, and the `whole` report, is.

    Summaries may be counted in the file or in the report: the standard was not seen to say which [M].
    """
    record = head.profile.records[head.profile.foot]
    try:
        named = named_cells(record, cells)
        said = {cell: whole_number(named, cell) for cell in record.cells[1:] if named[cell]}
    except FaultError as error:
        return [str(error)]
    found = {
        "NumberOfLinesInFile": counts.lines,
        "NumberOfLinesInReport": whole.lines,
        "NumberOfSummaryRecords": counts.summaries,
        "NumberOfBlocksInFile": counts.blocks,
        "NumberOfBlocksInReport": whole.blocks,
        "NumberOfBlocksInRecord": whole.blocks,
    }
    faults = [f"{cell} is empty" for cell in (record.cells[1], "NumberOfSummaryRecords") if cell not in said]
    for cell, number in found.items():
        either = {number, whole.summaries} if cell == "NumberOfSummaryRecords" else {number}
        if cell in said and said[cell] not in either:
            what = "report" if cell in _OF_REPORT and head.num_files > 1 else "file"
            faults.append(f"{cell} is {said[cell]:,}, the {what} has {number:,}")
    return faults


def check_name(file: str, head: Head) -> Finding | None:
    """What the name of a file says otherwise than its head.

    Source: DDEX DSR, Part 1, clause 9.1: `DSR_Recipient_Sender_Service_Period_Territory_xofy_Created.tsv`.
    """
    parts = file.split("_")
    numbering = _NUMBERING.fullmatch(parts[6]) if len(parts) == _NAME_PARTS and parts[0] == "DSR" else None
    if numbering is None:
        message = "the name is not DSR_Recipient_Sender_Service_Period_Territory_xofy_Created.tsv"
        return Finding("FILE_NAME", file, message, Severity.INFO)
    if (int(numbering[1]), int(numbering[2])) != (head.file_number, head.num_files):
        message = f"the name says file {parts[6]}, the head file {head.file_number} of {head.num_files}"
        return Finding("FILE_NUMBER", file, message)
    return None


def whole_number(named: Mapping[str, str], cell: str) -> int:
    """The integer in a cell; decimals that are all zero do no harm.

    Raises:
        FaultError: there is none.
    """
    found = _WHOLE.fullmatch(named[cell])
    if found is None or abs(int(found[1])) > MAX_USAGES:
        raise FaultError(f"{cell} is {named[cell][:40]!r}; expected an integer")
    return int(found[1])


def _amount(named: Mapping[str, str], cell: str, currency: str) -> int:
    text = named[cell]
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    try:
        amount_minor = parse_minor(plain, currency)
    except ValueError as error:
        raise FaultError(f"{cell} is {text[:40]!r}; expected a whole amount of {currency}") from error
    if abs(amount_minor) > MAX_TOTAL_MINOR:
        raise FaultError(f"{cell} is {text[:40]!r}, which is out of range")
    return amount_minor


def _within(head: Head, on: date) -> date:
    if not head.starts_on <= on <= head.ends_on:
        raise FaultError(f"the summary is of {on}, which is not within {head.starts_on} to {head.ends_on}")
    return on


def _first_day(text: str) -> date:
    return _days(text)[0]


def _last_day(text: str) -> date:
    return _days(text)[1]


def _days(text: str) -> tuple[date, date]:
    """The first and the last day that a text such as 2026, 2026-10 or 2026-10-31 stands for."""
    if _DAY.fullmatch(text) is None:
        raise FaultError(f"{text[:40]!r} is no day; expected YYYY-MM-DD, YYYY-MM or YYYY")
    try:
        if len(text) == len("2026-10-31"):
            return date.fromisoformat(text), date.fromisoformat(text)
        months = [_month(text)] if "-" in text else [_month(f"{text}-01"), _month(f"{text}-12")]
        return months[0].starts_on, months[-1].ends_before_on - timedelta(days=1)
    except ValueError as error:
        raise FaultError(f"{text[:40]!r} is no day of the calendar") from error


def _month(text: str) -> Period:
    return parse_period(text)
