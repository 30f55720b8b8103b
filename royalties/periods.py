"""Which days belong to an accounting period?"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar month: the days from `starts_on` until, and without, `ends_before_on`."""

    name: str
    starts_on: date
    ends_before_on: date

    @property
    def last_day_on(self) -> date:
        """The last day that belongs to the period."""
        return self.ends_before_on - timedelta(days=1)

    @property
    def following(self) -> "Period":
        """The month after it."""
        return parse_period(self.ends_before_on.strftime("%Y-%m"))

    def later(self, num_months: int) -> "Period":
        """The month that comes a number of months after it."""
        years, month = divmod(self.starts_on.month - 1 + num_months, 12)
        return parse_period(f"{self.starts_on.year + years:04d}-{month + 1:02d}")


def month_of(day: date) -> str:
    """The name of the period that a day belongs to."""
    return day.strftime("%Y-%m")


def parse_period(text: str) -> Period:
    """The period of a text such as 2026-10.

    Raises:
        ValueError: the text is no year and month.
    """
    match = _MONTH.fullmatch(text)
    if match is None or match.group(1) == "0000" or text == "9999-12":
        raise ValueError(f"{text!r} is no period; write year and month, such as 2026-10")
    year, month = int(match.group(1)), int(match.group(2))
    following = date(year + month // 12, month % 12 + 1, 1)
    return Period(name=text, starts_on=date(year, month, 1), ends_before_on=following)
