"""What do the elements of a release notification mean: titles, lengths, days, terms?"""

import re
from datetime import date, datetime, timedelta
from xml.etree.ElementTree import Element

from catalog.errors import UnknownTerritoryError
from catalog.territories import canonical

MAX_TEXT = 2_000  # characters of one text; more is cut
_DURATION = re.compile(r"PT(?:([0-9]{1,4})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,7})(?:\.[0-9]*)?S)?")
_TERRITORY = re.compile(r"[A-Za-z0-9]{2,10}(-[A-Za-z0-9]{1,3})?")
_PARTLY_KNOWN = re.compile(r"[0-9]{4}(-[0-9]{2})?")


class CellFault(ValueError):
    """A text cannot be used; the reader turns it into a fault."""

    def __init__(self, code: str, found: str, expected: str) -> None:
        super().__init__(code)
        self.code = code
        self.found = found
        self.expected = expected


def texts(element: Element, path: str) -> list[str]:
    """The texts at a path, on one line each, without those that are blank."""
    found = (" ".join((node.text or "").split())[:MAX_TEXT] for node in element.iterfind(path))
    return [text for text in found if text]


def first(element: Element, path: str) -> str | None:
    """The text at a path that is marked as the default, else the first."""
    for node in element.iterfind(path):
        if node.get("IsDefault") == "true" and (node.text or "").strip():
            return " ".join((node.text or "").split())[:MAX_TEXT]
    return next(iter(texts(element, path)), None)


def title_of(element: Element) -> str | None:
    """The title as it is displayed."""
    plain = first(element, "DisplayTitleText")
    if plain is not None:
        return plain
    title, sub = first(element, "DisplayTitle/TitleText"), first(element, "DisplayTitle/SubTitle")
    return f"{title} ({sub})" if title and sub else title or first(element, "AdditionalTitle/TitleText")


def p_line(element: Element) -> str | None:
    """Who owns the recording, as the P line says it."""
    node = element.find(".//PLine")
    if node is None:
        return None
    text = first(node, "PLineText")
    if text is not None:
        return text
    return " ".join(part for part in (first(node, "Year"), first(node, "PLineCompany")) if part) or None


def length_seconds(text: str | None) -> int | None:
    """`PT3M5S` as whole seconds.

    Raises:
        CellFault: it is no such length.
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None or match.groups() == (None, None, None):
        raise CellFault("INVALID_DURATION", f"'{text}'", "a duration as PT3M5S")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def day(text: str | None) -> date | None:
    """A day; None of a date of which only the year or month is known.

    Raises:
        CellFault: it is no day.
    """
    if text is None or _PARTLY_KNOWN.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise CellFault("INVALID_DATE", f"'{text}'", "a day as 2026-10-31") from None


def deal_terms(terms: Element) -> tuple[str, list[tuple[date | None, date | None]]]:
    """The territory of a deal, and its half-open periods.

    A deal's EndDate is read as its last day [M], so the day after it is the first that is out of the term.

    Raises:
        CellFault: a territory or a day cannot be used.
    """
    included = texts(terms, "TerritoryCode")
    excluded = texts(terms, "ExcludedTerritoryCode")
    try:
        written = [_territory(code) for code in included] or ["WORLD"]
        territory = canonical(" +".join(written) + "".join(f" -{_territory(code)}" for code in excluded))
    except UnknownTerritoryError as error:
        raise CellFault("INVALID_TERRITORY", f"'{' '.join(included + excluded)}'", str(error)) from None
    periods = [_period(node) for node in terms.iterfind("ValidityPeriod")]
    return territory, periods or [(None, None)]


def _territory(code: str) -> str:
    if _TERRITORY.fullmatch(code) is None:
        raise UnknownTerritoryError(f"'{code}' is no territory: expected an ISO 3166 code (DE) or Worldwide.")
    return "WORLD" if code.lower() == "worldwide" else code


def _period(node: Element) -> tuple[date | None, date | None]:
    starts_on = day(first(node, "StartDate") or first(node, "StartDateTime"))
    ends_on = _end(first(node, "EndDate"), first(node, "EndDateTime"))
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise CellFault(
            "INVALID_DATE", f"a deal from {starts_on} that ends before {ends_on}", "days in order"
        )
    return starts_on, ends_on


def _end(last: str | None, instant: str | None) -> date | None:
    """The first day that is out of the term."""
    if last is None and instant is None:
        return None
    whole = day(last or instant)
    if whole is None or whole == date.max:
        return None
    if last is None and instant is not None and _is_midnight(instant):
        return whole
    return whole + timedelta(days=1)


def _is_midnight(instant: str) -> bool:
    try:
        return datetime.fromisoformat(instant).time().replace(tzinfo=None) == datetime.min.time()
    except ValueError:
        return False
