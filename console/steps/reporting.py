"""From files beside the usage to what it is worth: exchange rates, and as what generations were released."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from console.home import Home
from provenance.evidence.records import append
from provenance.tables import Generation
from royalties.rates import RatesReport, import_rates
from royalties.releases import ReleasesReport, import_releases


def take_rates(home: Home, path: Path) -> RatesReport:
    """What became of a file of exchange rates, taken in and written down in one transaction."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        report = import_rates(session, path, imported_at=now)
        if report.rates:
            body = {"type": "contrafact.rates/1", "batch": report.batch, "rates": str(report.rates)}
            append(session, home.key, kind="rates", subject_id=report.batch, body=body, recorded_at=now)
        return report


def take_releases(home: Home, path: Path) -> ReleasesReport:
    """What became of a file of releases, taken in and written down in one transaction."""
    now = datetime.now(UTC)
    with home.session() as session, session.begin():
        generations = frozenset(session.scalars(select(Generation.id)))
        report = import_releases(session, path, generations, imported_at=now)
        if report.releases:
            body = {"type": "contrafact.releases/1", "batch": report.batch, "releases": str(report.releases)}
            append(session, home.key, kind="releases", subject_id=report.batch, body=body, recorded_at=now)
        return report
