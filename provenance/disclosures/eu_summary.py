"""What does the public summary of training content of a run say, what is missing, and what is wrong with it?

Filled by pure functions from the facts on record and the provider's statements. An answer that only a person
can give is never inferred: it is `to be provided` until the provider file gives it.

Source: Regulation (EU) 2024/1689, Article 53(1)(d); Communication C(2025) 8311.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from catalog.findings import Finding, Severity
from provenance.disclosures.answers import Answer, Basis, Choice, State
from provenance.disclosures.facts import TrainingFacts
from provenance.disclosures.general_part import ModalitySize, fill_general, fill_processing, modality_sizes
from provenance.disclosures.provider import Provider
from provenance.disclosures.scope import ScopeAssessment, assess_scope
from provenance.disclosures.sources_part import fill_sources
from provenance.disclosures.template import FIELDS, FOLLOW_UPS, MODALITY_FIELDS, SIZE_BANDS, SPECS

SUMMARY_TYPE = "contrafact.eu-summary/1"


@dataclass(frozen=True)
class Summary:
    """The filled form: an answer for every field, the table of sizes, and the scope assessment beside it."""

    run_id: str
    corpus_id: str
    merkle_root: str
    answers: Mapping[str, Answer]
    modalities: tuple[ModalitySize, ...]
    scope: ScopeAssessment
    facts: TrainingFacts
    findings: tuple[Finding, ...] = ()

    @property
    def to_be_provided(self) -> tuple[str, ...]:
        """The fields that a person must still answer, with their number, heading and what is asked."""
        return tuple(
            f"{field.id} {field.heading}: {self.answers[field.id].text}"
            for field in FIELDS
            if self.answers[field.id].state is State.TO_BE_PROVIDED
        )


def fill_summary(facts: TrainingFacts, provider: Provider, last_update_on: date) -> Summary:
    """The summary of a run, with everything that is wrong with it as findings.

    Args:
        last_update_on: the day that the document is dated by.
    """
    answers = {
        **fill_general(facts, provider, last_update_on),
        **fill_sources(facts, provider),
        **fill_processing(facts, provider),
    }
    assert answers.keys() == SPECS.keys()
    sizes = modality_sizes(facts)
    findings = [
        *check_form(answers, sizes),
        *_check_statements(answers, provider),
        *_check_records(facts),
    ]
    scope = assess_scope(facts, provider)
    return Summary(
        facts.run_id, facts.corpus_id, facts.merkle_root, answers, sizes, scope, facts, tuple(findings)
    )


def check_form(answers: Mapping[str, Answer], sizes: tuple[ModalitySize, ...]) -> Iterator[Finding]:
    """What is wrong with a filled form by itself."""
    for size in sizes:
        yield from _check_size(size)
    yield from _check_follow_ups(answers)
    covered = {size.modality for size in sizes if size.covered}
    for field in MODALITY_FIELDS:
        answer = answers[field]
        if answer.state is State.GIVEN and answer.text.partition(":")[0] not in covered:
            yield Finding("MODALITY_NOT_IN_1_3", field, f"'{answer.text}' is not ticked in Section 1.3")


def _check_size(size: ModalitySize) -> Iterator[Finding]:
    where = f"1.3 {size.modality}"
    if not size.covered:
        if size.band or size.size:
            yield Finding("SIZE_OF_NOTHING", where, "a size is stated for a modality that is not ticked")
        return
    if bool(size.band) == bool(size.size):
        yield Finding("BAND_OR_SIZE", where, "exactly one of a band and a size of its own must be stated")
    if size.band and size.band not in SIZE_BANDS[size.modality]:
        yield Finding("UNKNOWN_BAND", where, f"'{size.band}' is no band of the form")
    if size.modality == "Other" and not size.other_name:
        yield Finding("OTHER_UNNAMED", where, "the other modality is not named")


def _check_follow_ups(answers: Mapping[str, Answer]) -> Iterator[Finding]:
    for field in dict.fromkeys(field for fields in FOLLOW_UPS.values() for field in fields):
        questions = [question for question, fields in FOLLOW_UPS.items() if field in fields]
        asked, state = any(answers[q].choice is Choice.YES for q in questions), answers[field].state
        what = f"{' and '.join(questions)}: '{SPECS[field].heading}'"
        if asked and state not in (State.GIVEN, State.TO_BE_PROVIDED):
            yield Finding("FOLLOW_UP_MISSING", field, f"a Yes asks for it and it is not filled. {what}")
        if not asked and state is State.GIVEN:
            yield Finding("FOLLOW_UP_UNASKED", field, f"it is filled and no Yes asks for it. {what}")
    if all(answers[question].choice is Choice.NO for question in FOLLOW_UPS):
        yield Finding("NO_SOURCE_AT_ALL", "2", "every question about sources is answered by No")


def _check_statements(answers: Mapping[str, Answer], provider: Provider) -> Iterator[Finding]:
    """Where the provider states other than the records show, or more than they can show."""
    for field, attested in _attested(provider).items():
        answer = answers[field]
        if answer.choice is Choice.YES and Basis.RECORDS in answer.basis and attested is Choice.NO:
            message = "the provider states No, and the records of the corpus show the contrary"
            yield Finding("CONTRADICTION", field, message)
        if answer.choice is Choice.YES and Basis.RECORDS not in answer.basis:
            message = "the provider states Yes, and no source of this kind is on record for the corpus"
            yield Finding("NOT_ON_RECORD", field, message, Severity.WARNING)


def _attested(provider: Provider) -> dict[str, Choice | None]:
    return {
        "2.1.a": provider.public.used,
        "2.2.1.a": provider.licensed.concluded,
        "2.2.2.a": provider.private.obtained,
        "2.3.a": provider.crawled.used,
        "2.4.a": provider.user.model_interactions,
        "2.4.b": provider.user.other_services,
        "2.5.a": provider.synthetic.used,
        "2.6.a": provider.other.used,
    }


def _check_records(facts: TrainingFacts) -> Iterator[Finding]:
    if facts.files_without_source:
        message = f"{facts.files_without_source} files of the corpus have no source on record"
        yield Finding("NO_SOURCE", "2", message, Severity.WARNING)
    if facts.invented_agreements:
        message = f"{facts.invented_agreements} of {facts.agreements} agreements are marked as invented"
        yield Finding("INVENTED_AGREEMENTS", "2.2.1.a", message, Severity.WARNING)
