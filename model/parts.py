"""Which instrument does a part of a notated score mean, and which parts are one player's?"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.score import Score, Track, sorted_notes

# First match wins: a pattern found in the part's name in lower case, and the General MIDI program.
_PROGRAMS = tuple(
    (re.compile(pattern), program)
    for pattern, program in (
        (r"violonc|\bcello|\bvc\b", 42),
        (r"violone|contrabass|double bass|kontrabass", 43),
        (r"viola|\bvla\b|bratsche", 41),
        (r"viol|\bvln?\b|geige", 40),
        (r"fiddle", 110),
        (r"piccolo", 72),
        (r"flut|flöt|flaut|\bfl\b|traverso", 73),
        (r"recorder|blockfl", 74),
        (r"english horn|corno inglese", 69),
        (r"obo[ei]|hautb", 68),
        (r"clarin(?!o)|klarin", 71),
        (r"bassoon|fagott|\bfg\b", 70),
        (r"saxoph|\bsax\b", 66),
        (r"\bhorn|corn[oi]\b|\bcor\b", 60),
        (r"trumpet|tromb[ae]\b|trompet|clarino|cornet", 56),
        (r"trombon|posaun", 57),
        (r"\btuba", 58),
        (r"timpan|pauke", 47),
        (r"harpsi|cembalo|clavecin|spinet", 6),
        (r"organ", 19),
        (r"piano|klavier|fortep", 0),
        (r"\bharp|arpa", 46),
        (r"guitar|gitarr|lute|theorb", 24),
        (r"continuo|basso cont", 6),
        (r"sopran|cantus|canto|superius|discant|triplum|duplum|motetus", 52),
        (r"\balt|contralto|contraten|tenor|quint[ou]s?|sext[ou]s?|bass(o|us)?\b", 52),
        (r"voice|voc|chor|coro|solo|gesang", 52),
    )
)
_BASS_GUITARS = range(32, 40)
_TWO_HANDS = frozenset((*range(8), *range(16, 24), 46))


def program_of(name: str, program: int) -> int:
    """The program that a part's name means; `program` itself where the name says nothing."""
    words = name.lower()
    if "bass" in words and program in _BASS_GUITARS:
        return program
    return next((found for pattern, found in _PROGRAMS if pattern.search(words)), program)


def tidy_parts(score: Score) -> Score:
    """The score without silent parts, programs as the names say, both staves of one keyboard in one track."""
    tracks: list[Track] = []
    for track in score.tracks:
        if not len(track.notes):
            continue
        name = " ".join(track.name.split())
        if not track.is_drum:
            track = replace(track, name=name, program=program_of(name, track.program))
        if tracks and name and _same_hands(tracks[-1], track):
            tracks[-1] = replace(track, notes=_joined([tracks[-1], track]))
        else:
            tracks.append(track)
    return replace(score, tracks=tuple(tracks))


def _same_hands(one: Track, other: Track) -> bool:
    same = (one.name, one.program, one.is_drum) == (other.name, other.program, other.is_drum)
    return same and not one.is_drum and one.program in _TWO_HANDS


def _joined(tracks: Sequence[Track]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return sorted_notes(np.concatenate([track.notes for track in tracks]))
