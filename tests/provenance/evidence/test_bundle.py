"""Is there a way to cheat with a bundle? Each that was thought of, then the honest one."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog.database import open_engine
from migrations import upgrade
from provenance.canonical import canonical, digest
from provenance.corpus.leaves import LeafProof, corpus_id_of, proofs_of, read_leaves
from provenance.errors import BundleError, NotRecordedError
from provenance.evidence.bundle import VerifiedBundle, export_bundle, open_bundle, verify_bundle
from provenance.evidence.bundle_body import BUNDLE_TYPE
from provenance.evidence.sealed import seal
from provenance.tables import Generation
from tests.provenance.builders import a_chain, a_corpus_folder, a_key, a_leaf


def exported(session, chain) -> bytes:
    return export_bundle(
        session, chain.key, generation_id=chain.generation_id, store=chain.store, corpora=chain.corpora
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("bundle")
    engine = open_engine(f"sqlite:///{folder / 'chain.db'}")
    upgrade(engine)
    with Session(engine) as session:
        data = exported(session, a_chain(session, folder))
    engine.dispose()
    return data


def forged(bundle: bytes, change, key=None) -> bytes:
    """The bundle with another body, signed again by somebody who has a key."""
    body = json.loads(bundle)["body"]
    change(body)
    return seal(BUNDLE_TYPE, body, key or a_key())


def unchanged(body):
    """The same body, to be signed by somebody else."""


def failing(data: bytes, expected_key=None) -> list[str]:
    return [check.name for check in verify_bundle(data, expected_key).failed]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found(bundle, data):
    place = data.draw(st.integers(0, len(bundle) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(bundle)
    changed[place] ^= 1 << bit
    assert not verify_bundle(bytes(changed)).valid


@settings(deadline=None)
@given(data=st.data())
def test_any_inserted_or_removed_byte_is_found(bundle, data):
    place = data.draw(st.integers(0, len(bundle) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    assert not verify_bundle(bundle[:place] + byte + bundle[place:]).valid
    assert not verify_bundle(bundle[:place] + bundle[place + 1 :]).valid


@settings(deadline=None)
@given(data=st.data())
def test_a_truncated_bundle_is_refused(bundle, data):
    assert not verify_bundle(bundle[: data.draw(st.integers(0, len(bundle) - 1))]).valid


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_without_an_exception(data):
    assert not verify_bundle(data).valid


def test_the_same_value_in_another_form_is_refused(bundle):
    value = json.loads(bundle)
    assert failing(json.dumps(value).encode()) == ["canonical form"]
    assert failing(bundle + b"\n") == ["canonical form"]
    assert failing(b"\xef\xbb\xbf" + bundle) == ["canonical form"]


def test_a_name_that_occurs_twice_is_refused(bundle):
    assert failing(bundle.replace(b'{"body":', b'{"body":{},"body":', 1)) == ["canonical form"]


def test_deep_nesting_is_refused_before_it_is_parsed(bundle):
    assert failing(b"[" * 100_000) == ["canonical form"]
    assert failing(b'{"a":' * 100_000 + b"1" + b"}" * 100_000) == ["canonical form"]
    assert failing(forged(bundle, lambda body: body["files"].update({"x": "[" * 100}))) == ["files"]


def test_a_huge_file_is_refused():
    assert failing(b" " * (64 * 1024 * 1024 + 1)) == ["canonical form"]


def test_a_huge_number_is_refused():
    assert failing(b'{"body":' + b"9" * 5000 + b"}") == ["canonical form"]
    assert failing(b'{"body":1e999}') == ["canonical form"]


def test_a_swapped_key_is_refused(bundle):
    value = json.loads(bundle)
    value["key"] = a_key(8).public.pem
    assert failing(canonical(value)) == ["signature"]


def test_a_key_that_is_no_key_is_refused(bundle):
    value = json.loads(bundle)
    value["key"] = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    assert failing(canonical(value)) == ["signature"]


def test_a_bundle_signed_by_another_key_is_refused_where_one_is_expected(bundle):
    again = forged(bundle, unchanged, a_key(8))
    assert failing(again, a_key().public.fingerprint) == ["signer"]


def test_a_bundle_signed_by_another_key_does_not_fit_its_records(bundle):
    assert failing(forged(bundle, unchanged, a_key(8))) == ["records"]


def test_another_type_is_refused(bundle):
    assert failing(seal("contrafact.proof/1", json.loads(bundle)["body"], a_key())) == ["type"]


@pytest.mark.parametrize("member", ["generation", "files", "attribution", "corpus", "leaves", "records"])
def test_a_missing_part_is_refused(bundle, member):
    assert failing(forged(bundle, lambda body: body.pop(member))) == ["structure"]


def test_a_part_more_is_refused(bundle):
    assert failing(forged(bundle, lambda body: body.update(note="trust me"))) == ["structure"]


def test_another_piece_is_found_even_when_signed_again(bundle):
    other = base64.b64encode(b"MThd other").decode()
    assert failing(forged(bundle, lambda body: body["files"].update({"piece.mid": other}))) == ["files"]


def test_another_spelling_of_the_same_piece_is_refused(bundle):
    def respell(body):
        body["files"]["piece.mid"] = body["files"]["piece.mid"].rstrip("=") + "===="

    assert failing(forged(bundle, respell)) == ["files"]


def test_another_prompt_does_not_fit_the_name_of_the_generation(bundle):
    changed = forged(bundle, lambda body: body["generation"]["body"]["prompt"].update(genre="house"))
    assert "generation" in failing(changed)
    assert "written down" in failing(changed)


def test_changed_shares_do_not_fit_the_name_of_the_attribution(bundle):
    def enrich(body):
        first, second = body["attribution"]["body"]["shares"]
        first["share_ppm"] += second["share_ppm"]
        second["share_ppm"] = 0

    assert failing(forged(bundle, enrich)) == ["attribution"]


def test_changed_shares_under_their_own_digest_were_not_written_down(bundle):
    def enrich(body):
        first, second = body["attribution"]["body"]["shares"]
        first["share_ppm"] += second["share_ppm"]
        second["share_ppm"] = 0
        body["attribution"]["id"] = digest(body["attribution"]["body"])

    assert failing(forged(bundle, enrich)) == ["written down"]


def test_shares_that_do_not_sum_to_the_whole_are_refused(bundle):
    def lose(body):
        body["attribution"]["body"]["unattributed_ppm"] -= 1

    assert "attribution" in failing(forged(bundle, lose))


def test_another_checkpoint_does_not_fit_the_name_of_the_run(bundle):
    changed = forged(bundle, lambda body: body["run"]["body"].update(checkpoint_sha256="0" * 64))
    assert failing(changed) == ["run", "written down"]


def test_a_run_on_another_corpus_is_found(bundle, tmp_path):
    corpus_id, manifest = a_corpus_folder(tmp_path, [a_leaf("work_a")])
    changed = forged(bundle, lambda body: body.update(corpus={"id": corpus_id, "body": manifest}))
    assert {"corpus", "works in the corpus", "written down"} <= set(failing(changed))


def test_a_proof_of_another_corpus_shows_nothing(bundle, tmp_path):
    corpus_id, manifest = a_corpus_folder(tmp_path, [a_leaf(work) for work in ("work_a", "work_b", "work_x")])
    others = proofs_of(read_leaves(tmp_path / corpus_id, manifest), ["work_a", "work_b"])
    changed = forged(bundle, lambda body: body.update(leaves=[proof.model_dump() for proof in others]))
    assert failing(changed) == ["works in the corpus"]


def test_a_work_without_a_proof_is_found(bundle):
    assert failing(forged(bundle, lambda body: body["leaves"].pop())) == ["works in the corpus"]


def test_a_leaf_with_another_licence_is_found(bundle):
    changed = forged(bundle, lambda body: body["leaves"][0]["leaf"].update(licence="MIT"))
    assert failing(changed) == ["works in the corpus"]


def test_a_manifest_with_another_root_is_another_corpus(bundle):
    def reroot(body):
        proof = LeafProof.model_validate(body["leaves"][0])
        body["corpus"]["body"]["merkle_root"] = "1" * 64
        body["corpus"]["id"] = corpus_id_of(body["corpus"]["body"])
        assert not proof.holds(4, "1" * 64)

    assert {"corpus", "works in the corpus"} <= set(failing(forged(bundle, reroot)))


def test_a_record_of_another_time_is_found(bundle):
    changed = forged(
        bundle, lambda body: body["records"][0].update(recorded_at="2020-01-01T00:00:00.000000Z")
    )
    assert failing(changed) == ["records"]


def test_a_removed_record_is_found(bundle):
    assert failing(forged(bundle, lambda body: body["records"].pop())) == ["written down"]
    assert failing(forged(bundle, lambda body: body["records"].pop(1))) == ["written down"]


def test_records_in_another_order_are_refused(bundle):
    assert failing(forged(bundle, lambda body: body["records"].reverse())) == ["records"]


def test_a_removed_rendering_is_found(bundle):
    assert failing(forged(bundle, lambda body: body["renderings"].clear())) == ["written down"]


def test_nobody_can_make_a_verified_bundle_but_by_verifying(bundle):
    with pytest.raises(TypeError, match="open_bundle"):
        VerifiedBundle(object(), None, None, None)
    with pytest.raises(BundleError, match="canonical form"):
        open_bundle(bundle[:-1])


def test_a_changed_row_is_not_exported(session, tmp_path):
    chain = a_chain(session, tmp_path)
    session.get(Generation, chain.generation_id).seed = 99
    session.flush()
    with pytest.raises(BundleError, match="does not agree"):
        exported(session, chain)


def test_a_generation_that_is_not_on_record_is_not_exported(session, tmp_path):
    chain = a_chain(session, tmp_path)
    chain.generation_id = "gen_0"
    with pytest.raises(NotRecordedError, match="gen_0"):
        exported(session, chain)


def test_an_honest_bundle_is_valid_and_says_what_was_recorded(session, tmp_path):
    chain = a_chain(session, tmp_path)
    data = exported(session, chain)
    assert verify_bundle(data, chain.key.public.fingerprint).valid
    opened = open_bundle(data)
    assert opened.midi == b"MThd piece"
    assert opened.body.attribution.id == chain.attribution_id
    assert {proof.leaf.work_id for proof in opened.body.leaves} == {"work_a", "work_b"}
    assert [record.kind for record in opened.body.records] == [
        "corpus", "run", "generation", "rendering", "attribution",
    ]  # fmt: skip
    assert exported(session, chain) == data
