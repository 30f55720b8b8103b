"""What did the bank say became of an order?

Its answer is ISO 20022 pain.002. Every version has the elements that are read here: the original message, and
for all, for a group or for one transfer a status with a reason. XML is read without document type or entity.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from xml.etree.ElementTree import Element

from catalog.findings import Finding, Severity
from catalog.xml import UnreadableXmlError, local_name, parse_xml

_NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:pain\.002\.001\.\d\d\}Document")


class Outcome(StrEnum):
    """What an answer means for the money."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"


OUTCOMES: Mapping[str, Outcome] = {
    **dict.fromkeys(("ACTC", "ACCP", "ACSP", "ACSC", "ACCC", "ACFC", "ACWC", "ACWP"), Outcome.ACCEPTED),
    **dict.fromkeys(("RCVD", "PDNG", "PATC", "ACPD"), Outcome.PENDING),
    **dict.fromkeys(("RJCT", "CANC", "BLCK"), Outcome.REJECTED),
}
"""What each status code means. Source: ISO 20022 external code set, payment transaction status."""

_PARTLY = "PART"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one transfer, or (without an id) of all that nothing more is said of."""

    end_to_end_id: str
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A bank's answer to the order `message_id`."""

    message_id: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one transfer of an order."""

    end_to_end_id: str
    outcome: Outcome
    status: str
    reason: str


def read_status(data: bytes, *, where: str = "status file") -> tuple[StatusReport | None, list[Finding]]:
    """The answer in a pain.002 message, or None and why it is none."""
    try:
        root = parse_xml(data)
    except UnreadableXmlError as error:
        return None, [Finding("UNREADABLE_XML", where, str(error))]
    if not _NAMESPACE.fullmatch(root.tag):
        return None, [
            Finding("NO_PAIN_002", where, f"the root is {root.tag}; expected a pain.002.001 Document")
        ]
    group = _first(root, "CstmrPmtStsRpt", "OrgnlGrpInfAndSts")
    message_id = "" if group is None else _said(group, "OrgnlMsgId")
    if group is None or not message_id:
        return None, [Finding("NO_ORIGINAL", where, "names no original message (OrgnlMsgId)")]
    report = _first(root, "CstmrPmtStsRpt")
    assert report is not None, "the group is within the report"
    return StatusReport(message_id, tuple(_answers(report, group))), []


def settle(report: StatusReport, ids: Iterable[str], *, where: str) -> tuple[list[Settled], list[Finding]]:
    """What became of each transfer of the order, and what the answer leaves open or says of others."""
    wanted = sorted(set(ids))
    said = {answer.end_to_end_id: answer for answer in report.answers}
    findings = [
        Finding("UNKNOWN_TRANSFER", where, f"{name} is no transfer of {report.message_id}")
        for name in sorted(set(said) - set(wanted) - {""})
    ]
    settled = []
    for name in wanted:
        answer = said.get(name, said.get("", Answer("", _PARTLY)))
        outcome = OUTCOMES.get(answer.status)
        if outcome is not None:
            settled.append(Settled(name, outcome, answer.status, answer.reason))
        elif answer.status == _PARTLY:
            findings.append(Finding("NO_ANSWER", where, f"says nothing of {name}", Severity.WARNING))
        else:
            message = f"{name} has the status {answer.status!r}, which is none of {', '.join(OUTCOMES)}"
            findings.append(Finding("UNKNOWN_STATUS", where, message))
    return settled, findings


def _answers(report: Element, group: Element) -> Iterator[Answer]:
    """The answers from the widest to the closest, so that the last one on a transfer counts."""
    if _said(group, "GrpSts"):
        yield Answer("", _said(group, "GrpSts"), _reason(group))
    for payment in _all(report, "OrgnlPmtInfAndSts"):
        if _said(payment, "PmtInfSts"):
            yield Answer("", _said(payment, "PmtInfSts"), _reason(payment))
        for transfer in _all(payment, "TxInfAndSts"):
            yield Answer(_said(transfer, "OrgnlEndToEndId"), _said(transfer, "TxSts"), _reason(transfer))


def _reason(element: Element) -> str:
    """The codes and words of the reasons that stand by a status."""
    words = []
    for information in _all(element, "StsRsnInf"):
        reason = _first(information, "Rsn")
        if reason is not None:
            words.append(_said(reason, "Cd") or _said(reason, "Prtry"))
        words += [text.text or "" for text in _all(information, "AddtlInf")]
    return " ".join(filter(None, (" ".join(word.split()) for word in words)))


def _all(parent: Element, name: str) -> list[Element]:
    return [child for child in parent if local_name(child) == name]


def _first(parent: Element, *names: str) -> Element | None:
    found: Element | None = parent
    for name in names:
        found = next(iter(_all(found, name)), None) if found is not None else None
    return found


def _said(parent: Element, name: str) -> str:
    child = _first(parent, name)
    return (child.text or "").strip() if child is not None else ""
