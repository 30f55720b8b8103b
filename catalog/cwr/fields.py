"""How do the characters of a CWR record become values, and values characters?"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

from catalog.cwr.layouts import LAYOUTS, Field, FieldKind
from catalog.records import Place
from catalog.text import ascii_upper

Value = str | int | date | None
PPM_PER_UNIT = 100  # a CWR share is a percentage with two decimals: 1 unit = 0.01 % = 100 ppm


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its type, its values, and where it stands."""

    type: str
    values: dict[str, Value]
    place: Place

    def text(self, name: str) -> str | None:
        """The value of a text field, None where it is blank."""
        value = self.values[name]
        return value if isinstance(value, str) else None

    def number(self, name: str) -> int:
        """The value of a number or share field, 0 where it is blank."""
        value = self.values[name]
        return value if isinstance(value, int) else 0

    def day(self, name: str) -> date | None:
        """The value of a date field."""
        value = self.values[name]
        return value if isinstance(value, date) else None


class FieldError(ValueError):
    """A field holds something else than its kind; the reader turns it into a fault."""

    def __init__(self, field: Field, found: str, expected: str) -> None:
        super().__init__(field.name)
        self.found = f"{found!r} as {field.name} at {field.first}-{field.last}"
        self.expected = expected


def decode(record_type: str, line: bytes) -> dict[str, Value]:
    """The values of a record; a line whose trailing blanks were trimmed is read as if it had them.

    Raises:
        FieldError: a field is not of its kind.
    """
    plan = _plan(record_type)
    padded = line.ljust(plan.length)
    if padded.isascii():
        text = padded.decode("ascii")
        if text.isprintable() and plan.usual.match(text):
            return _decode_usual(plan, text)
    return decode_any(record_type, padded)


def decode_any(record_type: str, line: bytes) -> dict[str, Value]:
    """`decode`, field by field: whatever the characters, and with the fault where there is one."""
    layout = LAYOUTS[record_type]
    padded = line.ljust(layout.length_22)
    return {
        field.name: _decode_field(field, padded[field.first - 1 : field.last])
        for field in layout.fields
        if field.kind is not FieldKind.FILLER
    }


def encode(record_type: str, values: dict[str, Value]) -> str:
    """The record in CWR 2.2, upper-case ASCII, at its full length; what is too long is cut.

    Raises:
        KeyError: a value names no field of this record.
        ValueError: a number does not fit its field.
    """
    layout = LAYOUTS[record_type]
    unknown = set(values) - {field.name for field in layout.fields}
    if unknown:
        raise KeyError(f"{record_type} has no fields {sorted(unknown)}")
    cells = {"record_type": record_type, **values}
    return "".join(_encode_field(field, cells.get(field.name)) for field in layout.fields)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a usual line of a record type is taken apart: where its texts, numbers, shares and times stand.

    `usual` holds of lines in which each of these is blank or well formed, and each date is blank.
    """

    length: int
    usual: re.Pattern[str]
    texts: tuple[tuple[str, slice], ...]
    numbers: tuple[tuple[str, slice], ...]
    shares: tuple[tuple[str, slice], ...]
    times: tuple[tuple[str, slice], ...]
    blank: dict[str, Value]


@cache
def _plan(record_type: str) -> _Plan:
    layout = LAYOUTS[record_type]

    def places(kind: FieldKind) -> tuple[tuple[str, slice], ...]:
        return tuple((f.name, slice(f.first - 1, f.last)) for f in layout.fields if f.kind is kind)

    return _Plan(
        layout.length_22,
        re.compile("".join(_usual(field) for field in layout.fields)),
        places(FieldKind.TEXT),
        places(FieldKind.NUMBER),
        places(FieldKind.SHARE),
        places(FieldKind.TIME),
        {field.name: None for field in layout.fields if field.kind is not FieldKind.FILLER},
    )


def _usual(field: Field) -> str:
    width = field.width
    usual = {
        FieldKind.NUMBER: f"(?:[0-9]{{{width}}}| {{{width}}})",
        FieldKind.SHARE: "(?:0[0-9]{4}|10000| {5})",
        FieldKind.TIME: "(?:[0-9]{2}[0-5][0-9][0-5][0-9]| {6})",
        FieldKind.DATE: "(?:0{8}| {8})",
    }
    return usual.get(field.kind, f".{{{width}}}")


def _decode_usual(plan: _Plan, text: str) -> dict[str, Value]:
    values = plan.blank.copy()
    for name, place in plan.texts:
        values[name] = text[place].strip(" ") or None
    for name, place in plan.numbers:
        cell = text[place]
        values[name] = None if cell[0] == " " else int(cell)
    for name, place in plan.shares:
        cell = text[place]
        values[name] = None if cell[0] == " " else int(cell) * PPM_PER_UNIT
    for name, place in plan.times:
        cell = text[place]
        values[name] = None if cell[0] == " " else int(cell[:2]) * 3600 + int(cell[2:4]) * 60 + int(cell[4:])
    return values


def _decode_field(field: Field, cell: bytes) -> Value:
    trimmed = cell.strip()
    if not trimmed:
        return None
    text = _characters(field, trimmed)
    if field.kind is FieldKind.TEXT:
        return text
    if not (text.isascii() and text.isdigit()):
        raise FieldError(field, text, f"{field.width} digits or blanks")
    if field.kind is FieldKind.DATE:
        return _date(field, text)
    if field.kind is FieldKind.TIME:
        return _seconds(field, text)
    if field.kind is FieldKind.SHARE:
        return _share_ppm(field, text)
    return int(text)


def _characters(field: Field, cell: bytes) -> str:
    try:
        text = cell.decode("utf-8")
    except UnicodeDecodeError:
        text = cell.decode("latin-1")
    if not text.isprintable():
        raise FieldError(field, text, "printable characters")
    return text


def _date(field: Field, text: str) -> date | None:
    if set(text) == {"0"}:
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise FieldError(field, text, "a day as YYYYMMDD") from None


def _seconds(field: Field, text: str) -> int:
    if len(text) != 6 or int(text[2:4]) > 59 or int(text[4:]) > 59:
        raise FieldError(field, text, "a time as HHMMSS")
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:])


def _share_ppm(field: Field, text: str) -> int:
    if len(text) != field.width or int(text) > 10_000:
        raise FieldError(field, text, "a share from 00000 to 10000")
    return int(text) * PPM_PER_UNIT


def _encode_field(field: Field, value: Value) -> str:
    if value is None:
        return ("0" if field.kind is FieldKind.SHARE else " ") * field.width
    if isinstance(value, date):
        return value.strftime("%Y%m%d").zfill(8)
    if isinstance(value, str):
        return ascii_upper(value)[: field.width].ljust(field.width)
    if field.kind is FieldKind.TIME:
        number = f"{value // 3600:02d}{value // 60 % 60:02d}{value % 60:02d}"
    elif field.kind is FieldKind.SHARE:
        number = str(value // PPM_PER_UNIT).zfill(field.width)
    else:
        number = str(value).zfill(field.width)
    if len(number) != field.width or value < 0:
        raise ValueError(f"{value} does not fit into {field.name} of {field.width} characters")
    return number
