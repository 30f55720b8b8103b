"""Is a value spelt in the one way of RFC 8785, whichever library spells it?"""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from royalties.digests import canonical_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    TEXTS | INTEGERS | st.booleans() | st.none(),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(TEXTS, parts, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_is_spelt_as_the_library_of_the_standard_spells_it(value):
    assert canonical_json(value) == rfc8785.dumps(value)


def test_keys_beyond_the_basic_plane_are_in_the_order_of_utf_16():
    value = {"\U0001f600": 1, "\ufb33": 2}
    assert canonical_json(value) == rfc8785.dumps(value)
    assert canonical_json(value).decode() == '{"\U0001f600":1,"\ufb33":2}'


@pytest.mark.parametrize("value", [2**53, -(2**53), [{"a": 2**60}]])
def test_a_number_that_a_double_cannot_hold_is_refused(value):
    with pytest.raises(rfc8785.IntegerDomainError):
        canonical_json(value)


@pytest.mark.parametrize("value", ["\ud800", {"a": ["\udfff"]}])
def test_half_a_character_is_refused(value):
    with pytest.raises((rfc8785.CanonicalizationError, UnicodeEncodeError)):
        canonical_json(value)
