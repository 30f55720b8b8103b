"""What can go wrong when influence is computed or stored?"""

from provenance.errors import ProvenanceError


class AttributionError(ProvenanceError):
    """Attribution cannot go on; the message says what was found, what was expected, and what to do."""
