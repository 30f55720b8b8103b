"""Which cleared file is the music of a work that was refused, under another name?

Exactly the same notes are told by a digest; a copy in another key, at another tempo, cut or changed here and
there, by its likeness (`catalog.likeness`). A file that was refused for its own terms only stands against
exactly its own notes: another edition of the same free work may be used. A work that was itself refused,
because its owners did not grant it, or reserved or withdrew it, stands against every copy.

Memory: 128 numbers for each refused file; the notes of candidates are read again, and the last ones kept.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
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
Other = tuple[PlannedFile, str]


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


class Verdicts:
    """How like pieces are, no two compared twice: what was found before is kept."""

    def __init__(self, read_notes: ReadNotes, readings: Readings) -> None:
        """Verdicts on files.

        Args:
            read_notes: onset, duration and pitch of the notes of a file, read again.
            readings: where it is kept how like two pieces are.
        """
        notes_of = _Recent(read_notes, len, MOST_NOTES)
        self._tokens = _Recent(
            lambda file: tokens_of(notes_of(file)), lambda tokens: len(tokens.hash_K), MOST_TOKENS
        )
        self._readings = readings

    def likenesses(self, music: Music, others: Sequence[Other]) -> list[float]:
        """How like each of the others, given with the digests of their notes, a file's music is."""
        if not others or music.digest is None:
            return [0.0] * len(others)
        known = self._readings.likenesses(music.digest)
        new = {digest: file for file, digest in others if digest not in known}
        if new:
            own = self._tokens(music.file) if music.notes is None else tokens_of(music.notes)
            known |= {digest: likeness(own, self._tokens(file)) for digest, file in new.items()}
            self._readings.keep_likenesses(music.digest, known)
        return [known[digest] for _, digest in others]


@dataclass
class Refused:
    """The music of refused files, to hold cleared ones against.

    Args:
        verdicts: how like two files are.
        works: those that were refused themselves, and not only a file of theirs.
    """

    verdicts: Verdicts
    works: frozenset[str]
    _of_digest: dict[str, str] = field(default_factory=dict)
    _of_tune: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _files: list[Other] = field(default_factory=list)
    _index: SketchIndex = field(default_factory=SketchIndex)

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
        likest = max(
            zip(self.verdicts.likenesses(music, others), (file.work_id for file, _ in others), strict=True),
            default=(0.0, ""),
        )
        return (likest[1], likest[0]) if likest[0] >= SAME else None
