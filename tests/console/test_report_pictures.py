"""Are the pictures well-formed, harmless, and true to their values?"""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from console.report.page import render_report
from console.report.pictures import (
    colours_of,
    loss_curve,
    money_flow,
    piano_roll,
    share_bars,
    track_strips,
)
from console.report.values import (
    Cell,
    Flow,
    Note,
    Piece,
    Report,
    ShareRow,
    SimilarRow,
    SourceRow,
    TrackRow,
)

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</svg><script>alert("x")</script>&'


def a_share(label="Kyrie", share_ppm=300_000, low_ppm=200_000, high_ppm=400_000):
    return ShareRow(label, "human", "nobody", share_ppm, low_ppm, high_ppm)


@pytest.mark.parametrize(
    "picture",
    [
        piano_roll([Note(0.0, 0.5, 60, 0)], 2, [HOSTILE, None], {HOSTILE: "#000000"}),
        share_bars([a_share(HOSTILE)], {}),
        track_strips([TrackRow(HOSTILE, HOSTILE, 1, [Cell(0, 4, HOSTILE, 1), Cell(4, 8, None, 0)])], 8, {}),
        track_strips([], 0, {}),
        loss_curve([(1, 12.0), (2, 9.0)]),
        money_flow([Flow("revenue", HOSTILE, 100)], 2, "EUR"),
        piano_roll([], 0, [], {}),
        share_bars([], {}),
        loss_curve([]),
        money_flow([], 2, "EUR"),
    ],
)
def test_every_picture_is_well_formed_and_runs_no_script(picture):
    root = ElementTree.fromstring(picture)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert root.find("{http://www.w3.org/2000/svg}title") is not None


def test_the_interval_of_a_share_is_drawn_around_the_end_of_its_bar():
    picture = share_bars([a_share(share_ppm=300_000, low_ppm=200_000, high_ppm=400_000)], {})
    bar = float(re.search(r'width="([\d.]+)" height="16"', picture).group(1))
    low, high = (float(x) - 380 for x in re.search(r'<line x1="([\d.]+)" x2="([\d.]+)"', picture).groups())
    assert low < bar < high
    assert low == pytest.approx(bar * 2 / 3, abs=0.2)
    assert high == pytest.approx(bar * 4 / 3, abs=0.2)


def test_the_note_lies_in_its_bar():
    picture = piano_roll([Note(1.0, 1.0, 60, 0)], 4, [None] * 4, {})
    note = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', picture)[-1]
    assert float(note[0]) == pytest.approx(240.0)
    assert float(note[1]) == pytest.approx(240.0, abs=1.0)


def test_a_tracks_strip_lies_under_its_bars_and_says_in_words_what_its_colour_says():
    cells = [Cell(0, 4, "Kyrie", 500_000), Cell(8, 12, "Gloria", 20_000), Cell(12, 16, None, 0)]
    picture = track_strips([TrackRow("Flute", "Kyrie", 250_000, cells)], 16, {"Kyrie": "#123456"})
    root = ElementTree.fromstring(picture)
    groups = root.findall(f"{SVG}g")
    assert [group.find(f"{SVG}title").text for group in groups] == [
        "Flute, bars 1 to 4: Kyrie, 50.0000 %",
        "Flute, bars 9 to 12: Gloria, 2.0000 %",
        "Flute, bars 13 to 16: no work above noise",
    ]
    boxes = [group.find(f"{SVG}rect") for group in groups]
    assert [(float(box.get("x")), float(box.get("width"))) for box in boxes] == [
        (0.0, 240.0), (480.0, 240.0), (720.0, 240.0),
    ]  # fmt: skip
    assert boxes[0].get("fill") == "#123456"
    assert float(boxes[0].get("fill-opacity")) > float(boxes[1].get("fill-opacity"))
    assert "Flute as a whole: Kyrie 25.0000 %" in "".join(root.itertext())


def test_the_most_frequent_source_gets_the_first_colour_and_ties_go_by_name():
    colours = colours_of(["b", "a", None, "b", "c"])
    assert list(colours) == ["b", "a", "c"]
    assert len(set(colours.values())) == 3


def test_works_of_bars_have_colours_before_those_of_tracks_alone():
    bars, tracks = ["a"], ["z"] * 5 + ["a"] + [f"t{i}" for i in range(9)]
    colours = colours_of(bars, tracks)
    assert list(colours)[:2] == ["a", "z"]
    assert list(colours.values())[8:] == ["#a9adb3"] * 3


def test_amounts_in_the_flow_are_written_with_the_exponent_of_their_currency():
    assert "EUR 1,234.05" in money_flow([Flow("a", "b", 123_405)], 2, "EUR")
    assert "JPY 123,405" in money_flow([Flow("a", "b", 123_405)], 0, "JPY")


def a_report(*similar, tracks=(), sources=()):
    """A report of one piece of four bars, and of nothing else."""
    piece = Piece(
        "Hymn", "", "", "data:,", "piece.mid", 4, ["organ"], [Note(0.0, 1.0, 60, 0)], [None] * 4, tracks,
        sources, [a_share()], 700_000, 300_000, 0, similar, 17, "", "gen_1", "0",
    )  # fmt: skip
    return Report(
        "A report", 1, 1, [], [], [], [], [(1, 2.0)], [], [piece], [], "EUR", 2, "1", "1", "0", [], "", "",
        [], "", [], [], [],
    )  # fmt: skip


def test_what_is_close_by_content_stands_beside_what_influence_gives():
    copied = SimilarRow(HOSTILE, 64, "5 to 12", "1 to 8", 300_000)
    page = render_report(a_report(copied, SimilarRow("Gloria", 12, "1 to 2", "3 to 4", 0)))
    cells = [re.findall(r">([^<]+)<", row) for row in re.findall(r"<tr><td>.*?</tr>", page)]
    assert ["64 ", "more than chance", "5 to 12", "1 to 8", "30.0000 %"] in [row[1:] for row in cells]
    assert ["Gloria", "12", "1 to 2", "3 to 4", "none"] in cells
    assert "<script" not in page
    assert "No stretch is shared with any work." in render_report(a_report())


def test_bars_of_the_piece_stand_beside_those_of_the_work_and_both_can_be_heard():
    row = SourceRow("1 to 4", "0:00", "listen/a.mid", HOSTILE, 123_456, "9 to 20", "listen/b.mid")
    page = render_report(a_report(sources=[row]))
    cells = next(line for line in page.splitlines() if "listen/a.mid" in line)
    assert re.findall(r">([^<]+)</(?:td|a)>", cells)[:3] == ["1 to 4", "0:00", "MIDI"]
    assert re.findall(r">([^<]+)</(?:td|a)>", cells)[-3:] == ["12.3456 %", "9 to 20", "MIDI"]
    assert "listen/b.mid" in cells
    assert "<script" not in page
    assert "No phrase leaned on a single work enough to say so." in render_report(a_report())


def test_the_key_names_eight_works_and_counts_the_rest():
    tracks = [TrackRow("Flute", None, 0, [Cell(i, i + 1, f"work {i}", 1) for i in range(10)])]
    key = re.search(r'<div class="key">(.*?)</div>', render_report(a_report(tracks=tracks)), re.DOTALL)
    assert len(re.findall("<span>", key.group(1))) == 9
    assert "2 other works" in key.group(1)
