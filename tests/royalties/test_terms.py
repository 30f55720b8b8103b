"""Are payees' terms read for what they say, with every fault named, and kept as they were?"""

import pytest
from sqlalchemy import func, select

from royalties.errors import TermsRefusedError
from royalties.recorded_terms import newest_terms, record_terms, terms_by_id
from royalties.tables import PayeeTermsRow
from royalties.terms import (
    Hold,
    IncomeRule,
    PayeeData,
    Terms,
    load_terms,
    parse_terms,
    terms_from,
    terms_json,
)
from tests.royalties.builders import NOW

WHOLE = """
version = "2026-1"
currency = "EUR"

[[payees]]
party = "party_1"
contract = "C-2025-17"
cross_collateral = "example-house"
not_recoupable = [{pot = "training"}, {right = "performing"}]
reserve_ppm = 100000
release_after_periods = 3
residence = "US"
withholding_ppm = 300000
withholding_basis = "example treaty, article 12"
certificate = "CERT-9"
threshold_minor = 5000
pay_out_after_periods = 6
hold = "sanctions"
held_by = "compliance"
held_on = 2026-11-03
payee_data = "missing"

[[payees]]
party = "party_2"
"""


def test_a_file_says_everything_that_an_account_needs():
    file, findings = parse_terms(WHOLE.encode())
    assert findings == []
    assert file.terms == (
        Terms(
            "party_1", "EUR", "2026-1", "C-2025-17", "example-house",
            (IncomeRule("training"), IncomeRule(right="performing")), 100_000, 3, "US", 300_000,
            "example treaty, article 12", "CERT-9", 5_000, 6, Hold.SANCTIONS, "compliance", "2026-11-03",
            PayeeData.MISSING,
        ),
        Terms("party_2", "EUR", "2026-1"),
    )  # fmt: skip
    assert [terms_from(terms_json(terms)) for terms in file.terms] == list(file.terms)


@pytest.mark.parametrize(
    ("before", "after", "codes"),
    [
        ('version = "2026-1"\n', "", ["MISSING_FIELD"]),
        ('currency = "EUR"', 'currency = "XXX"', ["WRONG_VALUE"]),
        ('party = "party_2"', 'party = "party_1"', ["PAYEE_TWICE"]),
        ('party = "party_2"', "", ["MISSING_FIELD"]),
        ("reserve_ppm = 100000", "reserve_ppm = 0.1", ["WRONG_VALUE"]),
        ("reserve_ppm = 100000", "reserve_ppm = true", ["WRONG_VALUE"]),
        ("release_after_periods = 3\n", "", ["MISSING_FIELD"]),
        ('residence = "US"\n', "", ["MISSING_FIELD"]),
        ('residence = "US"', 'residence = "XX"', ["WRONG_VALUE"]),
        ('withholding_basis = "example treaty, article 12"\n', "", ["MISSING_FIELD"]),
        ('hold = "sanctions"', 'hold = "mood"', ["WRONG_VALUE"]),
        ('held_by = "compliance"\nheld_on = 2026-11-03\n', "", ["MISSING_FIELD", "MISSING_FIELD"]),
        ("held_on = 2026-11-03", 'held_on = "2026-11-03"', ["WRONG_VALUE"]),
        ('{pot = "training"}', "{}", ["WRONG_VALUE"]),
        ('{pot = "training"}', '{place = "DE"}', ["UNKNOWN_FIELD"]),
        ('payee_data = "missing"', 'payee_data = "some"\nthreshold = 3', ["UNKNOWN_FIELD", "WRONG_VALUE"]),
    ],
)
def test_every_fault_is_named_and_nothing_is_taken(before, after, codes):
    assert before in WHOLE
    file, findings = parse_terms(WHOLE.replace(before, after).encode())
    assert (file, [finding.code for finding in findings]) == (None, codes)


def test_what_is_no_terms_at_all_is_refused(tmp_path):
    for text in ("", "payees = 3", 'version = "1"\ncurrency = "EUR"\npayees = [1]', "= x"):
        assert parse_terms(text.encode())[0] is None, text
    assert parse_terms(b"\xff")[0] is None
    with pytest.raises(TermsRefusedError, match="cannot be read"):
        load_terms(tmp_path / "none.toml")


def test_the_newest_terms_count_and_the_old_ones_stay(session):
    file, _ = parse_terms(WHOLE.encode())
    first = record_terms(session, file, recorded_at=NOW)
    assert record_terms(session, file, recorded_at=NOW) == [], "the same terms again are no news"
    changed, _ = parse_terms(WHOLE.replace("reserve_ppm = 100000", "reserve_ppm = 5").encode())
    [second] = record_terms(session, changed, recorded_at=NOW)
    assert (second.number, newest_terms(session)["party_1"].terms.reserve_ppm) == (2, 5)
    assert terms_by_id(session, first[0].id).reserve_ppm == 100_000
    record_terms(session, file, recorded_at=NOW)
    assert newest_terms(session, ["party_1"])["party_1"].terms.reserve_ppm == 100_000, "back again"
    assert session.scalar(select(func.count()).select_from(PayeeTermsRow)) == 4
