"""Does a piece repeat a work of the corpus for longer than works repeat each other by chance?

Music is compared as lines: the highest note at each time of every pitched track, as steps of pitch and time
from one note to the next. So a copy is found in another key, at another tempo mark and on another instrument.

The length of what is shared is counted in different notes: a figure that goes round for ten bars counts as
once round. Source of the idea to compare with real music: Papadopoulos, Roy and Pachet 2014, Avoiding
Plagiarism in Markov Sequence Generation (AAAI 28).

Shapes: T tokens of all lines, G grams, Q grams of a query.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from model.checkpoint import read_tensors, save_tensors
from model.corpus import VerifiedCorpus
from model.errors import CheckpointError
from model.events import Ints, Note
from model.excerpts import Excerpt

FORM = "contrafact.originality/1"
GRAM = 8  # tokens that are looked up at once: shorter repeats are never found, and are everybody's
MAX_STEP = 48  # a longer time between two notes counts as this
MAX_LEAP = 30
END = 0  # between two lines; no other token has this value
COMMON = 64  # a gram at more places than this is everybody's, and begins no repeat
CANDIDATES = 48  # of the longest repeats, or of those with one work, so many are measured note by note
LEADING = 8
LEADING_CANDIDATES = 256  # of the works with the longest repeats so many are measured
SAMPLE_WORKS = 300
QUANTILE = 0.95
MIN_LIMIT_NOTES = 16
MIN_WORKS = 20
UNKNOWN_LIMIT_NOTES = 32

HUMAN = "human"  # as examples name it

Tokens = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Repeat:
    """The longest stretch that a piece shares with a work, in different notes; bars count from 0."""

    notes: int
    work_id: str
    encoding_id: str
    bars: tuple[int, int]
    source_bars: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """The repeat as it is written down; bars as people count them."""
        return {
            "notes": self.notes, "work_id": self.work_id, "encoding_id": self.encoding_id,
            "bars": [bar + 1 for bar in self.bars], "source_bars": [bar + 1 for bar in self.source_bars],
        }  # fmt: skip


@dataclass(frozen=True)
class Originality:
    """What a piece shares at most with any work, and how much real works share with each other."""

    longest: Repeat | None
    limit_notes: int

    @property
    def flagged(self) -> bool:
        """Whether it is more than works share by chance."""
        return self.longest is not None and self.longest.notes > self.limit_notes

    def to_json(self) -> dict[str, Any]:
        """The finding as it is written down."""
        longest = None if self.longest is None else self.longest.to_json()
        return {"type": FORM, "longest": longest, "limit_notes": self.limit_notes, "flagged": self.flagged}


class Lines(NamedTuple):
    """Lines one after the other, each ended by END: tokens (T,), and the bar in which each token's note
    begins."""

    token_T: Tokens
    bar_T: Ints


def lines_of(excerpts: Sequence[Excerpt]) -> Lines:
    """The lines of a piece, from its excerpts."""
    ordered = sorted(excerpts, key=lambda excerpt: excerpt.bar_start)
    plan = ordered[0].plan
    notes = np.concatenate([excerpt.notes for excerpt in ordered])
    tokens: list[Tokens] = [np.zeros(0, dtype=np.int64)]
    bars: list[Ints] = [np.zeros(0, dtype=np.int32)]
    for track, told in enumerate(plan.tracks):
        own = notes[notes[:, Note.TRACK] == track]
        if told.is_drum or not len(own):
            continue
        start = plan.bar_starts[own[:, Note.BAR]] + own[:, Note.POSITION]
        order = np.lexsort((-own[:, Note.PITCH], start))
        top = order[np.diff(start[order], prepend=-1) > 0]
        step = np.minimum(np.diff(start[top]), MAX_STEP)
        leap = np.diff(own[top, Note.PITCH]).clip(-MAX_LEAP, MAX_LEAP)
        tokens += [1 + step * (2 * MAX_LEAP + 1) + leap + MAX_LEAP, np.array([END])]
        bars += [own[top[1:], Note.BAR], own[top[:1], Note.BAR]]
    return Lines(np.concatenate(tokens), np.concatenate(bars))


def grams_of(token_T: Tokens) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """A hash of every gram that lies in one line, and where it begins."""
    if len(token_T) < GRAM:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(token_T.astype(np.uint64), GRAM)
    place = np.flatnonzero((windows != END).all(axis=1))
    total: Hashes = np.zeros(len(place), dtype=np.uint64)
    for column in windows[place].T:
        total = _mixed(total ^ column)
    return total, place


def _mixed(value: Hashes) -> Hashes:
    """Every bit moved by every other. Source: D. Stafford, mix 13 of the finalizer of MurmurHash3."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (value ^ (value >> np.uint64(31))) + np.uint64(0x9E3779B97F4A7C15)


class Repertoire:
    """The lines of all works of a corpus, to be asked what a piece shares with them."""

    def __init__(
        self, lines: Lines, piece_T: Ints, names: Sequence[tuple[str, str]], limit_notes: int
    ) -> None:
        """A repertoire.

        Args:
            piece_T: of each token the place of its piece in `names`: work and encoding.
            limit_notes: how much works share by chance.
        """
        self.lines, self.piece_T, self.names, self.limit_notes = lines, piece_T, list(names), limit_notes
        hashes, place = grams_of(lines.token_T)
        order = np.argsort(hashes, kind="stable")
        self._hash_G, self._place_G = hashes[order], place[order]
        self._work_P: npt.NDArray[np.int64] = np.unique([w for w, _ in names], return_inverse=True)[1]

    def originality(self, excerpts: Sequence[Excerpt]) -> Originality:
        """What a piece shares with the repertoire."""
        return Originality(self.longest(lines_of(excerpts)), self.limit_notes)

    def longest(self, query: Lines, without_work: str | None = None) -> Repeat | None:
        """The longest repeat of a piece's lines; None where no gram is shared.

        Args:
            without_work: a work that is not looked at.
        """
        found = self._hits(query.token_T)
        if without_work is not None:
            own = [place for place, name in enumerate(self.names) if name[0] == without_work]
            found = found[~np.isin(self.piece_T[found[:, 1]], own)]
        return self._best(query, _longest_first(_runs(found))[:CANDIDATES])

    def leading(self, query: Lines, count: int = LEADING) -> list[Repeat]:
        """The works that share the longest stretches with a piece's lines, each with its longest one.

        At equal length the work comes first in which more of the piece's grams stand.
        """
        hits = self._hits(query.token_T)
        runs = _longest_first(_runs(hits))
        work_R = self._works_at(runs[:, 1])
        grams = np.unique(np.stack([self._works_at(hits[:, 1]), hits[:, 0]], axis=1), axis=0)
        num_grams = Counter(grams[:, 0].tolist())
        works = list(dict.fromkeys(work_R.tolist()))[:LEADING_CANDIDATES]
        best = {work: self._best(query, runs[work_R == work][:CANDIDATES]) for work in works}
        found = [(repeat, num_grams[work]) for work, repeat in best.items() if repeat is not None]
        found.sort(key=lambda each: (-each[0].notes, -each[1], each[0].work_id))
        return [repeat for repeat, _ in found[:count]]

    def _works_at(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """A number for the work that stands at each place."""
        return self._work_P[self.piece_T[places]]

    def _best(self, query: Lines, runs: npt.NDArray[np.int64]) -> Repeat | None:
        """The run with most different notes, as far as it goes on both sides; the first of equals."""
        best: tuple[int, int, int, int] | None = None
        for at, place, length in runs.tolist():
            start, end = self._extended(query.token_T, at, place, length)
            count = _different(query.token_T[start:end])
            if best is None or count > best[0]:
                best = (count, start, end, place - at)
        return None if best is None else self._told(query, *best)

    def _hits(self, token_T: Tokens) -> npt.NDArray[np.int64]:
        """Pairs (hits, 2) of a place in the query and one here with the same gram, common grams left out."""
        hash_Q, at_Q = grams_of(token_T)
        first, last = (np.searchsorted(self._hash_G, hash_Q, side=side) for side in ("left", "right"))
        count = np.where(last - first > COMMON, 0, last - first)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        place = self._place_G[np.repeat(first, count) + within]
        return np.stack([np.repeat(at_Q, count), place], axis=1)

    def _extended(self, token_T: Tokens, at: int, place: int, length: int) -> tuple[int, int]:
        """The stretch of the query around a run that is note for note the same here."""
        ours, theirs = token_T, self.lines.token_T
        back = min(at, place)
        before = (ours[at - back : at] == theirs[place - back : place]) & (ours[at - back : at] != END)
        start = at - int(np.argmin(np.append(before[::-1], False)))
        ahead = min(len(ours) - at, len(theirs) - place)
        after = (ours[at : at + ahead] == theirs[place : place + ahead]) & (ours[at : at + ahead] != END)
        end = at + int(np.argmin(np.append(after, False)))
        return (start, end) if end - at >= min(length, GRAM) else (at, at)

    def _told(self, query: Lines, notes: int, start: int, end: int, shift: int) -> Repeat | None:
        if notes == 0:
            return None
        here = slice(start + shift, end + shift)
        work_id, encoding_id = self.names[self.piece_T[start + shift]]
        bars, source = query.bar_T[start:end], self.lines.bar_T[here]
        return Repeat(
            notes, work_id, encoding_id, (int(bars[0]), int(bars[-1])), (int(source[0]), int(source[-1]))
        )

    def save(self, path: Path) -> None:
        """Writes the repertoire; it is there whole or not at all."""
        tensors = {
            "token": torch.from_numpy(self.lines.token_T), "bar": torch.from_numpy(self.lines.bar_T),
            "piece": torch.from_numpy(self.piece_T),
        }  # fmt: skip
        save_tensors(path, tensors, {"form": FORM, "names": self.names, "limit_notes": self.limit_notes})

    @classmethod
    def load(cls, path: Path) -> "Repertoire":
        """A repertoire that `save` wrote.

        Raises:
            CheckpointError: the file cannot be read or is of another form.
        """
        tensors, told = read_tensors(path)
        if told.get("form") != FORM:
            raise CheckpointError(f"{path} is a {told.get('form')!r}, expected {FORM!r}; delete it")
        lines = Lines(tensors["token"].numpy(), tensors["bar"].numpy())
        return cls(lines, tensors["piece"].numpy(), [(w, e) for w, e in told["names"]], told["limit_notes"])


def _runs(hits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Hits that follow each other on both sides, as rows of first place, place here and number of tokens."""
    if not len(hits):
        return np.zeros((0, 3), dtype=np.int64)
    shift = hits[:, 1] - hits[:, 0]
    hits = hits[np.lexsort((hits[:, 0], shift))]
    breaks = (np.diff(hits[:, 1] - hits[:, 0]) != 0) | (np.diff(hits[:, 0]) != 1)
    first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    count = np.diff(np.append(first, len(hits)))
    return np.concatenate([hits[first], (count + GRAM - 1)[:, None]], axis=1)


def _longest_first(runs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return runs[np.argsort(-runs[:, 2], kind="stable")]


def _different(token_T: Tokens) -> int:
    """How many notes of a stretch are new in it: its different grams, and what the first one is long."""
    hashes, _ = grams_of(token_T)
    return len(np.unique(hashes)) + GRAM if len(hashes) else 0


def repertoire_of(corpus: VerifiedCorpus) -> Repertoire:
    """The repertoire of a corpus, with how much its works share with each other by chance.

    The limit is what 95 of 100 works by people share at most with any other work; the rest may be
    arrangements of one tune under two names. Works made by rules, which repeat each other more, are asked
    only where there are less than 20 others. A corpus of less than 20 works cannot say, and has a limit of 32
    notes.
    """
    pieces = list(_pieces(corpus))
    lines = [lines_of(excerpts) for _, excerpts in pieces]
    names = [name for name, _ in pieces]
    piece_T = np.repeat(np.arange(len(lines), dtype=np.int32), [len(line.token_T) for line in lines])
    together = Lines(np.concatenate([x.token_T for x in lines]), np.concatenate([x.bar_T for x in lines]))
    found = Repertoire(together, piece_T, names, UNKNOWN_LIMIT_NOTES)
    by_work: dict[str, Lines] = dict(zip((work for work, _ in names), lines, strict=True))
    origin_of = dict(zip(corpus.work_ids, corpus.origins, strict=True))
    human = {work: own for work, own in by_work.items() if origin_of[work] == HUMAN}
    asked = human if len(human) >= MIN_WORKS else by_work
    if len(asked) >= MIN_WORKS:
        found.limit_notes = _limit(shared_by_chance(found, asked))
    return found


def shared_by_chance(repertoire: Repertoire, by_work: Mapping[str, Lines]) -> list[int]:
    """How many notes some works share at most with another one, ascending; always the same works."""
    some = sorted(by_work, key=lambda work: hashlib.sha256(work.encode()).hexdigest())[:SAMPLE_WORKS]
    repeats = (repertoire.longest(by_work[work], without_work=work) for work in some)
    return sorted(0 if repeat is None else repeat.notes for repeat in repeats)


def _limit(shared: Iterable[int]) -> int:
    return max(MIN_LIMIT_NOTES, int(np.quantile(list(shared), QUANTILE, method="higher")))


def _pieces(corpus: VerifiedCorpus) -> Iterator[tuple[tuple[str, str], list[Excerpt]]]:
    """The excerpts of each encoding, with its work and its own id."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, name in enumerate(zip(corpus.work_ids, corpus.encoding_ids, strict=True)):
        places.setdefault(name, []).append(place)
    for name, some in places.items():
        yield name, [corpus[place] for place in some]
