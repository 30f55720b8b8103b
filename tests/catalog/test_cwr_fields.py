"""Does the quick way to take a CWR record apart give what the slow one gives?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.cwr.fields import FieldError, decode, decode_any, encode
from catalog.cwr.layouts import LAYOUTS, FieldKind
from catalog.text import fold, fold_any

CELLS = {
    FieldKind.TEXT: ["", "A", " B C ", "0123", "\u00e4", "\x01", "-"],
    FieldKind.NUMBER: ["", "0", "12", "99999999", "1A", "-1"],
    FieldKind.SHARE: ["", "00000", "05000", "10000", "10001", "5", "1E000"],
    FieldKind.DATE: ["", "00000000", "20200229", "20210229", "2020"],
    FieldKind.TIME: ["", "000000", "000359", "006000", "12345", "9"],
    FieldKind.FILLER: ["", "X"],
}


def outcome(decoder, record_type, line):
    try:
        return decoder(record_type, line)
    except FieldError as error:
        return error.found, error.expected


@st.composite
def laid_out_lines(draw):
    record_type = draw(st.sampled_from(sorted(LAYOUTS)))
    cells = []
    for field in LAYOUTS[record_type].fields:
        cell = draw(st.sampled_from(CELLS[field.kind]))
        if draw(st.booleans()) and field.kind is FieldKind.NUMBER:
            cell = cell.zfill(field.width)
        cells.append(cell.encode("latin-1")[: field.width].ljust(field.width))
    line = b"".join(cells)
    return record_type, line[: draw(st.integers(0, len(line)))]


@given(laid_out_lines())
@settings(max_examples=400, deadline=None)
def test_a_record_is_taken_apart_as_the_field_by_field_reader_takes_it(given_line):
    record_type, line = given_line
    assert outcome(decode, record_type, line) == outcome(decode_any, record_type, line)


@pytest.mark.parametrize("record_type", sorted(LAYOUTS))
def test_a_record_with_every_number_set_is_taken_apart_the_same_way(record_type):
    filled = {
        field.name: {FieldKind.SHARE: 370_000, FieldKind.TIME: 185, FieldKind.NUMBER: 7}[field.kind]
        for field in LAYOUTS[record_type].fields
        if field.kind in (FieldKind.SHARE, FieldKind.TIME, FieldKind.NUMBER)
    }
    line = encode(record_type, filled).encode()
    decoded = decode(record_type, line)
    assert decoded == decode_any(record_type, line)
    assert {name: decoded[name] for name in filled} == filled


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_is_folded_as_any_other(text):
    assert fold(text) == fold_any(text)
