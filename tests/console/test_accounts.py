"""Do terms, advances and accounts come in, count and show, from the command line?"""

from console.home import Access, open_home
from console.settings import load_settings
from provenance.audit import audit_records
from provenance.tables import Record
from royalties.ledger import check_ledger
from tests.console.approving import two_approve
from tests.console.test_restating import OCTOBER, contrafact, usage  # noqa: F401 (fixtures)

TERMS = """
version = "1"
currency = "EUR"
[[payees]]
party = "party_1"
cross_collateral = "house"
"""


def test_terms_and_an_advance_are_recorded_posted_and_shown(contrafact, usage, tmp_path):  # noqa: F811
    path = tmp_path / "terms.toml"
    path.write_text(TERMS)
    code, told = contrafact("terms", str(path))
    assert (code, [each["number"] for each in told["terms"]]) == (0, [1])
    assert [finding["code"] for finding in told["findings"]] == ["UNKNOWN_PAYEE"]
    assert contrafact("terms", str(path))[1]["terms"] == []

    words = ("advance", "--payee", "party_1", "--amount", "1000.00", "--on", "2026-10-01")
    code, told = contrafact(*words)
    assert code == 1 and "--currency" in told["error"]["message"]
    for _ in range(2):
        code, told = contrafact(*words, "--currency", "EUR")
        assert (code, told["amount_minor"], told["outstanding_minor"]) == (0, 100_000, 100_000)
    assert told["period"] == "2026-10"
    code, told = contrafact(*words, "--currency", "EUR", "--cost")
    assert (told["kind"], told["outstanding_minor"]) == ("cost", 200_000)

    code, told = contrafact("account", "--payee", "party_1")
    assert told["balances"] == [{"account": "advance:party_1", "currency": "EUR", "amount_minor": -200_000}]
    assert told["terms"]["cross_collateral"] == "house"
    code, said = contrafact("account", "--payee", "party_1", plain=True)
    assert code == 0 and "-2000.00 EUR  advance:party_1" in said

    usage("october.csv", ("a", "2026-10-05", 10_000))
    contrafact("run", *OCTOBER, "--policy", "fifty_fifty")
    code, told = contrafact(*words, "--reference", "second")
    assert (code, told["currency"]) == (0, "EUR"), "the currency of the newest run"
    two_approve(contrafact, tmp_path, "2026-10")
    code, closed = contrafact("close", *OCTOBER)
    assert (code, closed["currency"], closed["payable_minor"]) == (0, "EUR", 0)
    with open_home(load_settings(tmp_path / "home", {}), Access.READ) as home, home.session() as session:
        assert check_ledger(session) == []
        assert audit_records(session, home.key.public) == []
        kinds = [record.kind for record in session.query(Record).order_by(Record.sequence)]
    assert kinds.count("payee-terms") == 1 and kinds.count("account-movement") == 3


def test_faulty_terms_and_amounts_are_refused(contrafact, tmp_path):  # noqa: F811
    path = tmp_path / "terms.toml"
    path.write_text(TERMS.replace("house", "\\n").replace("EUR", "EURO"))
    code, told = contrafact("terms", str(path))
    assert code == 1
    assert "currency" in told["error"]["message"] and "cross_collateral" in told["error"]["message"]
    for amount in ("0", "-1", "1.234", "much"):
        words = ("advance", "--payee", "p", f"--amount={amount}", "--on", "2026-10-01", "--currency", "EUR")
        assert contrafact(*words, plain=True)[0] == 2, amount
