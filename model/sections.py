"""What is the form of a piece: where do its sections begin, and which of them return?

Shapes: B bars, F features.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PHRASE_BARS = 4
MAX_SECTION_BARS = 16
MANY_SECTIONS = 24  # with more, only longer returns count
KERNEL_BARS = 4
SAME_BAR = 0.93  # the cosine from which one bar is heard as another again
SAME_SECTION = 0.82
RETURN_BARS = (4, 8, 16, 32)


@dataclass(frozen=True)
class Section:
    """A part of the form; `repeats` is the index of the first section that it is a return of."""

    label: str
    bar_start: int
    bar_end: int
    repeats: int | None


def find_sections(features_BF: Floats) -> tuple[Section, ...]:
    """The sections: first what returns bar by bar, wherever it begins; then borders where the music changes.

    New material has borders on every fourth bar, where the novelty of the bars' self-similarity is above its
    mean; no section of it is longer than 16 bars. A section that is no exact return has the label of an
    earlier one of like length whose bars, in order, are alike.

    Source: J. Foote, "Automatic audio segmentation using a measure of audio novelty" (ICME 2000), for the
    borders.
    """
    unit_BF = unit_rows(features_BF)
    similarity_BB = unit_BF @ unit_BF.T
    for least in RETURN_BARS:
        root_B = find_returns(similarity_BB, least)
        sections = _labelled(similarity_BB, root_B, _edges(similarity_BB, root_B))
        if len(sections) <= MANY_SECTIONS:
            break
    return tuple(sections)


def unit_rows(rows: Floats) -> Floats:
    """The rows at length one; a row of zeros stays."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1.0))


def find_returns(similarity_BB: Floats, least: int) -> Ints:
    """For each bar the bar that it is a return of, itself where it is new.

    From the first bar on, the longest stretch of at least `least` bars that is like one before it, bar by
    bar, is a return; it ends where a longer one begins. What the earlier one is a return of itself is the
    root of both.
    """
    num_bars = len(similarity_BB)
    run_BB = _runs(np.round(similarity_BB, 9) >= SAME_BAR)
    length_BB = np.minimum(run_BB[:-1, :-1], _distances(num_bars))
    longest_B, root_B = length_BB.max(axis=1), np.arange(num_bars)
    bar = 1
    while bar < num_bars:
        length = int(longest_B[bar])
        longer = np.flatnonzero(longest_B[bar + 1 : bar + length] > length)
        length = int(longer[0]) + 1 if len(longer) else length
        if length >= least:
            source = int(length_BB[bar].argmax())
            root_B[bar : bar + length] = root_B[source : source + length]
        bar += length if length >= least else 1
    return root_B


def _distances(num_bars: int) -> NDArray[np.int32]:
    """How many bars each bar stands after each other one; 0 for those that come later."""
    place = np.arange(num_bars, dtype=np.int32)
    distances: NDArray[np.int32] = np.maximum(place[:, None] - place, 0)
    return distances


def _runs(alike_BB: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many bars from each bar on are like those from each other one on."""
    run_BB = np.zeros((len(alike_BB) + 1, len(alike_BB) + 1), dtype=np.int32)
    for bar in range(len(alike_BB) - 1, -1, -1):
        run_BB[bar, :-1] = np.where(alike_BB[bar], run_BB[bar + 1, 1:] + 1, 0)
    return run_BB


def _edges(similarity_BB: Floats, root_B: Ints) -> list[int]:
    """Where sections begin, and the end: the same inside a return as inside what it returns."""
    num_bars = len(root_B)
    returns = list(_stretches(root_B))
    forced = {0, num_bars}
    for start, end in returns:
        root = int(root_B[start])
        forced |= {start, end, root, root + end - start}
    new_B = root_B == np.arange(num_bars)
    changes = {
        edge
        for edge in _changes(similarity_BB)
        if new_B[edge - 1 : edge + 1].all() and min(abs(edge - other) for other in forced) >= PHRASE_BARS
    }
    edges = set(_filled(sorted(forced | changes), new_B))
    for start, end in returns:
        root = int(root_B[start])
        edges |= {edge - root + start for edge in edges if root < edge < root + end - start}
    return sorted(edges)


def _stretches(root_B: Ints) -> Iterator[tuple[int, int]]:
    """The first bar of each return, and the bar after its last."""
    borders = np.flatnonzero(np.diff(root_B, prepend=-2, append=-2) != 1)
    for start, end in pairwise(borders.tolist()):
        if root_B[start] != start:
            yield start, end


def _filled(edges: list[int], new_B: NDArray[np.bool_]) -> Iterator[int]:
    """The edges with more of them where new material goes on for more than 16 bars."""
    for start, end in pairwise(edges):
        yield start
        if new_B[start]:
            yield from range(start + MAX_SECTION_BARS, end - PHRASE_BARS + 1, MAX_SECTION_BARS)
    yield edges[-1]


def _changes(similarity_BB: Floats) -> list[int]:
    """The bars, on every fourth, at which the music changes more than it does on average."""
    places = list(range(PHRASE_BARS, len(similarity_BB) - PHRASE_BARS // 2, PHRASE_BARS))
    novelty = np.array([_novelty(similarity_BB, place) for place in places])
    return [p for p, value in zip(places, novelty, strict=True) if round(value - novelty.mean(), 9) > 0]


def _novelty(similarity_BB: Floats, place: int) -> float:
    """How much the bars before a place are alike, and those after, but not the ones to the others."""
    before, after = slice(max(place - KERNEL_BARS, 0), place), slice(place, place + KERNEL_BARS)
    inside = similarity_BB[before, before].mean() + similarity_BB[after, after].mean()
    return float(inside / 2 - similarity_BB[before, after].mean())


def _labelled(similarity_BB: Floats, root_B: Ints, edges: list[int]) -> list[Section]:
    sections: list[Section] = []
    place_of: dict[tuple[int, int], int] = {}
    labels = 0
    for start, end in pairwise(edges):
        root = int(root_B[start])
        repeats = place_of.get((root, end - start)) if root != start else None
        if repeats is None:
            repeats = _alike(similarity_BB, sections, start, end)
        if repeats is None:
            label, labels = _label(labels), labels + 1
        else:
            label = sections[repeats].label
        place_of.setdefault((start, end - start), len(sections))
        sections.append(Section(label, start, end, repeats))
    return sections


def _alike(similarity_BB: Floats, sections: list[Section], start: int, end: int) -> int | None:
    """The first earlier section that bars `start` up to `end` are most like, if they are like one."""
    best, found = SAME_SECTION, None
    for index, section in enumerate(sections):
        length = section.bar_end - section.bar_start
        if section.repeats is not None or abs(length - (end - start)) > PHRASE_BARS // 2:
            continue
        common = np.arange(min(length, end - start))
        alike = float(similarity_BB[section.bar_start + common, start + common].mean())
        if round(alike, 9) > best:
            best, found = alike, index
    return found


def _label(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters
