"""What must be known of a human piece before it may be used: what it is, where it lies, and on what terms."""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from model.notation import split_tunes

INDEX_COLUMNS = (
    "archive",
    "file",
    "title",
    "composer",
    "composer_died",
    "genre",
    "licence",
    "quote",
    "quoted_from",
    "editor",
    "source_name",
    "source_url",
)


@dataclass(frozen=True)
class SourcePiece:
    """One piece as it was published, with the terms that its makers state.

    Attributes:
        path: the file that holds the piece, perhaps among others.
        member: which of them, in an archive or a tune book; empty where the file is the piece.
        file_name: under what name it is handed on; no other piece has it.
        composer: empty where none is named.
        composer_died: the year; None where it is not known.
        public_domain_basis: why the composition is free, where that does not follow from the year of death.
        licence: an SPDX identifier; NOASSERTION where nothing is stated; LicenseRef-… for terms without one.
        quote: the words that the licence was read from.
        quoted_from: the file in which they stand, beside `path` or in it; empty for the piece itself.
    """

    path: Path
    member: str
    file_name: str
    title: str
    composer: str
    composer_died: int | None
    public_domain_basis: str
    genre: str
    licence: str
    quote: str
    quoted_from: str
    editor: str
    source_name: str
    source_kind: str
    source_url: str

    @property
    def licence_basis(self) -> str:
        """The words that the licence was read from, and where they stand."""
        return f"“{self.quote}” ({self.quoted_from or 'in the file itself'})"


def piece_bytes(piece: SourcePiece) -> bytes:
    """The piece alone, out of its archive or tune book."""
    if not piece.member:
        return piece.path.read_bytes()
    if piece.path.suffix == ".zip":
        return _archive(piece.path)[piece.member]
    return tunes_of(piece.path)[piece.member]


@lru_cache(maxsize=4)
def tunes_of(path: Path) -> dict[str, bytes]:
    """The tunes of a book by name; of two with the same number the first."""
    tunes: dict[str, bytes] = {}
    for name, data in split_tunes(path.name, path.read_bytes()):
        tunes.setdefault(name, data)
    return tunes


@lru_cache(maxsize=4)
def _archive(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
