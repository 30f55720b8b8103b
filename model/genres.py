"""Which genres are there, and what is usual in each when a prompt does not say?

The order is part of every checkpoint: a genre's number is its place in `GENRES`.
"""

from dataclasses import dataclass

FAMILIES = ("pop_rock", "classical_jazz", "electronic_experimental", "world")


@dataclass(frozen=True)
class Genre:
    """What is usual in a genre: tempo range in beats a minute, metre, mode, ensemble, form."""

    slug: str
    family: str
    tempo_low: int
    tempo_high: int
    metre: tuple[int, int]
    minor_percent: int
    ensemble: tuple[str, ...]
    form: str


_POP = "intro verse chorus verse chorus bridge chorus"
_DANCE = "intro A B A B outro"
# slug, tempo, metre, per cent in minor, ensemble (as in model.instruments), form; twelve for each family.
_TABLE: dict[str, tuple[tuple[str, str, str, int, str, str], ...]] = {
    "pop_rock": (
        ("pop", "96-124", "4/4", 30, "drums, bass, piano, guitar, strings, voice", _POP),
        ("rock", "110-140", "4/4", 40, "drums, bass, distortion guitar, overdriven guitar, voice", _POP),
        ("indie_rock", "110-150", "4/4", 40,
         "drums, bass, clean guitar, overdriven guitar, synth pad, voice", _POP),
        ("hard_rock", "120-160", "4/4", 60,
         "drums, pick bass, distortion guitar, overdriven guitar, lead synth", _POP),
        ("punk", "160-190", "4/4", 30, "drums, pick bass, distortion guitar, voice", "A B A B A"),
        ("soul", "70-110", "4/4", 35, "drums, bass, electric piano, organ, brass, voice", _POP),
        ("funk", "95-115", "4/4", 60, "drums, slap bass, muted guitar, clavinet, brass, saxophone",
         "A A B A"),
        ("rnb", "65-100", "4/4", 50, "drums, bass, electric piano, synth pad, strings, voice", _POP),
        ("disco", "110-125", "4/4", 55, "drums, bass, clean guitar, electric piano, strings, brass", _POP),
        ("country", "90-130", "4/4", 10, "drums, bass, steel guitar, banjo, fiddle, voice", _POP),
        ("singer_songwriter", "70-110", "4/4", 30, "guitar, piano, bass, strings, voice", "A A B A"),
        ("hip_hop", "80-100", "4/4", 70, "drums, synth bass, electric piano, strings, synth pad",
         "intro A B A B"),
    ),
    "classical_jazz": (
        ("renaissance", "80-110", "4/2", 40, "choir, choir, choir, choir", "A B C"),
        ("baroque", "70-110", "4/4", 45, "violin, violin, viola, cello, harpsichord", "A A B B"),
        ("classical", "100-140", "4/4", 25, "violin, violin, viola, cello", "A B A C A"),
        ("romantic", "70-120", "3/4", 45, "piano, voice, strings, cello", "A B A"),
        ("impressionist", "60-100", "3/4", 40, "piano, flute, harp, strings", "A B A"),
        ("sacred", "60-90", "4/4", 40, "choir, choir, choir, choir, church organ", "A B A"),
        ("hymn", "80-100", "4/4", 15, "choir, choir, choir, choir", "A A B A"),
        ("ragtime", "80-110", "2/4", 10, "piano, tuba, clarinet", "A A B B A C C"),
        ("swing", "140-190", "4/4", 35, "drums, acoustic bass, piano, trumpet, saxophone, trombone",
         "A A B A"),
        ("bebop", "180-240", "4/4", 35, "drums, acoustic bass, piano, alto saxophone, trumpet", "A A B A"),
        ("cool_jazz", "100-140", "4/4", 50, "drums, acoustic bass, vibraphone, muted trumpet, saxophone",
         "A A B A"),
        ("big_band", "130-180", "4/4", 35,
         "drums, acoustic bass, piano, guitar, brass, trumpet, trombone, saxophone",
         "intro A A B A"),
    ),
    "electronic_experimental": (
        ("house", "118-128", "4/4", 70, "drums, synth bass, synth pad, piano, lead synth", _DANCE),
        ("techno", "125-138", "4/4", 85, "drums, synth bass, synth pad, lead synth", _DANCE),
        ("trance", "132-142", "4/4", 80, "drums, synth bass, synth pad, lead synth, strings", _DANCE),
        ("drum_and_bass", "168-176", "4/4", 80,
         "drums, synth bass, synth pad, electric piano, lead synth", _DANCE),
        ("dubstep", "138-142", "4/4", 85, "drums, synth bass, lead synth, synth pad", _DANCE),
        ("ambient", "60-90", "4/4", 40, "synth pad, strings, bells, electric piano", "A B A"),
        ("downtempo", "80-105", "4/4", 65, "drums, bass, electric piano, synth pad, vibraphone", _DANCE),
        ("synthwave", "84-118", "4/4", 70, "drums, synth bass, lead synth, synth pad, synth brass", _POP),
        ("electro", "110-130", "4/4", 75, "drums, synth bass, lead synth, synth pad", _DANCE),
        ("idm", "100-160", "4/4", 60, "drums, synth bass, bells, synth pad, lead synth", "A B C A"),
        ("minimalism", "100-140", "4/4", 35, "piano, marimba, vibraphone, clarinet, strings", "A B A"),
        ("experimental", "60-150", "5/4", 60, "piano, cello, percussion, synth pad, flute", "A B C"),
    ),
    "world": (
        ("folk", "80-120", "3/4", 30, "guitar, fiddle, flute, acoustic bass", "A A B B"),
        ("celtic", "100-130", "6/8", 30, "fiddle, flute, guitar, bagpipe, accordion", "A A B B"),
        ("klezmer", "100-150", "4/4", 90, "clarinet, fiddle, accordion, acoustic bass, drums", "A A B B C"),
        ("flamenco", "100-140", "3/4", 95, "nylon guitar, nylon guitar, percussion, voice", "A B A B"),
        ("tango", "110-130", "4/4", 75, "accordion, fiddle, piano, acoustic bass, strings", "A B A C"),
        ("samba", "95-115", "2/4", 35, "drums, percussion, bass, nylon guitar, flute, brass", "A B A B"),
        ("bossa_nova", "110-140", "4/4", 35, "drums, acoustic bass, nylon guitar, piano, flute", "A A B A"),
        ("reggae", "70-90", "4/4", 40, "drums, bass, organ, clean guitar, brass, voice", _POP),
        ("afrobeat", "100-125", "4/4", 60,
         "drums, percussion, bass, muted guitar, organ, brass, saxophone", "A B A B"),
        ("salsa", "160-200", "4/4", 60, "drums, percussion, bass, piano, trumpet, trombone", "intro A B A B"),
        ("polka", "110-130", "2/4", 10, "accordion, clarinet, tuba, trumpet, drums", "A A B B A"),
        ("march", "100-120", "2/4", 15, "flute, clarinet, trumpet, horn, trombone, tuba, drums",
         "A A B B C C"),
    ),
}  # fmt: skip


def _genre(family: str, row: tuple[str, str, str, int, str, str]) -> Genre:
    slug, tempo, metre, minor, ensemble, form = row
    low, high = map(int, tempo.split("-"))
    numerator, denominator = map(int, metre.split("/"))
    return Genre(slug, family, low, high, (numerator, denominator), minor, tuple(ensemble.split(", ")), form)


GENRES: tuple[Genre, ...] = tuple(_genre(family, row) for family in FAMILIES for row in _TABLE[family])
GENRE_SLUGS: tuple[str, ...] = tuple(genre.slug for genre in GENRES)


def genre_value(slug: str) -> int:
    """The genre as an attribute: 1 to 48, or 0 for one that is not in the table."""
    return 1 + GENRE_SLUGS.index(slug) if slug in GENRE_SLUGS else 0


def family_value(family: str) -> int:
    """The family as an attribute: 1 to 4, or 0 for one that is not in the table."""
    return 1 + FAMILIES.index(family) if family in FAMILIES else 0


def family_of(slug: str) -> str:
    """The family of a genre, or the empty string."""
    return next((genre.family for genre in GENRES if genre.slug == slug), "")
