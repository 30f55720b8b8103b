"""Which countries does a territory mean?

A territory is written as terms from left to right, the first without a sign, the others with + or -:
`WORLD`, `EU +CH`, `WORLD -US +PR`. A term is an ISO 3166 code (`DE`), a CISAC TIS code in letters or digits
(`2EU` is geographical Europe, `2136` the world), or one of the everyday names `WORLD` and `EU` (the European
Union). Order matters, as in CWR: the last term that names a country decides.

Source: CISAC Territory Information System, through the package music-metadata-territories.
"""

from collections.abc import Iterable
from functools import cache

from music_metadata.territories.territory import Territory

from catalog.errors import UnknownTerritoryError

WORLD = "WORLD"
_EVERYDAY = {"WORLD": "2WL", "WW": "2WL", "EU": "2EN", "UK": "GB"}


@cache
def countries(territory: str) -> frozenset[str]:
    """The ISO 3166 codes of the countries that the territory includes.

    Raises:
        UnknownTerritoryError: a term is not known, or nothing is left.
    """
    included: set[str] = set()
    for sign, term in _terms(territory):
        named = _countries_of(term)
        included = included | named if sign == "+" else included - named
    if not included:
        raise UnknownTerritoryError(f"The territory '{territory}' has no country left in it.")
    return frozenset(included)


@cache
def canonical(territory: str) -> str:
    """The territory in the one way in which the catalogue keeps it.

    Raises:
        UnknownTerritoryError: as `countries`.
    """
    countries(territory)
    written = [sign + _written(term) for sign, term in _terms(territory)]
    return " ".join(written).removeprefix("+")


def covers(territory: str, asked: str) -> bool:
    """Whether every country that is asked about lies in the territory."""
    return countries(asked) <= countries(territory)


def from_tis(signed_codes: Iterable[tuple[str, str]]) -> str:
    """The territory of CWR's include/exclude records: pairs of `I` or `E` and a numeric TIS code.

    Raises:
        UnknownTerritoryError: a code is not known, or nothing is left.
    """
    terms = [("-" if sign == "E" else "+") + code.strip().lstrip("0") for sign, code in signed_codes]
    return canonical(" ".join(terms))


def to_tis(territory: str) -> list[tuple[str, str]]:
    """The territory as CWR writes it: pairs of `I` or `E` and a TIS code of four digits."""
    return [("E" if sign == "-" else "I", _find(term).tis_n.zfill(4)) for sign, term in _terms(territory)]


def _terms(territory: str) -> list[tuple[str, str]]:
    words = territory.upper().split()
    if not words:
        raise UnknownTerritoryError("A territory is empty; write an ISO 3166 code, EU or WORLD.")
    signed = [(word[0], word[1:]) if word[0] in "+-" else ("+", word) for word in words]
    if signed[0][0] == "-":
        signed.insert(0, ("+", WORLD))
    return signed


def _find(term: str) -> Territory:
    found = Territory.get(_EVERYDAY.get(term, term))
    if found is None:
        raise UnknownTerritoryError(
            f"'{term}' is no territory: expected an ISO 3166 code (DE), EU, WORLD, or a CISAC TIS code."
        )
    return found


def _countries_of(term: str) -> set[str]:
    found = _find(term)
    return {part.tis_a for part in found.countries} if found.is_group else {found.tis_a}


def _written(term: str) -> str:
    tis = str(_find(term).tis_a)
    return {"2WL": "WORLD", "2EN": "EU"}.get(tis, tis)
