"""Which cleared file is the music of a work that was refused, under another name?

Exactly the same notes are told by a digest; a copy in another key, at another tempo, cut or changed here and
there, by its likeness (`catalog.likeness`). A file that was refused for its own terms only stands against
exactly its own notes: another edition of the same free work may be used. A work that was itself refused,
because its owners did not grant it, or reserved or withdrew it, stands against every copy.

Memory: 128 numbers for each refused file; the notes of candidates are read again, and the last ones kept.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from catalog.likeness.fingerprint import Notes, tokens_of
from catalog.likeness.index import SketchIndex
from catalog.likeness.verdict import SAME, likeness
from provenance.corpus.music import Music
from provenance.corpus.plan import PlannedFile
from provenance.corpus.readings import Readings

MOST_NOTES, MOST_TOKENS = 4_000_000, 4_000_000  # that are kept: 12 bytes a note, some 60 a token

T = TypeVar("T")

ReadNotes = Callable[[PlannedFile], Notes]


class _Recent(Generic[T]):
    """What was made of the last files, as much as there is room for."""

    def __init__(self, make: Callable[[PlannedFile], T], size: Callable[[T], int], most: int) -> None:
        self._make, self._size, self._room = make, size, most
        self._kept: OrderedDict[str, T] = OrderedDict()

    def __call__(self, file: PlannedFile) -> T:
        if file.encoding_id not in self._kept:
            made = self._make(file)
            self._kept[file.encoding_id] = made
            self._room -= self._size(made)
            while self._room < 0 and len(self._kept) > 1:
                self._room += self._size(self._kept.popitem(last=False)[1])
        self._kept.move_to_end(file.encoding_id)
        return self._kept[file.encoding_id]


@dataclass
class Refused:
    """The music of refused files, to hold cleared ones against.

    Args:
        read_notes: onset, duration and pitch of the notes of a file, read again.
        works: those that were refused themselves, and not only a file of theirs.
        readings: where it is kept how like two pieces are.
    """

    read_notes: ReadNotes
    works: frozenset[str]
    readings: Readings
    _of_digest: dict[str, str] = field(default_factory=dict)
    _of_tune: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _files: list[tuple[PlannedFile, str]] = field(default_factory=list)
    _index: SketchIndex = field(default_factory=SketchIndex)

    def __post_init__(self) -> None:
        notes_of = _Recent(self.read_notes, len, MOST_NOTES)
        self._tokens = _Recent(
            lambda file: tokens_of(notes_of(file)), lambda tokens: len(tokens.hash_K), MOST_TOKENS
        )

    def add(self, musics: Iterable[Music]) -> None:
        """Takes in the music of refused files."""
        for music in musics:
            if music.digest is None:
                continue
            self._of_digest[music.digest] = music.file.work_id
            if music.file.work_id in self.works:
                self._index.add(music.sketch)
                self._files.append((music.file, music.digest))
                if music.tune is not None:
                    self._of_tune[music.tune].append(music.file.work_id)

    def same(self, music: Music) -> str | None:
        """The refused work of which a file has exactly the notes."""
        return self._of_digest.get(music.digest or "")

    def near(self, music: Music) -> tuple[str, float] | None:
        """The refused work of which a file is nearly the music, and how like it is.

        The same notes in another key or at another tempo are found whatever their number; other copies need
        enough of them to be told by.
        """
        moved = set(self._of_tune.get(music.tune or "", ())) - {music.file.work_id}
        if moved:
            return max(moved), 1.0
        candidates = [self._files[number] for number in self._index.candidates(music.sketch)]
        others = [(file, digest) for file, digest in candidates if file.work_id != music.file.work_id]
        if not others or music.digest is None:
            return None
        known = self.readings.likenesses(music.digest)
        new = {digest: file for file, digest in others if digest not in known}
        if new:
            own = self._tokens(music.file) if music.notes is None else tokens_of(music.notes)
            known |= {digest: likeness(own, self._tokens(file)) for digest, file in new.items()}
            self.readings.keep_likenesses(music.digest, known)
        found = max((known[digest], file.work_id) for file, digest in others)
        return (found[1], found[0]) if found[0] >= SAME else None
