"""Which rows were on record at an instant? Conditions for queries, for now or for any time in the past."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from catalog.tables import ImportBatch

Column = InstrumentedAttribute[Any]


def end_of(day: date) -> datetime:
    """The last instant of a day, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)


@dataclass(frozen=True)
class Knowledge:
    """What was known `at` an instant; None is everything that is known now."""

    at: datetime | None = None

    def came(self, batch: Column) -> ColumnElement[bool]:
        """Rows that a batch brought which had been imported; rows of no batch were always there."""
        return true() if self.at is None else or_(batch.is_(None), batch.in_(self._batches()))

    def stands(self, superseded_by: Column) -> ColumnElement[bool]:
        """Rows that no batch had superseded."""
        if self.at is None:
            return superseded_by.is_(None)
        return or_(superseded_by.is_(None), superseded_by.not_in(self._batches()))

    def replaced_later(self, superseded_by: Column) -> ColumnElement[bool]:
        """Rows that held then, and that a later batch superseded."""
        return false() if self.at is None else superseded_by.not_in(self._batches())

    def recorded(self, instant: Column) -> ColumnElement[bool]:
        """Rows that had been recorded."""
        return true() if self.at is None else and_(instant.is_not(None), instant <= self.at)

    def not_yet(self, instant: Column) -> ColumnElement[bool]:
        """Rows whose end had not been recorded."""
        return instant.is_(None) if self.at is None else or_(instant.is_(None), instant > self.at)

    def knew(self, instant: datetime | None) -> bool:
        """Whether something recorded at an instant was known."""
        return instant is None or self.at is None or instant <= self.at

    def _batches(self) -> Select[str]:
        return select(ImportBatch.id).where(ImportBatch.imported_at <= self.at)


NOW = Knowledge()
