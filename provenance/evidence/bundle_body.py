"""What does a bundle say, value by value?"""

from typing import Any

from provenance.corpus.leaves import LeafProof, Strict

BUNDLE_TYPE = "contrafact.bundle/1"
MIDI_NAME = "piece.mid"
MAX_BUNDLE_BYTES = 64 * 1024 * 1024


class Named(Strict):
    """A value that was written down, and the id that follows from it."""

    id: str
    body: dict[str, Any]


class RecordLine(Strict):
    """A record of the chain with its body."""

    sequence: int
    kind: str
    subject_id: str
    body: dict[str, Any]
    previous_digest: str
    recorded_at: str
    digest: str
    signature: str


class BundleBody(Strict):
    """Everything that a bundle says."""

    generation: Named
    files: dict[str, str]
    renderings: list[dict[str, Any]]
    attribution: Named
    run: Named
    corpus: Named
    leaves: list[LeafProof]
    titles: dict[str, str]
    records: list[RecordLine]
