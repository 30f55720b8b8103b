"""What was checked about a file, and did it hold?"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was verified, whether it held, and what was found."""

    name: str
    ok: bool
    detail: str

    def to_json(self) -> dict[str, object]:
        """The check as a JSON object."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail}


@dataclass(frozen=True)
class Verification:
    """All checks of one file. Valid is what was checked and held in every point, nothing else."""

    checks: tuple[Check, ...]

    @property
    def valid(self) -> bool:
        """Whether there were checks, and all held."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(check for check in self.checks if not check.ok)

    def to_json(self) -> dict[str, object]:
        """The verification as a JSON object."""
        return {"valid": self.valid, "checks": [check.to_json() for check in self.checks]}


def verification(checks: Sequence[Check]) -> Verification:
    """The verification that is made of these checks."""
    return Verification(tuple(checks))
