"""How are sections 2.1 to 2.6 of the EU summary filled: where did the training data come from?

Music that the house composer wrote is reported in section 2.6, other sources: it is written by rules that
people fixed, by no model that learned from data, and section 2.5 asks for AI-generated data. So that nobody
overlooks it, the comments of 2.5 name it too.

Source: Regulation (EU) 2024/1689, recital 12 (systems based on rules defined solely by natural persons to
execute operations automatically are not AI systems).
"""

from collections.abc import Sequence
from datetime import date

from catalog.vocabulary import SourceKind
from provenance.disclosures.answers import (
    Answer,
    Basis,
    Choice,
    State,
    commented,
    decided,
    given,
    not_applicable,
    stated,
    to_be_provided,
)
from provenance.disclosures.facts import Counts, SourceFacts, TrainingFacts
from provenance.disclosures.provider import Provider

MODALITY = "Other: symbolic music (notes, not sound)"
LARGE_PERCENT = 3
CRAWLER_BEHAVIOUR = "how crawlers treat robots.txt, other protocols, captchas, passwords and paywalls"

Answers = dict[str, Answer]


def fill_sources(facts: TrainingFacts, provider: Provider) -> Answers:
    """The answers of section 2."""
    return {
        **_public(facts, provider),
        **_licensed(facts, provider),
        **_private(facts, provider),
        **_crawled(facts, provider),
        **_user(facts, provider),
        **_synthetic(facts, provider),
        **_other(facts, provider),
    }


def followed(parent: Answer, answer: Answer) -> Answer:
    """The answer to a field that is only asked for after a Yes."""
    if parent.choice is Choice.YES:
        return answer
    why = "the question above is answered by No"
    return not_applicable(
        why if parent.choice is Choice.NO else "unless the question above is answered by Yes"
    )


def modality_after(parent: Answer) -> Answer:
    """The modality of a source: a corpus holds notes and nothing else."""
    return followed(parent, given(MODALITY, Basis.RECORDS))


def month(day: date | None) -> str | None:
    """A day as the form writes months."""
    return day.strftime("%m/%Y") if day else None


def listed(counts: Counts) -> str:
    """Counts in one line."""
    return ", ".join(f"{name} {count}" for name, count in counts)


def source_line(source: SourceFacts) -> str:
    """A source in one line, with what of it is in the corpus."""
    begin, end = month(source.acquired_from_on), month(source.acquired_to_on)
    period = (
        f"collected {begin or 'not known'} to {end or 'not known'}" if begin or end else "period not known"
    )
    parts = [
        source.description or "no description on record",
        f"symbolic music, {source.works} works ({source.human_works} written by people, {source.house_works} "
        f"house-composed) in {source.files} files",
        f"licences of the files: {listed(source.licences)}",
        period,
        source.url or "no link on record",
    ]
    return f"{source.name}: {'; '.join(parts)}"


def _lines(sources: Sequence[SourceFacts]) -> list[str]:
    return [source_line(source) for source in sources]


def _described(sources: Sequence[SourceFacts], provider: str | None, what: str) -> Answer:
    """Descriptions out of the records and the provider's; to be provided where there is neither."""
    answer = commented(provider, *_lines(sources))
    return to_be_provided(what) if answer.state is State.LEFT_EMPTY else answer


def _public(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.public
    sources = facts.sources_of(SourceKind.PUBLIC_DATASET)
    files = sum(source.files for source in sources)
    large = [source for source in sources if 100 * source.files > LARGE_PERCENT * files]
    small = [source for source in sources if source not in large]
    used = decided(bool(sources), said.used)
    chosen = "Of each dataset only those works were used that clearance permitted; see Section 3.1."
    large_answer = commented("; ".join(said.large) or None, *_lines(large), chosen if large else "")
    small_answer = commented(said.description, *_lines(small))
    if not sources and not said.large and said.description is None:
        large_answer = small_answer = to_be_provided("the datasets, or that there is none of this kind")
    if small_answer.state is State.LEFT_EMPTY:
        small_answer = given("None: every public dataset is listed above.", Basis.RECORDS)
    if large_answer.state is State.LEFT_EMPTY:
        large_answer = given(f"None is larger than {LARGE_PERCENT} % of the public data.", Basis.RECORDS)
    return {
        "2.1.a": used,
        "2.1.b": modality_after(used),
        "2.1.c": followed(used, large_answer),
        "2.1.d": followed(used, small_answer),
        "2.1.e": commented(said.comments, _size(sources)),
    }


def _size(sources: Sequence[SourceFacts]) -> str:
    if not sources:
        return ""
    works, files = sum(source.works for source in sources), sum(source.files for source in sources)
    return f"Size of these datasets in the training data: {works} works in {files} files."


def _licensed(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.licensed
    sources = facts.sources_of(SourceKind.COMMERCIAL_LICENCE)
    concluded = decided(bool(sources) or facts.agreements > 0, said.concluded)
    records = f"Agreements on record that cleared works of this corpus: {facts.agreements}."
    if facts.invented_agreements:
        records += f" Marked as invented, for demonstration: {facts.invented_agreements} of them."
    return {
        "2.2.1.a": concluded,
        "2.2.1.b": modality_after(concluded),
        "2.2.1.c": commented(said.comments, records if facts.agreements else "", *_lines(sources)),
    }


def _private(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.private
    sources = facts.sources_of(SourceKind.OTHER_THIRD_PARTY)
    obtained = decided(bool(sources), said.obtained)
    known = [link.line() for link in said.publicly_known]
    known_answer = given("", Basis.PROVIDER, items=known) if known else given("None.", Basis.PROVIDER)
    if not known and said.description is None and not sources:
        known_answer = to_be_provided("the datasets that are publicly known, or that there are none")
    description = _described(sources, said.description, "a description of the datasets")
    return {
        "2.2.2.a": obtained,
        "2.2.2.b": modality_after(obtained),
        "2.2.2.c": followed(obtained, known_answer),
        "2.2.2.d": followed(obtained, description),
        "2.2.2.e": commented(said.comments, _size(sources)),
    }


def _crawled(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.crawled
    sources = facts.sources_of(SourceKind.CRAWLED)
    used = decided(bool(sources), said.used)
    crawlers = said.crawlers

    def each(lines: list[str], what: str) -> Answer:
        answer = given("", Basis.PROVIDER, items=lines) if lines else to_be_provided(what)
        return followed(used, answer)

    return {
        "2.3.a": used,
        "2.3.b": each([crawler.name for crawler in crawlers], "name of each crawler"),
        "2.3.c": each([f"{c.name}: {c.purpose}" for c in crawlers], "purpose of each crawler"),
        "2.3.d": followed(used, stated(said.behaviour, CRAWLER_BEHAVIOUR)),
        "2.3.e": each([f"{c.name}: {c.first_month} to {c.last_month}" for c in crawlers], "MM/YYYY of each"),
        "2.3.f": followed(used, _described(sources, said.description, "kinds of content and of websites")),
        "2.3.g": modality_after(used),
        "2.3.h": each(list(said.domains), "top 10 % of domains by size (SMEs: top 5 % or 1 000)"),
        "2.3.i": commented(said.comments),
    }  # fmt: skip


def _user(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.user
    sources = facts.sources_of(SourceKind.USER_DATA)
    model = decided(False, said.model_interactions)
    services = decided(bool(sources), said.other_services)
    either = services if model.choice is not Choice.YES else model
    return {
        "2.4.a": model,
        "2.4.b": services,
        "2.4.c": followed(services, _described(sources, said.services, "the services or products")),
        "2.4.d": modality_after(either),
        "2.4.e": commented(said.comments),
    }


def _synthetic(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.synthetic
    sources = [s for s in facts.sources_of(SourceKind.SYNTHETIC) if s.human_works]
    used = decided(bool(sources), said.used)
    models = [link.line() for link in said.gpai_models]
    house = (
        f"{facts.house_works} works of the corpus were written by the provider's rule-based composer, which "
        "is no trained model; they are reported in Section 2.6."
    )
    return {
        "2.5.a": used,
        "2.5.b": modality_after(used),
        "2.5.c": followed(
            used, given("", Basis.PROVIDER, items=models) if models else to_be_provided("the models, or None")
        ),
        "2.5.d": followed(used, _described(sources, said.other_models, "the models, or None")),
        "2.5.e": commented(said.comments, house if facts.house_works else ""),
    }  # fmt: skip


def _other(facts: TrainingFacts, provider: Provider) -> Answers:
    said = provider.other
    sources = facts.sources_of(SourceKind.OTHER)
    house = [s for s in facts.sources_of(SourceKind.SYNTHETIC) if s.house_works and not s.human_works]
    used = decided(bool(sources) or facts.house_works > 0, said.used)
    composed = (
        f"House-composed music: {facts.house_works} of {facts.works} works were written by a seeded, rule-"
        "based program of the provider, without any model that learned from data."
    )
    lines = [composed if facts.house_works else "", *_lines(house), *_lines(sources)]
    description = commented(said.description, *lines)
    if description.state is State.LEFT_EMPTY:
        description = to_be_provided("a description of the sources and the data")
    return {
        "2.6.a": used,
        "2.6.b": followed(used, description),
        "2.6.c": commented(said.comments),
    }
