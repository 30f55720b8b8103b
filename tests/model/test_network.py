"""The network's promise: no event sees its future, and nothing outside a song touches it."""

from collections.abc import Callable

import pytest
import torch

from model import attention, network
from model.events import FIELD_SIZES, Field
from model.network import Composer
from model.objective import attribution_logits, attribution_targets, loss_of, targets_of
from model.plan import PLAN_ROWS, Column, Kind
from tests.model.songs import a_composer, a_matrix

FIELDS = tuple(Column(Column.POSITION + field) for field in Field)


def logits_of(model: Composer, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        return model(rows[None]).fields


def later_logits_leak(model: Composer, rows: torch.Tensor, event: int) -> bool:
    """Whether changing a field of one event changes what was said before that field was chosen."""
    before = logits_of(model, rows)
    for field in Field:
        column = Column.POSITION + field
        changed = rows.clone()
        row = changed[PLAN_ROWS + event]
        row[column] = (
            (row[column] + 1) % FIELD_SIZES[field] if field != Field.POSITION else (row[column] + 1) % 36
        )
        after = logits_of(model, changed)
        for other in Field:
            up_to = event if other > field else event + 1
            if not torch.equal(before[other][:, :up_to], after[other][:, :up_to]):
                return True
    return False


def note_rows(rows: torch.Tensor) -> list[int]:
    return torch.nonzero(rows[PLAN_ROWS:, Column.TRACK] * (rows[PLAN_ROWS:, Column.KIND] > 0) > 0)[
        :, 0
    ].tolist()


def test_changing_any_field_of_an_event_leaves_everything_said_before_it_bit_equal():
    model, rows = a_composer(), a_matrix()
    events = note_rows(rows)
    for event in (events[2], events[len(events) // 2], events[-1]):
        assert not later_logits_leak(model, rows, event)


def sees_all_of_the_bar(bar_q, order_q, source_q, bar_k, order_k, far_bars):
    return (bar_q >= bar_k) & (order_q + order_k > -1)


def sees_open_units(unit_q, unit_k):
    return unit_k <= unit_q


@pytest.mark.parametrize(
    ("rule", "leaky"), [("sees_events", sees_all_of_the_bar), ("sees_units", sees_open_units)]
)
def test_the_leak_test_finds_a_leaky_rule(monkeypatch, rule: str, leaky: Callable[..., torch.Tensor]):
    monkeypatch.setattr(attention, rule, leaky)
    model, rows = a_composer(), a_matrix()
    assert any(later_logits_leak(model, rows, event) for event in note_rows(rows)[4:12])


def test_the_leak_test_finds_a_stream_that_hears_the_half_bar_that_is_still_open(monkeypatch):
    true_step = network.step_of
    monkeypatch.setattr(network, "step_of", lambda events, first: true_step(events, first) + 1)
    model, rows = a_composer(), a_matrix()
    assert any(later_logits_leak(model, rows, event) for event in note_rows(rows)[4:12])


def gradient_reaches_later(model: Composer, rows: torch.Tensor, event: int) -> bool:
    """Whether the logits of an event depend on the codes of a later one."""
    seen = []
    hook = model.reader.code.register_forward_hook(
        lambda _m, _i, out: (out.retain_grad(), seen.append(out))[1]
    )
    sum(x[:, event].sum() for x in model(rows[None]).fields).backward()
    hook.remove()
    return bool((seen[0].grad[:, event:] != 0).any())


def test_no_gradient_flows_from_what_is_said_to_what_comes_after():
    model, rows = a_composer(), a_matrix()
    for event in (3, 20, 50):
        assert not gradient_reaches_later(model, rows, event)


def test_gradient_does_flow_from_what_is_said_to_what_came_before():
    model, rows = a_composer(), a_matrix()
    seen = []
    model.reader.code.register_forward_hook(lambda _m, _i, out: (out.retain_grad(), seen.append(out))[1])
    sum(x[:, 30].sum() for x in model(rows[None]).fields).backward()
    assert (seen[0].grad[:, 29] != 0).any()


def test_a_song_is_read_the_same_alone_and_beside_a_longer_one():
    model = a_composer()
    short, long = a_matrix(1, start=4, end=8), a_matrix(2)
    alone, beside = logits_of(model, short), model(torch.stack([short, long])).fields
    for field in Field:
        length = alone[field].shape[1]
        torch.testing.assert_close(beside[field][0, :length], alone[field][0], atol=1e-10, rtol=1e-9)


def test_more_padding_changes_nothing():
    model = a_composer()
    for a, b in zip(logits_of(model, a_matrix(max_events=140)), logits_of(model, a_matrix()), strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


def test_where_an_excerpt_stands_in_its_song_is_told_by_its_plan_alone():
    model, rows = a_composer(), a_matrix(start=8, end=16)
    moved = rows.clone()
    moved[PLAN_ROWS:, Column.TIME] += 4800
    for a, b in zip(logits_of(model, rows), logits_of(model, moved), strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-8)


def summaries_seen(rows: torch.Tensor, row: int) -> list[int]:
    units = network.Units.of(rows[None, PLAN_ROWS:])
    of_event = units.bar_NT[0, row]
    return torch.nonzero(attention.sees_units(of_event, torch.arange(16)))[:, 0].tolist()


def test_a_bar_is_summed_up_for_the_next_bar_and_not_for_its_own_last_note():
    rows = a_matrix()
    markers = torch.nonzero(rows[PLAN_ROWS:, Column.POSITION] == 96)[:, 0].tolist()
    assert summaries_seen(rows, markers[2] - 1) == [0]
    assert summaries_seen(rows, markers[2]) == [0, 1]


def test_an_event_sees_its_bar_the_related_bars_and_the_bar_that_it_repeats():
    bars = torch.arange(40)
    seen = attention.sees_events(
        torch.tensor(35),
        torch.tensor(35),
        torch.tensor(5),
        bars,
        bars,
        attention.seen_distances((1, 2, 4, 8, 12, 16, 24, 32)),
    )
    assert torch.nonzero(seen)[:, 0].tolist() == [3, 5, 11, 19, 23, 27, 31, 33, 34, 35]


def test_the_plan_reaches_every_event_from_the_first_note_on():
    model, rows = a_composer(), a_matrix()
    changed = rows.clone()
    last_section = torch.nonzero(rows[:PLAN_ROWS, Column.KIND] == Kind.SECTION)[-1, 0]
    changed[last_section, 2] += 1
    a, b = logits_of(model, rows)[0], logits_of(model, changed)[0]
    assert (a[0, 1] != b[0, 1]).any()


def test_a_track_that_the_plan_does_not_have_is_never_chosen():
    logits = logits_of(a_composer(), a_matrix())[Field.TRACK]
    assert (logits[0, 1:, 4:] == network.NEVER).all()
    assert (logits[0, 1:, :4] > network.NEVER).all()


def test_attribution_sees_one_field_after_the_other_and_the_same_loss():
    model, rows = a_composer(), torch.stack([a_matrix(1), a_matrix(2, start=4, end=10)])
    logits, targets = attribution_logits(model, rows), attribution_targets(rows)
    assert logits.shape == (2, 160 * len(Field), max(FIELD_SIZES))
    assert targets.shape == (2, 160 * len(Field))
    summed = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
    events = (targets_of(rows[:, PLAN_ROWS:])[..., 0] >= 0).sum()
    torch.testing.assert_close((summed / events).float(), loss_of(model(rows), rows).notes.float())


def test_every_parameter_sits_in_a_linear_map_an_embedding_or_a_norm():
    model = a_composer()
    kinds = (torch.nn.Linear, torch.nn.Embedding, torch.nn.LayerNorm)
    owned = {id(p) for m in model.modules() if isinstance(m, kinds) for p in m.parameters(recurse=False)}
    assert owned == {id(p) for p in model.parameters()}


def test_each_linear_map_is_called_once_with_the_songs_first():
    model, rows, calls = a_composer(), torch.stack([a_matrix(1), a_matrix(2), a_matrix(3)]), []
    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
            module.register_forward_hook(lambda m, i, _o: calls.append((id(m), i[0].shape[0])))
    model(rows)
    # What is said of a song as a whole, and the track of a song, have the songs first too.
    assert len({module for module, _ in calls}) == len(calls)
    assert {songs for _, songs in calls} == {3}


def test_every_parameter_learns_from_a_batch():
    model, rows = a_composer(), torch.stack([a_matrix(1), a_matrix(2)])
    loss_of(model(rows), rows).total.backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def expected_of_half_bars(model: Composer, rows: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        output = model(rows[None])
    return torch.cat([output.chord_NSV, output.onsets_NSX], -1)[0]


@pytest.mark.parametrize(("column", "half"), [(Column.PITCH, None), (Column.CHORD_A, 0), (Column.CHORD_B, 1)])
def test_what_a_stream_expects_of_a_half_bar_is_said_before_it_sounds(column: Column, half: int | None):
    model, rows = a_composer(), a_matrix()
    event = note_rows(rows)[10]
    changed = rows.clone()
    bar, position = rows[PLAN_ROWS + event, Column.BAR], rows[PLAN_ROWS + event, Column.POSITION]
    step = 2 * int(bar) + (int(position >= 18) if half is None else half)
    same_bar = (rows[PLAN_ROWS:, Column.BAR] == bar) & (rows[PLAN_ROWS:, Column.KIND] > 0)
    touched = torch.arange(160) == event if half is None else same_bar
    changed[PLAN_ROWS:, column][touched] = (changed[PLAN_ROWS:, column][touched] + 1) % 90 + 2
    before, after = expected_of_half_bars(model, rows), expected_of_half_bars(model, changed)
    assert torch.equal(before[:step], after[:step])
    assert not torch.equal(before[step:], after[step:])


def test_a_stream_reads_the_other_one_step_late():
    model = a_composer()
    rows = a_matrix()
    states = []
    model.streams.norm_harmony.register_forward_hook(lambda _m, _i, out: states.append(out))
    model.streams.read_rhythm.register_forward_hook(
        lambda _m, _i, out: (out.retain_grad(), states.append(out))[1]
    )
    model(rows[None])
    rhythm, harmony = states
    harmony[:, 7].sum().backward()
    assert (rhythm.grad[:, 7:] == 0).all()
    assert (rhythm.grad[:, 6] != 0).any()
