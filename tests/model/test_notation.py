import io
import zipfile

import pytest

from model.barlines import barred
from model.errors import NotationError
from model.notation import NotationReader, is_notation, notation_text, read_notation, split_tunes
from model.parts import program_of, tidy_parts
from model.score import DURATION, PITCH, START, Metre, Score, Tempo, quantise
from model.tunes import plain_tune, split_book
from tests.model.scores import a_track

TUNE = b"X:1\nT:A tune\nM:3/4\nL:1/4\nK:G\nGAB|cde|d3|]\n"
KILLER = b"X:1\n"  # verovio 6.4 ends its process on a tune without a key
KERN = b"""**kern\t**kern
*Ibass\t*Icant
*M4/4\t*M4/4
=1\t=1
2C\t4c
.\t4d
2G\t2e
=2\t=2
1C\t1c
==\t==
*-\t*-
"""


def note(step: str, length: int, octave: int = 4) -> str:
    pitch = f"<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
    return f"<note>{pitch}<duration>{length}</duration></note>"


def a_part(number: int, *bars: str) -> str:
    inside = "".join(
        f'<measure number="{i}">{ATTRIBUTES if i == 0 else ""}{bar}</measure>' for i, bar in enumerate(bars)
    )
    return f'<part id="P{number}">{inside}</part>'


ATTRIBUTES = (
    "<attributes><divisions>1</divisions><key><fifths>0</fifths></key>"
    "<time><beats>4</beats><beat-type>4</beat-type></time>"
    "<clef><sign>G</sign><line>2</line></clef></attributes>"
)
REST = "<note><rest/><duration>4</duration></note>"


def a_musicxml(names: dict[str, str], head: str = "") -> bytes:
    listed = "".join(
        f'<score-part id="P{i}"><part-name print-object="no">{name}</part-name></score-part>'
        for i, name in enumerate(names)
    )
    parts = "".join(names.values())
    text = f'<?xml version="1.0" encoding="UTF-8"?>{head}<score-partwise version="3.1">'
    return f"{text}<part-list>{listed}</part-list>{parts}</score-partwise>".encode()


def a_song_with_an_upbeat() -> bytes:
    bars = (note("G", 1), "".join(note(step, 1) for step in "CDEF"), note("G", 4))
    silent = ("<note><rest/><duration>1</duration></note>", REST, REST)
    return a_musicxml({"Violino I": a_part(0, *bars), "Flauto": a_part(1, *silent)})


def an_archive(data: bytes, name: str = "score.xml", container: bytes | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        if container is not None:
            archive.writestr("META-INF/container.xml", container)
        archive.writestr(name, data)
    return stream.getvalue()


@pytest.fixture(scope="module")
def reader():
    with NotationReader() as opened:
        yield opened


def test_a_tune_in_abc_has_its_notes(reader):
    score = quantise(reader.read("tune.abc", TUNE))
    assert score.metres == (Metre(0, 3, 4),)
    assert score.tracks[0].notes[:, [START, DURATION, PITCH]].tolist() == [
        [0, 12, 67], [12, 12, 69], [24, 12, 71], [36, 12, 72], [48, 12, 74], [60, 12, 76], [72, 36, 74],
    ]  # fmt: skip


def test_a_humdrum_score_has_its_parts(reader):
    tracks = reader.read("mass.krn", KERN).tracks
    assert sorted((len(track.notes), int(track.notes[0, PITCH])) for track in tracks) == [(3, 48), (4, 60)]


def test_an_upbeat_stands_before_the_first_bar_line(reader):
    score = quantise(reader.read("song.musicxml", a_song_with_an_upbeat()))
    assert score.metres == (Metre(0, 4, 4),)
    assert score.tracks[0].notes[:, START].tolist() == [36, 48, 60, 72, 84, 96]


def test_a_hidden_name_gives_the_instrument_and_a_silent_part_is_left_out(reader):
    tracks = reader.read("song.xml", a_song_with_an_upbeat()).tracks
    assert [(track.name, track.program) for track in tracks] == [("Violino I", 40)]


def test_a_compressed_score_is_the_same_music(reader):
    container = b'<container><rootfiles><rootfile full-path="inner/a.xml"/></rootfiles></container>'
    packed = an_archive(a_song_with_an_upbeat(), "inner/a.xml", container)
    plain = reader.read("a.xml", a_song_with_an_upbeat())
    assert (
        reader.read("a.mxl", packed).tracks[0].notes.tolist()
        == reader.read("a.mxl", an_archive(a_song_with_an_upbeat())).tracks[0].notes.tolist()
        == plain.tracks[0].notes.tolist()
    )


def test_a_score_in_utf_16_is_read(reader):
    text = a_song_with_an_upbeat().decode().replace("UTF-8", "UTF-16")
    assert reader.read("a.xml", text.encode("utf-16")).num_notes == 6


def test_a_score_that_kills_its_reader_costs_no_other(reader):
    items = [("a.abc", TUNE), ("bad.abc", KILLER), ("b.abc", TUNE), ("c.krn", KERN)]
    results = list(reader.read_all(items))
    assert [isinstance(result, Score) for result in results] == [True, False, True, True]
    assert str(results[1]).startswith("bad.abc: the reader died of it")


def test_a_reader_that_is_silent_too_long_is_ended():
    with (
        NotationReader(workers=1, timeout_s=0.0) as impatient,
        pytest.raises(NotationError, match=r"a\.abc: .*silent"),
    ):
        impatient.read("a.abc", TUNE)


def test_one_score_can_be_read_without_a_pool():
    assert read_notation("tune.abc", TUNE).num_notes == 7


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.pdf", TUNE, "endings that are read"),
        ("a.abc", b" \n", "empty"),
        ("a.mxl", an_archive(b"0" * (33 << 20)), "unpacks to 34603008 bytes"),
        ("a.mxl", an_archive(a_song_with_an_upbeat())[:-30], "cannot be unpacked"),
        ("a.mxl", an_archive(b"x", "readme.txt"), "no score in the archive"),
        ("a.mxl", an_archive(b"x", container=b"<container"), "no XML"),
        ("a.mxl", an_archive(b"x", container=b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'), "entities"),
        ("a.xml", a_musicxml({}, '<!DOCTYPE a [<!ENTITY lol "lol">]>'), "entities"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY lol "lol">]>'.encode("utf-16"), "entities"),
    ],
)
def test_what_should_not_reach_the_reader_does_not(name, data, told):
    with pytest.raises(NotationError, match=told):
        notation_text(name, data)


def test_text_that_is_no_score_is_refused_by_name(reader):
    with pytest.raises(NotationError, match=r"^a\.xml: "):
        reader.read("a.xml", b"<html/>")


def test_a_book_is_split_into_its_tunes_with_the_fields_of_its_head():
    book = b"% a book\nM:6/8\n\nX:3\nT:One\nK:G\nGAB|\n\nX:17\nT:Two\nK:D\ndef|\n"
    assert split_tunes("book.abc", book) == [
        ("book.abc#3", b"M:6/8\nX:3\nT:One\nK:G\nGAB|\n"),
        ("book.abc#17", b"M:6/8\nX:17\nT:Two\nK:D\ndef|\n"),
    ]
    assert split_tunes("song.xml", b"X:1") == [("song.xml", b"X:1")]
    assert split_book("K:G\nA|") == [(1, "K:G\nA|")]


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("AB:|cd:|", "AB:||:cd:|"),
        ("|:AB:||:cd:|", "|:AB:||:cd:|"),
        ("AB::cd:|", "AB:||:cd:|"),
        ("AB[1c:|[2d:|", "AB[1c:|[2d||"),
        ('"^so"A"Am', "A"),
    ],
)
def test_every_repeat_is_opened_before_it_is_closed(body, plain):
    assert plain_tune(f"X:9\nN:by hand\nK:G\n{body}\n") == f"X:1\nK:G\n{plain}\n"


def test_tunes_that_kill_the_reader_as_they_stand_are_read(reader):
    assert reader.read("a.abc", b"X:12\nM:2/4\nL:1/8\nK:D\nDEFG|A4:|fedc|d4:|\n").num_notes == 20


def test_a_bar_cut_in_two_by_a_repeat_sign_is_one_bar():
    track = a_track([(0, 480, 60, 80), (480, 480, 60, 80), (1440, 480, 62, 80), (1920, 480, 64, 80)])
    score = barred(Score(480, (track,)), [0, 1, 4, 5])
    assert score.metres == (Metre(0, 1, 4), Metre(480, 4, 4))
    whole = barred(Score(480, (track,)), [0, 4, 7, 8, 12])
    assert whole.metres == (Metre(0, 4, 4),)
    assert whole.tracks[0].notes.tolist() == track.notes.tolist()


def test_a_bar_of_odd_length_gets_its_own_metre_and_later_ones_keep_theirs():
    score = barred(Score(480, (a_track(),), (Tempo(0, 90_000), Tempo(3360, 60_000))), [0, 4, 6.5, 10.5])
    assert score.metres == (Metre(0, 4, 4), Metre(1920, 5, 8), Metre(3120, 4, 4))
    assert score.tempos == (Tempo(0, 90_000), Tempo(3360, 60_000))


def test_music_without_barlines_gets_the_bars_of_its_metre():
    score = barred(Score(480, (a_track([(0, 4800, 60, 80)]),)), [0, 10, 14])
    assert score.metres == (Metre(0, 4, 4), Metre(3840, 2, 4), Metre(4800, 4, 4))


@pytest.mark.parametrize(
    ("name", "program", "meant"),
    [
        ("Violoncello", 0, 42),
        ("Violino II", 0, 40),
        ("Cantus", 0, 52),
        ("Bass", 33, 33),
        ("Bassus", 0, 52),
        ("Clarinet in B", 0, 71),
        ("Clarino I", 0, 56),
        ("Part 3", 17, 17),
    ],
)
def test_the_name_of_a_part_tells_its_instrument(name, program, meant):
    assert program_of(name, program) == meant


def test_both_hands_of_a_piano_are_one_track_and_two_tenors_are_two():
    hands = (a_track(name="Piano"), a_track([(0, 480, 40, 80)], name="Piano"))
    assert [len(track.notes) for track in tidy_parts(Score(480, hands)).tracks] == [4]
    tenors = (a_track(name="Tenor"), a_track(name="Tenor"))
    assert len(tidy_parts(Score(480, tenors)).tracks) == 2


def test_the_names_of_scores_are_known():
    assert is_notation("a/B.MXL")
    assert not is_notation("a.mid")
