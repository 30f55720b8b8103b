"""Which training examples a generation leaned on, and what share of it is theirs."""

from provenance.attribution.attributor import Attributor, IndexReport
from provenance.attribution.blocks import Widths
from provenance.attribution.hugging_face import causal_language_model
from provenance.attribution.influences import AttributionResult, QueryInfluences, Segment
from provenance.attribution.reliability import Reliability, Verdict
from provenance.attribution.shares import OwnerShare, SharePolicy
from provenance.attribution.task import Checkpoint, Objective, SequenceTask

__all__ = [
    "AttributionResult",
    "Attributor",
    "Checkpoint",
    "IndexReport",
    "Objective",
    "OwnerShare",
    "QueryInfluences",
    "Reliability",
    "Segment",
    "SequenceTask",
    "SharePolicy",
    "Verdict",
    "Widths",
    "causal_language_model",
]
