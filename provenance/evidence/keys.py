"""With which key does this home sign, and how does a stranger name that key?

Source: RFC 8032 (Ed25519), RFC 8410 (its keys in PKCS #8 and SubjectPublicKeyInfo).
"""

import hashlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from provenance.errors import KeyFileError

KEY_NAME = "signing.pem"
SIGNATURE_HEX = 128


class PublicKey:
    """A key that signatures are checked with; its name is the SHA-256 of its DER form."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = hashlib.sha256(der).hexdigest()
        self.pem = key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode("ascii")

    @classmethod
    def from_pem(cls, pem: str) -> "PublicKey":
        """The key that was written as exactly this text.

        Raises:
            KeyFileError: it is no Ed25519 public key, or another way to write one.
        """
        try:
            key = serialization.load_pem_public_key(pem.encode("utf-8"))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"This is not a public key in PEM form: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFileError("This public key is not an Ed25519 key.")
        found = cls(key)
        if found.pem != pem:
            raise KeyFileError("This public key is not written in the one way that is accepted.")
        return found

    def verifies(self, signature: str, message: bytes) -> bool:
        """Whether the signature, 128 lower-case hexadecimal digits, is this key's over the message."""
        if len(signature) != SIGNATURE_HEX or not set(signature) <= set("0123456789abcdef"):
            return False
        try:
            self._key.verify(bytes.fromhex(signature), message)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """The private key of a home. It signs, and shows nothing but its public half."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def __repr__(self) -> str:
        return f"SigningKey({self.public.fingerprint})"

    def sign(self, message: bytes) -> str:
        """The signature over the message, in hexadecimal."""
        return self._key.sign(message).hex()


def signing_key(folder: Path) -> SigningKey:
    """The key of the home, made on first need; only its owner can read the file.

    Raises:
        KeyFileError: the file cannot be read or made, others may read it, or it holds no Ed25519 key.
    """
    path = folder / KEY_NAME
    try:
        if not path.exists():
            _make(path)
        mode, data = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"The signing key {path} cannot be read or made: {error.strerror}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"The signing key {path} has mode {mode:04o}: others may have read it. If nobody did, run "
            f"'chmod 600 {path}'; else what it signs from now on proves nothing: start a new home."
        )
    return _load(path, data)


def personal_key(path: Path) -> SigningKey:
    """The key in a file of somebody's own, Ed25519 in PKCS #8 without a password.

    Raises:
        KeyFileError: the file cannot be read, others may read it, or it holds no such key.
    """
    try:
        mode, data = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"The key {path} cannot be read: {error.strerror}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"The key {path} has mode {mode:04o}: others may have read it and could sign in your name. Make "
            f"a new key, or, if nobody did, run 'chmod 600 {path}'."
        )
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        kind = type(error).__name__
        raise KeyFileError(
            f"The file {path} holds no private key in PEM form without a password ({kind})."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"The file {path} holds a private key of another kind than Ed25519.")
    return SigningKey(key)


def public_key(folder: Path) -> PublicKey | None:
    """The public half of the home's key, or nothing where none was needed yet."""
    return signing_key(folder).public if (folder / KEY_NAME).exists() else None


def _load(path: Path, data: bytes) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            f"The file {path} holds no private key that can be used ({type(error).__name__}). Put the key "
            "back from a copy; without it nothing more can be added to the records of this home."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"The file {path} holds a private key of another kind than Ed25519.")
    return SigningKey(key)


def _make(path: Path) -> None:
    """The file under its final name is whole and private, and an earlier one is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    finally:
        temporary.unlink(missing_ok=True)
