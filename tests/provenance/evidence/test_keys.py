"""Is the key private, made once, and written in one way?"""

import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import KeyFileError
from provenance.evidence.keys import KEY_NAME, PublicKey, public_key, signing_key
from tests.provenance.builders import a_key


def test_a_key_that_others_may_read_is_refused(tmp_path):
    signing_key(tmp_path)
    (tmp_path / KEY_NAME).chmod(0o640)
    with pytest.raises(KeyFileError, match="mode 0640"):
        signing_key(tmp_path)


def test_a_damaged_key_is_refused_and_not_replaced(tmp_path):
    signing_key(tmp_path)
    (tmp_path / KEY_NAME).write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(KeyFileError, match="Put the key back"):
        signing_key(tmp_path)
    assert (tmp_path / KEY_NAME).read_bytes() == b"-----BEGIN PRIVATE KEY-----\n"


def test_a_key_of_another_kind_is_refused(tmp_path):
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / KEY_NAME).write_bytes(pem)
    (tmp_path / KEY_NAME).chmod(0o600)
    with pytest.raises(KeyFileError, match="another kind"):
        signing_key(tmp_path)
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        PublicKey.from_pem(public.decode())


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "keys").write_text("in the way")
    with pytest.raises(KeyFileError, match="cannot be read or made"):
        signing_key(tmp_path / "keys")


@pytest.mark.parametrize(
    "change", [lambda pem: pem + "\n", lambda pem: "note\n" + pem, lambda pem: pem.strip()]
)
def test_another_spelling_of_a_public_key_is_refused(change):
    with pytest.raises(KeyFileError, match="one way"):
        PublicKey.from_pem(change(a_key().public.pem))


@settings(deadline=None)
@given(st.integers(0, 127), st.sampled_from("0123456789abcdef"))
def test_another_digit_in_a_signature_is_found(place, digit):
    signature = a_key().sign(b"message")
    changed = signature[:place] + digit + signature[place + 1 :]
    assert a_key().public.verifies(changed, b"message") == (changed == signature)


def test_another_spelling_of_a_signature_is_refused():
    signature = a_key().sign(b"message")
    assert not a_key().public.verifies(signature.upper(), b"message")
    assert not a_key().public.verifies(signature + " ", b"message")
    assert not a_key().public.verifies("", b"message")


def test_the_private_half_is_not_shown():
    assert repr(a_key()) == f"SigningKey({a_key().public.fingerprint})"


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    assert public_key(tmp_path / "keys") is None
    first = signing_key(tmp_path / "keys")
    path = tmp_path / "keys" / KEY_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(tmp_path / "keys").public.fingerprint == first.public.fingerprint
    assert [entry.name for entry in path.parent.iterdir()] == [KEY_NAME]
    assert PublicKey.from_pem(first.public.pem).verifies(first.sign(b"message"), b"message")
