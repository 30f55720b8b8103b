"""Is a CWR file read as the standard says, and is nothing lost on the way out and in?"""

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.cwr.fields import decode, encode
from catalog.cwr.layouts import LAYOUTS
from catalog.cwr.reader import read_cwr
from catalog.cwr.writer import Sender, write_cwr
from catalog.records import (
    UNKNOWN_NAME,
    IdentifierRecord,
    PartyRecord,
    Place,
    RecordingRecord,
    RepresentationRecord,
    ShareRecord,
    TitleRecord,
    WorkRecord,
)
from catalog.vocabulary import IdentifierScheme, PartyKind, Right, Role, ShareKind, TitleKind

SENDER = Sender("TESTLING VERLAG", "00000000199")
AT = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
WRITER = PartyRecord("STEIN, ANNA", PartyKind.WRITER, "00014107338", authority="00000000199")
PUBLISHER = PartyRecord("TESTLING VERLAG", PartyKind.PUBLISHER, "00000000199", authority="00000000199")
OTHER = PartyRecord(UNKNOWN_NAME, PartyKind.WRITER, authority="00000000199")


def share(party, role, right, share_ppm, **more):
    return ShareRecord(party, role, ShareKind.OWNERSHIP, right, share_ppm, **more)


def a_work(number="W1", title="SONG OF THE TEST", **more):
    shares = (
        share(PUBLISHER, Role.ORIGINAL_PUBLISHER, Right.PERFORMING, 375_000, controlled=True, chain=1),
        share(PUBLISHER, Role.ORIGINAL_PUBLISHER, Right.MECHANICAL, 750_000, controlled=True, chain=1),
        share(WRITER, Role.COMPOSER, Right.PERFORMING, 375_000, controlled=True),
        share(OTHER, Role.COMPOSER_AUTHOR, Right.PERFORMING, 250_000),
        share(OTHER, Role.COMPOSER_AUTHOR, Right.MECHANICAL, 250_000),
    )
    values = {
        "credits": (
            (PUBLISHER, Role.ORIGINAL_PUBLISHER),
            (WRITER, Role.COMPOSER),
            (OTHER, Role.COMPOSER_AUTHOR),
        ),
        "shares": shares,
        "representations": (RepresentationRecord(WRITER, PUBLISHER, "AG7"),),
    }
    return WorkRecord(title, SENDER.ipi_name_number, number, **{**values, **more})


def written(*works):
    return write_cwr(works, SENDER, AT)


def read(data):
    steps = list(read_cwr(io.BytesIO(data), "test.V22"))
    works = [replace(step.work, place=Place("(made here)")) for step in steps if step.work]
    codes = [step.fault.code for step in steps if step.fault]
    codes += [step.finding.code for step in steps if step.finding]
    return works, codes


def swap(data, line_number, old, new):
    lines = data.split(b"\r\n")
    assert old in lines[line_number]
    lines[line_number] = lines[line_number].replace(old, new, 1)
    return b"\r\n".join(lines)


@pytest.mark.parametrize("record_type", sorted(LAYOUTS))
def test_the_fields_of_a_layout_stand_next_to_each_other_up_to_its_length(record_type):
    position = 1
    for field in LAYOUTS[record_type].fields:
        assert field.first == position
        position = field.last + 1
    assert position - 1 == LAYOUTS[record_type].length_22


@pytest.mark.parametrize("record_type", sorted(LAYOUTS))
def test_an_empty_record_round_trips_at_its_full_length(record_type):
    line = encode(record_type, {}).encode("ascii")
    assert len(line) == LAYOUTS[record_type].length_22
    assert decode(record_type, line)["record_type"] == record_type


def test_positions_agree_with_a_line_laid_out_by_hand():
    line = (
        "SWR0000000000000003" + "W00000001" + "STEIN".ljust(45) + "ANNA".ljust(30) + " " + "C ".ljust(2)
        + " " * 9 + "00014107338" + "035" + "03750" + "   " + "00000" + "   " + "00000" + " N  "
    )  # fmt: skip
    values = decode("SWR", line.encode())
    assert values["last_name"] == "STEIN"
    assert values["ipi_name_no"] == "00014107338"
    assert values["pr_ownership"] == 375_000


def test_a_work_comes_back_from_cwr_as_it_went_in():
    work = a_work(
        iswc="T0345246801",
        language="DE",
        titles=(TitleRecord("LIED DER PRUEFUNG", TitleKind.TRANSLATED, "DE"),),
        identifiers=(IdentifierRecord(IdentifierScheme.SOCIETY, "035", "123456"),),
        recordings=(RecordingRecord("USRC17607839", "TAKE 1", "THE TESTERS", None, date(2020, 5, 1), 185),),
    )
    assert read(written(work)) == ([work], [])


def test_collection_shares_come_back_with_their_territories():
    collected = replace(
        share(PUBLISHER, Role.ORIGINAL_PUBLISHER, Right.MECHANICAL, 1_000_000, controlled=True, chain=1),
        kind=ShareKind.COLLECTION,
        territory="WORLD -US",
    )
    work = a_work(shares=(*a_work().shares, collected))
    works, codes = read(written(work))
    assert codes == []
    assert set(works[0].shares) == set(work.shares)


def test_counts_in_the_trailer_that_disagree_are_told_and_the_works_are_kept():
    data = written(a_work("W1"), a_work("W2"))
    works, codes = read(data.replace(b"TRL0000100000002", b"TRL0000100000003"))
    assert len(works) == 2
    assert codes == ["COUNTS_DIFFER"]


def test_a_version_2_1_file_with_short_records_is_read():
    lines = written(a_work()).decode().split("\r\n")
    lines[0] = lines[0][:101]
    works, codes = read("\r\n".join(line.rstrip() for line in lines).encode())
    assert (len(works), codes) == (1, [])


def test_the_last_work_of_a_file_cut_between_lines_is_refused():
    lines = written(a_work("W1"), a_work("W2")).split(b"\r\n")
    works, codes = read(b"\r\n".join(lines[:-4]) + b"\r\n")
    assert [work.number for work in works] == ["W1"]
    assert codes == ["TRUNCATED_FILE"]


def test_a_file_cut_at_any_byte_never_gives_a_work_with_other_shares():
    works = [a_work("W1"), a_work("W2"), a_work("W3")]
    data = written(*works)
    known = {work.number: work for work in works}
    for length in range(0, len(data), 7):
        found, codes = read(data[:length])
        for work in found:
            assert not work.complete or work == known[work.number]
        assert codes or length >= len(data) - 2


def test_a_file_that_is_no_cwr_is_one_fault():
    assert read(b"MThd\x00\x00\x00\x06") == ([], ["NOT_CWR"])
    assert read(b"") == ([], ["EMPTY_FILE"])


def test_a_wrong_ipi_number_puts_its_line_into_quarantine_and_the_work_is_incomplete():
    works, codes = read(swap(written(a_work()), 4, b"00014107338", b"00014107339"))
    assert codes[0] == "INVALID_IPI"
    assert not works[0].complete
    assert WRITER not in {share.party for share in works[0].shares}


def test_a_wrong_iswc_is_told_and_the_work_goes_in_without_it():
    works, codes = read(swap(written(a_work(iswc="T0345246801")), 2, b"T0345246801", b"T0345246802"))
    assert codes == ["INVALID_ISWC"]
    assert works[0].iswc is None
    assert works[0].complete


def test_records_of_a_lost_header_are_not_given_to_the_work_before_it():
    data = written(a_work("W1"), a_work("W2"))
    lines = data.split(b"\r\n")
    lost = next(i for i, line in enumerate(lines) if line.startswith(b"NWR00000001"))
    works, codes = read(b"\r\n".join([*lines[:lost], *lines[lost + 1 :]]))
    assert [work.number for work in works] == ["W1"]
    assert works[0] == a_work("W1")
    assert codes.count("RECORD_WITHOUT_WORK") == len(a_work().credits) + 1


def test_a_share_that_is_no_number_makes_the_work_incomplete():
    works, codes = read(swap(written(a_work()), 4, b"03750", b"037S0"))
    assert codes[0] == "INVALID_FIELD"
    assert not works[0].complete


def test_a_record_type_that_nobody_knows_makes_the_work_incomplete():
    works, codes = read(swap(written(a_work()), 4, b"SWR", b"SQR"))
    assert "UNKNOWN_RECORD" in codes
    assert not works[0].complete


def test_a_line_without_end_is_refused_and_the_rest_is_read():
    data = written(a_work("W1"), a_work("W2"))
    lines = data.split(b"\r\n")
    lines.insert(3, b"ALT0000000000000001" + b"X" * (3 << 20))
    works, codes = read(b"\r\n".join(lines))
    assert len(works) == 2
    assert codes[0] == "LINE_TOO_LONG"


@st.composite
def works_of_whole_hundredths(draw):
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=4)))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    names = draw(st.lists(st.from_regex(r"[A-Z]{2,20}", fullmatch=True), min_size=5, max_size=5, unique=True))
    parties = [PartyRecord(name, PartyKind.WRITER, authority="00000000199") for name in names]
    shares = [
        share(party, Role.COMPOSER, Right.PERFORMING, part * 100, controlled=True)
        for party, part in zip(parties, parts, strict=False)
    ]
    credited = tuple((item.party, item.role) for item in shares)
    title = draw(st.from_regex(r"[A-Z0-9]{1,60}", fullmatch=True))
    return a_work(title=title, shares=tuple(shares), credits=credited, representations=())


@given(works_of_whole_hundredths())
@settings(max_examples=40, deadline=None)
def test_any_shares_in_hundredths_of_a_per_cent_round_trip(work):
    assert read(written(work)) == ([work], [])


@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_finer_shares_keep_their_sum_to_the_hundredth(amounts):
    shares = tuple(
        share(
            PartyRecord(f"P{i}", PartyKind.WRITER), Role.COMPOSER, Right.PERFORMING, amount, controlled=True
        )
        for i, amount in enumerate(amounts)
    )
    if sum(amounts) > 1_000_000:
        return
    works, _codes = read(written(a_work(shares=shares, credits=(), representations=())))
    assert sum(item.share_ppm for item in works[0].shares) == sum(amounts) // 100 * 100


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_behind_a_header_give_faults_and_never_an_exception(noise):
    lines = written(a_work()).split(b"\r\n")
    read(b"\r\n".join([*lines[:4], noise, *lines[4:]]))
    read(noise)


def test_records_that_are_not_kept_are_told_once_a_file():
    lines = written(a_work("W1"), a_work("W2")).split(b"\r\n")
    extra = [b"ORN0000000000000005LIB", b"INS0000000000000006001", b"INS0000000000000007002"]
    at = next(place for place, line in enumerate(lines) if line.startswith(b"NWR00000001"))
    steps = list(read_cwr(io.BytesIO(b"\r\n".join([*lines[:at], *extra, *lines[at:]])), "test.V22"))
    told = [step.finding for step in steps if step.finding and step.finding.code == "RECORDS_NOT_KEPT"]
    assert [finding.message for finding in told] == [
        "2 INS, 1 ORN records were read and not kept: they say nothing about shares"
    ]
    assert all(step.work.complete for step in steps if step.work)


def test_a_trailer_that_counts_other_groups_is_told():
    assert read(written(a_work()).replace(b"TRL00001", b"TRL00002"))[1] == ["COUNTS_DIFFER"]


def test_transactions_of_a_group_that_is_passed_over_are_counted():
    lines = written(a_work()).split(b"\r\n")
    group = b"GRHAGR0000202.200000000001  "
    extra = [group, b"AGR0000000000000000AG1", b"TER0000000000000001I2136", b"GRT000020000000100000004"]
    trailer = lines[-2].replace(b"TRL0000100000001", b"TRL0000200000002")
    total = int(trailer[16:24]) + 4
    lines = [*lines[:-2], *extra, trailer[:16] + b"%08d" % total, b""]
    assert read(b"\r\n".join(lines))[1] == ["UNSUPPORTED_GROUP"]


@pytest.mark.parametrize("lost", ["SPT", "OWR", "PWR", "SWR"])
def test_a_work_of_which_a_line_is_lost_in_the_middle_is_incomplete(lost):
    collected = replace(a_work().shares[1], kind=ShareKind.COLLECTION, territory="WORLD -US")
    lines = written(a_work(shares=(*a_work().shares, collected), titles=(TitleRecord("X"),))).split(b"\r\n")
    at = next(place for place, line in enumerate(lines) if line.startswith(lost.encode()))
    works, codes = read(b"\r\n".join([*lines[:at], *lines[at + 1 :]]))
    assert "RECORD_MISSING" in codes
    assert not works[0].complete


def test_a_file_that_numbers_no_record_is_read_all_the_same():
    lines = written(a_work()).split(b"\r\n")
    lines = [line[:11] + b"00000000" + line[19:] if line[3:11] == b"00000000" else line for line in lines]
    works, codes = read(b"\r\n".join(lines))
    assert (works[0].complete, codes) == (True, [])
