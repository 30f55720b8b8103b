"""Which of the licence-clean scores go with the demonstration? Packs `console/demo/scores/`.

Run: python -m benchmarks.pack_demo_scores ../shared/data
The same folder gives the same bytes. docs/decisions/0003-terms-of-the-demo-scores.md tells why.
"""

import csv
import io
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from console.demo.pieces import INDEX_COLUMNS
from model.errors import MidiError
from model.midi import read_midi

TARGET = Path(__file__).parent.parent / "console" / "demo" / "scores"
MIN_NOTES = 100
EPOCH = (1980, 1, 1, 0, 0, 0)
IMPRESSIONISTS = ("Claude Debussy", "Lili Boulanger")
# Scores that end verovio 6.4's process, and a second copy of another.
LEFT_OUT = ("stabat-mater-andante", "marsz-d", "polonaise-in-d", "6434-n--002", "dublet")
# Composers of the Mutopia pieces, with the year of death.
MUTOPIA_COMPOSERS = {
    "BachJS": ("Johann Sebastian Bach", 1750),
    "BeethovenLv": ("Ludwig van Beethoven", 1827),
    "BrahmsJ": ("Johannes Brahms", 1897),
    "BurgmullerJFF": ("Friedrich Burgmüller", 1874),
    "CarcassiM": ("Matteo Carcassi", 1853),
    "Claribel": ("Charlotte Alington Barnard (Claribel)", 1869),
    "CzernyC": ("Carl Czerny", 1857),
    "DoaneWH": ("William Howard Doane", 1915),
    "FranckC": ("César Franck", 1890),
    "GalileiV": ("Vincenzo Galilei", 1591),
    "GauntlettHJ": ("Henry John Gauntlett", 1876),
    "GiulianiM": ("Mauro Giuliani", 1829),
    "GossJ": ("John Goss", 1880),
    "GriegE": ("Edvard Grieg", 1907),
    "HandelGF": ("George Frideric Handel", 1759),
    "HastingsT": ("Thomas Hastings", 1872),
    "HaydnFJ": ("Joseph Haydn", 1809),
    "HaydnJM": ("Michael Haydn", 1806),
    "JoplinS": ("Scott Joplin", 1917),
    "KuhnauJ": ("Johann Kuhnau", 1722),
    "LisztF": ("Franz Liszt", 1886),
    "LottiA": ("Antonio Lotti", 1740),
    "MasonL": ("Lowell Mason", 1872),
    "Mendelssohn-BartholdyF": ("Felix Mendelssohn Bartholdy", 1847),
    "MercadanteS": ("Saverio Mercadante", 1870),
    "MozartWA": ("Wolfgang Amadeus Mozart", 1791),
    "PachelbelJ": ("Johann Pachelbel", 1706),
    "Rimsky-KorsakovN": ("Nikolai Rimsky-Korsakov", 1908),
    "SchubertF": ("Franz Schubert", 1828),
    "SchumannR": ("Robert Schumann", 1856),
    "ScriabinA": ("Alexander Scriabin", 1915),
    "SilcherF": ("Friedrich Silcher", 1860),
    "SorF": ("Fernando Sor", 1839),
    "TchaikovskyPI": ("Pyotr Ilyich Tchaikovsky", 1893),
    "TitelouzeJ": ("Jean Titelouze", 1633),
    "VerdiG": ("Giuseppe Verdi", 1901),
    "WeckmannM": ("Matthias Weckmann", 1674),
}
# What a source calls a piece, where that is one of the genres here; else the year of death tells the era.
STYLES = {"Hymn": "hymn", "Folk": "folk", "March": "march", "Jazz": "ragtime"}
KINDS = {"Polka": "polka", "Tango": "tango", "Sacred": "sacred"}
ERAS = ((1620, "renaissance"), (1770, "baroque"), (1827, "classical"))

Row = dict[str, str]
Packed = tuple[Row, bytes]


@dataclass(frozen=True)
class Limits:
    """How much is taken: pieces in all and of one composer, the size of a piece, the last year of death."""

    last_death: int
    songs: int
    polish: int
    polish_each: int
    mutopia_each: int
    max_notes: int
    max_kern_bytes: int


# Life + 100 years: free everywhere.
DEMO = Limits(1925, 190, 54, 4, 8, 2_000, 23_000)


def songs(data: Path, limits: Limits) -> Iterator[Packed]:
    """Songs for voice and piano of the OpenScore Lieder Corpus, each composer's in turn."""
    root = data / "openscore_lieder"
    composers = {row["path"]: row for row in _table(root / "data" / "composers.tsv", "\t")}
    each: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(_table(root / "data" / "scores.tsv", "\t"), key=lambda row: int(row["id"])):
        folder = row["path"].split("/")[0]
        died = composers[folder]["died"]
        if died.isdigit() and int(died) <= limits.last_death:
            each[folder].append(row)
    count = 0
    for row in _in_turn(each):
        composer = composers[row["path"].split("/")[0]]
        found = sorted((root / "midi").rglob(f"lc{row['id']}.mid"))
        if not found or not _fits(found[0].read_bytes(), 3, limits):
            continue
        yield _song_row(row, composer), found[0].read_bytes()
        count += 1
        if count == limits.songs:
            return


def _song_row(row: Row, composer: Row) -> Row:
    old = composer["born"].isdigit() and int(composer["born"]) <= 1770
    genre = "impressionist" if composer["name"] in IMPRESSIONISTS else "classical" if old else "romantic"
    return {
        "archive": "openscore_lieder.zip",
        "file": f"lc{row['id']}.mid",
        "title": row["name"],
        "composer": composer["name"],
        "composer_died": composer["died"],
        "genre": genre,
        "licence": "CC0-1.0",
        "quote": "CC0 1.0 Universal",
        "quoted_from": "LICENSE.txt",
        "editor": "OpenScore contributors",
        "source_name": "OpenScore Lieder Corpus",
        "source_url": "https://musescore.com/openscore-lieder-corpus",
    }


def polish(data: Path, limits: Limits) -> Iterator[Packed]:
    """Scores of Polish Music Heritage in Open Access, each composer's in turn."""
    root = data / "polish_scores"
    each: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(_table(root / "index.csv", ","), key=lambda row: row["file"]):
        death = re.fullmatch(r"[^-]*-(\d{4})(?:/\d\d)*", row["composer_dates"])
        small = int(row["bytes"]) <= limits.max_kern_bytes and int(row["parts"]) >= 3
        whole = (root / "kern" / row["file"]).exists() and not any(name in row["file"] for name in LEFT_OUT)
        if death and int(death[1]) <= limits.last_death and small and whole:
            each[row["composer"]].append({**row, "died": death[1]})
    chosen = _in_turn({name: rows[: limits.polish_each] for name, rows in each.items()})
    for row in islice(chosen, limits.polish):
        yield _polish_row(row), (root / "kern" / row["file"]).read_bytes()


def _polish_row(row: Row) -> Row:
    last, _comma, first = row["composer"].partition(", ")
    opus = row["opus"].strip()
    return {
        "archive": "polish_scores.zip",
        "file": row["file"].replace("@", "-"),
        "title": f"{opus}: {row['title']}" if opus and row["title"] not in opus else row["title"] or opus,
        "composer": f"{first} {last}".strip(),
        "composer_died": row["died"],
        "genre": _polish_genre(row["genre"], int(row["died"])),
        "licence": "CC-BY-4.0",
        "quote": "License CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0)",
        "quoted_from": "",
        "editor": "Narodowy Instytut Fryderyka Chopina",
        "source_name": "Polish Music Heritage in Open Access",
        "source_url": "https://polishscores.org",
    }


def _polish_genre(told: str, died: int) -> str:
    genres = [genre for kind, genre in KINDS.items() if kind in told.split("; ")]
    return genres[0] if genres else _era(died)


def _era(died: int) -> str:
    return next((genre for last, genre in ERAS if died <= last), "romantic")


def mutopia(data: Path, limits: Limits) -> Iterator[Packed]:
    """Pieces of the Mutopia Project that say Public Domain or CC BY with a version."""
    root = data / "mutopia"
    each: dict[str, list[Row]] = defaultdict(list)
    titles: set[tuple[str, str]] = set()
    for row in sorted(_table(root / "index.csv", ","), key=lambda row: row["file"]):
        path = (root / "midi" / row["file"]).with_suffix(".mid")
        known = row["composer"] in MUTOPIA_COMPOSERS and row["licence_text"]
        if not known or not path.exists() or (row["composer"], row["title"]) in titles:
            continue
        if _fits(path.read_bytes(), 1, limits):
            titles.add((row["composer"], row["title"]))
            each[row["composer"]].append(row)
    for row in _in_turn({name: rows[: limits.mutopia_each] for name, rows in each.items()}):
        yield _mutopia_row(row), (root / "midi" / row["file"]).with_suffix(".mid").read_bytes()


def _mutopia_row(row: Row) -> Row:
    composer, died = MUTOPIA_COMPOSERS[row["composer"]]
    version = re.search(r"Attribution (\d\.\d)$", row["licence_text"])
    return {
        "archive": "mutopia.zip",
        "file": f"mutopia-{row['mutopia_id'].rpartition('-')[2]}-{Path(row['file']).stem}.mid",
        "title": row["title"].rstrip(" \\"),
        "composer": composer,
        "composer_died": str(died),
        "genre": STYLES.get(row["style"], _era(died)),
        "licence": f"CC-BY-{version[1]}" if version else "CC-PDM-1.0",
        "quote": row["licence_text"],
        "quoted_from": "headers.csv",
        "editor": row["maintainer"],
        "source_name": "Mutopia Project",
        "source_url": "https://www.mutopiaproject.org",
    }


def _fits(data: bytes, min_parts: int, limits: Limits) -> bool:
    try:
        score = read_midi(data)
    except MidiError:
        return False
    parts = [track for track in score.tracks if len(track.notes)]
    return len(parts) >= min_parts and MIN_NOTES <= score.num_notes <= limits.max_notes


def _in_turn(each: dict[str, list[Row]]) -> Iterator[Row]:
    for place in range(max(map(len, each.values()), default=0)):
        for name in sorted(each):
            if place < len(each[name]):
                yield each[name][place]


def _table(path: Path, delimiter: str) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def _csv(columns: Iterable[str], rows: Iterable[Row]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(columns), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _write_archive(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, members[name])


def pieces(data: Path, limits: Limits) -> Iterator[Packed]:
    """All of them, without a second encoding of the same piece."""
    seen: set[tuple[str, str]] = set()
    for row, content in chain(songs(data, limits), polish(data, limits), mutopia(data, limits)):
        if (row["title"], row["composer"]) not in seen:
            seen.add((row["title"], row["composer"]))
            yield row, content


def main(data: Path) -> None:
    """Write the archives and their index anew."""
    packed = list(pieces(data, DEMO))
    archives: dict[str, dict[str, bytes]] = defaultdict(dict)
    for row, content in packed:
        assert row["file"] not in archives[row["archive"]], row["file"]
        archives[row["archive"]][row["file"]] = content
    for folder in ("openscore_lieder", "polish_scores"):
        archives[f"{folder}.zip"]["LICENSE.txt"] = (data / folder / "LICENSE.txt").read_bytes()
    chosen = [row for row, _content in packed if row["archive"] == "mutopia.zip"]
    header = {"file": "file", "title": "title", "editor": "maintainer", "quote": "licence"}
    renamed = [{new: row[old] for old, new in header.items()} for row in chosen]
    archives["mutopia.zip"]["headers.csv"] = _csv(header.values(), renamed)
    TARGET.mkdir(exist_ok=True)
    for name, members in archives.items():
        _write_archive(TARGET / name, members)
        print(name, len(members), "members,", (TARGET / name).stat().st_size, "bytes")
    (TARGET / "index.csv").write_bytes(_csv(INDEX_COLUMNS, (row for row, _content in packed)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
