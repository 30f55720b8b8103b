"""Which pieces of music21's corpus go into the demonstration? The package is read, never run."""

import html
import importlib.util
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from console.demo.collections import COLLECTIONS, Collection
from console.demo.pieces import SourcePiece, tunes_of
from model.notation import notation_text

NAME = "music21 corpus"
URL = "https://github.com/cuthbertLab/music21"
_TITLES = {
    ".krn": (r"^!!!OPR:[ \t]*(.+)$", r"^!!!OTL:[ \t]*(.+)$"),
    ".abc": (r"^T:[ \t]*(.+)$",),
    "xml": (r"<movement-title[^>]*>([^<]+)<", r"<work-title[^>]*>([^<]+)<"),
}
_AUTHOR = re.compile(rb"^C:[ \t]*\S", re.MULTILINE)


def corpus_folder() -> Path:
    """Where music21's corpus lies."""
    found = importlib.util.find_spec("music21")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "corpus"


def bundle_pieces() -> list[list[SourcePiece]]:
    """The chosen pieces of each collection."""
    corpus = corpus_folder()
    return [list(_pieces(corpus, collection)) for collection in COLLECTIONS]


def _pieces(corpus: Path, collection: Collection) -> Iterator[SourcePiece]:
    paths = sorted(corpus.glob(collection.pattern))
    if collection.tunes:
        places = [(path, name) for path in paths for name in tunes_of(path)]
    else:
        places = [(path, "") for path in paths if collection.composer or not _names_an_author(path)]
    for path, member in _spread(places, collection.count):
        yield _piece(corpus, collection, path, member)


def _names_an_author(path: Path) -> bool:
    """Whether a tune of a collection of traditional music has an author, of whom nothing is known here."""
    return path.suffix == ".abc" and _AUTHOR.search(path.read_bytes()) is not None


def _spread(places: Sequence[tuple[Path, str]], count: int) -> list[tuple[Path, str]]:
    """So many of them, as far apart as they go."""
    step = max(len(places) / count, 1)
    return [places[int(index * step)] for index in range(min(count, len(places)))]


def _piece(corpus: Path, collection: Collection, path: Path, member: str) -> SourcePiece:
    stem, folder = path.stem, path.relative_to(corpus).parts[0]
    number = f"-{member.rpartition('#')[2]}" if member else ""
    title = collection.title.format(stem=stem, title=_title(path, member) or stem)
    return SourcePiece(
        path=path,
        member=member,
        file_name=f"m21-{folder}-{re.sub(r'[^A-Za-z0-9.]+', '-', _inner(path, folder))}{number}{path.suffix}",
        title=title,
        composer=collection.composer,
        composer_died=collection.died,
        public_domain_basis=collection.public_domain_basis,
        genre=collection.genre,
        licence=collection.terms.licence,
        quote=collection.terms.quote,
        quoted_from=collection.terms.quoted_from,
        editor=collection.editor,
        source_name=f"{NAME}: {collection.name}",
        source_kind="public_dataset",
        source_url=URL,
    )


def _inner(path: Path, folder: str) -> str:
    """The path below the collection's folder, without its ending."""
    parts = path.with_suffix("").parts
    return "-".join(parts[len(parts) - parts[::-1].index(folder) :])


@lru_cache(maxsize=1024)
def _title(path: Path, member: str) -> str:
    """What the piece calls itself; empty where it does not say."""
    if path.suffix == ".abc":
        text = (tunes_of(path)[member] if member else path.read_bytes()).decode("utf-8", "replace")
    else:
        text = notation_text(path.name, path.read_bytes())[1]
    for pattern in _TITLES.get(path.suffix, _TITLES["xml"]):
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            return " ".join(html.unescape(found[1]).split())
    return ""
