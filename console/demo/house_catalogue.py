"""Who wrote and publishes the house-composed pieces, so that there is somebody to pay? Everybody is invented.

The pieces are the house composer's; the writers, publishers, shares and agreements around them are made up by
a seed, and named as invented wherever they appear. Some of it is wrong on purpose: an expired agreement, one
that leaves out a country, a publisher who never signed, shares that do not sum. Clearance finds all of it.
"""

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from catalog.cwr.writer import Sender, write_cwr
from catalog.files import write_atomically
from catalog.identifiers import ipi_name_check_digits
from catalog.imports.folder import COLUMNS, RIGHTS_FILE
from catalog.records import PartyRecord, RepresentationRecord, ShareRecord, WorkRecord
from catalog.vocabulary import GrantSubject, Origin, PartyKind, Purpose, Right, Role, ShareKind
from console.steps.permissions import Agreed
from model.house import HousePiece
from model.midi import write_midi

LICENCE_REF = "LicenseRef-House-Composer-Invented"
CREATED_AT = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
SIGNED_ON = date(2025, 12, 1)
STARTS_ON = date(2026, 1, 1)
FIRST_IPI = 990_000_100  # far above the numbers in use when this was written
STUDIO = "HOUSE COMPOSER STUDIO (INVENTED)"
EXPIRED, PARTIAL, UNSIGNED = 5, 6, 7
PUBLISHERS = (
    STUDIO,
    "QUILLFEATHER SONGS (INVENTED)",
    "LANTERN ROW MUSIC (INVENTED)",
    "COPPER HERON PUBLISHING (INVENTED)",
    "NORTHQUAY EDITIONS (INVENTED)",
    "ALMOST EVERGREEN MUSIC (INVENTED)",
    "ELSEWHERE AND SONS (INVENTED)",
    "UNSIGNED HILL SONGS (INVENTED)",
)
FIRST_NAMES = (
    "ADA",
    "BRAM",
    "CELIA",
    "DARIO",
    "ELIN",
    "FARAH",
    "GUSTAV",
    "HANNE",
    "IDRIS",
    "JUNO",
    "KOFI",
    "LEA",
)
LAST_NAMES = ("VOSSBERG", "TINDALE", "MARROWAY", "OKONJI", "PELLERIN", "SKARSTAD", "QUIMBY", "RADVIL")
GAP_EVERY = 61  # one work in so many has shares that do not sum to the whole


@dataclass(frozen=True)
class HouseCatalogue:
    """The files to import and the agreements to record."""

    cwr: Path
    folder: Path
    agreements: tuple[Agreed, ...]


def write_house_catalogue(pieces: Sequence[HousePiece], directory: Path, seed: int) -> HouseCatalogue:
    """The house pieces as a CWR file of their shares, a folder of MIDI with its rights, and agreements."""
    works = house_works(pieces, seed)
    cwr = directory / "CW260001HOU_000.V22"
    write_atomically(cwr, write_cwr(works, Sender(STUDIO, _ipi(0)), CREATED_AT))
    folder = directory / "house"
    rows = [_rights(piece, work, folder) for piece, work in zip(pieces, works, strict=True)]
    _write_csv(folder / RIGHTS_FILE, rows)
    return HouseCatalogue(cwr, folder, agreements(works))


def house_works(pieces: Sequence[HousePiece], seed: int) -> list[WorkRecord]:
    """The works with their invented writers, publishers and shares."""
    chance = random.Random(seed)  # noqa: S311 (invented people, no secret)
    return [_work(piece, index, chance) for index, piece in enumerate(pieces)]


def agreements(works: Sequence[WorkRecord]) -> tuple[Agreed, ...]:
    """What the publishers grant: for their own shares and for those of the writers whom they represent."""
    named = {share.party.name for work in works for share in work.shares}
    purposes = (Purpose.TRAIN, Purpose.GENERATE, Purpose.EVALUATE, Purpose.DISTRIBUTE)
    found = [
        Agreed(
            title=f"Training and output licence 2026, {name}",
            licensor=_ipi(index),
            signed_on=SIGNED_ON,
            purposes=purposes,
            territory="WORLD -DE" if index == PARTIAL else "WORLD",
            starts_on=STARTS_ON,
            ends_on=date(2026, 7, 1) if index == EXPIRED else None,
            for_represented=True,
            invented=True,
        )
        for index, name in enumerate(PUBLISHERS)
        if index != UNSIGNED and name in named
    ]
    files = Agreed(
        title="Licence of the house composer's files (invented)",
        licensor=_ipi(0),
        signed_on=SIGNED_ON,
        purposes=purposes,
        territory="WORLD",
        starts_on=STARTS_ON,
        subject=GrantSubject.ENCODING,
        licence_ref=LICENCE_REF,
        invented=True,
    )
    return (*found, files)


def _ipi(index: int) -> str:
    digits = f"{FIRST_IPI + index:09d}"
    return digits + ipi_name_check_digits(digits)


def _publisher(index: int) -> PartyRecord:
    return PartyRecord(PUBLISHERS[index], PartyKind.PUBLISHER, _ipi(index))


def _writer(index: int) -> PartyRecord:
    """A writer, `LAST, FIRST` as CWR has it; the word INVENTED is part of the name."""
    last = LAST_NAMES[index % len(LAST_NAMES)]
    first = FIRST_NAMES[index % len(FIRST_NAMES)]
    return PartyRecord(f"{last}, {first} (INVENTED)", PartyKind.WRITER, _ipi(100 + index))


def _work(piece: HousePiece, index: int, chance: random.Random) -> WorkRecord:
    num_writers = len(LAST_NAMES) * len(FIRST_NAMES) // 4
    writers = chance.sample(range(num_writers), chance.choice((1, 1, 2)))
    weights = [100] if len(writers) == 1 else chance.choice(([50, 50], [60, 40], [75, 25]))
    if index % GAP_EVERY == GAP_EVERY - 1:
        weights[-1] -= 10
    shares: list[ShareRecord] = []
    links = []
    for chain, (writer_index, percent) in enumerate(zip(writers, weights, strict=True), start=1):
        writer = _writer(writer_index)
        publisher = _publisher(writer_index % len(PUBLISHERS))
        shares += _chain(writer, publisher, percent, chain)
        links.append(RepresentationRecord(writer, publisher))
    return WorkRecord(
        title=piece.title,
        submitter=_ipi(0),
        number=f"HOUSE{index + 1:05d}",
        origin=Origin.HOUSE,
        genre=piece.genre,
        credits=tuple((_writer(writer), Role.COMPOSER) for writer in writers),
        shares=tuple(shares),
        representations=tuple(links),
    )


def _chain(writer: PartyRecord, publisher: PartyRecord, percent: int, chain: int) -> list[ShareRecord]:
    """A writer with half of each right in their part, and their publisher with the other half."""
    half_ppm = percent * 10_000 // 2
    return [
        ShareRecord(party, role, kind, right, half_ppm, controlled=True, chain=chain)
        for party, role in ((writer, Role.COMPOSER), (publisher, Role.ORIGINAL_PUBLISHER))
        for kind in (ShareKind.OWNERSHIP, ShareKind.COLLECTION)
        for right in Right
    ]


def _rights(piece: HousePiece, work: WorkRecord, folder: Path) -> dict[str, str]:
    assert work.number is not None
    name = f"{work.number}.mid"
    write_atomically(folder / name, write_midi(piece.score))
    return {
        "file": name,
        "title": piece.title,
        "submitter_work_number": work.number,
        "origin": Origin.HOUSE.value,
        "genre": piece.genre,
        "licence": LICENCE_REF,
        "licence_basis": "Files of the house composer, licensed by an invented agreement of the demo",
        "editor": "the house composer (rules, no person)",
        "source_name": "House composer",
        "source_kind": "synthetic",
        "source_description": "Written by seeded rules, without any model or training",
    }


def _write_csv(path: Path, rows: Sequence[dict[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode("utf-8"))
