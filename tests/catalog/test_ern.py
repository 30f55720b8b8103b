"""Is a release notification read as far as it can be used, and is a hostile one refused?"""

import io
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from catalog.ern import stream as ern_stream
from catalog.ern.reader import read_ern
from catalog.ern.records import Contributor, DealRecord, ReleaseRecord, SoundRecording
from catalog.files import FileStore
from catalog.imports import import_file
from catalog.records import Fault
from catalog.release_tables import Release, ReleaseDeal
from catalog.tables import Quarantine, Recording, RecordingWork
from tests.catalog.builders import AT, a_work, import_cwr, work_shown
from tests.catalog.notifications import DEAL, HEADER, ISWC, RECORDING, a_message


def steps_of(message):
    data = message if isinstance(message, bytes) else message.encode()
    return list(read_ern(io.BytesIO(data), "m.xml"))


def faults(message):
    return [step.code for step in steps_of(message) if isinstance(step, Fault)]


def import_message(session, tmp_path, message, name="m.xml"):
    path = tmp_path / name
    path.write_bytes(message if isinstance(message, bytes) else message.encode())
    return import_file(session, FileStore(tmp_path / "store"), "ern", path, imported_at=AT)


def codes(report):
    return [finding.code for finding in report.findings]


def test_recordings_releases_and_deals_are_read():
    recording, release, deal = steps_of(a_message())
    assert isinstance(recording, SoundRecording) and isinstance(release, ReleaseRecord)
    told = recording.recording
    assert (told.isrc, told.title, told.artist) == ("QZ5AB2100001", "Song & Test", "The Testers")
    assert (told.length_seconds, told.released_on) == (185, date(2026, 5, 1))
    assert (recording.p_line, recording.iswcs) == ("2026 Testling Records", (ISWC,))
    assert recording.contributors == (
        Contributor("The Testers", "MainArtist"),
        Contributor("Anna Stein", "Composer", "00014107338"),
        Contributor("Anna Stein", "Tape operator", "00014107338"),
    )
    assert (release.title, release.kind, release.label) == ("Song and Test EP", "Single", "Testling")
    assert (release.icpn, release.grid, release.resources) == ("036000291452", "A12425GABC1234002M", ("A1",))
    assert deal == DealRecord(
        ("R0",), "WORLD -US", date(2026, 6, 1), date(2027, 1, 1),
        ("SubscriptionModel",), ("OnDemandStream",), deal.place,
    )  # fmt: skip


def test_a_place_is_the_bytes_of_the_element():
    message = a_message().encode()
    place = steps_of(message)[0].place
    assert message[place.byte_start : place.byte_end] == RECORDING.strip().encode()
    assert message[: place.byte_start].count(b"\n") + 1 == place.line


def test_a_recording_is_attached_to_its_work_and_shown_with_its_releases(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1", iswc=ISWC))
    report = import_message(session, tmp_path, a_message())
    assert (codes(report), report.works, report.recordings, report.quarantined) == ([], 1, 1, 0)
    recording = work_shown(session, "W1")["recordings"][0]
    assert (recording["isrc"], recording["p_line"]) == ("QZ5AB2100001", "2026 Testling Records")
    assert recording["contributors"][0] == {
        "name": "Anna Stein", "role": "Composer", "ipi_name_number": "00014107338", "isni": None,
    }  # fmt: skip
    assert recording["releases"][0]["icpn"] == "036000291452"
    assert recording["releases"][0]["deals"][0]["territory"] == "WORLD -US"


def test_a_message_gives_nobody_a_share_and_no_permission(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1", iswc=ISWC))
    before = work_shown(session, "W1")
    import_message(session, tmp_path, a_message())
    after = work_shown(session, "W1")
    assert (after["shares"], after["grants"]) == (before["shares"], before["grants"])


def test_the_same_message_twice_changes_nothing(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1", iswc=ISWC))
    import_message(session, tmp_path, a_message())
    again = import_message(session, tmp_path, a_message(), "again.xml")
    assert again.repeated
    assert len(session.scalars(select(Release)).all()) == len(session.scalars(select(ReleaseDeal)).all()) == 1


def test_a_recording_of_a_work_that_is_not_here_goes_in_and_waits_for_it(session, tmp_path):
    report = import_message(session, tmp_path, a_message())
    assert (codes(report), report.recordings) == (["UNKNOWN_WORK"], 1)
    assert session.scalars(select(RecordingWork)).all() == []
    import_cwr(session, tmp_path, a_work("W1", iswc=ISWC))
    again = import_message(session, tmp_path, a_message())
    assert (again.batch, codes(again), again.works) == (report.batch, [], 1)


def test_a_recording_without_iswc_goes_in_by_itself_and_is_told_once(session, tmp_path):
    bare = RECORDING.replace("<WorkId><ISWC>T-034.524.680-1</ISWC></WorkId>", "")
    report = import_message(session, tmp_path, a_message(bare))
    assert (codes(report), report.recordings, report.works) == (["RECORDING_WITHOUT_WORK"], 1, 0)


def test_what_is_on_record_of_a_recording_is_completed_and_never_changed(session, tmp_path):
    session.add(Recording(id="r", isrc="QZ5AB2100002", title="Else"))
    session.flush()
    import_message(session, tmp_path, a_message())
    other = a_message(RECORDING.replace("Song &amp; Test", "Another").replace("PT3M5S", "PT3M6S"))
    report = import_message(session, tmp_path, other, "other.xml")
    assert codes(report).count("RECORDING_DIFFERS") == 2
    recording = session.scalars(select(Recording).where(Recording.isrc == "QZ5AB2100001")).one()
    assert (recording.title, recording.length_seconds) == ("Song & Test", 185)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("QZ5AB2100001", "XX5AB21", "INVALID_ISRC"),
        ("<ResourceId><ISRC>QZ5AB2100001</ISRC></ResourceId>", "", "MISSING_FIELD"),
        ("T-034.524.680-1", "T-034.524.680-2", "INVALID_ISWC"),
        ("PT3M5S", "3:05", "INVALID_DURATION"),
        ("2026-05-01", "2026-05-32", "INVALID_DATE"),
        ("<ContributorPartyReference>P2", "<ContributorPartyReference>P9", "UNKNOWN_REFERENCE"),
        ("00014107338", "00014107339", "INVALID_IDENTIFIER"),
        ("036000291452", "036000291453", "INVALID_IDENTIFIER"),
        ("Worldwide", "Atlantis", "INVALID_TERRITORY"),
        ("Worldwide", "-US", "INVALID_TERRITORY"),
        ("2026-12-31", "2026-01-01", "INVALID_DATE"),
        ("<PartyReference>P3</PartyReference>", "", "MISSING_FIELD"),
    ],
)
def test_what_cannot_be_used_is_a_fault_with_its_place_and_the_rest_is_read(old, new, code):
    assert old in a_message()
    found = steps_of(a_message().replace(old, new))
    told = [step for step in found if isinstance(step, Fault)]
    assert [fault.code for fault in told] == [code]
    assert told[0].place.line and told[0].place.byte_end > told[0].place.byte_start
    assert [step for step in found if isinstance(step, ReleaseRecord)]


def test_a_deal_for_a_release_that_is_not_there_is_quarantined(session, tmp_path):
    report = import_message(session, tmp_path, a_message(deals=DEAL.replace("R0", "R9")))
    assert "UNKNOWN_REFERENCE" in codes(report)
    assert session.scalars(select(ReleaseDeal)).all() == []


def test_videos_and_images_are_counted_and_told(session, tmp_path):
    more = "<Image><ResourceReference>A2</ResourceReference></Image><Video/><Image/>"
    report = import_message(session, tmp_path, a_message(RECORDING + more))
    told = [finding.message for finding in report.findings if finding.code == "RESOURCES_NOT_KEPT"]
    assert len(told) == 1 and told[0].startswith("2 Image, 1 Video were read and not kept")


def with_doctype(declared, used=""):
    return a_message().replace("<ern:New", f"<!DOCTYPE x [{declared}]>\n<ern:New", 1).replace("Autre", used)


BOMB = '<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (with_doctype(BOMB, "&j;"), "ENTITY_REFUSED"),
        (with_doctype('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;"), "ENTITY_REFUSED"),
        (
            a_message().replace("<ern:New", '<!DOCTYPE x SYSTEM "http://x/y.dtd">\n<ern:New', 1),
            "ENTITY_REFUSED",
        ),
        (a_message().replace("Autre", "&nothing;"), "MALFORMED_XML"),
        (a_message().replace("Autre", "a\0b"), "MALFORMED_XML"),
        (a_message().encode().replace(b"Autre", b"\xff\xfe\xff"), "MALFORMED_XML"),
        (a_message().replace('encoding="UTF-8"', 'encoding="shift_jis"'), "MALFORMED_XML"),
        (a_message().replace('encoding="UTF-8"', 'encoding="klingon"'), "MALFORMED_XML"),
        (a_message().replace("ern/43", "ern/382"), "NOT_ERN"),
        (a_message().replace("NewReleaseMessage", "PurgeReleaseMessage"), "NOT_ERN"),
        (b"", "TRUNCATED_FILE"),
        (b"MThd\0\0\0\6", "MALFORMED_XML"),
        ("<a>" * 100, "ELEMENT_TOO_DEEP"),
    ],
)
def test_a_hostile_or_foreign_message_is_refused_with_a_sentence(session, tmp_path, message, code):
    assert faults(message)[-1] == code
    report = import_message(session, tmp_path, message)
    assert code in codes(report)
    assert all(finding.message for finding in report.findings)


def test_utf_16_is_read_too():
    message = a_message().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")
    assert isinstance(steps_of(message)[0], SoundRecording)


def test_a_message_that_breaks_off_keeps_what_was_whole_before_the_end(session, tmp_path):
    cut = a_message()[: a_message().index("<ReleaseList>") + 40]
    report = import_message(session, tmp_path, cut)
    assert "TRUNCATED_FILE" in codes(report)
    assert report.recordings == 1
    held = session.scalars(select(Quarantine).where(Quarantine.code == "TRUNCATED_FILE")).one()
    assert held.line == cut.count("\n") + 1


def test_an_element_that_is_too_large_is_passed_over_and_the_next_is_read(monkeypatch):
    monkeypatch.setattr(ern_stream, "MAX_ELEMENT_BYTES", 20_000)
    large = RECORDING.replace("Song &amp; Test", "<x/>" * 10_000)
    found = steps_of(a_message(large + RECORDING))
    assert [type(step) for step in found] == [Fault, SoundRecording, ReleaseRecord, DealRecord]
    assert found[0].code == "ELEMENT_TOO_LARGE"


class Endless(io.RawIOBase):
    """A beginning, and then the same bytes up to ten gigabytes."""

    def __init__(self, beginning):
        self.left, self.beginning = 10 << 30, beginning

    def read(self, size=-1):
        if self.beginning:
            data, self.beginning = self.beginning, b""
            return data
        self.left -= size
        return b"x" * size if self.left > 0 else b""


@pytest.mark.parametrize("beginning", ["<!--", "<a b='", "<a"])
def test_a_tag_or_comment_of_ten_gigabytes_is_refused_at_its_beginning(beginning):
    source = Endless(HEADER.encode() + beginning.encode())
    assert [step.code for step in read_ern(source, "m.xml") if isinstance(step, Fault)] == [
        "ELEMENT_TOO_LARGE"
    ]
    assert source.left > 9 << 30


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_message_with_changed_or_missing_bytes_gives_steps_and_never_an_exception(data):
    message = bytearray(a_message(RECORDING * 2).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(message) - 1))
        message[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(message)))
    for step in steps_of(bytes(message[:cut])):
        assert not isinstance(step, SoundRecording) or step.id
