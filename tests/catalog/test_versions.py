"""Does a new version of a work supersede the old one, with a difference that one can read?"""

from dataclasses import replace

import pytest

from catalog.cwr.writer import write_cwr
from catalog.export_table import write_csv, write_parquet
from catalog.files import FileStore
from catalog.imports import import_file
from catalog.vocabulary import Right, Role
from tests.catalog.builders import AT, PUBLISHER, SENDER, WRITER, a_share, a_work, work_shown


def imported(session, tmp_path, form, name, *works):
    path = tmp_path / f"{name}.{form}"
    if form == "cwr":
        path.write_bytes(write_cwr(works, SENDER, AT).replace(b"NWR0", b"REV0"))
    elif form == "csv":
        with path.open("wb") as stream:
            write_csv(works, stream)
    else:
        write_parquet(works, path)
    return import_file(session, FileStore(tmp_path / "store"), form, path, imported_at=AT)


def message(report, code):
    found = [finding.message for finding in report.findings if finding.code == code]
    assert len(found) == 1, report.findings
    return found[0]


def changed_shares():
    """The writer has three quarters of the performing right, the publisher a quarter."""
    shares = []
    for share in a_work().shares:
        part = {PUBLISHER: 250_000, WRITER: 750_000}[share.party]
        shares.append(replace(share, share_ppm=part) if share.right is Right.PERFORMING else share)
    return tuple(shares)


@pytest.mark.parametrize("form", ["cwr", "csv", "parquet"])
def test_new_shares_are_told_party_by_party(session, tmp_path, form):
    imported(session, tmp_path, form, "first", a_work("W1"))
    report = imported(session, tmp_path, form, "second", a_work("W1", shares=changed_shares()))
    told = message(report, "SUPERSEDED")
    assert "STEIN, ANNA performing ownership 50 % -> 75 %" in told
    assert "TESTLING VERLAG performing ownership 50 % -> 25 %" in told
    assert "mechanical" not in told
    work = work_shown(session, "W1")
    assert (len(work["shares"]), len(work["earlier_shares"])) == (4, 4)


@pytest.mark.parametrize("form", ["cwr", "csv", "parquet"])
def test_a_new_title_is_told_and_the_old_one_is_still_found(session, tmp_path, form):
    imported(session, tmp_path, form, "first", a_work("W1", "OLD NAME"))
    report = imported(session, tmp_path, form, "second", a_work("W1", "NEW NAME"))
    told = message(report, "CHANGED")
    assert "OLD NAME" in told and "NEW NAME" in told
    assert [title["title"] for title in work_shown(session, "W1")["titles"]] == ["OLD NAME"]


@pytest.mark.parametrize("form", ["cwr", "csv", "parquet"])
def test_a_party_that_left_and_one_that_came_are_told(session, tmp_path, form):
    imported(session, tmp_path, form, "first", a_work("W1"))
    alone = tuple(a_share(WRITER, Role.COMPOSER, share.right, 1_000_000) for share in a_work().shares[2:])
    only = a_work("W1", shares=alone, credits=((WRITER, Role.COMPOSER),), representations=())
    told = message(imported(session, tmp_path, form, "second", only), "SUPERSEDED")
    assert "TESTLING VERLAG performing ownership 50 % -> 0 %" in told
    assert "STEIN, ANNA mechanical ownership 50 % -> 100 %" in told


@pytest.mark.parametrize("form", ["cwr", "csv", "parquet"])
def test_a_version_whose_shares_are_wrong_is_kept_unpaid_until_the_next(session, tmp_path, form):
    imported(session, tmp_path, form, "first", a_work("W1"))
    imported(session, tmp_path, form, "wrong", a_work("W1", shares=a_work().shares[:3]))
    assert not work_shown(session, "W1")["payable"]
    assert len(work_shown(session, "W1")["shares"]) == 3
    imported(session, tmp_path, form, "right", a_work("W1", shares=changed_shares()))
    assert work_shown(session, "W1")["payable"]


def test_a_work_that_one_file_gives_two_sets_of_shares_is_paid_by_neither(session, tmp_path):
    alone = tuple(a_share(WRITER, Role.COMPOSER, share.right, 1_000_000) for share in a_work().shares[2:])
    twice = [a_work("W1", shares=alone), a_work("W2"), a_work("W1"), a_work("W3"), a_work("W1", shares=alone)]
    report = imported(session, tmp_path, "csv", "twice", *twice)
    assert "paid by neither" in message(report, "DUPLICATE_WORK")
    assert not work_shown(session, "W1")["payable"]
    again = imported(session, tmp_path, "csv", "twice", *twice)
    assert again.batch == report.batch
    assert not work_shown(session, "W1")["payable"]
    imported(session, tmp_path, "csv", "once", a_work("W1"))
    assert work_shown(session, "W1")["payable"]
