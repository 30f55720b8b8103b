"""Which bytes stand for a value, and what is their digest?

Rows are digested as their cells joined by the unit separator and ended by the record separator; no text
that enters the money may hold a control character, so the joining is unambiguous.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

import rfc8785

Json = dict[str, "Json"] | list["Json"] | str | int | bool | None


def canonical_json(value: Json) -> bytes:
    """The one spelling of a JSON value; amounts go in as strings. Source: RFC 8785.

    A statement has millions of values. Where the standard library spells them as RFC 8785 does (keys in
    ASCII, no number that a double cannot hold), it is much faster than `rfc8785`, which spells the rest.
    """
    if not _is_plain(value):
        return rfc8785.dumps(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _is_plain(value: Json) -> bool:
    if isinstance(value, str) or value is None:
        return True
    if isinstance(value, dict):
        return all(key.isascii() for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, int) and abs(value) < 2**53


def digest_rows(rows: Iterable[Sequence[str | int]]) -> str:
    """The SHA-256, in hex, of rows in the order given."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\x1f".join(map(str, row)).encode() + b"\x1e")
    return digest.hexdigest()


def told(cells: Sequence[str | int]) -> Sequence[str | int]:
    """The cells of a line as its digest covers them: where the last three, its role, on whose behalf it is
    and by which agreement, are all empty, they are left out, as before there were any."""
    return cells if any(cells[-3:]) else cells[:-3]
