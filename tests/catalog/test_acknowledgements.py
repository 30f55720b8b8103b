"""Does what a society answers reach the work it is about, and is bad news told?"""

import pytest
from sqlalchemy import select

from catalog.cwr.fields import encode
from catalog.facts import load_facts
from catalog.files import FileStore
from catalog.history import history
from catalog.imports import import_file
from catalog.search import search
from catalog.tables import Quarantine, Share
from catalog.vocabulary import AcknowledgementStatus
from tests.catalog.answers import an_answer, an_answer_file
from tests.catalog.builders import AT, a_work, import_cwr, work_shown


def import_answers(session, tmp_path, *answers, **more):
    path = an_answer_file(tmp_path / "CW260001052_SEN.V22", *answers, **more)
    return import_file(session, FileStore(tmp_path / "store"), "cwr", path, imported_at=AT)


def codes(report):
    return [finding.code for finding in report.findings]


def test_a_society_s_number_and_status_are_kept_with_the_work_and_shown(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    report = import_answers(session, tmp_path, an_answer())
    assert (codes(report), report.works, report.quarantined) == ([], 1, 0)
    work = work_shown(session, "W1")
    assert {"scheme": "society", "authority": "052", "value": "9001"} in work["identifiers"]
    answer = work["acknowledgements"][0]
    assert (answer["society"], answer["status"], answer["meaning"]) == ("052", "AS", "registered")
    assert (answer["processed_on"], answer["batch"]) == (AT.date().isoformat(), report.batch)
    assert [hit.work_id for hit in search(session, "9001")] == [work["id"]]


def test_messages_and_bad_news_are_findings(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    report = import_answers(
        session, tmp_path, an_answer(status="RJ", society_number=None, messages=("NO SHARES", "ASK US"))
    )
    assert codes(report) == ["REGISTRATION_ANSWER", "SOCIETY_MESSAGE", "SOCIETY_MESSAGE"]
    assert "rejected" in report.findings[0].message
    assert "NO SHARES" in report.findings[1].message
    assert work_shown(session, "W1")["acknowledgements"][0]["messages"] == ["NO SHARES", "ASK US"]


def test_an_answer_is_part_of_the_work_s_history(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    import_answers(session, tmp_path, an_answer())
    changes = history(session, load_facts(session)[0])
    told = [change for change in changes if any("society" in line for line in change.changes)]
    assert len(told) == 1
    assert told[0].changes == ["answer of society 052: registered", "identifier 9001 (society of 052)"][::-1]


def test_every_status_has_a_meaning(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    answers = [an_answer(place, status=status) for place, status in enumerate(AcknowledgementStatus)]
    import_answers(session, tmp_path, *answers)
    shown = work_shown(session, "W1")["acknowledgements"]
    assert {answer["status"] for answer in shown} == set(AcknowledgementStatus)


def test_an_answer_about_a_work_nobody_knows_waits_until_the_work_is_there(session, tmp_path):
    report = import_answers(session, tmp_path, an_answer())
    assert (codes(report), report.quarantined) == (["UNKNOWN_WORK"], 1)
    import_cwr(session, tmp_path, a_work("W1"))
    again = import_answers(session, tmp_path, an_answer())
    assert (codes(again), again.quarantined, again.batch) == ([], 0, report.batch)


def test_an_answer_by_a_number_of_two_works_is_given_to_neither(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    rows = "work_number,title,submitter\nW1,Another,00000000299\n"
    (tmp_path / "more.csv").write_text(rows)
    import_file(session, FileStore(tmp_path / "store"), "csv", tmp_path / "more.csv", imported_at=AT)
    assert codes(import_answers(session, tmp_path, an_answer())) == ["AMBIGUOUS_WORK"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"status": "OK"}, "INVALID_CODE"), ({"number": None}, "MISSING_FIELD")],
)
def test_an_answer_that_cannot_be_used_is_quarantined(session, tmp_path, changed, code):
    import_cwr(session, tmp_path, a_work("W1"))
    report = import_answers(session, tmp_path, an_answer(**changed), an_answer(1))
    assert codes(report) == [code]
    assert session.scalars(select(Quarantine.byte_start)).one() is not None
    assert len(work_shown(session, "W1")["acknowledgements"]) == 1


def test_another_title_in_the_answer_is_told(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    report = import_answers(session, tmp_path, an_answer(creation_title="QUITE ANOTHER"))
    assert codes(report) == ["TITLE_DIFFERS"]


def test_the_work_as_a_society_has_it_is_not_taken_for_a_registration(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    before = session.scalars(select(Share.id)).all()
    lines = an_answer()
    lines.append(encode("NWR", {"transaction_seq": 0, "record_seq": 1, "work_title": "X"}))
    lines.append(encode("SWR", {"transaction_seq": 0, "record_seq": 2, "last_name": "Y", "role": "C"}))
    report = import_answers(session, tmp_path, lines)
    assert codes(report) == ["RECORDS_NOT_KEPT"]
    assert "1 NWR (within ACK), 1 SWR (within ACK)" in report.findings[0].message
    assert session.scalars(select(Share.id)).all() == before


def test_a_message_of_another_answer_is_not_given_to_this_one(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    stray = encode("MSG", {"transaction_seq": 7, "record_seq": 1, "text": "STRAY"})
    report = import_answers(session, tmp_path, [*an_answer(), stray])
    assert codes(report) == ["RECORD_WITHOUT_WORK"]
    assert work_shown(session, "W1")["acknowledgements"][0]["messages"] == []


def test_the_last_answer_of_a_file_that_was_cut_is_refused(session, tmp_path):
    import_cwr(session, tmp_path, a_work("W1"))
    path = an_answer_file(tmp_path / "cut.V22", an_answer(), an_answer(1, status="RJ"))
    path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\r\n")[:4]) + b"\r\n")
    report = import_file(session, FileStore(tmp_path), "cwr", path, imported_at=AT)
    assert codes(report) == ["TRUNCATED_FILE"]
    assert [a["status"] for a in work_shown(session, "W1")["acknowledgements"]] == ["AS"]
