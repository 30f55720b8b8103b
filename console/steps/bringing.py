"""From a file of shares that were computed elsewhere to attributions on record."""

from datetime import UTC, datetime
from pathlib import Path

from console.home import Home
from provenance.brought import ScoreReport, ScoreSource, import_scores


def bring_scores(home: Home, path: Path, source: ScoreSource) -> ScoreReport:
    """What became of a file of shares, taken in as one transaction."""
    with home.session() as session, session.begin():
        return import_scores(session, home.key, path, source, imported_at=datetime.now(UTC))
