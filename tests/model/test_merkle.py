"""Does the Merkle tree follow RFC 6962, and does no wrong proof pass?"""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.merkle import (
    AbsenceProof,
    absence_proof,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    node_hash,
    verify_absence,
    verify_inclusion,
)

FIVE = [b"0", b"1", b"2", b"3", b"4"]
ENTRIES = st.lists(st.binary(max_size=6), max_size=40)
RISING = st.sets(st.binary(max_size=3), max_size=40).map(sorted)


def slow_root(entries):
    """RFC 6962, section 2.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + slow_root(entries[:k]) + slow_root(entries[k:])).digest()


def slow_path(index, entries):
    """RFC 6962, section 2.1.1, word for word."""
    if len(entries) == 1:
        return []
    k = 1
    while 2 * k < len(entries):
        k *= 2
    if index < k:
        return [*slow_path(index, entries[:k]), slow_root(entries[k:])]
    return [*slow_path(index - k, entries[k:]), slow_root(entries[:k])]


def test_a_leaf_cannot_be_passed_off_as_a_node():
    inner = leaf_hash(b"a") + leaf_hash(b"b")
    assert merkle_root([inner]) != merkle_root([b"a", b"b"])


@settings(deadline=None)
@given(ENTRIES.filter(bool), st.data())
def test_another_entry_does_not_verify(entries, data):
    index = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(st.binary(max_size=6).filter(lambda entry: entry != entries[index]))
    path, root = inclusion_proof(entries, index), merkle_root(entries)
    assert not verify_inclusion(other, index, len(entries), path, root)


@settings(deadline=None)
@given(ENTRIES.filter(bool), st.data())
def test_a_changed_path_does_not_verify(entries, data):
    index = data.draw(st.integers(0, len(entries) - 1))
    path, root = inclusion_proof(entries, index), merkle_root(entries)
    assert not verify_inclusion(entries[index], index, len(entries), (*path, b"\x00" * 32), root)
    for place in range(len(path)):
        shorter = path[:place] + path[place + 1 :]
        assert not verify_inclusion(entries[index], index, len(entries), shorter, root)


@settings(deadline=None)
@given(st.integers(2, 40), st.data())
def test_another_index_does_not_verify(size, data):
    entries = [bytes([number]) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-3, size + 3).filter(lambda number: number != index))
    path, root = inclusion_proof(entries, index), merkle_root(entries)
    assert not verify_inclusion(entries[index], other, size, path, root)


@settings(deadline=None)
@given(RISING.filter(bool), st.data())
def test_what_is_in_the_list_cannot_be_shown_absent(entries, data):
    there = data.draw(st.sampled_from(entries))
    with pytest.raises(ValueError, match="in the list"):
        absence_proof(entries, there)
    others = [entry for entry in entries if entry != there]
    forged = absence_proof(others, there)
    assert not verify_absence(there, len(entries), forged, merkle_root(entries))


@settings(deadline=None)
@given(RISING.filter(lambda entries: len(entries) > 2))
def test_neighbours_that_are_not_adjacent_show_nothing(entries):
    gone = entries[1]
    root, size = merkle_root(entries), len(entries)
    ends = [absence_proof(entries, entries[0] + b"\x00\x00\x00\x00").below, None]
    above = absence_proof([entries[0], *entries[2:]], gone).above
    assert above is not None
    jumped = replace(above, index=2, path=inclusion_proof(entries, 2))
    assert not verify_absence(gone, size, AbsenceProof(ends[0], jumped), root)
    assert not verify_absence(gone, size, AbsenceProof(ends[0], None), root)
    assert not verify_absence(gone, size, AbsenceProof(None, jumped), root)
    assert not verify_absence(gone, size, AbsenceProof(None, None), root)


def test_absence_needs_sorted_entries():
    with pytest.raises(ValueError, match="sorted"):
        absence_proof([b"b", b"a"], b"c")


def test_a_key_of_several_entries_cannot_be_shown_absent():
    entries = [b"a1", b"a2", b"b1", b"c1"]
    first = slice(0, 1)
    with pytest.raises(ValueError, match="in the list"):
        absence_proof(entries, b"a", key=lambda entry: entry[first])
    forged = AbsenceProof(None, absence_proof(entries, b"0").above)
    assert not verify_absence(b"a", 4, forged, merkle_root(entries), key=lambda entry: entry[first])


def test_a_key_between_two_entries_is_shown_absent():
    entries = [b"a1", b"a2", b"c1"]
    first = slice(0, 1)
    proof = absence_proof(entries, b"b", key=lambda entry: entry[first])
    assert verify_absence(b"b", 3, proof, merkle_root(entries), key=lambda entry: entry[first])


def test_a_path_beyond_the_list_is_refused():
    with pytest.raises(IndexError):
        inclusion_proof(FIVE, 5)


def test_five_entries_have_the_known_root():
    assert merkle_root(FIVE).hex() == "b6748f6ed7a99de7da84fd97e1a3bac6fab8999f4a43695cab9528a2de431147"
    assert merkle_root([]).hex() == hashlib.sha256(b"").hexdigest()
    assert merkle_root([b"0", b"1"]) == node_hash(leaf_hash(b"0"), leaf_hash(b"1"))


@settings(deadline=None)
@given(ENTRIES)
def test_the_root_is_that_of_the_definition(entries):
    assert merkle_root(entries) == slow_root(entries)


@settings(deadline=None)
@given(ENTRIES.filter(bool))
def test_every_entry_is_shown_by_the_path_of_the_definition(entries):
    root = merkle_root(entries)
    for index, entry in enumerate(entries):
        path = inclusion_proof(entries, index)
        assert list(path) == slow_path(index, entries)
        assert verify_inclusion(entry, index, len(entries), path, root)


@settings(deadline=None)
@given(RISING, st.binary(max_size=3))
def test_what_is_not_in_the_list_is_shown_absent(entries, missing):
    rest = [entry for entry in entries if entry != missing]
    assert verify_absence(missing, len(rest), absence_proof(rest, missing), merkle_root(rest))
