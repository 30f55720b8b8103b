"""How is one file signed so that no byte of it can be changed, and how is such a file opened?

A sealed file is one object in canonical JSON: `type`, `body`, `key` (PEM), `signature` (hexadecimal). Signed
is the canonical form of the object without `signature`. Opening demands that the bytes are the canonical
form, so that there is no byte that neither the signature nor that rule covers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provenance.canonical import MAX_BYTES, canonical, read_canonical
from provenance.errors import CanonicalError, KeyFileError
from provenance.evidence.keys import PublicKey, SigningKey
from provenance.evidence.verification import Check

MEMBERS = {"type", "body", "key", "signature"}


@dataclass(frozen=True)
class Opened:
    """What a sealed file says. The body is there only where every check held."""

    checks: tuple[Check, ...]
    body: Mapping[str, Any] | None = None
    key: PublicKey | None = None


def seal(kind: str, body: Mapping[str, Any], key: SigningKey) -> bytes:
    """The bytes of a sealed file of that type."""
    signed = {"type": kind, "body": body, "key": key.public.pem}
    return canonical({**signed, "signature": key.sign(canonical(signed))})


def open_sealed(data: bytes, kind: str, expected_key: str | None, max_bytes: int = MAX_BYTES) -> Opened:
    """The body of a sealed file, where its form, type, signature and signer are as they must be.

    Args:
        expected_key: the fingerprint of the key that must have signed; without it any key may have, and who
            that was is left to the reader.
    """
    try:
        value = read_canonical(data, max_bytes)
    except CanonicalError as error:
        return Opened((Check("canonical form", False, str(error)),))
    form = Check("canonical form", True, "the bytes are the canonical form (RFC 8785) of their value")
    if value.keys() != MEMBERS or not isinstance(value["body"], dict) or value["type"] != kind:
        found = value.get("type")
        return Opened(
            (form, Check("type", False, f"a sealed file of type {kind} is expected, not {found!r}"))
        )
    return _check_signature(value, (form, Check("type", True, kind)), expected_key)


def _check_signature(value: dict[str, Any], passed: tuple[Check, ...], expected_key: str | None) -> Opened:
    try:
        key = PublicKey.from_pem(str(value["key"]))
    except KeyFileError as error:
        return Opened((*passed, Check("signature", False, str(error))))
    signed = canonical({name: value[name] for name in ("type", "body", "key")})
    if not key.verifies(str(value["signature"]), signed):
        detail = "the signature is not that of the key in the file over what the file says"
        return Opened((*passed, Check("signature", False, detail)))
    checks = (*passed, Check("signature", True, "Ed25519, over everything else in the file"))
    signer = _check_signer(key, expected_key)
    return Opened((*checks, signer), value["body"] if signer.ok else None, key)


def _check_signer(key: PublicKey, expected: str | None) -> Check:
    if expected is None:
        return Check("signer", True, f"{key.fingerprint}; no key was expected: compare it yourself")
    found = f"signed by {key.fingerprint}"
    if key.fingerprint != expected.strip().lower():
        return Check("signer", False, f"{found}, expected {expected}")
    return Check("signer", True, f"{found}, as expected")
