"""A piece that repeats a work is flagged on record, and leaves nothing behind where it is to be refused."""

import pytest

import model.originality
from console.home import Access, open_home
from console.settings import load_settings
from console.steps import originality
from console.steps.originality import OnRepeat, originality_of, similar_works
from model.corpus import read_corpus
from model.errors import TooAlikeError
from tests.model.corpora import some_rows, write_corpus


@pytest.fixture
def home(tmp_path):
    with open_home(load_settings(tmp_path / "home", {}), Access.WRITE) as opened:
        yield opened


@pytest.fixture
def corpus(home, monkeypatch):
    monkeypatch.setattr(model.originality, "UNKNOWN_LIMIT_NOTES", 8)
    folder = write_corpus(home.folder("corpora"), some_rows(6))
    monkeypatch.setattr(originality, "open_corpus", lambda _home, _corpus: read_corpus(folder))
    return read_corpus(folder)


def excerpts_of(corpus, work: str):
    return [corpus[i] for i, name in enumerate(corpus.work_ids) if name == work]


def test_a_work_that_is_given_out_as_new_is_flagged_and_named(home, corpus):
    found = originality_of(home, corpus.corpus_id, excerpts_of(corpus, "work_2"), OnRepeat.RECORD)
    assert found["flagged"] and found["longest"]["work_id"] == "work_2"
    assert found["longest"]["bars"] == found["longest"]["source_bars"]


def test_where_repeats_are_refused_the_message_says_what_is_repeated(home, corpus):
    with pytest.raises(TooAlikeError, match="notes of work_2"):
        originality_of(home, corpus.corpus_id, excerpts_of(corpus, "work_2"), OnRepeat.REFUSE)


def test_the_repertoire_is_made_once(home, corpus, monkeypatch):
    excerpts = excerpts_of(corpus, "work_2")
    first = originality_of(home, corpus.corpus_id, excerpts, OnRepeat.RECORD)
    monkeypatch.setattr(originality, "open_corpus", None)
    assert originality_of(home, corpus.corpus_id, excerpts, OnRepeat.RECORD) == first


def test_the_works_that_a_piece_is_close_to_are_told_with_their_bars(home, corpus):
    found = similar_works(home, corpus.corpus_id, excerpts_of(corpus, "work_2"))
    first = found.to_json()["similar"][0]
    assert first["work_id"] == "work_2"
    assert first["bars"] == first["source_bars"]
    assert found.to_json()["similar_limit_notes"] == 8
    assert len({repeat.work_id for repeat in found.works}) == len(found.works) <= 8
