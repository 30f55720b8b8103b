"""Does a file from outside go in as far as it can be used, once, and tell what could not?"""

import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from catalog.cwr.writer import write_cwr
from catalog.errors import UnreadableFileError
from catalog.export import work_records
from catalog.files import FileStore
from catalog.imports import import_file
from catalog.records import PartyRecord, PublicDomainRecord, TitleRecord
from catalog.search import search
from catalog.tables import (
    Base,
    Encoding,
    ImportBatch,
    Party,
    Quarantine,
    Reservation,
    Share,
    Work,
    WorkTitle,
)
from catalog.vocabulary import Origin, PartyKind, Right, Role
from catalog.works import find_work
from tests.catalog.builders import (
    AT,
    MIDI,
    PUBLISHER,
    SENDER,
    WRITER,
    a_share,
    a_work,
    cwr_file,
    import_cwr,
    import_folder,
    work_shown,
)

HEADER = (
    "work_number,title,submitter,iswc,genre,party_name,ipi_name_number,role,"
    "performing_ownership,mechanical_ownership,controlled,represented_by\n"
)
ROWS = (
    'N1,"Blue, and green",00000000199,T-034.524.680-1,swing,Testling Verlag,199,E,50,50,yes,\n'
    'N1,"Blue, and green",00000000199,T-034.524.680-1,swing,'
    '"Stein, Anna",00014107338,C,50,50,yes,Testling Verlag\n'
    "N2,Red,00000000199,,tango,,,C,100.0000,,no,\n"
)


def contents(session):
    """Every row of every table, for comparing two states."""
    return {
        table.name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
        for table in Base.metadata.sorted_tables
        if table.name in session.get_bind().dialect.get_table_names(session.connection())
    }


def import_text(session, tmp_path, text, name="works.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_file(session, FileStore(tmp_path / "store"), "csv", path, imported_at=AT)


def codes(report):
    return [finding.code for finding in report.findings]


def test_a_cwr_file_becomes_works_parties_and_shares(session, tmp_path):
    report = import_cwr(
        session, tmp_path, a_work("W1"), a_work("W2", "OTHER"), origin=Origin.HOUSE, invented=True
    )
    assert (report.works, report.parties, report.quarantined, report.findings) == (2, 2, 0, ())
    work = session.get_one(Work, find_work(session, "W1"))
    assert (work.title, work.origin, work.payable) == ("SONG OF THE TEST", Origin.HOUSE, True)
    assert session.scalars(select(Party.invented)).all() == [True, True]
    assert sum(share.share_ppm for share in session.scalars(select(Share))) == 4_000_000


def test_importing_the_same_file_twice_changes_nothing(session, tmp_path):
    first = import_cwr(session, tmp_path, a_work("W1"), a_work("W2", shares=a_work().shares[:2]))
    before = contents(session)
    second = import_cwr(session, tmp_path, a_work("W1"), a_work("W2", shares=a_work().shares[:2]))
    assert contents(session) == before
    assert second.repeated and not first.repeated
    assert (second.batch, second.findings) == (first.batch, first.findings)


def test_another_file_with_the_same_works_leaves_their_shares_alone(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    shares = session.scalars(select(Share.id)).all()
    import_cwr(session, tmp_path, a_work("W1"), a_work("W2"), name="more.V22")
    assert set(shares) <= set(session.scalars(select(Share.id).where(Share.superseded_by.is_(None))))


def test_new_shares_supersede_the_old_ones_which_stay_on_record(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    shares = (a_share(WRITER, Role.COMPOSER, Right.PERFORMING, 1_000_000),)
    report = import_cwr(session, tmp_path, a_work("W1", shares=shares), name="new.V22")
    assert "SUPERSEDED" in codes(report)
    shown = work_shown(session, "W1")
    assert [share["share_ppm"] for share in shown["shares"]] == [1_000_000]
    assert len(shown["earlier_shares"]) == 4
    assert {share["superseded_by"] for share in shown["earlier_shares"]} == {report.batch}


def test_a_new_title_keeps_the_old_one_as_an_alternative(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1", "OLD NAME"))
    import_cwr(session, tmp_path, a_work("W1", "NEW NAME"), name="new.V22")
    assert session.get_one(Work, find_work(session, "W1")).title == "NEW NAME"
    assert session.scalars(select(WorkTitle.title)).all() == ["OLD NAME"]


def test_shares_outside_the_tolerance_make_a_work_unpayable_and_not_lost(session, tmp_path):
    wrong = a_work("W1", shares=(*a_work().shares[:3], replace(a_work().shares[3], share_ppm=400_000)))
    near = a_work("W2", shares=(*a_work().shares[:3], replace(a_work().shares[3], share_ppm=499_500)))
    report = import_cwr(session, tmp_path, wrong, near)
    assert codes(report) == ["SHARE_SUM"]
    assert not session.get_one(Work, find_work(session, "W1")).payable
    assert session.get_one(Work, find_work(session, "W2")).payable


def test_a_truncated_cwr_file_gives_findings_and_the_whole_works_before_the_cut(session, tmp_path):
    data = cwr_file(tmp_path / "a.V22", a_work("W1"), a_work("W2"), a_work("W3")).read_bytes()
    cut = tmp_path / "cut.V22"
    cut.write_bytes(data[: int(len(data) * 0.8)])
    report = import_file(session, FileStore(tmp_path), "cwr", cut, imported_at=AT)
    assert report.works == 2
    assert "TRUNCATED_FILE" in codes(report)
    held = session.scalars(select(Quarantine).where(Quarantine.code == "TRUNCATED_LINE")).one()
    assert data[held.byte_start : held.byte_end].startswith(data[held.byte_start : held.byte_start + 3])
    assert held.byte_end == int(len(data) * 0.8)


def test_what_was_in_quarantine_is_tried_again_and_the_rest_stays(session, tmp_path):
    rows = "file,licence,submitter_work_number\na.mid,CC0-1.0,W1\n"
    first = import_folder(session, tmp_path, rows, a_mid=MIDI)
    assert codes(first)[0] == "UNKNOWN_WORK"
    import_cwr(session, tmp_path, a_work("W1"))
    second = import_folder(session, tmp_path, rows, a_mid=MIDI)
    assert (second.batch, second.quarantined, second.encodings) == (first.batch, 0, 1)
    assert session.scalars(select(Quarantine)).all() == []


def test_export_then_import_gives_the_same_works(session, tmp_path):
    works = [
        a_work("W1", titles=(TitleRecord("A SECOND NAME"),), language="DE", iswc="T0345246801"),
        a_work("W2", "OTHER"),
    ]
    import_cwr(session, tmp_path, *works)
    exported = write_cwr(work_records(session), SENDER, AT)
    before = work_records(session)
    (tmp_path / "again.V22").write_bytes(exported)
    report = import_file(session, FileStore(tmp_path), "cwr", tmp_path / "again.V22", imported_at=AT)
    assert report.findings == ()
    assert work_records(session) == before
    assert session.scalars(select(Share).where(Share.superseded_by.is_not(None))).all() == []


def test_a_csv_catalogue_becomes_works_with_exact_shares(session, tmp_path):
    report = import_text(session, tmp_path, HEADER + ROWS)
    assert (report.works, report.quarantined, codes(report)) == (2, 0, [])
    shown = work_shown(session, "T-034.524.680-1")
    assert (shown["title"], shown["genre"], shown["family"]) == ("Blue, and green", "swing", "classical_jazz")
    assert sorted(share["share_ppm"] for share in shown["shares"]) == [500_000] * 4
    assert work_records(session, [shown["id"]])[0].representations[0].publisher.name == "Testling Verlag"


def test_a_parquet_catalogue_is_read_as_the_csv_one(session, tmp_path):
    table = pacsv.read_csv(
        io.BytesIO((HEADER + ROWS).encode()),
        convert_options=pacsv.ConvertOptions(
            column_types={"ipi_name_number": pa.string(), "submitter": pa.string()}
        ),
    )
    pq.write_table(table, tmp_path / "works.parquet")
    store = FileStore(tmp_path / "store")
    report = import_file(session, store, "parquet", tmp_path / "works.parquet", imported_at=AT)
    assert (report.works, codes(report)) == (2, [])
    from_parquet = work_records(session)
    import_text(session, tmp_path, HEADER + ROWS)
    assert work_records(session) == from_parquet


def test_a_corrupt_parquet_file_is_one_finding(session, tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 this is none PAR1")
    report = import_file(session, FileStore(tmp_path), "parquet", tmp_path / "bad.parquet", imported_at=AT)
    assert codes(report) == ["CORRUPT_FILE"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("N1,Red,,,,X,,C,50.00001,,no,\n", "INVALID_SHARE"),
        ("N1,Red,,,,X,,C,-1,,no,\n", "INVALID_SHARE"),
        ("N1,Red,,,,X,,C,NaN,,no,\n", "INVALID_SHARE"),
        ("N1,Red,,,,X,00171701388,C,100,,no,\n", "INVALID_IDENTIFIER"),
        ("N1,Red,,T0101974729,,X,,C,100,,no,\n", "INVALID_ISWC"),
        ("N1,Red,,,polkas,X,,C,100,,no,\n", "UNKNOWN_GENRE"),
        ("N1,Red,,,,X,,Z,100,,no,\n", "INVALID_CODE"),
        ("N1,Red,,,,X,,C,100,,perhaps,\n", "INVALID_FLAG"),
        ("N1,,,,,X,,C,100,,no,\n", "MISSING_FIELD"),
        ("N1,Red,,,,X\n", "RAGGED_ROW"),
        ('N1,"Red,,,,X,,C,100,,no,\n', "RAGGED_ROW"),
        ("N1,Red,,,,X,,C,100,,no,Nobody\n", "UNKNOWN_PARTY"),
        (b"N1,R\xffd,,,,X,,C,100,,no,\n", "NOT_UTF8"),
        (b"N1,R\x00d,,,,X,,C,100,,no,\n", "NOT_TEXT"),
    ],
)
def test_a_row_that_cannot_be_used_is_quarantined_with_its_bytes_and_the_next_goes_in(
    session, tmp_path, row, code
):
    data = row if isinstance(row, bytes) else row.encode()
    text = HEADER.encode() + data + b"N9,Last,,,,Y,,C,100,,no,\n"
    report = import_text(session, tmp_path, text)
    assert code in codes(report)
    held = session.scalars(select(Quarantine).where(Quarantine.code == code)).one()
    assert text[held.byte_start : held.byte_end] == data
    assert session.get_one(Work, find_work(session, "N9")).payable


def test_a_row_that_cannot_be_used_makes_its_work_unpayable(session, tmp_path):
    rows = "N1,Red,,,,X,,C,100,,no,\nN1,Red,,,,Y,,C,oops,,no,\n"
    import_text(session, tmp_path, HEADER + rows)
    assert not session.get_one(Work, find_work(session, "N1")).payable


def test_a_work_whose_first_row_cannot_be_used_is_unpayable_too(session, tmp_path):
    rows = "N1,Red,,,polkas,Y,,C,0,,no,\nN1,Red,,,,X,,C,100,,no,\n"
    import_text(session, tmp_path, HEADER + rows)
    assert not session.get_one(Work, find_work(session, "N1")).payable


def test_rows_of_one_work_that_do_not_stand_together_are_told(session, tmp_path):
    rows = "N1,Red,,,,X,,C,50,,no,\nN2,Blue,,,,X,,C,100,,no,\nN1,Red,,,,Y,,C,50,,no,\n"
    report = import_text(session, tmp_path, HEADER + rows)
    assert "DUPLICATE_WORK" in codes(report)
    assert not session.get_one(Work, find_work(session, "N1")).payable


def test_a_csv_without_the_needed_columns_is_one_finding(session, tmp_path):
    report = import_text(session, tmp_path, "name;value\na;b\n")
    assert "MISSING_COLUMN" in codes(report)
    assert report.works == 0


def test_a_csv_with_the_same_column_twice_is_refused(session, tmp_path):
    report = import_text(session, tmp_path, "work_number,title,title\nN1,Red,Blue\n")
    assert (codes(report), report.works) == (["DUPLICATE_COLUMN"], 0)


def test_a_zero_character_in_parquet_is_quarantined(session, tmp_path):
    table = pa.table({"work_number": ["N1", "N2"], "title": ["R\0d", "Blue"]})
    pq.write_table(table, tmp_path / "works.parquet")
    report = import_file(session, FileStore(tmp_path), "parquet", tmp_path / "works.parquet", imported_at=AT)
    assert (codes(report), report.works) == (["NOT_TEXT"], 1)


def test_files_of_one_title_without_numbers_are_works_of_their_own(session, tmp_path):
    rows = "file,licence,licence_basis,title,work_number,source_name\n" + "".join(
        f"{name}.mid,CC0-1.0,stated,Minuet,{number},S\n"
        for name, number in zip("abcd", ["", "", "7", "7"], strict=True)
    )
    files = {f"{name}_mid": MIDI + name.encode() for name in "abcd"}
    report = import_folder(session, tmp_path, rows, **files)
    assert (report.works, report.encodings) == (3, 4)


def test_a_name_that_is_no_utf8_is_told_and_does_no_harm(session, tmp_path):
    (tmp_path / "music").mkdir()
    (Path(os.fsdecode(bytes(tmp_path) + b"/music/\xff.mid"))).write_bytes(MIDI)
    report = import_folder(session, tmp_path, "file,licence\n")
    assert codes(report) == ["FILE_WITHOUT_RIGHTS"]


def test_an_unknown_format_and_a_missing_file_are_refused(session, tmp_path):
    with pytest.raises(UnreadableFileError, match="no import format"):
        import_file(session, FileStore(tmp_path), "xls", tmp_path, imported_at=AT)
    with pytest.raises(UnreadableFileError, match="no file"):
        import_file(session, FileStore(tmp_path), "cwr", tmp_path / "none", imported_at=AT)
    with pytest.raises(UnreadableFileError, match=r"rights\.csv"):
        import_file(session, FileStore(tmp_path), "folder", tmp_path, imported_at=AT)


def test_a_folder_attaches_files_to_known_works_and_makes_the_others(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    rows = (
        "file,licence,licence_basis,submitter_work_number,title,genre,"
        "composer,composer_died,source_name,source_kind\n"
        "a.mid,LicenseRef-House,,W1,Song of the Test,pop,,,,\n"
        "b.krn,CC0-1.0,header of the file,,Air,baroque,J. S. Bach,1750,Chorales,public_dataset\n"
    )
    report = import_folder(session, tmp_path, rows, a_mid=MIDI, b_krn=b"**kern\n*-\n")
    assert (report.works, report.encodings, codes(report)) == (2, 2, [])
    known = work_shown(session, "W1")
    assert (known["title"], known["genre"]) == ("Song of the Test", "pop")
    assert [file["name"] for file in known["files"]] == ["a.mid"]
    other = session.scalars(select(Work).where(Work.title == "Air")).one()
    assert other.public_domain_in == "WORLD"
    assert "1750" in (other.public_domain_basis or "")
    encoding = session.scalars(select(Encoding).where(Encoding.work_id == other.id)).one()
    assert FileStore(tmp_path / "store").read(encoding.id) == b"**kern\n*-\n"


def test_what_a_folder_says_otherwise_is_told_and_the_record_stays(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    rows = "file,licence,submitter_work_number,title,origin\na.mid,CC0-1.0,W1,Quite another,house\n"
    report = import_folder(session, tmp_path, rows, a_mid=MIDI)
    assert {"TITLE_DIFFERS", "ORIGIN_DIFFERS"} <= set(codes(report))
    assert session.get_one(Work, find_work(session, "W1")).title == "SONG OF THE TEST"


@pytest.mark.parametrize(
    ("died", "expected"),
    [
        ("1750", "WORLD"),
        ("1925", "WORLD"),
        ("1926", "EU"),
        ("1955", "EU"),
        ("", None),
        ("1750;", None),
    ],
)
def test_the_public_domain_follows_from_the_last_death(session, tmp_path, died, expected):
    composers = "A;B" if ";" in died else "A"
    rows = f"file,licence,title,composer,composer_died\na.mid,CC0-1.0,Air,{composers},{died}\n"
    import_folder(session, tmp_path, rows, a_mid=MIDI)
    assert session.scalars(select(Work.public_domain_in)).one() == expected


def test_a_work_is_not_public_domain_by_its_composer_alone_where_an_arranger_is_named(session, tmp_path):
    rows = "file,licence,title,composer,composer_died,arranger\na.mid,CC0-1.0,Air,A,1750,B\n"
    import_folder(session, tmp_path, rows, a_mid=MIDI)
    assert session.scalars(select(Work.public_domain_in)).one() is None


def test_a_public_domain_that_is_claimed_needs_a_basis(session, tmp_path):
    header = "file,licence,title,public_domain,public_domain_basis\n"
    rows = header + "a.mid,CC0-1.0,Air,yes,\nb.mid,CC0-1.0,Bee,EU,old\n"
    report = import_folder(session, tmp_path, rows, a_mid=MIDI, b_mid=MIDI + b"\0")
    assert codes(report) == ["NO_BASIS", "LICENCE_WITHOUT_BASIS"]
    work = work_records(session)[0]
    assert work.public_domain == PublicDomainRecord("EU", "old")


def test_a_reservation_in_the_table_is_kept_as_it_was_seen(session, tmp_path):
    rows = "file,licence,title,reservation\na.mid,CC0-1.0,Air,tdmrep: tdm-reservation=1\n"
    import_folder(session, tmp_path, rows, a_mid=MIDI)
    reservation = session.scalars(select(Reservation)).one()
    assert (reservation.protocol, reservation.signal) == ("tdmrep", "tdm-reservation=1")
    assert reservation.seen_at == AT


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", bytes(200 << 20))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("row", "files", "code"),
    [
        ("../a.mid,CC0-1.0", {}, "PATH_OUTSIDE"),
        ("/etc/a.mid,CC0-1.0", {}, "PATH_OUTSIDE"),
        ("gone.mid,CC0-1.0", {}, "FILE_MISSING"),
        ("a.mid,CC0-1.0", {"a_mid": b""}, "FILE_SIZE"),
        ("a.pdf,CC0-1.0", {"a_pdf": b"x"}, "UNKNOWN_FORMAT"),
        ("a.mid,CC0-1.0", {"a_mid": b"bad"}, "CORRUPT_ENCODING"),
        ("a.mxl,CC0-1.0", {"a_mxl": b"PK no zip"}, "CORRUPT_ENCODING"),
    ],
)
def test_a_file_that_cannot_be_used_is_quarantined(session, tmp_path, row, files, code):
    def inspect(name, data):
        return "no header" if data == b"bad" else None

    report = import_folder(session, tmp_path, f"file,licence\n{row}\n", inspect=inspect, **files)
    assert codes(report)[0] == code
    assert (report.quarantined, report.works) == (1, 0)


def test_a_zip_bomb_and_a_link_out_of_the_folder_are_refused(session, tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "secret.mid").write_bytes(MIDI)
    (tmp_path / "music" / "link.mid").symlink_to(tmp_path / "secret.mid")
    rows = "file,licence\nbomb.mxl,CC0-1.0\nlink.mid,CC0-1.0\n"
    report = import_folder(session, tmp_path, rows, bomb_mxl=zip_bomb())
    assert codes(report)[:2] == ["ARCHIVE_TOO_LARGE", "PATH_OUTSIDE"]
    assert report.works == 0


def test_the_same_bytes_under_two_licences_are_a_conflict(session, tmp_path):
    rows = "file,licence,licence_basis,title\na.mid,CC0-1.0,x,Air\nb.mid,CC-BY-NC-4.0,x,Air\n"
    report = import_folder(session, tmp_path, rows, a_mid=MIDI, b_mid=MIDI)
    assert codes(report) == ["ENCODING_CONFLICT"]
    assert report.encodings == 1


def test_a_file_without_a_row_and_a_licence_nobody_knows_are_told(session, tmp_path):
    report = import_folder(
        session, tmp_path, "file,licence,title\na.mid,WTF-9,Air\n", a_mid=MIDI, stray_abc=b"X:1\n"
    )
    assert sorted(codes(report)) == ["FILE_WITHOUT_RIGHTS", "LICENCE_UNKNOWN"]


def test_an_import_that_fails_leaves_nothing_when_it_is_rolled_back(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    session.rollback()
    assert session.scalars(select(ImportBatch)).all() == []
    assert session.scalars(select(Work)).all() == []


def test_one_number_under_two_names_is_one_party(session, tmp_path):
    other = replace(PUBLISHER, name="TESTLING MUSIC")
    work = a_work(
        "W2", shares=tuple(replace(s, party=other) if s.party == PUBLISHER else s for s in a_work().shares)
    )
    import_cwr(session, tmp_path, a_work("W1"))
    import_cwr(session, tmp_path, replace(work, credits=(), representations=()), name="b.V22")
    assert len(session.scalars(select(Party)).all()) == 2


def test_works_with_more_parties_and_shares_than_one_statement_takes_go_in_and_are_superseded(
    session, tmp_path, monkeypatch
):
    monkeypatch.setattr("catalog.database.LOT", 2)

    def works(*parts):
        for number in range(5):
            named = [
                PartyRecord(f"P{number}X{place}", PartyKind.WRITER, authority=SENDER.ipi_name_number)
                for place in range(len(parts))
            ]
            shares = tuple(
                a_share(party, Role.COMPOSER, Right.PERFORMING, part)
                for party, part in zip(named, parts, strict=True)
            )
            credits = tuple((party, Role.COMPOSER) for party in named)
            yield a_work(f"W{number}", shares=shares, credits=credits, representations=())

    assert import_cwr(session, tmp_path, *works(400_000, 300_000, 300_000)).parties == 15
    report = import_cwr(session, tmp_path, *works(300_000, 400_000, 300_000), name="again.V22")
    assert codes(report) == ["SUPERSEDED"] * 5
    superseded = select(func.count()).select_from(Share).where(Share.superseded_by.is_not(None))
    assert session.scalar(superseded) == 15
    assert [hit.title for hit in search(session, "P4X2")] == ["SONG OF THE TEST"]
