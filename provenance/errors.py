"""What can the world refuse provenance and its evidence?"""

from collections.abc import Sequence

from catalog.findings import Finding


class ProvenanceError(Exception):
    """The base of everything that provenance refuses; the message says what to do."""


class CanonicalError(ProvenanceError):
    """A value cannot be written as canonical JSON, or bytes are not canonical JSON."""


class NotRecordedError(ProvenanceError):
    """Something was named that is not on record here."""

    def __init__(self, what: str, name: str, make_it_with: str) -> None:
        super().__init__(f"No {what} '{name}' is on record in this home. Make one with '{make_it_with}'.")


class RecordConflictError(ProvenanceError):
    """Something is on record already, with other content; what is on record is never rewritten."""


class CorpusBuildError(ProvenanceError):
    """A corpus cannot be built from what the catalogue holds."""


class ProofError(ProvenanceError):
    """No proof can be made, because the corpus on disk is not the one that was built."""


class ChainError(ProvenanceError):
    """The chain of records does not hold together: something was changed, removed or put in."""


class KeyFileError(ProvenanceError):
    """The signing key of the home cannot be read, made or used."""


class BundleError(ProvenanceError):
    """A bundle cannot be made, because something it must hold is missing or changed."""


class ProviderFileError(ProvenanceError):
    """The provider's answers cannot be read; every fault is listed."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)
