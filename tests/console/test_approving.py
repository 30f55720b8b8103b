"""Is a month closed only when two people have signed for it with keys of their own, and can it be checked?"""

import json

import pytest
from sqlalchemy import select, text

from console.home import Access, open_home
from console.settings import load_settings
from console.steps.approving import (
    APPROVAL,
    APPROVAL_TYPE,
    approvals_of,
    approve,
    audit_approvals,
    check_approved,
    enrol,
    enrolments_of,
    remove,
)
from console.steps.closings import audit_closings
from console.steps.restating import close_royalties
from provenance.audit import audit_records
from provenance.canonical import read_canonical
from provenance.errors import ChainError, KeyFileError
from provenance.evidence.keys import personal_key
from provenance.evidence.records import append
from provenance.evidence.sealed import seal
from provenance.tables import Record
from royalties.approving import Decision
from royalties.errors import ApprovalRefusedError, NotApprovedError, NotFoundError
from royalties.tables import PeriodClose
from tests.console.approving import PEOPLE, make_key, two_approve
from tests.console.calls import call
from tests.royalties.builders import LINES, NOVEMBER, NOW, OCTOBER, a_line, bring_in, run
from tests.royalties.builders import restated as restate_october

YES, NO = Decision.APPROVE, Decision.REJECT


@pytest.fixture
def home(tmp_path):
    """A home in which October was run, and Ada and Bert are enrolled."""
    with open_home(load_settings(tmp_path / "home", {}), Access.WRITE) as opened:
        with opened.session() as session, session.begin():
            bring_in(session, tmp_path, LINES)
            run(session)
        for name in ("ada", "bert", "mallory"):
            make_key(tmp_path, name)
        for name in ("ada", "bert"):
            enrol(opened, name, tmp_path / f"{name}.pub.pem")
        yield opened


def key(tmp_path, name):
    return tmp_path / f"{name}.pem"


def both_approve(home, tmp_path, period=OCTOBER):
    for name in ("ada", "bert"):
        approve(home, period, name, key(tmp_path, name), YES, "")


def state(home, period=OCTOBER):
    with home.session() as session:
        return approvals_of(session, home.key.public, period).verdict


def slip_in(home, period, sealed, when=NOW):
    """A record of an approval, as somebody would write it who has the home's own key."""
    with home.session() as session, session.begin():
        body = read_canonical(sealed)
        append(session, home.key, kind=APPROVAL, subject_id=period.name, body=body, recorded_at=when)


def said(home, period, /, **changes):
    with home.session() as session:
        subject = approvals_of(session, home.key.public, period).subject
    fields = {
        "home": home.key.public.fingerprint, "name": "bert", "period": period.name, "subject": subject,
        "decision": "approve", "why": "", "signed_at": "2026-11-02T10:00:00.000000Z",
    }  # fmt: skip
    return fields | changes


def test_nobody_signs_in_the_name_of_another(home, tmp_path):
    with pytest.raises(ApprovalRefusedError, match="nobody signs with another's key"):
        approve(home, OCTOBER, "bert", key(tmp_path, "ada"), YES, "")
    with pytest.raises(ApprovalRefusedError, match="mallory is no approver; enrolled is ada, bert"):
        approve(home, OCTOBER, "mallory", key(tmp_path, "mallory"), YES, "")
    assert state(home).judged == ()


def test_a_key_is_enrolled_once_and_the_homes_never(home, tmp_path):
    with pytest.raises(ApprovalRefusedError, match="is that of ada"):
        enrol(home, "mallory", tmp_path / "ada.pub.pem")
    with pytest.raises(ApprovalRefusedError, match="remove them first"):
        enrol(home, "ada", tmp_path / "mallory.pub.pem")
    (tmp_path / "home.pub.pem").write_text(home.key.public.pem)
    with pytest.raises(ApprovalRefusedError, match="the key of this home"):
        enrol(home, "mallory", tmp_path / "home.pub.pem")
    with pytest.raises(KeyFileError):
        enrol(home, "mallory", key(tmp_path, "mallory"))
    with home.session() as session:
        assert len(enrolments_of(session, home.key.public)) == 2
    assert enrol(home, "ada", tmp_path / "ada.pub.pem").name == "ada", "again changes nothing"
    with home.session() as session:
        assert len(enrolments_of(session, home.key.public)) == 2


def test_one_person_is_not_two(home, tmp_path):
    first = approve(home, OCTOBER, "ada", key(tmp_path, "ada"), YES, "")
    assert approve(home, OCTOBER, "Ada", key(tmp_path, "ada"), YES, "") == first
    assert state(home).by == ("ada",)
    with pytest.raises(NotApprovedError, match="approved by ada; 1 more person must approve"):
        close_royalties(home, OCTOBER)


@pytest.mark.parametrize(
    ("changes", "signer", "because"),
    [
        ({}, "mallory", "no approver with this key"),
        ({"name": "mallory"}, "mallory", "no approver with this key"),
        ({"subject": "0" * 64}, "bert", "earlier state"),
        ({"period": "2026-09"}, "bert", "signed for 2026-09"),
        ({"home": "0" * 64}, "bert", "another home"),
        ({"decision": "perhaps"}, "bert", "no decision"),
    ],
)
def test_a_signature_over_something_else_or_by_someone_else_does_not_count(
    home, tmp_path, changes, signer, because
):
    approve(home, OCTOBER, "ada", key(tmp_path, "ada"), YES, "")
    sealed = seal(APPROVAL_TYPE, said(home, OCTOBER, **changes), personal_key(key(tmp_path, signer)))
    slip_in(home, OCTOBER, sealed)
    found = state(home)
    assert found.by == ("ada",)
    assert because in found.judged[1].because
    with pytest.raises(NotApprovedError):
        close_royalties(home, OCTOBER)


def test_an_approval_whose_words_were_changed_after_signing_does_not_count(home, tmp_path):
    approve(home, OCTOBER, "ada", key(tmp_path, "ada"), YES, "")
    wrong = said(home, OCTOBER, subject="0" * 64)
    sealed = seal(APPROVAL_TYPE, wrong, personal_key(key(tmp_path, "bert")))
    right = said(home, OCTOBER)["subject"].encode()
    slip_in(home, OCTOBER, sealed.replace(b"0" * 64, right))
    found = state(home)
    assert found.by == ("ada",) and "signature is not that of the key" in found.judged[1].because
    with home.session() as session:
        assert [finding.code for finding in audit_approvals(session, home.key.public)] == [
            "APPROVAL_SIGNATURE"
        ]


def test_an_approval_of_one_month_is_none_of_another(home, tmp_path):
    with home.session() as session, session.begin():
        bring_in(session, tmp_path, [a_line(800, used_on="2026-11-03")], "november.csv")
        run(session, period=NOVEMBER)
    both_approve(home, tmp_path)
    with home.session() as session:
        sealed = session.scalars(select(Record.body).where(Record.kind == APPROVAL)).all()
    for body in sealed:
        slip_in(home, NOVEMBER, body.encode())
    assert state(home).approved
    assert state(home, NOVEMBER).by == ()
    assert all("signed for 2026-10" in each.because for each in state(home, NOVEMBER).judged)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET body = replace(body, '\"bert\"', '\"mallory\"') WHERE kind = 'approver'",
        "UPDATE record SET body = replace(body, '\"added\":false', '\"added\":true') WHERE kind = 'approver'",
        "UPDATE record SET signature = substr(signature, 2) || '0' WHERE kind = 'approval'",
    ],
)
def test_a_record_that_somebody_wrote_without_the_homes_key_closes_nothing(home, tmp_path, statement):
    remove(home, "bert")
    enrol(home, "bert", tmp_path / "bert.pub.pem")
    both_approve(home, tmp_path)
    with home.session() as session, session.begin():
        session.connection().exec_driver_sql(statement)
    with pytest.raises(ChainError, match="Record"):
        close_royalties(home, OCTOBER)
    with home.session() as session:
        assert [finding.code for finding in audit_closings(session, home.key.public)] == ["CHAIN"]


def test_a_removed_approver_counts_no_more_until_they_approve_anew(home, tmp_path):
    both_approve(home, tmp_path)
    assert state(home).approved
    remove(home, "bert")
    assert state(home).by == ("ada",)
    with pytest.raises(NotApprovedError, match="bert was removed since"):
        close_royalties(home, OCTOBER)
    with pytest.raises(ApprovalRefusedError, match="bert is no approver"):
        remove(home, "bert")
    enrol(home, "bert", tmp_path / "bert.pub.pem")
    assert state(home).by == ("ada",)
    approve(home, OCTOBER, "bert", key(tmp_path, "bert"), YES, "")
    assert state(home).approved


def test_a_rejection_needs_a_reason_and_blocks_until_approved_anew(home, tmp_path):
    both_approve(home, tmp_path)
    with pytest.raises(ApprovalRefusedError, match="needs its reason"):
        approve(home, OCTOBER, "ada", key(tmp_path, "ada"), NO, " ")
    first = approve(home, OCTOBER, "ada", key(tmp_path, "ada"), NO, "work A is disputed")
    assert approve(home, OCTOBER, "ada", key(tmp_path, "ada"), NO, "work A is disputed") == first
    with pytest.raises(NotApprovedError, match="work A is disputed"):
        close_royalties(home, OCTOBER)
    with home.session() as session:  # the earlier approval, once more, by who has the key of the home
        body = session.scalars(select(Record.body).where(Record.kind == APPROVAL)).first()
    slip_in(home, OCTOBER, body.encode())
    assert state(home).by == ()
    both_approve(home, tmp_path)
    assert close_royalties(home, OCTOBER).period == "2026-10"


def test_a_restatement_makes_an_approval_one_of_an_earlier_state(home, tmp_path):
    both_approve(home, tmp_path)
    close_royalties(home, OCTOBER)
    with home.session() as session, session.begin():
        bring_in(session, tmp_path, [a_line(800, used_on="2026-11-03")], "november.csv")
        run(session, period=NOVEMBER)
    both_approve(home, tmp_path, NOVEMBER)
    assert state(home, NOVEMBER).approved
    with home.session() as session, session.begin():
        bring_in(session, tmp_path, [a_line(801)], "late.csv")
        restate_october(session)
    with pytest.raises(NotApprovedError, match="of an earlier state"):
        close_royalties(home, NOVEMBER)
    both_approve(home, tmp_path, NOVEMBER)
    close_royalties(home, NOVEMBER)
    with home.session() as session:
        assert audit_closings(session, home.key.public) == []
        assert audit_records(session, home.key.public) == []


def test_what_was_closed_can_be_checked_later_and_takes_no_more_approvals(home, tmp_path):
    both_approve(home, tmp_path)
    closing = close_royalties(home, OCTOBER)
    remove(home, "ada")
    assert state(home).approved, "they might when it was closed"
    with pytest.raises(ApprovalRefusedError, match="is closed"):
        approve(home, OCTOBER, "bert", key(tmp_path, "bert"), NO, "too late")
    assert close_royalties(home, OCTOBER) == closing, "again changes nothing"
    with home.session() as session:
        assert len(session.scalars(select(Record).where(Record.kind == "closing")).all()) == 1
        assert check_approved(session, home.key.public, OCTOBER).closed


def test_a_key_that_others_can_read_is_not_used(home, tmp_path):
    key(tmp_path, "ada").chmod(0o644)
    with pytest.raises(KeyFileError, match="others may have read it"):
        approve(home, OCTOBER, "ada", key(tmp_path, "ada"), YES, "")
    with pytest.raises(KeyFileError, match="cannot be read"):
        approve(home, OCTOBER, "ada", tmp_path / "none.pem", YES, "")
    (tmp_path / "empty.pem").touch(mode=0o600)
    with pytest.raises(KeyFileError, match="no private key"):
        approve(home, OCTOBER, "ada", tmp_path / "empty.pem", YES, "")
    with pytest.raises(NotFoundError, match="was not distributed"):
        approve(home, NOVEMBER, "bert", key(tmp_path, "bert"), YES, "")


def _without_triggers(session):
    names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    for name in names:
        session.execute(text(f"DROP TRIGGER {name}"))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE period_close SET ledger_sequence = ledger_sequence - 1", "CLOSING_CHANGED"),
        ("UPDATE period_close SET closed_at = '2020-01-01 00:00:00.000000'", "CLOSING_CHANGED"),
        ("UPDATE distribution_run SET digest = 'x'", "APPROVED_OTHERWISE"),
        ("UPDATE distribution_run SET allocated_minor = allocated_minor + 1, "
         "suspense_minor = suspense_minor - 1", "APPROVED_OTHERWISE"),
        ("DELETE FROM period_close", "CLOSING_MISSING"),
    ],
)  # fmt: skip
def test_the_doctor_sees_a_closing_that_was_changed(home, tmp_path, statement, code):
    both_approve(home, tmp_path)
    close_royalties(home, OCTOBER)
    with home.session() as session:
        assert audit_closings(session, home.key.public) == []
        _without_triggers(session)
        session.execute(text(statement))
        assert code in {finding.code for finding in audit_closings(session, home.key.public)}
        session.rollback()


def test_the_doctor_sees_a_closing_that_nobody_wrote_down_or_approved(home, tmp_path):
    with home.session() as session:
        closing = PeriodClose(period="2026-10", ledger_sequence=1, ledger_digest="0" * 64, closed_at=NOW)
        session.add(closing)
        session.flush()
        assert [finding.code for finding in audit_closings(session, home.key.public)] == [
            "CLOSING_UNRECORDED"
        ]
        body = {"type": "contrafact.closing/1", "period": "2026-10"}
        append(session, home.key, kind="closing", subject_id="2026-10", body=body, recorded_at=NOW)
        codes = {finding.code for finding in audit_closings(session, home.key.public)}
        assert codes == {"CLOSING_CHANGED", "APPROVED_OTHERWISE", "CLOSED_UNAPPROVED"}
        session.rollback()


def test_the_commands_enrol_approve_list_and_refuse(tmp_path, monkeypatch, capsys):
    settings = load_settings(tmp_path / "home", {})
    with open_home(settings, Access.WRITE) as made, made.session() as session, session.begin():
        bring_in(session, tmp_path, LINES)
        run(session)

    def command(*words, plain=False):
        told = ["royalties", *words, *([] if plain else ["--json"])]
        code, out = call(monkeypatch, capsys, tmp_path, told)
        return code, out if plain else json.loads(out)

    month = ("--period", "2026-10")
    code, found = command("approvals", *month)
    assert (code, found["approved"], found["approved_by"]) == (1, False, [])
    assert "2 people must approve" in command("approvals", *month, plain=True)[1]
    code, refused = command("close", *month)
    assert (code, refused["error"]["kind"]) == (1, "NotApprovedError")
    two_approve(command, tmp_path, "2026-10")
    two_approve(command, tmp_path, "2026-10")
    code, listed = command("approvers", "list")
    assert (code, [each["name"] for each in listed["approvers"]]) == (0, list(PEOPLE))
    assert PEOPLE[0] in command("approvers", "list", plain=True)[1]
    code, found = command("approvals", *month)
    assert (code, found["approved_by"], len(found["approvals"])) == (0, list(PEOPLE), 2)
    words = ("approve", *month, "--as", PEOPLE[0], "--key", str(tmp_path / "approver-0.pem"))
    code, said = command(*words, "--reject", "--why", "wrong share", plain=True)
    assert code == 0 and f"{PEOPLE[0]}: reject 2026-10" in said
    code, said = command("approvals", *month, plain=True)
    assert code == 1 and said.count("does not count") == 2 and "wrong share" in said
    assert command("close", *month)[0] == 1
    two_approve(command, tmp_path, "2026-10")
    assert command("close", *month)[0] == 0
    assert command("approvers", "remove", PEOPLE[1])[1]["name"] == PEOPLE[1]
    assert command("approvers", "remove", PEOPLE[1])[0] == 1
    assert command("approvals", *month)[0] == 0
    _, said = call(monkeypatch, capsys, tmp_path, ["doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(said)["checks"]}
    assert checks["closings"]["ok"]
