"""Are the identifiers' vectors accepted and refused as the standards say?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.identifiers import (
    format_ipi_base_number,
    format_iswc,
    ipi_name_check_digits,
    iswc_check_digit,
    parse_dpid,
    parse_grid,
    parse_gtin,
    parse_ipi_base_number,
    parse_ipi_name_number,
    parse_isni,
    parse_isrc,
    parse_iswc,
)

GOOD = [
    (parse_iswc, "T0345246801"),
    (parse_iswc, "T3005600277"),
    (parse_iswc, "T-034.524.680-1"),
    (parse_ipi_base_number, "I-000000229-7"),
    (parse_ipi_base_number, "I-001068130-6"),
    (parse_ipi_name_number, "00014107338"),
    (parse_ipi_name_number, "00052210040"),
    (parse_ipi_name_number, "00000000199"),
    (parse_ipi_name_number, "297"),
    (parse_ipi_name_number, "00045620792"),
    (parse_ipi_name_number, "00334284961"),
    (parse_isrc, "USRC17607839"),
    (parse_isrc, "GB-AYE-68-00011"),
    (parse_isrc, "QZ5AB2100001"),
    (parse_isni, "000000012146438X"),
    (parse_isni, "0000 0001 2281 955X"),
    (parse_gtin, "036000291452"),
    (parse_gtin, "4006381333931"),
    (parse_grid, "A1-2425G-ABC1234002-M"),
    (parse_dpid, "PADPIDA2013020802I"),
    (parse_dpid, "PADPIDA20070627029"),
    (parse_dpid, "PADPIDA2014111801Y"),
]
BAD = [
    (parse_iswc, "T0101974729"),
    (parse_iswc, ""),
    (parse_iswc, "T03452468０1"),
    (parse_ipi_base_number, "I-000000229-8"),
    (parse_ipi_name_number, "00171701388"),
    (parse_ipi_name_number, "00000000000"),
    (parse_isrc, "XXRC17607839"),
    (parse_isrc, "USRC1760783"),
    (parse_isni, "000000011111955X"),
    (parse_gtin, "036000291453"),
    (parse_grid, "A1-2425G-ABC1234002-N"),
    (parse_dpid, "PADPIDA2014999999Z"),
]


@pytest.mark.parametrize(("parse", "text"), GOOD)
def test_a_true_identifier_is_accepted_however_it_is_punctuated(parse, text):
    value = parse(text)
    assert value is not None
    assert parse(value) == value


@pytest.mark.parametrize(("parse", "text"), BAD)
def test_a_wrong_check_digit_or_shape_is_refused(parse, text):
    assert parse(text) is None


nine_digits = st.text("0123456789", min_size=9, max_size=9).filter(lambda text: int(text) > 0)


@given(nine_digits)
def test_an_iswc_round_trips_through_its_printed_form(digits):
    iswc = f"T{digits}{iswc_check_digit(digits)}"
    assert parse_iswc(format_iswc(iswc)) == iswc


@given(nine_digits)
def test_an_ipi_base_number_round_trips_through_its_printed_form(digits):
    number = f"I{digits}{iswc_check_digit(digits, 2)}"
    assert parse_ipi_base_number(format_ipi_base_number(number)) == number


@given(nine_digits, st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_in_an_ipi_name_number_is_refused(digits, place, shift):
    number = digits + ipi_name_check_digits(digits)
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert parse_ipi_name_number(number) == number
    assert parse_ipi_name_number(wrong) is None
