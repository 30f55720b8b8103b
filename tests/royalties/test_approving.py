"""Do exactly two people with two keys make a month final, and nothing that only looks like it?"""

import hashlib
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from royalties.approving import (
    Decision,
    Enrolment,
    Signed,
    approvable,
    approvers_of,
    enrolment_fault,
    judge,
    subject_of,
)
from royalties.digests import canonical_json
from royalties.errors import NotFoundError
from royalties.policy import parse_policy
from royalties.tables import DistributionRun
from tests.royalties.builders import NOVEMBER, OCTOBER, a_line, bring_in, close, policy_text, restated, run

ENROLLED = [
    Enrolment(1, "Ada", "k1", True),
    Enrolment(2, "Bert", "k2", True),
    Enrolment(3, "Cleo", "k3", True),
]


def says(sequence, name, key, decision=Decision.APPROVE, **changes):
    fields = {"period": "2026-10", "subject": "s", "why": "", "signed_at": "", "fault": ""} | changes
    return Signed(sequence, name, key, decision, **fields)


def verdict(*signed, enrolled=ENROLLED):
    return judge("2026-10", "s", signed, enrolled)


@pytest.mark.parametrize(
    ("second", "because"),
    [
        (says(11, "Ada", "k1"), "already"),
        (says(11, "ADA ", "k1"), "already"),
        (says(11, "Bert", "k1"), "no approver with this key"),
        (says(11, "Ada", "k2"), "no approver with this key"),
        (says(11, "Dora", "k4"), "no approver with this key"),
        (says(11, "Bert", "k2", subject="other"), "earlier state"),
        (says(11, "Bert", "k2", fault="the signature is not that of the key"), "signature"),
    ],
)
def test_what_only_looks_like_a_second_approval_does_not_count(second, because):
    found = verdict(says(10, "Ada", "k1"), second)
    assert (found.approved, found.by) == (False, ("Ada",))
    assert because in found.judged[1].because and not found.judged[1].counts
    assert "1 more person" in found.missing


def test_an_approval_of_another_period_is_none_of_this_one():
    found = verdict(says(10, "Ada", "k1"), says(11, "Bert", "k2", period="2026-09"))
    assert (found.approved, len(found.judged)) == (False, 1)


def test_one_key_under_two_names_counts_once_even_where_both_were_enrolled():
    enrolled = [*ENROLLED, Enrolment(4, "Twin", "k1", True)]
    found = verdict(says(10, "Ada", "k1"), says(11, "Twin", "k1"), enrolled=enrolled)
    assert found.by == ("Ada",) and not found.approved


def test_one_person_with_a_key_after_the_other_counts_once():
    enrolled = [*ENROLLED, Enrolment(11, "Ada", "k1", False), Enrolment(12, "Ada", "k9", True)]
    found = verdict(says(10, "Ada", "k1"), says(13, "Ada", "k9"), enrolled=enrolled)
    assert found.by == ("Ada",) and not found.approved


def test_who_was_enrolled_after_signing_or_removed_since_does_not_count():
    late = [*ENROLLED, Enrolment(12, "Dora", "k4", True)]
    assert not verdict(says(10, "Ada", "k1"), says(11, "Dora", "k4"), enrolled=late).approved
    removed = [*ENROLLED, Enrolment(12, "Bert", "k2", False)]
    both = says(10, "Ada", "k1"), says(11, "Bert", "k2")
    assert verdict(*both).approved
    found = verdict(*both, enrolled=removed)
    assert not found.approved and "removed since" in found.judged[1].because
    back = [*removed, Enrolment(13, "Bert", "k2", True)]
    assert not verdict(*both, enrolled=back).approved, "who comes back approves anew"


def test_a_rejection_blocks_until_two_approve_anew():
    both = [says(10, "Ada", "k1"), says(11, "Bert", "k2")]
    no = says(12, "Cleo", "k3", Decision.REJECT, why="share of work A is wrong", subject="earlier")
    found = verdict(*both, no)
    assert not found.approved and found.by == ()
    assert "Cleo rejected it" in found.missing and "share of work A" in found.judged[0].because
    assert not verdict(*both, no, says(13, "Ada", "k1")).approved
    again = verdict(*both, no, says(13, "Ada", "k1"), says(14, "Bert", "k2"))
    assert (again.approved, again.by, again.missing) == (True, ("Ada", "Bert"), "")


def test_a_rejection_stands_although_its_person_was_removed_but_not_that_of_a_stranger():
    both = [says(10, "Ada", "k1"), says(11, "Bert", "k2")]
    no = says(12, "Cleo", "k3", Decision.REJECT, why="no")
    assert not verdict(*both, no, enrolled=[*ENROLLED, Enrolment(13, "Cleo", "k3", False)]).approved
    stranger = says(12, "Dora", "k4", Decision.REJECT, why="no")
    assert verdict(*both, stranger).approved
    forged = says(12, "Cleo", "k3", Decision.REJECT, why="no", fault="bad signature")
    assert verdict(*both, forged).approved


def test_two_people_with_two_keys_approve():
    found = verdict(says(10, "Ada", "k1"), says(11, "Bert", "k2"))
    assert (found.approved, found.by, found.missing) == (True, ("Ada", "Bert"), "")
    assert all(each.counts for each in found.judged)


def test_a_key_stays_with_its_person():
    assert "is that of Ada" in enrolment_fault(ENROLLED, "Dora", "k1")
    gone = [*ENROLLED, Enrolment(9, "Ada", "k1", False)]
    assert "is that of Ada" in enrolment_fault(gone, "Dora", "k1")
    assert "remove them first" in enrolment_fault(ENROLLED, "ada", "k9")
    assert "is no name" in enrolment_fault(ENROLLED, " ", "k9")
    assert "is no name" in enrolment_fault(ENROLLED, "a\x1bb", "k9")
    assert enrolment_fault(gone, "Ada", "k9") is None
    assert enrolment_fault(ENROLLED, "Dora", "k4") is None
    assert [each.name for each in approvers_of(gone)] == ["Bert", "Cleo"]


PEOPLE = [("Ada", "k1"), ("Bert", "k2"), ("Cleo", "k3"), ("Ada", "k2"), ("Dora", "k4")]
SAYINGS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(list(Decision)), st.sampled_from(["s", "t"])),
    max_size=8,
)


@given(SAYINGS)
def test_the_rule_is_the_one_in_words(sayings):
    """Slow and obvious: after the last true rejection, how many rightful people approved this state?"""
    signed = [
        says(10 + n, name, key, decision, subject=subject)
        for n, ((name, key), decision, subject) in enumerate(sayings)
    ]
    rightful = {("Ada", "k1"), ("Bert", "k2"), ("Cleo", "k3")}
    after = []
    for (name, key), decision, subject in sayings:
        if (name, key) in rightful:
            after = [] if decision is Decision.REJECT else [*after, (name, subject)]
    expected = {name for name, subject in after if subject == "s"}
    found = verdict(*signed)
    assert set(found.by) == expected
    assert found.approved == (len(expected) >= 2) == (found.missing == "")
    for order in list(permutations(signed))[:6]:
        assert verdict(*order) == found, "the numbers of the records are the order"


def test_what_is_approved_names_run_totals_policy_and_restatements(session, posted):
    value = approvable(session, OCTOBER)
    stored = session.get(DistributionRun, posted.run)
    assert (value["run"], value["run_digest"], value["restatements"]) == (posted.run, posted.digest, [])
    assert value["policy"] == hashlib.sha256(stored.policy_source.encode()).hexdigest()
    assert value["pool_minor"] == str(posted.pool_minor)
    assert subject_of(value) == hashlib.sha256(canonical_json(value)).hexdigest()
    for name in value:
        assert subject_of(value | {name: "other"}) != subject_of(value), name


def test_a_restatement_posted_in_the_month_makes_it_another_state(session, tmp_path, corrected):
    bring_in(session, tmp_path, [a_line(952, used_on="2026-11-02")], "november.csv")
    run(session, period=NOVEMBER)
    before = approvable(session, NOVEMBER)
    assert [each["id"] for each in before["restatements"]] == [corrected.restatement]
    policy, _ = parse_policy(policy_text(pool_rate_ppm=310_000).encode())
    again = restated(session, policy=policy)
    after = approvable(session, NOVEMBER)
    assert subject_of(after) != subject_of(before)
    assert after["restatements"][1]["id"] == again.restatement
    assert after["restatements"][1]["policy"] == policy.digest
    close(session, NOVEMBER)
    assert approvable(session, NOVEMBER) == after, "closing changes nothing of it"


def test_a_month_that_was_not_run_has_nothing_to_approve(session):
    with pytest.raises(NotFoundError):
        approvable(session, OCTOBER)
