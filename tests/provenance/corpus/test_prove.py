"""Can anybody be made to believe that a work is in a corpus when it is not, or the other way round?"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.corpus.leaves import corpus_id_of
from provenance.corpus.prove import PROOF_TYPE, VerifiedProof, open_proof, prove, verify_proof
from provenance.errors import ProofError
from provenance.evidence.sealed import seal
from tests.provenance.builders import a_corpus_folder, a_key, a_leaf, leaf_lines

WORKS = [f"work_{letter}" for letter in "bdfhj"]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return tmp_path_factory.mktemp("corpora")


@pytest.fixture(scope="module")
def corpus(corpora):
    """A corpus of five works, one of them with two files."""
    corpus_id, _ = a_corpus_folder(corpora, [*map(a_leaf, WORKS), a_leaf("work_d", "d" * 64)])
    return corpora / corpus_id


def forged(data, change):
    body = json.loads(data)["body"]
    change(body)
    return seal(PROOF_TYPE, body, a_key())


def failing(data, **expected):
    return [check.name for check in verify_proof(data, **expected).failed]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found(corpus, data):
    proof = bytearray(prove(corpus, data.draw(st.sampled_from(["work_a", "work_d", "work_e"])), a_key()))
    place = data.draw(st.integers(0, len(proof) - 1))
    proof[place] ^= 1 << data.draw(st.integers(0, 7))
    assert not verify_proof(bytes(proof)).valid


@pytest.mark.parametrize("there", WORKS)
def test_a_work_that_is_there_cannot_be_shown_absent(corpus, there):
    def hide(body):
        body.update(work_id=there, included=False, leaves=[])

    for neighbour in ("work_a", "work_c", "work_e", "work_g", "work_i", "work_k"):
        assert failing(forged(prove(corpus, neighbour, a_key()), hide)) == ["absent"]


def test_neighbours_that_are_not_adjacent_show_no_absence(corpus):
    low = json.loads(prove(corpus, "work_c", a_key()))["body"]["below"]
    high = json.loads(prove(corpus, "work_g", a_key()))["body"]["above"]

    def stretch(body):
        body.update(work_id="work_d", included=False, leaves=[], below=low, above=high)

    assert failing(forged(prove(corpus, "work_d", a_key()), stretch)) == ["absent"]


def test_a_work_that_is_not_there_cannot_be_shown_with_the_leaf_of_another(corpus):
    proof = prove(corpus, "work_b", a_key())
    assert failing(forged(proof, lambda body: body.update(work_id="work_c"))) == ["included"]

    def rename(body):
        body["work_id"] = "work_c"
        body["leaves"][0]["leaf"]["work_id"] = "work_c"

    assert failing(forged(proof, rename)) == ["included"]
    assert failing(forged(proof, lambda body: body.update(leaves=[]))) == ["included"]


def test_a_smaller_corpus_is_another_corpus(corpus):
    def shrink(body):
        body["manifest"]["leaves"]["count"] = 1

    assert "corpus" in failing(forged(prove(corpus, "work_k", a_key()), shrink))

    def shrink_and_rename(body):
        shrink(body)
        body["corpus_id"] = corpus_id_of(body["manifest"])

    changed = forged(prove(corpus, "work_k", a_key()), shrink_and_rename)
    assert "corpus" in failing(changed, expected_corpus=corpus.name)


def test_a_proof_of_another_corpus_is_refused_where_one_is_expected(corpora, corpus):
    other, _ = a_corpus_folder(corpora, [a_leaf("work_b")])
    proof = prove(corpora / other, "work_b", a_key())
    assert verify_proof(proof).valid
    assert failing(proof, expected_corpus=corpus.name) == ["corpus"]


def test_a_proof_signed_by_another_key_is_refused_where_one_is_expected(corpus):
    proof = prove(corpus, "work_b", a_key(8))
    assert failing(proof, expected_key=a_key().public.fingerprint) == ["signer"]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("leaves"),
        lambda body: body.update(leaves=7),
        lambda body: body["leaves"][0].update(index=True),
        lambda body: body["leaves"][0].update(path=["short"]),
        lambda body: body["leaves"][0]["leaf"].pop("grants"),
        lambda body: body["manifest"].pop("merkle_root"),
        lambda body: body["manifest"]["leaves"].update(count="5"),
    ],
    ids=range(7),
)
def test_what_is_not_built_like_a_proof_is_refused(corpus, change):
    assert failing(forged(prove(corpus, "work_b", a_key()), change)) == ["structure"]


@pytest.mark.parametrize("name", ["manifest.json", "leaves.jsonl"])
def test_nothing_is_proved_from_a_changed_corpus(corpora, name):
    corpus_id, _ = a_corpus_folder(corpora, [a_leaf("work_x"), a_leaf("work_y")])
    path = corpora / corpus_id / name
    honest = path.read_bytes()
    path.write_bytes(honest.replace(b"CC0-1.0", b"CC0-1.1").replace(b'"EU"', b'"US"'))
    with pytest.raises(ProofError, match=r"build the corpus again|not that of this corpus"):
        prove(corpora / corpus_id, "work_x", a_key())
    path.unlink()
    with pytest.raises(ProofError, match="cannot be read"):
        prove(corpora / corpus_id, "work_x", a_key())


def test_nothing_is_proved_absent_from_leaves_that_are_not_sorted(corpora):
    lines = leaf_lines([a_leaf("work_b"), a_leaf("work_d")])[::-1]
    corpus_id, _ = a_corpus_folder(corpora, [], lines=lines)
    with pytest.raises(ProofError, match="sorted"):
        prove(corpora / corpus_id, "work_c", a_key())


def test_nobody_can_make_a_verified_proof_but_by_verifying(corpus):
    with pytest.raises(TypeError, match="open_proof"):
        VerifiedProof(object(), None, None)
    with pytest.raises(ProofError, match="canonical form"):
        open_proof(prove(corpus, "work_b", a_key())[1:])


@settings(deadline=None)
@given(st.text(max_size=12).filter(lambda text: text not in WORKS))
def test_what_is_not_there_is_shown_absent(corpus, work_id):
    proof = open_proof(prove(corpus, work_id, a_key()), expected_corpus=corpus.name)
    assert (proof.included, proof.work_id) == (False, work_id)


@pytest.mark.parametrize("work_id", WORKS)
def test_what_is_there_is_shown_with_all_its_files(corpus, work_id):
    proof = open_proof(prove(corpus, work_id, a_key()), a_key().public.fingerprint, corpus.name)
    assert proof.included
    assert len(proof.encoding_ids) == (2 if work_id == "work_d" else 1)
    assert prove(corpus, work_id, a_key()) == prove(corpus, work_id, a_key())
