"""What is wrong with what a user gave us, where, and how bad is it?"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: an error blocks something, a warning needs a look, info is for the record."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One thing that was found: a code for programs, a place, and a sentence for people."""

    code: str
    where: str
    message: str
    severity: Severity = Severity.ERROR

    def to_json(self) -> dict[str, str]:
        """The finding as a JSON object."""
        return {
            "code": self.code,
            "where": self.where,
            "message": self.message,
            "severity": self.severity.value,
        }

    @classmethod
    def from_json(cls, value: dict[str, str]) -> "Finding":
        """The finding that `to_json` wrote."""
        return cls(value["code"], value["where"], value["message"], Severity(value["severity"]))
