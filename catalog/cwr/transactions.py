"""Which records of a CWR file belong together, and is the file whole?

A transaction counts only when the record that follows it was seen: of a file that was cut off, the last
transaction may lack shares, so it is refused rather than taken with less.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from catalog.cwr.fields import FieldError, Record, decode
from catalog.cwr.layouts import LAYOUTS, SHARE_RECORDS, TRANSACTIONS, UNUSED
from catalog.findings import Finding, Severity
from catalog.lines import Line, lines, shown
from catalog.records import Fault, Place

ANSWERS = "ACK"  # the group of a society's answers
SUPPORTED_GROUPS = TRANSACTIONS | {ANSWERS}


@dataclass
class Transaction:
    """The registration of one work: its header, the records under it, and what could not be read."""

    header: Record
    sender: str
    records: list[Record] = field(default_factory=list)
    complete: bool = True  # False where a record about shares is missing or unreadable
    next_record: int = 1


@dataclass
class Answer:
    """What a society answers to one registration of ours, and its messages to it."""

    header: Record
    society: str
    messages: list[Record] = field(default_factory=list)


@dataclass
class _State:
    """What the reader remembers between lines."""

    file_name: str
    sender: str = ""
    society: str = ""
    group: str | None = None
    open: Transaction | None = None
    answer: Answer | None = None
    not_kept: Counter[str] = field(default_factory=Counter)
    lost: str | None = None  # sequence of a transaction whose header could not be read
    last_line: Line | None = None
    transactions: int = 0
    group_transactions: int = 0
    group_records: int = 0
    records: int = 0
    groups: int = 0
    ended: bool = False

    def place(self, line: Line) -> Place:
        return Place(self.file_name, line.number, line.start, line.end)


Step = Transaction | Answer | Fault | Finding


def read_transactions(stream: BinaryIO, file_name: str) -> Iterator[Step]:
    """The transactions of a file in order, and between them what is wrong with it."""
    state = _State(file_name)
    for line in lines(stream):
        if not line.data.strip() or line.data == b"\x1a":
            continue
        if state.last_line is None and not line.data.startswith(b"HDR"):
            yield Fault("NOT_CWR", state.place(line), shown(line.data, 20), "an HDR record at the beginning")
            return
        state.last_line = line
        yield from _step(state, line)
    yield from _end(state)
    if state.not_kept:
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(state.not_kept.items()))
        message = f"{told} records were read and not kept: they say nothing about shares"
        yield Finding("RECORDS_NOT_KEPT", file_name, message, Severity.INFO)


def _step(state: _State, line: Line) -> Iterator[Step]:
    kind = line.data[:3].decode("latin-1")
    state.records += 1
    state.group_records += 1
    if line.too_long or (not line.whole and kind != "TRL"):
        code = "LINE_TOO_LONG" if line.too_long else "TRUNCATED_LINE"
        yield Fault(code, state.place(line), shown(line.data), "a whole record of at most 540 characters")
        if state.open is not None:
            state.open.complete = False
    elif kind in _CONTROL:
        yield from _flush(state)
        yield from _control(state, kind, line)
    elif state.group == ANSWERS:
        yield from _answer(state, kind, line)
    elif state.group is not None and state.group not in SUPPORTED_GROUPS:
        _count(state, opens=kind == state.group)
    elif kind in TRANSACTIONS:
        yield from _flush(state)
        yield from _open(state, kind, line)
    else:
        yield from _add(state, kind, line)


def _read(state: _State, kind: str, line: Line) -> Record | Fault:
    try:
        return Record(kind, decode(kind, line.data), state.place(line))
    except FieldError as error:
        return Fault("INVALID_FIELD", state.place(line), error.found, error.expected)


def _count(state: _State, *, opens: bool) -> None:
    """A record was seen; where it opens a transaction, that counts."""
    state.transactions += opens
    state.group_transactions += opens


def _answer(state: _State, kind: str, line: Line) -> Iterator[Step]:
    """A record of an answer: the answer itself, a message, or the work as the society registered it.

    The last is not taken for a registration: the society is not whom we have our works from.
    """
    if kind == ANSWERS:
        yield from _flush(state)
        _count(state, opens=True)
    if kind not in LAYOUTS and kind not in UNUSED:
        yield Fault("UNKNOWN_RECORD", state.place(line), shown(line.data), "a record type of CWR 2.1 or 2.2")
        return
    if kind not in (ANSWERS, "MSG"):
        state.not_kept[f"{kind} (within ACK)"] += 1
        return
    record = _read(state, kind, line)
    if isinstance(record, Fault):
        yield record
    elif kind == ANSWERS:
        state.answer = Answer(record, state.society)
    elif state.answer is None or record.number("transaction_seq") != state.answer.header.number(
        "transaction_seq"
    ):
        expected = "a message of the ACK record above it"
        yield Fault("RECORD_WITHOUT_WORK", state.place(line), shown(line.data), expected)
    else:
        state.answer.messages.append(record)


def _open(state: _State, kind: str, line: Line) -> Iterator[Step]:
    _count(state, opens=True)
    record = _read(state, kind, line)
    if isinstance(record, Record):
        state.open, state.lost = Transaction(record, state.sender), None
    else:
        state.lost = line.data[3:11].decode("latin-1")
        yield record


def _add(state: _State, kind: str, line: Line) -> Iterator[Step]:
    owner = state.open
    sequence = line.data[3:11].decode("latin-1")
    if owner is None or sequence.strip() != f"{owner.header.number('transaction_seq'):08d}":
        expected = "a record of the transaction that is open"
        yield Fault("RECORD_WITHOUT_WORK", state.place(line), shown(line.data), expected)
        if owner is not None and _is_next(owner, line):
            owner.complete = False
        return
    yield from _gap(state, owner, line)
    if kind in UNUSED:
        state.not_kept[kind] += 1
    elif kind not in LAYOUTS:
        owner.complete = False
        yield Fault("UNKNOWN_RECORD", state.place(line), shown(line.data), "a record type of CWR 2.1 or 2.2")
    else:
        record = _read(state, kind, line)
        if isinstance(record, Record):
            owner.records.append(record)
        else:
            owner.complete = owner.complete and kind not in SHARE_RECORDS
            yield record


def _gap(state: _State, owner: Transaction, line: Line) -> Iterator[Finding]:
    """Records are numbered from the header on: where numbers are left out, one about shares may be lost."""
    cell = line.data[11:19]
    number = int(cell) if cell.isdigit() else owner.next_record
    if number > owner.next_record:
        owner.complete = False
        title, expected = owner.header.text("work_title"), owner.next_record
        message = f"record {number} of '{title}' stands where {expected} should: a share may be missing"
        yield Finding("RECORD_MISSING", str(state.place(line)), message)
    owner.next_record = number + 1


def _is_next(owner: Transaction, line: Line) -> bool:
    """Whether a record with a strange transaction number continues the numbering of the open one."""
    last = owner.records[-1] if owner.records else owner.header
    return line.data[11:19] == f"{last.number('record_seq') + 1:08d}".encode()


def _flush(state: _State) -> Iterator[Step]:
    if state.open is not None:
        yield state.open
    if state.answer is not None:
        yield state.answer
    state.open = state.answer = None


def _control(state: _State, kind: str, line: Line) -> Iterator[Step]:
    if kind == "HDR":
        if state.sender:
            yield Fault("SECOND_HEADER", state.place(line), "another HDR record", "one, at the beginning")
        else:
            state.sender = _sender(line.data)
            state.society = state.sender[-3:] if line.data[3:5] == b"SO" else state.sender
        return
    record = _read(state, kind, line)
    if isinstance(record, Fault):
        yield record
    elif kind == "GRH":
        yield from _open_group(state, record)
    elif kind == "GRT":
        told = (record.number("transaction_count"), record.number("record_count"))
        yield from _compare(record, told, (state.group_transactions, state.group_records))
        state.group = None
    else:
        told = (record.number("transaction_count"), record.number("record_count"))
        yield from _compare(record, told, (state.transactions, state.records))
        if record.number("group_count") != state.groups:
            message = f"TRL says {record.number('group_count')} groups, there are {state.groups}"
            yield Finding("COUNTS_DIFFER", str(record.place), message, Severity.WARNING)
        state.ended = True


def _open_group(state: _State, record: Record) -> Iterator[Finding]:
    state.group = record.text("transaction_type") or ""
    state.groups += 1
    state.group_transactions, state.group_records = 0, 1
    if state.group not in SUPPORTED_GROUPS:
        known = ", ".join(sorted(SUPPORTED_GROUPS))
        message = f"group of {state.group} transactions passed over; {known} are read"
        yield Finding("UNSUPPORTED_GROUP", str(record.place), message, Severity.WARNING)


def _compare(record: Record, told: tuple[int, int], seen: tuple[int, int]) -> Iterator[Finding]:
    if told != seen:
        message = (
            f"{record.type} says {told[0]} transactions and {told[1]} records, there are {seen[0]} and "
            f"{seen[1]}: ask the sender whether the file is whole"
        )
        yield Finding("COUNTS_DIFFER", str(record.place), message, Severity.WARNING)


def _end(state: _State) -> Iterator[Step]:
    if state.last_line is None:
        yield Fault("EMPTY_FILE", Place(state.file_name), "no record", "a CWR file, from HDR to TRL")
    elif not state.ended:
        place = state.place(state.last_line)
        within = state.open or state.answer
        if within is not None:
            title = within.header.values.get("work_title") or within.header.values.get("creation_title")
            found = f"the end of the file within '{title}'"
            yield Fault("TRUNCATED_FILE", within.header.place, found, "GRT and TRL records")
        else:
            yield Fault("TRUNCATED_FILE", place, "the end of the file", "a TRL record at the end")


def _sender(data: bytes) -> str:
    """Who sent the file: an IPI name number filled up to eleven digits, or whatever stands there.

    Source: CWR 2.2 revision 8 lets a sender with a long number use the place of the sender type too.
    """
    wide = data[3:14].decode("latin-1")
    if wide.isascii() and wide.isdigit():
        return wide
    number = data[5:14].decode("latin-1").strip()
    return number.zfill(11) if number.isascii() and number.isdigit() else number


_CONTROL = frozenset({"HDR", "GRH", "GRT", "TRL"})
