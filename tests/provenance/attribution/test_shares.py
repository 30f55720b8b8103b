"""Do shares keep their axioms, whatever the influences are?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from provenance.attribution.reliability import Verdict
from provenance.attribution.shares import WHOLE_PPM, Claimants, SharePolicy, shares_of

FAST = SharePolicy(draws=8)


@st.composite
def cases(draw):
    """Scores of components by examples, null scores, owners, units that lie within owners, contents."""
    components, nulls = draw(st.integers(1, 3)), draw(st.integers(0, 6))
    num = draw(st.integers(1, 30))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((components, num)) * rng.choice([0.0, 1.0, 30.0], num)
    null = rng.standard_normal((components, nulls, num))
    extreme = draw(hnp.arrays(np.float64, num, elements=st.sampled_from([0.0, 1.0, -1.0, 1e6, 1e-6])))
    owners = [int(x) for x in rng.integers(0, draw(st.integers(1, 5)), num)]
    units = [f"{o}/{x}" for o, x in zip(owners, rng.integers(0, 4, num), strict=True)]
    return scores * extreme, null * np.abs(extreme), owners, draw(st.sampled_from([None, units]))


def total(shares, owners):
    return sum(row.share_ppm for row in shares.shares if row.owner in owners)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_shares_and_the_unattributed_part_sum_to_a_million(case):
    scores, nulls, owners, units = case
    result = shares_of(scores, nulls, Claimants.of(owners, units), policy=FAST)
    assert sum(row.share_ppm for row in result.shares) + result.unattributed_ppm == WHOLE_PPM
    assert result.unattributed_ppm >= 0
    assert {row.owner for row in result.shares} == set(owners)
    for row in result.shares:
        assert 0 <= row.low_ppm <= row.share_ppm <= row.high_ppm <= WHOLE_PPM


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 2**32 - 1))
def test_splitting_a_catalogue_in_two_does_not_raise_its_total(case, seed):
    scores, nulls, owners, units = case
    labels = units or list(range(len(owners)))
    rng = np.random.default_rng(seed)
    leaving = {label for label in sorted(set(labels), key=str) if rng.integers(0, 2)}
    split = ["other" if o == 0 and u in leaving else o for o, u in zip(owners, labels, strict=True)]
    whole = shares_of(scores, nulls, Claimants.of(owners, units), policy=FAST)
    parted = shares_of(scores, nulls, Claimants.of(split, units), policy=FAST)
    assert total(parted, {0, "other"}) <= total(whole, {0})
    assert total(parted, {0, "other"}) >= total(whole, {0}) - 1
    assert [total(parted, {o}) for o in range(1, 5)] == [total(whole, {o}) for o in range(1, 5)]


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 29))
def test_an_exact_copy_shares_and_does_not_double(case, which):
    scores, nulls, owners, _ = case
    which %= len(owners)
    contents = list(range(len(owners)))
    before = shares_of(scores, nulls, Claimants.of(contents, None, contents), policy=FAST)
    columns = [*contents, which]
    copied = Claimants.of([*contents, "copyist"], None, columns)
    after = shares_of(scores[:, columns], nulls[:, :, columns], copied, policy=FAST)
    assert abs(total(after, {which, "copyist"}) - total(before, {which})) <= 2
    assert abs(total(after, {which}) - total(after, {"copyist"})) <= 1


def test_a_copy_shares_also_beside_an_influence_that_dwarfs_all_others():
    small = np.random.default_rng(3).standard_normal(30) * 1e-5
    scores, nulls, contents = np.stack([small, small]), np.zeros((2, 0, 30)), list(range(30))
    scores[:, 7], which = -8e6, int(small.argmax())
    before = shares_of(scores, nulls, Claimants.of(contents, None, contents), policy=FAST)
    columns = [*contents, which]
    copied = Claimants.of([*contents, "copyist"], None, columns)
    after = shares_of(scores[:, columns], nulls[:, :, columns], copied, policy=FAST)
    assert total(before, {which}) > 100_000
    assert abs(total(after, {which, "copyist"}) - total(before, {which})) <= 2


@settings(max_examples=60, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_permuting_examples_permutes_shares(case, random):
    scores, nulls, owners, units = case
    contents = [f"c{i}" for i in range(len(owners))]
    order = list(range(len(owners)))
    random.shuffle(order)

    def moved(labels):
        return None if labels is None else [labels[i] for i in order]

    straight = shares_of(scores, nulls, Claimants.of(owners, units, contents), policy=FAST)
    there = Claimants.of(moved(owners), moved(units), moved(contents))
    permuted = shares_of(scores[:, order], nulls[:, :, order], there, policy=FAST)
    assert straight == permuted


@settings(max_examples=20, deadline=None)
@given(cases())
def test_the_same_seed_gives_the_same_shares(case):
    scores, nulls, owners, units = case
    claimants = Claimants.of(owners, units)
    assert repr(shares_of(scores, nulls, claimants)) == repr(shares_of(scores, nulls, claimants))


def some_noise(num=200, components=3, nulls=40, seed=0):
    rng = np.random.default_rng(seed)
    shared, own = rng.standard_normal(num), rng.standard_normal((components, num))
    return shared + 0.3 * own, rng.standard_normal((components, nulls, num)), rng


def test_what_stands_out_is_attributed_and_holds_its_interval():
    scores, nulls, _ = some_noise()
    scores[:, 7] += 60
    scores[:, 11] += 20
    result = shares_of(scores, nulls, Claimants.of(list(range(200))))
    assert [row.owner for row in result.shares[:2]] == [7, 11]
    assert total(result, {7, 11}) > 0.8 * WHOLE_PPM
    assert result.shares[0].low_ppm > result.shares[1].high_ppm
    assert result.reliability.verdict is Verdict.INFLUENCE


def test_noise_alone_is_unattributed_and_falls_back_to_exposure():
    scores, nulls, _ = some_noise()
    result = shares_of(scores, nulls.mean(0, keepdims=True) * np.sqrt(3), Claimants.of(list(range(200))))
    assert result.unattributed_ppm > 0.9 * WHOLE_PPM
    assert result.reliability.verdict is Verdict.EXPOSURE
    assert result.reliability.reason


def test_negative_influence_stays_on_record_and_pays_nothing():
    scores, nulls, _ = some_noise()
    scores[:, 3] -= 50
    row = next(r for r in shares_of(scores, nulls, Claimants.of(list(range(200)))).shares if r.owner == 3)
    assert row.influence < -40
    assert row.share_ppm == 0


def test_a_unit_that_leads_for_every_query_is_credited_only_with_what_it_adds():
    scores, nulls, _ = some_noise()
    scores[:, 5] += 50
    hub = nulls.copy()
    hub[:, :, 5] += 50
    claimants = Claimants.of(list(range(200)))
    assert total(shares_of(scores, nulls, claimants), {5}) > 500_000
    assert total(shares_of(scores, hub, claimants), {5}) < 50_000


def test_influence_that_is_added_up_over_a_work_stands_out_where_its_parts_do_not():
    scores, nulls, _ = some_noise(num=400)
    scores[:, :10] += 2.0
    works = [i // 10 for i in range(400)]
    by_work = shares_of(scores, nulls, Claimants.of(works, works))
    assert by_work.shares[0].owner == 0
    assert by_work.shares[0].share_ppm > 100_000


def test_disagreeing_checkpoints_are_not_paid_on():
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((2, 100))
    scores[0, :5] += 80
    scores[1, 5:10] += 80
    result = shares_of(scores, rng.standard_normal((2, 30, 100)), Claimants.of(list(range(100))))
    assert result.reliability.verdict is Verdict.EXPOSURE
    assert "Checkpoints rank" in result.reliability.reason


def test_one_list_for_every_query_is_not_paid_on():
    scores, nulls, rng = some_noise()
    scores[:, :5] += 40
    same = np.abs(rng.standard_normal(200)) * 5 + nulls
    same[:, :, :5] = nulls[:, :, :5]
    result = shares_of(scores, same, Claimants.of(list(range(200))))
    assert "one list" in result.reliability.reason


def test_a_null_query_says_nothing_about_itself_or_its_copies():
    rng = np.random.default_rng(2)
    nulls = rng.standard_normal((1, 4, 30))
    nulls[0, range(4), range(4)] = 1e6
    nulls[0, 0, 9] = 1e6
    scores = rng.standard_normal((1, 30))
    scores[0, :4] += 40
    contents = [*range(9), 0, *range(10, 30)]
    claimants = Claimants.of(list(range(30)), None, contents)
    result = shares_of(scores, nulls, claimants, null_examples_M=np.arange(4))
    assert {row.owner for row in result.shares[:4]} == {0, 1, 2, 3}
    assert total(result, {1, 2, 3}) > 500_000


def test_a_unit_with_two_owners_is_refused():
    with pytest.raises(ValueError, match="two owners"):
        Claimants.of(["a", "b"], ["work", "work"])


def test_an_interval_is_wider_where_a_share_rests_on_one_of_many_works():
    scores, nulls, _ = some_noise()
    scores[:, [7, 50, 90]] += 60
    widths = []
    for owners in (list(range(200)), [7 if i < 20 else i for i in range(200)]):
        row = next(r for r in shares_of(scores, nulls, Claimants.of(owners)).shares if r.owner == 7)
        widths.append(row.high_ppm - row.low_ppm)
    assert widths[1] > 3 * widths[0]


def test_an_interval_without_draws_has_no_width():
    scores, nulls, _ = some_noise()
    scores[:, 7] += 60
    row = shares_of(scores, nulls, Claimants.of(list(range(200))), policy=SharePolicy(draws=0)).shares[0]
    assert row.low_ppm == row.share_ppm == row.high_ppm
