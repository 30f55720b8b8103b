"""Is an entry in a list of which only one digest is known, or is it not?

The list's digest is the Merkle tree hash; an audit path of about log2(n) digests shows that an entry is in
the list at an index. In a sorted list two neighbours, or one end, show that an entry is not.

Source: RFC 6962, sections 2.1 (tree hash) and 2.1.1 (audit paths); RFC 9162, section 2.1.3.2 (verification).
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

DIGEST_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry. The prefix keeps a leaf from being passed off as a node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(entries: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of the entries in their order; of none, the SHA-256 of nothing."""
    if not entries:
        return hashlib.sha256(b"").digest()
    return _levels(entries)[-1][0]


def inclusion_proof(entries: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of the entry at an index: the siblings from the leaf up to the root.

    Raises:
        IndexError: there is no entry at the index.
    """
    if not 0 <= index < len(entries):
        raise IndexError(f"no entry {index} in a list of {len(entries)}")
    path = []
    for level in _levels(entries)[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return tuple(path)


def verify_inclusion(entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path shows that the entry is at the index of the list of that size with that root.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf_hash(entry)
    for sibling in path:
        if last == 0 or len(sibling) != DIGEST_BYTES:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hmac.compare_digest(found, root)


@dataclass(frozen=True)
class Neighbour:
    """An entry of a list with its place and its audit path."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class AbsenceProof:
    """The entries right below and right above one that is missing; `None` at an end of the list."""

    below: Neighbour | None
    above: Neighbour | None


def absence_proof(entries: Sequence[bytes], missing: bytes) -> AbsenceProof:
    """The neighbours between which `missing` would stand, in strictly rising entries.

    Raises:
        ValueError: the entry is there, or the entries do not rise strictly.
    """
    if any(left >= right for left, right in pairwise(entries)):
        raise ValueError("absence can only be shown in strictly rising entries")
    if missing in entries:
        raise ValueError("the entry is in the list")
    place = sum(entry < missing for entry in entries)
    below = _neighbour(entries, place - 1) if place else None
    above = _neighbour(entries, place) if place < len(entries) else None
    return AbsenceProof(below, above)


def verify_absence(missing: bytes, size: int, proof: AbsenceProof, root: bytes) -> bool:
    """Whether the proof shows that no entry of the sorted list of that size and root is `missing`.

    That the list is sorted is not shown: it is what its maker states.
    """
    below, above = proof.below, proof.above
    if below is None and above is None:
        return size == 0 and hmac.compare_digest(root, merkle_root(()))
    place = below.index + 1 if below else 0
    if above is None:
        if place != size:
            return False
    elif above.index != place:
        return False
    neighbours = [neighbour for neighbour in (below, above) if neighbour]
    in_order = (below is None or below.entry < missing) and (above is None or missing < above.entry)
    return in_order and all(verify_inclusion(n.entry, n.index, size, n.path, root) for n in neighbours)


def _neighbour(entries: Sequence[bytes], index: int) -> Neighbour:
    return Neighbour(entries[index], index, inclusion_proof(entries, index))


def _levels(entries: Sequence[bytes]) -> list[list[bytes]]:
    """All levels of the tree, leaves first. A node without a sibling rises unchanged.

    Pairing from the left gives RFC 6962's tree, which splits at the greatest power of two below the size.
    """
    levels = [[leaf_hash(entry) for entry in entries]]
    while len(levels[-1]) > 1:
        level = levels[-1]
        paired = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        levels.append(paired + level[len(level) - len(level) % 2 :])
    return levels
