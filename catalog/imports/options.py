"""What does the one who imports say beside the file, and what do they get told?"""

from collections.abc import Callable
from dataclasses import dataclass

from catalog.findings import Finding
from catalog.records import SourceRecord
from catalog.vocabulary import Origin

# Given a file's name and bytes, says what is wrong with it, or None. Who knows how to read music gives it.
Inspect = Callable[[str, bytes], str | None]


def nothing_wrong(_name: str, _data: bytes) -> str | None:
    """The inspection that finds no fault."""
    return None


@dataclass(frozen=True)
class ImportOptions:
    """What holds for every work of an import.

    Args:
        origin: who wrote the works, where the file does not say it.
        invented: whether the parties are invented, as those of the demo are.
        source: where the works came from, where the file does not say it.
        inspect: looks at each music file of a folder.
    """

    origin: Origin = Origin.HUMAN
    invented: bool = False
    source: SourceRecord | None = None
    inspect: Inspect = nothing_wrong


@dataclass(frozen=True)
class ImportReport:
    """What became of an import; `repeated` where the same file was in already and nothing was changed."""

    batch: str
    works: int
    recordings: int
    parties: int
    encodings: int
    quarantined: int
    findings: tuple[Finding, ...]
    repeated: bool = False

    def to_json(self) -> dict[str, object]:
        """The report as a JSON object."""
        return {
            "batch": self.batch,
            "works": self.works,
            "recordings": self.recordings,
            "parties": self.parties,
            "encodings": self.encodings,
            "quarantined": self.quarantined,
            "findings": [finding.to_json() for finding in self.findings],
            "repeated": self.repeated,
        }
