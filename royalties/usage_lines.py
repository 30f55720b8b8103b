"""Which lines of a usage file can be counted, and what is wrong with the others?

Lines are checked column by column, a chunk at a time, in whatever file they came.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl
import pyarrow as pa

from catalog.findings import Finding
from catalog.identifiers import parse_isrc
from catalog.territories import countries
from royalties.money import EXPONENTS

MAX_REVENUE_MINOR = 10**15
MAX_UNITS = 10**12

COLUMNS: Mapping[str, str] = {
    "line_id": "the sender's own id of the line, new within its service; 1 to 200 printable characters",
    "generation": "id of the generation that was used: letters, digits, _ . : -, up to 128",
    "territory": "country of use: two capital letters of ISO 3166-1 that are a country in CISAC's list",
    "service": "name of the service that reports; 1 to 100 printable characters",
    "use_type": "how it was used, such as OnDemandStream or PermanentDownload",
    "used_on": "day of use, YYYY-MM-DD",
    "units": "how often it was used, an integer, negative for a correction",
    "currency": "three letters of ISO 4217",
}
"""The columns of a usage file, in any order, beside exactly one of `AMOUNTS`."""

AMOUNTS: Mapping[str, str] = {
    "revenue_minor": "revenue in minor units (cents, yen), an integer, negative for a refund",
    "revenue": "revenue as a plain decimal with a point and no more decimals than the currency has",
}

OPTIONAL: Mapping[str, str] = {
    "isrc": "ISRC of the recording that was used, for lines that name no generation",
    "listener": "pseudonym of who used it, the same within a service; up to 200 printable characters",
}
"""Columns that may be there; `generation` may be left out where there is `isrc`."""

ISRC_PREFIX = "isrc:"
"""What stands before an ISRC where a line names one instead of a generation."""

LINE_SCHEMA = pa.schema(
    [
        pa.field("line", pa.int64()),
        *(pa.field(name, pa.string()) for name in ("line_id", "generation", "territory", "service")),
        pa.field("use_type", pa.string()),
        pa.field("used_on", pa.date32()),
        pa.field("units", pa.int64()),
        pa.field("revenue_minor", pa.int64()),
        pa.field("currency", pa.string()),
        pa.field("listener", pa.string()),
    ]
)
"""An accepted line, with its place in the file that it came from."""

FAULT_SCHEMA = {"line": pl.Int64, "code": pl.String, "found": pl.String, "expected": pl.String}
"""A refused line."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The accepted and the refused lines of one part of a file, and what else was seen there."""

    accepted: pl.DataFrame
    refused: pl.DataFrame
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Check:
    code: str
    column: str
    expected: str
    ok: pl.Expr


def _text(column: str, pattern: str, code: str) -> _Check:
    return _Check(code, column, COLUMNS[column], pl.col(column).str.contains(pattern))


_PRINTABLE = r"[^\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}\x{fffd}]"


@cache
def isrc_prefixes() -> tuple[str, ...]:
    """The two letters with which an ISRC may begin."""
    pairs = (first + second for first in string.ascii_uppercase for second in string.ascii_uppercase)
    return tuple(pair for pair in pairs if parse_isrc(f"{pair}AAA2600001"))


@cache
def _isrc_pattern(before: str = "") -> str:
    return rf"\A{before}(?:{'|'.join(isrc_prefixes())})[A-Z0-9]{{3}}[0-9]{{7}}\z"


def isrc_name(text: pl.Expr) -> pl.Expr:
    """`isrc:` and the ISRC without hyphens, or null where the text is none."""
    return text.map_batches(_isrc_names, return_dtype=pl.String)


def _isrc_names(texts: pl.Series) -> pl.Series:
    """Most files spell ISRCs as they are kept, and so others are spelled anew only where there are any."""
    is_isrc = texts.str.contains(_isrc_pattern())
    if not is_isrc.all():
        texts = texts.str.to_uppercase().str.replace_all(r"[ .\-]", "")
        is_isrc = texts.str.contains(_isrc_pattern())
    named = pl.concat_str(pl.lit(ISRC_PREFIX), texts)
    return pl.select(pl.when(is_isrc).then(named)).to_series()


def _isrc_check() -> _Check:
    """Where an id begins like an ISRC it is one, spelled as it is kept."""
    column = pl.col("generation")
    spelled = column.str.contains(_isrc_pattern(ISRC_PREFIX))
    ok = ~column.str.starts_with(ISRC_PREFIX) | spelled
    return _Check("GENERATION", "generation", COLUMNS["generation"], ok)


@cache
def _checks() -> tuple[_Check, ...]:
    territories = pl.col("territory").is_in(sorted(countries("WORLD")))
    return (
        _text("line_id", rf"\A{_PRINTABLE}{{1,200}}\z", "LINE_ID"),
        _text("generation", r"\A[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\z", "GENERATION"),
        _Check("TERRITORY", "territory", COLUMNS["territory"], territories),
        _text("service", rf"\A{_PRINTABLE}{{1,100}}\z", "SERVICE"),
        _text("use_type", r"\A[A-Za-z][A-Za-z0-9_.:-]{0,63}\z", "USE_TYPE"),
        _Check("USED_ON", "used_on", COLUMNS["used_on"], pl.col("_used_on").is_not_null()),
        _Check("UNITS", "units", COLUMNS["units"], pl.col("_units").abs() <= MAX_UNITS),
        _Check("CURRENCY", "currency", COLUMNS["currency"], pl.col("currency").is_in(list(EXPONENTS))),
    )


def check_lines(frame: pl.DataFrame) -> Chunk:
    """The lines of a frame as accepted and refused, each refused one with its first fault.

    Args:
        frame: `line` and the columns of a file, as text, or as integers and days where a file has types.
    """
    amount = "revenue" if "revenue" in frame.columns else "revenue_minor"
    frame, optional = _with_optional(frame)
    checks = (
        *optional,
        *_checks(),
        _Check("REVENUE", amount, AMOUNTS[amount], pl.col("_revenue").is_not_null()),
    )
    parsed = frame.with_columns(
        _used_on=_day(frame.schema["used_on"]),
        _units=_integer("units", frame.schema["units"]),
        _revenue=_amount(amount, frame.schema[amount]),
    ).with_columns(_revenue=pl.when(pl.col("_revenue").abs() <= MAX_REVENUE_MINOR).then("_revenue"))
    numbers = [
        pl.when(~check.ok.fill_null(False)).then(pl.lit(number, pl.Int32))
        for number, check in enumerate(checks)
    ]
    judged = parsed.with_columns(_fault=pl.coalesce(numbers))
    accepted = judged.filter(pl.col("_fault").is_null()).select(
        "line", "line_id", "generation", "territory", "service", "use_type",
        used_on="_used_on", units="_units", revenue_minor="_revenue", currency="currency",
        listener="listener",
    )  # fmt: skip
    return Chunk(accepted, _refused(judged.filter(pl.col("_fault").is_not_null()), checks))


def _with_optional(frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[_Check, ...]]:
    """The frame with a generation and a listener in every line, and what must hold of the optional cells."""
    checks = []
    if "listener" in frame.columns:
        listener = pl.col("listener")
        frame = frame.with_columns(pl.when(listener != "").then(listener))
        ok = listener.is_null() | listener.str.contains(rf"\A{_PRINTABLE}{{1,200}}\z")
        checks.append(_Check("LISTENER", "listener", OPTIONAL["listener"], ok))
    else:
        frame = frame.with_columns(listener=pl.lit(None, pl.String))
    if "isrc" in frame.columns:
        generation = pl.col("generation") if "generation" in frame.columns else pl.lit(None, pl.String)
        named = pl.when(generation != "").then(generation)
        asked = pl.col("_named").is_null() & (pl.col("isrc") != "").fill_null(False)
        frame = frame.with_columns(_named=named).with_columns(
            generation=pl.coalesce("_named", isrc_name(pl.col("isrc")))
        )
        ok = ~asked | pl.col("generation").is_not_null()
        checks.append(_Check("ISRC", "isrc", OPTIONAL["isrc"], ok))
    if frame["generation"].str.starts_with(ISRC_PREFIX).any():
        checks.append(_isrc_check())
    return frame, tuple(checks)


def _refused(judged: pl.DataFrame, checks: Sequence[_Check]) -> pl.DataFrame:
    rows = []
    for row in judged.iter_rows(named=True):
        check = checks[row["_fault"]]
        value = row[check.column]
        found = f"{check.column} is missing" if value is None else f"{check.column} {str(value)[:200]!r}"
        rows.append((row["line"], check.code, found, f"{check.column}: {check.expected}"))
    return pl.DataFrame(rows, schema=FAULT_SCHEMA, orient="row")


def _day(dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Date:
        return pl.col("used_on")
    whole = pl.col("used_on").str.contains(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z")
    return pl.when(whole).then(pl.col("used_on").str.to_date("%Y-%m-%d", strict=False))


def _integer(column: str, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_integer():
        return pl.col(column).cast(pl.Int64, strict=False)
    whole = pl.col(column).str.contains(r"\A-?[0-9]{1,18}\z")
    return pl.when(whole).then(pl.col(column).str.to_integer(strict=False, dtype=pl.Int64))


def _amount(column: str, dtype: pl.DataType) -> pl.Expr:
    if column == "revenue_minor":
        return _integer(column, dtype)
    text = pl.col(column)
    plain = text.str.contains(r"\A-?[0-9]{1,14}(\.[0-9]{1,4})?\z")
    fraction = text.str.extract(r"\.([0-9]+)\z").fill_null("")
    whole = text.str.extract(r"\A-?([0-9]+)")
    decimals = pl.col("currency").replace_strict(dict(EXPONENTS), default=None, return_dtype=pl.UInt32)
    scale = pl.col("currency").replace_strict(
        {code: 10 ** (4 - exponent) for code, exponent in EXPONENTS.items()},
        default=None, return_dtype=pl.Int64,
    )  # fmt: skip
    digits = pl.concat_str(whole, fraction.str.pad_end(4, "0")).str.to_integer(strict=False, dtype=pl.Int64)
    size = digits // scale
    signed = pl.when(text.str.starts_with("-")).then(-size).otherwise(size)
    return pl.when(plain & (fraction.str.len_chars() <= decimals)).then(signed)


def no_lines() -> tuple[pl.DataFrame, pl.DataFrame]:
    """No accepted and no refused line."""
    accepted = pl.from_arrow(LINE_SCHEMA.empty_table())
    assert isinstance(accepted, pl.DataFrame)
    return accepted, pl.DataFrame(schema=FAULT_SCHEMA)
