"""Which human pieces may the demonstration use, and on what terms was each of them passed on?"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SourcePiece:
    """One piece as it lies in an installed package, with the terms that its encoder states.

    Attributes:
        path: the file that holds the piece, perhaps among others.
        file_name: under what name it is handed on; no other piece has it.
        composer_died: the year of the composer's death; None where the composer is not known.
        licence: an SPDX identifier, or NOASSERTION where nothing is stated.
        licence_basis: what is stated, word for word, and where.
    """

    path: Path
    file_name: str
    title: str
    composer: str
    composer_died: int | None
    genre: str
    licence: str
    licence_basis: str
    editor: str
    source_name: str
    source_kind: str
    source_url: str
