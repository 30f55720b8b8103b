"""Which 48 genres are there, and into which four families do they fall?"""

from dataclasses import dataclass
from enum import StrEnum

from catalog.errors import UnknownGenreError


class Family(StrEnum):
    """One of the four groups of genres."""

    POP_ROCK = "pop_rock"
    CLASSICAL_JAZZ = "classical_jazz"
    ELECTRONIC_EXPERIMENTAL = "electronic_experimental"
    WORLD = "world"


@dataclass(frozen=True)
class Genre:
    """A genre: how it is written in data, how it is shown, and where it belongs."""

    slug: str
    name: str
    family: Family


FAMILIES: tuple[Family, ...] = tuple(Family)

_NAMES: dict[Family, tuple[tuple[str, str], ...]] = {
    Family.POP_ROCK: (
        ("pop", "Pop"),
        ("rock", "Rock"),
        ("indie_rock", "Indie rock"),
        ("hard_rock", "Hard rock"),
        ("punk", "Punk"),
        ("soul", "Soul"),
        ("funk", "Funk"),
        ("rnb", "R&B"),
        ("disco", "Disco"),
        ("country", "Country"),
        ("singer_songwriter", "Singer-songwriter"),
        ("hip_hop", "Hip hop"),
    ),
    Family.CLASSICAL_JAZZ: (
        ("renaissance", "Renaissance"),
        ("baroque", "Baroque"),
        ("classical", "Classical"),
        ("romantic", "Romantic"),
        ("impressionist", "Impressionist"),
        ("sacred", "Sacred"),
        ("hymn", "Hymn"),
        ("ragtime", "Ragtime"),
        ("swing", "Swing"),
        ("bebop", "Bebop"),
        ("cool_jazz", "Cool jazz"),
        ("big_band", "Big band"),
    ),
    Family.ELECTRONIC_EXPERIMENTAL: (
        ("house", "House"),
        ("techno", "Techno"),
        ("trance", "Trance"),
        ("drum_and_bass", "Drum and bass"),
        ("dubstep", "Dubstep"),
        ("ambient", "Ambient"),
        ("downtempo", "Downtempo"),
        ("synthwave", "Synthwave"),
        ("electro", "Electro"),
        ("idm", "IDM"),
        ("minimalism", "Minimalism"),
        ("experimental", "Experimental"),
    ),
    Family.WORLD: (
        ("folk", "Folk"),
        ("celtic", "Celtic"),
        ("klezmer", "Klezmer"),
        ("flamenco", "Flamenco"),
        ("tango", "Tango"),
        ("samba", "Samba"),
        ("bossa_nova", "Bossa nova"),
        ("reggae", "Reggae"),
        ("afrobeat", "Afrobeat"),
        ("salsa", "Salsa"),
        ("polka", "Polka"),
        ("march", "March"),
    ),
}

GENRES: tuple[Genre, ...] = tuple(
    Genre(slug, name, family) for family, names in _NAMES.items() for slug, name in names
)
GENRE_SLUGS: tuple[str, ...] = tuple(genre.slug for genre in GENRES)
_BY_SLUG = {genre.slug: genre for genre in GENRES}


def is_genre(slug: str) -> bool:
    """Whether the slug is one of the 48."""
    return slug in _BY_SLUG


def genre(slug: str) -> Genre:
    """The genre of a slug.

    Raises:
        UnknownGenreError: it is none of the 48.
    """
    found = _BY_SLUG.get(slug)
    if found is None:
        raise UnknownGenreError(f"'{slug}' is no genre here; the 48 are: {', '.join(GENRE_SLUGS)}.")
    return found


def family_of(slug: str) -> Family:
    """The family of a genre. Raises UnknownGenreError as `genre` does."""
    return genre(slug).family
