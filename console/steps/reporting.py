"""From files beside the usage to what it is worth: rates, releases, the price of what was generated here."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from console.home import Home
from provenance.evidence.records import append
from provenance.tables import Generation
from royalties.periods import Period
from royalties.platform_log import load_prices, usage_of
from royalties.rates import RatesReport, import_rates
from royalties.releases import ReleasesReport, import_releases
from royalties.usage import UsageFormat, UsageReport, import_usage


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


def count_own_generations(home: Home, period: Period, prices_path: Path) -> UsageReport:
    """What was generated here in a month that is over, taken in as usage by a price list."""
    prices, now = load_prices(prices_path), datetime.now(UTC)
    with home.session() as session, session.begin(), tempfile.TemporaryDirectory() as folder:
        made = session.execute(select(Generation.id, Generation.created_at))
        data = usage_of({name: at.date() for name, at in made}, prices, period, now.date())
        path = Path(folder) / f"own-log-{period.name}.csv"
        path.write_bytes(data)
        report = import_usage(session, home.folder("usage"), UsageFormat.CSV, path, imported_at=now)
        if report.lines:
            body = {
                "type": "contrafact.own-usage/1",
                "period": period.name,
                "batch": report.batch,
                "prices": prices.digest,
                "lines": str(report.lines),
            }
            append(session, home.key, kind="own-usage", subject_id=report.batch, body=body, recorded_at=now)
        return report
