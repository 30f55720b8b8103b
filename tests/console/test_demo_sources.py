"""Are the demo's human pieces what they are said to be, and are their terms really stated?"""

import csv
import re
import zipfile
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from catalog.clearance import ObjectionCode, clear
from catalog.facts import load_facts
from catalog.files import FileStore
from catalog.imports import import_file
from catalog.licences import is_contract, is_known, terms_of
from catalog.taxonomy import is_genre
from catalog.vocabulary import Purpose
from console.demo.bundle import corpus_folder
from console.demo.pieces import piece_bytes
from console.demo.sources import RIGHTS_FILE, SCORES, human_pieces, write_folder
from model.midi import read_midi
from model.notation import NotationReader, is_notation, notation_text

AT = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
ON = date(2026, 10, 1)


@pytest.fixture(scope="module")
def pieces():
    return human_pieces()


def plain(text: str) -> str:
    """Text without line breaks, the signs of comments and what XML escapes."""
    return re.sub(r"(?:\s|%|!!!YEM:)+", " ", text.replace("&quot;", '"'))


def quoted_text(piece) -> str:
    if not piece.quoted_from:
        name, data = piece.file_name, piece_bytes(piece)
        return notation_text(name, data)[1] if not name.endswith(".abc") else data.decode("utf-8", "replace")
    if piece.path.suffix == ".zip":
        return zipfile.ZipFile(piece.path).read(piece.quoted_from).decode()
    return (corpus_folder() / piece.quoted_from).read_text(encoding="utf-8")


def test_the_words_that_a_licence_was_read_from_stand_in_the_named_file(pieces):
    missing = [piece.file_name for piece in pieces if plain(piece.quote) not in plain(quoted_text(piece))]
    assert missing == []


def test_a_piece_of_mutopia_has_the_terms_and_the_typesetter_of_its_own_line():
    with zipfile.ZipFile(SCORES / "mutopia.zip") as archive:
        lines = csv.DictReader(archive.read("headers.csv").decode().splitlines())
        told = {line["file"]: (line["licence"], line["maintainer"]) for line in lines}
    mutopia = [piece for piece in human_pieces() if piece.path.name == "mutopia.zip"]
    assert mutopia
    assert {piece.file_name: (piece.quote, piece.editor) for piece in mutopia} == told


def test_every_piece_is_named_and_has_a_known_genre_and_a_known_licence(pieces):
    for piece in pieces:
        assert piece.title and piece.source_name and piece.source_url, piece.file_name
        assert is_genre(piece.genre), piece.genre
        assert is_known(piece.licence), piece.licence


def test_a_licence_that_asks_for_names_comes_with_one(pieces):
    for piece in pieces:
        if terms_of(piece.licence).must_name and not is_contract(piece.licence):
            assert piece.editor, piece.file_name


def test_no_piece_and_no_file_name_comes_twice(pieces):
    assert len({piece.file_name for piece in pieces}) == len(pieces)
    assert len({piece_bytes(piece) for piece in pieces}) == len(pieces)
    assert len({(piece.path, piece.member) for piece in pieces}) == len(pieces)


def test_every_packed_score_is_in_the_index_and_the_other_way_round(pieces):
    for archive in sorted(SCORES.glob("*.zip")):
        members = set(zipfile.ZipFile(archive).namelist()) - {"LICENSE.txt", "headers.csv"}
        assert members == {piece.member for piece in pieces if piece.path == archive}


def test_there_is_enough_that_may_be_used_and_enough_that_may_not(pieces):
    usable = [piece for piece in pieces if Purpose.TRAIN in terms_of(piece.licence).permits]
    assert len(usable) >= 250
    assert len(pieces) - len(usable) >= 100


def test_a_limit_gives_the_first_of_the_same_order_and_every_kind(pieces):
    few = human_pieces(60)
    assert few == pieces[:60]
    kinds = Counter(piece.source_name for piece in few)
    assert kinds["OpenScore Lieder Corpus"] < 40
    assert len(kinds) >= 5
    assert {Purpose.TRAIN in terms_of(piece.licence).permits for piece in few} == {True, False}


def test_one_piece_of_every_collection_is_read_with_its_parts(pieces):
    first = {piece.source_name: piece for piece in reversed(pieces)}
    with NotationReader(workers=1) as reader:
        for piece in first.values():
            data = piece_bytes(piece)
            notation = is_notation(piece.file_name)
            score = reader.read(piece.file_name, data) if notation else read_midi(data)
            assert 20 <= score.num_notes <= 3_000, piece.file_name


def test_most_packed_scores_have_three_parts_or_more(pieces):
    songs = [piece for piece in pieces if piece.path.name == "openscore_lieder.zip"]
    parts = [sum(track.notes.size > 0 for track in read_midi(piece_bytes(piece)).tracks) for piece in songs]
    assert min(parts) >= 3
    assert len(parts) >= 150


def test_the_same_pieces_write_the_same_folder(pieces, tmp_path):
    few = pieces[:20]
    write_folder(few, tmp_path / "one")
    write_folder(few, tmp_path / "two")
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {RIGHTS_FILE, *(piece.file_name for piece in few)}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_clearance_permits_the_free_ones_and_says_of_the_others_why_not(session, pieces, tmp_path):
    write_folder(pieces, tmp_path / "human")
    report = import_file(session, FileStore(tmp_path / "store"), "folder", tmp_path / "human", imported_at=AT)
    assert report.findings == ()
    assert (report.works, report.quarantined) == (len(pieces), 0)
    answers = [clear(facts, Purpose.TRAIN, "EU", ON) for facts in load_facts(session)]
    free = [piece for piece in pieces if Purpose.TRAIN in terms_of(piece.licence).permits]
    assert sum(answer.cleared for answer in answers) == len(free)
    codes = {objection.code for answer in answers for objection in answer.objections}
    assert codes >= {
        ObjectionCode.ENCODING_UNLICENSED,
        ObjectionCode.ENCODING_SHARE_ALIKE,
        ObjectionCode.ENCODING_UNGRANTED,
    }
