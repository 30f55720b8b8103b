"""Is an entry in a list of which only one digest is known, or is it not?

The list's digest is the Merkle tree hash; an audit path of about log2(n) digests shows that an entry is in
the list at an index. In a sorted list two neighbours, or one end, show that an entry is not.

Source: RFC 6962, sections 2.1 (tree hash) and 2.1.1 (audit paths); RFC 9162, section 2.1.3.2 (verification).
"""

import hashlib
import hmac
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

DIGEST_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry. The prefix keeps a leaf from being passed off as a node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(entries: Iterable[bytes]) -> bytes:
    """The Merkle tree hash of the entries in their order; of none, the SHA-256 of nothing.

    Kept in memory is one digest for each complete subtree so far, about log2(n).
    """
    complete: list[tuple[int, bytes]] = []  # height and digest, the highest first
    for entry in entries:
        node = (0, leaf_hash(entry))
        while complete and complete[-1][0] == node[0]:
            height, left = complete.pop()
            node = (height + 1, node_hash(left, node[1]))
        complete.append(node)
    if not complete:
        return hashlib.sha256(b"").digest()
    _, root = complete.pop()
    while complete:
        root = node_hash(complete.pop()[1], root)
    return root


def inclusion_proof(entries: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of the entry at an index: the siblings from the leaf up to the root.

    Raises:
        IndexError: there is no entry at the index.
    """
    return inclusion_proofs(entries, [index])[0]


def inclusion_proofs(entries: Sequence[bytes], indices: Iterable[int]) -> list[tuple[bytes, ...]]:
    """The audit paths of several entries; the tree is built once.

    Raises:
        IndexError: there is no entry at an index.
    """
    levels = _levels(entries)
    return [_path(levels, index) for index in indices]


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


def whole(entry: bytes) -> bytes:
    """The entry itself, as the key by which a list is sorted."""
    return entry


def absence_proof(
    entries: Sequence[bytes], missing: bytes, key: Callable[[bytes], bytes] = whole
) -> AbsenceProof:
    """The neighbours between which an entry with the key `missing` would stand, in entries sorted by key.

    Raises:
        ValueError: there is such an entry, or the entries are not sorted.
    """
    keys = [key(entry) for entry in entries]
    if any(left > right for left, right in pairwise(keys)):
        raise ValueError("absence can only be shown in sorted entries")
    place = bisect_left(keys, missing)
    if place < len(keys) and keys[place] == missing:
        raise ValueError("the entry is in the list")
    around = [index for index in (place - 1, place) if 0 <= index < len(entries)]
    proofs = dict(zip(around, inclusion_proofs(entries, around), strict=True))
    found = {index: Neighbour(entries[index], index, path) for index, path in proofs.items()}
    return AbsenceProof(found.get(place - 1), found.get(place))


def verify_absence(
    missing: bytes, size: int, proof: AbsenceProof, root: bytes, key: Callable[[bytes], bytes] = whole
) -> bool:
    """Whether the proof shows that no entry of the sorted list of that size and root has the key `missing`.

    That the list is sorted is not shown: it is what its maker states.
    """
    below, above = proof.below, proof.above
    if below is None and above is None:
        return size == 0 and hmac.compare_digest(root, merkle_root(()))
    place = below.index + 1 if below else 0
    if place != (above.index if above else size):
        return False
    if (below and key(below.entry) >= missing) or (above and missing >= key(above.entry)):
        return False
    neighbours = [neighbour for neighbour in (below, above) if neighbour]
    return all(verify_inclusion(n.entry, n.index, size, n.path, root) for n in neighbours)


def _path(levels: list[list[bytes]], index: int) -> tuple[bytes, ...]:
    if not 0 <= index < len(levels[0]):
        raise IndexError(f"no entry {index} in a list of {len(levels[0])}")
    path = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return tuple(path)


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
