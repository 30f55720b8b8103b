"""Are things counted once, however many there are and however often they come?"""

import pytest

from catalog.database import derive_id
from catalog.imports import distinct
from catalog.imports.distinct import Distinct


def test_nothing_is_counted_where_nothing_came():
    assert Distinct().count() == 0


def test_the_count_is_that_of_a_set_whatever_comes_again(monkeypatch):
    monkeypatch.setattr(distinct, "SLACK", 50)
    counted, held = Distinct(), set()
    for number in range(2_000):
        ids = [derive_id("work", str(number % 700)), derive_id("work", str(number // 3))]
        counted.add(ids)
        held |= set(ids)
    assert counted.count() == len(held)
    counted.add([derive_id("party", "new")])
    assert counted.count() == len(held) + 1


def test_what_comes_again_takes_no_memory(monkeypatch):
    monkeypatch.setattr(distinct, "SLACK", 50)
    counted = Distinct()
    for number in range(10_000):
        counted.add([derive_id("work", str(number % 10))])
    assert len(counted._seen) <= 150


def test_a_name_without_digits_is_refused():
    with pytest.raises(ValueError, match="invalid literal"):
        Distinct().add(["work"])
