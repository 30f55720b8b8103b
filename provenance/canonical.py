"""How does a value become bytes in exactly one way, and how are such bytes read without trust?"""

import hashlib
import json
from typing import Any

import rfc8785

from provenance.errors import CanonicalError

MAX_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 32


def canonical(value: object) -> bytes:
    """The value as canonical JSON: sorted names, no spaces, one way to write each number and string.

    Amounts and other numbers beyond 2^53 travel as strings; floats belong into a string too, where more than
    their nearest double counts.

    Raises:
        CanonicalError: the value has no canonical form (a Decimal, NaN, an integer beyond 2^53 - 1, ...).

    Source: RFC 8785.
    """
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, TypeError, ValueError, RecursionError) as error:
        raise CanonicalError(f"A value cannot be written as canonical JSON (RFC 8785): {error}") from error


def digest(value: object) -> str:
    """The SHA-256, in hexadecimal, of the value's canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


def read_canonical(data: bytes, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The object that was written as exactly these bytes.

    Refused are bytes of any other form of the same value: spaces, another order, duplicate names, other
    escapes. So no byte can be changed without changing the value or being refused.

    Raises:
        CanonicalError: the bytes are too many, nested too deep, no JSON object, or not canonical.
    """
    if len(data) > max_bytes:
        raise CanonicalError(f"{len(data)} bytes are more than the {max_bytes} that are read here.")
    check_depth(data)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse,
            parse_int=_number,
        )
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"This is not JSON as it is written here: {error}") from error
    if not isinstance(value, dict):
        raise CanonicalError("This is JSON, but not an object.")
    if canonical(value) != data:
        raise CanonicalError("This JSON is not in canonical form (RFC 8785): its bytes were changed.")
    return value


def check_depth(data: bytes, max_depth: int = MAX_DEPTH) -> None:
    """Nothing, where brackets nest no deeper than allowed.

    Raises:
        CanonicalError: there may be deeper nesting than a parser should be trusted with.
    """
    opened = data.count(b"[") + data.count(b"{")
    if opened <= max_depth:
        return
    depth = 0
    for byte in _outside_strings(data):
        depth += 1 if byte in b"[{" else -1
        if depth > max_depth:
            raise CanonicalError(f"JSON nested deeper than {max_depth} levels is not read here.")


def _outside_strings(data: bytes) -> bytes:
    """The brackets of a JSON text in their order, without those inside strings."""
    kept = bytearray()
    parts = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    for part in parts[::2]:
        kept += part.translate(None, _NO_BRACKETS)
    return bytes(kept)


_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return value


def _number(digits: str) -> int | float:
    """The number as RFC 8785 sees it: beyond 2^53 there are only doubles, written without a point."""
    return int(digits) if len(digits) < 16 or abs(int(digits)) < 2**53 else float(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
