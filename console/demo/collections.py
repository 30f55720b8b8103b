"""What does each collection of music21's corpus say of its terms, and who wrote the music?

A row for each collection, as data. The words are those of the collection's own files; why a licence follows
from them is told in docs/decisions/0003-terms-of-the-demo-scores.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """What is stated of some files.

    Attributes:
        licence: as in SourcePiece.
        quote: the words that it was read from.
        quoted_from: the file of the corpus in which they stand; empty where it is the piece itself.
    """

    licence: str
    quote: str
    quoted_from: str = ""


@dataclass(frozen=True)
class Collection:
    """Files of one folder on the same terms.

    Attributes:
        pattern: which files, relative to the corpus.
        count: how many pieces are taken, spread over all of them.
        title: how a piece is called; `{stem}` is the file's name, `{title}` what the file calls itself.
        composer: empty where none is named, `died` None where the year is not known.
        public_domain_basis: why the music is free, where that does not follow from the year of death.
        tunes: whether the files are books of many tunes.
    """

    pattern: str
    count: int
    name: str
    title: str
    genre: str
    terms: Terms
    composer: str = ""
    died: int | None = None
    public_domain_basis: str = ""
    editor: str = ""
    tunes: bool = False


_UNSTATED = Terms(
    "NOASSERTION",
    "Some encodings included in the corpus may not be used for commercial uses or have other restrictions",
    "license.txt",
)
_CCARH = Terms("LicenseRef-CCARH", "Rights to all derivative electronic formats reserved.")
_PALESTRINA = Terms(
    "LicenseRef-Humdrum-Palestrina", "This file must be accompanied by the licensing agreement."
)
_ESSEN = Terms(
    "LicenseRef-Essen-non-commercial",
    "has given permission for non-commercial distribution and use of these files in music21.",
    "essenFolksong/license.txt",
)
_GPL = Terms(
    "GPL-2.0-or-later",
    "under the terms of the GNU General Public License as published by the Free Software Foundation; either "
    "version 2 of the License, or (at your option) any later version.",
)
_SHARE_ALIKE_3 = Terms("CC-BY-SA-3.0", "freely distributed under a CC-BY-SA 3.0 license")
_SHARE_ALIKE_4 = Terms(
    "CC-BY-SA-4.0", "Typeset by Cypressdome for IMSLP and released under the CC BY-SA 4.0 license."
)
_BY_UNVERSIONED = Terms("LicenseRef-CC-BY-without-version", "Creative Commons License (CC-BY)")
_SHARE_ALIKE_UNVERSIONED = Terms(
    "LicenseRef-CC-BY-SA-without-version", "most uses allowed for free (CC-SA-BY)."
)

COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        "bach/*.mxl",
        24,
        "Bach chorales",
        "Chorale {stem}",
        "hymn",
        _UNSTATED,
        composer="Johann Sebastian Bach",
        died=1750,
    ),
    Collection(
        "bach/*.krn",
        3,
        "Bach chorales (MuseData)",
        "Chorale {stem}",
        "hymn",
        _CCARH,
        composer="Johann Sebastian Bach",
        died=1750,
        editor="W.B. Hewlett",
    ),
    Collection(
        "palestrina/*.krn",
        20,
        "Palestrina masses",
        "{title}, {stem}",
        "renaissance",
        _PALESTRINA,
        composer="Giovanni Pierluigi da Palestrina",
        died=1594,
        editor="John Miller",
    ),
    Collection(
        "ryansMammoth/*.abc",
        20,
        "Ryan's Mammoth Collection",
        "{title}",
        "celtic",
        _UNSTATED,
        public_domain_basis="printed in Ryan's Mammoth Collection, 1883; the file names no author",
    ),
    Collection(
        "airdsAirs/book1.abc",
        6,
        "Aird's Airs",
        "{title}",
        "folk",
        _UNSTATED,
        tunes=True,
        public_domain_basis="printed in James Aird's Selection of Airs, volume 1, Glasgow, by 1782",
        editor="Jack Campin",
    ),
    Collection(
        "oneills1850/0101-0200.abc",
        6,
        "O'Neill's Music of Ireland",
        "{title}",
        "celtic",
        _UNSTATED,
        tunes=True,
        public_domain_basis="printed in O'Neill's Music of Ireland, 1903",
    ),
    Collection(
        "miscFolk/northumbrianminstrelsyopus.abc",
        5,
        "Northumbrian Minstrelsy",
        "{title}",
        "folk",
        _UNSTATED,
        tunes=True,
        editor="Jack Campin",
        public_domain_basis="printed in Bruce and Stokoe's Northumbrian Minstrelsy, 1882",
    ),
    Collection(
        "essenFolksong/erk10.abc",
        6,
        "Essen folksong collection",
        "{title}",
        "folk",
        _ESSEN,
        tunes=True,
        editor="Helmut Schaffrath; Ewa Dahlig-Turek; Seymour Schlien",
    ),
    Collection(
        "trecento/PMFC_04-*.xml",
        4,
        "Trecento",
        "{title}",
        "renaissance",
        _UNSTATED,
        composer="Francesco Landini",
        died=1397,
    ),
    Collection(
        "monteverdi/madrigal.4.*.mxl",
        5,
        "Monteverdi madrigals",
        "{stem}",
        "renaissance",
        _UNSTATED,
        composer="Claudio Monteverdi",
        died=1643,
    ),
    Collection(
        "josquin/*.abc",
        6,
        "Josquin (Laura Conrad)",
        "{title}",
        "renaissance",
        _GPL,
        composer="Josquin des Prez",
        died=1521,
        editor="Laura E. Conrad",
    ),
    Collection(
        "haydn/opus1no1/*.mxl",
        3,
        "Haydn quartets",
        "String quartet op. 1 no. 1: {stem}",
        "classical",
        _UNSTATED,
        composer="Joseph Haydn",
        died=1809,
    ),
    Collection(
        "mozart/k156/movement[234].mxl",
        3,
        "Mozart quartets",
        "String quartet K. 156: {stem}",
        "classical",
        _UNSTATED,
        composer="Wolfgang Amadeus Mozart",
        died=1791,
    ),
    Collection(
        "chopin/*.krn",
        1,
        "Chopin mazurkas",
        "{title}",
        "romantic",
        _UNSTATED,
        composer="Frédéric Chopin",
        died=1849,
        editor="Craig Stuart Sapp",
    ),
    Collection(
        "handel/rinaldo/*.mxl",
        1,
        "Handel",
        "Rinaldo: {stem}",
        "baroque",
        _UNSTATED,
        composer="George Frideric Handel",
        died=1759,
    ),
    Collection(
        "joplin/*.mxl",
        1,
        "Joplin",
        "Maple Leaf Rag",
        "ragtime",
        _UNSTATED,
        composer="Scott Joplin",
        died=1917,
    ),
    Collection(
        "schubert/*.xml",
        1,
        "Schubert",
        "{title}",
        "romantic",
        _UNSTATED,
        composer="Franz Schubert",
        died=1828,
        editor="Luke Poeppel",
    ),
    Collection(
        "ciconia/*.xml",
        1,
        "Ciconia",
        "{title}",
        "renaissance",
        _SHARE_ALIKE_3,
        composer="Johannes Ciconia",
        died=1412,
        editor="Michael Scott Cuthbert",
    ),
    Collection(
        "luca/*.xml",
        1,
        "D. Luca",
        "{title}",
        "renaissance",
        _SHARE_ALIKE_3,
        composer="D. Luca",
        editor="Michael Scott Cuthbert",
    ),
    Collection(
        "schumann_clara/polonaise*.mxl",
        4,
        "Clara Schumann",
        "Polonaise: {stem}",
        "romantic",
        _SHARE_ALIKE_4,
        composer="Clara Schumann",
        died=1896,
        editor="Cypressdome",
    ),
    Collection(
        "corelli/opus3no1/*.xml",
        1,
        "Corelli",
        "{title}: {stem}",
        "baroque",
        _BY_UNVERSIONED,
        composer="Arcangelo Corelli",
        died=1713,
        editor="Michael Scott Cuthbert",
    ),
    Collection(
        "beach/*.musicxml",
        1,
        "Beach",
        "{title}",
        "romantic",
        _SHARE_ALIKE_UNVERSIONED,
        composer="Amy Beach",
        died=1944,
        editor="Michael Scott Cuthbert",
    ),
    Collection(
        "lusitano/*.mxl",
        1,
        "Lusitano",
        "{title}",
        "renaissance",
        Terms("CC0-1.0", "released as CC0/Public Domain"),
        composer="Vicente Lusitano",
        editor="Michael Scott Asato Cuthbert",
        public_domain_basis="the composer lived in the sixteenth century",
    ),
    Collection(
        "liliuokalani/*.mxl",
        1,
        "Liliʻuokalani",
        "{title}",
        "folk",
        Terms("CC0-1.0", "Now, Public Domain; Encoding by MSAC, CC0"),
        composer="Liliʻuokalani",
        died=1917,
        editor="Michael Scott Asato Cuthbert",
    ),
    Collection(
        "johnson_j_r/*.mxl",
        1,
        "J. Rosamond Johnson",
        "{title}",
        "hymn",
        Terms("CC0-1.0", "Public Domain (Encoding by MSAC: CC0)"),
        composer="J. Rosamond Johnson",
        died=1954,
        editor="Michael Scott Asato Cuthbert",
    ),
)
