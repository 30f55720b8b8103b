"""Does the EU summary say what is on record, nothing that nobody attested, and what is missing?"""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import provenance.disclosures
from catalog.vocabulary import SourceKind
from provenance.disclosures.answers import Answer, Basis, Choice, State
from provenance.disclosures.answers import given as given_answer
from provenance.disclosures.eu_summary import check_form, fill_summary
from provenance.disclosures.facts import SourceFacts, TrainingFacts
from provenance.disclosures.provider import Provider, parse_provider, read_provider
from provenance.disclosures.render import split_links, write_summary
from provenance.disclosures.rubric import DECIDERS, read_rubric, score_summary
from provenance.disclosures.template import FIELDS, FOLLOW_UPS, SIZE_BANDS
from provenance.errors import ProviderFileError

TODAY = date(2026, 11, 25)
EXAMPLE = Path(provenance.disclosures.__file__).parent / "provider_example.toml"


def a_source(kind=SourceKind.PUBLIC_DATASET, name="An archive", **more) -> SourceFacts:
    values = {
        "kind": kind, "name": name, "url": "https://archive.example/", "description": "old scores",
        "acquired_from_on": date(2026, 9, 1), "acquired_to_on": date(2026, 10, 1), "human_works": 8,
        "house_works": 0, "files": 8, "licences": (("CC0-1.0", 8),),
    }  # fmt: skip
    return SourceFacts(**{**values, **more})


def some_facts(**more) -> TrainingFacts:
    values = {
        "run_id": "run_1234", "checkpoint_sha256": "c" * 64, "preset": "lite", "steps": 100,
        "num_parameters": 1_000_000, "events_trained": 1_000_000, "trained_on": TODAY, "corpus_id": "d" * 64,
        "merkle_root": "e" * 64, "cleared_on": date(2026, 10, 1), "territory": "EU", "human_works": 8,
        "house_works": 0, "files": 8, "examples": 20, "events": 5000, "sources": (a_source(),),
        "files_without_source": 0, "genres": (("baroque", 8),), "languages": (),
        "licences": (("CC0-1.0", 8),),
        "excluded": (("ENCODING_NONCOMMERCIAL", 3),), "reservations": (("tdmrep", 2),), "agreements": 0,
        "invented_agreements": 0, "latest_acquisition_on": date(2026, 10, 1),
    }  # fmt: skip
    return TrainingFacts(**{**values, **more})


def filled(provider: str | Provider = "", **facts):
    provider = parse_provider(provider) if isinstance(provider, str) else provider
    return fill_summary(some_facts(**facts), provider, TODAY)


def codes(summary):
    return {finding.code for finding in summary.findings}


ATTESTED = {
    "2.1.a": "public.used", "2.2.1.a": "licensed.concluded", "2.2.2.a": "private.obtained",
    "2.3.a": "crawled.used", "2.4.a": "user.model_interactions", "2.4.b": "user.other_services",
    "2.5.a": "synthetic.used", "2.6.a": "other.used", "3.1.a": "measures.code_of_practice_signatory",
}  # fmt: skip


@pytest.mark.parametrize("field", ATTESTED)
def test_an_attestation_is_never_inferred(field):
    answer = filled(sources=()).answers[field]
    assert (answer.state, answer.choice) == (State.TO_BE_PROVIDED, None)
    for choice in ("yes", "no"):
        attested = filled(f'{ATTESTED[field]} = "{choice}"', sources=()).answers[field]
        assert (attested.choice, attested.basis) == (choice, (Basis.PROVIDER,))


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (SourceKind.PUBLIC_DATASET, "2.1.a"), (SourceKind.COMMERCIAL_LICENCE, "2.2.1.a"),
        (SourceKind.OTHER_THIRD_PARTY, "2.2.2.a"), (SourceKind.CRAWLED, "2.3.a"),
        (SourceKind.USER_DATA, "2.4.b"), (SourceKind.SYNTHETIC, "2.5.a"), (SourceKind.OTHER, "2.6.a"),
    ],
)  # fmt: skip
def test_what_the_records_show_cannot_be_denied(kind, field):
    summary = filled(f'{ATTESTED[field]} = "no"', sources=(a_source(kind),))
    assert summary.answers[field].choice is Choice.YES
    assert summary.answers[field].basis == (Basis.RECORDS,)
    assert "CONTRADICTION" in codes(summary)


def test_a_yes_without_records_is_marked():
    summary = filled('crawled.used = "yes"')
    assert "NOT_ON_RECORD" in codes(summary)
    assert summary.answers["2.3.b"].state is State.TO_BE_PROVIDED


def test_no_source_at_all_is_an_error():
    every_no = "\n".join(f'{key} = "no"' for key in ATTESTED.values())
    assert "NO_SOURCE_AT_ALL" in codes(filled(every_no, sources=()))
    assert "NO_SOURCE_AT_ALL" not in codes(filled(every_no))


def test_a_source_that_is_not_on_record_and_an_invented_agreement_are_told():
    summary = filled(files_without_source=3, agreements=2, invented_agreements=1)
    assert {"NO_SOURCE", "INVENTED_AGREEMENTS"} <= codes(summary)
    assert "Marked as invented, for demonstration: 1" in " ".join(summary.answers["2.2.1.c"].items)


def test_house_composed_music_is_shown_apart_and_not_as_ai_generated():
    house = a_source(SourceKind.SYNTHETIC, "House composer", human_works=0, house_works=5, files=5)
    summary = filled(sources=(a_source(), house), house_works=5)
    assert summary.answers["2.6.a"].choice is Choice.YES
    assert "5 of 13 works" in summary.answers["2.6.b"].items[0]
    assert summary.answers["2.5.a"].state is State.TO_BE_PROVIDED
    assert "5 works" in summary.answers["2.5.e"].items[0]
    assert "8 written by people, 5 house-composed" in summary.modalities[-1].content


def test_a_representative_is_asked_for_only_outside_the_union():
    def field(text):
        return filled(text).answers["1.1.b"].state

    assert field("") is State.TO_BE_PROVIDED
    assert field('provider.established_in_union = "yes"') is State.NOT_APPLICABLE
    assert field('provider.established_in_union = "no"') is State.TO_BE_PROVIDED
    named = (
        '[provider]\nestablished_in_union = "no"\nauthorised_representative = {name = "R", contact = "r@x"}'
    )
    assert field(named) is State.GIVEN


def test_only_large_public_datasets_are_listed_by_themselves():
    sources = (a_source(name="Large", files=98), a_source(name="Small", files=2))
    answers = filled(sources=sources).answers
    assert "Large" in answers["2.1.c"].items[0]
    assert "Small" not in " ".join(answers["2.1.c"].items)
    assert "Small" in " ".join(answers["2.1.d"].items)


def test_compute_is_compared_with_the_threshold_and_a_person_decides():
    scope = filled().scope
    assert scope.compute_flop == 6 * 10**12
    assert "below the indicative threshold" in scope.lines[0]
    assert scope.decision.state is State.TO_BE_PROVIDED
    above = filled(num_parameters=10**11, events_trained=10**13).scope
    assert "above the indicative threshold" in above.lines[0]
    assert "not known" in filled(num_parameters=None).scope.lines[0]
    decided = filled('[scope]\ngeneral_purpose = "no"\ndecided_by = "Counsel"').scope
    assert (decided.decision.choice, decided.decided_by) == (Choice.NO, "Counsel")


def form_faults(summary, sizes=None, **answers):
    changed = {**summary.answers, **{key.replace("_", "."): value for key, value in answers.items()}}
    return {finding.code for finding in check_form(changed, sizes or summary.modalities)}


def test_a_form_with_the_wrong_sizes_is_refused():
    summary = filled()
    *others, symbolic = summary.modalities
    band = SIZE_BANDS["Text"][0]
    for size, code in (
        (replace(symbolic, band="some"), "BAND_OR_SIZE"),
        (replace(symbolic, size=None), "BAND_OR_SIZE"),
        (replace(symbolic, other_name=None), "OTHER_UNNAMED"),
        (replace(others[0], covered=True, band="A lot"), "UNKNOWN_BAND"),
        (replace(others[0], band=band), "SIZE_OF_NOTHING"),
    ):
        assert form_faults(summary, (size,)) >= {code}
    assert form_faults(summary, (symbolic, replace(others[0], covered=True, band=band))) == set()


def test_follow_ups_are_filled_if_and_only_if_they_are_asked_for():
    summary = filled()
    assert form_faults(summary) == set()
    empty = Answer(State.LEFT_EMPTY)
    assert form_faults(summary, **{"2_1_b": empty}) == {"FOLLOW_UP_MISSING"}
    assert form_faults(summary, **{"2_3_b": given_answer("A crawler")}) == {"FOLLOW_UP_UNASKED"}
    assert form_faults(summary, **{"2_1_b": given_answer("Audio")}) == {"MODALITY_NOT_IN_1_3"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("public = {used = true}", "public.used"),
        ('public = {used = "perhaps"}', "public.used"),
        ('publik = {used = "yes"}', "publik"),
        ('crawled = {crawlers = [{name = "c", purpose = "p", first_month = "13/2026", last_month = "1/26"}]}',
         "first_month"),
        ('model = {placed_on_union_market_on = "2026-12-01"}', "placed_on_union_market_on"),
        ('provider = {name = " "}', "provider.name"),
        ("provider = ", "not TOML"),
    ],
)  # fmt: skip
def test_a_faulty_provider_file_is_refused_with_the_place(tmp_path, text, fault):
    path = tmp_path / "provider.toml"
    path.write_text(text)
    with pytest.raises(ProviderFileError, match=re.escape(fault)):
        read_provider(path)


def test_all_faults_of_a_provider_file_come_at_once():
    with pytest.raises(ProviderFileError) as refused:
        parse_provider('other = {used = 1}\nuser = {no_such_key = "x"}')
    assert [finding.where for finding in refused.value.findings] == ["user.no_such_key", "other.used"]


def test_a_provider_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ProviderFileError, match="No such file"):
        read_provider(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'provider.name = "\xe9"')
    with pytest.raises(ProviderFileError, match="not UTF-8"):
        read_provider(tmp_path / "latin.toml")


def test_names_from_outside_are_shown_and_not_run(tmp_path):
    evil = a_source(name='<script>alert("x")</script> | **bold**', url="javascript:alert(1)")
    _, markdown, html = write_summary(filled(sources=(evil,)), tmp_path)
    assert "<script>alert" not in html.read_text()
    assert 'href="javascript' not in html.read_text()
    assert "<script>" not in markdown.read_text()
    assert "**bold**" not in markdown.read_text()


@settings(deadline=None)
@given(st.text())
def test_a_text_is_the_sum_of_its_links_and_the_rest(text):
    assert "".join(part.text for part in split_links(text)) == text


def test_a_link_ends_before_the_sentence_does():
    parts = split_links("See https://a.example/x?y=1, or not.")
    assert [part.text for part in parts if part.is_link] == ["https://a.example/x?y=1"]


def test_every_field_is_in_all_three_files(tmp_path):
    summary = filled()
    as_json, markdown, html = write_summary(summary, tmp_path)
    value = json.loads(as_json.read_text())
    told = [field["heading"] for section in value["sections"] for field in section["fields"]]
    assert told == [field.heading for field in FIELDS]
    assert value["to_be_provided"] == list(summary.to_be_provided)
    for field in FIELDS:
        assert f'<span class="number">{field.id}</span>' in html.read_text()
        assert f"**{field.id} " in markdown.read_text()
    assert html.read_text().count("TO BE PROVIDED") == len(summary.to_be_provided) + 1
    before = [path.read_bytes() for path in (as_json, markdown, html)]
    assert [path.read_bytes() for path in write_summary(summary, tmp_path)] == before


def test_the_page_needs_nothing_from_elsewhere(tmp_path):
    html = write_summary(filled(), tmp_path)[2].read_text()
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(", html)


def test_the_rubric_is_whole_and_says_who_decides():
    questions = read_rubric()
    assert len(questions) == 242
    assert len({question.id for question in questions}) == 242
    assert {question.id for question in questions if question.text} == DECIDERS.keys()
    score = score_summary(filled())
    assert len(score.decisions) + len(score.for_a_person) == 242


def test_an_answer_more_never_lowers_the_score():
    nothing, example = score_summary(filled()), score_summary(filled(read_provider(EXAMPLE)))
    assert nothing.points < example.points
    assert nothing.points / nothing.decidable < example.points / example.decidable
    lost = {d.question.id for d in nothing.decisions if d.answer} - {
        d.question.id for d in example.decisions if d.answer is not False
    }
    assert lost == set()


def test_the_example_is_invented_says_so_and_leaves_the_scope_to_a_person():
    example = read_provider(EXAMPLE)
    assert example.provider.invented
    house = a_source(SourceKind.SYNTHETIC, "House composer", human_works=0, house_works=5, files=5)
    summary = filled(example, sources=(a_source(), house), house_works=5, agreements=1, invented_agreements=1)
    assert "invented" in summary.answers["1.1.a"].text
    assert summary.to_be_provided == ()
    assert {finding.severity for finding in summary.findings} == {"warning"}
    assert summary.scope.decision.state is State.TO_BE_PROVIDED
    assert all(summary.answers[question].choice for question in FOLLOW_UPS)
