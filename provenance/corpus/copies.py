"""Which cleared file is the music of a work that was refused, under another name?

Exactly the same notes are told by a digest; a copy in another key, at another tempo, cut or changed here and
there, by its likeness (`catalog.likeness`). A file that was refused for its own terms only stands against
exactly its own notes: another edition of the same free work may be used. A work that was itself refused,
because its owners did not grant it, or reserved or withdrew it, stands against every copy.

Memory: 128 numbers for each refused file; the tokens of candidates are read again, and the last ones kept.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from catalog.likeness.fingerprint import Tokens, tokens_of
from catalog.likeness.index import SketchIndex
from catalog.likeness.verdict import SAME, likeness
from provenance.corpus.music import Music
from provenance.corpus.plan import PlannedFile
from provenance.corpus.readings import Readings

KEPT_TOKENS = 256  # files; half a megabyte each

ReadTokens = Callable[[PlannedFile], Tokens]


@dataclass
class Refused:
    """The music of refused files, to hold cleared ones against.

    Args:
        read_tokens: the tokens of a file, read again.
        works: those that were refused themselves, and not only a file of theirs.
        readings: where it is kept how like two pieces are.
    """

    read_tokens: ReadTokens
    works: frozenset[str]
    readings: Readings
    _of_digest: dict[str, str] = field(default_factory=dict)
    _files: list[tuple[PlannedFile, str]] = field(default_factory=list)
    _index: SketchIndex = field(default_factory=SketchIndex)

    def __post_init__(self) -> None:
        self._tokens = lru_cache(KEPT_TOKENS)(self.read_tokens)

    def add(self, musics: Iterable[Music]) -> None:
        """Takes in the music of refused files."""
        for music in musics:
            if music.digest is None:
                continue
            self._of_digest[music.digest] = music.file.work_id
            if music.file.work_id in self.works:
                self._index.add(music.sketch)
                self._files.append((music.file, music.digest))

    def same(self, music: Music) -> str | None:
        """The refused work of which a file has exactly the notes."""
        return self._of_digest.get(music.digest or "")

    def near(self, music: Music) -> tuple[str, float] | None:
        """The refused work of which a file is nearly the music, and how like it is."""
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
