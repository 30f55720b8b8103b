"""Is influence exact, the same however it was computed, and safe against a kill?"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from provenance.attribution import Attributor, Checkpoint, Objective, Segment, SharePolicy, Widths
from provenance.attribution.blocks import layout_of
from provenance.attribution.errors import AttributionError
from tests.provenance.attribution.builders import (
    PADDING,
    a_model,
    a_task,
    slow_features,
    some_tokens,
    trained,
)

SMALL = Widths(rows=5, cols=4, vector=7)
WHOLE = Widths(rows=64, cols=64)
TOKENS = some_tokens(40)
FRESH = some_tokens(4, seed=9)


def an_attributor(directory, model=None, checkpoints=None, **options):
    options = {"widths": SMALL, "batch_size": 7, "shard_rows": 16, **options}
    return Attributor(model or trained(a_model(), TOKENS), a_task(), directory, checkpoints, **options)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=0.02, atol=0.004 * np.abs(b).max())


def slow_influence(model, queries, damping=0.01, objective=Objective.CROSS_ENTROPY):
    """sum of (u^T G_q v)(u^T G_i v) over the damped curvature, faded above its mean; autograd's gradients."""
    layout = layout_of(model, WHOLE)
    q, f = (slow_features(model, a_task(), layout, t, objective).double() for t in (queries, TOKENS))
    scores = torch.zeros(len(q), len(f), dtype=torch.float64)
    for block in layout.blocks:
        shape = (-1, block.rows, block.cols)
        mine, theirs = q[:, block.span].reshape(shape), f[:, block.span].reshape(shape)
        u = torch.linalg.eigh(sum(g @ g.T for g in theirs)).eigenvectors
        v = torch.linalg.eigh(sum(g.T @ g for g in theirs)).eigenvectors
        mine, theirs = u.T @ mine @ v, u.T @ theirs @ v
        curvature = (theirs**2).mean(0)
        mean = curvature.mean()
        scale = 1 / (curvature + damping * mean) / (1 + curvature / mean) ** 2
        scores += torch.einsum("qrc,nrc->qn", mine * scale, theirs)
    return scores.numpy()


@pytest.mark.parametrize("tied", [False, True])
def test_scores_are_gradients_times_inverse_curvature_times_gradients(tmp_path, tied):
    model = trained(a_model(tied=tied), TOKENS)
    attributor = an_attributor(tmp_path, model, widths=WHOLE)
    report = attributor.index(TOKENS)
    assert report.examples == 40
    scores = attributor.score(FRESH)
    assert scores.shape == (4, 40)
    assert scores.dtype == np.float32
    close(scores, slow_influence(model, FRESH))


def test_the_users_model_is_left_as_it_was(tmp_path):
    model = a_model().train()
    an_attributor(tmp_path, model)
    assert model.training
    assert all(p.requires_grad for p in model.parameters())


def test_batches_shards_and_iterables_change_nothing_but_rounding(tmp_path):
    model = trained(a_model(), TOKENS)
    one = an_attributor(tmp_path / "a", model, batch_size=40, shard_rows=1000)
    many = an_attributor(tmp_path / "b", model, batch_size=3, shard_rows=4)
    given = an_attributor(tmp_path / "c", model)
    one.index(TOKENS)
    many.index(TOKENS)
    given.index(list(TOKENS.split([1, 20, 19])))
    close(many.score(FRESH), one.score(FRESH))
    close(given.score(list(FRESH.split(1))), one.score(FRESH))


def test_permuting_examples_permutes_scores(tmp_path):
    model = trained(a_model(), TOKENS)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    straight, permuted = an_attributor(tmp_path / "a", model), an_attributor(tmp_path / "b", model)
    straight.index(TOKENS)
    permuted.index(TOKENS[order])
    close(permuted.score(FRESH), straight.score(FRESH)[:, order])


def test_checkpoints_are_averaged_and_may_be_files(tmp_path):
    models = [trained(a_model(seed=s), TOKENS) for s in (0, 1)]  # each with projections of its own
    path = tmp_path / "weights.safetensors"
    save_file(models[1].state_dict(), path)
    mask = np.ones(40, dtype=bool)
    both = an_attributor(
        tmp_path / "ab", models[0], [Checkpoint(models[0].state_dict(), mask), Checkpoint(path)]
    )
    both.index(TOKENS)
    alone = [an_attributor(tmp_path / f"{i}", model) for i, model in enumerate(models)]
    for attributor in alone:
        attributor.index(TOKENS)
    close(both.score(FRESH), sum(attributor.score(FRESH) for attributor in alone) / 2)


def test_seeds_are_averaged(tmp_path):
    model = trained(a_model(), TOKENS)
    both = an_attributor(tmp_path / "ab", model, seeds=(1, 2))
    both.index(TOKENS)
    alone = [an_attributor(tmp_path / f"{s}", model, seeds=(s,)) for s in (1, 2)]
    for attributor in alone:
        attributor.index(TOKENS)
    close(both.score(FRESH), sum(attributor.score(FRESH) for attributor in alone) / 2)


def test_one_name_of_a_tied_weight_is_enough_in_a_checkpoint(tmp_path):
    model = trained(a_model(tied=True), TOKENS)
    state = {k: v for k, v in model.state_dict().items() if k != "head.weight"}
    attributor = an_attributor(tmp_path, a_model(tied=True), [Checkpoint(state)], widths=WHOLE)
    attributor.index(TOKENS)
    close(attributor.score(FRESH), slow_influence(model, FRESH))


def test_search_finds_what_scores_say(tmp_path):
    attributor = an_attributor(tmp_path)
    attributor.index(TOKENS)
    scores = attributor.score(FRESH)
    for _ in range(2):  # built, then read from disk
        ids, found = attributor.search(FRESH, k=10)
        assert ids.shape == found.shape == (4, 10)
        np.testing.assert_allclose(found, np.take_along_axis(scores, ids, 1), rtol=1e-3, atol=1e-2)
        np.testing.assert_allclose(found, -np.sort(-scores, 1)[:, :10], rtol=1e-3, atol=1e-2)
    assert attributor.search(FRESH, k=1000)[0].shape == (4, 40)


def test_a_query_that_equals_an_example_ranks_it_first(tmp_path):
    attributor = an_attributor(tmp_path, widths=Widths(16, 16))
    attributor.index(TOKENS)
    chosen = torch.arange(0, 40, 3)
    assert (attributor.search(TOKENS[chosen], k=1)[0][:, 0] == chosen.numpy()).mean() >= 0.95
    assert (attributor.score(TOKENS[chosen]).argmax(1) == chosen.numpy()).mean() >= 0.95


def test_a_planted_copy_names_its_owner_first_with_the_largest_share(tmp_path):
    attributor = an_attributor(tmp_path, widths=Widths(16, 16))
    attributor.index(TOKENS)
    owners = [f"owner {i}" for i in range(40)]
    result = attributor.attribute(TOKENS[5:6], owners)
    assert result.shares[0].owner == "owner 5"
    assert result.shares[0].share_ppm > 300_000
    assert result.shares[0].influence > 0
    assert sum(s.share_ppm for s in result.shares) + result.unattributed_ppm == 1_000_000
    assert result.segments[0].shares[0][0] == "owner 5"


def test_segments_are_attributed_each_by_itself(tmp_path):
    attributor = an_attributor(tmp_path, widths=Widths(16, 16))
    attributor.index(TOKENS)
    result = attributor.attribute(TOKENS[[5, 20]], torch.arange(40), policy=SharePolicy(draws=5))
    assert [segment.shares[0][0] for segment in result.segments] == [5, 20]
    assert {row.owner for row in result.shares[:2]} == {5, 20}
    for segment in result.segments:
        assert sum(ppm for _, ppm in segment.shares) + segment.unattributed_ppm == 1_000_000


def test_the_same_seed_gives_the_same_result(tmp_path):
    results = []
    for name in "ab":
        attributor = an_attributor(tmp_path / name)
        attributor.index(TOKENS)
        results.append(
            attributor.attribute(FRESH, [i % 7 for i in range(40)], null_tokens=some_tokens(8, seed=5))
        )
    assert results[0] == results[1]


def test_units_pool_an_owners_examples(tmp_path):
    attributor = an_attributor(tmp_path)
    attributor.index(TOKENS)
    works = [i // 4 for i in range(40)]
    result = attributor.attribute(FRESH, works, units=works)
    assert len(result.shares) == 10
    assert {row.owner: round(row.influence, 2) for row in result.shares} == {
        work: round(float(attributor.score(FRESH)[:, 4 * work : 4 * work + 4].sum()), 2) for work in range(10)
    }


def test_an_owners_score_is_the_sum_over_their_examples(tmp_path):
    attributor = an_attributor(tmp_path)
    attributor.index(TOKENS)
    owners = np.arange(40) % 3
    sums = attributor.owner_sums(owners)
    sums.save(tmp_path / "sums.safetensors")
    again = type(sums).load(tmp_path / "sums.safetensors")
    assert again.owners == (0, 1, 2)
    scores = attributor.score(FRESH)
    expected = np.stack([scores[:, owners == h].sum(1) for h in range(3)], 1)
    np.testing.assert_allclose(attributor.score_owners(FRESH, again), expected, rtol=1e-3, atol=1e-2)


def test_what_is_removed_scores_nothing_and_is_not_found(tmp_path):
    attributor = an_attributor(tmp_path)
    attributor.index(TOKENS)
    before = attributor.score(FRESH)
    attributor.search(FRESH)
    attributor.remove([3, 17])
    after = an_attributor(tmp_path)
    kept = np.setdiff1d(np.arange(40), [3, 17])
    assert not after.score(FRESH)[:, [3, 17]].any()
    np.testing.assert_array_equal(after.score(FRESH)[:, kept], before[:, kept])
    assert not {3, 17} & set(after.search(FRESH, k=40)[0].flatten().tolist())
    result = after.attribute(TOKENS[3:4], torch.arange(40))
    assert next(r for r in result.shares if r.owner == 3).share_ppm == 0
    with pytest.raises(ValueError, match="numbered 0 to 39"):
        after.remove([40])


KILLED = """
import os, sys, torch
from tests.provenance.attribution.test_attributor import an_attributor, TOKENS
torch.set_num_threads(1)
left = [int(sys.argv[2])]
def progress(stage, done):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), 9)
an_attributor(sys.argv[1]).index(TOKENS, progress=progress)
"""


def test_indexing_goes_on_after_a_kill_and_gives_the_same_features(tmp_path):
    whole = an_attributor(tmp_path / "whole")
    whole.index(TOKENS)
    for at in (2, 2, 1):  # among the gradients, then among the whitened features
        command = [sys.executable, "-c", KILLED, str(tmp_path / "cut"), str(at)]
        assert subprocess.run(command, check=False, cwd=Path(__file__).parents[3]).returncode == -9
    stray = tmp_path / "cut" / "checkpoint0" / "white" / ".00001.npy.1.tmp"
    stray.write_bytes(b"half a shard")
    cut = an_attributor(tmp_path / "cut")
    with pytest.raises(AttributionError, match="not indexed yet"):
        cut.score(FRESH)
    done = []
    cut.index(TOKENS, progress=lambda stage, count: done.append((stage, count)))
    assert done
    assert len(done) < 6
    np.testing.assert_array_equal(cut.score(FRESH), whole.score(FRESH))
    assert cut._store.verify() == []


def test_indexing_twice_does_nothing_the_second_time(tmp_path):
    an_attributor(tmp_path).index(TOKENS)
    done = []
    an_attributor(tmp_path).index(TOKENS, progress=lambda *step: done.append(step))
    assert done == []


OTHERS = {
    "order": TOKENS.flip(0),
    "less": TOKENS[:39],
    "more": torch.cat([TOKENS, TOKENS[:1]]),
    "whole shards less": TOKENS[:16],
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_other_examples_are_refused_where_some_are_indexed(tmp_path, other):
    an_attributor(tmp_path).index(TOKENS)
    with pytest.raises(AttributionError, match="give another folder"):
        an_attributor(tmp_path).index(other)


def test_no_examples_are_refused(tmp_path):
    with pytest.raises(AttributionError, match="no examples"):
        an_attributor(tmp_path).index(TOKENS[:0])


def test_another_models_folder_is_refused(tmp_path):
    an_attributor(tmp_path).index(TOKENS)
    with pytest.raises(AttributionError, match="another model"):
        an_attributor(tmp_path, a_model(seed=5))
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(AttributionError, match="no manifest"):
        an_attributor(tmp_path)


def test_a_changed_shard_is_noticed(tmp_path):
    attributor = an_attributor(tmp_path)
    attributor.index(TOKENS)
    path = tmp_path / "checkpoint0" / "white" / "00001.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert attributor._store.verify() == ["checkpoint0/white/00001.npy"]
    path.unlink()
    with pytest.raises(AttributionError, match="missing or broken"):
        attributor.score(FRESH)


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path):
    state = a_model().state_dict()
    state.pop("head.bias")
    with pytest.raises(AttributionError, match=r"head\.bias"):
        an_attributor(tmp_path / "a", checkpoints=[Checkpoint(state)]).index(TOKENS)
    with pytest.raises(AttributionError, match="does not fit"):
        wide = a_model(width=16).state_dict()
        an_attributor(tmp_path / "b", checkpoints=[Checkpoint(wide)]).index(TOKENS)
    with pytest.raises(AttributionError, match="no checkpoint"):
        an_attributor(tmp_path / "c", checkpoints=[Checkpoint(tmp_path / "none.safetensors")])


def test_a_checkpoint_says_of_every_example_whether_it_was_trained_on_it(tmp_path):
    attributor = an_attributor(tmp_path, checkpoints=[Checkpoint(a_model().state_dict(), torch.ones(39))])
    with pytest.raises(ValueError, match="of 39 examples"):
        attributor.index(TOKENS)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = a_model()
    with torch.no_grad():
        model.head.weight[0, 0] = float("nan")
    with pytest.raises(AttributionError, match="not finite"):
        an_attributor(tmp_path, model).index(TOKENS)


def test_one_label_for_every_example_is_asked_for(tmp_path):
    attributor = an_attributor(tmp_path)
    attributor.index(TOKENS)
    with pytest.raises(ValueError, match="40 examples"):
        attributor.attribute(FRESH, ["a"] * 39)


def test_examples_of_padding_alone_have_no_influence(tmp_path):
    tokens = TOKENS.clone()
    tokens[4] = PADDING
    attributor = an_attributor(tmp_path)
    attributor.index(tokens)
    assert not attributor.score(FRESH)[:, 4].any()


def test_queries_are_put_together_in_any_way_as_if_only_those_had_been_asked(tmp_path):
    attributor = an_attributor(tmp_path, widths=Widths(16, 16))
    attributor.index(TOKENS)
    queries, owners, nulls = TOKENS[[5, 12, 20]], list(range(40)), some_tokens(8, seed=5)
    found = attributor.influences(queries, owners, null_tokens=nulls)
    together = found.shares([0, 2])
    alone = attributor.attribute(queries[[0, 2]], owners, null_tokens=nulls)
    assert {row.owner for row in together.shares[:2]} == {5, 20}
    for row, expected in zip(together.shares, alone.shares, strict=True):
        assert row.owner == expected.owner
        assert row.share_ppm == pytest.approx(expected.share_ppm, abs=100)
    assert found.segment([1]) == attributor.attribute(queries, owners, null_tokens=nulls).segments[1]


def test_nothing_asked_leaned_on_nothing(tmp_path):
    attributor = an_attributor(tmp_path)
    attributor.index(TOKENS)
    assert attributor.influences(FRESH, list(range(40))).segment([]) == Segment((), 1_000_000)


def test_the_leading_example_of_an_owner_is_the_one_with_the_largest_score(tmp_path):
    attributor = an_attributor(tmp_path, widths=Widths(16, 16))
    attributor.index(TOKENS)
    owners = np.arange(40) % 4
    found = attributor.influences(TOKENS[[6, 11]], owners)
    assert [found.leading_example(0, 2), found.leading_example(1, 3)] == [6, 11]
    scores = attributor.score(TOKENS[[6]])[0]
    own = np.flatnonzero(owners == 1)
    assert found.leading_example(0, 1) == own[scores[own].argmax()]
