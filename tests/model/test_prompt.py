"""A sentence becomes attributes, and words that were not understood are named."""

import pytest

from model.genres import FAMILIES, GENRES
from model.instruments import NAMES, instrument
from model.prompt import Prompt, check_prompt, parse_prompt


def test_a_whole_sentence_is_understood():
    prompt, unknown = parse_prompt(
        "A sad folk waltz in E minor for fiddle, guitar and double bass, AABA, 90 bpm, 2 minutes"
    )
    assert prompt == Prompt(
        "folk", "sad", ("fiddle", "guitar", "double bass"), 90, "E minor", (3, 4), tuple("AABA"), 2.0
    )
    assert unknown == ("waltz",) or unknown == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drum and bass", Prompt(genre="drum_and_bass")),
        ("bossa nova", Prompt(genre="bossa_nova")),
        ("an energetic techno track", Prompt(genre="techno", mood="energetic")),
        ("pop in B flat major", Prompt(genre="pop", key="Bb major")),
        ("f# minor", Prompt(key="F# minor")),
        ("verse chorus verse chorus bridge chorus",
         Prompt(structure=("verse", "chorus", "verse", "chorus", "bridge", "chorus"))),
        ("house, 6/8, 45 seconds", Prompt(genre="house", metre=(6, 8), minutes=0.75)),
        ("slow hymn", Prompt(genre="hymn", tempo_bpm=70)),
        ("2 violins, viola and cello",
         Prompt(instruments=("violin", "viola", "cello"))),
        ("bass guitar and drums", Prompt(instruments=("bass guitar", "drums"))),
        ("", Prompt()),
    ],
)  # fmt: skip
def test_parts_of_sentences(text: str, expected: Prompt):
    prompt, _ = parse_prompt(text)
    assert {**vars(prompt), "instruments": set(prompt.instruments)} == {
        **vars(expected), "instruments": set(expected.instruments)
    }  # fmt: skip


def test_words_that_are_not_understood_are_named():
    prompt, unknown = parse_prompt("a purple jazz piece for kazoo")
    assert prompt.genre == "swing"
    assert unknown == ("purple", "kazoo")


def test_there_are_twelve_genres_in_each_of_four_families():
    assert [sum(g.family == family for g in GENRES) for family in FAMILIES] == [12] * 4
    assert len({g.slug for g in GENRES}) == 48


@pytest.mark.parametrize("genre", GENRES, ids=lambda g: g.slug)
def test_what_is_usual_in_a_genre_can_be_asked_for(genre):
    check_prompt(Prompt(genre.slug, None, genre.ensemble, genre.tempo_low, None, genre.metre))
    assert parse_prompt(genre.slug.replace("_", " ")) == (Prompt(genre=genre.slug), ())


@pytest.mark.parametrize("name", NAMES)
def test_every_instrument_is_found_by_its_name(name: str):
    found = instrument(name)
    assert found is not None
    assert found.name == name
    assert found.low < found.high
