"""What is said of listeners is what their answers allow, and nothing where nobody listened."""

import pytest

from model.evaluation.listening import Heard, guessing, over_listeners, results_of, wilson


def answers(listeners: int, each: int, right: int) -> list[Heard]:
    return [Heard(f"l{who}", None, n < right) for who in range(listeners) for n in range(each)]


def test_until_somebody_listens_the_verdict_says_that_nobody_has():
    found = results_of([])
    assert (found["listeners"], found["answers"], found["verdict"]) == (0, 0, "Nobody has listened yet.")
    assert found["preference"]["part"] is None and found["preference"]["interval"] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("wins", "total", "low", "high"),
    # Source of the values: R. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_wilsons(wins, total, low, high):
    assert wilson(wins, total) == pytest.approx((low, high), abs=6e-5)


def test_the_chance_of_guessing_is_the_binomials():
    assert guessing(5, 10) == 1.0
    assert guessing(10, 10) == guessing(0, 10) == pytest.approx(2 / 1024)
    assert guessing(8, 10) == pytest.approx(2 * (45 + 10 + 1) / 1024)


def test_few_answers_show_nothing_however_even_they_are():
    assert "not shown" in results_of(answers(2, 4, 2))["verdict"]


def test_that_people_cannot_tell_is_said_only_inside_the_margin():
    assert results_of(answers(60, 10, 5))["verdict"].startswith("People do not tell")
    assert results_of(answers(60, 10, 7))["verdict"].startswith("People tell")


def test_listeners_who_all_answer_alike_count_as_few():
    alike = [(f"l{who}", who % 2 == 0) for who in range(8) for _ in range(20)]
    found = over_listeners(alike)
    assert found is not None
    low, high = wilson(80, 160)
    assert found[1] - found[0] > 2 * (high - low)
    assert over_listeners(alike[:80]) is None  # four listeners


def test_no_difference_is_counted_apart():
    found = results_of([Heard("a", True, None), Heard("a", None, None), Heard("b", False, None)])
    assert found["preference"]["part"] == 0.5
    assert found["preference"]["no_difference"] == 1
    assert "nobody was asked" in found["verdict"]
