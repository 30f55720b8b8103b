"""From a policy's name to what it says, or to what is wrong with it."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from catalog.findings import Finding
from royalties.errors import PolicyRefusedError
from royalties.policy import Policy, explain_policy, load_policy


@dataclass(frozen=True, slots=True)
class ToldPolicy:
    """A policy in sentences; or none, and every fault."""

    policy: Policy | None
    sentences: tuple[str, ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """The policy's name, version and digest (null where it has faults), its sentences, its faults."""
        found = self.policy
        return {
            "policy": found and {"name": found.name, "version": found.version, "digest": found.digest},
            "sentences": list(self.sentences),
            "findings": [finding.to_json() for finding in self.findings],
        }


def find_policy(name: str) -> Policy:
    """A policy from a file, or one that is shipped (`stim_like`, `gema_like`, `fifty_fifty`) by its name.

    Raises:
        PolicyRefusedError: it has faults, or cannot be read.
    """
    shipped = Path(str(files("royalties"))) / "policies" / f"{name}.toml"
    return load_policy(shipped if "/" not in name and shipped.is_file() else Path(name))


def told_policy(name: str) -> ToldPolicy:
    """What a policy says, or what is wrong with it."""
    try:
        policy = find_policy(name)
    except PolicyRefusedError as refused:
        return ToldPolicy(None, (), refused.findings)
    return ToldPolicy(policy, tuple(explain_policy(policy)), ())
