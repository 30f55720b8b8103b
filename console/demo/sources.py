"""Which human pieces does the demonstration use, and how are they handed to the catalogue?

Two places hold them: the archives in `scores/`, which may be used for everything, and music21's corpus, where
most may not: clearance has to tell them apart.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.demo.bundle import bundle_pieces
from console.demo.pieces import SourcePiece, piece_bytes
from model.files import replacing

SCORES = Path(__file__).parent / "scores"
RIGHTS_FILE = "rights.csv"
RIGHTS_COLUMNS = (
    "file",
    "title",
    "work_number",
    "composer",
    "composer_died",
    "origin",
    "genre",
    "public_domain",
    "public_domain_basis",
    "licence",
    "licence_basis",
    "editor",
    "source_name",
    "source_kind",
    "source_url",
)


def human_pieces(limit: int | None = None) -> list[SourcePiece]:
    """The pieces, always in the same order; the first few of them are of every kind.

    Args:
        limit: how many at most; all where it is None.
    """
    shelves = [shelf for shelf in [*packed_pieces(), *bundle_pieces()] if shelf]
    placed = [
        ((place + 0.5) / len(shelf), number, piece)
        for number, shelf in enumerate(shelves)
        for place, piece in enumerate(shelf)
    ]
    return [piece for _place, _number, piece in sorted(placed, key=lambda item: item[:2])][:limit]


def packed_pieces() -> list[list[SourcePiece]]:
    """The pieces of each archive that comes with this package."""
    shelves: dict[str, list[SourcePiece]] = {}
    with (SCORES / "index.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            shelves.setdefault(row["archive"], []).append(_packed(row))
    return list(shelves.values())


def _packed(row: dict[str, str]) -> SourcePiece:
    return SourcePiece(
        path=SCORES / row["archive"],
        member=row["file"],
        file_name=row["file"],
        title=row["title"],
        composer=row["composer"],
        composer_died=int(row["composer_died"]),
        public_domain_basis="",
        genre=row["genre"],
        licence=row["licence"],
        quote=row["quote"],
        quoted_from=row["quoted_from"],
        editor=row["editor"],
        source_name=row["source_name"],
        source_kind="public_dataset",
        source_url=row["source_url"],
    )


def write_folder(pieces: Sequence[SourcePiece], folder: Path) -> None:
    """A folder with the pieces and their rights, as `catalog import --format folder` reads it.

    Args:
        pieces: as `human_pieces` gives them.
        folder: is made where there is none; files of these names are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for piece in pieces:
        _write(folder / piece.file_name, piece_bytes(piece))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, RIGHTS_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rights(pieces))
    _write(folder / RIGHTS_FILE, buffer.getvalue().encode())


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _rights(pieces: Sequence[SourcePiece]) -> Iterator[dict[str, str]]:
    for piece in pieces:
        yield {
            "file": piece.file_name,
            "title": piece.title,
            "work_number": Path(piece.file_name).stem,
            "composer": piece.composer,
            "composer_died": "" if piece.composer_died is None else str(piece.composer_died),
            "origin": "human",
            "genre": piece.genre,
            "public_domain": "yes" if piece.public_domain_basis else "",
            "public_domain_basis": piece.public_domain_basis,
            "licence": piece.licence,
            "licence_basis": piece.licence_basis,
            "editor": piece.editor,
            "source_name": piece.source_name,
            "source_kind": piece.source_kind,
            "source_url": piece.source_url,
        }
