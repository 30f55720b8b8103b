"""Three ways to attend follow from one rule, and all of them hear the same."""

import pytest
import torch

from model.attention import NOWHERE, Flexible, Gathered, KeyValue, Mask, View, sight_of
from model.network import Units, num_rows
from model.plan import PLAN_ROWS, Column
from tests.model.songs import a_matrix

FAR = (1, 2, 4, 8)


def a_view() -> View:
    """Two songs of unlike length, with the summaries of all levels."""
    rows = torch.stack([a_matrix(1), a_matrix(2, start=4, end=8)]).long()
    events = rows[:, PLAN_ROWS : PLAN_ROWS + num_rows(rows)]
    units = Units.of(events)
    of_events = (units.bar_NT, units.phrase_NT, units.section_NT)
    bar = events[..., Column.BAR].masked_fill(units.bar_NT < 0, NOWHERE)
    counts = [int(unit.max()) + 1 for unit in of_events]
    return View(bar, events[..., Column.SOURCE], FAR, tuple(zip(of_events, counts, strict=True)))


def some_vectors(view: View, *, grad: bool = False) -> tuple[torch.Tensor, KeyValue]:
    generator = torch.Generator().manual_seed(5)
    made = [
        torch.randn(2, 2, n, 16, generator=generator, dtype=torch.float64, requires_grad=grad)
        for n in (view.num_events, view.num_keys, view.num_keys)
    ]
    return made[0], KeyValue(*made[1:])


def real(view: View, heard: torch.Tensor) -> torch.Tensor:
    return heard.transpose(1, 2)[view.bar_NT != NOWHERE]


def test_the_mask_says_of_every_pair_what_the_rule_says_of_it():
    view = a_view()
    song, query, key = (
        torch.arange(n).view(shape)
        for n, shape in ((2, (2, 1, 1)), (view.num_events, (-1, 1)), (view.num_keys, (-1,)))
    )
    assert torch.equal(view.sees(song, query, key), view.mask())


@pytest.mark.parametrize("units", [True, False])
def test_gathered_bars_hear_what_the_mask_hears_and_send_the_same_gradient_back(units: bool):
    view = a_view()
    view = view if units else View(view.bar_NT, view.source_NT, FAR)
    found = []
    for sight in (Mask(view.mask()), Gathered(view)):
        query, seen = some_vectors(view, grad=True)
        heard = real(view, sight.attend(query, seen))
        (heard * torch.linspace(0, 1, 16, dtype=torch.float64)).sum().backward()
        found.append((heard, query.grad, seen.key.grad, seen.value.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:flex_attention called without")
def test_flexible_attention_hears_what_the_mask_hears():
    view = a_view()
    query, seen = some_vectors(view)
    one, other = Mask(view.mask()).attend(query, seen), Flexible(view).attend(query, seen)
    torch.testing.assert_close(real(view, one), real(view, other), atol=1e-12, rtol=1e-10)


def test_in_bfloat16_the_mask_hears_the_same_to_rounding():
    view = a_view()
    query, seen = some_vectors(view)
    short = [x.to(torch.bfloat16) for x in (query, *seen)]
    sight = Mask(view.mask())
    exact = sight.attend(*(short[0].float(),), KeyValue(*(x.float() for x in short[1:])))
    torch.testing.assert_close(
        real(view, sight.attend(short[0], KeyValue(*short[1:])).float()),
        real(view, exact),
        atol=0.05,
        rtol=0.05,
    )


def test_few_events_are_masked_and_many_are_gathered():
    view = a_view()
    assert isinstance(sight_of(view), Mask)
    bars = torch.arange(700).repeat_interleave(2)[None]
    assert isinstance(sight_of(View(bars, torch.full_like(bars, -1), FAR)), Gathered)


def test_what_a_bar_gathers_does_not_grow_with_the_song():
    def cells(num_bars: int) -> int:
        bars = torch.arange(num_bars).repeat_interleave(8)[None]
        parts = Gathered(View(bars, torch.full_like(bars, -1), FAR))._parts
        return sum(part.sees_CQK.numel() for part in parts)

    assert cells(400) <= 4.2 * cells(100)
