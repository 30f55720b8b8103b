"""How are sections 1 and 3 of the EU summary filled: whose model, how large, how were rights respected?"""

from dataclasses import dataclass
from datetime import date

from provenance.disclosures.answers import (
    Answer,
    Basis,
    Choice,
    State,
    commented,
    given,
    not_applicable,
    stated,
    to_be_provided,
)
from provenance.disclosures.facts import TrainingFacts
from provenance.disclosures.provider import Provider
from provenance.disclosures.sources_part import Answers, listed, month
from provenance.disclosures.template import MODALITIES


@dataclass(frozen=True)
class ModalitySize:
    """One row of the table of section 1.3: a ticked modality has a band or a size of its own, not both."""

    modality: str
    covered: bool
    band: str | None = None
    size: str | None = None
    other_name: str | None = None
    content: str = ""


def modality_sizes(facts: TrainingFacts) -> tuple[ModalitySize, ...]:
    """The table of section 1.3. A corpus of this platform holds notes; no text, image, sound or film."""
    symbolic = ModalitySize(
        "Other",
        True,
        size=f"{facts.works} works in {facts.files} files; {facts.examples} examples; {facts.events} events "
        "(notes and bar marks)",
        other_name="Symbolic music (notes; read from MIDI, MusicXML, Humdrum and ABC files)",
        content=f"Musical compositions as notes: {facts.human_works} written by people, {facts.house_works} "
        f"house-composed (rule-based). Works by genre: {listed(facts.genres)}.",
    )
    return (*(ModalitySize(name, False) for name in MODALITIES[:-1]), symbolic)


def fill_general(facts: TrainingFacts, provider: Provider, last_update_on: date) -> Answers:
    """The answers of the head and of section 1."""
    return {
        "0.a": _version(provider),
        "0.b": given(last_update_on.strftime("%d/%m/%y")),
        **_provider(provider),
        **_model(facts, provider),
        **_data(facts, provider),
    }


def fill_processing(facts: TrainingFacts, provider: Provider) -> Answers:
    """The answers of section 3."""
    said = provider.measures
    signatory = said.code_of_practice_signatory
    policy = f"Copyright policy: {said.copyright_policy}" if said.copyright_policy else None
    return {
        "3.1.a": Answer(State.GIVEN, signatory, basis=(Basis.PROVIDER,))
        if signatory
        else to_be_provided("Yes or No"),
        "3.1.b": _reservations(facts, said.reservations),
        "3.1.c": commented(policy),
        "3.2.a": stated(said.illegal_content, "the measures against illegal content in the training data"),
        "3.3.a": commented(said.other),
    }


def _version(provider: Provider) -> Answer:
    said = provider.summary
    if said.version is None:
        return to_be_provided("the version of this document, such as v1")
    earlier = [link.line() for link in said.previous_versions or []]
    if said.previous_versions == []:
        earlier = ["There is no earlier version."]
    if said.published_at:
        earlier.append(f"Published at {said.published_at}")
    return given(said.version, Basis.PROVIDER, items=earlier)


def _provider(provider: Provider) -> Answers:
    said = provider.provider
    if said.name and said.contact:
        invented = " (an invented company, for demonstration)" if said.invented else ""
        name = given(f"{said.name}{invented}", Basis.PROVIDER, items=[said.contact])
    else:
        name = to_be_provided("name and contact details of the provider")
    return {"1.1.a": name, "1.1.b": _representative(provider)}


def _representative(provider: Provider) -> Answer:
    said = provider.provider
    if said.established_in_union is Choice.YES:
        return not_applicable("the provider is established in the Union (Article 54)")
    if said.authorised_representative is not None:
        representative = said.authorised_representative
        return given(representative.name, Basis.PROVIDER, items=[representative.contact])
    if said.established_in_union is Choice.NO:
        return to_be_provided("the authorised representative (Article 54)")
    return to_be_provided("whether the provider is established in the Union; if not, its representative")


def _model(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.model
    trained = f"Run {facts.run_id}, checkpoint SHA-256 {facts.checkpoint_sha256}"
    documents = [f"Documentation: {link.line()}" for link in said.documentation]
    if said.names:
        bases = (Basis.PROVIDER, Basis.RECORDS)
        names = given(", ".join(said.names), *bases, items=[trained, *documents])
    else:
        names = Answer(State.TO_BE_PROVIDED, text="names and versions of the models", items=(trained,))
    if said.dependencies is None:
        dependencies = to_be_provided(
            "the models that this one modifies, with their Summaries, or that there is none"
        )
    elif not said.dependencies:
        dependencies = given("None: the model does not modify another one.", Basis.PROVIDER)
    else:
        dependencies = given("", Basis.PROVIDER, items=[link.line() for link in said.dependencies])
    placed = said.placed_on_union_market_on
    return {
        "1.2.a": names,
        "1.2.b": dependencies,
        "1.2.c": given(placed.strftime("%d/%m/%Y"), Basis.PROVIDER)
        if placed
        else to_be_provided("the date on which the model is placed on the Union market"),
    }


def _data(facts: TrainingFacts, provider: Provider) -> Answers:
    symbolic = modality_sizes(facts)[-1]
    said = provider.characteristics
    return {
        "1.3.a": given(f"Other: {symbolic.other_name}", Basis.RECORDS),
        "1.3.b": given(symbolic.size or "", Basis.RECORDS),
        "1.3.c": given(symbolic.content, Basis.RECORDS),
        "1.3.d": _latest(facts, provider),
        "1.3.e": _languages(facts),
        "1.3.f": _characteristics(facts, provider),
        "1.3.g": commented(
            said.comments,
            "Tokenisation: one event is one note (position, track, pitch, duration, velocity) or the mark of "
            "a bar. Sizes are stated after preprocessing, before training; counting compresses nothing.",
            f"Measured on corpus {facts.corpus_id} (Merkle root {facts.merkle_root}).",
        ),
    }


def _latest(facts: TrainingFacts, provider: Provider) -> Answer:
    latest, continuous = month(facts.latest_acquisition_on), provider.model.continuously_trained
    if latest is None or continuous is None:
        what = "whether the model is continuously trained on new data after that date"
        return Answer(State.TO_BE_PROVIDED, text=what, items=(latest,) if latest else ())
    negation = "" if continuous is Choice.YES else "not "
    after = f"The model is {negation}continuously trained on new or dynamic data after that date."
    return given(latest, Basis.RECORDS, Basis.PROVIDER, items=[after])


def _languages(facts: TrainingFacts) -> Answer:
    none = "The training data holds notes and no words: titles and lyrics are not part of the examples."
    if not facts.languages:
        return given(f"{none} No language is on record for the works.", Basis.RECORDS)
    return given(f"{none} Languages on record for the works: {listed(facts.languages)}.", Basis.RECORDS)


def _characteristics(facts: TrainingFacts, provider: Provider) -> Answer:
    said = provider.characteristics
    regional = said.regional and f"National and regional: {said.regional}"
    demographic = said.demographic and f"Demographic: {said.demographic}"
    stated_here = [part for part in (regional, demographic) if part]
    records = (
        f"Works by genre: {listed(facts.genres)}. Written by people: {facts.human_works}; house-composed by "
        f"rules: {facts.house_works}. Licences of the files: {listed(facts.licences)}."
    )
    if not stated_here:
        what = "national, regional and demographic characteristics, or that they are not known"
        return Answer(State.TO_BE_PROVIDED, text=what, items=(records,))
    return given("", Basis.RECORDS, Basis.PROVIDER, items=[records, *stated_here])


def _reservations(facts: TrainingFacts, said: str | None) -> Answer:
    signals = listed(facts.reservations) or "none"
    excluded = listed(facts.excluded) or "none"
    records = (
        f"Every work was cleared for training in {facts.territory} on {facts.cleared_on.isoformat()}, before "
        "the corpus was built: composition and file must both be permitted, and nothing may be reserved.",
        f"Reservations on record in the catalogue, by protocol: {signals}.",
        f"Works that were left out, by reason (a work can have several): {excluded}.",
        "A file with exactly the notes of a refused file is left out under any name.",
    )
    if said is None:
        what = "measures before and during collection: robots.txt, other protocols, datasets of third parties"
        return Answer(State.TO_BE_PROVIDED, text=what, items=records)
    return given(said, Basis.PROVIDER, Basis.RECORDS, items=records)
