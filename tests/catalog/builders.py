"""Builders of what the catalogue's tests speak about."""

from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from catalog.cwr.writer import Sender, write_cwr
from catalog.facts import load_facts
from catalog.files import FileStore
from catalog.grants import add_agreement, add_grant
from catalog.imports import import_file
from catalog.imports.options import ImportOptions
from catalog.knowledge import NOW
from catalog.records import PartyRecord, RepresentationRecord, ShareRecord, WorkRecord
from catalog.vocabulary import PartyKind, Purpose, Right, Role, ShareKind
from catalog.works import find_work, show_work

AT = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
ON = date(2026, 10, 1)
SENDER = Sender("TESTLING VERLAG", "00000000199")
WRITER = PartyRecord("STEIN, ANNA", PartyKind.WRITER, "00014107338")
PUBLISHER = PartyRecord("TESTLING VERLAG", PartyKind.PUBLISHER, "00000000199")
MIDI = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60MTrk\x00\x00\x00\x04\x00\xff\x2f\x00"


def a_share(party, role, right, share_ppm, **more):
    more.setdefault("controlled", True)
    return ShareRecord(party, role, ShareKind.OWNERSHIP, right, share_ppm, **more)


def a_work(number="W1", title="SONG OF THE TEST", **more):
    """A work of which writer and publisher own half of each right."""
    shares = [
        a_share(PUBLISHER, Role.ORIGINAL_PUBLISHER, right, 500_000, chain=1)
        for right in (Right.PERFORMING, Right.MECHANICAL)
    ]
    shares += [
        a_share(WRITER, Role.COMPOSER, right, 500_000) for right in (Right.PERFORMING, Right.MECHANICAL)
    ]
    values = {
        "credits": ((PUBLISHER, Role.ORIGINAL_PUBLISHER), (WRITER, Role.COMPOSER)),
        "shares": tuple(shares),
        "representations": (RepresentationRecord(WRITER, PUBLISHER),),
    }
    return WorkRecord(title, SENDER.ipi_name_number, number, **{**values, **more})


def cwr_file(path: Path, *works: WorkRecord) -> Path:
    path.write_bytes(write_cwr(works, SENDER, AT))
    return path


def import_cwr(session: Session, folder: Path, *works: WorkRecord, name: str = "works.V22", **options):
    store = FileStore(folder / "store")
    path = cwr_file(folder / name, *works)
    return import_file(session, store, "cwr", path, imported_at=AT, options=ImportOptions(**options))


def rights_folder(folder: Path, rows: str, **files: bytes) -> Path:
    """A folder with a table of rights; `a_mid=b'…'` is the file `a.mid`."""
    folder.mkdir(exist_ok=True)
    (folder / "rights.csv").write_text(rows, encoding="utf-8")
    for name, data in files.items():
        stem, _underscore, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_bytes(data)
    return folder


def import_folder(
    session: Session, folder: Path, rows: str, name: str = "music", inspect=None, **files: bytes
):
    path = rights_folder(folder / name, rows, **files)
    options = ImportOptions() if inspect is None else ImportOptions(inspect=inspect)
    return import_file(session, FileStore(folder / "store"), "folder", path, imported_at=AT, options=options)


def a_grant(session: Session, party: PartyRecord, *, licence_ref=None, **more) -> str:
    """A grant of a party for everything, everywhere, from 2026 on, unless said otherwise."""
    agreement_id = add_agreement(
        session,
        title=f"Agreement of {party.name}",
        licensor_id=party.key(""),
        signed_on=date(2026, 1, 1),
        recorded_at=AT,
        document_sha256="0" * 64,
        licence_ref=licence_ref,
        invented=True,
    )
    values = {
        "purposes": list(Purpose),
        "territory": "WORLD",
        "starts_on": date(2026, 1, 1),
        "recorded_at": AT,
    }
    return add_grant(session, agreement_id=agreement_id, **{**values, **more})


def work_shown(session, name, known=NOW):
    """A work whole, as `catalog show` has it."""
    return show_work(session, load_facts(session, [find_work(session, name)], known)[0], known)
