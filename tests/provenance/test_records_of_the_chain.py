"""Are runs, generations and attributions on record once, and found again from a work?"""

from datetime import timedelta

import pytest

from provenance.attributions import (
    AttributionValues,
    WorkShare,
    find_attribution,
    record_attribution,
    shares_of,
    touched,
    trace,
)
from provenance.corpus.registry import corpora_with, find_corpus
from provenance.errors import NotRecordedError, ProvenanceError, RecordConflictError
from provenance.evidence.records import verify_chain
from provenance.generations import GenerationValues, list_generations, record_generation, record_rendering
from provenance.runs import Exposure, events_seen_by_work, exposures_of, find_index, find_run, record_run
from tests.provenance.builders import NOON, TEST_DIGEST, a_chain, a_key, an_attribution


def record_again(session, chain, **changed):
    run = find_run(session, chain.run_id)
    values = {
        "corpus_id": run.corpus_id, "checkpoint_sha256": run.checkpoint_sha256, "preset": "lite", "seed": 1,
        "steps": 100, "loss": 1.5, "config": run.config, "exposures": exposures_of(session, run.id),
        "trained_at": NOON, **changed,
    }  # fmt: skip
    return record_run(session, a_key(), **values)


def test_a_run_is_not_rewritten(session, tmp_path):
    chain = a_chain(session, tmp_path)
    assert record_again(session, chain, trained_at=NOON + timedelta(days=1)).trained_at == NOON
    with pytest.raises(RecordConflictError, match="other values"):
        record_again(session, chain, steps=101)
    with pytest.raises(RecordConflictError, match="other values"):
        record_again(session, chain, exposures=[])


def test_a_run_cannot_have_seen_what_is_not_in_its_corpus(session, tmp_path):
    chain = a_chain(session, tmp_path)
    foreign = [Exposure("work_a", "9" * 64, 1, 1)]
    with pytest.raises(ProvenanceError, match="not in its corpus"):
        record_again(session, chain, checkpoint_sha256="8" * 64, exposures=foreign)
    with pytest.raises(NotRecordedError, match="corpus build"):
        record_again(session, chain, checkpoint_sha256="8" * 64, corpus_id="7" * 64)


def test_what_is_not_on_record_is_named_with_the_command_that_makes_it(session):
    nothing = GenerationValues("run_0", None, {}, 1, TEST_DIGEST)
    for look, command in (
        (lambda: find_run(session), "model train"),
        (lambda: find_run(session, "run_0"), "model train"),
        (lambda: find_index(session, "run_0"), "provenance index run_0"),
        (lambda: find_attribution(session, "gen_0"), "provenance attribute gen_0"),
        (lambda: find_corpus(session), "corpus build"),
        (lambda: record_generation(session, a_key(), nothing, NOON), "model train"),
        (lambda: record_attribution(session, a_key(), an_attribution("gen_0", ["work_a"]), NOON), "generate"),
    ):  # fmt: skip
        with pytest.raises(NotRecordedError, match=command):
            look()


def test_shares_that_are_not_the_whole_are_a_programmers_error():
    with pytest.raises(ValueError, match="sum to 999999 ppm"):
        AttributionValues("gen_0", "gradient", [WorkShare("work_a", 1, 0, 2, "0")], 999_998, {})
    twice = [WorkShare("work_a", 500_000, 0, 500_000, "0")] * 2
    with pytest.raises(ValueError, match="two shares"):
        AttributionValues("gen_0", "gradient", twice, 0, {})


def test_recording_the_same_again_changes_nothing(session, tmp_path):
    chain = a_chain(session, tmp_path)
    before = verify_chain(session, a_key().public)
    values = an_attribution(chain.generation_id, chain.works[:2])
    assert record_attribution(session, a_key(), values, NOON + timedelta(days=1)).attributed_at == NOON
    [generation] = list_generations(session, chain.run_id)
    again = GenerationValues(
        generation.run_id, None, generation.prompt, generation.seed, generation.midi_sha256,
        generation.originality,
    )  # fmt: skip
    assert record_generation(session, a_key(), again, NOON) is generation
    record_rendering(
        session, a_key(), generation_id=generation.id, sound_bank={"name": "A bank", "licence": "MIT"},
        files={"mix.wav": TEST_DIGEST}, rendered_at=NOON + timedelta(days=1),
    )  # fmt: skip
    assert verify_chain(session, a_key().public) == before


def test_a_work_is_traced_by_the_newest_attribution_of_each_generation(session, tmp_path):
    chain = a_chain(session, tmp_path)
    assert [i.generation_id for i in trace(session, "work_a")] == [chain.generation_id]
    later = an_attribution(chain.generation_id, ["work_b", "work_c"], unattributed_ppm=0)
    record_attribution(session, a_key(), later, NOON + timedelta(hours=1))
    assert trace(session, "work_a") == []
    [influenced] = trace(session, "work_c")
    assert (influenced.share_ppm, influenced.attribution_id) == (500_000, later.id)
    assert find_attribution(session, chain.generation_id).id == later.id
    assert [share.work_id for share in shares_of(session, later.id)] == ["work_b", "work_c"]


def test_what_a_withdrawal_touches_is_known(session, tmp_path):
    chain = a_chain(session, tmp_path)
    all_of_it = touched(session, "work_a")
    assert all_of_it.corpora == (chain.corpus_id,)
    assert all_of_it.runs == (chain.run_id,)
    assert all_of_it.generations == (chain.generation_id,)
    assert touched(session, "work_d").generations == ()
    assert touched(session, "nobody").corpora == ()


def test_what_a_run_saw_is_summed_by_work(session, tmp_path):
    chain = a_chain(session, tmp_path)
    assert events_seen_by_work(session, chain.run_id) == dict.fromkeys(chain.works, 300)
    assert find_run(session).id == chain.run_id
    assert [corpus.id for corpus in corpora_with(session, "work_a")] == [chain.corpus_id]
    assert find_corpus(session, chain.corpus_id[:12]).id == chain.corpus_id
