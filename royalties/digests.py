"""Which bytes stand for a value, and what is their digest?

Rows are digested as their cells joined by the unit separator and ended by the record separator; no text
that enters the money may hold a control character, so the joining is unambiguous.
"""

import hashlib
from collections.abc import Iterable, Sequence

import rfc8785

Json = dict[str, "Json"] | list["Json"] | str | int | bool | None


def canonical_json(value: Json) -> bytes:
    """The one spelling of a JSON value; amounts go in as strings. Source: RFC 8785."""
    return rfc8785.dumps(value)


def digest_rows(rows: Iterable[Sequence[str | int]]) -> str:
    """The SHA-256, in hex, of rows in the order given."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\x1f".join(map(str, row)).encode() + b"\x1e")
    return digest.hexdigest()
