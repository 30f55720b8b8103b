"""Are orders exact, valid and repeatable, and is a bank's answer read for what it says and no more?"""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.findings import Severity
from royalties.errors import PaymentRefusedError
from royalties.payments import Due, make_order
from royalties.payments_bank import BankData, load_bank_data, parse_bank_data
from royalties.payments_status import Outcome, read_status, settle
from royalties.payments_xml import NAMESPACE, render_order, schema_findings
from tests.royalties.builders import OCTOBER

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
IBANS = ("DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606")
BANK_TEXT = f"""
[debtor]
name = "Example Provider AB"
iban = "SE45 5000 0000 0583 9825 7466"
bic = "DEUTDEFF"
[[payees]]
party = "party_1"
name = "Ada Example"
iban = "{IBANS[0]}"
[[payees]]
party = "party_2"
name = "Bert & Söhne <GmbH>"
iban = "{IBANS[1]}"
bic = "NWBKGB2L"
"""


def bank_data(text=BANK_TEXT):
    bank, _ = parse_bank_data(text)
    assert isinstance(bank, BankData)
    return bank


DUES = (Due("party_2", "cd" * 32, 70), Due("party_1", "ab" * 32, 1_000_01))


def an_order(dues=DUES, **changes):
    fields = {"period": OCTOBER, "currency": "EUR", "created_at": AT, "execute_on": date(2026, 11, 16)}
    return make_order(list(dues), bank_data(), **(fields | changes))


def found(data, name):
    return [element.text for element in fromstring(data).iter(f"{{{NAMESPACE}}}{name}")]


def a_status(group="", payment="", transfers=(), message="pay_1", version="10", extra=""):
    items = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>{status}</TxSts>{reason}</TxInfAndSts>"
        for name, status, reason in transfers
    )
    return (
        f'{extra}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>B1</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId>{group}"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>p</OrgnlPmtInfId>{payment}{items}"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


REASON = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>account closed</AddtlInf></StsRsnInf>"


def test_an_order_has_the_exact_amounts_their_number_and_their_sum():
    order, findings = an_order()
    data = render_order(order)
    assert findings == []
    assert found(data, "InstdAmt") == ["1000.01", "0.70"]
    assert found(data, "CtrlSum") == ["1000.71", "1000.71"]
    assert found(data, "NbOfTxs") == ["2", "2"]
    assert found(data, "IBAN") == ["SE4550000000058398257466", *IBANS[:2]]
    assert found(data, "Nm")[-1] == "Bert & Söhne <GmbH>"
    assert schema_findings(data) == []


def test_the_schema_is_that_of_iso_and_refuses_what_breaks_it():
    data = render_order(an_order()[0])
    for before, after in (
        (b"<PmtMtd>TRF", b"<PmtMtd>XXX"),
        (b"1000.01<", b"1000.0000001<"),
        (b"IBAN>", b"IBAM>"),
    ):
        assert schema_findings(data.replace(before, after)) != []


def test_the_same_balances_and_bank_data_give_the_same_bytes_in_any_order():
    dues = [Due("party_1", "ab" * 32, 500), Due("party_2", "cd" * 32, 70)]
    assert render_order(an_order(dues)[0]) == render_order(an_order(dues[::-1])[0])


def test_another_amount_or_account_or_day_is_another_message():
    order, _ = an_order()
    others = [
        an_order([Due("party_1", "ab" * 32, 501)])[0],
        an_order(execute_on=date(2026, 11, 17))[0],
        make_order(
            DUES,
            replace(bank_data(), debtor=bank_data().payees["party_1"]),
            period=OCTOBER, currency="EUR", created_at=AT, execute_on=date(2026, 11, 16),
        )[0],
    ]  # fmt: skip
    assert len({order.message_id, *(other.message_id for other in others)}) == 4


def test_a_payee_without_bank_data_is_named_with_the_amount_that_stays():
    order, findings = an_order([Due("party_1", "ab" * 32, 500), Due("party_9", "ef" * 32, 4200)])
    assert [transfer.payee for transfer in order.transfers] == ["party_1"]
    assert [(finding.code, finding.where) for finding in findings] == [
        ("MISSING_PAYEE_DATA", "payee party_9")
    ]
    assert "42.00 EUR stay on the account" in findings[0].message


@settings(deadline=None)  # the first case reads the schema
@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=2), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_amounts_of_any_currency_pass_the_schema_and_sum_exactly(amounts, currency):
    dues = [Due(f"party_{n}", "ab" * 32, minor) for n, minor in enumerate(amounts, start=1)]
    data = render_order(an_order(dues, currency=currency)[0])
    assert sum(map(Decimal, found(data, "InstdAmt"))) == Decimal(found(data, "CtrlSum")[0])


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (IBANS[0], "DE88370400440532013000", "BAD_IBAN"),
        (IBANS[0], "", "BAD_IBAN"),
        ("NWBKGB2L", "NWBKXX2L0", "BAD_BIC"),
        ('party = "party_2"', 'party = "party_1"', "PAYEE_TWICE"),
        ('party = "party_2"', "", "MISSING_FIELD"),
        ('name = "Ada Example"', "name = 7", "BAD_NAME"),
        ('name = "Ada Example"', f'name = "{"x" * 71}"', "BAD_NAME"),
        ('name = "Ada Example"', 'name = "A\\u0007"', "BAD_NAME"),
    ],
)
def test_a_faulty_entry_is_named_and_left_out(before, after, code):
    bank, findings = parse_bank_data(BANK_TEXT.replace(before, after))
    assert code in [finding.code for finding in findings if finding.severity is Severity.ERROR]
    assert len(bank.payees) < 2


def test_names_that_a_bank_may_refuse_are_remarked_on():
    _, findings = parse_bank_data(BANK_TEXT)
    assert [(finding.code, finding.severity) for finding in findings] == [
        ("NAME_NOT_LATIN", Severity.WARNING)
    ]


@pytest.mark.parametrize(
    "text",
    ["", "= nonsense", "debtor = 3", BANK_TEXT.replace("SE45", "SE44"), "payees = 1\n" + BANK_TEXT[:120]],
)
def test_without_a_usable_debtor_nothing_is_ordered(text, tmp_path):
    path = tmp_path / "bank.toml"
    path.write_text(text)
    with pytest.raises(PaymentRefusedError) as refused:
        load_bank_data(path)
    assert refused.value.findings
    with pytest.raises(PaymentRefusedError):
        load_bank_data(tmp_path / "none.toml")


def test_each_transfer_has_its_own_answer_with_the_reason():
    data = a_status(
        "<GrpSts>PART</GrpSts>", "", [("a", "ACCP", ""), ("b", "RJCT", REASON), ("c", "PDNG", "")]
    )
    report, findings = read_status(data)
    assert findings == []
    settled, findings = settle(report, ["a", "b", "c"], where="f")
    assert findings == []
    assert [(s.end_to_end_id, s.outcome, s.reason) for s in settled] == [
        ("a", Outcome.ACCEPTED, ""),
        ("b", Outcome.REJECTED, "AC04 account closed"),
        ("c", Outcome.PENDING, ""),
    ]


@pytest.mark.parametrize("version", ["03", "10", "14"])
@pytest.mark.parametrize(("group", "outcome"), [("RJCT", Outcome.REJECTED), ("ACCP", Outcome.ACCEPTED)])
def test_what_is_said_of_the_whole_order_holds_for_each_transfer(version, group, outcome):
    report, _ = read_status(a_status(f"<GrpSts>{group}</GrpSts>", version=version))
    settled, findings = settle(report, ["a", "b"], where="f")
    assert [each.outcome for each in settled] == [outcome, outcome]
    assert findings == []


def test_silence_unknown_codes_and_strange_transfers_are_findings_and_settle_nothing():
    transfers = [("b", "HUHU", ""), ("z", "ACCP", "")]
    report, _ = read_status(a_status("<GrpSts>PART</GrpSts>", "", transfers))
    settled, findings = settle(report, ["a", "b"], where="f")
    assert settled == []
    assert [finding.code for finding in findings] == ["UNKNOWN_TRANSFER", "NO_ANSWER", "UNKNOWN_STATUS"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "UNREADABLE_XML"),
        (b"<a", "UNREADABLE_XML"),
        (
            a_status(extra='<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>', message="&e;"),
            "UNREADABLE_XML",
        ),
        (b"<Document/>", "NO_PAIN_002"),
        (render_order(an_order()[0]), "NO_PAIN_002"),
        (a_status(message=""), "NO_ORIGINAL"),
    ],
    ids=["empty", "cut", "entity", "no-namespace", "an-order", "no-original"],
)
def test_what_is_no_answer_is_refused_with_the_reason(data, code):
    report, findings = read_status(data)
    assert report is None
    assert [finding.code for finding in findings] == [code]
