"""From a corpus to what its works share by chance, and from a piece to what it shares with which of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from console.home import Home
from console.steps.corpora import open_corpus
from model.errors import TooAlikeError
from model.excerpts import Excerpt
from model.files import replacing
from model.originality import Repeat, Repertoire, lines_of, repertoire_of


class OnRepeat(StrEnum):
    """What is done with a piece that repeats a work for longer than works share by chance."""

    RECORD = "record"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Similar:
    """The works that a piece shares the longest stretches with, longest first; what works share by chance."""

    works: tuple[Repeat, ...]
    limit_notes: int

    def to_json(self) -> dict[str, Any]:
        """The finding as it is written down."""
        return {
            "similar": [repeat.to_json() for repeat in self.works],
            "similar_limit_notes": self.limit_notes,
        }


def similar_works(home: Home, corpus_id: str, excerpts: list[Excerpt]) -> Similar:
    """Which works of the corpus a piece is closest to by its notes, in any key and on any instrument."""
    repertoire = _repertoire(home, corpus_id)
    return Similar(tuple(repertoire.leading(lines_of(excerpts))), repertoire.limit_notes)


def originality_of(
    home: Home, corpus_id: str, excerpts: list[Excerpt], on_repeat: OnRepeat
) -> dict[str, Any]:
    """What a piece shares at most with a work of the corpus, as it is written down.

    Raises:
        TooAlikeError: it is more than works share by chance, and the policy is to refuse such pieces.
    """
    found = _repertoire(home, corpus_id).originality(excerpts)
    if found.flagged and on_repeat is OnRepeat.REFUSE:
        assert found.longest is not None
        repeat = found.longest
        bars, source = ("{} to {}".format(*(bar + 1 for bar in b)) for b in (repeat.bars, repeat.source_bars))
        raise TooAlikeError(
            f"bars {bars} repeat {repeat.notes} notes of {repeat.work_id} (bars {source}); works share up to "
            f"{found.limit_notes} by chance. Nothing was kept: try another seed, or --on-repeat record"
        )
    return found.to_json()


def _repertoire(home: Home, corpus_id: str) -> Repertoire:
    """The repertoire of a corpus, made once."""
    path = home.folder("repertoires") / f"{corpus_id}.safetensors"
    if not path.exists():
        repertoire = repertoire_of(open_corpus(home, corpus_id))
        with replacing(path) as temporary:
            repertoire.save(temporary)
    return Repertoire.load(path)
