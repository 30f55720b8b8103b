"""How does somebody who took a work back get it in writing, and how is any piece of evidence checked?"""

from collections.abc import Mapping
from typing import Any

from provenance.evidence.bundle import verify_bundle
from provenance.evidence.keys import SigningKey
from provenance.evidence.sealed import open_sealed, seal
from provenance.evidence.verification import Check, Verification

RECEIPT_TYPE = "contrafact.withdrawal/1"
TOLD = {"withdrawal", "work", "reason", "effective_on", "document_sha256", "touched", "money", "recorded_at"}
_MARK = b'"type":"' + RECEIPT_TYPE.encode() + b'"'


def withdrawal_receipt(body: Mapping[str, Any], key: SigningKey) -> bytes:
    """A signed file that says which work was taken back, from when on, and what that touches."""
    return seal(RECEIPT_TYPE, body, key)


def verify_receipt(data: bytes, expected_key: str | None = None) -> Verification:
    """What of a receipt holds; nothing is read but the bytes."""
    opened = open_sealed(data, RECEIPT_TYPE, expected_key)
    if opened.body is None:
        return Verification(opened.checks)
    missing = sorted(TOLD - opened.body.keys())
    detail = f"it does not say {', '.join(missing)}" if missing else f"withdrawal of {opened.body['work']}"
    return Verification((*opened.checks, Check("contents", not missing, detail)))


def verify_evidence(data: bytes, expected_key: str | None = None) -> Verification:
    """What of a bundle or a receipt holds: which of them it is, it says itself."""
    return (verify_receipt if _MARK in data else verify_bundle)(data, expected_key)
