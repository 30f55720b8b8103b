"""Is there one way to write a value, and is every other way refused?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.canonical import canonical, digest, read_canonical
from provenance.errors import CanonicalError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES, max_size=4)


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), float("nan"), float("inf"), b"bytes", {1: "a"}, {"a": {1, 2}}, "\ud800", object()],
)
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(CanonicalError, match="RFC 8785"):
        canonical({"value": value})


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"1", b'"text"', b"{", b'{"a":1}\n', b' {"a":1}', b'{"a": 1}', b'{"b":1,"a":2}',
        b'{"a":1,"a":1}', b'{"a":1.0}', b'{"a":1e2}', b'{"a":-0}', b'{"a":"\\u0041"}', b'{"a":"\\/"}',
        b'{"a":NaN}', b'{"a":Infinity}', b'{"a":01}', b'{"a":"\xff"}', b'{"a":9007199254740993}',
        '{"a":"é"}'.encode("utf-16"), b"\x00", b'{"a":"\\ud800"}',
    ],
)  # fmt: skip
def test_another_form_is_refused(data):
    with pytest.raises(CanonicalError):
        read_canonical(data)


def test_nesting_is_measured_outside_of_strings():
    deep = {"a": "[" * 50 + '\\"]' + "{" * 50}
    assert read_canonical(canonical(deep)) == deep
    nested: dict = {}
    for _ in range(31):
        nested = {"a": nested}
    assert read_canonical(canonical(nested)) == nested
    with pytest.raises(CanonicalError, match="nested deeper"):
        read_canonical(canonical({"a": nested}))


def test_too_many_bytes_are_refused_unread():
    with pytest.raises(CanonicalError, match="more than the 10"):
        read_canonical(b'{"a":"long"}', max_bytes=10)


@settings(deadline=None)
@given(OBJECTS)
def test_every_value_is_read_back_from_its_canonical_form(value):
    assert read_canonical(canonical(value)) == value


@settings(deadline=None)
@given(OBJECTS)
def test_the_order_of_names_does_not_count(value):
    turned = dict(reversed(value.items()))
    assert digest(turned) == digest(value)
