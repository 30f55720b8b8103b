"""Is data never trapped: does what leaves as CSV, Parquet or CWR come back as the same catalogue?"""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog.cwr.reader import read_cwr
from catalog.cwr.writer import write_cwr
from catalog.database import open_engine
from catalog.export import work_records
from catalog.export_table import table_rows, write_csv, write_parquet
from catalog.files import FileStore
from catalog.imports import import_file
from catalog.imports.cells import Cells, joined, read_csv
from catalog.imports.table import COLUMNS, REQUIRED, read_table
from catalog.records import (
    UNKNOWN_NAME,
    IdentifierRecord,
    PartyRecord,
    Place,
    RecordingRecord,
    RepresentationRecord,
    TitleRecord,
)
from catalog.spreadsheets import as_was, harmless
from catalog.vocabulary import IdentifierScheme, Origin, PartyKind, Right, Role, ShareKind, TitleKind
from migrations import upgrade
from tests.catalog.builders import AT, PUBLISHER, SENDER, WRITER, a_share, a_work, import_cwr

STRANGER = PartyRecord(UNKNOWN_NAME, PartyKind.WRITER, authority=SENDER.ipi_name_number)
BAND = PartyRecord("BAND", PartyKind.PERFORMER, authority=SENDER.ipi_name_number)


def a_full_work(number="W1", title="SONG OF THE TEST"):
    """A work with everything that CWR can say of one."""
    owned = [
        a_share(PUBLISHER, Role.ORIGINAL_PUBLISHER, Right.PERFORMING, 375_000, chain=1),
        a_share(PUBLISHER, Role.ORIGINAL_PUBLISHER, Right.MECHANICAL, 750_000, chain=1),
        a_share(WRITER, Role.COMPOSER, Right.PERFORMING, 375_000),
        a_share(STRANGER, Role.COMPOSER_AUTHOR, Right.PERFORMING, 250_000, controlled=False),
        a_share(STRANGER, Role.COMPOSER_AUTHOR, Right.MECHANICAL, 250_000, controlled=False),
    ]
    collected = [
        replace(owned[1], kind=ShareKind.COLLECTION, territory="WORLD -US", share_ppm=1_000_000),
        replace(owned[1], kind=ShareKind.COLLECTION, territory="US", share_ppm=500_000),
    ]
    return a_work(
        number,
        title,
        iswc="T0345246801" if number == "W1" else None,
        language="DE",
        credits=(
            (PUBLISHER, Role.ORIGINAL_PUBLISHER),
            (WRITER, Role.COMPOSER),
            (STRANGER, Role.COMPOSER_AUTHOR),
            (BAND, Role.PERFORMER),
        ),
        shares=(*owned, *collected),
        representations=(RepresentationRecord(WRITER, PUBLISHER, "AG7"),),
        titles=(
            TitleRecord("LIED", TitleKind.TRANSLATED, "DE"),
            TitleRecord("A|B \\ C", TitleKind.FIRST_LINE),
        ),
        identifiers=(IdentifierRecord(IdentifierScheme.SOCIETY, "035", f"{number}99"),),
        recordings=(RecordingRecord("USRC17607839", "TAKE 1", "BAND", "LABEL", date(2020, 5, 1), 185),)
        if number == "W1"
        else (),
    )


def written(form, works, path):
    if form == "cwr":
        path.write_bytes(write_cwr(works, SENDER, AT))
    elif form == "csv":
        with path.open("wb") as stream:
            write_csv(works, stream)
    else:
        write_parquet(works, path)
    return path


@pytest.mark.parametrize("form", ["cwr", "csv", "parquet"])
def test_an_empty_database_that_takes_in_an_export_holds_the_same_catalogue(session, tmp_path, form):
    import_cwr(session, tmp_path, a_full_work("W1"), a_full_work("W2", "OTHER"), a_work("W3"))
    before = work_records(session)
    exported = written(form, before, tmp_path / f"out.{form}")
    other = open_engine(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade(other)
    with Session(other) as second:
        report = import_file(second, FileStore(tmp_path), form, exported, imported_at=AT)
        assert (report.findings, report.quarantined) == ((), 0)
        assert work_records(second) == before
    other.dispose()


@pytest.mark.parametrize("form", ["cwr", "csv", "parquet"])
def test_taking_in_an_own_export_supersedes_nothing(session, tmp_path, form):
    import_cwr(session, tmp_path, a_full_work("W1"), a_full_work("W2", "OTHER"))
    before = work_records(session)
    exported = written(form, before, tmp_path / f"out.{form}")
    report = import_file(session, FileStore(tmp_path / "store"), form, exported, imported_at=AT)
    assert (report.findings, work_records(session)) == ((), before)


TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30)
TITLES = TEXT.map(str.strip).filter(bool)


@given(TITLES, st.lists(TITLES, max_size=3, unique=True))
@example("=cmd|' /C calc'!A0", ["'=1+1", "''@x", "-2+3", "+49", "a|b\\", "\\|", "＝1"])
@settings(max_examples=80, deadline=None)
def test_any_title_leaves_csv_harmless_and_returns_as_itself(title, others):
    work = replace(a_work(title=title), titles=tuple(TitleRecord(text) for text in others))
    stream = io.BytesIO()
    write_csv([work], stream)
    for row in csv.reader(io.StringIO(stream.getvalue().decode())):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]
    stream.seek(0)
    steps = list(read_table(read_csv(stream, "works.csv", COLUMNS, REQUIRED), Origin.HUMAN))
    assert [(step.work.title, step.work.titles) for step in steps] == [(title, work.titles)]
    assert set(steps[0].work.shares) == {
        replace(share, party=replace(share.party, authority=SENDER.ipi_name_number)) for share in work.shares
    }


@given(st.text(max_size=20))
def test_a_harmless_cell_is_undone_exactly(text):
    assert as_was(harmless(text)) == text


@given(st.lists(TITLES, min_size=1, max_size=4))
def test_texts_joined_in_one_cell_come_apart_again(texts):
    assert Cells({"x": joined(texts)}, Place("f")).parts("x") == texts


def test_a_work_without_a_number_cannot_leave_in_a_table():
    with pytest.raises(ValueError, match="no submitter's number"):
        table_rows(a_work(None))


NAMES = st.from_regex(r"[A-Z]{2,20}", fullmatch=True)
PLACES = st.sampled_from(["WORLD", "WORLD -US", "DE", "US"])


@st.composite
def catalogued_works(draw):
    """Works that CWR can hold: capitals, shares in hundredths, every kind of record."""
    works = []
    for number in range(draw(st.integers(1, 4))):
        names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
        cuts = sorted(
            draw(st.lists(st.integers(0, 10_000), min_size=len(names) - 1, max_size=len(names) - 1))
        )
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, 10_000], strict=True)]
        shares = []
        for name, part in zip(names, parts, strict=True):
            party = PartyRecord(name, PartyKind.WRITER, authority=SENDER.ipi_name_number)
            controlled = draw(st.booleans())
            shares.append(a_share(party, Role.COMPOSER, Right.PERFORMING, part * 100, controlled=controlled))
            if draw(st.booleans()) and part:
                amount = draw(st.integers(1, 10_000)) * 100
                territory = draw(PLACES)
                shares.append(
                    replace(shares[-1], kind=ShareKind.COLLECTION, share_ppm=amount, territory=territory)
                )
        shares.sort(key=lambda share: not share.controlled)
        works.append(
            a_work(
                f"W{number}",
                draw(st.from_regex(r"[A-Z0-9]([A-Z0-9 ]{0,58}[A-Z0-9])?", fullmatch=True)),
                shares=tuple(shares),
                credits=tuple(dict.fromkeys((share.party, share.role) for share in shares)),
                representations=(),
                titles=tuple(
                    TitleRecord(text, draw(st.sampled_from(TitleKind)))
                    for text in draw(st.lists(NAMES, max_size=2))
                ),
            )
        )
    return works


def as_set(work):
    """The work without what the order of records and the place in the file say."""
    return replace(
        work, place=Place("(made here)"), shares=frozenset(work.shares), credits=frozenset(work.credits)
    )


@given(catalogued_works())
@settings(max_examples=60, deadline=None)
def test_any_catalogue_that_cwr_can_hold_comes_back_through_cwr_and_csv(works):
    steps = list(read_cwr(io.BytesIO(write_cwr(works, SENDER, AT)), "out.V22"))
    assert [as_set(step.work) if step.work else step for step in steps] == [as_set(work) for work in works]
    stream = io.BytesIO()
    write_csv(works, stream)
    stream.seek(0)
    steps = list(read_table(read_csv(stream, "out.csv", COLUMNS, REQUIRED), Origin.HUMAN))
    assert [as_set(step.work) if step.work else step for step in steps] == [as_set(work) for work in works]
