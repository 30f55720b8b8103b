"""What does a release notification say, before any database is asked?"""

from dataclasses import dataclass
from datetime import date

from catalog.database import derive_id
from catalog.records import Place, RecordingRecord


@dataclass(frozen=True, slots=True)
class Contributor:
    """Who took part in a recording, and as what, in the words of the message."""

    name: str
    role: str
    ipi_name_number: str | None = None
    isni: str | None = None


@dataclass(frozen=True, slots=True)
class SoundRecording:
    """A recording, and the ISWCs of the works it holds."""

    reference: str
    id: str
    recording: RecordingRecord
    p_line: str | None
    contributors: tuple[Contributor, ...]
    iswcs: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A product, and the references of the recordings on it."""

    reference: str
    id: str
    title: str
    kind: str | None
    artist: str | None
    label: str | None
    icpn: str | None
    grid: str | None
    catalogue_number: str | None
    p_line: str | None
    released_on: date | None
    resources: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class DealRecord:
    """Where, when and how releases may be used."""

    releases: tuple[str, ...]
    territory: str
    starts_on: date | None
    ends_on: date | None
    commercial_models: tuple[str, ...]
    use_types: tuple[str, ...]
    place: Place

    def key(self, release_id: str) -> str:
        """The deal's id for one of its releases."""
        said = (self.territory, self.starts_on, self.ends_on, *self.commercial_models, "", *self.use_types)
        return derive_id("deal", release_id, *(str(part) for part in said))
