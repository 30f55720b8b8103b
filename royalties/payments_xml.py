"""How is a payment order spelled for a bank?

As ISO 20022 pain.001.001.09, customer credit transfer initiation, and checked against the schema of ISO that
the sepaxml library ships. The same order gives the same bytes.
"""

from functools import cache
from importlib.resources import files
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from xmlschema import XMLSchema10

from catalog.findings import Finding
from royalties.errors import PaymentRefusedError
from royalties.money import format_minor
from royalties.payments import PaymentOrder, Transfer
from royalties.payments_bank import Account

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"


def render_order(order: PaymentOrder) -> bytes:
    """The order as a pain.001.001.09 message, valid by its schema.

    Raises:
        PaymentRefusedError: the message breaks the schema; every place is listed.

    Source: ISO 20022, Payments Initiation 2019, CustomerCreditTransferInitiationV09.
    """
    document = Element("Document", {"xmlns": NAMESPACE})
    message = SubElement(document, "CstmrCdtTrfInitn")
    header = SubElement(message, "GrpHdr")
    _text(header, "MsgId", order.message_id)
    _text(header, "CreDtTm", order.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _text(header, "NbOfTxs", str(len(order.transfers)))
    _text(header, "CtrlSum", format_minor(order.total_minor, order.currency))
    _text(SubElement(header, "InitgPty"), "Nm", order.debtor.name)
    _payment(message, order)
    indent(document, space=" ")
    data: bytes = tostring(document, encoding="utf-8", xml_declaration=True)
    findings = schema_findings(data)
    if findings:
        raise PaymentRefusedError(order.message_id, findings)
    return data


def schema_findings(data: bytes) -> list[Finding]:
    """Where a pain.001.001.09 message breaks the schema."""
    return [
        Finding("SCHEMA", str(error.path), str(error.reason))
        for error in _schema().iter_errors(data.decode("utf-8"))
    ]


def _payment(message: Element, order: PaymentOrder) -> None:
    payment = SubElement(message, "PmtInf")
    _text(payment, "PmtInfId", order.message_id)
    _text(payment, "PmtMtd", "TRF")
    _text(payment, "NbOfTxs", str(len(order.transfers)))
    _text(payment, "CtrlSum", format_minor(order.total_minor, order.currency))
    is_sepa = order.currency == "EUR"
    if is_sepa:
        _text(SubElement(SubElement(payment, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _text(SubElement(payment, "ReqdExctnDt"), "Dt", order.execute_on.isoformat())
    _party(payment, "Dbtr", order.debtor)
    _agent(payment, "DbtrAgt", order.debtor)
    _text(payment, "ChrgBr", "SLEV" if is_sepa else "SHAR")
    for transfer in order.transfers:
        _transfer(payment, transfer, order)


def _transfer(payment: Element, transfer: Transfer, order: PaymentOrder) -> None:
    item = SubElement(payment, "CdtTrfTxInf")
    _text(SubElement(item, "PmtId"), "EndToEndId", transfer.end_to_end_id)
    amount = SubElement(SubElement(item, "Amt"), "InstdAmt", {"Ccy": order.currency})
    amount.text = format_minor(transfer.amount_minor, order.currency)
    if transfer.to.bic:
        _agent(item, "CdtrAgt", transfer.to)
    _party(item, "Cdtr", transfer.to)
    said = f"Royalties {order.period} statement {transfer.statement[:16]}"
    _text(SubElement(item, "RmtInf"), "Ustrd", said)


def _party(parent: Element, role: str, account: Account) -> None:
    _text(SubElement(parent, role), "Nm", account.name)
    _text(SubElement(SubElement(parent, f"{role}Acct"), "Id"), "IBAN", account.iban)


def _agent(parent: Element, role: str, account: Account) -> None:
    bank = SubElement(SubElement(parent, role), "FinInstnId")
    if account.bic:
        _text(bank, "BICFI", account.bic)
    else:
        _text(SubElement(bank, "Othr"), "Id", "NOTPROVIDED")


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


@cache
def _schema() -> XMLSchema10:
    path = files("sepaxml").joinpath("schemas", "pain.001.001.09.xsd")
    return XMLSchema10(path.read_text(encoding="utf-8"), allow="none", defuse="always")
