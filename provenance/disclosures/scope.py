"""May the duties of general-purpose AI models apply to a run at all? Figures and sources; a person decides.

Source: European Commission, Guidelines on the scope of the obligations for general-purpose AI models (July
2025), as reported by law firms: indicative threshold of more than 10^23 FLOP of training compute, with the
ability to generate language (as text or audio), text-to-image or text-to-video; a model for a narrow task
is out even above it. Compute is estimated as 6 N D (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
"""

from dataclasses import dataclass

from provenance.disclosures.answers import Answer, Basis, State, to_be_provided
from provenance.disclosures.facts import TrainingFacts
from provenance.disclosures.provider import Provider

THRESHOLD_FLOP = 10**23
NOT_THE_TEMPLATE = "This assessment is not a part of the official form. It is no legal advice."


@dataclass(frozen=True)
class ScopeAssessment:
    """What speaks for and against the duties of Article 53, and what a person decided."""

    compute_flop: int | None
    lines: tuple[str, ...]
    decision: Answer
    decided_by: str | None
    reason: str | None

    def to_json(self) -> dict[str, object]:
        """The assessment as a JSON object; the compute is a text, because it can be beyond 2^53."""
        return {
            "compute_flop": None if self.compute_flop is None else f"{self.compute_flop:.1e}",
            "threshold_flop": f"{THRESHOLD_FLOP:.0e}",
            "lines": list(self.lines),
            "decision": self.decision.to_json(),
            "decided_by": self.decided_by,
            "reason": self.reason,
        }


def assess_scope(facts: TrainingFacts, provider: Provider) -> ScopeAssessment:
    """The figures of a run beside the thresholds, and the decision that the provider states."""
    said = provider.scope
    if said.general_purpose is None or said.decided_by is None:
        decision = to_be_provided("whether the model is one of general purpose, and who decided that")
    else:
        decision = Answer(State.GIVEN, said.general_purpose, basis=(Basis.PROVIDER,))
    flop = _compute_flop(facts)
    return ScopeAssessment(flop, _lines(facts, flop), decision, said.decided_by, said.reason)


def _compute_flop(facts: TrainingFacts) -> int | None:
    """6 N D: parameters times events that were trained on."""
    if facts.num_parameters is None or not facts.events_trained:
        return None
    return 6 * facts.num_parameters * facts.events_trained


def _lines(facts: TrainingFacts, flop: int | None) -> tuple[str, ...]:
    if flop is None:
        compute = "Training compute: not known, because parameters or events are not on record."
    else:
        side = "above" if flop > THRESHOLD_FLOP else "below"
        compute = (
            f"Training compute: about {flop:.1e} FLOP (6 N D with N = {facts.num_parameters} parameters and "
            f"D = {facts.events_trained} events), {side} the indicative threshold of {THRESHOLD_FLOP:.0e} "
            "FLOP (Commission guidelines of July 2025)."
        )
    return (
        compute,
        "Modality: symbolic music. The model writes notes; it generates no language, as text or audio, no "
        "image and no video.",
        "Generality: one narrow task, composing and arranging music.",
        "Article 50(2), the marking of synthetic audio, binds systems whether or not the model is one of "
        "general purpose.",
        NOT_THE_TEMPLATE,
    )
